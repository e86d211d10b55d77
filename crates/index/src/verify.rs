//! Comparing the index with the state of the contracts at the block where it stands.
//!
//! Both ways where the contracts list what they have: what the index lacks is found as well as what it has too much. What the
//! contracts do not keep (texts, completed withdrawals, when something happened) is compared by building the index anew.

use alloy_primitives::B256;
use alloy_sol_types::SolCall;
use vouch_chain::deploy::Contracts;
use vouch_chain::{Chain, Deployment, Finalized};

use crate::error::Error;
use crate::row::{Place, Row};
use crate::store::Reader;

/// Calls a method of a [`Check`] for every row of a type, a page of them in memory at a time.
macro_rules! for_each_row {
    ($check:expr, $row:ty, $method:ident) => {{
        let mut last: Option<$row> = None;
        loop {
            let page: Vec<$row> = $check.reader.next(last.as_ref()).await?;
            for row in &page {
                $check.$method(row).await?;
            }
            match page.into_iter().next_back() {
                Some(row) => last = Some(row),
                None => break,
            }
        }
    }};
}

mod allocation;
mod delegation;
mod slashes;

/// Differences that a report names; it counts all.
const DIFFERENCES_MAX: usize = 100;

/// Something that the index and the chain say differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which row, and what of it.
    pub what: String,
    pub index: String,
    pub chain: String,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub block: u64,
    pub block_hash: B256,
    /// Values that were compared.
    pub compared: u64,
    /// The first ones.
    pub differences: Vec<Difference>,
    pub difference_count: u64,
}

/// Compares one snapshot of the index with the chain at the snapshot's block.
///
/// # Errors
/// [`Error::Empty`], a chain whose history is not the index's, or an endpoint that keeps no state of that block.
pub async fn verify(reader: &mut Reader, chain: &Chain, deployment: &Deployment) -> Result<Report, Error> {
    let cursor = reader.cursor()?;
    let latest = chain.finalized().await?;
    cursor.require(&latest).await?;
    let view = latest.earlier(cursor.number).await?;
    let report = Report { block: cursor.number, block_hash: cursor.hash, ..Report::default() };
    let deallocation_delay = deployment.parameters.deallocation_delay_blocks;
    let mut check = Check { reader, view, contracts: &deployment.contracts, deallocation_delay, report };
    check.delegation().await?;
    check.allocation().await?;
    check.slashes().await?;
    Ok(check.report)
}

/// A comparison under way.
struct Check<'a> {
    reader: &'a mut Reader,
    view: Finalized,
    contracts: &'a Contracts,
    deallocation_delay: u32,
    report: Report,
}

impl Check<'_> {
    fn block(&self) -> u64 {
        self.report.block
    }

    async fn delegation_manager<C: SolCall>(&self, call: C) -> Result<C::Return, Error> {
        Ok(self.view.call(self.contracts.delegation_manager, &call).await?)
    }

    async fn allocation_manager<C: SolCall>(&self, call: C) -> Result<C::Return, Error> {
        Ok(self.view.call(self.contracts.allocation_manager, &call).await?)
    }

    async fn strategy_manager<C: SolCall>(&self, call: C) -> Result<C::Return, Error> {
        Ok(self.view.call(self.contracts.strategy_manager, &call).await?)
    }

    /// Counts a comparison, and notes it if it failed.
    fn same<R: Row, T: PartialEq + std::fmt::Debug>(&mut self, key: &R::Key, column: &str, index: T, chain: T) {
        self.report.compared += 1;
        if index == chain {
            return;
        }
        self.report.difference_count += 1;
        if self.report.differences.len() < DIFFERENCES_MAX {
            self.report.differences.push(Difference {
                what: format!("{} {column}", Place::of::<R>(key)),
                index: format!("{index:?}"),
                chain: format!("{chain:?}"),
            });
        }
    }

    /// As [`Self::same`], for lists that the contracts keep in no order.
    fn same_list<R: Row, T: Ord + std::fmt::Debug>(
        &mut self,
        key: &R::Key,
        column: &str,
        mut index: Vec<T>,
        mut chain: Vec<T>,
    ) {
        index.sort();
        chain.sort();
        self.same::<R, _>(key, column, index, chain);
    }
}
