//! What clients owe, as executors say it to a gateway whose own count has a gap. Pure.
//!
//! An executor that has counted every batch of a lane signs only the exact number, one that missed some signs any number
//! that is not below what it knows. So the number to propose is the one that a threshold can sign, and of several that
//! for which most stake says that it is exact ([`decide`]).

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize};
use vouch_core::{Batch, BatchHash, OperatorId, ecdsa};

use super::book::Parent;
use crate::lane::{LaneKey, LaneState};
use crate::wire::{EcdsaSignatureBytes, Refusal};

/// Keep the two signed records apart from each other and from everything else that these keys sign.
const QUESTION_TAG: &[u8] = b"vouch/owed-question/1";
const ANSWER_TAG: &[u8] = b"vouch/owed-answer/1";

/// What clients owe in front of a batch that is to be proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedQuestion {
    pub chain_id: u64,
    pub registry: Address,
    pub lane: LaneKey,
    /// The sequence of the batch that is to be proposed.
    pub sequence: u64,
    /// The batch before it; zero if there is none.
    pub parent: BatchHash,
    /// Its header; none right behind the registry's cursor, where the asker may not have it.
    pub parent_header: Option<Batch>,
    pub clients: Vec<Address>,
}

/// A question with its gateway's signature over [`OwedQuestion::digest`]: nobody else is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedCall {
    pub question: OwedQuestion,
    pub signature: EcdsaSignatureBytes,
}

/// What one executor knows of one client's debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    pub total: U256,
    /// Nothing can be missing in it; else the client owes at least this.
    pub exact: bool,
}

/// One executor's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedList {
    pub operator: OperatorId,
    /// The digest of the question.
    pub question: B256,
    /// In the order of the question's clients.
    pub debts: Vec<Debt>,
}

/// An answer with the account key's signature over [`OwedList::digest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedAnswer {
    pub list: OwedList,
    pub signature: EcdsaSignatureBytes,
}

impl OwedQuestion {
    /// What the gateway's key signs.
    pub fn digest(&self) -> B256 {
        digest(QUESTION_TAG, self)
    }

    /// The batch that the question stands on, if the parent rule holds for it.
    pub fn parent(&self, lane: &LaneState, unpriced: impl Fn(&Batch) -> bool) -> Result<Parent, Refusal> {
        lane.check_sequence(self.sequence)?;
        let header = self.parent_header.as_ref().filter(|header| header.hash() == self.parent);
        let sequence = if self.sequence == lane.cursor.saturating_add(1) {
            (self.parent == lane.tip).then_some(lane.tip_sequence)
        } else {
            let follows = |header: &&Batch| {
                header.sequence.checked_add(1) == Some(self.sequence)
                    && LaneKey::of(header) == self.lane
                    && header.registry == self.registry
                    && header.chain_id == U256::from(self.chain_id)
            };
            header.filter(follows).map(|header| header.sequence)
        };
        let sequence = sequence.ok_or(Refusal::WrongParent)?;
        Ok(Parent { sequence, hash: self.parent, unpriced: header.is_some_and(unpriced), anchor: lane.into() })
    }
}

impl OwedCall {
    pub fn new(question: OwedQuestion, key: &[u8; 32]) -> Result<Self, ecdsa::Error> {
        let signature = ecdsa::sign(question.digest(), key)?.into();
        Ok(Self { question, signature })
    }

    /// Whether the key of `gateway` signed it.
    pub fn is_of(&self, gateway: Address) -> bool {
        ecdsa::verify(self.question.digest(), self.signature.as_slice(), gateway).is_ok()
    }
}

impl OwedList {
    /// What the account key signs.
    pub fn digest(&self) -> B256 {
        digest(ANSWER_TAG, self)
    }
}

impl OwedAnswer {
    pub fn new(list: OwedList, key: &[u8; 32]) -> Result<Self, ecdsa::Error> {
        let signature = ecdsa::sign(list.digest(), key)?.into();
        Ok(Self { list, signature })
    }

    /// Whether it is the answer of `operator`, whose account key has the address `account`, to this question.
    pub fn answers(&self, question: &OwedQuestion, operator: OperatorId, account: Address) -> bool {
        self.list.operator == operator
            && self.list.question == question.digest()
            && self.list.debts.len() == question.clients.len()
            && ecdsa::verify(self.list.digest(), self.signature.as_slice(), account).is_ok()
    }
}

fn digest(tag: &[u8], record: &impl Serialize) -> B256 {
    let bytes = postcard::to_extend(record, tag.to_vec()).expect("encoding a plain record into memory cannot fail");
    keccak256(bytes)
}

impl Debt {
    /// Whether whoever says this signs a batch that states `total`.
    pub fn agrees_with(&self, total: U256) -> bool {
        if self.exact { total == self.total } else { total >= self.total }
    }
}

/// What follows from the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub total: U256,
    /// No further answer changes it: an honest executor is among those who say that it is exact.
    pub is_final: bool,
}

/// The stake behind an operator table.
#[derive(Clone, Copy, Debug)]
pub struct Stake {
    pub all: U256,
    /// What must sign a batch.
    pub threshold: U256,
}

/// The number that a threshold of those who answered (with their weights) would sign; none if there is no such number yet.
///
/// Of several it is the one for which most weight says that it is exact: all honest executors that say so say the same.
/// Liars mislead only where they have as much stake as those, and then they contradict themselves when they do not sign.
/// Among equals the smallest one, so that a doubt is the client's. `at_least`: what the gateway and the chain know.
pub fn decide(said: &[(U256, Debt)], stake: Stake, at_least: U256) -> Option<Decision> {
    let weigh = |counts: &dyn Fn(&Debt) -> bool| {
        said.iter().filter(|(_, debt)| counts(debt)).fold(U256::ZERO, |sum, (weight, _)| sum.saturating_add(*weight))
    };
    let mut candidates: Vec<U256> = said.iter().map(|(_, debt)| debt.total).filter(|total| *total > at_least).collect();
    candidates.push(at_least);
    candidates.sort_unstable();
    candidates.dedup();
    let mut best: Option<(U256, U256)> = None;
    for total in candidates {
        let exact = weigh(&|debt| debt.exact && debt.total == total);
        let signable = weigh(&|debt| debt.agrees_with(total)) >= stake.threshold;
        if signable && best.is_none_or(|(_, most)| exact > most) {
            best = Some((total, exact));
        }
    }
    // Liars have less than what a threshold can do without.
    let spare = stake.all.saturating_sub(stake.threshold);
    best.map(|(total, exact)| Decision { total, is_final: exact > spare })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fees::book::Anchor;

    const STAKE: Stake = Stake { all: units(1_000), threshold: units(667) };

    const fn units(number: u64) -> U256 {
        U256::from_limbs([number, 0, 0, 0])
    }

    fn exact(weight: u64, total: u64) -> (U256, Debt) {
        (units(weight), Debt { total: units(total), exact: true })
    }

    fn at_least(weight: u64, total: u64) -> (U256, Debt) {
        (units(weight), Debt { total: units(total), exact: false })
    }

    fn decided(said: &[(U256, Debt)]) -> Option<(u64, bool)> {
        decide(said, STAKE, U256::ZERO).map(|decision| (decision.total.to::<u64>(), decision.is_final))
    }

    #[test]
    fn what_those_who_counted_everything_say_is_final_before_everybody_has_answered() {
        assert_eq!(decided(&[exact(400, 30), exact(300, 30)]), Some((30, true)));
        assert_eq!(decided(&[exact(400, 30), at_least(300, 10)]), Some((30, true)));
        assert_eq!(decided(&[exact(400, 30), exact(200, 30)]), None, "600 of 667 make no certificate");
    }

    #[test]
    fn a_liar_with_less_than_a_third_changes_nothing() {
        for lie in [exact(333, 0), exact(333, 1_000), at_least(333, 1_000), at_least(333, 0)] {
            assert_eq!(decided(&[lie, exact(400, 30), exact(267, 30)]).map(|(total, _)| total), Some(30), "{lie:?}");
            assert_eq!(decided(&[lie, exact(400, 30), at_least(267, 20)]).map(|(total, _)| total), Some(30), "{lie:?}");
        }
    }

    #[test]
    fn a_liar_alone_makes_nothing_final() {
        assert_eq!(decided(&[exact(333, 1_000), at_least(667, 10)]), Some((1_000, false)));
        assert_eq!(decided(&[exact(333, 1_000), at_least(333, 10)]), None);
    }

    #[test]
    fn where_nobody_has_counted_everything_the_smallest_number_is_taken_that_a_threshold_signs() {
        assert_eq!(decided(&[at_least(400, 30), at_least(300, 10), at_least(300, 900)]), Some((30, false)));
        let known = decide(&[at_least(1_000, 5)], STAKE, units(40)).unwrap();
        assert_eq!(known, Decision { total: units(40), is_final: false }, "what the gateway knows counts too");
    }

    #[test]
    fn a_number_below_what_is_settled_is_not_believed() {
        assert_eq!(decide(&[exact(1_000, 5)], STAKE, units(40)), None);
    }

    #[test]
    fn questions_and_answers_are_bound_to_their_signers_and_to_each_other() {
        let (key, other) = ([7; 32], [8; 32]);
        let question = OwedQuestion {
            chain_id: 1,
            registry: Address::ZERO,
            lane: LaneKey { app: vouch_core::AppId::ZERO, lane: 1 },
            sequence: 1,
            parent: BatchHash::ZERO,
            parent_header: None,
            clients: vec![Address::ZERO],
        };
        let call = OwedCall::new(question.clone(), &key).unwrap();
        assert!(call.is_of(ecdsa::address(&key).unwrap()) && !call.is_of(ecdsa::address(&other).unwrap()));
        let operator = OperatorId(B256::repeat_byte(1));
        let debts = vec![Debt { total: units(3), exact: true }];
        let list = OwedList { operator, question: question.digest(), debts };
        let answer = OwedAnswer::new(list, &other).unwrap();
        let account = ecdsa::address(&other).unwrap();
        assert!(answer.answers(&question, operator, account));
        assert!(!answer.answers(&OwedQuestion { sequence: 2, ..question.clone() }, operator, account));
        assert!(!answer.answers(&question, OperatorId(B256::ZERO), account));
        assert!(!answer.answers(&question, operator, ecdsa::address(&key).unwrap()));
        let mut changed = answer.clone();
        changed.list.debts[0].total = units(4);
        assert!(!changed.answers(&question, operator, account));
        for count in [0, 2] {
            let list = OwedList { debts: vec![answer.list.debts[0]; count], ..answer.list.clone() };
            assert!(!OwedAnswer::new(list, &other).unwrap().answers(&question, operator, account), "{count} debts");
        }
    }

    #[test]
    fn a_question_stands_on_the_batch_before_it_and_on_no_other() {
        let lane = LaneState { window: 8, ..LaneState::default() };
        let key = LaneKey { app: vouch_core::AppId(B256::repeat_byte(1)), lane: 1 };
        let (chain_id, registry) = (1, Address::repeat_byte(2));
        let before = Batch { chain_id: units(1), registry, app: key.app, lane: 1, sequence: 4, ..Batch::default() };
        let ask = |header: &Batch, parent: BatchHash| {
            let (parent_header, clients) = (Some(header.clone()), Vec::new());
            let question = OwedQuestion { chain_id, registry, lane: key, sequence: 5, parent, parent_header, clients };
            question.parent(&lane, |_| false)
        };
        let found = Parent { sequence: 4, hash: before.hash(), unpriced: false, anchor: Anchor::from(&lane) };
        assert_eq!(ask(&before, before.hash()), Ok(found));
        assert_eq!(ask(&before, BatchHash(B256::repeat_byte(3))), Err(Refusal::WrongParent), "another hash");
        let others = [
            Batch { sequence: 3, ..before.clone() },
            Batch { lane: 2, ..before.clone() },
            Batch { registry: Address::ZERO, ..before.clone() },
            Batch { chain_id: units(2), ..before },
        ];
        for other in others {
            assert_eq!(ask(&other, other.hash()), Err(Refusal::WrongParent), "{other:?}");
        }
    }
}
