//! Operator tables.

use alloy_primitives::{Address, B256};
use vouch_core::{OperatorInfo, OperatorTable};

use super::Network;
use crate::bindings::verifier;
use crate::convert;
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::Sender;

/// Names one table of one set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableKey {
    pub operator_set_id: u32,
    /// Zero for the table of all wasm programs, else the program that has its own.
    pub program_id: B256,
    /// The time of the block that made it, Unix seconds.
    pub reference_timestamp: u32,
}

/// A table with the operators behind its leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedTable {
    pub key: TableKey,
    /// By index.
    pub operators: Vec<Address>,
    pub table: OperatorTable,
}

impl RecordedTable {
    /// Where `operator` stands; none if it is not a member.
    #[must_use]
    pub fn index_of(&self, operator: Address) -> Option<usize> {
        self.operators.iter().position(|member| *member == operator)
    }
}

impl Network {
    /// Makes a table as of the block that this is mined in; returns its timestamp. `program_id` is zero for wasm.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `EmptyTable` when nobody in the set has a key and weight.
    pub async fn update_table(&self, sender: &Sender, operator_set_id: u32, program_id: B256) -> Result<u32, Error> {
        let address = self.contracts().certificate_verifier;
        let operator_set = self.table_set(operator_set_id);
        let call = verifier::updateOperatorTableCall { operatorSet: operator_set.clone(), programId: program_id };
        let confirmed = self.act(sender, address, call).await?;
        if let Some(event) = confirmed.event::<verifier::OperatorTableUpdated>(address) {
            return Ok(event.referenceTimestamp);
        }
        // Somebody made it in the same block.
        let latest = verifier::latestReferenceTimestampOfCall { operatorSet: operator_set, programId: program_id };
        self.chain.latest_call(address, &latest).await
    }

    /// The newest table's timestamp; none if there is none.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn latest_table(
        &self,
        view: &Finalized,
        operator_set_id: u32,
        program_id: B256,
    ) -> Result<Option<TableKey>, Error> {
        let call = verifier::latestReferenceTimestampOfCall {
            operatorSet: self.table_set(operator_set_id),
            programId: program_id,
        };
        let reference_timestamp = view.call(self.contracts().certificate_verifier, &call).await?;
        let key = TableKey { operator_set_id, program_id, reference_timestamp };
        Ok((reference_timestamp != 0).then_some(key))
    }

    /// A table, rebuilt from the event that made it and held against what the contract stores.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `UnknownTable`; [`Error::Inconsistent`] when event and state differ.
    pub async fn table(&self, view: &Finalized, key: TableKey) -> Result<RecordedTable, Error> {
        let address = self.contracts().certificate_verifier;
        let call = verifier::getOperatorSetInfoOfCall {
            operatorSet: self.table_set(key.operator_set_id),
            programId: key.program_id,
            referenceTimestamp: key.reference_timestamp,
        };
        let stored = view.call(address, &call).await?;
        let events = view
            .events_at::<verifier::OperatorTableUpdated>(
                address,
                u64::from(key.reference_timestamp),
                self.deployment.start_block,
            )
            .await?;
        let found = events.into_iter().find(|event| self.key_of_event(event) == Some(key));
        let event = found.ok_or_else(|| Error::inconsistent("OperatorTableUpdated", "the event is missing"))?;
        let recorded = rebuild(key, event)?;
        require_equal(&recorded, &stored)?;
        Ok(recorded)
    }

    /// The tables of a set that were made from block `from` to block `to`, oldest first, rebuilt from their events alone.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] when an event's content is no table.
    pub async fn tables_between(
        &self,
        view: &Finalized,
        operator_set_id: u32,
        from: u64,
        to: u64,
    ) -> Result<Vec<RecordedTable>, Error> {
        let address = self.contracts().certificate_verifier;
        let events = view.events::<verifier::OperatorTableUpdated>(address, from, to).await?;
        let keyed = events.into_iter().filter_map(|event| Some((self.key_of_event(&event)?, event)));
        let own = keyed.filter(|(key, _)| key.operator_set_id == operator_set_id);
        own.map(|(key, event)| rebuild(key, event)).collect()
    }

    /// None for other services' sets.
    fn key_of_event(&self, event: &verifier::OperatorTableUpdated) -> Option<TableKey> {
        (event.avs == self.contracts().app_controller).then_some(TableKey {
            operator_set_id: event.operatorSetId,
            program_id: event.programId,
            reference_timestamp: event.referenceTimestamp,
        })
    }

    fn table_set(&self, id: u32) -> verifier::OperatorSet {
        verifier::OperatorSet { avs: self.contracts().app_controller, id }
    }
}

fn rebuild(key: TableKey, event: verifier::OperatorTableUpdated) -> Result<RecordedTable, Error> {
    let infos = event.infos.into_iter().map(OperatorInfo::try_from).collect::<Result<Vec<_>, _>>()?;
    if infos.len() != event.operators.len() {
        return Err(Error::inconsistent("OperatorTableUpdated", "it does not name one operator for each leaf"));
    }
    let table = OperatorTable::new(key.reference_timestamp, infos)
        .map_err(|source| Error::inconsistent("OperatorTableUpdated", source))?;
    Ok(RecordedTable { key, operators: event.operators, table })
}

fn require_equal(
    recorded: &RecordedTable,
    stored: &verifier::IBN254CertificateVerifierTypes::BN254OperatorSetInfo,
) -> Result<(), Error> {
    let summary = recorded.table.summary();
    let aggregate = convert::key_g1(stored.aggregatePubkey.X, stored.aggregatePubkey.Y)?;
    let equal = stored.operatorInfoTreeRoot == summary.root
        && stored.numOperators == alloy_primitives::U256::from(summary.count)
        && aggregate == summary.aggregate
        && stored.totalWeights == summary.totals;
    if equal { Ok(()) } else { Err(Error::inconsistent("OperatorTableUpdated", "event and stored table differ")) }
}
