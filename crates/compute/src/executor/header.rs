//! What must hold of a batch header before its data is looked at. Pure: everything it is compared with is finalized state.

use alloy_primitives::{Address, U256};
use vouch_core::{Batch, OperatorId};

use crate::lane::LaneState;
use crate::lane::chain::{AppState, Table};
use crate::wire::{REQUESTS_PER_BATCH_MAX, Refusal};

/// What a header is compared with.
pub struct Rules<'a> {
    pub chain_id: u64,
    pub registry: Address,
    pub app: &'a AppState,
    pub lane: &'a LaneState,
    /// The table of the header's referenceTimestamp, if finalized state knows it.
    pub table: Option<&'a Table>,
    pub operator: OperatorId,
    /// The finalized clock, Unix seconds.
    pub clock: u64,
}

impl Rules<'_> {
    /// Every field but those that the data decides (exchangesRoot, exchangeCount, feesRoot, inboxCursor, dataCommitment,
    /// dataLength), and but the program, which must be a release of the app.
    pub fn check(&self, header: &Batch, parent: Option<&Batch>) -> Result<(), Refusal> {
        self.check_fields(header)?;
        self.lane.check_sequence(header.sequence)?;
        self.lane.check_parent(header, parent)?;
        self.check_table(header)
    }

    fn check_fields(&self, header: &Batch) -> Result<(), Refusal> {
        let fields = [
            ("chainId", header.chain_id == U256::from(self.chain_id)),
            ("registry", header.registry == self.registry),
            ("operatorSetId", header.operator_set_id == self.app.operator_set_id),
            ("profileId", header.profile_id == self.app.profile),
            ("exchangeCount", (1..=REQUESTS_PER_BATCH_MAX as u64).contains(&u64::from(header.exchange_count))),
        ];
        match fields.iter().find(|(_, holds)| !holds) {
            Some((name, _)) => Err(Refusal::WrongHeader((*name).into())),
            None => Ok(()),
        }
    }

    fn check_table(&self, header: &Batch) -> Result<(), Refusal> {
        let timestamp = header.reference_timestamp;
        let table = self.table.ok_or(Refusal::UnknownTable(timestamp))?;
        let stale_after = u64::from(timestamp) + u64::from(self.app.staleness_seconds);
        if self.clock > stale_after {
            return Err(Refusal::StaleTable(timestamp));
        }
        if table.index_of(self.operator).is_some() { Ok(()) } else { Err(Refusal::NotInTable) }
    }
}
