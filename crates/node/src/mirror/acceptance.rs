use std::collections::{BTreeSet, HashMap, HashSet};

use alloy_primitives::Address;
use vouch_core::{AppId, ProgramId};

/// A release: the pair for which operators accept.
type Key = (AppId, ProgramId);

/// Who accepts which container program, told in the order of the chain's events.
#[derive(Clone, Debug, Default)]
pub struct Acceptances {
    accepters: HashMap<Key, BTreeSet<Address>>,
    /// Programs whose newest table has other accepters than there are now.
    changed: HashSet<Key>,
}

impl Acceptances {
    /// Anyone may say that they accept; only what a member says (`is_member`) makes a table old.
    pub fn hear(&mut self, release: Key, operator: Address, accepted: bool, is_member: bool) {
        let accepters = self.accepters.entry(release).or_default();
        let is_news = if accepted { accepters.insert(operator) } else { accepters.remove(&operator) };
        if is_news && is_member {
            self.changed.insert(release);
        }
    }

    /// A table of the program was made: it has everyone who accepted before.
    pub fn table_made(&mut self, release: Key) {
        self.changed.remove(&release);
    }

    /// An operator is a member of the app from now on; what it accepted before counts too.
    pub fn member_shown(&mut self, app: AppId, operator: Address) {
        let own = self.accepters.iter().filter(|((of, _), accepters)| *of == app && accepters.contains(&operator));
        self.changed.extend(own.map(|(release, _)| *release));
    }

    pub fn accepts(&self, release: Key, operator: Address) -> bool {
        self.accepters.get(&release).is_some_and(|accepters| accepters.contains(&operator))
    }

    pub fn is_changed(&self, release: Key) -> bool {
        self.changed.contains(&release)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    const RELEASE: Key = (AppId(B256::repeat_byte(1)), ProgramId(B256::repeat_byte(2)));
    const MEMBER: Address = Address::repeat_byte(3);
    const STRANGER: Address = Address::repeat_byte(4);

    #[test]
    fn a_word_that_is_taken_back_counts_no_more_and_makes_the_table_old() {
        let mut heard = Acceptances::default();
        heard.hear(RELEASE, MEMBER, true, true);
        assert!(heard.accepts(RELEASE, MEMBER) && heard.is_changed(RELEASE));
        heard.table_made(RELEASE);
        assert!(!heard.is_changed(RELEASE));
        heard.hear(RELEASE, MEMBER, true, true);
        assert!(!heard.is_changed(RELEASE), "said twice");
        heard.hear(RELEASE, MEMBER, false, true);
        assert!(!heard.accepts(RELEASE, MEMBER) && heard.is_changed(RELEASE));
    }

    #[test]
    fn an_acceptance_is_of_one_app_alone() {
        let mut heard = Acceptances::default();
        heard.hear(RELEASE, MEMBER, true, true);
        assert!(!heard.accepts((AppId(B256::repeat_byte(9)), RELEASE.1), MEMBER));
    }

    #[test]
    fn strangers_do_not_make_tables_old_until_they_are_members() {
        let mut heard = Acceptances::default();
        heard.hear(RELEASE, STRANGER, true, false);
        assert!(!heard.is_changed(RELEASE));
        heard.member_shown(AppId(B256::repeat_byte(9)), STRANGER);
        assert!(!heard.is_changed(RELEASE), "a member of another app");
        heard.member_shown(RELEASE.0, STRANGER);
        assert!(heard.is_changed(RELEASE));
    }
}
