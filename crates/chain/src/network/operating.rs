//! What an operator does for sets of any AVS, prepared as actions, and how its stake is bound.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolValue;
use vouch_core::bls::SecretKey;

use super::operators::key_data;
use super::{Action, Network, OperatorSet};
use crate::bindings::allocation_manager::{self, IAllocationManagerTypes};
use crate::bindings::{delegation_manager, key_registrar};
use crate::error::Error;
use crate::finalized::Finalized;

/// How much of an operator's magnitude in one strategy is bound to one set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetAllocation {
    pub set: OperatorSet,
    /// Slashable now, of [`super::WHOLE_MAGNITUDE`].
    pub magnitude: u64,
    /// What is added (taken away, where negative) from the block on.
    pub pending: Option<(i128, u32)>,
}

/// An operator's stake in one strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorStake {
    pub strategy: Address,
    /// Delegated to it, its own included.
    pub shares: U256,
    /// What slashing has left of its magnitude, of [`super::WHOLE_MAGNITUDE`].
    pub max_magnitude: u64,
    /// What can be allocated at once.
    pub allocatable: u64,
    pub allocations: Vec<SetAllocation>,
}

/// An operator as one block has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorStatus {
    /// Who must sign for each delegation; none if nobody has to.
    pub approver: Option<Address>,
    /// Blocks; none before the first one has taken effect.
    pub allocation_delay: Option<u32>,
    pub stakes: Vec<OperatorStake>,
    /// The sets it is a member of.
    pub sets: Vec<OperatorSet>,
}

/// An operator's signing key for a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetKey {
    pub set: OperatorSet,
    /// None where it has registered none.
    pub hash: Option<B256>,
}

impl From<OperatorSet> for key_registrar::OperatorSet {
    fn from(set: OperatorSet) -> Self {
        Self { avs: set.avs, id: set.id }
    }
}

impl From<allocation_manager::OperatorSet> for OperatorSet {
    fn from(set: allocation_manager::OperatorSet) -> Self {
        Self { avs: set.avs, id: set.id }
    }
}

impl Network {
    /// Makes the sender an operator. Its allocation delay starts at the withdrawal delay whatever is asked for.
    #[must_use]
    pub fn register_operator_action(&self, approver: Address, allocation_delay: u32, metadata_uri: &str) -> Action {
        let call = delegation_manager::registerAsOperatorCall {
            initDelegationApprover: approver,
            allocationDelay: allocation_delay,
            metadataURI: metadata_uri.to_owned(),
        };
        Action::new(self.contracts().delegation_manager, &call, 250_000)
    }

    #[must_use]
    pub fn operator_approver_action(&self, operator: Address, approver: Address) -> Action {
        let call = delegation_manager::modifyOperatorDetailsCall { operator, newDelegationApprover: approver };
        Action::new(self.contracts().delegation_manager, &call, 60_000)
    }

    #[must_use]
    pub fn operator_metadata_action(&self, operator: Address, uri: &str) -> Action {
        let call = delegation_manager::updateOperatorMetadataURICall { operator, metadataURI: uri.to_owned() };
        Action::new(self.contracts().delegation_manager, &call, 60_000)
    }

    /// Asks for another allocation delay, which holds once the configuration delay has passed.
    #[must_use]
    pub fn allocation_delay_action(&self, operator: Address, blocks: u32) -> Action {
        let call = allocation_manager::setAllocationDelayCall { operator, delay: blocks };
        Action::new(self.contracts().allocation_manager, &call, 80_000)
    }

    /// Sets the operator's magnitude for a set in each strategy.
    #[must_use]
    pub fn allocation_change(
        &self,
        operator: Address,
        set: OperatorSet,
        strategies: &[Address],
        magnitude: u64,
    ) -> Action {
        let params = IAllocationManagerTypes::AllocateParams {
            operatorSet: set.into(),
            strategies: strategies.to_vec(),
            newMagnitudes: vec![magnitude; strategies.len()],
        };
        let call = allocation_manager::modifyAllocationsCall { operator, params: vec![params] };
        Action::new(self.contracts().allocation_manager, &call, 100_000 + 120_000 * strategies.len() as u64)
    }

    #[must_use]
    pub fn join_action(&self, operator: Address, set: OperatorSet) -> Action {
        let params =
            IAllocationManagerTypes::RegisterParams { avs: set.avs, operatorSetIds: vec![set.id], data: Bytes::new() };
        let call = allocation_manager::registerForOperatorSetsCall { operator, params };
        Action::new(self.contracts().allocation_manager, &call, 250_000)
    }

    #[must_use]
    pub fn leave_action(&self, operator: Address, set: OperatorSet) -> Action {
        let params = IAllocationManagerTypes::DeregisterParams { operator, avs: set.avs, operatorSetIds: vec![set.id] };
        let call = allocation_manager::deregisterFromOperatorSetsCall { params };
        Action::new(self.contracts().allocation_manager, &call, 400_000)
    }

    /// Registers the operator's BLS key for a set, or puts another in its place, with the proof that it has the secret.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn key_action(
        &self,
        operator: Address,
        set: OperatorSet,
        secret: &SecretKey,
        rotate: bool,
    ) -> Result<Action, Error> {
        let (registrar, key_data) = (self.contracts().key_registrar, key_data(secret));
        let call = key_registrar::getBN254KeyRegistrationMessageHashCall {
            operator,
            operatorSet: set.into(),
            keyData: key_data.clone(),
        };
        let digest = self.chain.latest_call(registrar, &call).await?;
        let signature: Bytes = secret.sign(digest).to_words().abi_encode().into();
        Ok(if rotate {
            let call =
                key_registrar::rotateKeyCall { operator, operatorSet: set.into(), newKeyData: key_data, signature };
            Action::new(registrar, &call, 350_000)
        } else {
            let call =
                key_registrar::registerKeyCall { operator, operatorSet: set.into(), keyData: key_data, signature };
            Action::new(registrar, &call, 350_000)
        })
    }

    /// The operator's keys for the sets it is in.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn keys_of(
        &self,
        view: &Finalized,
        operator: Address,
        sets: &[OperatorSet],
    ) -> Result<Vec<SetKey>, Error> {
        let mut keys = Vec::with_capacity(sets.len());
        for set in sets {
            let call = key_registrar::getKeyHashCall { operatorSet: (*set).into(), operator };
            let hash = view.call(self.contracts().key_registrar, &call).await?;
            keys.push(SetKey { set: *set, hash: (hash != B256::ZERO).then_some(hash) });
        }
        Ok(keys)
    }

    /// The sets that the operator is a member of.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn sets_joined(&self, view: &Finalized, operator: Address) -> Result<Vec<OperatorSet>, Error> {
        let call = allocation_manager::getRegisteredSetsCall { operator };
        let sets = view.call(self.contracts().allocation_manager, &call).await?;
        Ok(sets.into_iter().map(Into::into).collect())
    }

    /// How an operator stands in the strategies.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn operator_status(
        &self,
        view: &Finalized,
        operator: Address,
        strategies: &[Address],
    ) -> Result<OperatorStatus, Error> {
        let mut stakes = Vec::with_capacity(strategies.len());
        for strategy in strategies {
            stakes.push(self.operator_stake(view, operator, *strategy).await?);
        }
        Ok(OperatorStatus {
            approver: self.delegation_approver(view, operator).await?,
            allocation_delay: self.allocation_delay(view, operator).await?,
            stakes,
            sets: self.sets_joined(view, operator).await?,
        })
    }

    async fn operator_stake(
        &self,
        view: &Finalized,
        operator: Address,
        strategy: Address,
    ) -> Result<OperatorStake, Error> {
        let manager = self.contracts().allocation_manager;
        let max = view.call(manager, &allocation_manager::getMaxMagnitudeCall { operator, strategy }).await?;
        let free = allocation_manager::getAllocatableMagnitudeCall { operator, strategy };
        let listed = allocation_manager::getStrategyAllocationsCall { operator, strategy };
        let listed = view.call(manager, &listed).await?;
        let allocations = listed._0.into_iter().zip(listed._1).map(|(set, allocation)| SetAllocation {
            set: set.into(),
            magnitude: allocation.currentMagnitude,
            pending: (allocation.pendingDiff != 0).then_some((allocation.pendingDiff, allocation.effectBlock)),
        });
        // The contract lists the sets that the operator has allocated anything to, in whichever strategy.
        let allocations = allocations.filter(|bound| bound.magnitude != 0 || bound.pending.is_some());
        Ok(OperatorStake {
            strategy,
            shares: self.operator_shares(view, operator, strategy).await?,
            max_magnitude: max,
            allocatable: view.call(manager, &free).await?,
            allocations: allocations.collect(),
        })
    }
}
