use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

use crate::ids::RequestId;
use crate::merkle;
use crate::words::{TypeString, Words};

/// What one exchange costs: a leaf of a batch's `feesRoot`, at the exchange's index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Charge {
    pub request_id: RequestId,
    pub client: Address,
    /// In the smallest unit of the app's fee token.
    pub fee: U256,
    /// What the client owes on the batch's lane with this exchange, since the lane's first; it only rises.
    pub total: U256,
}

static CHARGE_TYPE: TypeString = TypeString::new("Charge(bytes32 requestId,address client,uint256 fee,uint256 total)");

impl Charge {
    /// The charge's leaf in the batch's tree of fees.
    pub fn leaf(&self) -> B256 {
        Words::typed(&CHARGE_TYPE)
            .bytes32(self.request_id.0)
            .address(self.client)
            .uint256(self.fee)
            .uint256(self.total)
            .hash()
    }

    /// The `feesRoot` over the charges of a batch; zero if nobody is charged.
    pub fn root(charges: &[Self]) -> B256 {
        merkle::root(&charges.iter().map(Self::leaf).collect::<Vec<_>>())
    }
}
