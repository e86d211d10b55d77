//! Calls, answers and events of the contracts, from their interfaces' checked-in ABI.
//!
//! Each interface brings its own copies of the structs that it uses; conversions to the types of `vouch_core` stand in one
//! place, `convert.rs`.

#![allow(missing_docs, reason = "generated from the ABI; the Solidity interfaces hold the documentation")]

macro_rules! bindings {
    ($($module:ident $interface:ident $path:literal),* $(,)?) => {
        $(pub mod $module {
            #![allow(clippy::too_many_arguments, clippy::pub_underscore_fields, reason = "generated code")]

            alloy_sol_types::sol!(
                #[sol(all_derives)]
                $interface,
                $path
            );

            pub use $interface::*;
        })*
    };
}

bindings! {
    allocation_manager IAllocationManager "../../contracts/abi/IAllocationManager.json",
    app_controller IAppController "../../contracts/abi/IAppController.json",
    batch_registry IBatchRegistry "../../contracts/abi/IBatchRegistry.json",
    delegation_manager IDelegationManager "../../contracts/abi/IDelegationManager.json",
    eigen IEigen "../../contracts/abi/IEigen.json",
    endpoints IEndpoints "../../contracts/abi/IEndpoints.json",
    equivocation_slasher IEquivocationSlasher "../../contracts/abi/IEquivocationSlasher.json",
    escrow IEscrow "../../contracts/abi/IEscrow.json",
    forced_inbox IForcedInbox "../../contracts/abi/IForcedInbox.json",
    fee_vault IFeeVault "../../contracts/abi/IFeeVault.json",
    fork_parameters IForkParameters "../../contracts/abi/IForkParameters.json",
    gateway_bonds IGatewayBonds "../../contracts/abi/IGatewayBonds.json",
    key_registrar IKeyRegistrar "../../contracts/abi/IKeyRegistrar.json",
    permission_controller IPermissionController "../../contracts/abi/IPermissionController.json",
    profile IProfile "../../contracts/abi/IProfile.json",
    release_manager IReleaseManager "../../contracts/abi/IReleaseManager.json",
    slash_router ISlashRouter "../../contracts/abi/ISlashRouter.json",
    slash_vault ISlashVault "../../contracts/abi/ISlashVault.json",
    slash_vault_factory ISlashVaultFactory "../../contracts/abi/ISlashVaultFactory.json",
    strategy IStrategy "../../contracts/abi/IStrategy.json",
    strategy_factory IStrategyFactory "../../contracts/abi/IStrategyFactory.json",
    strategy_manager IStrategyManager "../../contracts/abi/IStrategyManager.json",
    verifier IBN254CertificateVerifier "../../contracts/abi/IBN254CertificateVerifier.json",
    wager IWager "../../contracts/abi/IWager.json",
}

/// Any ERC-20 token, and the minting of the local cloud's.
pub mod token {
    alloy_sol_types::sol! {
        interface IToken {
            event Transfer(address indexed from, address indexed to, uint256 value);

            function approve(address spender, uint256 amount) external returns (bool);
            function allowance(address owner, address spender) external view returns (uint256);
            function balanceOf(address account) external view returns (uint256);
            function transfer(address to, uint256 amount) external returns (bool);
            function totalSupply() external view returns (uint256);
            function decimals() external view returns (uint8);
            function symbol() external view returns (string memory);
            function mint(address to, uint256 amount) external;
        }
    }

    pub use IToken::*;
}
