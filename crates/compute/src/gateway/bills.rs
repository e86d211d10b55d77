//! What calls under way will cost: a client's deposit must pay for all of them, not for each alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy_primitives::{Address, U256};
use vouch_core::{AppId, RequestId};

/// Who pays.
pub type Account = (AppId, Address);

/// The bills of calls that are let in and neither charged nor given up; as many as there are callers.
#[derive(Default)]
pub struct Bills {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    bills: HashMap<RequestId, (Account, U256)>,
    sums: HashMap<Account, U256>,
}

impl Bills {
    /// Opens the bill of one call; once for each call.
    pub fn open(&self, id: RequestId, account: Account, fee: U256) {
        let mut open = self.lock();
        if fee.is_zero() || open.bills.insert(id, (account, fee)).is_some() {
            return;
        }
        let sum = open.sums.entry(account).or_default();
        *sum = sum.saturating_add(fee);
    }

    /// The call was charged, or will never be.
    pub fn close(&self, id: RequestId) {
        let mut open = self.lock();
        let Some((account, fee)) = open.bills.remove(&id) else { return };
        let left = open.sums.get(&account).map_or(U256::ZERO, |sum| sum.saturating_sub(fee));
        if left.is_zero() {
            open.sums.remove(&account);
        } else {
            open.sums.insert(account, left);
        }
    }

    /// What a client's calls under way will cost it.
    pub fn sum(&self, account: Account) -> U256 {
        self.lock().sums.get(&account).copied().unwrap_or_default()
    }

    /// Every change under the lock is complete before anything that could panic.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn a_bill_counts_from_its_opening_to_its_closing_and_once() {
        let (bills, account) = (Bills::default(), (AppId::ZERO, Address::repeat_byte(1)));
        let id = |byte| RequestId(B256::repeat_byte(byte));
        bills.open(id(1), account, U256::from(10));
        bills.open(id(1), account, U256::from(10));
        bills.open(id(2), account, U256::from(5));
        assert_eq!(bills.sum(account), U256::from(15));
        bills.close(id(1));
        bills.close(id(1));
        assert_eq!(bills.sum(account), U256::from(5));
        bills.close(id(2));
        assert!(bills.lock().sums.is_empty(), "a client without calls takes no memory");
    }
}
