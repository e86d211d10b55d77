use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/apps/{app}/clients/{client}/fees`: how a client stands with an app, in the smallest unit of the fee token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeeStanding {
    /// The token that the app charges in; absent if it has never named a price: then calls are free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub token: Option<Address>,
    #[schema(value_type = String)]
    pub per_call: U256,
    /// Per started page of 16,384 bytes of the payload.
    #[schema(value_type = String)]
    pub per_page: U256,
    /// Everything ever charged, calls under way included: a request's `maxFee` must be this and its own fee at least.
    #[schema(value_type = String)]
    pub owed: U256,
    /// The part of it that is not settled on chain yet.
    #[schema(value_type = String)]
    pub unpaid: U256,
    /// The deposit without what is being withdrawn.
    #[schema(value_type = String)]
    pub available: U256,
}

impl FeeStanding {
    /// What one call with a payload of this many bytes costs.
    pub fn fee(&self, payload_bytes: usize) -> U256 {
        let pages = U256::from(payload_bytes.div_ceil(16_384));
        self.per_call.saturating_add(self.per_page.saturating_mul(pages))
    }

    /// What the client's next request must name as `maxFee`; zero where the call is free.
    pub fn max_fee(&self, payload_bytes: usize) -> U256 {
        let fee = self.fee(payload_bytes);
        if fee.is_zero() { U256::ZERO } else { self.owed.saturating_add(fee) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_call_is_signed_for_on_top_of_what_is_owed() {
        let units = |number: u64| U256::from(number);
        let standing = FeeStanding {
            token: Some(Address::ZERO),
            per_call: units(10),
            per_page: units(3),
            owed: units(100),
            unpaid: units(20),
            available: units(50),
        };
        assert_eq!([0, 1, 16_384, 16_385].map(|bytes| standing.max_fee(bytes)), [110, 113, 113, 116].map(units));
        let free = FeeStanding { per_call: U256::ZERO, per_page: U256::ZERO, ..standing };
        assert_eq!(free.max_fee(5), U256::ZERO);
    }
}
