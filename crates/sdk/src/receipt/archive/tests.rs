//! A real chain's proofs, a kept archive that is verified without any chain, and every lie that an archive can tell.

use alloy::providers::{Provider, ProviderBuilder};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use serde_json::{Value, json};
use vouch_api::Receipt;
use vouch_chain::anvil::{Anvil, Instance, Mining};
use vouch_chain::bindings::batch_registry::recordOfCall;
use vouch_chain::bindings::forced_inbox::placeOfCall;
use vouch_chain::{Chain, artifacts};
use vouch_core::Domain;

use super::slots::{self, PLACES_SLOT, RECORDS_SLOT};
use super::{
    Archive, ArchiveError, ArchiveLie, Checkpoint, EntryProof, InboxCheckpoint, RecordProof, archive, build,
    check_record, header, verify_archive,
};
use crate::receipt::tests::{DOMAIN, forced_receipt, receipt};
use crate::receipt::{Lie, check};

/// An archive of a chain that is gone, made by [`a_real_chains_record_is_archived_and_verified_without_it`] with
/// `VOUCH_WRITE_GOLDEN` set.
const GOLDEN: &str = include_str!("golden.json");
/// The same of a request from the forced inbox.
const FORCED_GOLDEN: &str = include_str!("golden_forced.json");
const INBOX: Address = Address::repeat_byte(0x55);
const TABLE_TIME: u32 = 1_700_000_000;

fn golden() -> (Archive, Checkpoint) {
    kept(GOLDEN)
}

fn kept(golden: &str) -> (Archive, Checkpoint) {
    let golden: Value = serde_json::from_str(golden).unwrap();
    let hash = |name: &str| golden[name].as_str().map(|text| text.parse::<B256>().unwrap());
    let checkpoint = Checkpoint {
        block_hash: hash("checkpoint").unwrap(),
        domain: DOMAIN,
        code_hash: hash("codeHash"),
        inbox: hash("inboxCodeHash").map(|code_hash| InboxCheckpoint { address: INBOX, code_hash: Some(code_hash) }),
    };
    (serde_json::from_value(golden["archive"].clone()).unwrap(), checkpoint)
}

/// The check that refuses the kept archive after `change`.
fn refused(change: impl FnOnce(&mut Archive, &mut Checkpoint)) -> ArchiveLie {
    refused_of(golden(), change)
}

/// The same of the kept archive of a forced request.
fn forced_refused(change: impl FnOnce(&mut Archive, &mut Checkpoint)) -> ArchiveLie {
    refused_of(kept(FORCED_GOLDEN), change)
}

fn refused_of(
    (mut archive, mut checkpoint): (Archive, Checkpoint),
    change: impl FnOnce(&mut Archive, &mut Checkpoint),
) -> ArchiveLie {
    change(&mut archive, &mut checkpoint);
    verify_archive(&archive, &checkpoint).unwrap_err()
}

fn entry(archive: &mut Archive) -> &mut EntryProof {
    archive.entry.as_mut().unwrap()
}

fn flipped(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes.into()
}

#[test]
fn the_slots_are_those_of_the_committed_layout() {
    let layout: Value = serde_json::from_str(include_str!("../../../../../contracts/snapshots/layout.json")).unwrap();
    let storage = layout["BatchRegistry"]["storage"].as_array().unwrap();
    let records = format!("{RECORDS_SLOT}+0 _records: mapping(bytes32 => struct IBatchRegistry.BatchRecord)");
    assert!(storage.contains(&json!(records)), "{storage:?}");
    let storage = layout["ForcedInbox"]["storage"].as_array().unwrap();
    let places = format!("{PLACES_SLOT}+0 _places: mapping(bytes32 => struct IForcedInbox.Place)");
    assert!(storage.contains(&json!(places)), "{storage:?}");
    let abi = artifacts::FORCED_INBOX.abi();
    let place = &abi.function("placeOf").unwrap()[0].outputs[0].components;
    let fields: Vec<_> = place.iter().map(|field| (field.name.as_str(), field.ty.as_str())).collect();
    assert_eq!(fields, [("lane", "uint32"), ("index", "uint64"), ("deadline", "uint64")]);
    let abi = artifacts::BATCH_REGISTRY.abi();
    let record = &abi.function("recordOf").unwrap()[0].outputs[0].components;
    let fields: Vec<_> = record.iter().map(|field| (field.name.as_str(), field.ty.as_str())).collect();
    let expected = [
        ("recordedAt", "uint64"),
        ("certifiedAt", "uint64"),
        ("referenceTimestamp", "uint32"),
        ("signersHash", "bytes32"),
        ("signedWeights", "uint256[]"),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn a_records_times_share_a_word_and_nothing_else_does() {
    assert_eq!(slots::unpack(slots::pack(1, u64::MAX, 3)), Some((1, u64::MAX, 3)));
    for bit in [160, 191, 192, 255] {
        assert_eq!(slots::unpack(U256::ONE << bit), None, "{bit}");
    }
}

#[test]
fn a_place_has_one_word_and_a_word_one_place() {
    let place = (u32::MAX - 1, u64::MAX - 2, 1 << 63);
    assert_eq!(slots::unpack_place(slots::pack_place(place.0, place.1, place.2)), Some(place));
    for bit in [160, 255] {
        assert_eq!(slots::unpack_place(U256::ONE << bit), None, "{bit}");
    }
}

#[test]
fn a_forced_requests_archive_holds_on_the_inboxs_word() {
    let (archive, checkpoint) = kept(FORCED_GOLDEN);
    assert_eq!(verify_archive(&archive, &checkpoint).unwrap().inbox_index, Some(4));
    let text = serde_json::to_string(&archive).unwrap();
    assert_eq!(serde_json::from_str::<Archive>(&text).unwrap(), archive);
    let (signed, checkpoint) = golden();
    assert_eq!(verify_archive(&signed, &checkpoint).unwrap().inbox_index, None);
}

/// Without the inbox's word anybody could have anything answered in anybody's name.
#[test]
fn a_request_that_nobody_signed_needs_its_entry() {
    let lie = forced_refused(|archive, _| archive.entry = None);
    assert!(matches!(lie, ArchiveLie::NoEntry), "{lie}");
    let lie = forced_refused(|_, checkpoint| checkpoint.inbox = None);
    assert!(matches!(lie, ArchiveLie::InboxUnknown), "{lie}");
    let lie = refused(|archive, _| archive.entry = kept(FORCED_GOLDEN).0.entry);
    assert!(matches!(lie, ArchiveLie::NeedlessEntry), "{lie}");
}

#[test]
fn an_entry_of_another_inbox_request_or_lane_is_refused() {
    let inbox = |checkpoint: &mut Checkpoint, change: fn(&mut InboxCheckpoint)| {
        change(checkpoint.inbox.as_mut().unwrap());
    };
    let lie = forced_refused(|_, checkpoint| inbox(checkpoint, |inbox| inbox.address = DOMAIN.registry));
    assert!(matches!(lie, ArchiveLie::Account { .. }), "{lie}");
    let lie = forced_refused(|_, checkpoint| inbox(checkpoint, |inbox| inbox.code_hash = Some(B256::ZERO)));
    assert!(matches!(lie, ArchiveLie::AnotherCode { contract: "inbox", .. }), "{lie}");
    let lie = forced_refused(|archive, checkpoint| {
        entry(archive).code = flipped(&entry(archive).code);
        inbox(checkpoint, |inbox| inbox.code_hash = None);
    });
    assert!(matches!(lie, ArchiveLie::UnknownBuild { contract: "inbox", .. }), "{lie}");
    let storage = |change: fn(&mut EntryProof)| {
        let lie = forced_refused(|archive, _| change(entry(archive)));
        assert!(matches!(lie, ArchiveLie::Storage { field: "entry", .. }), "{lie}");
    };
    storage(|entry| entry.lane += 1);
    storage(|entry| entry.index += 1);
    storage(|entry| entry.deadline += 1);
    storage(|entry| (entry.lane, entry.index, entry.deadline) = (0, 0, 0));
    storage(|entry| entry.proof.clear());
    assert_eq!(forced_refused(|archive, _| entry(archive).account.storage_root = B256::ZERO).check(), "account");
    // Of another request: its id, and with it the slot, is another one.
    let other = forced_refused(|archive, _| archive.receipt.request.nonce += 1);
    assert!(matches!(other, ArchiveLie::Receipt(Lie::RequestNotAnswered { .. })), "{other}");
    let too_large = forced_refused(|archive, _| entry(archive).code = vec![0; 25_000].into());
    assert!(matches!(too_large, ArchiveLie::TooLarge { .. }), "{too_large}");
}

#[test]
fn a_kept_archive_holds_without_any_chain() {
    let (archive, checkpoint) = golden();
    let verified = verify_archive(&archive, &checkpoint).unwrap();
    assert_eq!(verified.batch_hash, check(&receipt(), &DOMAIN).unwrap().batch().hash());
    assert_eq!(verified.signed_weights, [U256::from(700), U256::ZERO, U256::MAX]);
    assert_eq!((verified.registry, Some(verified.code_hash)), (DOMAIN.registry, checkpoint.code_hash));
    assert!(verified.recorded_at <= verified.certified_at && verified.certified_at <= verified.block_timestamp);
    let text = serde_json::to_string(&archive).unwrap();
    assert_eq!(serde_json::from_str::<Archive>(&text).unwrap(), archive);
}

#[test]
fn another_block_than_the_checkpoint_is_refused() {
    assert_eq!(refused(|_, checkpoint| checkpoint.block_hash = B256::repeat_byte(1)).check(), "checkpoint");
    let lie = refused(|archive, _| archive.header = flipped(&archive.header));
    assert!(matches!(lie, ArchiveLie::AnotherBlock { .. }), "{lie}");
}

#[test]
fn what_has_the_checkpoints_hash_and_is_no_header_is_refused() {
    let bent = |header: Vec<u8>| {
        let lie = refused(|archive, checkpoint| {
            checkpoint.block_hash = keccak256(&header);
            archive.header = header.into();
        });
        assert_eq!(lie.check(), "checkpoint", "{lie}");
    };
    bent(Vec::new());
    bent(vec![0xc0]);
    bent(vec![0x80]);
    let (archive, _) = golden();
    bent([&archive.header[..], &[0]].concat());
    bent(archive.header[..archive.header.len() - 1].to_vec());
    bent([vec![0xf8, 100], vec![1; 100]].concat());
}

/// A header of these fields, with its hash as the checkpoint.
fn read_header(fields: &[Vec<u8>]) -> Result<header::BlockFacts, ArchiveLie> {
    let mut payload = Vec::new();
    fields.iter().for_each(|field| Bytes::copy_from_slice(field).encode(&mut payload));
    let mut bytes = Vec::new();
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
    bytes.extend(payload);
    header::read(&bytes, keccak256(&bytes))
}

#[test]
fn a_header_of_too_few_or_too_many_fields_or_with_numbers_that_are_none_is_refused() {
    let fields = |count: usize, number: &[u8]| {
        let mut fields = vec![vec![7; 32]; count];
        fields[8] = vec![1, 0];
        fields[11] = number.to_vec();
        fields
    };
    let block = read_header(&fields(15, &[2, 1])).unwrap();
    assert_eq!((block.number, block.timestamp, block.state_root), (256, 513, B256::repeat_byte(7)));
    assert!(read_header(&fields(64, &[])).is_ok_and(|block| block.timestamp == 0));
    for wrong in [fields(14, &[1]), fields(65, &[1]), fields(15, &[0, 1]), fields(15, &[1; 9])] {
        let lie = read_header(&wrong).unwrap_err();
        assert!(matches!(lie, ArchiveLie::Header(_)), "{lie}");
    }
}

#[test]
fn a_record_that_the_registry_never_writes_is_refused() {
    let honest = RecordProof { recorded_at: 10, certified_at: 15, reference_timestamp: 7, ..golden().0.record };
    let checked = |change: fn(&mut RecordProof)| {
        let mut record = honest.clone();
        change(&mut record);
        check_record(&record, 7, 20)
    };
    checked(|_| {}).unwrap();
    let time = |change| assert!(matches!(checked(change), Err(ArchiveLie::Time { .. })));
    time(|record| record.recorded_at = 0);
    time(|record| (record.recorded_at, record.certified_at) = (21, 21));
    time(|record| record.certified_at = 9);
    time(|record| record.certified_at = 21);
    assert!(matches!(checked(|record| record.certified_at = 0), Err(ArchiveLie::NotCertified)));
    assert!(matches!(checked(|record| record.reference_timestamp = 8), Err(ArchiveLie::AnotherTable { .. })));
}

#[test]
fn another_contract_is_refused() {
    let domain = Domain { registry: Address::repeat_byte(0x12), ..DOMAIN };
    assert_eq!(refused(|_, checkpoint| checkpoint.domain = domain).check(), "account");
    let domain = Domain { chain_id: U256::ONE, ..DOMAIN };
    let lie = refused(|_, checkpoint| checkpoint.domain = domain);
    assert!(matches!(lie, ArchiveLie::Receipt(Lie::AnotherChain { .. })), "{lie}");
}

#[test]
fn other_code_is_refused_whoever_vouches_for_it() {
    let lie = refused(|archive, _| archive.code = flipped(&archive.code));
    assert!(matches!(lie, ArchiveLie::AnotherCode { .. }), "{lie}");
    let lie = refused(|archive, checkpoint| {
        archive.code = flipped(&archive.code);
        checkpoint.code_hash = None;
    });
    assert!(matches!(lie, ArchiveLie::UnknownBuild { .. }), "{lie}");
    // The account does not have it, even if the verifier asked for it.
    let lie = refused(|archive, checkpoint| {
        archive.code = flipped(&archive.code);
        checkpoint.code_hash = Some(keccak256(&archive.code));
    });
    assert_eq!(lie.check(), "account", "{lie}");
}

#[test]
fn a_build_is_known_whatever_its_fixed_values() {
    let zeros = [&[0x7f][..], &[0; 32]].concat();
    let creation = [&[1, 2, 3][..], &zeros, &[9, 0]].concat();
    let filled = [&[0x7f][..], &[5; 32], &[9, 0]].concat();
    assert!(build::is_build(&filled, &creation));
    assert!(build::is_build(&[3, 0x7f].iter().copied().chain([6; 32]).chain([9, 0]).collect::<Vec<_>>(), &creation));
    let mut other = filled.clone();
    *other.last_mut().unwrap() = 1;
    assert!(!build::is_build(&other, &creation));
    assert!(!build::is_build(&[], &creation) && !build::is_build(&creation, &creation));
}

#[test]
fn a_record_that_the_storage_does_not_have_is_refused() {
    let storage = |change: fn(&mut Archive)| {
        let lie = refused(|archive, _| change(archive));
        assert!(matches!(lie, ArchiveLie::Storage { .. }), "{lie}");
    };
    storage(|archive| archive.record.recorded_at -= 1);
    storage(|archive| archive.record.certified_at += 1);
    storage(|archive| archive.record.reference_timestamp += 1);
    storage(|archive| archive.record.signers_hash.0[0] ^= 1);
    storage(|archive| archive.record.signed_weights[0] += U256::ONE);
    // Absence passed as presence, and presence as absence.
    storage(|archive| archive.record.signed_weights[1] = U256::ONE);
    storage(|archive| archive.record.signed_weights[0] = U256::ZERO);
    // A weight that is left out.
    storage(|archive| {
        archive.record.signed_weights.pop();
        archive.record.proofs.pop();
    });
}

#[test]
fn proofs_of_other_slots_with_nodes_too_few_or_too_many_are_refused() {
    let storage = |change: fn(&mut Vec<Vec<Bytes>>)| {
        let lie = refused(|archive, _| change(&mut archive.record.proofs));
        assert!(matches!(lie, ArchiveLie::Storage { .. }), "{lie}");
    };
    storage(|proofs| proofs.swap(0, 1));
    storage(|proofs| {
        proofs.pop();
    });
    storage(|proofs| proofs.push(Vec::new()));
    storage(|proofs| proofs[0].clear());
    storage(|proofs| {
        proofs[0].pop();
    });
    storage(|proofs| {
        let last = proofs[0].last().unwrap().clone();
        proofs[0].push(last);
    });
    storage(|proofs| proofs[3][0] = flipped(&proofs[3][0]));
    assert_eq!(refused(|archive, _| archive.account.nonce += 1).check(), "account");
    assert_eq!(refused(|archive, _| archive.account.storage_root = B256::ZERO).check(), "account");
    assert_eq!(refused(|archive, _| archive.account.proof.clear()).check(), "account");
    let surplus = archive_node();
    assert_eq!(refused(|archive, _| archive.account.proof.push(surplus)).check(), "account");
}

fn archive_node() -> Bytes {
    golden().0.account.proof[0].clone()
}

#[test]
fn what_is_larger_than_any_proof_is_refused_before_it_is_read() {
    let too_large = |change: fn(&mut Archive)| {
        let lie = refused(|archive, _| change(archive));
        assert!(matches!(lie, ArchiveLie::TooLarge { .. }), "{lie}");
    };
    too_large(|archive| archive.header = vec![0; 5_000].into());
    too_large(|archive| archive.code = vec![0; 25_000].into());
    too_large(|archive| archive.account.proof = vec![Bytes::new(); 65]);
    too_large(|archive| archive.account.proof[0] = vec![0; 2_000].into());
    too_large(|archive| archive.record.signed_weights = vec![U256::ONE; 33]);
    too_large(|archive| archive.record.proofs[0] = vec![Bytes::new(); 65]);
    assert!(matches!(refused(|archive, _| archive.version = 2), ArchiveLie::Version { found: 2 }));
}

#[test]
fn a_receipt_of_another_batch_is_refused() {
    let lie = refused(|archive, _| archive.receipt.output = b"hullo".into());
    assert!(matches!(lie, ArchiveLie::Receipt(Lie::Output { .. })), "{lie}");
    let lie = refused(|archive, _| archive.receipt.batch.sequence += 1);
    assert!(matches!(lie, ArchiveLie::Receipt(Lie::CertificateOfAnotherBatch { .. })), "{lie}");
    // A batch and certificate that agree with each other, and that nobody posted.
    let lie = refused(|archive, _| {
        archive.receipt.batch.sequence += 1;
        let batch: vouch_core::Batch = archive.receipt.batch.clone().into();
        archive.receipt.certificate.message_hash = batch.hash().0;
    });
    assert!(matches!(lie, ArchiveLie::Storage { .. }), "{lie}");
}

/// The registry at the address of [`DOMAIN`] on a development chain of its own.
struct Local {
    chain: Chain,
    anvil: Anvil,
    rpc: String,
    // The chain ends with it.
    _instance: Instance,
}

impl Local {
    async fn start() -> Self {
        let instance = Instance::start(Mining::OnDemand).await.unwrap_or_else(|error| panic!("{error}"));
        let chain = instance.connect().await.unwrap();
        let anvil = Anvil::of(&chain).await.unwrap();
        Self { chain, anvil, rpc: instance.url().to_owned(), _instance: instance }
    }

    async fn ask(&self, method: &'static str, parameters: Value) -> Value {
        let provider = ProviderBuilder::new().connect_http(self.rpc.parse().unwrap());
        provider.raw_request(method.into(), parameters).await.unwrap()
    }

    /// What the registry's constructor leaves, put to where the receipt's batch wants it.
    async fn put_registry(&self) {
        let someone = Address::repeat_byte(0x44);
        let arguments = (someone, someone, someone, (9u32, 9u32, U256::ONE));
        let code = artifacts::BATCH_REGISTRY.creation_code(&arguments).unwrap();
        let code = self.ask("eth_call", json!([{ "input": code }, "latest"])).await;
        self.ask("anvil_setCode", json!([DOMAIN.registry, code])).await;
    }

    /// The same of the forced inbox.
    async fn put_inbox(&self) {
        let someone = Address::repeat_byte(0x44);
        let rules = (1u64, 1u64, 1u64, 1u64, 1u32, 1u32, 2u32, 1u32);
        let code = artifacts::FORCED_INBOX.creation_code(&(someone, DOMAIN.registry, rules)).unwrap();
        let code = self.ask("eth_call", json!([{ "input": code }, "latest"])).await;
        self.ask("anvil_setCode", json!([INBOX, code])).await;
    }

    async fn put_record(&self, words: &[(B256, U256)]) {
        self.put_words(DOMAIN.registry, words).await;
    }

    async fn put_words(&self, contract: Address, words: &[(B256, U256)]) {
        for (slot, word) in words {
            self.ask("anvil_setStorageAt", json!([contract, slot, B256::from(*word)])).await;
        }
        self.anvil.mine(3).await.unwrap();
    }
}

/// The record's words: a strategy may have given no weight.
fn record(now: u64, certified_at: u64, weights: &[U256]) -> Vec<(B256, U256)> {
    record_of(&receipt(), now, certified_at, weights)
}

fn record_of(receipt: &Receipt, now: u64, certified_at: u64, weights: &[U256]) -> Vec<(B256, U256)> {
    let batch = check(receipt, &DOMAIN).unwrap().batch().hash();
    let own = [slots::pack(now, certified_at, TABLE_TIME), U256::MAX >> 3, U256::from(weights.len())];
    let words = own.into_iter().chain(weights.iter().copied());
    slots::of_record(batch, weights.len()).into_iter().zip(words).collect()
}

#[tokio::test]
async fn a_real_chains_record_is_archived_and_verified_without_it() {
    let local = Local::start().await;
    local.put_registry().await;
    let now = local.chain.finalized().await.unwrap().block().timestamp;
    let weights = [U256::from(700), U256::ZERO, U256::MAX];
    let words: Vec<_> = record(now, now, &weights).into_iter().filter(|(_, word)| !word.is_zero()).collect();
    local.put_record(&words).await;
    let view = local.chain.finalized().await.unwrap();

    // The registry itself reads these slots as this record.
    let batch_hash = check(&receipt(), &DOMAIN).unwrap().batch().hash();
    let read = view.call(DOMAIN.registry, &recordOfCall { batchHash: batch_hash.0 }).await.unwrap();
    assert_eq!((read.recordedAt, read.certifiedAt, read.referenceTimestamp), (now, now, TABLE_TIME));
    assert_eq!((read.signersHash, &read.signedWeights[..]), (B256::from(U256::MAX >> 3), &weights[..]));

    let archive = archive(&receipt(), &DOMAIN, INBOX, &view).await.unwrap();
    let checkpoint = Checkpoint { block_hash: view.block().hash, domain: DOMAIN, code_hash: None, inbox: None };
    // Anvil keeps a zero that was written as an entry.
    local.put_record(&record(now, now, &weights)).await;
    let view = local.chain.finalized().await.unwrap();
    assert_eq!(super::archive(&receipt(), &DOMAIN, INBOX, &view).await.unwrap().record.signed_weights, weights);
    drop(local);
    // The code is the known build, although its fixed values are not in it.
    let verified = verify_archive(&archive, &checkpoint).unwrap();
    assert_eq!((verified.recorded_at, verified.block_hash), (now, checkpoint.block_hash));
    let golden = json!({ "checkpoint": checkpoint.block_hash, "codeHash": verified.code_hash, "archive": archive });
    write_golden("golden.json", &golden);
}

/// Keeps it if `VOUCH_WRITE_GOLDEN` is set.
fn write_golden(name: &str, golden: &Value) {
    if std::env::var_os("VOUCH_WRITE_GOLDEN").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/receipt/archive").join(name);
        std::fs::write(path, serde_json::to_string_pretty(golden).unwrap() + "\n").unwrap();
    }
}

#[tokio::test]
async fn a_forced_request_is_archived_with_the_inboxs_word() {
    let (local, receipt) = (Local::start().await, forced_receipt());
    local.put_registry().await;
    local.put_inbox().await;
    let now = local.chain.finalized().await.unwrap().block().timestamp;
    local.put_record(&record_of(&receipt, now, now, &[U256::from(700)])).await;
    // The record alone is not enough: the inbox does not have the request yet.
    let view = local.chain.finalized().await.unwrap();
    let error = archive(&receipt, &DOMAIN, INBOX, &view).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Lie(ArchiveLie::NoEntry)), "{error:?}");
    let id = check(&receipt, &DOMAIN).unwrap().request_id();
    let place = |lane| [(slots::of_place(id), slots::pack_place(lane, 4, receipt.request.deadline))];
    local.put_words(INBOX, &place(2)).await;
    let view = local.chain.finalized().await.unwrap();
    let error = archive(&receipt, &DOMAIN, INBOX, &view).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Lie(ArchiveLie::AnotherLane { entry: 2, batch: 1 })), "{error:?}");
    local.put_words(INBOX, &place(1)).await;
    let view = local.chain.finalized().await.unwrap();

    // The inbox itself reads this word as this place.
    let read = view.call(INBOX, &placeOfCall { requestId: id.0 }).await.unwrap();
    assert_eq!((read.lane, read.index, read.deadline), (1, 4, receipt.request.deadline));
    let archive = archive(&receipt, &DOMAIN, INBOX, &view).await.unwrap();
    let inbox = Some(InboxCheckpoint { address: INBOX, code_hash: None });
    let checkpoint = Checkpoint { block_hash: view.block().hash, domain: DOMAIN, code_hash: None, inbox };
    drop(local);
    let verified = verify_archive(&archive, &checkpoint).unwrap();
    assert_eq!(verified.inbox_index, Some(4));
    let inbox_code_hash = keccak256(&archive.entry.as_ref().unwrap().code);
    let golden = json!({
        "checkpoint": checkpoint.block_hash, "codeHash": verified.code_hash, "inboxCodeHash": inbox_code_hash,
        "archive": archive,
    });
    write_golden("golden_forced.json", &golden);
}

#[tokio::test]
async fn what_has_no_certificate_of_its_own_is_not_archived() {
    let local = Local::start().await;
    local.put_registry().await;
    let now = local.chain.finalized().await.unwrap().block().timestamp;
    local.put_record(&record(now, 0, &[])).await;
    let view = local.chain.finalized().await.unwrap();
    let error = archive(&receipt(), &DOMAIN, INBOX, &view).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Lie(ArchiveLie::NotCertified)), "{error:?}");
    // Weights without a certificate are nothing that the registry writes; it is not believed either.
    local.put_record(&record(now, 0, &[U256::ONE])).await;
    let view = local.chain.finalized().await.unwrap();
    let error = archive(&receipt(), &DOMAIN, INBOX, &view).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Lie(ArchiveLie::NotCertified)), "{error:?}");
}

#[tokio::test]
async fn what_would_not_verify_is_not_archived() {
    let local = Local::start().await;
    local.put_registry().await;
    let now = local.chain.finalized().await.unwrap().block().timestamp;
    let mut words = record(now, now, &[U256::ONE]);
    words[0].1 = slots::pack(now, now, TABLE_TIME + 1);
    local.put_record(&words).await;
    let view = local.chain.finalized().await.unwrap();
    let error = archive(&receipt(), &DOMAIN, INBOX, &view).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Lie(ArchiveLie::AnotherTable { .. })), "{error:?}");
}
