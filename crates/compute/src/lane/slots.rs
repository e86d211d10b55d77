//! The slots that a signer reserved, as the stores of both roles keep them.

use std::ops::RangeInclusive;

use redb::{TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use vouch_core::Batch;

use super::LaneKey;
use super::floor::Saved;
use crate::store::{Birth, Error, Store, encode};

/// Records by [`LaneKey::slot_key`].
pub const SLOTS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("slots");
const FLOORS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("floors");
/// Through which sequence of a lane records were removed on purpose; nothing at or below is ever signed again.
const PRUNED: TableDefinition<&[u8], u64> = TableDefinition::new("pruned");

/// What is kept of a reserved slot.
pub trait Record: Serialize + DeserializeOwned {
    /// What the slot was reserved for.
    fn into_header(self) -> Batch;
}

/// A store with slots in one of its files.
pub trait Slots {
    type Record: Record;

    /// The file that the slots are in.
    fn file(&self) -> &Store;

    /// When the file was created.
    fn born(&self) -> Birth {
        self.file().born()
    }

    fn slot(&self, lane: LaneKey, sequence: u64) -> Result<Option<Self::Record>, Error> {
        self.file().get(SLOTS, &lane.slot_key(sequence))
    }

    /// The reserved slots of a lane above `after`, ascending, at most `max`.
    fn slots_after(&self, lane: LaneKey, after: u64, max: usize) -> Result<Vec<Self::Record>, Error> {
        let (first, last) = key_range(lane, after.saturating_add(1)..=u64::MAX);
        let records: Vec<Vec<u8>> = self.file().read(|transaction| {
            let table = transaction.open_table(SLOTS)?;
            let range = table.range(first.as_slice()..=last.as_slice())?.take(max);
            range.map(|entry| Ok(entry?.1.value().to_vec())).collect()
        })?;
        records.iter().map(|record| self.file().decode(record)).collect()
    }

    /// The newest reserved slot of a lane.
    fn newest_slot(&self, lane: LaneKey) -> Result<Option<Self::Record>, Error> {
        let (first, last) = key_range(lane, 0..=u64::MAX);
        let bytes = self.file().read(|transaction| {
            let table = transaction.open_table(SLOTS)?;
            let newest = table.range(first.as_slice()..=last.as_slice())?.next_back();
            Ok(newest.transpose()?.map(|(_, record)| record.value().to_vec()))
        })?;
        bytes.map(|bytes| self.file().decode(&bytes)).transpose()
    }

    /// Through which sequence the lane's records were removed.
    fn pruned_through(&self, lane: LaneKey) -> Result<u64, Error> {
        self.file().read(|transaction| {
            let table = transaction.open_table(PRUNED)?;
            Ok(table.get(lane.key().as_slice())?.map_or(0, |sequence| sequence.value()))
        })
    }

    fn floor(&self, lane: LaneKey) -> Result<Option<Saved>, Error> {
        self.file().get(FLOORS, &lane.key())
    }

    /// On disk on return.
    fn save_floor(&self, lane: LaneKey, saved: &Saved) -> Result<(), Error> {
        self.file().write(|transaction| {
            transaction.open_table(FLOORS)?.insert(lane.key().as_slice(), encode(saved).as_slice())?;
            Ok(())
        })
    }
}

/// Makes the tables in a new file.
pub fn create(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    for table in [SLOTS, FLOORS] {
        transaction.open_table(table)?;
    }
    transaction.open_table(PRUNED)?;
    Ok(())
}

/// Remembers that records of a lane were removed, `through` the last of them.
pub fn pruned(transaction: &WriteTransaction, lane: LaneKey, through: u64) -> Result<(), redb::Error> {
    transaction.open_table(PRUNED)?.insert(lane.key().as_slice(), through)?;
    Ok(())
}

/// The first and the last key of these sequences.
fn key_range(lane: LaneKey, sequences: RangeInclusive<u64>) -> ([u8; 44], [u8; 44]) {
    (lane.slot_key(*sequences.start()), lane.slot_key(*sequences.end()))
}
