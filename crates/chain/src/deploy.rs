//! Putting the contracts on a chain, each exactly once.
//!
//! Contracts refer to each other by addresses that are fixed in their constructors, some of them in a circle, so every
//! address is computed beforehand from the deployer's nonce (CREATE). The manifest is written before the first
//! transaction; a deployment that was cut off goes on from it, and what stands at its address is not deployed again.

use std::path::Path;

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolType, SolValue, abi::TokenSeq};

use crate::artifacts::{self as code, Artifact};
use crate::bindings::{strategy_factory, strategy_manager};
use crate::error::Error;
use crate::sender::Sender;

mod eigen;
mod manifest;
mod parameters;

pub use manifest::{Contracts, Deployment, Eigen, Stake};
pub use parameters::{EigenRules, ForkShares, ForkTimes, InboxRules, Parameters, ProfileTimes};

/// Deploys everything that `manifest` does not show as done, and keeps the manifest up to date.
///
/// Nobody else may send from the deployer's key meanwhile: its nonces are the addresses.
///
/// # Errors
/// [`Error::Inconsistent`] when the manifest is another chain's or has other parameters, or when another transaction took
/// a nonce that an address was computed from.
pub async fn deploy(sender: &Sender, parameters: &Parameters, manifest: &Path) -> Result<Deployment, Error> {
    // What a process sent before it was cut off may still become a contract.
    let next_nonce = sender.settled_nonce().await?;
    let mut deployment = match Deployment::load_if_any(manifest)? {
        Some(deployment) => resumable(deployment, sender, parameters)?,
        None => begin(sender, next_nonce, parameters).await?,
    };
    deployment.save(manifest)?;
    if deployment.end_block.is_some() {
        return Ok(deployment);
    }
    let end_block = Deployer { sender, deployment: &deployment }.run().await?;
    deployment.end_block = Some(end_block);
    deployment.save(manifest)?;
    Ok(deployment)
}

async fn begin(sender: &Sender, first_nonce: u64, parameters: &Parameters) -> Result<Deployment, Error> {
    let chain = sender.chain();
    Ok(Deployment {
        version: manifest::VERSION,
        chain_id: chain.chain_id(),
        genesis_hash: chain.genesis_hash(),
        deployer: sender.address(),
        first_nonce,
        start_block: chain.latest_block_number().await?,
        end_block: None,
        contracts: Contracts::predict(sender.address(), first_nonce, parameters.demo_tokens),
        parameters: parameters.clone(),
    })
}

fn resumable(deployment: Deployment, sender: &Sender, parameters: &Parameters) -> Result<Deployment, Error> {
    deployment.require_chain(sender.chain())?;
    if &deployment.parameters != parameters {
        return Err(Error::inconsistent("deploy", "the manifest has other parameters"));
    }
    if deployment.end_block.is_none() && deployment.deployer != sender.address() {
        let detail = format!("the manifest was begun by {}, not {}", deployment.deployer, sender.address());
        return Err(Error::inconsistent("deploy", detail));
    }
    Ok(deployment)
}

/// One pass over everything there is to deploy.
struct Deployer<'a> {
    sender: &'a Sender,
    deployment: &'a Deployment,
}

impl Deployer<'_> {
    /// Returns the block by which everything stood.
    async fn run(&self) -> Result<u64, Error> {
        self.core().await?;
        self.vouch().await?;
        self.releases_and_strategies().await?;
        self.eigen().await?;
        self.stakes().await?;
        self.open_for_deposits().await?;
        self.sender.chain().latest_block_number().await
    }

    async fn core(&self) -> Result<(), Error> {
        let (at, with) = (&self.deployment.contracts, &self.deployment.parameters);
        let deployer = self.sender.address();
        self.create(&code::PAUSER_REGISTRY, at.pauser_registry, &(vec![deployer], deployer)).await?;
        self.create(&code::PERMISSION_CONTROLLER, at.permission_controller, &()).await?;
        let strategies = (
            at.delegation_manager,
            at.allocation_manager,
            at.pauser_registry,
            at.strategy_factory,
            with.slash_resolution_delay_blocks,
        );
        self.create(&code::STRATEGY_MANAGER, at.strategy_manager, &strategies).await?;
        let delegation = (
            at.strategy_manager,
            at.allocation_manager,
            at.permission_controller,
            at.pauser_registry,
            with.withdrawal_delay_blocks,
        );
        self.create(&code::DELEGATION_MANAGER, at.delegation_manager, &delegation).await?;
        let allocation = (
            at.delegation_manager,
            at.permission_controller,
            at.pauser_registry,
            with.deallocation_delay_blocks,
            with.allocation_configuration_delay_blocks,
            with.guard_blocks,
        );
        self.create(&code::ALLOCATION_MANAGER, at.allocation_manager, &allocation).await?;
        let keys = (at.permission_controller, at.allocation_manager);
        self.create(&code::KEY_REGISTRAR, at.key_registrar, &keys).await
    }

    async fn vouch(&self) -> Result<(), Error> {
        let (at, with) = (&self.deployment.contracts, &self.deployment.parameters);
        let verifier = (at.allocation_manager, at.key_registrar);
        self.create(&code::BN254_CERTIFICATE_VERIFIER, at.certificate_verifier, &verifier).await?;
        let router =
            (at.allocation_manager, at.equivocation_slasher, self.sender.address(), with.module_add_delay_blocks);
        self.create(&code::SLASH_ROUTER, at.slash_router, &router).await?;
        self.create(&code::SLASH_VAULT_FACTORY, at.slash_vault_factory, &(at.strategy_manager, at.slash_router))
            .await?;
        let apps = (at.allocation_manager, at.key_registrar, at.slash_router, at.slash_vault_factory);
        self.create(&code::APP_CONTROLLER, at.app_controller, &apps).await?;
        let lane_rules = (with.skip_delay_seconds, with.gateway_delay_seconds, U256::from(with.skip_bond_wei));
        let batches = (at.app_controller, at.certificate_verifier, at.forced_inbox, lane_rules);
        self.create(&code::BATCH_REGISTRY, at.batch_registry, &batches).await?;
        let evidence = (
            at.app_controller,
            at.batch_registry,
            at.certificate_verifier,
            at.key_registrar,
            at.slash_router,
            with.slashable_blocks(),
            with.seconds_per_block(),
        );
        self.create(&code::EQUIVOCATION_SLASHER, at.equivocation_slasher, &evidence).await?;
        let profile =
            (with.profile.words(), with.demand_limit_bytes, with.slashable_blocks(), with.seconds_per_block());
        self.create(&code::PROFILE, at.profile, &profile).await?;
        let inbox = (at.app_controller, at.batch_registry, with.inbox.words());
        self.create(&code::FORCED_INBOX, at.forced_inbox, &inbox).await?;
        let fees = (
            at.app_controller,
            at.batch_registry,
            at.certificate_verifier,
            at.key_registrar,
            parameters::FEE_DEADLINE_SECONDS,
        );
        self.create(&code::FEE_VAULT, at.fee_vault, &fees).await?;
        let bonds =
            (at.app_controller, at.batch_registry, with.bond_withdrawal_delay_seconds(), with.gateway_delay_seconds);
        self.create(&code::GATEWAY_BONDS, at.gateway_bonds, &bonds).await?;
        self.create(&code::ENDPOINTS, at.endpoints, &()).await
    }

    /// What every AVS finds there. Tokens that have a strategy of their own get no second one from the factory.
    async fn releases_and_strategies(&self) -> Result<(), Error> {
        let at = &self.deployment.contracts;
        self.create(&code::RELEASE_MANAGER, at.release_manager, &(at.permission_controller,)).await?;
        let demo_tokens = at.stakes.iter().map(|stake| stake.token);
        let taken: Vec<Address> = [at.eigen.backing, at.eigen.token].into_iter().chain(demo_tokens).collect();
        let factory = (at.strategy_manager, at.pauser_registry, self.sender.address(), taken);
        self.create(&code::STRATEGY_FACTORY, at.strategy_factory, &factory).await?;
        self.create(&code::OPEN_REGISTRAR, at.open_registrar, &()).await
    }

    /// The local cloud's tokens, each with its strategy.
    async fn stakes(&self) -> Result<(), Error> {
        let at = &self.deployment.contracts;
        let creation_order = |created: fn(&Stake) -> Address| {
            let first = self.deployment.first_nonce;
            let addresses = (first..first + 32).map(|nonce| self.deployment.deployer.create(nonce));
            addresses.filter_map(move |address| at.stakes.iter().find(|stake| created(stake) == address))
        };
        for stake in creation_order(|stake| stake.token) {
            let names = (format!("Demo token {}", stake.symbol), stake.symbol.clone());
            self.create(&code::DEMO_TOKEN, stake.token, &names).await?;
        }
        for stake in creation_order(|stake| stake.strategy) {
            let strategy = (at.strategy_manager, stake.token, at.pauser_registry);
            self.create(&code::STRATEGY_BASE, stake.strategy, &strategy).await?;
        }
        Ok(())
    }

    /// Lets stakers deposit into every strategy of the manifest. Only the factory can, and only its owner can make it.
    async fn open_for_deposits(&self) -> Result<(), Error> {
        let at = &self.deployment.contracts;
        let mut strategies = Vec::new();
        for stake in at.stakes_with_eigen() {
            let open = strategy_manager::strategyIsWhitelistedForDepositCall { strategy: stake.strategy };
            if !self.sender.chain().latest_call(at.strategy_manager, &open).await? {
                strategies.push(stake.strategy);
            }
        }
        if strategies.is_empty() {
            return Ok(());
        }
        let call = strategy_factory::whitelistStrategiesCall { strategies };
        self.sender.send_and_confirm(at.strategy_factory, call.abi_encode().into(), "whitelistStrategies").await?;
        Ok(())
    }

    /// Creates one contract at its computed address unless it stands there.
    async fn create<A: SolValue>(&self, artifact: &Artifact, address: Address, arguments: &A) -> Result<(), Error>
    where
        for<'a> <A::SolType as SolType>::Token<'a>: TokenSeq<'a>,
    {
        if !self.sender.chain().latest_code(address).await?.is_empty() {
            return Ok(());
        }
        let nonce = self.sender.mined_nonce().await?;
        if self.deployment.deployer.create(nonce) != address {
            let detail = format!("the deployer's nonce {nonce} is not the one that {address} was computed from");
            return Err(Error::inconsistent(artifact.name, detail));
        }
        let code: Bytes = artifact
            .creation_code(arguments)
            .ok_or_else(|| Error::inconsistent(artifact.name, "its constructor takes other arguments"))?;
        let created = self.sender.create_and_confirm(code, artifact.name).await?.created;
        if created != Some(address) {
            return Err(Error::inconsistent(artifact.name, format!("it was created elsewhere than at {address}")));
        }
        Ok(())
    }
}
