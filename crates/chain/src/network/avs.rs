//! What an AVS decides about its operator sets, and how its slasher slashes.

use alloy_primitives::{Address, U256};

use super::{Action, Network};
use crate::bindings::allocation_manager::{self, IAllocationManagerTypes};
use crate::bindings::strategy_manager;
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::{Confirmed, Sender};

/// The most sets of one AVS that are listed.
const SETS_MAX: usize = 64;

/// An operator set of any AVS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperatorSet {
    pub avs: Address,
    pub id: u32,
}

impl From<OperatorSet> for allocation_manager::OperatorSet {
    fn from(set: OperatorSet) -> Self {
        Self { avs: set.avs, id: set.id }
    }
}

/// A set to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSet {
    pub set: OperatorSet,
    pub strategies: Vec<Address>,
    /// Who may slash; changes only after the configuration delay.
    pub slasher: Address,
    /// Who gets slashed stake, for ever; it burns if nobody does.
    pub redistribution_recipient: Option<Address>,
}

/// What is known of an AVS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avs {
    /// Asked when operators join; the AVS itself until it names another.
    pub registrar: Address,
    pub set_count: U256,
}

/// What is known of an operator set, changes whose block has come included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetInfo {
    /// Each with the block at which it leaves, if it does.
    pub strategies: Vec<(Address, Option<u32>)>,
    pub slasher: Address,
    /// The slasher to come and its block.
    pub pending_slasher: Option<(Address, u32)>,
    /// None: slashed stake burns.
    pub redistribution_recipient: Option<Address>,
    pub member_count: U256,
    pub slash_count: U256,
}

/// What a slash took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetSlash {
    /// Counts from 1 per set.
    pub slash_id: U256,
    /// Per strategy, the part of the operator's max magnitude that was taken, in 1e18.
    pub wad_slashed: Vec<U256>,
}

impl Network {
    /// Says where the AVS describes itself; an AVS needs that before its first set.
    #[must_use]
    pub fn update_avs_metadata(&self, avs: Address, uri: &str) -> Action {
        let call = allocation_manager::updateAVSMetadataURICall { avs, metadataURI: uri.to_owned() };
        self.allocation_action(&call, 60_000)
    }

    /// Names who is asked when operators join.
    #[must_use]
    pub fn set_avs_registrar(&self, avs: Address, registrar: Address) -> Action {
        self.allocation_action(&allocation_manager::setAVSRegistrarCall { avs, registrar }, 60_000)
    }

    /// Makes an operator set.
    #[must_use]
    pub fn create_set(&self, new: &NewSet) -> Action {
        let set = IAllocationManagerTypes::CreateSetParamsV2 {
            operatorSetId: new.set.id,
            strategies: new.strategies.clone(),
            slasher: new.slasher,
        };
        let (avs, params) = (new.set.avs, vec![set]);
        let gas = 150_000 + 80_000 * new.strategies.len() as u64;
        match new.redistribution_recipient {
            None => self.allocation_action(&allocation_manager::createOperatorSets_1Call { avs, params }, gas),
            Some(recipient) => {
                let call = allocation_manager::createRedistributingOperatorSets_1Call {
                    avs,
                    params,
                    redistributionRecipients: vec![recipient],
                };
                self.allocation_action(&call, gas)
            }
        }
    }

    /// Adds strategies to a set, at once.
    #[must_use]
    pub fn add_strategies(&self, set: OperatorSet, strategies: &[Address]) -> Action {
        let call = allocation_manager::addStrategiesToOperatorSetCall {
            avs: set.avs,
            operatorSetId: set.id,
            strategies: strategies.to_vec(),
        };
        self.allocation_action(&call, 60_000 + 80_000 * strategies.len() as u64)
    }

    /// Makes strategies leave a set after the deallocation delay, until when their stake is slashable as before.
    #[must_use]
    pub fn remove_strategies(&self, set: OperatorSet, strategies: &[Address]) -> Action {
        let call = allocation_manager::removeStrategiesFromOperatorSetCall {
            avs: set.avs,
            operatorSetId: set.id,
            strategies: strategies.to_vec(),
        };
        self.allocation_action(&call, 60_000 + 60_000 * strategies.len() as u64)
    }

    /// Names a set's next slasher, who takes over after the configuration delay.
    #[must_use]
    pub fn update_slasher(&self, set: OperatorSet, slasher: Address) -> Action {
        let call = allocation_manager::updateSlasherCall { operatorSet: set.into(), slasher };
        self.allocation_action(&call, 90_000)
    }

    /// Takes `wads` (parts of 1e18 of what the operator has allocated) in `strategies`, which ascend. Only the slasher.
    #[must_use]
    pub fn slash_set_member(
        &self,
        set: OperatorSet,
        operator: Address,
        strategies: &[Address],
        wads: &[U256],
        description: &str,
    ) -> Action {
        let params = IAllocationManagerTypes::SlashingParams {
            operator,
            operatorSetId: set.id,
            strategies: strategies.to_vec(),
            wadsToSlash: wads.to_vec(),
            description: description.to_owned(),
        };
        let call = allocation_manager::slashOperatorCall { avs: set.avs, params };
        self.allocation_action(&call, 150_000 + 200_000 * strategies.len() as u64)
    }

    /// Burns what a slash took, or sends it to the set's recipient, once its resolution delay has passed. Anyone may.
    #[must_use]
    pub fn resolve_slash(&self, set: OperatorSet, slash_id: U256) -> Action {
        let call = strategy_manager::clearBurnOrRedistributableSharesCall {
            operatorSet: strategy_manager::OperatorSet { avs: set.avs, id: set.id },
            slashId: slash_id,
        };
        Action::new(self.contracts().strategy_manager, &call, 250_000)
    }

    /// What the slash in `confirmed` took from the set's member.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] when there was no slash; fails when the endpoint does not answer.
    pub async fn set_slash_of(&self, set: OperatorSet, confirmed: &[Confirmed]) -> Result<SetSlash, Error> {
        let manager = self.contracts().allocation_manager;
        let mut events = confirmed.iter().filter_map(|done| done.event::<allocation_manager::OperatorSlashed>(manager));
        let event = events.next().ok_or_else(|| Error::inconsistent("OperatorSlashed", "the event is missing"))?;
        let count = allocation_manager::getSlashCountCall { operatorSet: set.into() };
        Ok(SetSlash { slash_id: self.chain.latest_call(manager, &count).await?, wad_slashed: event.wadSlashed })
    }

    /// Allocates the sender's magnitude to a set of any AVS; the block from which it holds.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the magnitude is taken or a change is under way.
    pub async fn allocate_for(
        &self,
        sender: &Sender,
        operator: Address,
        set: OperatorSet,
        strategies: &[Address],
        magnitude: u64,
    ) -> Result<u64, Error> {
        let params = IAllocationManagerTypes::AllocateParams {
            operatorSet: set.into(),
            strategies: strategies.to_vec(),
            newMagnitudes: vec![magnitude; strategies.len()],
        };
        let call = allocation_manager::modifyAllocationsCall { operator, params: vec![params] };
        let manager = self.contracts().allocation_manager;
        let confirmed = self.act(sender, manager, call).await?;
        let event = Self::event_of::<allocation_manager::AllocationUpdated>(&confirmed, manager)?;
        Ok(u64::from(event.effectBlock))
    }

    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn avs(&self, view: &Finalized, avs: Address) -> Result<Avs, Error> {
        let manager = self.contracts().allocation_manager;
        Ok(Avs {
            registrar: view.call(manager, &allocation_manager::getAVSRegistrarCall { avs }).await?,
            set_count: view.call(manager, &allocation_manager::getOperatorSetCountCall { avs }).await?,
        })
    }

    /// The first [`SETS_MAX`] sets of an AVS, in the order in which they were made.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn sets_of(&self, view: &Finalized, avs: Address) -> Result<Vec<(u32, SetInfo)>, Error> {
        let (from, to) = (self.deployment().start_block, view.block().number);
        let manager = self.contracts().allocation_manager;
        let events = view.events::<allocation_manager::OperatorSetCreated>(manager, from, to).await?;
        let own = events.into_iter().map(|event| event.operatorSet).filter(|set| set.avs == avs);
        let mut sets = Vec::new();
        for id in own.map(|set| set.id).take(SETS_MAX) {
            let info = self.set_info(view, OperatorSet { avs, id }).await?;
            sets.push((id, info.ok_or_else(|| Error::inconsistent("isOperatorSet", "a set that was made is gone"))?));
        }
        Ok(sets)
    }

    /// What a set is; none if there is no such set.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn set_info(&self, view: &Finalized, set: OperatorSet) -> Result<Option<SetInfo>, Error> {
        use allocation_manager::{
            getMemberCountCall, getPendingSlasherCall, getRedistributionRecipientCall, getSlashCountCall,
            getSlasherCall, getStrategiesInOperatorSetCall, isOperatorSetCall, isRedistributingOperatorSetCall,
        };
        let (manager, operator_set) = (self.contracts().allocation_manager, allocation_manager::OperatorSet::from(set));
        let named = || operator_set.clone();
        if !view.call(manager, &isOperatorSetCall { operatorSet: named() }).await? {
            return Ok(None);
        }
        let listed = view.call(manager, &getStrategiesInOperatorSetCall { operatorSet: named() }).await?;
        let mut strategies = Vec::with_capacity(listed.len());
        for strategy in listed {
            let leaving = allocation_manager::getStrategyRemovalBlockCall { operatorSet: named(), strategy };
            let block = view.call(manager, &leaving).await?;
            strategies.push((strategy, (block != 0).then_some(block)));
        }
        let redistributes = view.call(manager, &isRedistributingOperatorSetCall { operatorSet: named() }).await?;
        let recipient = view.call(manager, &getRedistributionRecipientCall { operatorSet: named() }).await?;
        let pending = view.call(manager, &getPendingSlasherCall { operatorSet: named() }).await?;
        Ok(Some(SetInfo {
            strategies,
            slasher: view.call(manager, &getSlasherCall { operatorSet: named() }).await?,
            pending_slasher: (pending._1 != 0).then_some((pending._0, pending._1)),
            redistribution_recipient: redistributes.then_some(recipient),
            member_count: view.call(manager, &getMemberCountCall { operatorSet: named() }).await?,
            slash_count: view.call(manager, &getSlashCountCall { operatorSet: named() }).await?,
        }))
    }

    fn allocation_action<C: alloy_sol_types::SolCall>(&self, call: &C, usual_gas: u64) -> Action {
        Action::new(self.contracts().allocation_manager, call, usual_gas)
    }
}
