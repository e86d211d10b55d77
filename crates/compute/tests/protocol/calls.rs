//! Honest calls, from request to receipt.

use std::sync::atomic::Ordering;

use vouch_compute::gateway::Wish;
use vouch_core::{Batch, Status, pages};

use crate::world::*;

/// Everything a client checks, trusting the table alone.
fn check(receipt: &vouch_compute::gateway::receipt::Receipt, output: &[u8]) {
    assert_eq!(receipt.output.as_ref(), output);
    assert_eq!(receipt.exchange.output_hash, pages::root(output));
    assert_eq!(receipt.exchange.request_id, receipt.request.id());
    assert!(receipt.is_included());
    let certified = &receipt.certified;
    let table = table(certified.batch.reference_timestamp);
    let verified = certified.certificate.clone().verify(table.table().summary()).unwrap();
    assert_eq!(verified.certificate().message_hash, certified.batch.hash());
    assert!(verified.reaches(6_667));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_gets_a_receipt_that_verifies() {
    let world = World::start().await;
    let receipt = world.gateway().call(request(1, b"abc")).await.unwrap();
    check(&receipt, b"cba");
    assert_eq!(receipt.certified.batch.sequence, 1);
    let again = world.gateway().receipt(receipt.request.id()).await.unwrap().unwrap();
    check(&again, b"cba");
    assert_eq!(again.certified.batch, receipt.certified.batch);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_twice_runs_once() {
    let world = World::start().await;
    let (first, second) = (world.gateway(), world.gateway());
    let (first, second) = tokio::join!(first.call(request(1, b"abc")), second.call(request(1, b"abc")));
    assert_eq!(first.unwrap().certified.batch, second.unwrap().certified.batch);
    let third = world.gateway().call(request(1, b"abc")).await.unwrap();
    check(&third, b"cba");
    assert_eq!(world.program.runs.load(Ordering::SeqCst), 4, "once per executor");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_share_batches_that_chain_and_can_be_posted() {
    let world = World::start().await;
    let calls = (0..40).map(|nonce| {
        let (gateway, payload) = (world.gateway(), format!("payload {nonce}"));
        async move { (gateway.call(request(nonce, payload.as_bytes())).await.unwrap(), payload) }
    });
    let receipts = futures::future::join_all(calls).await;
    for (receipt, payload) in &receipts {
        check(receipt, payload.chars().rev().collect::<String>().as_bytes());
    }
    let work = world.gateway().unposted(LANE, 0).unwrap().unwrap();
    assert!(work.headers.len() < 40, "calls share batches");
    let mut parent = vouch_core::BatchHash::ZERO;
    for (index, header) in work.headers.iter().enumerate() {
        assert_eq!((header.sequence, header.parent), (index as u64 + 1, parent));
        parent = header.hash();
    }
    assert_eq!(work.certificate.certificate().message_hash, parent);
    world.chain.post(work.headers.last().unwrap());
    assert!(world.gateway().unposted(LANE, work.headers.len() as u64).unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_certified() {
    let world = World::start().await;
    let receipt = world.gateway().call(request(1, b"trap")).await.unwrap();
    assert_eq!(receipt.exchange.status, Status::Trap);
    assert!(receipt.exchange.output_hash.is_zero() && receipt.is_included());
}

#[tokio::test(flavor = "multi_thread")]
async fn executors_keep_and_serve_the_certified_batch() {
    use vouch_compute::wire::{Answer, Call};
    let world = World::start().await;
    let receipt = world.gateway().call(request(1, b"abc")).await.unwrap();
    let hash = receipt.certified.batch.hash();
    for index in 0..4 {
        let batch = loop {
            match world.executor(index).answer(Call::Batch(hash)).await {
                Answer::Batch(Some(batch)) => break batch,
                _ => tokio::task::yield_now().await,
            }
        };
        assert_eq!(batch.header, receipt.certified.batch);
        let data = vouch_core::BatchData::decode(&batch.data.unwrap()).unwrap();
        assert_eq!(data.exchanges_root(), batch.header.exchanges_root);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_window_waits_for_the_post_and_goes_on() {
    let mut world = World::start().await;
    let mut last: Option<Batch> = None;
    for nonce in 0..u64::from(WINDOW) {
        let receipt = world.gateway().call(request(nonce, b"abc")).await.unwrap();
        last = Some(receipt.certified.batch.clone());
    }
    let gateway = world.gateway();
    let blocked = tokio::spawn(async move { gateway.call(request(99, b"abc")).await });
    world.wish(|wish| matches!(wish, Wish::Post { lane } if *lane == LANE)).await;
    assert!(!blocked.is_finished());
    world.chain.post(&last.unwrap());
    let receipt = blocked.await.unwrap().unwrap();
    assert_eq!(receipt.certified.batch.sequence, u64::from(WINDOW) + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_ages_is_wished_for_anew() {
    let mut world = World::start().await;
    world.chain.change(|state| state.head.timestamp = NOW + 400);
    world.gateway().tick().await;
    world.wish(|wish| matches!(wish, Wish::RefreshTable { app, .. } if *app == APP)).await;
}
