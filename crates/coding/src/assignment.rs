//! Which operator stores which chunks of a blob.
//!
//! In one quorum an operator of stake s gets ceil((N - most operators) s / total) chunks, so rounding up never hands out more
//! than N. Of a blob with several quorums, the lowest one is the baseline: in each of the others an operator keeps what it
//! has there as far as its share goes, and what it lacks is filled up from the indices that nobody kept. So an operator of
//! several quorums stores little more than its largest share, and never more than restores the blob.

use std::collections::{BTreeMap, HashSet};

use alloy_primitives::U256;
use vouch_core::OperatorId;

use crate::shape::Parameters;

/// By quorum: every operator's stake.
pub type Stakes = BTreeMap<u8, BTreeMap<OperatorId, U256>>;

/// By operator: its chunks' indices, each once, those of lower quorums first.
pub type Assignments = BTreeMap<OperatorId, Vec<u32>>;

/// Why nothing is assigned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a blob has at least one quorum")]
    NoQuorum,
    #[error("quorum {quorum} has {found} operators; at most {most}, and fewer than the {chunks} chunks")]
    TooManyOperators { quorum: u8, found: usize, most: usize, chunks: usize },
    #[error("quorum {quorum} has no stake")]
    NoStake { quorum: u8 },
    #[error("quorum {quorum}: stakes are beyond 240 bits")]
    Overflow { quorum: u8 },
}

/// Assigns the chunks of a blob of `stakes`' quorums. `operators_max`: as many as a quorum may have.
pub fn assign(parameters: Parameters, operators_max: usize, stakes: &Stakes) -> Result<Assignments, Error> {
    let mut quorums = stakes.iter();
    let (quorum, of_baseline) = quorums.next().ok_or(Error::NoQuorum)?;
    let baseline = assign_quorum(parameters, operators_max, *quorum, of_baseline, &Assignments::new())?;
    let mut merged = Merged::new(parameters.chunks / parameters.rate);
    merged.add(&baseline);
    for (quorum, stakes) in quorums {
        merged.add(&assign_quorum(parameters, operators_max, *quorum, stakes, &baseline)?);
    }
    Ok(merged.assignments)
}

/// One quorum on top of a baseline, which may be empty.
fn assign_quorum(
    parameters: Parameters,
    operators_max: usize,
    quorum: u8,
    stakes: &BTreeMap<OperatorId, U256>,
    baseline: &Assignments,
) -> Result<Assignments, Error> {
    let (found, most, chunks) = (stakes.len(), operators_max, parameters.chunks);
    if found > most || most >= chunks {
        return Err(Error::TooManyOperators { quorum, found, most, chunks });
    }
    let counts = counts(chunks - most, quorum, stakes)?;
    let kept: BTreeMap<OperatorId, &[u32]> = counts
        .iter()
        .map(|(operator, count)| {
            let own = baseline.get(operator).map(Vec::as_slice).unwrap_or_default();
            (*operator, &own[..own.len().min(*count)])
        })
        .collect();
    let taken: HashSet<u32> = kept.values().flat_map(|kept| kept.iter().copied()).collect();
    let mut free = (0..).take(chunks).filter(|index| !taken.contains(index));
    let assigned = counts.iter().map(|(operator, count)| {
        let kept = kept.get(operator).copied().unwrap_or_default();
        let more = free.by_ref().take(count - kept.len());
        (*operator, kept.iter().copied().chain(more).collect())
    });
    Ok(assigned.collect())
}

/// ceil(shared stake / total) for each operator.
fn counts(
    shared: usize,
    quorum: u8,
    stakes: &BTreeMap<OperatorId, U256>,
) -> Result<BTreeMap<OperatorId, usize>, Error> {
    let overflow = Error::Overflow { quorum };
    let total = stakes.values().try_fold(U256::ZERO, |sum, stake| sum.checked_add(*stake)).ok_or(overflow.clone())?;
    if total.is_zero() {
        return Err(Error::NoStake { quorum });
    }
    let shared = U256::from(shared);
    let count = |(operator, stake): (&OperatorId, &U256)| {
        let count = stake.checked_mul(shared).ok_or(overflow.clone())?.div_ceil(total);
        // At most `shared`, since no stake is above the total.
        Ok((*operator, count.saturating_to::<usize>()))
    };
    stakes.iter().map(count).collect()
}

/// What operators have so far.
struct Merged {
    assignments: Assignments,
    seen: BTreeMap<OperatorId, HashSet<u32>>,
    most: usize,
}

impl Merged {
    fn new(most: usize) -> Self {
        Self { assignments: Assignments::new(), seen: BTreeMap::new(), most }
    }

    fn add(&mut self, quorum: &Assignments) {
        for (operator, indices) in quorum {
            let (own, seen) = (self.assignments.entry(*operator).or_default(), self.seen.entry(*operator).or_default());
            for index in indices {
                if own.len() < self.most && seen.insert(*index) {
                    own.push(*index);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;
    use crate::shape::VERSION_0;

    const OPERATORS_MAX: usize = 3_537;

    fn operator(number: u8) -> OperatorId {
        OperatorId(B256::repeat_byte(number))
    }

    fn stakes(quorum: u8, of: &[(u8, u64)]) -> (u8, BTreeMap<OperatorId, U256>) {
        (quorum, of.iter().map(|(number, stake)| (operator(*number), U256::from(*stake))).collect())
    }

    fn assigned(stakes: impl IntoIterator<Item = (u8, BTreeMap<OperatorId, U256>)>) -> Result<Assignments, Error> {
        assign(VERSION_0, OPERATORS_MAX, &stakes.into_iter().collect())
    }

    #[test]
    fn shares_are_rounded_up_and_follow_each_other() {
        let found = assigned([stakes(0, &[(3, 1), (1, 1), (2, 98)])]).unwrap();
        let of = |number: u8| found.get(&operator(number)).unwrap();
        assert_eq!((of(1).first(), of(1).len()), (Some(&0), 47), "ceil(46.55)");
        assert_eq!((of(2).first(), of(2).len()), (Some(&47), 1_024), "no more than restores the blob");
        assert_eq!(of(3).first(), Some(&(47 + 4_562)), "behind all that its share is");
    }

    #[test]
    fn who_is_in_two_quorums_stores_little_more_than_its_larger_share() {
        let first = stakes(0, &[(1, 10), (2, 90)]);
        let second = stakes(7, &[(1, 20), (3, 80)]);
        let found = assigned([first.clone(), second]).unwrap();
        let own = &found[&operator(1)];
        let alone = &assigned([first]).unwrap()[&operator(1)];
        assert!(own.starts_with(alone) && own.len() == 931, "{}", own.len());
        let unique: HashSet<_> = own.iter().collect();
        assert_eq!(unique.len(), own.len());
    }

    #[test]
    fn nothing_is_assigned_where_nothing_can_be() {
        assert_eq!(assigned([]), Err(Error::NoQuorum));
        assert_eq!(assigned([stakes(3, &[])]), Err(Error::NoStake { quorum: 3 }));
        assert_eq!(assigned([stakes(3, &[(1, 0)])]), Err(Error::NoStake { quorum: 3 }));
        let huge = |stake| (4, BTreeMap::from([(operator(1), stake), (operator(2), stake)]));
        assert_eq!(assigned([huge(U256::MAX)]), Err(Error::Overflow { quorum: 4 }));
        assert_eq!(assigned([huge(U256::MAX >> 5)]), Err(Error::Overflow { quorum: 4 }));
        let two = stakes(1, &[(1, 1), (2, 1)]).1;
        let refused = |most, chunks| {
            assign(Parameters { chunks, rate: 2 }, most, &BTreeMap::from([(1, two.clone())])).unwrap_err()
        };
        assert_eq!(refused(1, 8), Error::TooManyOperators { quorum: 1, found: 2, most: 1, chunks: 8 });
        assert_eq!(refused(8, 8), Error::TooManyOperators { quorum: 1, found: 2, most: 8, chunks: 8 });
    }
}
