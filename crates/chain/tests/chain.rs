//! Against a real anvil: reads, the follower and the sender.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolEvent};
use vouch_chain::anvil::{Anvil, Mining};
use vouch_chain::artifacts;
use vouch_chain::bindings::token;
use vouch_chain::client::{Chain, Config};
use vouch_chain::follower::{self, RedbCursor};
use vouch_chain::sender::{self, Sender};
use vouch_chain::{Cursor, CursorStore, Error, Fault, FinalizedClock, Follower};

#[allow(dead_code, reason = "each test program uses its part")]
mod common;

use common::{Local, start};

async fn deploy_token(sender: &Sender) -> Address {
    let arguments = ("Test token".to_owned(), "TEST".to_owned());
    let code = artifacts::DEMO_TOKEN.creation_code(&arguments).unwrap();
    sender.create_and_confirm(code, "DemoToken").await.unwrap().created.unwrap()
}

fn mint(to: Address, amount: u64) -> Bytes {
    token::mintCall { to, amount: U256::from(amount) }.abi_encode().into()
}

#[tokio::test]
async fn an_unreachable_chain_is_said_so_at_once() {
    let started = Instant::now();
    // A port on which nothing listens: one that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Chain::connect(&Config::at(&format!("http://127.0.0.1:{port}/secret-key"))).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { attempts: 4, .. }), "{error}");
    assert_eq!(error.fault(), Fault::Transient);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(error.to_string().contains(&port.to_string()) && !error.to_string().contains("secret-key"), "{error}");
}

#[tokio::test]
async fn what_is_no_endpoint_is_refused() {
    for url in ["ftp://localhost", "localhost:8545", "", "http://"] {
        let error = Chain::connect(&Config::at(url)).await.unwrap_err();
        assert!(matches!(error, Error::InvalidEndpoint { .. }), "{url}: {error}");
    }
}

#[tokio::test]
async fn another_chain_is_refused() {
    let local = start(Mining::OnDemand).await;
    let config = Config { chain_id: Some(1), ..Config::at(local.url()) };
    let error = Chain::connect(&config).await.unwrap_err();
    assert!(matches!(error, Error::WrongChain { expected: 1, found: 31_337 }), "{error}");
    assert_eq!(error.fault(), Fault::Fatal);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused() {
    let local = start(Mining::OnDemand).await;
    let config = Config { answer_bytes_max: 200, ..Config::at(local.url()) };
    let error = Chain::connect(&config).await.unwrap_err();
    assert!(matches!(error, Error::BadAnswer { .. }), "{error}");
    assert!(error.to_string().contains("larger than 200 bytes"), "{error}");
}

#[tokio::test]
async fn a_view_reads_its_own_block_and_none_beyond() {
    let local = start(Mining::OnDemand).await;
    let sender = local.sender().await;
    let token = deploy_token(&sender).await;
    let first = sender.send_and_confirm(token, mint(sender.address(), 5), "mint").await.unwrap();
    local.anvil.finalize(first.block_number).await.unwrap();
    let view = local.chain.finalized().await.unwrap();
    sender.send_and_confirm(token, mint(sender.address(), 7), "mint").await.unwrap();
    local.anvil.mine(5).await.unwrap();
    let balance = token::balanceOfCall { account: sender.address() };
    assert_eq!(view.call(token, &balance).await.unwrap(), U256::from(5));
    let later = local.chain.finalized().await.unwrap();
    assert_eq!(later.call(token, &balance).await.unwrap(), U256::from(12));
    let beyond = view.block().number + 1;
    assert!(matches!(view.block_at(beyond).await, Err(Error::NotFinalized { .. })));
    assert!(matches!(view.logs(&[token], &[], 0, beyond).await, Err(Error::NotFinalized { .. })));
    assert!(local.chain.latest_block_number().await.unwrap() >= later.block().number + 2);
}

#[tokio::test]
async fn calling_where_no_contract_is_says_so() {
    let local = start(Mining::OnDemand).await;
    let view = local.chain.finalized().await.unwrap();
    let call = token::balanceOfCall { account: Address::ZERO };
    let error = view.call(Address::repeat_byte(7), &call).await.unwrap_err();
    assert!(matches!(error, Error::NoCode { .. }), "{error}");
}

#[tokio::test]
async fn blocks_are_found_by_time() {
    let local = start(Mining::OnDemand).await;
    local.anvil.mine(40).await.unwrap();
    let view = local.chain.finalized().await.unwrap();
    for number in [1, 17, view.block().number] {
        let block = view.block_at(number).await.unwrap();
        assert_eq!(view.block_before(block.timestamp, 0).await.unwrap(), block);
    }
    let genesis = view.block_at(0).await.unwrap();
    assert!(view.block_before(genesis.timestamp - 1, 0).await.is_err());
}

#[tokio::test]
async fn the_clock_follows_finalized_blocks() {
    let local = start(Mining::OnDemand).await;
    local.anvil.mine(3).await.unwrap();
    let (first, learned) = (local.chain.finalized().await.unwrap(), Instant::now());
    let clock = FinalizedClock::new(*first.block(), learned);
    local.anvil.increase_time(1_000).await.unwrap();
    local.anvil.mine(3).await.unwrap();
    assert_eq!(clock.seconds_at(learned), first.block().timestamp);
    let second = local.chain.finalized().await.unwrap();
    clock.observe(*second.block(), learned);
    assert!(clock.seconds_at(learned) >= first.block().timestamp + 1_000);
}

#[tokio::test]
async fn many_tasks_send_from_one_key() {
    let local = start(Mining::EverySecond).await;
    let sender = Arc::new(local.sender().await);
    let token = deploy_token(&sender).await;
    let sends = (1..=40).map(|amount| {
        let sender = Arc::clone(&sender);
        tokio::spawn(async move { sender.send_and_confirm(token, mint(Address::repeat_byte(1), amount), "mint").await })
    });
    for sent in futures::future::join_all(sends).await {
        sent.unwrap().unwrap();
    }
    assert_eq!(sender.mined_nonce().await.unwrap(), 41);
    let supply = local.chain.latest_call(token, &token::totalSupplyCall {}).await.unwrap();
    assert_eq!(supply, U256::from((1..=40).sum::<u64>()));
}

#[tokio::test]
async fn a_nonce_that_another_process_took_is_noticed() {
    let local = start(Mining::OnDemand).await;
    let signer = alloy::signers::local::PrivateKeySigner::random();
    local.anvil.set_balance(signer.address(), U256::from(10).pow(U256::from(22))).await.unwrap();
    let process = || Sender::new(local.chain.clone(), signer.clone(), sender::Config::default());
    let (first, second) = (process(), process());
    let token = deploy_token(&first).await;
    for _ in 0..3 {
        first.send_and_confirm(token, mint(Address::repeat_byte(1), 1), "mint").await.unwrap();
        second.send_and_confirm(token, mint(Address::repeat_byte(1), 1), "mint").await.unwrap();
    }
    assert_eq!(first.mined_nonce().await.unwrap(), 7);
}

#[tokio::test]
async fn a_transaction_that_does_not_move_is_replaced_at_a_higher_fee() {
    let local = start(Mining::OnDemand).await;
    let config = sender::Config {
        bump_interval: Duration::from_millis(200),
        poll_interval: Duration::from_millis(20),
        ..sender::Config::default()
    };
    let sender = Arc::new(local.sender_with(config).await);
    let token = deploy_token(&sender).await;
    local.anvil.set_auto_mining(false).await.unwrap();
    let sending = {
        let sender = Arc::clone(&sender);
        tokio::spawn(async move { sender.send_and_confirm(token, mint(Address::repeat_byte(1), 1), "mint").await })
    };
    let first_fee = pending_fee(&local, &sender, 0).await;
    let raised = pending_fee(&local, &sender, first_fee).await;
    assert!(raised * 8 >= first_fee * 9, "{raised} after {first_fee}");
    local.anvil.mine(1).await.unwrap();
    let confirmed = sending.await.unwrap().unwrap();
    assert_eq!(sender.mined_nonce().await.unwrap(), 2);
    assert!(confirmed.event::<token::Transfer>(token).is_some());
}

/// The fee of the sender's waiting transaction once it is above `above`.
async fn pending_fee(local: &Local, sender: &Sender, above: u128) -> u128 {
    let wait = async {
        loop {
            if let Some(fee) = local.anvil.pending_fee(sender.address()).await.unwrap().filter(|fee| *fee > above) {
                return fee;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap()
}

#[tokio::test]
async fn a_transaction_that_is_not_mined_in_time_ends_the_wait_and_frees_the_sender() {
    let local = start(Mining::OnDemand).await;
    let config = sender::Config { confirm_timeout: Duration::from_millis(300), ..sender::Config::default() };
    let sender = local.sender_with(config).await;
    let token = deploy_token(&sender).await;
    local.anvil.set_auto_mining(false).await.unwrap();
    let error = sender.send_and_confirm(token, mint(Address::repeat_byte(1), 1), "mint").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    local.anvil.set_auto_mining(true).await.unwrap();
    local.anvil.mine(1).await.unwrap();
    sender.send_and_confirm(token, mint(Address::repeat_byte(1), 1), "mint").await.unwrap();
    assert_eq!(sender.mined_nonce().await.unwrap(), 3);
}

#[tokio::test]
async fn a_call_that_would_revert_is_not_sent() {
    let local = start(Mining::OnDemand).await;
    let sender = local.sender().await;
    let token = deploy_token(&sender).await;
    let transfer = token::transferCall { to: Address::repeat_byte(1), amount: U256::from(1) }.abi_encode();
    let error = sender.send_and_confirm(token, transfer.into(), "transfer").await.unwrap_err();
    assert_eq!(error.revert_name(), Some("ERC20InsufficientBalance"), "{error}");
    assert_eq!(error.fault(), Fault::Refused);
    assert_eq!(sender.mined_nonce().await.unwrap(), 1);
}

#[tokio::test]
async fn a_queue_that_is_full_refuses() {
    let local = start(Mining::OnDemand).await;
    let config = sender::Config { in_flight_max: 1, waiting_max: 1, ..sender::Config::default() };
    let sender = local.sender_with(config).await;
    let token = deploy_token(&sender).await;
    let sends = (0..8).map(|_| sender.send_and_confirm(token, mint(Address::repeat_byte(1), 1), "mint"));
    let outcomes = futures::future::join_all(sends).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Error::Busy { .. }))));
}

#[tokio::test]
async fn an_account_without_currency_is_told() {
    let local = start(Mining::OnDemand).await;
    let poor =
        Sender::new(local.chain.clone(), alloy::signers::local::PrivateKeySigner::random(), sender::Config::default());
    let arguments = ("Test token".to_owned(), "TEST".to_owned());
    let code = artifacts::DEMO_TOKEN.creation_code(&arguments).unwrap();
    let error = poor.create_and_confirm(code, "DemoToken").await.unwrap_err();
    assert!(matches!(error, Error::InsufficientFunds { .. }), "{error:?}");
}

fn config(token: Address, page_blocks_max: u64) -> follower::Config {
    follower::Config {
        addresses: vec![token],
        start_block: 0,
        page_blocks_max,
        poll_interval: Duration::from_millis(20),
    }
}

/// Mints `amounts`, one a block, and finalizes them.
async fn minted(local: &Local, sender: &Sender, token: Address, amounts: std::ops::RangeInclusive<u64>) {
    let mut last = 0;
    for amount in amounts {
        let confirmed = sender.send_and_confirm(token, mint(Address::repeat_byte(1), amount), "mint").await.unwrap();
        last = confirmed.block_number;
    }
    local.anvil.finalize(last).await.unwrap();
}

fn amounts(page: &follower::Page) -> Vec<u64> {
    let amount = |log: &alloy::rpc::types::Log| token::Transfer::decode_log(&log.inner).unwrap().value.to();
    page.logs.iter().map(amount).collect()
}

/// Everything that is final now, page by page.
async fn drain(follower: &mut Follower<RedbCursor>) -> Vec<u64> {
    let mut seen = Vec::new();
    while let Some(page) = follower.next_page().await.unwrap() {
        seen.extend(amounts(&page));
        follower.commit(&page).unwrap();
    }
    seen
}

#[tokio::test]
async fn every_event_comes_once_across_restarts() {
    let local = start(Mining::OnDemand).await;
    let sender = local.sender().await;
    let token = deploy_token(&sender).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor.redb");
    minted(&local, &sender, token, 1..=5).await;
    let store = RedbCursor::open(&path, "events").unwrap();
    let mut follower = Follower::resume(local.chain.clone(), config(token, 2), store).await.unwrap();
    assert_eq!(drain(&mut follower).await, [1, 2, 3, 4, 5]);
    assert_eq!(drain(&mut follower).await, [0; 0]);
    minted(&local, &sender, token, 6..=7).await;
    // Handled, but the process dies before the cursor is durable: the same page comes again.
    let lost = follower.next_page().await.unwrap().unwrap();
    drop(follower);
    let store = RedbCursor::open(&path, "events").unwrap();
    let mut follower = Follower::resume(local.chain.clone(), config(token, 2), store).await.unwrap();
    let again = follower.next_page().await.unwrap().unwrap();
    assert_eq!((amounts(&again), again.cursor), (amounts(&lost), lost.cursor));
    assert_eq!(drain(&mut follower).await, [6, 7]);
}

#[tokio::test]
async fn a_transaction_that_a_reorganization_lost_leaves_no_gap_in_which_the_next_one_waits() {
    let local = start(Mining::OnDemand).await;
    let quick = sender::Config { confirm_timeout: Duration::from_secs(10), ..sender::Config::default() };
    let sender = local.sender_with(quick).await;
    let token = deploy_token(&sender).await;
    local.anvil.mine(3).await.unwrap();
    let lost = sender.send_and_confirm(token, mint(sender.address(), 5), "mint").await.unwrap();
    local.anvil.reorganize(1).await.unwrap();
    let view_of = async || local.chain.latest_call(token, &token::balanceOfCall { account: sender.address() }).await;
    assert_eq!(view_of().await.unwrap(), U256::ZERO, "{} is gone", lost.transaction);
    sender.send_and_confirm(token, mint(sender.address(), 7), "mint").await.unwrap();
    assert_eq!(view_of().await.unwrap(), U256::from(7));
}

#[tokio::test]
async fn the_running_follower_hands_over_pages_until_told_to_stop() {
    let local = start(Mining::OnDemand).await;
    let sender = local.sender().await;
    let token = deploy_token(&sender).await;
    minted(&local, &sender, token, 1..=3).await;
    let folder = tempfile::tempdir().unwrap();
    let store = RedbCursor::open(&folder.path().join("cursor.redb"), "events").unwrap();
    let mut follower = Follower::resume(local.chain.clone(), config(token, 1_000), store).await.unwrap();
    let mut seen = Vec::new();
    let run = follower.run(|page| {
        seen.extend(amounts(&page));
        let done = seen.len() == 3;
        async move { Ok(if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }) }
    });
    tokio::time::timeout(Duration::from_secs(20), run).await.unwrap().unwrap();
    assert_eq!(seen, [1, 2, 3]);
}

#[tokio::test]
async fn a_rewritten_history_stops_the_follower() {
    let local = start(Mining::OnDemand).await;
    let sender = local.sender().await;
    let token = deploy_token(&sender).await;
    let snapshot = local.anvil.snapshot().await.unwrap();
    minted(&local, &sender, token, 1..=3).await;
    let folder = tempfile::tempdir().unwrap();
    let store = RedbCursor::open(&folder.path().join("cursor.redb"), "events").unwrap();
    let mut follower = Follower::resume(local.chain.clone(), config(token, 1_000), store).await.unwrap();
    assert_eq!(drain(&mut follower).await, [1, 2, 3]);
    local.anvil.revert(snapshot).await.unwrap();
    local.anvil.increase_time(50).await.unwrap();
    local.anvil.mine(30).await.unwrap();
    let error = follower.next_page().await.unwrap_err();
    assert!(matches!(error, Error::HistoryChanged { .. }), "{error}");
    assert_eq!(error.fault(), Fault::Fatal);
}

#[tokio::test]
async fn a_store_of_another_chain_is_refused() {
    let local = start(Mining::OnDemand).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor.redb");
    let own = Cursor {
        chain_id: local.chain.chain_id(),
        genesis_hash: local.chain.genesis_hash(),
        number: 0,
        hash: local.chain.genesis_hash(),
    };
    let resume = async |cursor: Cursor| {
        let mut store = RedbCursor::open(&path, "events").unwrap();
        store.save(&cursor).unwrap();
        Follower::resume(local.chain.clone(), config(Address::ZERO, 10), store).await.map(|_| ())
    };
    resume(own).await.unwrap();
    assert!(matches!(resume(Cursor { chain_id: 1, ..own }).await, Err(Error::WrongChain { .. })));
    let other = Address::repeat_byte(9).into_word();
    assert!(matches!(resume(Cursor { genesis_hash: other, ..own }).await, Err(Error::WrongGenesis { .. })));
    assert!(matches!(resume(Cursor { hash: other, ..own }).await, Err(Error::HistoryChanged { .. })));
}

/// Answers every request as another client would.
async fn stand_in_for_another_client() -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let body: serde_json::Value = loop {
                let mut chunk = [0; 4096];
                let length = stream.read(&mut chunk).await.unwrap();
                request.extend_from_slice(&chunk[..length]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let parsed = text.split("\r\n\r\n").nth(1).and_then(|body| serde_json::from_str(body).ok());
                if let Some(body) = parsed {
                    break body;
                }
                assert!(length > 0, "the request ended early");
            };
            let result = match body["method"].as_str() {
                Some("eth_chainId") => serde_json::json!("0x1"),
                Some("web3_clientVersion") => serde_json::json!("Geth/v1.16.0"),
                _ => serde_json::from_str(include_str!("common/genesis.json")).unwrap(),
            };
            let answer = serde_json::json!({ "jsonrpc": "2.0", "id": body["id"], "result": result }).to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            stream.write_all((head + &answer).as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn time_is_not_moved_on_a_real_chain() {
    let url = stand_in_for_another_client().await;
    let chain = Chain::connect(&Config::at(&url)).await.unwrap();
    assert!(matches!(Anvil::of(&chain).await, Err(Error::NotAnvil { .. })));
}
