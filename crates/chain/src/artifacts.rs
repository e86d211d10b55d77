//! The compiled contracts, from `contracts/abi`.

use alloy::json_abi::JsonAbi;
use alloy_primitives::Bytes;
use serde::Deserialize;

/// One compiled contract.
#[derive(Debug, Clone, Copy)]
pub struct Artifact {
    pub name: &'static str,
    json: &'static str,
}

#[derive(Deserialize)]
struct Content {
    abi: JsonAbi,
    bytecode: Bytes,
}

impl Artifact {
    fn content(&self) -> Content {
        serde_json::from_str(self.json).expect("the file is checked in and every one is parsed by a test")
    }

    #[must_use]
    pub fn abi(&self) -> JsonAbi {
        self.content().abi
    }

    /// The code that runs once to create the contract, before its constructor's arguments.
    #[must_use]
    pub fn bytecode(&self) -> Bytes {
        self.content().bytecode
    }
}

macro_rules! artifacts {
    ($($constant:ident $name:literal),* $(,)?) => {
        $(pub const $constant: Artifact = Artifact {
            name: $name,
            json: include_str!(concat!("../../../contracts/abi/", $name, ".json")),
        };)*

        /// Every artifact.
        pub const ALL: &[Artifact] = &[$($constant),*];
    };
}

artifacts! {
    ALLOCATION_MANAGER "AllocationManager",
    BN254_CERTIFICATE_VERIFIER "BN254CertificateVerifier",
    DELEGATION_MANAGER "DelegationManager",
    DEMO_TOKEN "DemoToken",
    IALLOCATION_MANAGER "IAllocationManager",
    IAPP_CONTROLLER "IAppController",
    IBATCH_REGISTRY "IBatchRegistry",
    IEQUIVOCATION_SLASHER "IEquivocationSlasher",
    IPROFILE "IProfile",
    ISLASH_ROUTER "ISlashRouter",
    ISLASH_VAULT "ISlashVault",
    KEY_REGISTRAR "KeyRegistrar",
    PAUSER_REGISTRY "PauserRegistry",
    PERMISSION_CONTROLLER "PermissionController",
    STRATEGY_BASE "StrategyBase",
    STRATEGY_MANAGER "StrategyManager",
    WAGER "Wager",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_artifact_parses() {
        for artifact in ALL {
            assert!(!artifact.abi().is_empty(), "{}", artifact.name);
            assert!(!artifact.bytecode().is_empty() || artifact.name.starts_with('I'), "{}", artifact.name);
        }
    }
}
