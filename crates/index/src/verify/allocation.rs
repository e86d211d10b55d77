//! Operator sets, memberships and magnitudes.

use alloy_primitives::Address;
use vouch_chain::bindings::allocation_manager;

use super::Check;
use crate::error::Error;
use crate::field::Field;
use crate::rows::{Allocation, Avs, Member, Operator, OperatorSet, SetStrategy};
use crate::store::Select;

/// Where the stake of a set without a recipient goes: the AllocationManager's burn address.
const BURN_ADDRESS: Address = alloy_primitives::address!("00000000000000000000000000000000000E16E4");

impl Check<'_> {
    pub(super) async fn allocation(&mut self) -> Result<(), Error> {
        for_each_row!(self, Avs, avs);
        for_each_row!(self, OperatorSet, set);
        for_each_row!(self, Member, member);
        for_each_row!(self, Operator, sets_of);
        for_each_row!(self, Allocation, allocation_row);
        Ok(())
    }

    async fn avs(&mut self, row: &Avs) -> Result<(), Error> {
        let (avs, key) = (row.avs, (row.avs,));
        let count = self.allocation_manager(allocation_manager::getOperatorSetCountCall { avs }).await?;
        self.same::<Avs, _>(&key, "sets", row.sets, count.saturating_to());
        let registrar = self.allocation_manager(allocation_manager::getAVSRegistrarCall { avs }).await?;
        let own = if row.registrar.is_zero() { avs } else { row.registrar };
        self.same::<Avs, _>(&key, "registrar", own, registrar);
        Ok(())
    }

    async fn set(&mut self, row: &OperatorSet) -> Result<(), Error> {
        let key = (row.avs, row.set_id);
        let set = || allocation_manager::OperatorSet { avs: row.avs, id: row.set_id };
        let slasher = self.allocation_manager(allocation_manager::getSlasherCall { operatorSet: set() }).await?;
        let own = row.slasher_at(self.block());
        self.same::<OperatorSet, _>(&key, "slasher", own.current, slasher);
        let pending = self.allocation_manager(allocation_manager::getPendingSlasherCall { operatorSet: set() }).await?;
        let own = own.pending.unwrap_or_default();
        self.same::<OperatorSet, _>(&key, "pending_slasher", own, (pending._0, u64::from(pending._1)));
        let call = allocation_manager::getRedistributionRecipientCall { operatorSet: set() };
        let recipient = self.allocation_manager(call).await?;
        let own = if row.recipient.is_zero() { BURN_ADDRESS } else { row.recipient };
        self.same::<OperatorSet, _>(&key, "recipient", own, recipient);
        let slashes = self.allocation_manager(allocation_manager::getSlashCountCall { operatorSet: set() }).await?;
        self.same::<OperatorSet, _>(&key, "slashes", row.slashes, slashes.saturating_to());
        self.strategies_of(row).await?;
        self.members_of(row).await
    }

    async fn strategies_of(&mut self, row: &OperatorSet) -> Result<(), Error> {
        let key = (row.avs, row.set_id);
        let operator_set = allocation_manager::OperatorSet { avs: row.avs, id: row.set_id };
        let call = allocation_manager::getStrategiesInOperatorSetCall { operatorSet: operator_set.clone() };
        let chain = self.allocation_manager(call).await?;
        let of_set = Select::all().equal("avs", row.avs.cell()).equal("set_id", row.set_id.cell());
        let listed: Vec<SetStrategy> = self.reader.page(&of_set).await?;
        let own = listed.iter().filter(|listed| listed.is_in_set_at(self.block())).map(|listed| listed.strategy);
        let own: Vec<_> = own.collect();
        self.same_list::<OperatorSet, _>(&key, "strategies", own, chain);
        for listed in listed {
            let strategy = listed.strategy;
            let call = allocation_manager::getStrategyRemovalBlockCall { operatorSet: operator_set.clone(), strategy };
            let removal = self.allocation_manager(call).await?;
            let key = (row.avs, row.set_id, strategy);
            self.same::<SetStrategy, _>(&key, "removal_block", listed.removal_block, u64::from(removal));
        }
        Ok(())
    }

    async fn members_of(&mut self, row: &OperatorSet) -> Result<(), Error> {
        let operator_set = allocation_manager::OperatorSet { avs: row.avs, id: row.set_id };
        let chain = self.allocation_manager(allocation_manager::getMembersCall { operatorSet: operator_set }).await?;
        let mut own = Vec::new();
        let mut select =
            Select::all().equal("avs", row.avs.cell()).equal("set_id", row.set_id.cell()).order("operator");
        loop {
            let page: Vec<Member> = self.reader.page(&select).await?;
            own.extend(page.iter().filter(|member| member.registered).map(|member| member.operator));
            let Some(last) = page.last() else { break };
            select = select.after(Some(vec![last.operator.cell()]));
        }
        self.same_list::<OperatorSet, _>(&(row.avs, row.set_id), "members", own, chain);
        Ok(())
    }

    async fn member(&mut self, row: &Member) -> Result<(), Error> {
        let operator_set = allocation_manager::OperatorSet { avs: row.avs, id: row.set_id };
        let call = allocation_manager::isOperatorSlashableCall { operator: row.operator, operatorSet: operator_set };
        let slashable = self.allocation_manager(call).await?;
        let own = row.is_slashable_at(self.block(), self.deallocation_delay);
        self.same::<Member, _>(&(row.avs, row.set_id, row.operator), "slashable", own, slashable);
        Ok(())
    }

    /// Every allocation and membership that the contract lists must be here.
    async fn sets_of(&mut self, row: &Operator) -> Result<(), Error> {
        let operator = row.operator;
        let allocated = self.allocation_manager(allocation_manager::getAllocatedSetsCall { operator }).await?;
        for operator_set in allocated {
            let (avs, set_id) = (operator_set.avs, operator_set.id);
            let call = allocation_manager::getAllocatedStrategiesCall { operator, operatorSet: operator_set };
            for strategy in self.allocation_manager(call).await? {
                let key = (operator, avs, set_id, strategy);
                let known = self.reader.get::<Allocation>(&key).await?.is_some();
                self.same::<Allocation, _>(&key, "exists", known, true);
            }
        }
        let registered = self.allocation_manager(allocation_manager::getRegisteredSetsCall { operator }).await?;
        for operator_set in registered {
            let key = (operator_set.avs, operator_set.id, operator);
            let known = self.reader.get::<Member>(&key).await?.is_some_and(|member| member.registered);
            self.same::<Member, _>(&key, "registered", known, true);
        }
        Ok(())
    }

    async fn allocation_row(&mut self, row: &Allocation) -> Result<(), Error> {
        let key = (row.operator, row.avs, row.set_id, row.strategy);
        let operator_set = allocation_manager::OperatorSet { avs: row.avs, id: row.set_id };
        let call = allocation_manager::getAllocationCall {
            operator: row.operator,
            operatorSet: operator_set,
            strategy: row.strategy,
        };
        let chain = self.allocation_manager(call).await?;
        let own = row.magnitude_at(self.block());
        self.same::<Allocation, _>(&key, "magnitude", own.current, chain.currentMagnitude);
        let pending = own
            .pending
            .map_or((0, 0), |(pending, effect_block)| (i128::from(pending) - i128::from(own.current), effect_block));
        self.same::<Allocation, _>(&key, "pending", pending, (chain.pendingDiff, u64::from(chain.effectBlock)));
        Ok(())
    }

    /// Magnitude that the operator gave to all sets together.
    pub(super) async fn encumbered(&mut self, operator: Address, strategy: Address) -> Result<u64, Error> {
        let mut encumbered = 0u64;
        let mut select = Select::all()
            .equal("operator", operator.cell())
            .equal("strategy", strategy.cell())
            .order("avs")
            .order("set_id");
        loop {
            let page: Vec<Allocation> = self.reader.page(&select).await?;
            for row in &page {
                encumbered = encumbered.saturating_add(row.encumbered_at(self.block()));
            }
            let Some(last) = page.last() else { return Ok(encumbered) };
            select = select.after(Some(vec![last.avs.cell(), last.set_id.cell()]));
        }
    }
}
