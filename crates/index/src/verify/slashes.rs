//! Slashes and what of them is still parked.

use vouch_chain::bindings::strategy_manager;

use super::Check;
use crate::error::Error;
use crate::field::Field;
use crate::rows::{OperatorSet, Slash, SlashedStrategy};
use crate::store::Select;

impl Check<'_> {
    pub(super) async fn slashes(&mut self) -> Result<(), Error> {
        for_each_row!(self, OperatorSet, slashes_of);
        for_each_row!(self, Slash, slash);
        Ok(())
    }

    /// Each slash that the set counts has a row.
    async fn slashes_of(&mut self, row: &OperatorSet) -> Result<(), Error> {
        for slash_id in 1..=row.slashes {
            let key = (row.avs, row.set_id, slash_id);
            let known = self.reader.get::<Slash>(&key).await?.is_some();
            self.same::<Slash, _>(&key, "exists", known, true);
        }
        Ok(())
    }

    async fn slash(&mut self, row: &Slash) -> Result<(), Error> {
        let key = (row.avs, row.set_id, row.slash_id);
        let call = strategy_manager::getBurnOrRedistributableShares_0Call {
            operatorSet: strategy_manager::OperatorSet { avs: row.avs, id: row.set_id },
            slashId: alloy_primitives::U256::from(row.slash_id),
        };
        let parked = self.strategy_manager(call).await?;
        let chain: Vec<_> = parked._0.into_iter().zip(parked._1).collect();
        let select = Select::all()
            .equal("avs", row.avs.cell())
            .equal("set_id", row.set_id.cell())
            .equal("slash_id", row.slash_id.cell());
        let strategies: Vec<SlashedStrategy> = self.reader.page(&select).await?;
        let waiting = strategies.iter().filter(|part| !part.shares.is_zero() && part.cleared_block == 0);
        let own: Vec<_> = waiting.map(|part| (part.strategy, part.shares)).collect();
        self.same_list::<Slash, _>(&key, "parked shares", own, chain);
        Ok(())
    }
}
