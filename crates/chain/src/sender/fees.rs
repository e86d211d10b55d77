use alloy::rpc::types::Block;
use alloy_primitives::U128;

use crate::client::Chain;
use crate::error::Error;

/// When the endpoint names no tip: 1 gwei.
const PRIORITY_DEFAULT: u128 = 1_000_000_000;

/// EIP-1559 fees, wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fees {
    pub max_per_gas: u128,
    pub priority_per_gas: u128,
}

impl Fees {
    /// Enough for the base fee to double, which takes six full blocks.
    pub(super) async fn current(chain: &Chain, limit: u128, label: &str) -> Result<Self, Error> {
        let block: Option<Block> = chain.request("eth_getBlockByNumber", ("latest", false)).await?;
        let base = block.and_then(|block| block.header.inner.base_fee_per_gas);
        let base = base.ok_or_else(|| chain.bad_answer("eth_getBlockByNumber", "the block has no base fee"))?;
        let priority = match chain.request::<_, U128>("eth_maxPriorityFeePerGas", ()).await {
            Ok(priority) => priority.to(),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => PRIORITY_DEFAULT,
        };
        Self::of(u128::from(base), priority, limit, label)
    }

    fn of(base: u128, priority: u128, limit: u128, label: &str) -> Result<Self, Error> {
        if base > limit {
            return Err(Error::FeeTooHigh { label: label.to_owned(), needed: base, limit });
        }
        let max_per_gas = base.saturating_mul(2).saturating_add(priority).min(limit);
        Ok(Self { max_per_gas, priority_per_gas: priority.min(max_per_gas) })
    }

    /// An eighth more of both, rounded up, as pools demand of a replacement; none beyond the limit.
    pub(super) fn raised(self, limit: u128) -> Option<Self> {
        let raise = |fee: u128| fee.saturating_add(fee.div_ceil(8)).saturating_add(1);
        let next = Self { max_per_gas: raise(self.max_per_gas), priority_per_gas: raise(self.priority_per_gas) };
        (next.max_per_gas <= limit).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_pays_an_eighth_more_and_never_more_than_the_limit() {
        let fees = Fees::of(100, 10, 1_000, "x").unwrap();
        assert_eq!(fees, Fees { max_per_gas: 210, priority_per_gas: 10 });
        let raised = fees.raised(1_000).unwrap();
        assert!(
            raised.max_per_gas * 8 >= fees.max_per_gas * 9 && raised.priority_per_gas * 8 >= fees.priority_per_gas * 9
        );
        assert_eq!(fees.raised(220), None);
    }

    #[test]
    fn fees_stay_within_the_limit() {
        assert_eq!(Fees::of(100, 10, 150, "x").unwrap().max_per_gas, 150);
        assert!(matches!(Fees::of(151, 10, 150, "x"), Err(Error::FeeTooHigh { needed: 151, .. })));
    }
}
