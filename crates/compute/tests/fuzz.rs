//! What peers say to a node, and what developers give it to run.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use redb::{ReadableTable, TableHandle};
use vouch_compute::evidence::{Evidence, SignedHeader};
use vouch_compute::executor::store::{ExecutorStore, Reservation};
use vouch_compute::fees::Deposit;
use vouch_compute::fees::book::{self, Anchor, Draft, Parent};
use vouch_compute::gateway::store::{GatewayStore, Inherited};
use vouch_compute::lane::floor::{Cause, Saved};
use vouch_compute::lane::slots::{SLOTS, Slots};
use vouch_compute::lane::{LaneKey, LaneState};
use vouch_compute::machine::LocalFiles;
use vouch_compute::program::Description;
use vouch_compute::store::{self, Birth, Identity, Store, Table};
use vouch_compute::wire::{
    Answer, BODY_BYTES_MAX, BatchContent, Call, CertifyCall, ExecuteAnswer, ExecuteCall, Holding, Opening,
    OperatorSignature, ProposeCall, ProposedData, Refusal, Report, ReportList, SignedRequest, Signer, SlotsCall,
};
use vouch_compute::{executor, gateway, wasm};
use vouch_core::{AppId, Batch, BatchHash, Exchange, OperatorId, ProgramId, Request, RequestId};

const BIRTH: Birth = Birth { block: 7, clock: 7 };
const APP: AppId = AppId(B256::repeat_byte(1));
const PROGRAM: ProgramId = ProgramId(B256::repeat_byte(2));
const OPERATOR: OperatorId = OperatorId(B256::repeat_byte(3));

fn signed_request() -> SignedRequest {
    let request = Request {
        app: APP,
        program_id: PROGRAM,
        client: Address::repeat_byte(3),
        nonce: 4,
        payload_hash: B256::repeat_byte(5),
        time: 1_700_000_000,
        seed_block: 6,
        deadline: 1_700_000_060,
        max_fee: U256::from(7),
    };
    SignedRequest { request, signature: vec![8; 65].into(), payload: Bytes::from_static(b"payload") }
}

fn certified() -> CertifyCall {
    CertifyCall {
        header: Batch { sequence: 9, ..Batch::default() },
        gateway_signature: FixedBytes::repeat_byte(4),
        signatures: vec![OperatorSignature { operator: OPERATOR, signature: FixedBytes::repeat_byte(5) }],
        data: Some(Bytes::from_static(b"data")),
    }
}

fn propose(data: ProposedData) -> Call {
    let opening = Opening { value: B256::repeat_byte(6), proof: FixedBytes::repeat_byte(7) };
    Call::Propose(Box::new(ProposeCall {
        header: Batch::default(),
        gateway_signature: FixedBytes::repeat_byte(4),
        parent: Some(Batch::default()),
        data,
        opening,
        owed: vec![U256::ONE],
    }))
}

fn calls() -> Vec<Call> {
    let lane = LaneKey { app: APP, lane: 1 };
    vec![
        Call::Execute(ExecuteCall { app: APP, program_id: PROGRAM, requests: vec![signed_request()] }),
        propose(ProposedData::Whole(Bytes::from_static(b"whole"))),
        propose(ProposedData::Known(vec![RequestId(B256::repeat_byte(8))])),
        Call::Certify(Box::new(certified())),
        Call::Held(Signer::Operator(OPERATOR)),
        Call::Held(Signer::Gateway(Address::repeat_byte(9))),
        Call::Batch(BatchHash(B256::repeat_byte(1))),
        Call::Slots(SlotsCall { lane, epoch: 2, after: 3 }),
        Call::Data(BatchHash(B256::repeat_byte(1))),
    ]
}

fn answers() -> Vec<Answer> {
    let id = RequestId(B256::repeat_byte(8));
    let reports = vec![Report::Ran(Exchange::default()), Report::Refused(id, Refusal::Busy)];
    let list = ReportList { app: APP, program_id: PROGRAM, operator: OPERATOR, reports };
    let outputs = vec![Bytes::from_static(b"out"), Bytes::new()];
    let signed = SignedHeader { header: Batch::default(), gateway_signature: FixedBytes::repeat_byte(4) };
    vec![
        Answer::Reports(Box::new(ExecuteAnswer { list, signature: FixedBytes::repeat_byte(5), outputs })),
        Answer::Signature(FixedBytes::repeat_byte(6)),
        Answer::Kept,
        Answer::Held(vec![Holding { header: Batch::default(), signature: vec![7; 64].into() }]),
        Answer::Batch(Some(Box::new(certified()))),
        Answer::Batch(None),
        Answer::Refused(Refusal::MalformedData("why".into())),
        Answer::Slots(vec![signed]),
        Answer::Data(Some(BatchContent { data: Bytes::from_static(b"data"), owed: vec![U256::MAX] })),
    ]
}

#[test]
fn wire_calls() {
    fuzz!("wire_calls", calls().iter().map(Call::encode).collect(), |bytes| {
        let Ok(call) = Call::decode(bytes) else { return false };
        let again = call.encode();
        // What is passed on or hashed is never longer than what came, and reads the same.
        assert!(again.len() <= bytes.len() && bytes.len() <= BODY_BYTES_MAX);
        assert_eq!(Call::decode(&again), Ok(call));
        true
    });
}

#[test]
fn wire_answers() {
    fuzz!("wire_answers", answers().iter().map(Answer::encode).collect(), |bytes| {
        let Ok(answer) = Answer::decode(bytes) else { return false };
        let again = answer.encode();
        assert!(again.len() <= bytes.len() && bytes.len() <= BODY_BYTES_MAX);
        assert_eq!(Answer::decode(&again), Ok(answer));
        true
    });
}

const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (func (export "_start")))"#;

#[test]
fn artifacts() {
    fuzz!("artifacts", vec![wat::parse_str(MODULE).unwrap()], |bytes| {
        let found = wasm::inspect(bytes);
        assert_eq!(wasm::inspect(bytes), found);
        found.is_ok()
    });
}

#[test]
fn descriptions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vouch.toml");
    std::fs::write(folder.path().join("program.wasm"), wat::parse_str(MODULE).unwrap()).unwrap();
    let seed = "artifact = \"program.wasm\"\nargs = [\"a\"]\n[limits]\nfuel = 1_000_000\nwall-millis = 1_000\n";
    fuzz!("descriptions", vec![seed.into()], |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(description) = Description::read(&path) else { return false };
        // What is read is fit to be published.
        assert!(description.program.validate().is_ok());
        // The artifact lies where the file says, and nothing else is looked for.
        assert!(description.artifact.starts_with(folder.path()) || description.artifact.is_absolute());
        true
    });
}

const LANE: LaneKey = LaneKey { app: APP, lane: 1 };
const REGISTRY: Address = Address::repeat_byte(4);
const CLIENT: Address = Address::repeat_byte(5);

fn header(sequence: u64) -> Batch {
    Batch { app: APP, lane: LANE.lane, sequence, registry: REGISTRY, exchange_count: 1, ..Batch::default() }
}

fn request_id(byte: u8) -> RequestId {
    RequestId(B256::repeat_byte(byte))
}

/// Charges of the first batch, on top of nothing.
fn draft(store: &Store) -> Draft {
    let parent = Parent { sequence: 0, hash: BatchHash::ZERO, unpriced: true, anchor: Anchor::default() };
    let deposit = Deposit { balance: U256::from(100), ..Deposit::default() };
    let request = Request { client: CLIENT, max_fee: U256::from(50), ..Request::default() };
    let mut draft = Draft::start(store, LANE, 1, &parent, [CLIENT]).unwrap();
    draft.charge(request.id(), &request, U256::from(7), &deposit).unwrap();
    draft
}

fn holding() -> Holding {
    Holding { header: header(1), signature: vec![7; 64].into() }
}

fn evidence() -> Evidence {
    let refusal = Refusal::MalformedData("why".into());
    Evidence::RefusedProposal { proposal: signed(header(1)), refusal }
}

fn signed(header: Batch) -> SignedHeader {
    SignedHeader { header, gateway_signature: FixedBytes::repeat_byte(4) }
}

fn executor_record(header: Batch) -> executor::store::SlotRecord {
    let requests = vec![(request_id(8), 1_700_000_060)];
    executor::store::SlotRecord { header, gateway_signature: FixedBytes::repeat_byte(4), requests }
}

/// An executor's store with a record of every kind.
fn executor_store(folder: &Path) -> ExecutorStore {
    let identity = Identity::new("executor", 1, REGISTRY, OPERATOR.0);
    let store = ExecutorStore::open(&LocalFiles, folder, &identity, BIRTH).unwrap();
    let header = header(1);
    assert_eq!(store.reserve(&executor_record(header.clone()), 0).unwrap(), Reservation::Granted);
    store.keep_data(&header, b"data").unwrap();
    store.keep_owed(&header, &[U256::ONE]).unwrap();
    store.keep_fees(&header, &draft(store.fees()), 0).unwrap();
    store.keep_forced(&[request_id(8)], header.hash()).unwrap();
    let kept = CertifyCall { header: header.clone(), ..certified() };
    store.keep_certified(header.hash(), &kept, &[(Signer::Operator(OPERATOR), holding())]).unwrap();
    store.keep_evidence(&evidence()).unwrap();
    store.save_floor(LANE, &Saved::Floor { cause: Cause::PeerHoldsNewer { sequence: 2 }, floor: 9 }).unwrap();
    store
}

fn read_executor(store: &ExecutorStore) -> Result<(), store::Error> {
    let hash = header(1).hash();
    // Of another header than was written nothing is promised here, but that no other batch gets its slot.
    let same = store.slot(LANE, 1)?.filter(|record| record.header == header(1));
    if let Some(record) = same.map(|record| executor_record(record.header)) {
        assert!(matches!(store.reserve(&record, 0), Ok(Reservation::Granted)), "the same batch again");
    }
    read_slots(store)?;
    store.kept(B256::ZERO..=B256::repeat_byte(0xff), 10)?;
    store.evidence()?;
    store.content(hash)?;
    store.certified(hash)?;
    store.forced_batch(request_id(8))?;
    store.held(Signer::Operator(OPERATOR), 10)?;
    read_book(store.fees())
}

fn read_slots(store: &impl Slots) -> Result<(), store::Error> {
    store.newest_slot(LANE)?;
    store.slots_after(LANE, 0, 10)?;
    store.pruned_through(LANE)?;
    store.floor(LANE).map(drop)
}

fn read_book(store: &Store) -> Result<(), store::Error> {
    book::newest_total(store, LANE, Some(&LaneState::default()), CLIENT)?;
    book::newest_charges(store, LANE, 5, 10)?;
    let parent = Parent { sequence: 1, hash: header(1).hash(), unpriced: false, anchor: Anchor::default() };
    book::debts(store, LANE, &parent, [CLIENT])?;
    Draft::start(store, LANE, 5, &parent, [CLIENT]).map(drop)
}

fn gateway_record(header: Batch) -> gateway::store::SlotRecord {
    let opening = Opening { value: B256::repeat_byte(6), proof: FixedBytes::repeat_byte(7) };
    let (gateway_signature, requests) = (FixedBytes::repeat_byte(4), vec![request_id(8)]);
    gateway::store::SlotRecord { parent: Some(Batch::default()), header, gateway_signature, opening, requests }
}

/// A gateway's store with a record of every kind.
fn gateway_store(folder: &Path) -> GatewayStore {
    let store = GatewayStore::open(&LocalFiles, folder, 1, REGISTRY, CLIENT, BIRTH).unwrap();
    let header = header(1);
    let fees = draft(store.fees());
    assert!(store.reserve_charged(&gateway_record(header.clone()), b"data", Some(&fees), 0).unwrap());
    store.certify(&header, &certified().signatures).unwrap();
    store.keep_evidence(&evidence()).unwrap();
    store.save_inherited(LANE, &Inherited { epoch: 2, dead: Some(3) }).unwrap();
    store.save_floor(LANE, &Saved::Waiting { cause: Cause::OperatorsWord, least: 9 }).unwrap();
    store
}

fn read_gateway(store: &GatewayStore) -> Result<(), store::Error> {
    let hash = header(1).hash();
    store.slot(LANE, 1)?;
    read_slots(store)?;
    store.slot_of(hash)?;
    store.data(hash)?;
    store.signatures(hash)?;
    store.place(request_id(8))?;
    store.kept(B256::ZERO..=B256::repeat_byte(0xff), 10)?;
    store.inherited(LANE)?;
    store.held(OPERATOR)?;
    store.evidence()?;
    store.owed(LANE, 1)?;
    read_book(store.fees())
}

/// Where a record lies in a file: its table and its key.
type Lies = (String, Vec<u8>);

/// All records of bytes by bytes in a file, each with its number in front.
fn records(store: &Store) -> (Vec<Lies>, Vec<Vec<u8>>) {
    let found = store.read(|transaction| {
        let mut found = Vec::new();
        for handle in transaction.list_tables()? {
            let name = handle.name().to_owned();
            let Ok(table) = transaction.open_table(Table::new(name.clone().leak())) else { continue };
            for entry in table.iter()? {
                let (key, value) = entry?;
                found.push(((name.clone(), key.value().to_vec()), value.value().to_vec()));
            }
        }
        Ok(found)
    });
    let numbered = (0u8..).zip(found.unwrap()).map(|(number, (lies, value))| (lies, [vec![number], value].concat()));
    numbered.unzip()
}

/// Puts bent bytes into one record's place and reads everything: all of it, or an error that names the damaged file. A slot
/// whose record is bent is never given to another batch.
fn stays_safe(
    store: &Store,
    lies: &[Lies],
    bytes: &[u8],
    read: impl Fn() -> Result<(), store::Error>,
    given: impl Fn() -> bool,
) -> bool {
    let Some((number, value)) = bytes.split_first() else { return false };
    let (table, key) = &lies[usize::from(*number) % lies.len()];
    let table = Table::new(table.clone().leak());
    let before = store.bytes(table, key).unwrap().unwrap();
    let write = |value: &[u8]| store.write_soon(|transaction| store::put(transaction, table, key, value)).unwrap();
    write(value);
    let found = read();
    assert!(!given(), "a slot was given twice");
    write(&before);
    let damaged = |error: &store::Error| matches!(error, store::Error::Damaged { .. });
    assert!(found.as_ref().err().is_none_or(damaged), "{found:?}");
    found.is_ok()
}

#[test]
fn executor_records() {
    let folder = tempfile::tempdir().unwrap();
    let store = executor_store(folder.path());
    let other = executor_record(Batch { exchange_count: 2, ..header(1) });
    let given = || store.reserve(&other, 0).is_ok_and(|reservation| reservation == Reservation::Granted);
    for file in [store.file(), store.fees()] {
        let (lies, seeds) = records(file);
        assert!(lies.len() > 2, "{lies:?}");
        fuzz!("executor_records", seeds, |bytes| stays_safe(file, &lies, bytes, || read_executor(&store), given));
    }
}

#[test]
fn gateway_records() {
    let folder = tempfile::tempdir().unwrap();
    let store = gateway_store(folder.path());
    let other = gateway_record(Batch { exchange_count: 2, ..header(1) });
    let given = || store.reserve(&other, b"other").is_ok_and(|reserved| reserved);
    let (lies, seeds) = records(store.fees());
    assert!(lies.len() > 8, "{lies:?}");
    fuzz!("gateway_records", seeds, |bytes| stays_safe(store.fees(), &lies, bytes, || read_gateway(&store), given));
}

/// Slots of a store as it lies on the disk.
fn stored_slots(store: &Store) -> Vec<Option<Vec<u8>>> {
    (0..4u8).map(|sequence| store.bytes(SLOTS, &LANE.slot_key(u64::from(sequence))).unwrap()).collect()
}

#[test]
fn store_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slots.redb");
    let identity = Identity::new("executor", 1, REGISTRY, OPERATOR.0);
    let store = Store::open(&LocalFiles, &path, &identity, BIRTH).unwrap();
    for sequence in 0..3u8 {
        let key = LANE.slot_key(u64::from(sequence));
        store.write(|transaction| store::put(transaction, SLOTS, &key, &[sequence; 900])).unwrap();
    }
    let written = stored_slots(&store);
    drop(store);
    fuzz!("store_files", vec![std::fs::read(&path).unwrap()], |bytes| {
        // An empty file is one that was never written.
        if bytes.is_empty() {
            return false;
        }
        std::fs::write(&path, bytes).unwrap();
        match Store::open(&LocalFiles, &path, &identity, BIRTH) {
            // Neither another content nor an older one: what was signed is known, or nothing is signed.
            Ok(store) => assert_eq!(stored_slots(&store), written),
            Err(error) => {
                assert!(error.to_string().contains("slots.redb"), "{error}");
                return false;
            }
        }
        true
    });
}
