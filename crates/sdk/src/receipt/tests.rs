//! Every lie that a receipt can tell, each refused by its own check.

use std::str::FromStr;

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use vouch_api::Receipt;
use vouch_chain::network::{App, Release};
use vouch_core::bls::SecretKey;
use vouch_core::certificate::{self, SignerShare};
use vouch_core::{
    AppId, Batch, BatchHash, Certificate, Domain, Exchange, OperatorInfo, OperatorTable, Program, ProgramId, Request,
    Status, ecdsa, merkle, pages,
};

use super::chain::consumption;
use super::{Consumption, Facts, Lie, Standing, certified_answer, certified_exchange, check, check_facts};

pub(crate) const DOMAIN: Domain =
    Domain { chain_id: U256::from_limbs([31_337, 0, 0, 0]), registry: Address::repeat_byte(0x11) };
const APP: AppId = AppId(B256::repeat_byte(0x22));
const PROFILE: Address = Address::repeat_byte(0x33);
const TABLE_TIME: u32 = 1_700_000_000;
const TIME: u64 = 1_700_000_010;
const WEIGHTS: [u64; 4] = [400, 300, 200, 100];
const OUTPUT: &[u8] = b"hello, world";
pub(crate) const PAYLOAD: &[u8] = b"world";

fn program() -> Program {
    Program { runtime: "wasmtime".into(), interface_name: "command".into(), ..Program::default() }
}

fn key(index: usize) -> SecretKey {
    SecretKey::from_entropy(&[index as u8 + 1; 48]).unwrap()
}

pub(crate) fn client() -> PrivateKeySigner {
    PrivateKeySigner::from_str(&"66".repeat(32)).unwrap()
}

fn table() -> OperatorTable {
    let infos = WEIGHTS.iter().enumerate().map(|(index, weight)| OperatorInfo {
        pubkey: *key(index).public_key().g1(),
        weights: vec![U256::from(*weight)],
    });
    OperatorTable::new(TABLE_TIME, infos.collect()).unwrap()
}

fn app() -> App {
    App {
        id: APP,
        owner: Address::ZERO,
        profile: PROFILE,
        operator_set_id: 7,
        threshold_bips: 6_700,
        slash_vault: Address::ZERO,
        strategies: vec![Address::ZERO],
        minimum_stake: vec![U256::ONE],
        required_stake: vec![U256::ONE],
    }
}

fn release() -> Release {
    let program = program();
    let (program_id, uri) = (program.id(), String::new());
    Release { program_id, app: APP, wasm: true, immediate: true, published_at: 1, program, uri }
}

pub(crate) fn request() -> Request {
    Request {
        app: APP,
        program_id: program().id(),
        client: client().address(),
        nonce: 5,
        payload_hash: pages::root(PAYLOAD),
        time: TIME,
        seed_block: 0,
        deadline: TIME + 100,
        max_fee: U256::ZERO,
    }
}

fn exchange() -> Exchange {
    Exchange { request_id: request().id(), output_hash: pages::root(OUTPUT), ..Exchange::default() }
}

/// The leaves of the batch: ours stands at 2 of 3.
fn leaves(exchange: &Exchange) -> Vec<B256> {
    vec![keccak256("first"), keccak256("second"), exchange.leaf()]
}

fn batch(exchange: &Exchange) -> Batch {
    Batch {
        chain_id: DOMAIN.chain_id,
        registry: DOMAIN.registry,
        app: APP,
        operator_set_id: 7,
        profile_id: PROFILE,
        program_id: program().id(),
        lane: 1,
        sequence: 9,
        exchanges_root: merkle::root(&leaves(exchange)),
        exchange_count: 3,
        reference_timestamp: TABLE_TIME,
        ..Batch::default()
    }
}

fn certificate(batch: &Batch, signers: &[usize]) -> Certificate {
    let digest = certificate::digest(TABLE_TIME, batch.hash());
    let shares: Vec<_> = signers
        .iter()
        .map(|index| SignerShare {
            index: *index,
            key: *key(*index).public_key().g2(),
            signature: key(*index).sign(digest),
        })
        .collect();
    Certificate::assemble(&table(), batch.hash(), &shares).unwrap().into_certificate()
}

/// A receipt of `exchange` in `batch`, signed by these operators and by the client.
fn receipt_of(exchange: &Exchange, batch: &Batch, output: &[u8], signers: &[usize]) -> Receipt {
    let signature = ecdsa::sign(request().digest(&DOMAIN), &client().to_bytes().0).unwrap();
    let proof = merkle::prove(&leaves(exchange), 2).unwrap();
    let signature = Bytes::copy_from_slice(&signature);
    let output = Bytes::copy_from_slice(output);
    Receipt::new(&request(), &signature, PAYLOAD, exchange, &output, (2, proof), batch, &certificate(batch, signers))
}

pub(crate) fn receipt() -> Receipt {
    receipt_of(&exchange(), &batch(&exchange()), OUTPUT, &[0, 1])
}

/// A receipt of a request that came through the forced inbox, so without a signature.
pub(crate) fn forced_receipt() -> Receipt {
    let request = Request { nonce: vouch_core::FORCED_NONCE_FIRST, ..request() };
    let exchange = Exchange { request_id: request.id(), ..exchange() };
    let proof = merkle::prove(&leaves(&exchange), 2).unwrap();
    let (batch, output) = (batch(&exchange), Bytes::from_static(OUTPUT));
    let certificate = certificate(&batch, &[0, 1]);
    Receipt::new(&request, &Bytes::new(), PAYLOAD, &exchange, &output, (2, proof), &batch, &certificate)
}

/// The check that refuses the receipt after `change`.
fn refused(change: impl FnOnce(&mut Receipt)) -> Lie {
    let mut receipt = receipt();
    change(&mut receipt);
    check(&receipt, &DOMAIN).unwrap_err()
}

/// The check against the chain's facts that refuses a receipt.
fn refused_by_facts(receipt: &Receipt, change: impl FnOnce(&mut App, &mut Release)) -> Lie {
    let (mut app, mut release, table) = (app(), release(), table());
    change(&mut app, &mut release);
    let facts = Facts { app: &app, release: &release, table: &table };
    check_facts(&check(receipt, &DOMAIN).unwrap(), &facts).unwrap_err()
}

#[test]
fn an_honest_receipt_holds() {
    let checked = check(&receipt(), &DOMAIN).unwrap();
    assert_eq!(checked.request_id(), request().id());
    let (app, release, table) = (app(), release(), table());
    let verified = check_facts(&checked, &Facts { app: &app, release: &release, table: &table }).unwrap();
    assert_eq!(verified.signed_weights(), [U256::from(700)]);
}

#[test]
fn a_certified_failure_holds_and_has_no_output() {
    let trap = Exchange { status: Status::Trap, output_hash: B256::ZERO, ..exchange() };
    let mut receipt = receipt_of(&trap, &batch(&trap), b"", &[0, 1]);
    assert!(check(&receipt, &DOMAIN).is_ok());
    receipt.output = Bytes::from_static(b"x");
    assert!(matches!(check(&receipt, &DOMAIN), Err(Lie::OutputOfFailure { status: 1 })));
}

#[test]
fn every_field_of_the_request_is_bound() {
    let unanswered = |change: fn(&mut Receipt)| {
        let lie = refused(change);
        assert!(matches!(lie, Lie::RequestNotAnswered { .. }), "{lie}");
    };
    unanswered(|receipt| receipt.request.nonce += 1);
    unanswered(|receipt| receipt.request.time += 1);
    unanswered(|receipt| receipt.request.deadline += 1);
    unanswered(|receipt| receipt.request.seed_block += 1);
    unanswered(|receipt| receipt.request.max_fee += U256::ONE);
    unanswered(|receipt| receipt.request.client = Address::repeat_byte(9));
    unanswered(|receipt| receipt.request.payload_hash = B256::ZERO);
    unanswered(|receipt| receipt.exchange.request_id = B256::ZERO);
    assert!(matches!(refused(|receipt| receipt.request.app = B256::ZERO), Lie::RequestOfAnotherApp { .. }));
    assert!(matches!(refused(|receipt| receipt.request.program_id = B256::ZERO), Lie::RequestOfAnotherProgram { .. }));
}

#[test]
fn somebody_elses_request_cannot_be_invented() {
    let forged = ecdsa::sign(request().digest(&DOMAIN), &[9; 32]).unwrap();
    let lie = refused(|receipt| receipt.client_signature = forged.to_vec().into());
    assert!(matches!(lie, Lie::ClientSignature(ecdsa::Error::WrongSigner { .. })));
    let elsewhere = Domain { registry: Address::repeat_byte(0x12), ..DOMAIN };
    let replayed = ecdsa::sign(request().digest(&elsewhere), &client().to_bytes().0).unwrap();
    assert!(matches!(refused(|receipt| receipt.client_signature = replayed.to_vec().into()), Lie::ClientSignature(_)));
    assert!(matches!(refused(|receipt| receipt.client_signature = Bytes::new()), Lie::ClientSignature(_)));
}

#[test]
fn contents_are_what_the_hashes_say() {
    assert!(matches!(refused(|receipt| receipt.payload.length += 1), Lie::Payload));
    assert!(matches!(refused(|receipt| receipt.payload.pages_root = B256::ZERO), Lie::Payload));
    assert!(matches!(refused(|receipt| receipt.reads.length = 1), Lie::Reads));
    assert!(matches!(refused(|receipt| receipt.exchange.reads_hash = B256::repeat_byte(1)), Lie::Reads));
    assert!(matches!(refused(|receipt| receipt.output = Bytes::from_static(b"hello, World")), Lie::Output { .. }));
    assert!(matches!(refused(|receipt| receipt.output = Bytes::new()), Lie::Output { .. }));
    assert!(matches!(refused(|receipt| receipt.exchange.output_hash = B256::ZERO), Lie::Output { .. }));
}

#[test]
fn the_exchange_stands_where_it_is_said_to() {
    assert!(matches!(refused(|receipt| receipt.index = 1), Lie::NotInBatch { index: 1 }));
    assert!(matches!(refused(|receipt| receipt.index = 3), Lie::Index { index: 3, count: 3 }));
    assert!(matches!(refused(|receipt| receipt.proof[0] = B256::repeat_byte(1)), Lie::NotInBatch { .. }));
    assert!(matches!(refused(|receipt| receipt.proof.clear()), Lie::NotInBatch { .. }));
    assert!(matches!(refused(|receipt| receipt.exchange.post_state = B256::repeat_byte(1)), Lie::NotInBatch { .. }));
    assert!(matches!(refused(|receipt| receipt.batch.exchanges_root = B256::repeat_byte(1)), Lie::NotInBatch { .. }));
}

#[test]
fn the_certificate_is_of_this_batch() {
    let other = |change: fn(&mut Receipt)| {
        let lie = refused(change);
        assert!(matches!(lie, Lie::CertificateOfAnotherBatch { .. }), "{lie}");
    };
    other(|receipt| receipt.batch.operator_set_id += 1);
    other(|receipt| receipt.batch.profile_id = Address::ZERO);
    other(|receipt| receipt.batch.lane += 1);
    other(|receipt| receipt.batch.sequence += 1);
    other(|receipt| receipt.batch.parent = B256::repeat_byte(1));
    other(|receipt| receipt.batch.fees_root = B256::repeat_byte(1));
    other(|receipt| receipt.batch.inbox_cursor += 1);
    other(|receipt| receipt.batch.data_commitment_x += U256::ONE);
    other(|receipt| receipt.batch.data_commitment_y += U256::ONE);
    other(|receipt| receipt.batch.data_length += 1);
    other(|receipt| receipt.batch.reference_timestamp += 1);
    other(|receipt| receipt.certificate.message_hash = B256::repeat_byte(1));
    let table = refused(|receipt| receipt.certificate.reference_timestamp += 1);
    assert!(matches!(table, Lie::CertificateOfAnotherTable { .. }));
}

#[test]
fn another_deployment_is_another_world() {
    assert!(matches!(refused(|receipt| receipt.batch.chain_id = 1), Lie::AnotherChain { .. }));
    assert!(matches!(refused(|receipt| receipt.batch.registry = Address::ZERO), Lie::AnotherRegistry { .. }));
}

#[test]
fn parts_that_are_none_are_refused() {
    assert!(matches!(refused(|receipt| receipt.exchange.status = 9), Lie::Malformed(_)));
    assert!(matches!(refused(|receipt| receipt.certificate.signature.x = U256::ONE), Lie::Malformed(_)));
    assert!(matches!(refused(|receipt| receipt.certificate.apk.x[0] = U256::ONE), Lie::Malformed(_)));
    assert!(matches!(refused(|receipt| receipt.certificate.non_signers[0].pubkey.y = U256::ZERO), Lie::Malformed(_)));
}

#[test]
fn forged_certificates_are_refused() {
    let invalid = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = receipt();
        change(&mut receipt);
        refused_by_facts(&receipt, |_, _| {})
    };
    let other_batch = Batch { sequence: 10, ..batch(&exchange()) };
    let replayed = vouch_api::Certificate::from(&certificate(&other_batch, &[0, 1]));
    let lies = [
        invalid(&|receipt| receipt.certificate.signature = replayed.signature.clone()),
        invalid(&|receipt| receipt.certificate.non_signers.clear()),
        invalid(&|receipt| receipt.certificate.non_signers.swap(0, 1)),
        invalid(&|receipt| receipt.certificate.non_signers[0].weights = vec![U256::ZERO]),
        invalid(&|receipt| receipt.certificate.non_signers[0].index = 3),
        invalid(&|receipt| receipt.certificate.non_signers[0].proof.clear()),
    ];
    for lie in lies {
        assert!(matches!(lie, Lie::Certificate(_)), "{lie}");
        assert_eq!(lie.check(), "certificate");
    }
}

#[test]
fn a_minority_is_no_quorum() {
    let minority = receipt_of(&exchange(), &batch(&exchange()), OUTPUT, &[1, 2, 3]);
    let lie = refused_by_facts(&minority, |_, _| {});
    assert!(matches!(lie, Lie::ThresholdNotReached { threshold_bips: 6_700, .. }), "{lie}");
}

#[test]
fn the_batch_speaks_of_the_app_as_the_chain_has_it() {
    let receipt = receipt();
    assert!(matches!(
        refused_by_facts(&receipt, |app, _| app.operator_set_id = 8),
        Lie::AnotherSet { expected: 8, found: 7 }
    ));
    assert!(matches!(refused_by_facts(&receipt, |app, _| app.profile = Address::ZERO), Lie::AnotherProfile { .. }));
    let stolen = refused_by_facts(&receipt, |_, release| release.app = AppId(B256::repeat_byte(0x23)));
    assert!(matches!(stolen, Lie::ReleaseOfAnotherApp { .. }));
}

#[test]
fn a_stateless_program_has_no_state_and_reads_nothing() {
    let stateful = Exchange { post_state: B256::repeat_byte(1), ..exchange() };
    let receipt = receipt_of(&stateful, &batch(&stateful), OUTPUT, &[0, 1]);
    assert!(matches!(refused_by_facts(&receipt, |_, _| {}), Lie::StateOfStateless));
    let reading = Exchange { reads_hash: pages::root(b"weather"), ..exchange() };
    let mut receipt = receipt_of(&reading, &batch(&reading), OUTPUT, &[0, 1]);
    receipt.reads = vouch_api::SizedPages { length: 7, pages_root: pages::merkle_root(b"weather") };
    assert!(matches!(refused_by_facts(&receipt, |_, _| {}), Lie::ReadsWithoutEgress));
}

#[test]
fn contracts_may_act_from_the_post_until_the_claim_age() {
    let checked = check(&receipt(), &DOMAIN).unwrap();
    let at = |standing, now| consumption(&checked, &release(), standing, 1_000, now);
    let until = u64::from(TABLE_TIME) + 1_000;
    let posted = |recorded_at, certified_at| Standing::Posted { recorded_at, certified_at };
    assert_eq!(at(Standing::Waiting, TIME), Consumption::AfterPost { until });
    assert_eq!(at(Standing::Waiting, TIME + 101), Consumption::EndedAt(TIME + 100));
    assert_eq!(at(posted(TIME, None), TIME), Consumption::AfterPost { until });
    assert_eq!(at(posted(TIME, Some(TIME)), until), Consumption::Until(until));
    assert_eq!(at(posted(TIME, Some(TIME)), until + 1), Consumption::EndedAt(until));
    assert_eq!(at(posted(TIME - 1, Some(TIME)), TIME), Consumption::RecordedOutsideRequest);
    assert_eq!(at(posted(TIME + 101, Some(TIME + 101)), TIME + 101), Consumption::RecordedOutsideRequest);
    assert_eq!(at(Standing::Passed, TIME), Consumption::CannotBePosted);
    assert_eq!(at(Standing::Displaced { by: BatchHash::ZERO }, TIME), Consumption::CannotBePosted);
    let later = Release { immediate: false, ..release() };
    assert_eq!(consumption(&checked, &later, posted(TIME, Some(TIME)), 1_000, TIME), Consumption::NotImmediate);
}

#[test]
fn what_a_contract_takes_has_the_same_hashes() {
    let certified = certified_exchange(&receipt()).unwrap();
    assert_eq!(certified.payloadPagesRoot, pages::merkle_root(PAYLOAD));
    assert_eq!(certified.payloadLength, PAYLOAD.len() as u64);
    assert_eq!(certified.exchange.requestId, request().id().0);
    assert_eq!(certified.batch.exchangesRoot, batch(&exchange()).exchanges_root);
    assert_eq!(ProgramId(certified.request.programId), program().id());
    let answer = certified_answer(&receipt(), PAYLOAD).unwrap();
    assert_eq!(vouch_chain::bindings::wager::CertifiedExchange::from(&answer), certified);
    assert!(matches!(certified_answer(&receipt(), b"other"), Err(Lie::Payload)));
}
