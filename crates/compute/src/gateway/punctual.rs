//! Who is waited for beyond the threshold. A signature more is good to have, since its signer is paid; but one that is dead or always
//! late would cost every batch the whole grace.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use vouch_core::OperatorId;

/// Who came too late the last time it was asked to sign. It is asked all the same, and waited for again as soon as it has been
/// in time once. At most as many as the operator tables of this gateway's apps show.
#[derive(Debug, Default)]
pub struct Punctual {
    late: Mutex<HashSet<OperatorId>>,
}

impl Punctual {
    /// Whether a batch is to wait for the operator.
    pub fn is_awaited(&self, operator: OperatorId) -> bool {
        !self.late.lock().unwrap_or_else(PoisonError::into_inner).contains(&operator)
    }

    /// The operator answered a proposal within the grace, or it did not.
    pub fn seen(&self, operator: OperatorId, in_time: bool) {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        if in_time {
            late.remove(&operator)
        } else {
            late.insert(operator)
        };
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    #[test]
    fn who_came_too_late_is_awaited_again_once_it_was_in_time() {
        let (punctual, [one, other]) = (Punctual::default(), [1, 2].map(|byte| OperatorId(B256::repeat_byte(byte))));
        assert!(punctual.is_awaited(one));
        punctual.seen(one, false);
        assert!(!punctual.is_awaited(one) && punctual.is_awaited(other));
        punctual.seen(one, true);
        assert!(punctual.is_awaited(one));
    }
}
