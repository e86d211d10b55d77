//! Against a real anvil: the whole deployment, from nothing to a slashed operator.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256};
use tempfile::TempDir;
use vouch_chain::anvil::Mining;
use vouch_chain::deploy::{Parameters, deploy};
use vouch_chain::network::{
    App, Bond, BondSlash, Evidence, Network, NewApp, RecordedTable, SignedBatch, SignedProposal, TableKey,
    WHOLE_MAGNITUDE,
};
use vouch_chain::sender::Sender;
use vouch_chain::{Deployment, Error};
use vouch_core::bls::SecretKey;
use vouch_core::certificate::{self, SignerShare};
use vouch_core::{Batch, BatchHash, Certificate, Limits, Program, VerifiedCertificate};

#[allow(dead_code, reason = "each test program uses its part")]
mod common;
#[path = "deployment/eigen.rs"]
mod eigen;
#[path = "deployment/relief.rs"]
mod relief;

use common::{Local, start};

const STAKES: [u64; 4] = [400, 300, 200, 100];
const BIPS: u16 = 6_667;

fn token_units(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

fn manifest(folder: &TempDir) -> PathBuf {
    folder.path().join("deployment.json")
}

#[tokio::test]
async fn deploying_twice_changes_nothing() {
    let local = start(Mining::OnDemand).await;
    let sender = local.sender().await;
    let folder = tempfile::tempdir().unwrap();
    let path = manifest(&folder);
    let first = deploy(&sender, &Parameters::local(), &path).await.unwrap();
    let nonce = sender.mined_nonce().await.unwrap();
    let second = deploy(&sender, &Parameters::local(), &path).await.unwrap();
    assert_eq!((second, sender.mined_nonce().await.unwrap()), (first.clone(), nonce));
    assert_eq!(Deployment::load(&path).unwrap(), first);
    let mut other = Parameters::local();
    other.skip_delay_seconds += 1;
    assert!(matches!(deploy(&sender, &other, &path).await, Err(Error::Inconsistent { .. })));
}

#[tokio::test]
async fn a_deployment_that_was_cut_off_goes_on() {
    let local = start(Mining::EverySecond).await;
    let sender = local.sender().await;
    let folder = tempfile::tempdir().unwrap();
    let path = manifest(&folder);
    let parameters = Parameters::local();
    // Cut off when the third contract stands, and again between a token and its escrow, with the next one perhaps on its way.
    for nonce in [2, 22] {
        tokio::select! {
            done = deploy(&sender, &parameters, &path) => panic!("not cut off: {done:?}"),
            () = code_at(&local, sender.address().create(nonce)) => {}
        }
    }
    let begun = Deployment::load(&path).unwrap();
    assert_eq!(begun.end_block, None);
    let whole = deploy(&sender, &parameters, &path).await.unwrap();
    assert_eq!((whole.contracts, whole.first_nonce), (begun.contracts, 0));
    // 29 contracts and a call, none of them twice.
    assert_eq!(sender.mined_nonce().await.unwrap(), 30);
}

async fn code_at(local: &Local, address: Address) {
    while local.chain.latest_code(address).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_nonce_spent_elsewhere_stops_the_deployment() {
    let local = start(Mining::OnDemand).await;
    let sender = local.sender().await;
    let folder = tempfile::tempdir().unwrap();
    let path = manifest(&folder);
    let mut whole = deploy(&sender, &Parameters::local(), &path).await.unwrap();
    whole.end_block = None;
    whole.contracts.pauser_registry = sender.address().create(10_000);
    whole.save(&path).unwrap();
    let error = deploy(&sender, &Parameters::local(), &path).await.unwrap_err();
    assert!(error.to_string().contains("nonce"), "{error}");
}

#[tokio::test]
async fn another_chains_manifest_is_refused() {
    let (first, second) = (start(Mining::OnDemand).await, start(Mining::OnDemand).await);
    let folder = tempfile::tempdir().unwrap();
    let path = manifest(&folder);
    // Two anvils that were started within one second have one genesis block.
    let mut deployment = deploy(&first.sender().await, &Parameters::local(), &path).await.unwrap();
    deployment.genesis_hash = B256::repeat_byte(1);
    deployment.save(&path).unwrap();
    let error = deploy(&second.sender().await, &Parameters::local(), &path).await.unwrap_err();
    assert!(matches!(error, Error::WrongGenesis { .. }), "{error}");
    assert!(matches!(Network::new(second.chain.clone(), deployment), Err(Error::WrongGenesis { .. })));
}

#[tokio::test]
async fn a_damaged_manifest_is_named() {
    let local = start(Mining::OnDemand).await;
    let folder = tempfile::tempdir().unwrap();
    let path = manifest(&folder);
    for content in ["{", r#"{"version":1}"#, ""] {
        std::fs::write(&path, content).unwrap();
        let error = deploy(&local.sender().await, &Parameters::local(), &path).await.unwrap_err();
        assert!(error.to_string().contains("deployment.json"), "{error}");
    }
}

struct Operator {
    sender: Sender,
    secret: SecretKey,
}

/// A deployment with an app, four operators of unequal stake, a release, a lane and a table.
struct Cloud {
    local: Local,
    network: Network,
    owner: Sender,
    operators: Vec<Operator>,
    app: App,
    program: Program,
    lane: u32,
    table: RecordedTable,
    _folder: TempDir,
}

fn program() -> Program {
    Program {
        runtime: "wasmtime-48/x86-64/1".to_owned(),
        artifact_digest: B256::repeat_byte(7),
        interface_name: "command".to_owned(),
        limits: Limits {
            fuel: 10_000_000_000,
            memory_bytes: 64 << 20,
            payload_bytes: 1 << 20,
            output_bytes: 1 << 20,
            wall_millis: 10_000,
            ..Limits::default()
        },
        ..Program::default()
    }
}

async fn cloud() -> Cloud {
    let local = start(Mining::OnDemand).await;
    let owner = local.sender().await;
    let folder = tempfile::tempdir().unwrap();
    let deployment = deploy(&owner, &Parameters::local(), &manifest(&folder)).await.unwrap();
    let network = Network::new(local.chain.clone(), deployment).unwrap();
    let strategies = network.contracts().strategies();
    let new = NewApp {
        profile: network.contracts().profile,
        threshold_bips: BIPS,
        minimum_stake: vec![token_units(1); strategies.len()],
        required_stake: vec![token_units(100); strategies.len()],
        strategies,
        metadata_uri: String::new(),
    };
    let app = network.create_app(&owner, &new).await.unwrap();
    let program = program();
    network.publish_release(&owner, app.id, &program, "file:///artifact").await.unwrap();
    let lane = network.register_lane(&owner, app.id, owner.address(), 8).await.unwrap();
    let operators = operators(&local, &network, &app).await;
    let timestamp = network.update_table(&owner, app.operator_set_id, B256::ZERO).await.unwrap();
    local.anvil.mine(3).await.unwrap();
    let view = network.view().await.unwrap();
    let key = network.latest_table(&view, app.operator_set_id, B256::ZERO).await.unwrap().unwrap();
    assert_eq!(key.reference_timestamp, timestamp);
    let table = network.table(&view, key).await.unwrap();
    Cloud { local, network, owner, operators, app, program, lane, table, _folder: folder }
}

async fn operators(local: &Local, network: &Network, app: &App) -> Vec<Operator> {
    let mut operators = Vec::new();
    let mut effect_block = 0;
    for (index, stake) in STAKES.into_iter().enumerate() {
        let sender = local.sender().await;
        let secret = SecretKey::from_entropy(&[index as u8 + 1; 48]).unwrap();
        network.register_operator(&sender, 0, "").await.unwrap();
        for stake_in in &network.contracts().stakes {
            network.mint(&sender, stake_in.token, sender.address(), token_units(stake)).await.unwrap();
            let shares = network.deposit(&sender, stake_in.strategy, token_units(stake)).await.unwrap();
            assert_eq!(shares, token_units(stake));
        }
        network.register_key(&sender, app.operator_set_id, &secret).await.unwrap();
        operators.push(Operator { sender, secret });
    }
    // The allocation delay starts at the withdrawal delay and becomes known a while after registration.
    let delays = &network.deployment().parameters;
    local.anvil.mine(u64::from(delays.allocation_configuration_delay_blocks) + 1).await.unwrap();
    for operator in &operators {
        let allocated = network.allocate(&operator.sender, app.operator_set_id, &app.strategies, WHOLE_MAGNITUDE);
        effect_block = allocated.await.unwrap();
    }
    let now = local.chain.latest_block_number().await.unwrap();
    local.anvil.mine(effect_block.saturating_sub(now) + 1).await.unwrap();
    for operator in &operators {
        network.join_set(&operator.sender, app.operator_set_id).await.unwrap();
    }
    operators
}

impl Cloud {
    fn header(&self, sequence: u64, parent: BatchHash) -> Batch {
        Batch {
            chain_id: U256::from(self.local.chain.chain_id()),
            registry: self.network.contracts().batch_registry,
            app: self.app.id,
            operator_set_id: self.app.operator_set_id,
            profile_id: self.app.profile,
            program_id: self.program.id(),
            lane: self.lane,
            sequence,
            parent,
            exchanges_root: B256::repeat_byte(3),
            exchange_count: 1,
            reference_timestamp: self.table.key.reference_timestamp,
            ..Batch::default()
        }
    }

    fn index(&self, operator: usize) -> usize {
        self.table.index_of(self.operators[operator].sender.address()).unwrap()
    }

    fn certify(&self, batch: &Batch, signers: &[usize]) -> VerifiedCertificate {
        let digest = certificate::digest(batch.reference_timestamp, batch.hash());
        let share = |operator: &usize| {
            let secret = &self.operators[*operator].secret;
            let signature = secret.sign(digest);
            SignerShare { index: self.index(*operator), key: *secret.public_key().g2(), signature }
        };
        let shares: Vec<SignerShare> = signers.iter().map(share).collect();
        Certificate::assemble(&self.table.table, batch.hash(), &shares).unwrap()
    }

    fn signed(&self, batch: &Batch, operator: usize) -> SignedBatch {
        let digest = certificate::digest(batch.reference_timestamp, batch.hash());
        let operator = &self.operators[operator];
        let evidence = Evidence::Signature(operator.secret.sign(digest));
        SignedBatch::new(batch.clone(), &self.table, operator.sender.address(), evidence).unwrap()
    }
}

#[tokio::test]
async fn a_table_is_rebuilt_from_its_event_and_held_against_the_state() {
    let cloud = cloud().await;
    let weights: Vec<Vec<U256>> =
        (0..4).map(|operator| cloud.table.table.infos()[cloud.index(operator)].weights.clone()).collect();
    assert_eq!(weights, STAKES.map(|stake| vec![token_units(stake); 2]));
    let view = cloud.network.view().await.unwrap();
    let unknown = TableKey { reference_timestamp: cloud.table.key.reference_timestamp - 1, ..cloud.table.key };
    assert_eq!(cloud.network.table(&view, unknown).await.unwrap_err().revert_name(), Some("UnknownTable"));
    let end = view.block().number;
    let all = cloud.network.tables_between(&view, cloud.app.operator_set_id, 0, end).await.unwrap();
    assert_eq!(all, vec![cloud.table.clone()]);
}

#[tokio::test]
async fn what_was_published_reads_back() {
    let cloud = cloud().await;
    let view = cloud.network.view().await.unwrap();
    let release = cloud.network.release(&view, cloud.app.id, cloud.program.id()).await.unwrap();
    assert_eq!(
        (&release.program, release.app, release.wasm, release.immediate),
        (&cloud.program, cloud.app.id, true, true)
    );
    assert_eq!(cloud.network.release_ids(&view, cloud.app.id).await.unwrap(), [cloud.program.id()]);
    assert_eq!(cloud.network.apps(&view).await.unwrap(), std::slice::from_ref(&cloud.app));
    let (operator, key) = (&cloud.operators[0], cloud.operators[0].secret.public_key());
    let found = cloud.network.key_of(&view, cloud.app.operator_set_id, operator.sender.address()).await.unwrap();
    assert_eq!(found, Some((*key.g1(), *key.g2())));
    assert_eq!(cloud.network.key_of(&view, cloud.app.operator_set_id, Address::ZERO).await.unwrap(), None);
    let missing = cloud.network.release(&view, cloud.app.id, Program::default().id()).await.unwrap_err();
    assert_eq!(missing.revert_name(), Some("UnknownRelease"), "{missing}");
}

#[tokio::test]
async fn a_release_that_another_app_published_first_is_still_the_developers_to_publish() {
    let cloud = cloud().await;
    let (network, program) = (&cloud.network, Program { artifact_digest: B256::repeat_byte(8), ..program() });
    let App { profile, threshold_bips, strategies, minimum_stake, required_stake, .. } = cloud.app.clone();
    let metadata_uri = String::new();
    let new = NewApp { profile, threshold_bips, strategies, minimum_stake, required_stake, metadata_uri };
    let attacker = cloud.local.sender().await;
    let attackers = network.create_app(&attacker, &new).await.unwrap();
    network.publish_release(&attacker, attackers.id, &program, "file:///elsewhere").await.unwrap();
    network.publish_release(&cloud.owner, cloud.app.id, &program, "file:///artifact").await.unwrap();
    let twice = network.publish_release(&cloud.owner, cloud.app.id, &program, "").await.unwrap_err();
    assert_eq!(twice.revert_name(), Some("ReleaseExists"), "{twice}");
    cloud.local.anvil.mine(3).await.unwrap();
    let view = network.view().await.unwrap();
    for (app, uri) in [(attackers.id, "file:///elsewhere"), (cloud.app.id, "file:///artifact")] {
        let release = network.release(&view, app, program.id()).await.unwrap();
        assert_eq!((release.app, release.uri.as_str()), (app, uri));
    }
}

#[tokio::test]
async fn a_certified_chain_of_batches_is_recorded() {
    let cloud = cloud().await;
    let first = cloud.header(1, BatchHash::ZERO);
    let second = cloud.header(2, first.hash());
    let certificate = cloud.certify(&second, &[0, 1]);
    cloud.network.post(&cloud.owner, &[first.clone(), second.clone()], &certificate).await.unwrap();
    cloud.local.anvil.mine(3).await.unwrap();
    let view = cloud.network.view().await.unwrap();
    let lane = cloud.network.lane(&view, cloud.app.id, cloud.lane).await.unwrap();
    assert_eq!((lane.cursor, lane.tip, lane.tip_sequence, lane.window), (2, second.hash(), 2, 8));
    let record = cloud.network.record(&view, second.hash()).await.unwrap().unwrap();
    assert_eq!(record.signed_weights, certificate.signed_weights());
    assert!(record.certified_at.is_some());
    let ancestor = cloud.network.record(&view, first.hash()).await.unwrap().unwrap();
    assert_eq!(ancestor.certified_at, None);
    assert_eq!(cloud.network.batch_at(&view, cloud.app.id, cloud.lane, 1).await.unwrap(), Some(first.hash()));
    assert_eq!(cloud.network.record(&view, BatchHash(B256::repeat_byte(1))).await.unwrap(), None);
}

#[tokio::test]
async fn too_little_weight_is_refused_by_name() {
    let cloud = cloud().await;
    let batch = cloud.header(1, BatchHash::ZERO);
    let certificate = cloud.certify(&batch, &[1, 2, 3]);
    let error = cloud.network.post(&cloud.owner, &[batch], &certificate).await.unwrap_err();
    assert_eq!(error.revert_name(), Some("ThresholdNotMet"), "{error}");
}

#[tokio::test]
async fn a_stuck_lane_is_skipped() {
    let cloud = cloud().await;
    let ends_at = cloud.network.request_skip(&cloud.owner, cloud.app.id, cloud.lane).await.unwrap();
    let again = cloud.network.request_skip(&cloud.owner, cloud.app.id, cloud.lane).await.unwrap_err();
    assert_eq!(again.revert_name(), Some("SkipRunning"), "{again}");
    cloud.local.anvil.set_next_time(ends_at + 1).await.unwrap();
    cloud.local.anvil.mine(4).await.unwrap();
    let view = cloud.network.view().await.unwrap();
    let lane = cloud.network.lane(&view, cloud.app.id, cloud.lane).await.unwrap();
    assert_eq!((lane.cursor, lane.tip), (8, BatchHash::ZERO));
    let bond = cloud.network.reclaim_skip_bond(&cloud.owner, cloud.app.id, cloud.lane).await.unwrap();
    assert_eq!(bond, U256::from(cloud.network.deployment().parameters.skip_bond_wei));
    let again = cloud.network.reclaim_skip_bond(&cloud.owner, cloud.app.id, cloud.lane).await.unwrap();
    assert_eq!(again, U256::ZERO);
}

#[tokio::test]
async fn a_lane_is_taken_by_the_gateway_that_its_owner_named() {
    let cloud = cloud().await;
    let (network, app, lane) = (&cloud.network, cloud.app.id, cloud.lane);
    let next = &cloud.operators[0].sender;
    let after = network.name_gateway(&cloud.owner, app, lane, Some(next.address())).await.unwrap();
    let early = network.take_lane(next, app, lane).await.unwrap_err();
    assert_eq!(early.revert_name(), Some("TooEarly"), "{early}");
    let stranger = network.consent_to_gateway(next, app, lane, next.address()).await.unwrap_err();
    assert_eq!(stranger.revert_name(), Some("NotGateway"), "{stranger}");
    cloud.local.anvil.set_next_time(after).await.unwrap();
    assert_eq!(network.take_lane(next, app, lane).await.unwrap(), 2);
    cloud.local.anvil.mine(3).await.unwrap();
    let found = network.lane(&network.view().await.unwrap(), app, lane).await.unwrap();
    assert_eq!((found.gateway, found.epoch, found.next_gateway), (next.address(), 2, None));
}

#[tokio::test]
async fn a_gateway_that_signs_two_proposals_loses_its_bond() {
    let cloud = cloud().await;
    let (network, key) = (&cloud.network, [0x6a; 32]);
    let gateway = vouch_core::ecdsa::address(&key).unwrap();
    network.deposit_bond(&cloud.owner, gateway, U256::from(1_000)).await.unwrap();
    let first = cloud.header(1, BatchHash::ZERO);
    let second = Batch { exchange_count: 2, ..first.clone() };
    let signed = |batch: &Batch| {
        let signature = vouch_core::ecdsa::sign(batch.hash().0, &key).unwrap();
        SignedProposal { batch: batch.clone(), signature: signature.to_vec().into() }
    };
    let (one, other) = (signed(&first), signed(&second));
    let same = network.prove_gateway_equivocation(&cloud.owner, &one, &one).await.unwrap_err();
    assert_eq!(same.revert_name(), Some("SameBatch"), "{same}");
    let slash = network.prove_gateway_equivocation(&cloud.owner, &one, &other).await.unwrap();
    assert_eq!(slash, BondSlash { gateway, burnt: U256::from(900), rewarded: U256::from(100) });
    let again = network.prove_gateway_equivocation(&cloud.owner, &one, &other).await.unwrap_err();
    assert_eq!(again.revert_name(), Some("NothingToSlash"), "{again}");
    cloud.local.anvil.mine(3).await.unwrap();
    let bond = network.bond(&network.view().await.unwrap(), gateway).await.unwrap();
    assert_eq!(bond, Bond { amount: U256::ZERO, leaving: None, slashed: true });
}

#[tokio::test]
async fn an_operator_that_signs_two_batches_loses_its_stake() {
    let cloud = cloud().await;
    let first = cloud.header(1, BatchHash::ZERO);
    let second = Batch { exchanges_root: B256::repeat_byte(4), ..first.clone() };
    let (one, other) = (cloud.signed(&first, 2), cloud.signed(&second, 2));
    let same = cloud.network.prove_equivocation(&cloud.owner, &one, &one).await.unwrap_err();
    assert_eq!(same.revert_name(), Some("SameBatch"), "{same}");
    let slash = cloud.network.prove_equivocation(&cloud.owner, &one, &other).await.unwrap();
    assert_eq!(slash.operator, cloud.operators[2].sender.address());
    assert_eq!(slash.reporter, cloud.owner.address());
    assert_eq!(slash.shares, vec![token_units(STAKES[2]); 2]);
    cloud.local.anvil.mine(3).await.unwrap();
    let view = cloud.network.view().await.unwrap();
    assert_eq!(cloud.network.slashes(&view).await.unwrap(), std::slice::from_ref(&slash));
    let left = cloud.network.operator_shares(&view, slash.operator, cloud.app.strategies[0]).await.unwrap();
    assert_eq!(left, U256::ZERO);
}

#[tokio::test]
async fn certificates_are_evidence_against_each_of_their_signers() {
    let cloud = cloud().await;
    let first = cloud.header(1, BatchHash::ZERO);
    let second = Batch { exchanges_root: B256::repeat_byte(4), ..first.clone() };
    let evidence = |batch: &Batch, signers: &[usize], operator: usize| {
        let certificate = cloud.certify(batch, signers).into_certificate();
        let address = cloud.operators[operator].sender.address();
        SignedBatch::new(batch.clone(), &cloud.table, address, Evidence::Certificate(Box::new(certificate))).unwrap()
    };
    let absent = evidence(&second, &[0, 1], 3);
    let error =
        cloud.network.prove_equivocation(&cloud.owner, &evidence(&first, &[0, 3], 3), &absent).await.unwrap_err();
    assert_eq!(error.revert_name(), Some("SignerAbsent"), "{error}");
    let (one, other) = (evidence(&first, &[0, 3], 0), evidence(&second, &[0, 1], 0));
    let slash = cloud.network.prove_equivocation(&cloud.owner, &one, &other).await.unwrap();
    assert_eq!(slash.operator, cloud.operators[0].sender.address());
}

#[tokio::test]
async fn a_wager_is_opened_and_joined() {
    let cloud = cloud().await;
    let (network, white, black) = (&cloud.network, cloud.local.sender().await, cloud.local.sender().await);
    let token = network.contracts().stakes[0].token;
    let release = (cloud.app.id, cloud.program.id());
    let contract = network.deploy_wager(&cloud.owner, token, release, 60, 600).await.unwrap();
    for player in [&white, &black] {
        network.mint(player, token, player.address(), U256::from(1_000)).await.unwrap();
    }
    let (number, id) = network.open_wager(&white, contract, black.address(), 400, true).await.unwrap();
    let stranger = network.join_wager(&cloud.owner, contract, number).await.unwrap_err();
    assert_eq!(stranger.revert_name(), Some("NotInvited"), "{stranger}");
    network.join_wager(&black, contract, number).await.unwrap();
    cloud.local.anvil.mine(3).await.unwrap();
    let view = network.view().await.unwrap();
    let wager = network.wager(&view, contract, number).await.unwrap();
    assert_eq!((wager.white, wager.black, wager.phase, wager.stake), (white.address(), black.address(), 2, 400));
    assert_eq!(network.token_balance(&view, token, contract).await.unwrap(), U256::from(800));
    assert_ne!(id, B256::ZERO);
    let early = network.settle_wager(&white, contract, number).await.unwrap_err();
    assert_eq!(early.revert_name(), Some("NoGameShown"), "{early}");
}

#[tokio::test]
async fn slashed_stake_reaches_its_vault_after_the_resolution_delay() {
    let cloud = cloud().await;
    let first = cloud.header(1, BatchHash::ZERO);
    let second = Batch { exchange_count: 2, ..first.clone() };
    let (one, other) = (cloud.signed(&first, 3), cloud.signed(&second, 3));
    let slash = cloud.network.prove_equivocation(&cloud.owner, &one, &other).await.unwrap();
    let vault = cloud.app.slash_vault;
    let early = cloud.network.collect_slash(&cloud.owner, vault, slash.slash_id).await.unwrap_err();
    assert_eq!(early.revert_name(), Some("SlashNotResolved"), "{early}");
    let delay = cloud.network.deployment().parameters.slash_resolution_delay_blocks;
    cloud.local.anvil.mine(u64::from(delay) + 1).await.unwrap();
    cloud.network.collect_slash(&cloud.owner, vault, slash.slash_id).await.unwrap();
    cloud.local.anvil.mine(3).await.unwrap();
    let view = cloud.network.view().await.unwrap();
    for stake in &cloud.network.contracts().stakes {
        let tokens = cloud.network.token_balance(&view, stake.token, vault).await.unwrap();
        assert_eq!(tokens, token_units(STAKES[3]));
        let shares = cloud.network.vault_shares(&view, vault, stake.strategy).await.unwrap();
        assert_eq!(shares, token_units(STAKES[3]));
    }
}

/// Makes the table of a program that is not wasm, and reads it back.
async fn own_table(cloud: &Cloud, program: &Program) -> RecordedTable {
    let (network, set) = (&cloud.network, cloud.app.operator_set_id);
    let view = network.view().await.unwrap();
    let table = network.table_of(&view, cloud.app.id, program.id()).await.unwrap();
    assert_eq!(table, program.id().0);
    network.update_table(&cloud.owner, set, table).await.unwrap();
    cloud.local.anvil.mine(3).await.unwrap();
    let view = network.view().await.unwrap();
    let key = network.latest_table(&view, set, table).await.unwrap().unwrap();
    network.table(&view, key).await.unwrap()
}

fn addresses(operators: &[Operator]) -> Vec<Address> {
    operators.iter().map(|operator| operator.sender.address()).collect()
}

#[tokio::test]
async fn only_operators_that_accepted_a_container_program_count() {
    let mut cloud = cloud().await;
    let (set, container) = (cloud.app.operator_set_id, Program { runtime: "oci-1/x86-64/1".to_owned(), ..program() });
    cloud.network.publish_release(&cloud.owner, cloud.app.id, &container, "").await.unwrap();
    cloud.local.anvil.mine(3).await.unwrap();
    let nobody = cloud.network.update_table(&cloud.owner, set, container.id().0).await.unwrap_err();
    assert_eq!(nobody.revert_name(), Some("EmptyTable"), "{nobody}");
    for operator in &cloud.operators[1..] {
        cloud.network.accept_program(&operator.sender, cloud.app.id, container.id(), true).await.unwrap();
        assert!(cloud.network.accepts_lately(set, container.id(), operator.sender.address()).await.unwrap());
    }
    cloud.table = own_table(&cloud, &container).await;
    cloud.program = container;
    assert_eq!(cloud.table.operators, addresses(&cloud.operators[1..]));
    // 300 of 600 parts; the 400 of the operator that did not accept would be enough, were it in the table.
    let batch = cloud.header(1, BatchHash::ZERO);
    let alone = cloud.certify(&batch, &[1]);
    let error = cloud.network.post(&cloud.owner, std::slice::from_ref(&batch), &alone).await.unwrap_err();
    assert_eq!(error.revert_name(), Some("ThresholdNotMet"), "{error}");
    assert_eq!(cloud.table.index_of(cloud.operators[0].sender.address()), None);
    let accepters = cloud.certify(&batch, &[1, 2]);
    cloud.network.post(&cloud.owner, &[batch], &accepters).await.unwrap();
}

#[tokio::test]
async fn an_acceptance_that_is_taken_back_is_missing_from_the_next_table() {
    let cloud = cloud().await;
    let container = Program { runtime: "oci-1/x86-64/1".to_owned(), ..program() };
    let (network, app) = (&cloud.network, cloud.app.id);
    let sender = &cloud.operators[0].sender;
    let unknown = network.accept_program(sender, app, container.id(), true).await.unwrap_err();
    assert_eq!(unknown.revert_name(), Some("UnknownRelease"), "{unknown}");
    let wasm = network.accept_program(sender, app, cloud.program.id(), true).await.unwrap_err();
    assert_eq!(wasm.revert_name(), Some("InvalidProgram"), "{wasm}");
    network.publish_release(&cloud.owner, app, &container, "").await.unwrap();
    for operator in &cloud.operators {
        network.accept_program(&operator.sender, app, container.id(), true).await.unwrap();
    }
    cloud.local.anvil.mine(3).await.unwrap();
    let before = own_table(&cloud, &container).await;
    assert_eq!(before.operators, addresses(&cloud.operators));
    network.accept_program(sender, app, container.id(), false).await.unwrap();
    let after = own_table(&cloud, &container).await;
    assert_eq!(after.operators, addresses(&cloud.operators[1..]));
    let view = network.view().await.unwrap();
    assert_eq!(network.table(&view, before.key).await.unwrap(), before, "a table never changes");
    let set = cloud.app.operator_set_id;
    assert!(!network.accepts(&view, set, container.id(), sender.address()).await.unwrap());
}
