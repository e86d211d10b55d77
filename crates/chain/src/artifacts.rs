//! The compiled contracts, from `contracts/abi`.

use alloy::json_abi::JsonAbi;
use alloy_primitives::Bytes;
use alloy_sol_types::{SolType, SolValue, abi::TokenSeq};
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

    /// The code that creates the contract with the constructor's arguments; none when they are not of its types.
    #[must_use]
    pub fn creation_code<A: SolValue>(&self, arguments: &A) -> Option<Bytes>
    where
        for<'a> <A::SolType as SolType>::Token<'a>: TokenSeq<'a>,
    {
        let content = self.content();
        let inputs = content.abi.constructor.map(|constructor| constructor.inputs).unwrap_or_default();
        let types: Vec<String> = inputs.iter().map(|input| input.selector_type().into_owned()).collect();
        if A::SolType::SOL_NAME != format!("({})", types.join(",")) {
            return None;
        }
        Some([&content.bytecode[..], &arguments.abi_encode_params()].concat().into())
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
    APP_CONTROLLER "AppController",
    BACKING_EIGEN "BackingEigen",
    BATCH_REGISTRY "BatchRegistry",
    BN254_CERTIFICATE_VERIFIER "BN254CertificateVerifier",
    DELEGATION_MANAGER "DelegationManager",
    DEMO_TOKEN "DemoToken",
    EIGEN "Eigen",
    EIGEN_STRATEGY "EigenStrategy",
    ENDPOINTS "Endpoints",
    EQUIVOCATION_SLASHER "EquivocationSlasher",
    ESCROW "Escrow",
    FORCED_INBOX "ForcedInbox",
    FEE_VAULT "FeeVault",
    FORK_PARAMETERS "ForkParameters",
    GATEWAY_BONDS "GatewayBonds",
    IALLOCATION_MANAGER "IAllocationManager",
    KEY_REGISTRAR "KeyRegistrar",
    OPEN_REGISTRAR "OpenRegistrar",
    PAUSER_REGISTRY "PauserRegistry",
    PERMISSION_CONTROLLER "PermissionController",
    PROFILE "Profile",
    RELEASE_MANAGER "ReleaseManager",
    SLASH_ROUTER "SlashRouter",
    SLASH_VAULT "SlashVault",
    SLASH_VAULT_FACTORY "SlashVaultFactory",
    STRATEGY_BASE "StrategyBase",
    STRATEGY_FACTORY "StrategyFactory",
    STRATEGY_MANAGER "StrategyManager",
    WAGER "Wager",
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    #[test]
    fn arguments_of_other_types_are_refused() {
        let right = (Address::ZERO, Address::ZERO);
        let code = KEY_REGISTRAR.creation_code(&right).unwrap();
        assert_eq!(code.len(), KEY_REGISTRAR.bytecode().len() + 64);
        assert_eq!(KEY_REGISTRAR.creation_code(&(Address::ZERO, 1u32)), None);
        assert_eq!(KEY_REGISTRAR.creation_code(&()), None);
        assert!(PERMISSION_CONTROLLER.creation_code(&()).is_some());
    }

    #[test]
    fn every_artifact_parses() {
        for artifact in ALL {
            assert!(!artifact.abi().is_empty(), "{}", artifact.name);
            assert!(!artifact.bytecode().is_empty() || artifact.name.starts_with('I'), "{}", artifact.name);
        }
    }
}
