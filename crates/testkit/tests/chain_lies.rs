//! What an endpoint that lies about the chain can be found out at, and what it cannot.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, U256, hex};

use vouch_chain::anvil::{Anvil, Instance, Mining};
use vouch_chain::{Chain, Cursor, Error, Fault, Sender, artifacts, client, sender};
use vouch_testkit::adversary::chain::{self, Lie};

struct World {
    honest: Chain,
    token: Address,
    /// The block of the only event.
    block: u64,
    instance: Instance,
}

/// A chain on which one event is final.
async fn world() -> World {
    vouch_testkit::prepare();
    let instance = Instance::start(Mining::OnDemand).await.unwrap();
    let honest = instance.connect().await.unwrap();
    let anvil = Anvil::of(&honest).await.unwrap();
    let signer = PrivateKeySigner::random();
    anvil.set_balance(signer.address(), U256::from(10).pow(U256::from(20))).await.unwrap();
    let sender = Sender::new(honest.clone(), signer, sender::Config::default());
    let code = artifacts::DEMO_TOKEN.creation_code(&("Test".to_owned(), "TEST".to_owned())).unwrap();
    let token = sender.create_and_confirm(code, "DemoToken").await.unwrap().created.unwrap();
    // mint(address,uint256)
    let (to, amount) = (sender.address().into_word(), U256::from(5).to_be_bytes::<32>());
    let mint = [&hex!("40c10f19")[..], to.as_slice(), &amount].concat();
    let block = sender.send_and_confirm(token, mint.into(), "mint").await.unwrap().block_number;
    anvil.mine(6).await.unwrap();
    World { honest, token, block, instance }
}

impl World {
    async fn through(&self, lie: Lie) -> Result<Chain, Error> {
        self.through_after(lie, Duration::ZERO).await
    }

    async fn through_after(&self, lie: Lie, honest_for: Duration) -> Result<Chain, Error> {
        let address = chain::spawn(self.instance.url(), lie, honest_for).await.unwrap();
        let config = client::Config {
            chain_id: Some(self.honest.chain_id()),
            ..client::Config::at(&format!("http://{address}"))
        };
        Chain::connect(&config).await
    }

    async fn events(&self, chain: &Chain) -> Result<usize, Error> {
        let view = chain.finalized().await?;
        Ok(view.logs(&[self.token], &[], self.block - 1, self.block + 1).await?.len())
    }
}

#[tokio::test]
async fn another_chain_is_refused_at_once() {
    let error = world().await.through(Lie::AnotherChain).await.unwrap_err();
    assert!(matches!(error, Error::WrongChain { expected: 31_337, found: 1 }), "{error}");
}

#[tokio::test]
async fn another_history_is_found_by_a_block_that_was_seen_before() {
    let world = world().await;
    let seen = Cursor::of(&world.honest.finalized().await.unwrap());
    let forked = world.through(Lie::ForkedChain).await.unwrap();
    let error = seen.require(&forked.finalized().await.unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::HistoryChanged { .. }), "{error}");
    assert_eq!(error.fault(), Fault::Fatal);
}

#[tokio::test]
async fn events_that_are_left_out_are_found_in_the_receipts() {
    let world = world().await;
    assert_eq!(world.events(&world.honest).await.unwrap(), 1);
    let error = world.events(&world.through(Lie::DroppedLogs).await.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("it shows 0 events"), "{error}");
    assert_eq!(error.fault(), Fault::Endpoint);
}

#[tokio::test]
async fn events_that_are_made_up_are_not_in_their_blocks() {
    let world = world().await;
    let error = world.events(&world.through(Lie::InventedLogs).await.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("has no event like that"), "{error}");
    assert_eq!(error.fault(), Fault::Endpoint);
}

#[tokio::test]
async fn a_stale_endpoint_contradicts_nothing_and_only_stands_still() {
    let world = world().await;
    let stale = world.through(Lie::StaleChain).await.unwrap();
    let before = *stale.finalized().await.unwrap().block();
    Anvil::of(&world.honest).await.unwrap().mine(10).await.unwrap();
    assert_eq!(*stale.finalized().await.unwrap().block(), before);
    assert!(world.honest.finalized().await.unwrap().block().number > before.number);
    assert_eq!(stale.latest_block_number().await.unwrap(), before.number);
}

#[tokio::test]
async fn before_it_lies_an_endpoint_is_as_good_as_any() {
    let world = world().await;
    let chain = world.through_after(Lie::DroppedLogs, Duration::from_secs(600)).await.unwrap();
    assert_eq!(world.events(&chain).await.unwrap(), 1);
}
