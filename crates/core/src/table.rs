//! Operator tables: who may sign for an operator set, and with what weight, as of one block.
//!
//! A table's leaf is `keccak256(0x75 ‖ abi.encode({pubkey G1, uint256[] weights}))`. The chain keeps only the
//! [`TableSummary`]; the whole table follows from the event that made it.

use alloy_primitives::{B256, U256, keccak256};

use crate::bls::{self, PublicKeyG1};
use crate::ids::OperatorId;
use crate::merkle;
use crate::points::G1Affine;
use crate::words::Words;

/// The most operators of a table.
pub const OPERATORS_MAX: usize = 256;
/// The most weights of an operator: EigenLayer's limit of strategies per staker.
pub const WEIGHTS_MAX: usize = 32;

const LEAF_SALT: u8 = 0x75;
const BIPS: u16 = 10_000;

/// Why operators do not make a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a table has 1 to {OPERATORS_MAX} operators, found {0}")]
    OperatorCount(usize),
    #[error("an operator has 1 to {WEIGHTS_MAX} weights, all as many; operator {index} has {found}")]
    WeightCount { index: usize, found: usize },
    #[error("operator {index} has the key of another one")]
    RepeatedKey { index: usize },
    #[error("the weights of one strategy add up to more than 256 bits")]
    Overflow,
    #[error("the keys add up to infinity")]
    KeysCancelOut,
}

/// A member: its key and one weight per strategy, the first being the primary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorInfo {
    pub pubkey: PublicKeyG1,
    pub weights: Vec<U256>,
}

impl OperatorInfo {
    /// The member's leaf.
    pub fn leaf(&self) -> B256 {
        // The tuple is dynamic: the offset to it, then the key, the offset to the weights, their number and they.
        let [x, y] = self.pubkey.to_words();
        let head = Words::default().uint(0x20u64).uint256(x).uint256(y).uint(0x60u64).uint(self.weights.len() as u64);
        let encoded = self.weights.iter().fold(head, |words, weight| words.uint256(*weight)).finish();
        keccak256([&[LEAF_SALT][..], &encoded].concat())
    }
}

/// What the chain keeps of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// The block time of the table, Unix seconds.
    pub reference_timestamp: u32,
    pub root: B256,
    pub count: usize,
    /// The sum of all keys.
    pub aggregate: PublicKeyG1,
    /// The sum of each weight.
    pub totals: Vec<U256>,
}

/// A whole table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorTable {
    infos: Vec<OperatorInfo>,
    leaves: Vec<B256>,
    summary: TableSummary,
}

impl OperatorTable {
    /// `infos` in the order of the indexes that the chain gave.
    pub fn new(reference_timestamp: u32, infos: Vec<OperatorInfo>) -> Result<Self, Error> {
        check(&infos)?;
        let leaves: Vec<B256> = infos.iter().map(OperatorInfo::leaf).collect();
        let aggregate: G1Affine = bls::sum(infos.iter().map(|info| *info.pubkey.point()));
        let summary = TableSummary {
            reference_timestamp,
            root: merkle::root(&leaves),
            count: infos.len(),
            aggregate: PublicKeyG1::new(aggregate).map_err(|_| Error::KeysCancelOut)?,
            totals: totals(&infos)?,
        };
        Ok(Self { infos, leaves, summary })
    }

    pub fn reference_timestamp(&self) -> u32 {
        self.summary.reference_timestamp
    }

    pub fn infos(&self) -> &[OperatorInfo] {
        &self.infos
    }

    pub fn root(&self) -> B256 {
        self.summary.root
    }

    /// The sum of each weight.
    pub fn totals(&self) -> &[U256] {
        &self.summary.totals
    }

    pub fn summary(&self) -> &TableSummary {
        &self.summary
    }

    /// The siblings of the member at `index`.
    pub fn prove(&self, index: usize) -> Result<Vec<B256>, merkle::Error> {
        merkle::prove(&self.leaves, index)
    }

    /// Where the operator with this key stands; none if it is not a member.
    pub fn index_of(&self, operator: OperatorId) -> Option<usize> {
        self.infos.iter().position(|info| info.pubkey.operator_id() == operator)
    }

    /// The primary weight of every member, by index.
    pub fn primary_weights(&self) -> Vec<U256> {
        self.infos.iter().map(|info| info.weights[0]).collect()
    }
}

/// The least weight that is `bips` / 10,000 of `total`: rounded up, so that a small total never needs nothing.
pub fn threshold(total: U256, bips: u16) -> U256 {
    let (unit, bips) = (U256::from(BIPS), U256::from(bips));
    let (whole, rest) = total.div_rem(unit);
    // Cannot overflow for bips up to 10,000; beyond that no weight is enough.
    whole.saturating_mul(bips).saturating_add((rest * bips).div_ceil(unit))
}

fn check(infos: &[OperatorInfo]) -> Result<(), Error> {
    if !(1..=OPERATORS_MAX).contains(&infos.len()) {
        return Err(Error::OperatorCount(infos.len()));
    }
    let expected = infos[0].weights.len();
    for (index, info) in infos.iter().enumerate() {
        let found = info.weights.len();
        if found != expected || !(1..=WEIGHTS_MAX).contains(&found) {
            return Err(Error::WeightCount { index, found });
        }
        if infos[..index].iter().any(|other| other.pubkey == info.pubkey) {
            return Err(Error::RepeatedKey { index });
        }
    }
    Ok(())
}

fn totals(infos: &[OperatorInfo]) -> Result<Vec<U256>, Error> {
    let total = |strategy: usize| {
        let mut weights = infos.iter().map(|info| info.weights[strategy]);
        weights.try_fold(U256::ZERO, U256::checked_add).ok_or(Error::Overflow)
    };
    (0..infos[0].weights.len()).map(total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bls::SecretKey;

    fn info(seed: u8, weights: &[u64]) -> OperatorInfo {
        let pubkey = *SecretKey::from_entropy(&[seed; 48]).unwrap().public_key().g1();
        OperatorInfo { pubkey, weights: weights.iter().copied().map(U256::from).collect() }
    }

    #[test]
    fn thresholds_round_up() {
        let check =
            |total: U256, bips, expected: U256| assert_eq!(threshold(total, bips), expected, "{total} x {bips}");
        check(U256::from(1), 6_600, U256::from(1));
        check(U256::from(3), 6_667, U256::from(3));
        check(U256::from(10_000), 6_667, U256::from(6_667));
        check(U256::from(10_001), 6_667, U256::from(6_668));
        check(U256::ZERO, 6_667, U256::ZERO);
        check(U256::MAX, 10_000, U256::MAX);
        check(U256::MAX, u16::MAX, U256::MAX);
    }

    #[test]
    fn a_summary_adds_up() {
        let table = OperatorTable::new(9, vec![info(1, &[1, 10]), info(2, &[2, 20]), info(3, &[0, 30])]).unwrap();
        assert_eq!(table.totals(), [U256::from(3), U256::from(60)]);
        assert_eq!(table.index_of(table.infos()[2].pubkey.operator_id()), Some(2));
        assert_eq!(table.index_of(OperatorId::ZERO), None);
        assert_eq!(table.primary_weights(), [1, 2, 0].map(U256::from));
        let proof = table.prove(1).unwrap();
        assert!(merkle::verify(&proof, table.root(), table.infos()[1].leaf(), 1, 3));
    }

    #[test]
    fn irregular_tables_are_refused() {
        let refused = |infos| OperatorTable::new(1, infos).unwrap_err();
        assert_eq!(refused(vec![]), Error::OperatorCount(0));
        assert_eq!(refused(vec![info(1, &[1]); 257]), Error::OperatorCount(257));
        assert_eq!(refused(vec![info(1, &[1]), info(2, &[1, 2])]), Error::WeightCount { index: 1, found: 2 });
        assert_eq!(refused(vec![info(1, &[])]), Error::WeightCount { index: 0, found: 0 });
        assert_eq!(refused(vec![info(1, &[1]), info(1, &[1])]), Error::RepeatedKey { index: 1 });
        let heavy = OperatorInfo { weights: vec![U256::MAX], ..info(1, &[1]) };
        assert_eq!(refused(vec![heavy, info(2, &[1])]), Error::Overflow);
        let negated = PublicKeyG1::new(-*info(1, &[1]).pubkey.point()).unwrap();
        assert_eq!(
            refused(vec![info(1, &[1]), OperatorInfo { pubkey: negated, weights: vec![U256::ZERO] }]),
            Error::KeysCancelOut
        );
    }
}
