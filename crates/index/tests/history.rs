//! Against a real anvil and the real contracts: whatever happened, the index says what the contracts say.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use alloy_primitives::{Address, B256};
use rand::Rng;
use sqlx::AssertSqlSafe;
use vouch_chain::client;
use vouch_chain::{Chain, Deployment};
use vouch_index::rows::{Magnitude, SCHEMA, Slash, Withdrawal};
use vouch_index::{Config, Error, Indexer, Report, Select, Store, Subject, file_url, verify};

mod common;

use common::postgres::Server;
use common::{World, seed};

/// What a child process needs to know: the database, the endpoint and the manifest.
const CHILD: &str = "VOUCH_INDEX_TEST_CHILD";

async fn open(world: &World, url: &str) -> Store {
    Store::open(url, Subject::of(&world.deployment)).await.unwrap_or_else(|error| panic!("{error:?}"))
}

async fn digest(store: &Store) -> B256 {
    store.read().await.unwrap().digest().await.unwrap()
}

async fn report(world: &World, store: &Store) -> Report {
    let mut reader = store.read().await.unwrap();
    verify(&mut reader, &world.chain, &world.deployment).await.unwrap()
}

async fn require_equal(world: &World, store: &Store) {
    let found = report(world, store).await;
    assert_eq!(found.difference_count, 0, "{found:#?}");
    assert!(found.compared > 20, "{found:?}");
}

/// The places in which tests keep an index: a file, and a server where there is one.
struct Places {
    folder: tempfile::TempDir,
    server: Option<Server>,
}

impl Places {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), server: Server::start() }
    }

    async fn urls(&self, name: &str) -> Vec<String> {
        let mut urls = vec![file_url(&self.folder.path().join(name))];
        if let Some(server) = &self.server {
            urls.push(server.database(name).await);
        }
        urls
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_random_history_reads_as_the_contracts_say_in_both_databases() {
    let (places, mut world) = (Places::new(), World::start(seed()).await);
    let mut stores = Vec::new();
    for url in places.urls("history").await {
        stores.push(open(&world, &url).await);
    }
    for (part, page_blocks) in [1_000, 7, 16, 100].into_iter().enumerate() {
        let done = world.live(60).await;
        assert!(done > 5, "part {part}: only {done} of 60 actions were allowed");
        world.settle().await;
        for store in &stores {
            world.indexer(store.clone(), page_blocks).catch_up().await.unwrap();
            require_equal(&world, store).await;
        }
    }
    let mut reader = stores[0].read().await.unwrap();
    let slashes: Vec<Slash> = reader.page(&Select::all().order("sequence")).await.unwrap();
    let withdrawals: Vec<Withdrawal> = reader.page(&Select::all().order("sequence")).await.unwrap();
    assert!(!reader.page::<Magnitude>(&Select::all()).await.unwrap().is_empty(), "nothing was slashed");
    println!(
        "slashes: {}, withdrawals: {}, rows: {:?}",
        slashes.len(),
        withdrawals.len(),
        reader.counts().await.unwrap()
    );
    assert!(slashes.is_sorted_by_key(|slash| slash.sequence));
    drop(reader);

    let expected = digest(&stores[0]).await;
    for url in places.urls("rebuilt").await {
        let store = Store::open_empty(&url, Subject::of(&world.deployment)).await.unwrap();
        world.indexer(store.clone(), 333).catch_up().await.unwrap();
        assert_eq!(digest(&store).await, expected, "{url}");
    }
    for store in &stores {
        assert_eq!(digest(store).await, expected, "{}", store.shown());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_killed_again_and_again_counts_everything_once() {
    let (places, mut world) = (Places::new(), World::start(seed()).await);
    world.live(80).await;
    world.settle().await;
    let manifest = places.folder.path().join("deployment.json");
    world.deployment.save(&manifest).unwrap();
    let whole = open(&world, &file_url(&places.folder.path().join("whole"))).await;
    world.indexer(whole.clone(), 1_000).catch_up().await.unwrap();
    for url in places.urls("killed").await {
        let mut kills = 0;
        loop {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "a_child_that_writes_until_it_is_killed", "--nocapture"])
                .env(CHILD, format!("{url}\n{}\n{}", world.url, manifest.display()))
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let output = BufReader::new(child.stdout.take().unwrap());
            let lines = std::thread::spawn(move || output.lines().map_while(Result::ok).collect::<Vec<_>>());
            let whole_run = kills >= 12;
            if !whole_run {
                // Any moment is a moment to be killed at.
                tokio::time::sleep(Duration::from_millis(rand::thread_rng().gen_range(20..400))).await;
                child.kill().unwrap();
            }
            child.wait().unwrap();
            kills += 1;
            if lines.join().unwrap().iter().any(|line| line.contains("caught up")) {
                break;
            }
            assert!(!whole_run, "a child that was not killed did not end well");
        }
        println!("{url}: killed {} times", kills - 1);
        let store = open(&world, &url).await;
        require_equal(&world, &store).await;
        assert_eq!(digest(&store).await, digest(&whole).await);
    }
}

/// Does nothing by itself: the test above runs it in processes of their own, which it kills.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_writes_until_it_is_killed() {
    let Ok(arguments) = std::env::var(CHILD) else { return };
    let [url, rpc, manifest] = arguments.lines().collect::<Vec<_>>().try_into().unwrap();
    let deployment = Deployment::load(manifest.as_ref()).unwrap();
    let chain = Chain::connect(&client::Config::at(rpc)).await.unwrap();
    let store = Store::open(url, Subject::of(&deployment)).await.unwrap();
    let config = Config { page_blocks: 2, ..Config::default() };
    Indexer::new(chain, store, &deployment, config).catch_up().await.unwrap();
    println!("caught up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_changed_is_found() {
    let (places, mut world) = (Places::new(), World::start(seed()).await);
    world.live(150).await;
    world.settle().await;
    for (number, url) in places.urls("tampered").await.into_iter().enumerate() {
        let store = open(&world, &url).await;
        world.indexer(store.clone(), 1_000).catch_up().await.unwrap();
        let raw = sqlx::AnyPool::connect(&url).await.unwrap();
        let mut tried = 0;
        for (table, change) in [
            ("stakes", "UPDATE vouch_stakes SET deposit_shares = substr(deposit_shares, 2) || '5'"),
            ("stakes", "DELETE FROM vouch_stakes"),
            ("operators", "UPDATE vouch_operators SET registered_block = 0"),
            ("operator_stakes", "UPDATE vouch_operator_stakes SET max_magnitude = max_magnitude - 1"),
            ("sets", "UPDATE vouch_sets SET slashes = slashes + 1"),
            ("set_strategies", "DELETE FROM vouch_set_strategies"),
            ("members", "UPDATE vouch_members SET registered = 1 - registered"),
            (
                "allocations",
                "UPDATE vouch_allocations SET magnitude = magnitude + 1, pending_magnitude = pending_magnitude + 1",
            ),
            ("allocations", "DELETE FROM vouch_allocations"),
            ("slashes", "DELETE FROM vouch_slashes"),
            (
                "slashed_strategies",
                "UPDATE vouch_slashed_strategies SET shares = substr(shares, 2) || '5', cleared_block = 0",
            ),
            (
                "withdrawals",
                "UPDATE vouch_withdrawals SET completed_block = 1 - CASE WHEN completed_block = 0 THEN 0 ELSE 1 END",
            ),
            ("strategies", "UPDATE vouch_strategies SET open = 1 - open"),
        ] {
            let before = digest(&store).await;
            let changed = format!("CREATE TABLE kept AS SELECT * FROM vouch_{table}");
            sqlx::query(AssertSqlSafe(changed)).execute(&raw).await.unwrap();
            let rows = sqlx::query(AssertSqlSafe(change)).execute(&raw).await.unwrap().rows_affected();
            if rows > 0 {
                let found = report(&world, &store).await;
                assert!(found.difference_count > 0, "{change}: {rows} rows changed and no difference found");
                assert_ne!(digest(&store).await, before);
                tried += 1;
            }
            for statement in [
                format!("DELETE FROM vouch_{table}"),
                format!("INSERT INTO vouch_{table} SELECT * FROM kept"),
                "DROP TABLE kept".to_owned(),
            ] {
                sqlx::query(AssertSqlSafe(statement)).execute(&raw).await.unwrap();
            }
            assert_eq!(digest(&store).await, before, "{change}");
        }
        println!("database {number}: {tried} changes were found");
        assert!(tried >= 8);
        require_equal(&world, &store).await;
        raw.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_this_index_is_refused_or_emptied_by_name() {
    let (places, world) = (Places::new(), World::start(seed()).await);
    world.settle().await;
    let subject = Subject::of(&world.deployment);
    for url in places.urls("schema").await {
        let store = open(&world, &url).await;
        assert!(matches!(store.read().await.unwrap().cursor(), Err(Error::Empty)));
        world.indexer(store.clone(), 1_000).catch_up().await.unwrap();
        let whole = digest(&store).await;

        for other in [
            Subject { chain_id: 5, ..subject.clone() },
            Subject { genesis_hash: B256::repeat_byte(9), ..subject.clone() },
            Subject { delegation_manager: Address::repeat_byte(9), ..subject.clone() },
        ] {
            let error = Store::open(&url, other).await.unwrap_err();
            assert!(matches!(error, Error::OtherDeployment { .. }), "{error}");
            assert!(error.to_string().contains("vouch index rebuild"), "{error}");
        }

        let raw = sqlx::AnyPool::connect(&url).await.unwrap();
        let set = |schema: u64| sqlx::query(AssertSqlSafe(format!("UPDATE vouch_meta SET schema = {schema}")));
        set(SCHEMA + 1).execute(&raw).await.unwrap();
        let error = Store::open(&url, subject.clone()).await.unwrap_err();
        assert!(matches!(error, Error::NewerSchema { .. }), "{error}");
        set(SCHEMA - 1).execute(&raw).await.unwrap();
        let store = open(&world, &url).await;
        assert!(matches!(store.read().await.unwrap().cursor(), Err(Error::Empty)));
        world.indexer(store.clone(), 1_000).catch_up().await.unwrap();
        assert_eq!(digest(&store).await, whole);
        raw.close().await;
    }
    let error = Store::open("mysql://me:secret@host/index", subject).await.unwrap_err();
    assert!(matches!(error, Error::InvalidDatabase(_)) && !error.to_string().contains("secret"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_of_one_index_are_found_out() {
    let (places, mut world) = (Places::new(), World::start(seed()).await);
    world.settle().await;
    for url in places.urls("writers").await {
        let (one, two) = (open(&world, &url).await, open(&world, &url).await);
        world.indexer(one.clone(), 1_000).catch_up().await.unwrap();
        let position = two.position().await.unwrap();
        world.live(5).await;
        world.settle().await;
        let after = world.indexer(one.clone(), 1_000).catch_up().await.unwrap();
        let error = two.write(&position, after.cursor.unwrap(), &[]).await.unwrap_err();
        assert!(matches!(error, Error::OtherWriter { .. }), "{error}");
        require_equal(&world, &one).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_without_the_beginning_is_refused() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::start(seed()).await);
    world.settle().await;
    let store = open(&world, &file_url(&folder.path().join("index.sqlite"))).await;
    let mut deployment = world.deployment.clone();
    for address in [
        &mut deployment.contracts.delegation_manager,
        &mut deployment.contracts.allocation_manager,
        &mut deployment.contracts.strategy_manager,
    ] {
        // Where nothing ever happened, as an endpoint shows a contract whose events it has dropped.
        *address = Address::repeat_byte(1);
    }
    let indexer = Indexer::new(world.chain.clone(), store, &deployment, Config::default());
    let error = indexer.catch_up().await.unwrap_err();
    assert!(matches!(error, Error::Pruned { .. }), "{error}");
    // Events from the middle on: what they stand on is missing.
    let mut later = world.deployment.clone();
    later.start_block = world.chain.latest_block_number().await.unwrap() + 1;
    world.leave().await;
    world.settle().await;
    let store = open(&world, &file_url(&folder.path().join("later.sqlite"))).await;
    let error = Indexer::new(world.chain.clone(), store, &later, Config::default()).catch_up().await.unwrap_err();
    assert!(matches!(error, Error::Contradiction { .. }), "{error}");
}
