//! What an executor must never forget, and what it keeps for others.
//!
//! Two files. `slots.redb` holds the reserved slots, floors and evidence; it is small, written durably before each
//! signature, and checked whole on every start. `batches.redb` holds batch data, certificates and others' signatures;
//! it is written without waiting and flushed by a timer, because everything in it can be fetched again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy_primitives::{B256, Bytes, U256};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use vouch_core::{Batch, BatchHash, RequestId};

use crate::evidence::{self, Evidence, SignedHeader};
use crate::fees::book::{self, Draft};
use crate::gateway::KeptBatch;
use crate::lane::LaneKey;
use crate::lane::slots::{self, Record, SLOTS, Slots};
use crate::machine::Files;
use crate::store::{Birth, Error, Identity, Store, encode, put};
use crate::wire::{BatchContent, CertifyCall, EcdsaSignatureBytes, Holding, Signer};

const BATCHES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("batches");
const DATA: TableDefinition<&[u8], &[u8]> = TableDefinition::new("data");
/// Key: the table's time (big endian) ‖ batch hash, so that the oldest batches come first.
const AGES: TableDefinition<&[u8], ()> = TableDefinition::new("ages");
/// What a batch's clients owed before it, by batch hash; absent where that is nothing.
const OWED: TableDefinition<&[u8], &[u8]> = TableDefinition::new("fees_owed");
const HELD: TableDefinition<&[u8], &[u8]> = TableDefinition::new("held");

/// Request id of an entry of the forced inbox -> the newest batch that answers it. Each entry was paid for on chain.
const FORCED: TableDefinition<&[u8], &[u8]> = TableDefinition::new("forced");

/// A reserved slot. The signature itself is not kept: BLS signatures are deterministic, so signing the same header
/// again gives the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlotRecord {
    pub header: Batch,
    pub gateway_signature: EcdsaSignatureBytes,
    /// The batch's requests with their deadlines (Unix seconds), so that none enters the lane twice.
    pub requests: Vec<(RequestId, u64)>,
}

impl SlotRecord {
    pub fn signed_header(&self) -> SignedHeader {
        SignedHeader { header: self.header.clone(), gateway_signature: self.gateway_signature }
    }
}

impl From<SlotRecord> for KeptBatch {
    /// What is reserved; whether it was certified is kept elsewhere.
    fn from(record: SlotRecord) -> Self {
        let requests = record.requests.into_iter().map(|(request, _)| request).collect();
        Self { header: record.header, requests, signers: None }
    }
}

/// What came of the wish to reserve a slot.
#[derive(Clone, Debug, PartialEq)]
pub enum Reservation {
    /// The slot is reserved on disk, now or earlier, for exactly this header: sign.
    Granted,
    /// It is reserved for another one: never sign.
    Taken(Box<SlotRecord>),
    /// The slot before is reserved for a batch that is not this one's parent.
    ParentConflict(Box<SlotRecord>),
    /// A request is in the lane already.
    Repeated(RequestId),
    /// The record of this slot was removed because the cursor had passed it.
    Pruned { through: u64 },
}

/// The executor's stores.
#[derive(Debug)]
pub struct ExecutorStore {
    slots: Store,
    batches: Store,
    /// Requests in unexpired slots: in which sequence, until when. Its lock also orders reservations.
    seen: Mutex<HashMap<(LaneKey, RequestId), (u64, u64)>>,
}

impl Slots for ExecutorStore {
    type Record = SlotRecord;

    fn file(&self) -> &Store {
        &self.slots
    }
}

impl Record for SlotRecord {
    fn into_header(self) -> Batch {
        self.header
    }
}

impl ExecutorStore {
    /// Opens both files in `folder`; new ones remember `now` as their birth.
    pub fn open(files: &dyn Files, folder: &Path, identity: &Identity, now: Birth) -> Result<Self, Error> {
        let slots = Store::open(files, &folder.join("slots.redb"), identity, now)?;
        slots.write(slots::create)?;
        let batches = Store::open(files, &folder.join("batches.redb"), identity, now)?;
        batches.write(|transaction| {
            for table in [BATCHES, DATA, OWED, HELD, FORCED, book::BOOK] {
                transaction.open_table(table)?;
            }
            transaction.open_table(AGES)?;
            Ok(())
        })?;
        let store = Self { slots, batches, seen: Mutex::default() };
        store.load_seen()?;
        Ok(store)
    }

    /// Reserves the slot of `record` durably, unless anything speaks against it. One transaction, on disk on return.
    /// `cursor`: the finalized one that the header was judged at; right behind it the registry names the parent (after a
    /// skip not the batch of the slot before), further on the slot before must hold the parent.
    pub fn reserve(&self, record: &SlotRecord, cursor: u64) -> Result<Reservation, Error> {
        let lane = LaneKey::of(&record.header);
        let mut seen = self.lock_seen();
        let obstacle = self.obstacle(&seen, record, cursor)?;
        if let Some(obstacle) = obstacle {
            return Ok(obstacle);
        }
        let key = lane.slot_key(record.header.sequence);
        self.slots.write(|transaction| put(transaction, SLOTS, &key, &encode(record)))?;
        // Where a process must be able to end without harm: a test ends it at this event.
        tracing::debug!(%lane, sequence = record.header.sequence, "executor.slot.reserve");
        for (request, deadline) in &record.requests {
            seen.insert((lane, *request), (record.header.sequence, *deadline));
        }
        Ok(Reservation::Granted)
    }

    /// The record of a slot.
    /// The batches whose hash, or one of whose requests that may still run, is in `ids`; at most `max`.
    pub fn kept(&self, ids: RangeInclusive<B256>, max: usize) -> Result<Vec<KeptBatch>, Error> {
        let mut found: BTreeMap<BatchHash, KeptBatch> = BTreeMap::new();
        for (lane, sequence) in self.slots_with(&ids, max) {
            let record = self.slot(lane, sequence)?;
            found.extend(record.map(|record| (record.header.hash(), KeptBatch::from(record))));
        }
        for certified in self.certified_in(&ids, max)? {
            let signers = certified.signatures.iter().map(|single| single.operator).collect();
            let requests = self.slot(LaneKey::of(&certified.header), certified.header.sequence)?;
            let requests = requests.filter(|record| record.header == certified.header);
            let requests = requests.map(|record| KeptBatch::from(record).requests).unwrap_or_default();
            let kept = KeptBatch { header: certified.header, requests, signers: Some(signers) };
            found.insert(kept.header.hash(), kept);
        }
        Ok(found.into_values().take(max).collect())
    }

    fn slots_with(&self, ids: &RangeInclusive<B256>, max: usize) -> BTreeSet<(LaneKey, u64)> {
        let seen = self.lock_seen();
        let wanted = seen.iter().filter(|((_, request), _)| ids.contains(&request.0));
        wanted.map(|((lane, _), (sequence, _))| (*lane, *sequence)).take(max).collect()
    }

    fn certified_in(&self, ids: &RangeInclusive<B256>, max: usize) -> Result<Vec<CertifyCall>, Error> {
        let (first, last) = (ids.start().as_slice(), ids.end().as_slice());
        let records: Vec<Vec<u8>> = self.batches.read(|transaction| {
            let table = transaction.open_table(BATCHES)?;
            let range = table.range(first..=last)?.take(max);
            range.map(|entry| Ok(entry?.1.value().to_vec())).collect()
        })?;
        records.iter().map(|record| self.batches.decode(record)).collect()
    }

    /// Removes slots at or below the finalized `cursor` whose requests have all expired at `clock`: neither the window
    /// rule nor the rule against repeated requests needs them any more.
    pub fn prune(&self, lane: LaneKey, cursor: u64, clock: u64) -> Result<(), Error> {
        let mut seen = self.lock_seen();
        let Some(through) = self.prunable(lane, cursor, clock)? else { return Ok(()) };
        let (first, last) = (lane.slot_key(0), lane.slot_key(through));
        self.slots.write(|transaction| {
            slots::pruned(transaction, lane, through)?;
            let mut slots = transaction.open_table(SLOTS)?;
            slots.retain_in(first.as_slice()..=last.as_slice(), |_, _| false)?;
            Ok(())
        })?;
        seen.retain(|(of, _), (sequence, _)| *of != lane || *sequence > through);
        Ok(())
    }

    pub fn keep_evidence(&self, evidence: &Evidence) -> Result<bool, Error> {
        evidence::keep(&self.slots, evidence)
    }

    pub fn evidence(&self) -> Result<Vec<Evidence>, Error> {
        evidence::list(&self.slots)
    }

    /// Keeps the data of a batch that is about to be signed.
    pub fn keep_data(&self, header: &Batch, data: &[u8]) -> Result<(), Error> {
        self.batches.write_soon(|transaction| put_data(transaction, header, data))
    }

    /// Notes which entries of the forced inbox a batch answers, so that their clients can ask here.
    pub fn keep_forced(&self, entries: &[RequestId], batch: BatchHash) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        self.batches.write_soon(|transaction| {
            entries.iter().try_for_each(|id| put(transaction, FORCED, id.as_ref(), &encode(&batch)))
        })
    }

    /// The newest batch that answers an entry of the forced inbox.
    pub fn forced_batch(&self, request: RequestId) -> Result<Option<BatchHash>, Error> {
        self.batches.get(FORCED, request.as_ref())
    }

    /// Where fees are counted. What a crash loses of it shows as a gap, which the book knows how to live with.
    pub fn fees(&self) -> &Store {
        &self.batches
    }

    /// Keeps what the clients of a batch owed before it, as its gateway stated it.
    pub fn keep_owed(&self, header: &Batch, owed: &[U256]) -> Result<(), Error> {
        if owed.is_empty() {
            return Ok(());
        }
        self.batches.write_soon(|transaction| put(transaction, OWED, header.hash().as_ref(), &encode(&owed)))
    }

    /// What whoever proposes a batch of this store again must say beside its header.
    pub fn content(&self, batch: BatchHash) -> Result<Option<BatchContent>, Error> {
        let Some(data) = self.data(batch)? else { return Ok(None) };
        let owed: Option<Vec<U256>> = self.batches.get(OWED, batch.as_ref())?;
        Ok(Some(BatchContent { data, owed: owed.unwrap_or_default() }))
    }

    /// Keeps what a batch charges.
    pub fn keep_fees(&self, header: &Batch, draft: &Draft, cursor: u64) -> Result<(), Error> {
        self.batches.write_soon(|transaction| draft.write(transaction, header.hash(), cursor))
    }

    /// Removes the oldest batches whose table is older than `before` (Unix seconds), at most `max` of them.
    pub fn prune_batches(&self, before: u64, max: usize) -> Result<(), Error> {
        let end = u32::try_from(before).unwrap_or(u32::MAX).to_be_bytes();
        let expired: Vec<Vec<u8>> = self.batches.read(|transaction| {
            let ages = transaction.open_table(AGES)?;
            let range = ages.range(..end.as_slice())?.take(max);
            range.map(|entry| Ok(entry?.0.value().to_vec())).collect()
        })?;
        if expired.is_empty() {
            return Ok(());
        }
        self.batches.write_soon(|transaction| {
            for key in &expired {
                transaction.open_table(AGES)?.remove(key.as_slice())?;
                for table in [BATCHES, DATA, OWED] {
                    transaction.open_table(table)?.remove(&key[4..])?;
                }
            }
            Ok(())
        })
    }

    pub fn data(&self, batch: BatchHash) -> Result<Option<Bytes>, Error> {
        self.batches.read(|transaction| {
            let table = transaction.open_table(DATA)?;
            Ok(table.get(batch.as_ref() as &[u8])?.map(|data| Bytes::copy_from_slice(data.value())))
        })
    }

    /// Keeps a certified batch (without its data, which has its own table) and what others signed in it.
    pub fn keep_certified(
        &self,
        hash: BatchHash,
        batch: &CertifyCall,
        holdings: &[(Signer, Holding)],
    ) -> Result<(), Error> {
        let kept = CertifyCall { data: None, ..batch.clone() };
        self.batches.write_soon(|transaction| {
            put(transaction, BATCHES, hash.as_ref(), &encode(&kept))?;
            if let Some(data) = &batch.data {
                put_data(transaction, &batch.header, data)?;
            }
            holdings.iter().try_for_each(|(signer, holding)| hold(transaction, *signer, holding))
        })
    }

    /// A certified batch with its data.
    pub fn certified(&self, batch: BatchHash) -> Result<Option<CertifyCall>, Error> {
        let found: Option<CertifyCall> = self.batches.get(BATCHES, batch.as_ref())?;
        let Some(mut found) = found else { return Ok(None) };
        found.data = self.data(batch)?;
        Ok(Some(found))
    }

    /// The newest batch of every lane that carries the signer's own signature.
    pub fn held(&self, signer: Signer, max: usize) -> Result<Vec<Holding>, Error> {
        let prefix = signer_key(signer);
        let mut end = prefix.clone();
        end.extend([0xff; 37]);
        let records: Vec<Vec<u8>> = self.batches.read(|transaction| {
            let table = transaction.open_table(HELD)?;
            let range = table.range(prefix.as_slice()..end.as_slice())?.take(max);
            range.map(|entry| Ok(entry?.1.value().to_vec())).collect()
        })?;
        records.iter().map(|record| self.batches.decode(record)).collect()
    }

    /// Keeps one signature of somebody else, if it is newer than what is held.
    pub fn keep_holding(&self, signer: Signer, holding: &Holding) -> Result<(), Error> {
        self.batches.write_soon(|transaction| hold(transaction, signer, holding))
    }

    /// Puts on disk whatever was written without waiting.
    pub fn flush(&self) -> Result<(), Error> {
        self.batches.write(|_| Ok(()))
    }

    fn obstacle(
        &self,
        seen: &HashMap<(LaneKey, RequestId), (u64, u64)>,
        record: &SlotRecord,
        cursor: u64,
    ) -> Result<Option<Reservation>, Error> {
        let lane = LaneKey::of(&record.header);
        let (sequence, hash) = (record.header.sequence, record.header.hash());
        if let Some(found) = self.slot(lane, sequence)? {
            let same = found.header.hash() == hash;
            return Ok(Some(if same { Reservation::Granted } else { Reservation::Taken(Box::new(found)) }));
        }
        let through = self.pruned_through(lane)?;
        if sequence <= through {
            return Ok(Some(Reservation::Pruned { through }));
        }
        if sequence > cursor.saturating_add(1)
            && let Some(before) = self.slot(lane, sequence - 1)?
            && before.header.hash() != record.header.parent
        {
            return Ok(Some(Reservation::ParentConflict(Box::new(before))));
        }
        let repeated = record.requests.iter().find(|(request, _)| seen.contains_key(&(lane, *request)));
        Ok(repeated.map(|(request, _)| Reservation::Repeated(*request)))
    }

    /// The last sequence of the unbroken run of removable records from the lowest one on.
    fn prunable(&self, lane: LaneKey, cursor: u64, clock: u64) -> Result<Option<u64>, Error> {
        let (first, last) = (lane.slot_key(0), lane.slot_key(cursor));
        let expired = |record: &[u8]| {
            let record = postcard::from_bytes::<SlotRecord>(record).ok()?;
            let over = record.requests.iter().all(|(_, deadline)| *deadline < clock);
            over.then_some(record.header.sequence)
        };
        self.slots.read(|transaction| {
            let table = transaction.open_table(SLOTS)?;
            let mut through = None;
            for entry in table.range(first.as_slice()..=last.as_slice())? {
                let Some(sequence) = expired(entry?.1.value()) else { break };
                through = Some(sequence);
            }
            Ok(through)
        })
    }

    fn load_seen(&self) -> Result<(), Error> {
        let records: Vec<Vec<u8>> = self.slots.read(|transaction| {
            let table = transaction.open_table(SLOTS)?;
            table.iter()?.map(|entry| Ok(entry?.1.value().to_vec())).collect()
        })?;
        let mut seen = self.lock_seen();
        for record in &records {
            let record: SlotRecord = self.slots.decode(record)?;
            let lane = LaneKey::of(&record.header);
            for (request, deadline) in &record.requests {
                seen.insert((lane, *request), (record.header.sequence, *deadline));
            }
        }
        Ok(())
    }

    /// A panic while the lock was held cannot leave the map wrong: it changes only after the disk has.
    fn lock_seen(&self) -> MutexGuard<'_, HashMap<(LaneKey, RequestId), (u64, u64)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put_data(transaction: &WriteTransaction, header: &Batch, data: &[u8]) -> Result<(), redb::Error> {
    let hash = header.hash();
    let age = [&header.reference_timestamp.to_be_bytes(), hash.as_ref() as &[u8]].concat();
    transaction.open_table(AGES)?.insert(age.as_slice(), ())?;
    put(transaction, DATA, hash.as_ref(), data)
}

fn hold(transaction: &WriteTransaction, signer: Signer, holding: &Holding) -> Result<(), redb::Error> {
    let mut key = signer_key(signer);
    key.extend(LaneKey::of(&holding.header).key());
    let mut table = transaction.open_table(HELD)?;
    let held = table.get(key.as_slice())?.and_then(|record| postcard::from_bytes::<Holding>(record.value()).ok());
    if held.is_none_or(|held| held.header.sequence < holding.header.sequence) {
        table.insert(key.as_slice(), encode(holding).as_slice())?;
    }
    Ok(())
}

fn signer_key(signer: Signer) -> Vec<u8> {
    match signer {
        Signer::Operator(operator) => [&[0], operator.as_ref() as &[u8]].concat(),
        Signer::Gateway(address) => [&[1], address.as_slice()].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B256};

    fn open(folder: &Path) -> ExecutorStore {
        let identity = Identity::new("executor", 31_337, Address::ZERO, B256::ZERO);
        ExecutorStore::open(&crate::machine::LocalFiles, folder, &identity, Birth { block: 1, clock: 1 }).unwrap()
    }

    fn record(sequence: u64, deadline: u64) -> SlotRecord {
        let header = Batch { lane: 1, sequence, reference_timestamp: 100 * sequence as u32, ..Batch::default() };
        let requests = vec![(RequestId(B256::with_last_byte(sequence as u8)), deadline)];
        SlotRecord { header, gateway_signature: EcdsaSignatureBytes::ZERO, requests }
    }

    const LANE: LaneKey = LaneKey { app: vouch_core::AppId::ZERO, lane: 1 };

    #[test]
    fn a_new_store_has_answered_no_entry_of_the_inbox() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        assert_eq!(store.forced_batch(RequestId(B256::repeat_byte(1))).unwrap(), None);
    }

    #[test]
    fn a_pruned_slot_is_never_reserved_again_not_even_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        for sequence in 1..=3 {
            assert_eq!(store.reserve(&record(sequence, 50), sequence - 1).unwrap(), Reservation::Granted);
        }
        store.prune(LANE, 2, 50).unwrap();
        assert!(
            store.slot(LANE, 1).unwrap().is_some(),
            "its request can still be repeated until its deadline has passed"
        );
        store.prune(LANE, 2, 51).unwrap();
        assert!(store.slot(LANE, 2).unwrap().is_none() && store.slot(LANE, 3).unwrap().is_some());
        drop(store);
        let other = record(2, 99);
        assert_eq!(open(folder.path()).reserve(&other, 0).unwrap(), Reservation::Pruned { through: 2 });
    }

    #[test]
    fn requests_in_the_lane_are_remembered_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).reserve(&record(1, 50), 0).unwrap();
        let mut again = record(2, 50);
        again.requests = record(1, 50).requests;
        let expected = Reservation::Repeated(again.requests[0].0);
        assert_eq!(open(folder.path()).reserve(&again, 1).unwrap(), expected);
    }

    #[test]
    fn batches_are_removed_when_their_time_has_passed() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let (old, new) = (record(1, 0).header, record(2, 0).header);
        store.keep_data(&old, b"old").unwrap();
        store.keep_data(&new, b"new").unwrap();
        store.prune_batches(200, 10).unwrap();
        assert_eq!(store.data(old.hash()).unwrap(), None);
        assert_eq!(store.data(new.hash()).unwrap().unwrap().as_ref(), b"new");
    }
}
