//! The first generation of EIGEN: the token that forks, its wrapper, and the escrow that holds what is staked.

use alloy_primitives::{Address, U256};

use super::Deployer;
use crate::artifacts as code;
use crate::error::Error;

/// A fork's is one more than that of what it forked from.
const FIRST_GENERATION: U256 = U256::ONE;
/// Nobody can end wrapping, and so nobody can fork this generation: it says so by this address.
const NO_CHALLENGE_VAULT: Address = Address::ZERO;

impl Deployer<'_> {
    /// In an order in which each constructor can ask those before it. The deployer gets the whole supply of bEIGEN.
    pub(super) async fn eigen(&self) -> Result<(), Error> {
        let (at, with) = (&self.deployment.contracts, &self.deployment.parameters);
        let eigen = &at.eigen;
        let backing = (FIRST_GENERATION, self.sender.address(), with.eigen.supply());
        self.create(&code::BACKING_EIGEN, eigen.backing, &backing).await?;
        self.create(&code::EIGEN, eigen.token, &(eigen.backing, NO_CHALLENGE_VAULT)).await?;
        let rules = (with.eigen.times.words(), with.eigen.shares.words());
        self.create(&code::FORK_PARAMETERS, eigen.fork_parameters, &rules).await?;
        let escrow = (
            eigen.strategy,
            eigen.backing,
            eigen.fork_parameters,
            at.delegation_manager,
            with.escrow_lag_blocks(),
            with.seconds_per_block(),
        );
        self.create(&code::ESCROW, eigen.escrow, &escrow).await?;
        let strategy = (at.strategy_manager, eigen.token, eigen.escrow, at.pauser_registry);
        self.create(&code::EIGEN_STRATEGY, eigen.strategy, &strategy).await
    }
}
