//! Names of things: each id is its own type, so that a request id cannot stand where a batch hash belongs.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, B256, U256, hex};
use serde::{Deserialize, Serialize};

use crate::words::{TypeString, Words};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub B256);

        impl $name {
            /// All zero bytes: "none" wherever the protocol allows it.
            pub const ZERO: Self = Self(B256::ZERO);

            pub fn is_zero(&self) -> bool {
                self.0.is_zero()
            }
        }

        impl From<B256> for $name {
            fn from(hash: B256) -> Self {
                Self(hash)
            }
        }

        impl From<$name> for B256 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.0.as_slice()
            }
        }

        impl FromStr for $name {
            type Err = hex::FromHexError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            /// 0x and all 64 digits.
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:?}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({:?})", stringify!($name), self.0)
            }
        }
    };
}

id! {
    /// Names an app: see [`AppId::of`].
    AppId
}
id! {
    /// Names what runs: the hash of a [`Program`](crate::Program).
    ProgramId
}
id! {
    /// Names what was asked: the hash of a [`Request`](crate::Request).
    RequestId
}
id! {
    /// Names what a quorum signed: the hash of a [`Batch`](crate::Batch).
    BatchHash
}
id! {
    /// Names an operator by its BLS key: keccak256(X ‖ Y) of the G1 public key.
    OperatorId
}

static APP_TYPE: TypeString = TypeString::new("App(uint256 chainId,address controller,uint32 operatorSetId)");

impl AppId {
    /// The app whose operators are the set `operator_set_id` (from 1) of the AVS `controller`.
    pub fn of(chain_id: U256, controller: Address, operator_set_id: u32) -> Self {
        Self(Words::typed(&APP_TYPE).uint256(chain_id).address(controller).uint(operator_set_id).hash())
    }
}

/// A place in a lane. Signing two batches for one slot is what equivocation means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot {
    pub chain_id: U256,
    /// The BatchRegistry.
    pub registry: Address,
    pub app: AppId,
    pub operator_set_id: u32,
    /// Lanes of an app count from 1.
    pub lane: u32,
    /// Sequences of a lane count from 1.
    pub sequence: u64,
}
