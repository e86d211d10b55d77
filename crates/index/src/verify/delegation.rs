//! Operators, stakers, deposits and the withdrawal queue.

use alloy_primitives::{Address, B256, U256};
use vouch_chain::bindings::{allocation_manager, delegation_manager, strategy_manager};

use super::Check;
use crate::error::Error;
use crate::field::Field;
use crate::now::Scheduled;
use crate::rows::{Operator, OperatorStake, QueuedShares, Stake, Staker, Strategy, Withdrawal};
use crate::store::Select;

impl Check<'_> {
    pub(super) async fn delegation(&mut self) -> Result<(), Error> {
        for_each_row!(self, Operator, operator);
        for_each_row!(self, Staker, staker);
        for_each_row!(self, Stake, stake);
        for_each_row!(self, OperatorStake, operator_stake);
        for_each_row!(self, Strategy, strategy);
        Ok(())
    }

    async fn operator(&mut self, row: &Operator) -> Result<(), Error> {
        let (operator, key) = (row.operator, (row.operator,));
        let registered = self.delegation_manager(delegation_manager::isOperatorCall { operator }).await?;
        self.same::<Operator, _>(&key, "registered", row.registered_block != 0, registered);
        let approver = self.delegation_manager(delegation_manager::delegationApproverCall { operator }).await?;
        self.same::<Operator, _>(&key, "approver", row.approver, approver);
        let delay = self.allocation_manager(allocation_manager::getAllocationDelayCall { operator }).await?;
        let Scheduled { current, .. } = row.delay_at(self.block());
        self.same::<Operator, _>(&key, "delay", current, u64::from(delay.delay));
        Ok(())
    }

    async fn staker(&mut self, row: &Staker) -> Result<(), Error> {
        let (staker, key) = (row.staker, (row.staker,));
        let operator = self.delegation_manager(delegation_manager::delegatedToCall { staker }).await?;
        self.same::<Staker, _>(&key, "operator", row.operator, operator);
        let queued = self.delegation_manager(delegation_manager::cumulativeWithdrawalsQueuedCall { staker }).await?;
        self.same::<Staker, _>(&key, "withdrawals", U256::from(row.withdrawals), queued);
        self.deposits_of(staker).await?;
        self.queue_of(staker).await
    }

    /// The contract lists what waits; each entry must be here, open and equal.
    async fn queue_of(&mut self, staker: Address) -> Result<(), Error> {
        let roots = self.delegation_manager(delegation_manager::getQueuedWithdrawalRootsCall { staker }).await?;
        let mut open: Vec<B256> = Vec::new();
        let mut select = Select::all().equal("staker", staker.cell()).order("sequence");
        loop {
            let page: Vec<Withdrawal> = self.reader.page(&select).await?;
            for row in &page {
                if row.completed_block == 0 {
                    open.push(row.root);
                    self.withdrawal(row).await?;
                }
            }
            let Some(last) = page.last() else { break };
            select = select.after(Some(vec![last.sequence.cell()]));
        }
        self.same_list::<Staker, _>(&(staker,), "open withdrawals", open, roots);
        Ok(())
    }

    async fn withdrawal(&mut self, row: &Withdrawal) -> Result<(), Error> {
        let key = (row.root,);
        let call = delegation_manager::queuedWithdrawalsCall { withdrawalRoot: row.root };
        let queued = self.delegation_manager(call).await?;
        self.same::<Withdrawal, _>(&key, "operator", row.operator, queued.delegatedTo);
        self.same::<Withdrawal, _>(&key, "nonce", U256::from(row.nonce), queued.nonce);
        self.same::<Withdrawal, _>(&key, "start_block", row.start_block, u64::from(queued.startBlock));
        let select = Select::all().equal("root", row.root.cell());
        let parts: Vec<QueuedShares> = self.reader.page(&select).await?;
        let strategies: Vec<_> = parts.iter().map(|part| part.strategy).collect();
        self.same::<Withdrawal, _>(&key, "strategies", strategies, queued.strategies);
        let scaled: Vec<_> = parts.iter().map(|part| part.scaled_shares).collect();
        self.same::<Withdrawal, _>(&key, "scaled_shares", scaled, queued.scaledShares);
        Ok(())
    }

    async fn stake(&mut self, row: &Stake) -> Result<(), Error> {
        let (staker, strategy) = (row.staker, row.strategy);
        let call = delegation_manager::depositScalingFactorCall { staker, strategy };
        let factor = self.delegation_manager(call).await?;
        self.same::<Stake, _>(&(staker, strategy), "scaling_factor", row.scaling_factor, factor);
        let call = strategy_manager::stakerDepositSharesCall { staker, strategy };
        let shares = self.strategy_manager(call).await?;
        self.same::<Stake, _>(&(staker, strategy), "deposit_shares", row.deposit_shares, shares);
        Ok(())
    }

    /// All strategies in which the staker has something.
    async fn deposits_of(&mut self, staker: Address) -> Result<(), Error> {
        let chain = self.strategy_manager(strategy_manager::getDepositsCall { staker }).await?;
        let rows: Vec<Stake> = self.reader.page(&Select::all().equal("staker", staker.cell())).await?;
        let own: Vec<_> = rows.iter().filter(|row| !row.deposit_shares.is_zero()).map(|row| row.strategy).collect();
        self.same_list::<Staker, _>(&(staker,), "strategies", own, chain._0);
        Ok(())
    }

    async fn operator_stake(&mut self, row: &OperatorStake) -> Result<(), Error> {
        let (operator, strategy, key) = (row.operator, row.strategy, (row.operator, row.strategy));
        let call = delegation_manager::operatorSharesCall { operator, strategy };
        let shares = self.delegation_manager(call).await?;
        self.same::<OperatorStake, _>(&key, "shares", row.shares, shares);
        let call = allocation_manager::getMaxMagnitudeCall { operator, strategy };
        let magnitude = self.allocation_manager(call).await?;
        self.same::<OperatorStake, _>(&key, "max_magnitude", row.max_magnitude, magnitude);
        let call = allocation_manager::getEncumberedMagnitudeCall { operator, strategy };
        let encumbered = self.allocation_manager(call).await?;
        let own = self.encumbered(operator, strategy).await?;
        self.same::<OperatorStake, _>(&key, "encumbered", own, encumbered);
        Ok(())
    }

    async fn strategy(&mut self, row: &Strategy) -> Result<(), Error> {
        let call = strategy_manager::strategyIsWhitelistedForDepositCall { strategy: row.strategy };
        let open = self.strategy_manager(call).await?;
        self.same::<Strategy, _>(&(row.strategy,), "open", row.open, open);
        Ok(())
    }
}
