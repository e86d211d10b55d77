//! A lane's forced inbox: requests that were put on chain, and what they bind a batch to.
//!
//! Rules (design section 4): a batch answers the entries right behind its parent's `inboxCursor`, in their order and byte
//! for byte; its own cursor is the parent's and as many more. While an entry is overdue (its deadline is before the batch's
//! referenceTimestamp) and not answered, a batch holds entries of the inbox alone: so the lane can reach one that is overdue
//! through any number of others, of any programs, and can do nothing else meanwhile.
//!
//! An executor that knows the table of a referenceTimestamp knows every entry that is overdue at it, for an entry's deadline
//! comes after its block: no view can be too old to see that an entry is passed over.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use vouch_core::{AppId, Batch, BatchHash, Origin, RequestId};

use super::LaneState;
use super::chain::ChainView;
use crate::wire::{Refusal, SignedRequest};

/// One entry.
#[derive(Clone, Debug)]
pub struct Submission {
    pub id: RequestId,
    /// Without a signature: the chain recorded who sent it.
    pub signed: Arc<SignedRequest>,
}

/// An entry does not come right behind the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {found} of the inbox does not follow on {last}")]
pub struct Gap {
    pub found: u64,
    pub last: u64,
}

/// The entries that no posted batch has answered, as of one finalized block.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    /// The registry's cursor: entries up to here are answered.
    posted: u64,
    /// The batch whose `inboxCursor` that is; zero if there is none.
    tip: BatchHash,
    entries: VecDeque<Submission>,
    places: HashMap<RequestId, u64>,
}

impl Inbox {
    /// An inbox whose entries up to `posted` are answered by `tip` and those before it.
    pub fn new(posted: u64, tip: BatchHash) -> Self {
        Self { posted, tip, ..Self::default() }
    }

    /// Puts the next entry at the end.
    pub fn push(&mut self, index: u64, signed: SignedRequest) -> Result<(), Gap> {
        let last = self.count();
        if last.checked_add(1) != Some(index) {
            return Err(Gap { found: index, last });
        }
        let id = signed.request.id();
        self.places.insert(id, index);
        self.entries.push_back(Submission { id, signed: Arc::new(signed) });
        Ok(())
    }

    /// `tip` was posted: forgets what is answered.
    pub fn posted(&mut self, cursor: u64, tip: BatchHash) {
        self.tip = tip;
        while self.posted < cursor {
            self.posted += 1;
            if let Some(answered) = self.entries.pop_front() {
                self.places.remove(&answered.id);
            }
        }
    }

    /// How many entries there have ever been; the index of the newest one.
    pub fn count(&self) -> u64 {
        self.posted + self.entries.len() as u64
    }

    /// An entry that is not answered by a posted batch. Entries count from 1.
    pub fn get(&self, index: u64) -> Option<&Submission> {
        let offset = index.checked_sub(self.posted)?.checked_sub(1)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// The entries behind `cursor`.
    pub fn after(&self, cursor: u64) -> impl Iterator<Item = &Submission> {
        let answered = usize::try_from(cursor.saturating_sub(self.posted)).unwrap_or(usize::MAX);
        self.entries.iter().skip(answered)
    }

    pub fn holds(&self, id: RequestId) -> bool {
        self.places.contains_key(&id)
    }

    /// The `inboxCursor` of a batch's parent. `parent`: its header, if that is known to be the one that the batch names.
    /// None while this view and the lane's are of different blocks.
    pub fn cursor_before(&self, parent_hash: BatchHash, parent: Option<&Batch>) -> Option<u64> {
        match parent.filter(|parent| parent.hash() == parent_hash) {
            Some(parent) => Some(parent.inbox_cursor),
            None => (self.tip == parent_hash).then_some(self.posted),
        }
    }

    /// Checks what a batch does with the inbox. `before`: the parent's cursor; `exchanges`: the batch's, in order.
    pub fn check(&self, header: &Batch, before: u64, exchanges: &[(RequestId, Origin)]) -> Result<(), Refusal> {
        let forced = exchanges.iter().filter(|(_, origin)| *origin == Origin::Inbox);
        let mut cursor = before;
        for (id, _) in forced {
            cursor = cursor.saturating_add(1);
            let entry = self.get(cursor).ok_or(Refusal::InboxNotFinalized { index: cursor })?;
            if entry.id != *id {
                return Err(Refusal::InboxOrder { index: cursor });
            }
        }
        if header.inbox_cursor != cursor {
            return Err(Refusal::WrongHeader("inboxCursor".into()));
        }
        let forced_only = cursor > before && exchanges.iter().all(|(_, origin)| *origin == Origin::Inbox);
        match self.overdue_after(cursor, u64::from(header.reference_timestamp)) {
            Some(index) if !forced_only => Err(Refusal::PassesOver { index }),
            _ => Ok(()),
        }
    }

    /// The entry on whose account operators may relieve the lane's gateway: one that no posted batch answers although `delay`
    /// seconds have passed, by the chain's time, since its deadline and since this gateway took the lane. Anyone of them serves.
    pub fn ground_for_relief(&self, lane: &LaneState, delay: u64, time: u64) -> Option<&Submission> {
        let taken_long_ago = lane.taken_at.saturating_add(delay) <= time;
        let is_left = |entry: &&Submission| entry.signed.request.deadline.saturating_add(delay) <= time;
        self.entries.iter().find(is_left).filter(|_| taken_long_ago)
    }

    /// How many entries posted batches answer.
    pub fn answered(&self) -> u64 {
        self.posted
    }

    /// The first entry behind `cursor` whose deadline is before `time`, Unix seconds.
    pub fn overdue_after(&self, cursor: u64, time: u64) -> Option<u64> {
        let mut behind = (cursor.max(self.posted) + 1..).zip(self.after(cursor));
        behind.find(|(_, entry)| entry.signed.request.deadline < time).map(|(index, _)| index)
    }
}

/// Whether any lane of the app has the request in its inbox, unanswered.
pub fn holds(chain: &dyn ChainView, app: AppId, id: RequestId) -> bool {
    let lanes = chain.apps().into_iter().find(|(known, _)| *known == app).map_or(0, |(_, lanes)| lanes);
    (1..=lanes).filter_map(|lane| chain.inbox(super::LaneKey { app, lane })).any(|inbox| inbox.holds(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, Bytes};
    use vouch_core::Request;

    fn signed(index: u64, deadline: u64) -> SignedRequest {
        let request = Request { nonce: vouch_core::FORCED_NONCE_FIRST + index, deadline, ..Request::default() };
        SignedRequest { request, signature: Bytes::new(), payload: Bytes::new() }
    }

    /// Five entries, of which one is answered, with deadlines 110, 120, ...
    fn inbox() -> Inbox {
        let mut inbox = Inbox::default();
        (1..=5).for_each(|index| inbox.push(index, signed(index, 100 + 10 * index)).unwrap());
        inbox.posted(1, BatchHash(B256::repeat_byte(1)));
        inbox
    }

    fn check(before: u64, cursor: u64, time: u32, exchanges: &[(u64, Origin)]) -> Result<(), Refusal> {
        let header = Batch { inbox_cursor: cursor, reference_timestamp: time, ..Batch::default() };
        let id = |index: u64| signed(index, 100 + 10 * index).request.id();
        let exchanges: Vec<_> = exchanges.iter().map(|(index, origin)| (id(*index), *origin)).collect();
        inbox().check(&header, before, &exchanges)
    }

    const FORCED: Origin = Origin::Inbox;
    const SIGNED: Origin = Origin::Signed;

    #[test]
    fn entries_follow_without_gaps_and_the_answered_are_forgotten() {
        let mut inbox = inbox();
        assert_eq!(inbox.push(7, signed(7, 1)), Err(Gap { found: 7, last: 5 }));
        assert!(inbox.get(1).is_none() && inbox.get(2).is_some() && inbox.get(6).is_none());
        assert!(!inbox.holds(signed(1, 110).request.id()) && inbox.holds(signed(2, 120).request.id()));
        assert_eq!(inbox.after(3).count(), 2);
        inbox.posted(5, BatchHash::ZERO);
        assert_eq!((inbox.count(), inbox.after(0).count()), (5, 0));
    }

    #[test]
    fn a_batch_answers_the_next_entries_in_order() {
        assert_eq!(check(1, 3, 0, &[(2, FORCED), (9, SIGNED), (3, FORCED)]), Ok(()));
        assert_eq!(check(1, 1, 0, &[(9, SIGNED)]), Ok(()), "nothing is overdue, so nothing has to be answered yet");
        let order = |index| Err(Refusal::InboxOrder { index });
        assert_eq!(check(1, 3, 0, &[(3, FORCED), (2, FORCED)]), order(2), "the order");
        assert_eq!(check(1, 2, 0, &[(3, FORCED)]), order(2), "passed over");
        assert_eq!(check(1, 3, 0, &[(2, FORCED), (2, FORCED)]), order(3), "twice");
        assert_eq!(check(3, 4, 0, &[(3, FORCED)]), order(4), "answered by the parent already");
    }

    #[test]
    fn the_cursor_counts_what_is_answered() {
        let wrong = Err(Refusal::WrongHeader("inboxCursor".into()));
        assert_eq!(check(1, 2, 0, &[(9, SIGNED)]), wrong, "moved without an answer");
        assert_eq!(check(2, 1, 0, &[(9, SIGNED)]), wrong, "backwards");
        assert_eq!(check(1, 1, 0, &[(2, FORCED)]), wrong, "an answer that is not counted");
        let beyond = [(2, FORCED), (3, FORCED), (4, FORCED), (5, FORCED), (6, FORCED)];
        assert_eq!(check(1, 6, 0, &beyond), Err(Refusal::InboxNotFinalized { index: 6 }));
    }

    #[test]
    fn while_an_entry_is_overdue_a_batch_holds_the_inbox_alone() {
        let passes = |index| Err(Refusal::PassesOver { index });
        assert_eq!(check(1, 1, 120, &[(9, SIGNED)]), Ok(()), "at its deadline an entry is not overdue");
        assert_eq!(check(1, 1, 121, &[(9, SIGNED)]), passes(2));
        assert_eq!(check(1, 2, 121, &[(2, FORCED), (9, SIGNED)]), Ok(()), "with it, others may come along");
        assert_eq!(check(1, 2, 141, &[(2, FORCED), (9, SIGNED)]), passes(3));
        assert_eq!(check(1, 2, 141, &[(2, FORCED)]), Ok(()), "a step towards it");
    }

    #[test]
    fn an_entry_behind_others_makes_them_due_with_it() {
        let mut inbox = Inbox::default();
        inbox.push(1, signed(1, 900)).unwrap();
        inbox.push(2, signed(2, 100)).unwrap();
        let header = Batch { reference_timestamp: 500, ..Batch::default() };
        let other = [(RequestId::ZERO, SIGNED)];
        assert_eq!(inbox.check(&header, 0, &other), Err(Refusal::PassesOver { index: 2 }));
    }

    #[test]
    fn a_gateway_is_relieved_for_an_entry_that_is_long_overdue_and_not_before_its_own_time() {
        let inbox = inbox();
        let ground = |taken_at, time| {
            let lane = LaneState { taken_at, ..LaneState::default() };
            inbox.ground_for_relief(&lane, 50, time).map(|entry| entry.signed.request.deadline)
        };
        assert_eq!(ground(0, 169), None, "entry 2 was due at 120; entry 1, due at 110, is answered");
        assert_eq!(ground(0, 170), Some(120));
        assert_eq!(ground(121, 170), None, "the gateway came later than that");
        assert_eq!(ground(121, 171), Some(120));
        let mut answered = inbox.clone();
        answered.posted(5, BatchHash::ZERO);
        assert!(answered.ground_for_relief(&LaneState::default(), 0, 900).is_none());
    }

    #[test]
    fn the_parents_cursor_is_the_registrys_only_behind_the_registrys_tip() {
        let parent = Batch { inbox_cursor: 3, ..Batch::default() };
        let inbox = inbox();
        assert_eq!(inbox.cursor_before(parent.hash(), Some(&parent)), Some(3));
        assert_eq!(inbox.cursor_before(BatchHash(B256::repeat_byte(1)), Some(&parent)), Some(1));
        assert_eq!(inbox.cursor_before(BatchHash(B256::repeat_byte(2)), None), None);
    }
}
