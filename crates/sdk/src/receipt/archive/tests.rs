//! A real chain's proofs, a kept archive that is verified without any chain, and every lie that an archive can tell.

use alloy::providers::{Provider, ProviderBuilder};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use serde_json::{Value, json};
use vouch_chain::anvil::{Anvil, Instance, Mining};
use vouch_chain::bindings::batch_registry::recordOfCall;
use vouch_chain::{Chain, artifacts};
use vouch_core::Domain;

use super::slots::{self, RECORDS_SLOT};
use super::{
    Archive, ArchiveError, ArchiveLie, Checkpoint, RecordProof, archive, build, check_record, header, verify_archive,
};
use crate::receipt::tests::{DOMAIN, forced_receipt, receipt};
use crate::receipt::{Lie, check};

/// An archive of a chain that is gone, made by [`a_real_chains_record_is_archived_and_verified_without_it`] with
/// `VOUCH_WRITE_GOLDEN` set.
const GOLDEN: &str = include_str!("golden.json");
const TABLE_TIME: u32 = 1_700_000_000;

fn golden() -> (Archive, Checkpoint) {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let hash = |name: &str| golden[name].as_str().unwrap().parse::<B256>().unwrap();
    let checkpoint = Checkpoint { block_hash: hash("checkpoint"), domain: DOMAIN, code_hash: Some(hash("codeHash")) };
    (serde_json::from_value(golden["archive"].clone()).unwrap(), checkpoint)
}

/// The check that refuses the kept archive after `change`.
fn refused(change: impl FnOnce(&mut Archive, &mut Checkpoint)) -> ArchiveLie {
    let (mut archive, mut checkpoint) = golden();
    change(&mut archive, &mut checkpoint);
    verify_archive(&archive, &checkpoint).unwrap_err()
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
fn a_forced_request_is_not_taken_on_the_archives_word() {
    let lie = refused(|archive, _| archive.receipt = forced_receipt());
    assert!(matches!(lie, ArchiveLie::Forced), "{lie}");
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

    async fn put_record(&self, words: &[(B256, U256)]) {
        for (slot, word) in words {
            self.ask("anvil_setStorageAt", json!([DOMAIN.registry, slot, B256::from(*word)])).await;
        }
        self.anvil.mine(3).await.unwrap();
    }
}

/// The record's words: a strategy may have given no weight.
fn record(now: u64, certified_at: u64, weights: &[U256]) -> Vec<(B256, U256)> {
    let batch = check(&receipt(), &DOMAIN).unwrap().batch().hash();
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

    let archive = archive(&receipt(), &DOMAIN, &view).await.unwrap();
    let checkpoint = Checkpoint { block_hash: view.block().hash, domain: DOMAIN, code_hash: None };
    // Anvil keeps a zero that was written as an entry.
    local.put_record(&record(now, now, &weights)).await;
    let view = local.chain.finalized().await.unwrap();
    assert_eq!(super::archive(&receipt(), &DOMAIN, &view).await.unwrap().record.signed_weights, weights);
    drop(local);
    // The code is the known build, although its fixed values are not in it.
    let verified = verify_archive(&archive, &checkpoint).unwrap();
    assert_eq!((verified.recorded_at, verified.block_hash), (now, checkpoint.block_hash));
    if std::env::var_os("VOUCH_WRITE_GOLDEN").is_some() {
        let golden = json!({ "checkpoint": checkpoint.block_hash, "codeHash": verified.code_hash, "archive": archive });
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/receipt/archive/golden.json");
        std::fs::write(path, serde_json::to_string_pretty(&golden).unwrap() + "\n").unwrap();
    }
}

#[tokio::test]
async fn what_has_no_certificate_of_its_own_is_not_archived() {
    let local = Local::start().await;
    local.put_registry().await;
    let now = local.chain.finalized().await.unwrap().block().timestamp;
    local.put_record(&record(now, 0, &[])).await;
    let view = local.chain.finalized().await.unwrap();
    let error = archive(&receipt(), &DOMAIN, &view).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Lie(ArchiveLie::NotCertified)), "{error:?}");
    // Weights without a certificate are nothing that the registry writes; it is not believed either.
    local.put_record(&record(now, 0, &[U256::ONE])).await;
    let view = local.chain.finalized().await.unwrap();
    let error = archive(&receipt(), &DOMAIN, &view).await.unwrap_err();
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
    let error = archive(&receipt(), &DOMAIN, &view).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Lie(ArchiveLie::AnotherTable { .. })), "{error:?}");
}
