//! What a gateway must never forget: which batch it proposed for which slot, with everything needed to propose the very
//! same bytes again, to answer for every call in it, and to post it.
//!
//! One file, so that a slot, its data and its calls are reserved in one transaction: one wait for the disk per batch.
//! Certificates are written without waiting; what a crash loses of them, the executors sign again identically.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, U256};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use vouch_core::{Batch, BatchHash, OperatorId, RequestId};

use crate::evidence::{self, Evidence, SignedHeader};
use crate::fees::book::{self, Draft};
use crate::lane::LaneKey;
use crate::lane::slots::{self, Record, SLOTS, Slots};
use crate::machine::Files;
use crate::store::{Birth, Error, Identity, Store, encode, put};
use crate::wire::{EcdsaSignatureBytes, HOLDINGS_MAX, Holding, Opening, OperatorSignature};

const SLOT_OF: TableDefinition<&[u8], &[u8]> = TableDefinition::new("slot_of_batch");
const DATA: TableDefinition<&[u8], &[u8]> = TableDefinition::new("data");
const SIGNATURES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("signatures");
const CALLS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("calls");
const HELD: TableDefinition<&[u8], &[u8]> = TableDefinition::new("held");
/// What the clients of a slot's batch owed before it.
const OWED: TableDefinition<&[u8], &[u8]> = TableDefinition::new("fees_owed");
const INHERITED: TableDefinition<&[u8], &[u8]> = TableDefinition::new("inherited");

/// A reserved slot: what is proposed, again and again, until it is certified or skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlotRecord {
    pub header: Batch,
    pub gateway_signature: EcdsaSignatureBytes,
    pub parent: Option<Batch>,
    pub opening: Opening,
    /// In the order of the leaves.
    pub requests: Vec<RequestId>,
}

impl SlotRecord {
    pub fn signed_header(&self) -> SignedHeader {
        SignedHeader { header: self.header.clone(), gateway_signature: self.gateway_signature }
    }
}

/// A batch as it is kept, for people who look for it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptBatch {
    pub header: Batch,
    /// In the order of the leaves; empty where they are not kept beside the batch data.
    pub requests: Vec<RequestId>,
    /// Whose signatures make its certificate; none while it has none.
    pub signers: Option<Vec<OperatorId>>,
}

/// Where a call stands in the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub batch: BatchHash,
    /// The leaf's index.
    pub index: u32,
}

/// What a lane's former gateway left, once it was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    /// The epoch that began then.
    pub epoch: u32,
    /// A slot in which nothing can be certified any more: the lane goes on behind a skip.
    pub dead: Option<u64>,
}

/// The gateway's store.
#[derive(Debug)]
pub struct GatewayStore {
    store: Store,
}

impl Slots for GatewayStore {
    type Record = SlotRecord;

    fn file(&self) -> &Store {
        &self.store
    }
}

impl Record for SlotRecord {
    fn into_header(self) -> Batch {
        self.header
    }
}

impl GatewayStore {
    pub fn open(
        files: &dyn Files,
        folder: &Path,
        chain_id: u64,
        registry: Address,
        gateway: Address,
        now: Birth,
    ) -> Result<Self, Error> {
        let identity = Identity::new("gateway", chain_id, registry, gateway.into_word());
        let store = Store::open(files, &folder.join("gateway.redb"), &identity, now)?;
        store.write(|transaction| {
            for table in [SLOT_OF, DATA, SIGNATURES, CALLS, HELD, OWED, INHERITED, book::BOOK] {
                transaction.open_table(table)?;
            }
            slots::create(transaction)
        })?;
        Ok(Self { store })
    }

    /// Reserves a slot with its data and calls; on disk on return. False if the slot is reserved already, which leaves it
    /// as it was.
    pub fn reserve(&self, record: &SlotRecord, data: &[u8]) -> Result<bool, Error> {
        self.reserve_charged(record, data, None, 0)
    }

    /// [`GatewayStore::reserve`], with what the batch charges: counted if and only if the slot is reserved. `cursor`: the
    /// finalized one.
    pub fn reserve_charged(
        &self,
        record: &SlotRecord,
        data: &[u8],
        fees: Option<&Draft>,
        cursor: u64,
    ) -> Result<bool, Error> {
        let slot = LaneKey::of(&record.header).slot_key(record.header.sequence);
        let hash = record.header.hash();
        self.store.write(|transaction| {
            let mut slots = transaction.open_table(SLOTS)?;
            if slots.get(slot.as_slice())?.is_some() {
                return Ok(false);
            }
            slots.insert(slot.as_slice(), encode(record).as_slice())?;
            put(transaction, SLOT_OF, hash.as_ref(), &slot)?;
            put(transaction, DATA, hash.as_ref(), data)?;
            if let Some(fees) = fees {
                put(transaction, OWED, &slot, &encode(&fees.owed()))?;
                fees.write(transaction, hash, cursor)?;
            }
            let mut calls = transaction.open_table(CALLS)?;
            for (index, request) in (0u32..).zip(&record.requests) {
                calls.insert(request.as_ref(), encode(&Place { batch: hash, index }).as_slice())?;
            }
            Ok(true)
        })
    }

    /// Where fees are counted.
    pub fn fees(&self) -> &Store {
        &self.store
    }

    /// What the clients of a slot's batch owed before it; nothing if it charges nobody.
    pub fn owed(&self, lane: LaneKey, sequence: u64) -> Result<Vec<U256>, Error> {
        Ok(self.store.get(OWED, &lane.slot_key(sequence))?.unwrap_or_default())
    }

    /// Keeps the signatures that make a batch's certificate.
    pub fn certify(&self, header: &Batch, signatures: &[OperatorSignature]) -> Result<(), Error> {
        self.store.write_soon(|transaction| {
            put(transaction, SIGNATURES, header.hash().as_ref(), &encode(&signatures))?;
            signatures.iter().try_for_each(|single| hold(transaction, header, single))
        })
    }

    /// Keeps one signature of a batch that is not certified (yet), for the day its signer asks.
    pub fn keep_signature(&self, header: &Batch, single: &OperatorSignature) -> Result<(), Error> {
        self.store.write_soon(|transaction| hold(transaction, header, single))
    }

    pub fn slot_of(&self, batch: BatchHash) -> Result<Option<SlotRecord>, Error> {
        let slot = self.store.bytes(SLOT_OF, batch.as_ref())?;
        slot.map_or(Ok(None), |slot| self.store.get(SLOTS, &slot))
    }

    pub fn data(&self, batch: BatchHash) -> Result<Option<Bytes>, Error> {
        Ok(self.store.bytes(DATA, batch.as_ref())?.map(Bytes::from))
    }

    /// The single signatures of a certified batch.
    pub fn signatures(&self, batch: BatchHash) -> Result<Option<Vec<OperatorSignature>>, Error> {
        self.store.get(SIGNATURES, batch.as_ref())
    }

    pub fn place(&self, request: RequestId) -> Result<Option<Place>, Error> {
        self.store.get(CALLS, request.as_ref())
    }

    /// The batches whose hash, or one of whose requests, is in `ids`; at most `max`.
    pub fn kept(&self, ids: RangeInclusive<B256>, max: usize) -> Result<Vec<KeptBatch>, Error> {
        let (first, last) = (ids.start().as_slice(), ids.end().as_slice());
        let (places, slots): (Vec<Vec<u8>>, Vec<Vec<u8>>) = self.store.read(|transaction| {
            let (calls, slots) = (transaction.open_table(CALLS)?, transaction.open_table(SLOT_OF)?);
            let places = calls.range(first..=last)?.take(max).map(|entry| Ok(entry?.1.value().to_vec()));
            let slots = slots.range(first..=last)?.take(max).map(|entry| Ok(entry?.1.value().to_vec()));
            Ok((places.collect::<Result<_, redb::Error>>()?, slots.collect::<Result<_, redb::Error>>()?))
        })?;
        let mut keys: BTreeSet<Vec<u8>> = slots.into_iter().collect();
        for place in places {
            let place: Place = self.store.decode(&place)?;
            keys.extend(self.store.bytes(SLOT_OF, place.batch.as_ref())?);
        }
        let records = keys.iter().take(max).filter_map(|key| self.store.get::<SlotRecord>(SLOTS, key).transpose());
        records.map(|record| self.with_signers(record?)).collect()
    }

    /// What people want to know of a slot.
    pub fn with_signers(&self, record: SlotRecord) -> Result<KeptBatch, Error> {
        let signatures = self.signatures(record.header.hash())?;
        let signers = signatures.map(|singles| singles.into_iter().map(|single| single.operator).collect());
        Ok(KeptBatch { header: record.header, requests: record.requests, signers })
    }

    /// What was taken over with the lane, and in which epoch; none if nothing ever was.
    pub fn inherited(&self, lane: LaneKey) -> Result<Option<Inherited>, Error> {
        self.store.get(INHERITED, &lane.key())
    }

    /// Durable on return: from here on the slots behind the lane's cursor are this gateway's own.
    pub fn save_inherited(&self, lane: LaneKey, inherited: &Inherited) -> Result<(), Error> {
        self.store.write(|transaction| put(transaction, INHERITED, &lane.key(), &encode(inherited)))
    }

    /// The newest batch of every lane that carries the operator's signature.
    pub fn held(&self, operator: OperatorId) -> Result<Vec<Holding>, Error> {
        let prefix = operator.as_ref();
        let end = [prefix, &[0xff; 37]].concat();
        let records: Vec<Vec<u8>> = self.store.read(|transaction| {
            let table = transaction.open_table(HELD)?;
            let range = table.range(prefix..end.as_slice())?.take(HOLDINGS_MAX);
            range.map(|entry| Ok(entry?.1.value().to_vec())).collect()
        })?;
        records.iter().map(|record| self.store.decode(record)).collect()
    }

    pub fn keep_evidence(&self, evidence: &Evidence) -> Result<bool, Error> {
        evidence::keep(&self.store, evidence)
    }

    pub fn evidence(&self) -> Result<Vec<Evidence>, Error> {
        evidence::list(&self.store)
    }

    /// Puts on disk whatever was written without waiting.
    pub fn flush(&self) -> Result<(), Error> {
        self.store.write(|_| Ok(()))
    }

    /// Removes the oldest batches of a lane, at most `max`, that the cursor has passed and whose table is older than
    /// `before` (Unix seconds): nobody can claim or challenge them any more.
    pub fn prune(&self, lane: LaneKey, cursor: u64, before: u64, max: usize) -> Result<(), Error> {
        let oldest = self.slots_after(lane, self.pruned_through(lane)?, max)?;
        let expired = |record: &&SlotRecord| {
            record.header.sequence <= cursor && u64::from(record.header.reference_timestamp) < before
        };
        let expired: BTreeMap<u64, &SlotRecord> =
            oldest.iter().take_while(expired).map(|record| (record.header.sequence, record)).collect();
        let Some(through) = expired.keys().next_back().copied() else { return Ok(()) };
        self.store.write_soon(|transaction| {
            slots::pruned(transaction, lane, through)?;
            expired.values().try_for_each(|record| remove(transaction, record))
        })
    }
}

fn hold(transaction: &WriteTransaction, header: &Batch, single: &OperatorSignature) -> Result<(), redb::Error> {
    let key = [single.operator.as_ref() as &[u8], &LaneKey::of(header).key()].concat();
    let mut table = transaction.open_table(HELD)?;
    let held = table.get(key.as_slice())?.and_then(|record| postcard::from_bytes::<Holding>(record.value()).ok());
    if held.is_none_or(|held| held.header.sequence < header.sequence) {
        let signature = Bytes::copy_from_slice(single.signature.as_slice());
        table.insert(key.as_slice(), encode(&Holding { header: header.clone(), signature }).as_slice())?;
    }
    Ok(())
}

fn remove(transaction: &WriteTransaction, record: &SlotRecord) -> Result<(), redb::Error> {
    let hash = record.header.hash();
    let slot = LaneKey::of(&record.header).slot_key(record.header.sequence);
    for table in [SLOTS, OWED] {
        transaction.open_table(table)?.remove(slot.as_slice())?;
    }
    for table in [SLOT_OF, DATA, SIGNATURES] {
        transaction.open_table(table)?.remove(hash.as_ref() as &[u8])?;
    }
    let mut calls = transaction.open_table(CALLS)?;
    for request in &record.requests {
        calls.remove(request.as_ref() as &[u8])?;
    }
    Ok(())
}
