//! Who takes part: keys, weights, the program and the requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use alloy_primitives::{Address, B256, Bytes, U256};
use vouch_coding::{DevelopmentSrs, Srs};
use vouch_compute::driver::Status;
use vouch_compute::fees::Price;
use vouch_compute::lane::LaneKey;
use vouch_compute::lane::chain::Table;
use vouch_compute::wire::SignedRequest;
use vouch_core::bls::{PublicKey, SecretKey};
use vouch_core::{
    AppId, Domain, Entry, Exchange, FORCED_NONCE_FIRST, Limits, OperatorId, OperatorInfo, OperatorTable, Program,
    Request, ecdsa, pages,
};

pub const CHAIN_ID: u64 = 31_337;
pub const REGISTRY: Address = Address::repeat_byte(0x11);
pub const APP: AppId = AppId(B256::repeat_byte(0x22));
pub const PROFILE: Address = Address::repeat_byte(0x33);
pub const LANE: LaneKey = LaneKey { app: APP, lane: 1 };
/// W of the lane.
pub const WINDOW: u32 = 6;
pub const GATEWAY_KEY: [u8; 32] = [0x77; 32];
/// What calls cost where they cost something, and what each client has deposited then.
pub const PRICE: Price = Price { per_call: 7, per_page: 3 };
pub const DEPOSIT: U256 = U256::from_limbs([1_000_000, 0, 0, 0]);
/// How long an entry of the forced inbox has, seconds.
const FORCED_SECONDS: u64 = 20;
/// Executors, by index.
pub const WEIGHTS: [u64; 4] = [400, 300, 200, 100];
pub const EXECUTORS: usize = WEIGHTS.len();
pub const THRESHOLD_BIPS: u16 = 6_667;
/// Two thirds of 1,000, rounded up.
pub const THRESHOLD: u64 = 667;
/// How far a request's time may be from an executor's clock, seconds.
pub const TIME_TOLERANCE: u64 = 30;

pub fn program() -> Program {
    let limits = Limits { payload_bytes: 1_024, output_bytes: 1_024, ..Limits::default() };
    Program { runtime: "reverse-1".into(), interface_name: "command".into(), limits, ..Program::default() }
}

/// What the program answers.
pub fn reversed(payload: &[u8]) -> Vec<u8> {
    payload.iter().rev().copied().collect()
}

pub fn gateway_address() -> Address {
    ecdsa::address(&GATEWAY_KEY).unwrap()
}

pub fn bls_key(index: usize) -> SecretKey {
    SecretKey::from_entropy(&[index as u8 + 1; 48]).unwrap()
}

pub fn account_key(index: usize) -> [u8; 32] {
    [0x40 + index as u8; 32]
}

fn publics() -> &'static [PublicKey] {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    KEYS.get_or_init(|| (0..EXECUTORS).map(|index| bls_key(index).public_key()).collect())
}

pub fn operator(index: usize) -> OperatorId {
    publics()[index].operator_id()
}

pub fn index_of(operator_id: OperatorId) -> Option<usize> {
    (0..EXECUTORS).find(|index| operator(*index) == operator_id)
}

pub fn srs() -> Arc<Srs> {
    static SRS: OnceLock<Arc<Srs>> = OnceLock::new();
    SRS.get_or_init(|| Arc::new(DevelopmentSrs::for_chain(CHAIN_ID).unwrap().into())).clone()
}

pub fn table(reference_timestamp: u32) -> Arc<Table> {
    static TABLES: OnceLock<Mutex<HashMap<u32, Arc<Table>>>> = OnceLock::new();
    let mut tables = TABLES.get_or_init(Mutex::default).lock().unwrap();
    let make = || {
        let info =
            |(key, weight): (&PublicKey, &u64)| OperatorInfo { pubkey: *key.g1(), weights: vec![U256::from(*weight)] };
        let infos = publics().iter().zip(&WEIGHTS).map(info).collect();
        let table = OperatorTable::new(reference_timestamp, infos).unwrap();
        Arc::new(Table::new(table, publics().iter().map(|key| *key.g2()).collect()).unwrap())
    };
    tables.entry(reference_timestamp).or_insert_with(make).clone()
}

/// Two clients take turns.
fn client_key(nonce: u64) -> [u8; 32] {
    [0x66 + (nonce % 2) as u8; 32]
}

pub fn client(nonce: u64) -> Address {
    ecdsa::address(&client_key(nonce)).unwrap()
}

/// What a request costs where calls cost something.
pub fn fee(signed: &SignedRequest) -> U256 {
    PRICE.fee_of(&signed.signature, signed.payload.len())
}

/// The `index`th entry of the forced inbox, put in at `time`.
pub fn forced(index: u64, time: u64) -> SignedRequest {
    let plain = request(index, time, U256::ZERO);
    let payload = format!("forced {index} at {time}").into_bytes();
    let request = Request {
        nonce: FORCED_NONCE_FIRST + index,
        payload_hash: pages::root(&payload),
        deadline: time + FORCED_SECONDS,
        ..plain.request
    };
    SignedRequest { request, signature: Bytes::new(), payload: payload.into() }
}

/// A request as an honest client sends it; no two payloads are alike.
pub fn request(nonce: u64, time: u64, max_fee: U256) -> SignedRequest {
    let payload = format!("request {nonce}").into_bytes();
    let request = Request {
        app: APP,
        program_id: program().id(),
        client: client(nonce),
        nonce,
        payload_hash: pages::root(&payload),
        time,
        seed_block: 0,
        deadline: time + 240,
        max_fee,
    };
    let domain = Domain { chain_id: U256::from(CHAIN_ID), registry: REGISTRY };
    let signature = ecdsa::sign(request.digest(&domain), &client_key(nonce)).unwrap();
    SignedRequest { request, signature: Bytes::copy_from_slice(&signature), payload: payload.into() }
}

/// The right exchange for a request.
pub fn exchange(signed: &SignedRequest) -> Exchange {
    Exchange {
        request_id: signed.request.id(),
        reads_hash: B256::ZERO,
        status: Status::Ok,
        output_hash: pages::root(&reversed(&signed.payload)),
        pre_state: B256::ZERO,
        post_state: B256::ZERO,
    }
}

/// The right entry of batch data for a request.
pub fn entry(signed: &SignedRequest) -> Entry {
    Entry {
        request: signed.request.clone(),
        origin: signed.origin(),
        signature: signed.signature.clone(),
        payload: signed.payload.clone(),
        output: reversed(&signed.payload).into(),
        ..Entry::default()
    }
}
