//! A lane changes its gateway: what was certified stays, nobody proposes for two epochs, and the lane goes on.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::U256;
use vouch_compute::evidence::SignedHeader;
use vouch_compute::gateway::{CallError, Gateway, Wish};
use vouch_compute::lane::chain::CallError as PeerError;
use vouch_compute::wire::{Answer, Call, ProposeCall, Refusal, SlotsCall};
use vouch_core::Batch;

use crate::world::*;

/// Has the batch proposed to some executors alone, who sign it.
async fn propose_to(world: &World, call: &ProposeCall, indices: &[usize]) {
    for index in indices {
        propose(&world.executor(*index), call).await.unwrap();
    }
}

/// The next gateway, which has taken over what it could.
async fn taken_over(world: &World) -> Gateway {
    let gateway = world.start_next_gateway();
    world.chain.change_gateway();
    gateway.tick().await;
    gateway
}

/// What the gateway could post, once it has `count` batches.
async fn certified(gateway: &Gateway, count: usize) -> Vec<Batch> {
    let found = async {
        loop {
            if let Ok(Some(work)) = gateway.unposted(LANE, 0)
                && work.headers.len() >= count
            {
                return work.headers;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.expect("the batches are certified again")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_certified_request_is_lost_when_the_gateway_changes() {
    let world = World::start().await;
    let mut acknowledged = Vec::new();
    for nonce in 1..=3 {
        acknowledged.push(world.gateway().call(request(nonce, b"abc")).await.unwrap().certified.batch.clone());
    }
    // It is gone with all it had; nothing was posted.
    world.kill_gateway();
    let next = taken_over(&world).await;
    assert_eq!(certified(&next, 3).await, acknowledged, "byte for byte what callers have receipts of");
    let again = next.call(request(2, b"abc")).await.unwrap();
    assert_eq!(again.certified.batch, acknowledged[1]);
    let new = next.call(request(4, b"abc")).await.unwrap();
    assert_eq!((new.certified.batch.sequence, new.certified.batch.parent), (4, acknowledged[2].hash()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_posted_is_not_taken_over_again() {
    let world = World::start().await;
    let posted = world.gateway().call(request(1, b"abc")).await.unwrap().certified.batch.clone();
    let unposted = world.gateway().call(request(2, b"abc")).await.unwrap().certified.batch.clone();
    world.chain.post(&posted);
    world.kill_gateway();
    let next = taken_over(&world).await;
    let receipt = next.call(request(3, b"abc")).await.unwrap();
    assert_eq!(receipt.certified.batch.sequence, 3);
    let headers = next.unposted(LANE, 1).unwrap().unwrap().headers;
    assert_eq!(headers, [unposted, receipt.certified.batch.clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_a_threshold_signed_is_taken_over_without_its_certificate() {
    let world = World::executors().await;
    let call = first(1);
    propose_to(&world, &call, &[0, 1]).await;
    let next = taken_over(&world).await;
    assert_eq!(certified(&next, 1).await, [call.header]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_too_few_signed_gives_way() {
    let world = World::executors().await;
    propose_to(&world, &first(1), &[3]).await;
    let next = taken_over(&world).await;
    let receipt = next.call(request(2, b"abc")).await.unwrap();
    assert_eq!(receipt.certified.batch.sequence, 1);
    assert_ne!(receipt.certified.batch.exchanges_root, first(1).header.exchanges_root);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_binds_too_much_stake_is_finished() {
    let world = World::executors().await;
    let call = first(1);
    // 400 of 1,000: nothing else can reach 667 in this slot.
    propose_to(&world, &call, &[0]).await;
    let next = taken_over(&world).await;
    assert_eq!(certified(&next, 1).await, [call.header]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ancestor_that_few_signed_comes_along_with_what_stands_on_it() {
    let world = World::executors().await;
    let call = first(1);
    let child = proposal(vec![entry(&request(2, b"abc"))], Some(&call.header));
    propose_to(&world, &call, &[3]).await;
    // A gateway that skips a round: the child is certified by its own signatures, and speaks for the parent.
    propose_to(&world, &child, &[0, 1]).await;
    let next = taken_over(&world).await;
    assert_eq!(certified(&next, 2).await, [call.header, child.header]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_the_old_gateway_spoilt_needs_a_skip() {
    let mut world = World::executors().await;
    propose_to(&world, &first(1), &[0]).await;
    propose_to(&world, &first(2), &[1, 2]).await;
    let next = taken_over(&world).await;
    world.wish(|wish| matches!(wish, Wish::RequestSkip { lane } if *lane == LANE)).await;
    let caller = next.clone();
    let waiting = tokio::spawn(async move { caller.call(request(3, b"abc")).await });
    world.wish(|wish| matches!(wish, Wish::RequestSkip { lane } if *lane == LANE)).await;
    world.chain.change(|state| state.lane.cursor = u64::from(WINDOW));
    let receipt = waiting.await.unwrap().unwrap();
    assert_eq!(receipt.certified.batch.sequence, u64::from(WINDOW) + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_gateways_proposal_after_the_change_is_refused() {
    let world = World::executors().await;
    let (signed, late) = (first(1), first(2));
    let signature = propose(&world.executor(0), &signed).await.unwrap();
    world.chain.change_gateway();
    assert_eq!(propose(&world.executor(1), &late).await, Err(Refusal::WrongGateway));
    assert_eq!(propose(&world.executor(1), &signed).await, Err(Refusal::WrongGateway), "nor what others have signed");
    assert_eq!(propose(&world.executor(0), &signed).await, Ok(signature), "the same bytes, by whomever they come");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_of_tomorrow_proposes_nothing_today() {
    let world = World::executors().await;
    let early = resign_as(first(1), &NEXT_GATEWAY_KEY);
    assert_eq!(propose(&world.executor(0), &early).await, Err(Refusal::WrongGateway));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_epochs_proposals_for_one_slot_are_nobodys_equivocation() {
    let world = World::executors().await;
    let (old, new) = (first(1), resign_as(first(2), &NEXT_GATEWAY_KEY));
    let executor = world.executor(0);
    propose(&executor, &old).await.unwrap();
    world.chain.change_gateway();
    let refusal = propose(&executor, &new).await;
    assert_eq!(refusal, Err(Refusal::SlotTaken { signed: old.header.hash() }), "the slot is signed once, whoever asks");
    assert!(executor.evidence().unwrap().is_empty(), "each of the two signed one batch");
    propose(&executor, &resign_as(old, &NEXT_GATEWAY_KEY)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_gateway_says_where_to_go() {
    let world = World::start().await;
    // Nobody answers, so this call is still under way when the lane moves.
    let silent: Lie = Arc::new(|_, _| Box::pin(async { Err(PeerError::Timeout) }));
    (0..4).for_each(|index| world.links.lie(index, silent.clone()));
    let gateway = world.gateway();
    let under_way = tokio::spawn(async move { gateway.call(request(1, b"abc")).await });
    world.chain.change_gateway();
    let moved = CallError::Moved { gateway: next_gateway_address() };
    assert_eq!(world.gateway().call(request(2, b"abc")).await.unwrap_err(), moved);
    assert_eq!(under_way.await.unwrap().unwrap_err(), moved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_under_way_ends_with_the_epoch_and_is_finished_in_the_next() {
    let world = World::start().await;
    // Executor 0 alone is asked to sign.
    let unsigned: Lie = Arc::new(|body, honest| {
        let is_proposal = matches!(Call::decode(&body), Ok(Call::Propose(_)));
        Box::pin(async move { if is_proposal { Err(PeerError::Timeout) } else { Ok(honest.await) } })
    });
    (1..4).for_each(|index| world.links.lie(index, unsigned.clone()));
    let gateway = world.gateway();
    let under_way = tokio::spawn(async move { gateway.call(request(1, b"abc")).await });
    let reserved = reserved(&world).await;
    let next = world.start_next_gateway();
    world.chain.change_gateway();
    assert_eq!(under_way.await.unwrap().unwrap_err(), CallError::Moved { gateway: next_gateway_address() });
    (1..4).for_each(|index| world.links.honest(index));
    next.tick().await;
    let receipt = next.call(request(1, b"abc")).await.unwrap();
    assert_eq!(receipt.certified.batch, reserved.header);
}

/// The batch that executor 0 has reserved the first slot for, once it has.
async fn reserved(world: &World) -> SignedHeader {
    let found = async {
        loop {
            if let Some(first) = slots(world, 0, 1).await.unwrap().first() {
                return first.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.expect("the slot is reserved")
}

async fn slots(world: &World, index: usize, epoch: u32) -> Result<Vec<SignedHeader>, Refusal> {
    match world.executor(index).answer(Call::Slots(SlotsCall { lane: LANE, epoch, after: 0 })).await {
        Answer::Slots(slots) => Ok(slots),
        Answer::Refused(refusal) => Err(refusal),
        other => panic!("an answer to another question: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_seen_the_change_does_not_answer_for_it() {
    let world = World::executors().await;
    let ahead = slots(&world, 0, 2).await;
    assert!(matches!(ahead, Err(Refusal::NotReady(_))), "it may still sign for the old gateway: {ahead:?}");
    world.chain.change_gateway();
    assert_eq!(slots(&world, 0, 2).await, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_not_taken_over_on_the_word_of_too_few() {
    let world = World::start().await;
    let receipt = world.gateway().call(request(1, b"abc")).await.unwrap();
    world.kill_gateway();
    // 300 of 1,000 answer, and they might not have signed.
    world.links.silence(0);
    world.links.silence(1);
    let next = taken_over(&world).await;
    let refused = next.call(request(2, b"abc")).await.unwrap_err();
    assert!(matches!(refused, CallError::NotReady(_)), "{refused}");
    world.links.honest(0);
    world.links.honest(1);
    next.tick().await;
    let new = next.call(request(2, b"abc")).await.unwrap();
    assert_eq!(new.certified.batch.parent, receipt.certified.batch.hash());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_invents_is_not_taken_over() {
    let world = World::executors().await;
    let invented = resign_as(first(9), &[0x55; 32]);
    let slot = SignedHeader { header: invented.header.clone(), gateway_signature: invented.gateway_signature };
    let lie: Lie = Arc::new(move |body, honest| {
        let is_asked = matches!(Call::decode(&body), Ok(Call::Slots(_)));
        let answer = Answer::Slots(vec![slot.clone()]).encode();
        Box::pin(async move { if is_asked { Ok(answer.into()) } else { Ok(honest.await) } })
    });
    world.links.lie(1, lie);
    let next = taken_over(&world).await;
    let receipt = next.call(request(1, b"abc")).await.unwrap();
    assert_eq!(receipt.certified.batch.sequence, 1);
    assert_ne!(receipt.certified.batch, invented.header);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_for_a_gateway_whose_bond_is_too_small() {
    let world = World::executors().await;
    let missing = U256::from(5);
    let signed = first(1);
    propose(&world.executor(0), &signed).await.unwrap();
    world.chain.change(|state| state.lane.bond_missing = missing);
    let refused = propose(&world.executor(1), &signed).await;
    assert_eq!(refused, Err(Refusal::BondTooSmall { missing }));
    assert!(propose(&world.executor(0), &signed).await.is_ok(), "what is signed stays signed");
    world.chain.change(|state| state.lane.bond_missing = U256::ZERO);
    assert!(propose(&world.executor(1), &signed).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_posts_what_a_running_skip_would_pass_over() {
    let mut world = World::start().await;
    world.gateway().call(request(1, b"abc")).await.unwrap();
    world.chain.change(|state| state.lane.skip_ends_at = Some(NOW + 1_000));
    world.wish(|wish| matches!(wish, Wish::Post { lane } if *lane == LANE)).await;
    // With time enough the lane goes on meanwhile.
    assert!(world.gateway().call(request(2, b"abc")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_that_a_skip_might_pass_over() {
    let world = World::start().await;
    // Too little is left to certify and post.
    world.chain.change(|state| state.lane.skip_ends_at = Some(NOW + 5));
    let gateway = world.gateway();
    let waiting = tokio::spawn(async move { gateway.call(request(1, b"abc")).await });
    let executed = async {
        while world.program.runs.load(std::sync::atomic::Ordering::SeqCst) < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), executed).await.expect("the executors run it");
    assert_eq!(slots(&world, 0, 1).await, Ok(Vec::new()), "nothing is proposed");
    world.chain.change(|state| {
        state.lane.skip_ends_at = None;
        state.lane.cursor = u64::from(WINDOW);
    });
    assert_eq!(waiting.await.unwrap().unwrap().certified.batch.sequence, u64::from(WINDOW) + 1);
}
