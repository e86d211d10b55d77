//! Operators in a gateway's place: they finish what it left, whoever does it and how often, and can add nothing.

use std::time::Duration;

use vouch_compute::executor::Executor;
use vouch_compute::lane::PostWork;
use vouch_compute::wire::Refusal;
use vouch_core::Batch;

use crate::world::*;

fn is_certified(work: &PostWork, headers: &[Batch]) -> bool {
    let last = headers.last().unwrap();
    work.headers == headers
        && work.certificate.reaches(6_667)
        && work.certificate.certificate().message_hash == last.hash()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_operator_finishes_what_a_dead_gateway_proposed_to_one() {
    let world = World::executors().await;
    let call = first(1);
    propose(&world.executor(3), &call).await.unwrap();
    // Not the one who was asked, and then another: the same bytes, however often.
    for index in [0, 2, 3] {
        let work = world.executor(index).aggregate(LANE, 0).await.unwrap();
        assert!(is_certified(&work, std::slice::from_ref(&call.header)), "executor {index}");
    }
    assert!((0..4).all(|index| world.executor(index).evidence().unwrap().is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_batches_is_finished_in_order() {
    let world = World::executors().await;
    let call = first(1);
    let child = proposal(vec![entry(&request(2, b"abc"))], Some(&call.header));
    for proposed in [&call, &child] {
        for index in [0, 1] {
            propose(&world.executor(index), proposed).await.unwrap();
        }
    }
    let work = world.executor(3).aggregate(LANE, 0).await.unwrap();
    assert!(is_certified(&work, &[call.header.clone(), child.header.clone()]));
    let rest = world.executor(3).aggregate(LANE, 1).await.unwrap();
    assert!(is_certified(&rest, &[child.header]), "what another has posted meanwhile is left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_the_gateway_handed_out_is_enough() {
    let world = World::start().await;
    let batch = world.gateway().call(request(1, b"abc")).await.unwrap().certified.batch.clone();
    world.kill_gateway();
    let executor = world.executor(1);
    // Round 3 goes on behind the answer to the caller.
    aggregated(&executor).await;
    [0, 2, 3].into_iter().for_each(|index| world.links.silence(index));
    let work = executor.aggregate(LANE, 0).await.unwrap();
    assert!(is_certified(&work, &[batch]));
}

async fn aggregated(executor: &Executor) -> PostWork {
    let found = async {
        loop {
            match executor.aggregate(LANE, 0).await {
                Some(work) => return work,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.expect("the batch is certified")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_batches_for_one_slot_never_both_get_a_certificate() {
    let world = World::executors().await;
    // An equivocating gateway leaves the lane in halves.
    for index in [0, 3] {
        propose(&world.executor(index), &first(1)).await.unwrap();
    }
    for index in [1, 2] {
        propose(&world.executor(index), &first(2)).await.unwrap();
    }
    for index in 0..4 {
        assert!(world.executor(index).aggregate(LANE, 0).await.is_none(), "executor {index}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregator_that_proposes_other_bytes_is_refused() {
    let world = World::executors().await;
    let honest = first(1);
    let mut other = first(2);
    other.gateway_signature = honest.gateway_signature;
    let operators = resign_as(first(2), &account_key(0));
    for forged in [other, operators] {
        assert_eq!(propose(&world.executor(1), &forged).await, Err(Refusal::WrongGateway));
    }
    assert!(world.executor(1).evidence().unwrap().is_empty(), "nobody can be framed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_counts_as_stuck_when_it_stands_still_although_batches_wait() {
    let world = World::empty();
    let configure = |config: &mut vouch_compute::executor::Config| config.aggregate_after = Duration::from_secs(60);
    let executors: Vec<_> = (0..4).map(|index| world.start_executor_with(index, configure)).collect();
    for executor in &executors {
        executor.tick().await;
    }
    let due = |after: u64| {
        world.chain.change(|state| state.head.timestamp = NOW + after);
        (0..4).filter(|index| !executors[*index].stuck_lanes(APP).is_empty()).collect::<Vec<usize>>()
    };
    assert!(due(0).is_empty());
    assert!(due(10_000).is_empty(), "an idle lane is not stuck");
    let call = first(1);
    for executor in &executors {
        let mut current = call.clone();
        world.chain.change(|state| state.head.timestamp = NOW);
        current.parent = None;
        propose(executor, &current).await.unwrap();
    }
    assert!(due(10_000).is_empty(), "the clock starts with what waits");
    assert!(due(10_059).is_empty());
    assert_eq!(due(10_060), [0], "one at a time");
    assert!(due(10_061).is_empty());
    assert_eq!(due(10_120), [0, 1]);
    // A cursor that moves starts the clock anew, and the turns with another operator.
    world.chain.change(|state| state.lane.cursor = 1);
    assert!(due(20_000).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_skip_makes_operators_hurry() {
    let world = World::empty();
    let configure = |config: &mut vouch_compute::executor::Config| config.aggregate_after = Duration::from_secs(60);
    let executor = world.start_executor_with(0, configure);
    for index in 1..4 {
        world.start_executor(index);
    }
    executor.tick().await;
    propose(&executor, &first(1)).await.unwrap();
    assert!(executor.stuck_lanes(APP).is_empty());
    world.chain.change(|state| {
        state.lane.skip_ends_at = Some(NOW + 60);
        state.head.timestamp = NOW + 15;
    });
    assert_eq!(executor.stuck_lanes(APP), [LANE]);
}
