//! Which entries of a lane's forced inbox make the next round. Pure.

use std::sync::Arc;

use vouch_core::ProgramId;

use super::queue::{Limits, Waiting};
use super::round::Outcome;
use crate::lane::inbox::Inbox;

/// Consecutive entries of one program.
#[derive(Clone, Debug)]
pub struct Forced {
    pub program_id: ProgramId,
    /// The cursor that the first of them comes right behind.
    pub after: u64,
    pub calls: Vec<Waiting>,
}

/// The entries behind `cursor`, as far as they are of one program, fit one batch and can be run at block `head`: a seed is
/// known once its block is final. None if there is none.
pub fn next(inbox: &Inbox, cursor: u64, head: u64, limits: &Limits) -> Option<Forced> {
    let program_id = inbox.after(cursor).next()?.signed.request.program_id;
    let mut bytes = 0usize;
    let fits = inbox.after(cursor).take(limits.batch_max).take_while(|entry| {
        let (request, payload) = (&entry.signed.request, entry.signed.payload.len());
        let first = bytes == 0;
        bytes = bytes.saturating_add(payload.max(1));
        request.program_id == program_id && request.seed_block <= head && (first || bytes <= limits.batch_bytes_max)
    });
    // Nobody waits at this gateway, and there is no time at which an entry is given up.
    let wait = |entry: &crate::lane::inbox::Submission| Waiting {
        id: entry.id,
        signed: Arc::clone(&entry.signed),
        give_up_at_ms: u64::MAX,
    };
    let calls: Vec<Waiting> = fits.map(wait).collect();
    (!calls.is_empty()).then_some(Forced { program_id, after: cursor, calls })
}

impl Forced {
    /// Keeps of a round's outcome the agreed entries up to the first without agreement: behind a gap none can be answered.
    /// The others stay in the inbox.
    pub fn keep_unbroken(&self, outcome: &mut Outcome) {
        let unbroken = outcome.agreed.iter().zip(&self.calls).take_while(|(agreed, call)| agreed.waiting.id == call.id);
        let count = unbroken.count();
        outcome.agreed.truncate(count);
        outcome.open.clear();
        outcome.hopeless.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SignedRequest;
    use alloy_primitives::{B256, Bytes};
    use vouch_core::FORCED_NONCE_FIRST;
    use vouch_core::Request;

    const LIMITS: Limits = Limits { queue_max: 9, queue_bytes_max: 9, batch_max: 3, batch_bytes_max: 10 };

    /// Entries as (program, seed block, payload bytes).
    fn taken(cursor: u64, head: u64, entries: &[(u8, u64, usize)]) -> Option<usize> {
        let mut inbox = Inbox::default();
        for (index, (program, seed_block, length)) in (1..).zip(entries) {
            let program_id = ProgramId(B256::repeat_byte(*program));
            let nonce = FORCED_NONCE_FIRST + index;
            let request = Request { program_id, nonce, seed_block: *seed_block, ..Request::default() };
            let signed = SignedRequest { request, signature: Bytes::new(), payload: vec![0; *length].into() };
            inbox.push(index, signed).unwrap();
        }
        next(&inbox, cursor, head, &LIMITS).map(|forced| forced.calls.len())
    }

    #[test]
    fn a_round_is_of_one_program_and_fits_a_batch() {
        assert_eq!(taken(0, 9, &[]), None);
        assert_eq!(
            taken(0, 9, &[(1, 1, 1), (1, 1, 1), (2, 1, 1), (1, 1, 1)]),
            Some(2),
            "another program comes between"
        );
        assert_eq!(taken(0, 9, &[(1, 1, 0); 5]), Some(3), "batch_max");
        assert_eq!(taken(3, 9, &[(1, 1, 0); 5]), Some(2));
        assert_eq!(taken(0, 9, &[(1, 1, 6), (1, 1, 6)]), Some(1), "batch_bytes_max");
        assert_eq!(taken(0, 9, &[(1, 1, 60)]), Some(1), "a larger one goes alone");
    }

    #[test]
    fn an_entry_waits_for_its_seed_and_the_others_for_it() {
        assert_eq!(taken(0, 9, &[(1, 10, 1), (1, 1, 1)]), None);
        assert_eq!(taken(0, 9, &[(1, 9, 1), (1, 10, 1)]), Some(1));
    }
}
