//! Operators: registration, allocations, keys and sets.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolValue;
use vouch_core::bls::{PublicKeyG1, PublicKeyG2, SecretKey};

use super::{Network, OperatorSet};
use crate::bindings::{allocation_manager, delegation_manager, key_registrar};
use crate::convert;
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::Sender;

/// An operator's whole magnitude in a strategy.
pub const WHOLE_MAGNITUDE: u64 = 1_000_000_000_000_000_000;

/// How far an allocation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    None,
    /// Holds from this block on.
    Pending {
        effect_block: u64,
    },
    Effective,
}

impl Network {
    /// Registers the sender as an operator without an approver. Its allocation delay starts at the withdrawal delay
    /// whatever is asked for; a smaller one comes after the configuration delay.
    ///
    /// # Errors
    /// [`Error::Reverted`] when it is one already.
    pub async fn register_operator(
        &self,
        sender: &Sender,
        allocation_delay_blocks: u32,
        metadata_uri: &str,
    ) -> Result<(), Error> {
        let call = delegation_manager::registerAsOperatorCall {
            initDelegationApprover: Address::ZERO,
            allocationDelay: allocation_delay_blocks,
            metadataURI: metadata_uri.to_owned(),
        };
        self.act(sender, self.contracts().delegation_manager, call).await?;
        Ok(())
    }

    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn is_operator(&self, view: &Finalized, operator: Address) -> Result<bool, Error> {
        view.call(self.contracts().delegation_manager, &delegation_manager::isOperatorCall { operator }).await
    }

    /// Whether the account is an operator in the newest block: for whoever registers, and for no decision.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn is_operator_now(&self, operator: Address) -> Result<bool, Error> {
        let call = delegation_manager::isOperatorCall { operator };
        self.chain.latest_call(self.contracts().delegation_manager, &call).await
    }

    /// Everybody who has registered as an operator, in that order.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn operators(&self, view: &Finalized) -> Result<Vec<Address>, Error> {
        let manager = self.contracts().delegation_manager;
        let (from, to) = (self.deployment.start_block, view.block().number);
        let events = view.events::<delegation_manager::OperatorRegistered>(manager, from, to).await?;
        Ok(events.into_iter().map(|event| event.operator).collect())
    }

    /// Asks for another allocation delay, which holds once the configuration delay has passed.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the sender is no operator.
    pub async fn set_allocation_delay(&self, sender: &Sender, delay_blocks: u32) -> Result<(), Error> {
        let call = allocation_manager::setAllocationDelayCall { operator: sender.address(), delay: delay_blocks };
        self.act(sender, self.contracts().allocation_manager, call).await?;
        Ok(())
    }

    /// The operator's allocation delay in blocks; none if it has none yet.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn allocation_delay(&self, view: &Finalized, operator: Address) -> Result<Option<u32>, Error> {
        let call = allocation_manager::getAllocationDelayCall { operator };
        let answer = view.call(self.contracts().allocation_manager, &call).await?;
        Ok(answer.isSet.then_some(answer.delay))
    }

    /// The allocation delay as of the newest block: for whoever sets a machine up, and for no decision.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn allocation_delay_now(&self, operator: Address) -> Result<Option<u32>, Error> {
        let call = allocation_manager::getAllocationDelayCall { operator };
        let found = self.chain.latest_call(self.contracts().allocation_manager, &call).await?;
        Ok(found.isSet.then_some(found.delay))
    }

    /// Sets the sender's magnitude for an app in each strategy ([`WHOLE_MAGNITUDE`] is all). Returns the block from
    /// which the change holds; an increase waits for the allocation delay and the guard.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the magnitude is taken or a change is under way.
    pub async fn allocate(
        &self,
        sender: &Sender,
        operator_set_id: u32,
        strategies: &[Address],
        magnitude: u64,
    ) -> Result<u64, Error> {
        let manager = self.contracts().allocation_manager;
        let parameters = allocation_manager::IAllocationManagerTypes::AllocateParams {
            operatorSet: self.allocation_set(operator_set_id),
            strategies: strategies.to_vec(),
            newMagnitudes: vec![magnitude; strategies.len()],
        };
        let call = allocation_manager::modifyAllocationsCall { operator: sender.address(), params: vec![parameters] };
        let confirmed = self.act(sender, manager, call).await?;
        let event = Self::event_of::<allocation_manager::AllocationUpdated>(&confirmed, manager)?;
        Ok(u64::from(event.effectBlock))
    }

    /// What of the operator's shares is slashable in each strategy from the view's block to `blocks` later.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn slashable_stake(
        &self,
        view: &Finalized,
        operator_set_id: u32,
        operator: Address,
        strategies: &[Address],
        blocks: u32,
    ) -> Result<Vec<U256>, Error> {
        let future_block = u32::try_from(view.block().number).unwrap_or(u32::MAX).saturating_add(blocks);
        let call = allocation_manager::getMinimumSlashableStakeCall {
            operatorSet: self.allocation_set(operator_set_id),
            operators: vec![operator],
            strategies: strategies.to_vec(),
            futureBlock: future_block,
        };
        let mut stakes = view.call(self.contracts().allocation_manager, &call).await?;
        stakes.pop().ok_or_else(|| Error::inconsistent("getMinimumSlashableStake", "it names no operator"))
    }

    /// What the operator has allocated to an app in the first of `strategies` in which it has allocated something.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn allocation(
        &self,
        view: &Finalized,
        operator_set_id: u32,
        operator: Address,
        strategies: &[Address],
    ) -> Result<Allocation, Error> {
        for strategy in strategies {
            let operator_set = self.allocation_set(operator_set_id);
            let call =
                allocation_manager::getAllocationCall { operator, operatorSet: operator_set, strategy: *strategy };
            let allocation = view.call(self.contracts().allocation_manager, &call).await?;
            if allocation.currentMagnitude != 0 {
                return Ok(Allocation::Effective);
            }
            if allocation.pendingDiff != 0 {
                return Ok(Allocation::Pending { effect_block: u64::from(allocation.effectBlock) });
            }
        }
        Ok(Allocation::None)
    }

    /// Registers the sender's BLS key for an app's set, with the proof that it has the secret.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the key, or one for this set, is registered already.
    pub async fn register_key(&self, sender: &Sender, operator_set_id: u32, secret: &SecretKey) -> Result<(), Error> {
        let registrar = self.contracts().key_registrar;
        let operator_set = self.key_set(operator_set_id);
        let key_data = key_data(secret);
        let digest_call = key_registrar::getBN254KeyRegistrationMessageHashCall {
            operator: sender.address(),
            operatorSet: operator_set.clone(),
            keyData: key_data.clone(),
        };
        let digest = self.chain.latest_call(registrar, &digest_call).await?;
        let call = key_registrar::registerKeyCall {
            operator: sender.address(),
            operatorSet: operator_set,
            keyData: key_data,
            signature: secret.sign(digest).to_words().abi_encode().into(),
        };
        self.act(sender, registrar, call).await?;
        Ok(())
    }

    /// The operator's key for an app's set; none if it has none.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] when what is recorded is no key.
    pub async fn key_of(
        &self,
        view: &Finalized,
        operator_set_id: u32,
        operator: Address,
    ) -> Result<Option<(PublicKeyG1, PublicKeyG2)>, Error> {
        let registrar = self.contracts().key_registrar;
        let operator_set = self.key_set(operator_set_id);
        let registered = key_registrar::isRegisteredCall { operatorSet: operator_set.clone(), operator };
        if !view.call(registrar, &registered).await? {
            return Ok(None);
        }
        let keys =
            view.call(registrar, &key_registrar::getBN254KeyCall { operatorSet: operator_set, operator }).await?;
        let (g1, g2) = (keys.g1Point, keys.g2Point);
        Ok(Some((convert::key_g1(g1.X, g1.Y)?, convert::key_g2(g2.X, g2.Y)?)))
    }

    /// Makes the sender a member of an app's set. It needs a key, and enough stake slashable for the profile's whole time.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming what is missing.
    pub async fn join_set(&self, sender: &Sender, operator_set_id: u32) -> Result<(), Error> {
        self.join_set_of(sender, OperatorSet { avs: self.contracts().app_controller, id: operator_set_id }).await
    }

    /// Makes the sender a member of a set of any AVS, whose registrar may refuse it.
    ///
    /// # Errors
    /// [`Error::Reverted`] with what the registrar has against it.
    pub async fn join_set_of(&self, sender: &Sender, set: OperatorSet) -> Result<(), Error> {
        let parameters = allocation_manager::IAllocationManagerTypes::RegisterParams {
            avs: set.avs,
            operatorSetIds: vec![set.id],
            data: Bytes::new(),
        };
        let call = allocation_manager::registerForOperatorSetsCall { operator: sender.address(), params: parameters };
        self.act(sender, self.contracts().allocation_manager, call).await?;
        Ok(())
    }

    /// The members of an app's set.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn members(&self, view: &Finalized, operator_set_id: u32) -> Result<Vec<Address>, Error> {
        let call = allocation_manager::getMembersCall { operatorSet: self.allocation_set(operator_set_id) };
        view.call(self.contracts().allocation_manager, &call).await
    }

    pub(super) fn allocation_set(&self, id: u32) -> allocation_manager::OperatorSet {
        allocation_manager::OperatorSet { avs: self.contracts().app_controller, id }
    }

    fn key_set(&self, id: u32) -> key_registrar::OperatorSet {
        key_registrar::OperatorSet { avs: self.contracts().app_controller, id }
    }
}

/// Six words: the key on G1, then on G2.
pub(super) fn key_data(secret: &SecretKey) -> Bytes {
    let key = secret.public_key();
    [key.g1().to_words().abi_encode(), key.g2().to_words().abi_encode()].concat().into()
}
