//! Crashes and lost memories: kill -9, deleted stores, old copies put back, damaged files. A slot is never signed twice.

use std::path::Path;
use std::time::Duration;

use vouch_compute::executor::store::{ExecutorStore, SlotRecord};
use vouch_compute::gateway::Wish;
use vouch_compute::lane::chain::Head;
use vouch_compute::lane::slots::Slots;
use vouch_compute::machine::LocalFiles;
use vouch_compute::store::{Birth, Error as StoreError, Identity};
use vouch_compute::wire::{ProposeCall, Refusal, Signer};
use vouch_compute::{executor, gateway};
use vouch_core::Batch;

use crate::world::*;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn first(nonce: u64) -> ProposeCall {
    proposal(vec![entry(&request(nonce, b"abc"))], None)
}

/// A world whose executor 0 ran and was stopped; `signed` was signed by it and certified by all.
async fn stopped_after_signing() -> (World, Batch) {
    let world = World::start().await;
    let receipt = world.gateway().call(request(1, b"abc")).await.unwrap();
    world.kill_executor(0);
    (world, receipt.certified.batch.clone())
}

/// Another batch for the slot of `signed`.
fn rival(signed: &Batch) -> ProposeCall {
    let mut call = first(50);
    call.header.sequence = signed.sequence;
    call.header.parent = signed.parent;
    resign(call)
}

/// Executor 0 with another folder, done asking.
async fn restart_in(world: &World, folder: &str) -> executor::Executor {
    let folder = world.folder.path().join(folder);
    let executor = world.open_executor(0, |config| config.folder = folder).unwrap();
    executor.tick().await;
    executor
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_reserving_and_signing() {
    let world = World::empty();
    world.start_gateway();
    let (reserved, other) = (first(1), first(2));
    let identity = Identity::new("executor", CHAIN_ID, REGISTRY, operator(0).into());
    let store =
        ExecutorStore::open(&LocalFiles, &world.executor_folder(0), &identity, Birth { block: 100, clock: NOW })
            .unwrap();
    let requests = vec![(request(1, b"abc").request.id(), NOW + 300)];
    let record =
        SlotRecord { header: reserved.header.clone(), gateway_signature: reserved.gateway_signature, requests };
    store.reserve(&record, 0).unwrap();
    drop(store);

    for index in 1..4 {
        world.start_executor(index);
    }
    let executor = world.start_executor(0);
    executor.tick().await;
    assert_eq!(propose(&executor, &other).await, Err(Refusal::SlotTaken { signed: reserved.header.hash() }));
    assert!(propose(&executor, &reserved).await.is_ok(), "what was reserved may still be signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_before_peers_were_asked() {
    let world = World::empty();
    let executor = world.start_executor(0);
    assert!(matches!(propose(&executor, &first(1)).await, Err(Refusal::NotReady(_))));
    executor.tick().await;
    let still = propose(&executor, &first(1)).await;
    assert!(matches!(still, Err(Refusal::NotReady(_))), "nobody answered: {still:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_deleted_after_the_key_was_shown_signs_nothing_up_to_the_floor() {
    let (world, signed) = stopped_after_signing().await;
    // In the very block that is final when the new store is made: the clock cannot tell.
    world.chain.change(|state| _ = state.first_shown.insert(Signer::Operator(operator(0)), state.head));
    // The peers are silent about it: the chain alone tells.
    silence(&world);
    let executor = restart_in(&world, "new").await;
    assert!(matches!(propose(&executor, &rival(&signed)).await, Err(Refusal::NotReady(_))), "no later block yet");
    world.chain.change(|state| state.head.timestamp += 1);
    let floor = u64::from(WINDOW);
    assert_eq!(propose(&executor, &rival(&signed)).await, Err(Refusal::BelowFloor { sequence: 1, floor }));
}

/// The endpoint starts from an old copy of the chain, and catches up once the node has made its new store.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_deleted_is_told_by_the_clock_where_the_endpoint_is_behind() {
    let (world, signed) = stopped_after_signing().await;
    silence(&world);
    // By the machine's clock it is now, by the endpoint it is before the key was ever shown.
    let shown = Head { number: 95, timestamp: NOW - 5 };
    world.chain.change(|state| {
        state.first_shown.insert(Signer::Operator(operator(0)), shown);
        state.machine_clock = NOW;
        state.head = LONG_AGO;
    });
    let executor = restart_in(&world, "new").await;
    assert!(matches!(propose(&executor, &rival(&signed)).await, Err(Refusal::NotReady(_))));
    world.chain.change(|state| state.head = Head { number: 100, timestamp: NOW });
    assert!(matches!(propose(&executor, &rival(&signed)).await, Err(Refusal::NotReady(_))), "no later block yet");
    world.chain.change(|state| state.head.timestamp += 1);
    let floor = u64::from(WINDOW);
    assert_eq!(propose(&executor, &rival(&signed)).await, Err(Refusal::BelowFloor { sequence: 1, floor }));
}

/// Executors 1 to 3 say that they hold nothing, and the gateway is gone.
fn silence(world: &World) {
    world.kill_gateway();
    for index in 1..4 {
        world.kill_executor(index);
        let nothing = || Ok(vouch_compute::wire::Answer::Held(Vec::new()).encode().into());
        world.links.lie(index, std::sync::Arc::new(move |_, _| Box::pin(async move { nothing() })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_deleted_is_told_by_what_peers_hold() {
    let (world, signed) = stopped_after_signing().await;
    let executor = restart_in(&world, "new").await;
    world.chain.change(|state| state.head.timestamp += 1);
    let floor = u64::from(WINDOW);
    assert_eq!(propose(&executor, &rival(&signed)).await, Err(Refusal::BelowFloor { sequence: 1, floor }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_put_back_is_told_by_what_peers_hold() {
    let world = World::start().await;
    world.gateway().call(request(1, b"abc")).await.unwrap();
    let old = world.folder.path().join("old");
    copy(&world.executor_folder(0), &old);
    let receipt = world.gateway().call(request(2, b"abc")).await.unwrap();
    let signed = receipt.certified.batch.clone();
    world.kill_executor(0);
    let executor = restart_in(&world, "old").await;
    world.chain.change(|state| state.head.timestamp += 1);
    let mut rival = rival(&signed);
    rival.parent = world.gateway().unposted(LANE, 0).unwrap().unwrap().headers.first().cloned();
    let floor = u64::from(WINDOW);
    assert_eq!(propose(&executor, &rival).await, Err(Refusal::BelowFloor { sequence: 2, floor }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_floor_is_fixed_once_and_the_lane_goes_on_above_it() {
    let (world, signed) = stopped_after_signing().await;
    let executor = restart_in(&world, "new").await;
    world.chain.change(|state| state.head.timestamp += 1);
    assert!(matches!(propose(&executor, &rival(&signed)).await, Err(Refusal::BelowFloor { .. })));
    drop(executor);
    // The lane went on without it; the peers still show what it signed once, which is no new loss.
    world.chain.post(&Batch { sequence: 9, ..signed.clone() });
    let executor = restart_again(&world, "new").await;
    let mut next = first(60);
    next.header.sequence = 10;
    next.header.parent = Batch { sequence: 9, ..signed }.hash();
    assert!(propose(&executor, &resign(next)).await.is_ok());
}

/// As `restart_in`, when the store may still be held for a moment by what the last life left behind.
async fn restart_again(world: &World, folder: &str) -> executor::Executor {
    let folder = world.folder.path().join(folder);
    let opened = async {
        loop {
            match world.open_executor(0, |config| config.folder = folder.clone()) {
                Ok(executor) => return executor,
                Err(executor::Error::Store(StoreError::InUse { .. })) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let executor = tokio::time::timeout(Duration::from_secs(10), opened).await.unwrap();
    executor.tick().await;
    executor
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_word_makes_a_floor() {
    let world = World::empty();
    world.start_gateway();
    for index in 1..4 {
        world.start_executor(index);
    }
    let executor = world.open_executor(0, |config| config.restored = true).unwrap();
    executor.tick().await;
    world.chain.change(|state| state.head.timestamp += 1);
    let floor = u64::from(WINDOW);
    assert_eq!(propose(&executor, &first(1)).await, Err(Refusal::BelowFloor { sequence: 1, floor }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_older_than_its_keys_first_table_has_no_floor() {
    let world = World::empty();
    world.start_gateway();
    let shown = Head { number: 101, timestamp: NOW };
    world.chain.change(|state| _ = state.first_shown.insert(Signer::Operator(operator(0)), shown));
    let executors: Vec<_> = (0..4).map(|index| world.start_executor(index)).collect();
    executors[0].tick().await;
    let early = propose(&executors[0], &first(1)).await;
    assert!(matches!(early, Err(Refusal::NotReady(_))), "no finalized block shows the key: {early:?}");
    world.chain.change(|state| state.head = shown);
    assert!(propose(&executors[0], &first(1)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_forges_is_no_sign_of_a_loss() {
    use vouch_compute::wire::{Answer, Holding};
    let world = World::empty();
    world.start_gateway();
    let forged = Holding { header: first(9).header, signature: vec![7; 64].into() };
    for index in 1..4 {
        let forged = forged.clone();
        world.links.lie(
            index,
            std::sync::Arc::new(move |_, _| {
                let answer = Answer::Held(vec![forged.clone()]).encode();
                Box::pin(async move { Ok(answer.into()) })
            }),
        );
    }
    let executor = world.start_executor(0);
    executor.tick().await;
    assert!(propose(&executor, &first(1)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_executor_store_stops_the_start_by_name() {
    let world = World::empty();
    std::fs::create_dir_all(world.executor_folder(0)).unwrap();
    std::fs::write(world.executor_folder(0).join("slots.redb"), b"not a store, though long enough to look").unwrap();
    let error = world.open_executor(0, |_| {}).err().unwrap();
    assert!(error.to_string().contains("slots.redb"), "{error}");
    assert!(matches!(error, executor::Error::Store(StoreError::Damaged { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_killed_after_reserving_proposes_the_same_bytes_again() {
    let world = World::start().await;
    // Nobody signs, so the slot stays reserved and uncertified.
    (0..4).for_each(|index| {
        world.links.lie(
            index,
            std::sync::Arc::new(|body, honest| {
                let is_proposal =
                    matches!(vouch_compute::wire::Call::decode(&body), Ok(vouch_compute::wire::Call::Propose(_)));
                Box::pin(async move {
                    if is_proposal { Err(vouch_compute::lane::chain::CallError::Timeout) } else { Ok(honest.await) }
                })
            }),
        )
    });
    let gateway = world.gateway();
    let call = tokio::spawn(async move { gateway.call(request(1, b"abc")).await });
    let record = reserved(&world.folder.path().join("gateway"), &world).await;
    call.abort();

    (0..4).for_each(|index| world.links.honest(index));
    let gateway = world.start_gateway_in(&world.folder.path().join("crashed"));
    gateway.tick().await;
    let receipt = gateway.call(request(1, b"abc")).await.unwrap();
    assert_eq!(receipt.certified.batch, record, "byte for byte the batch that was reserved");
}

/// Copies the store until the copy holds the reserved slot: what a crash at that moment leaves.
async fn reserved(folder: &Path, world: &World) -> Batch {
    let crashed = world.folder.path().join("crashed");
    let found = async {
        loop {
            copy(folder, &crashed);
            let opened = gateway::store::GatewayStore::open(
                &LocalFiles,
                &crashed,
                CHAIN_ID,
                REGISTRY,
                gateway_address(),
                Birth { block: 100, clock: NOW },
            );
            if let Ok(Some(record)) = opened.and_then(|store| store.newest_slot(LANE)) {
                return record.header;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.expect("the slot is reserved")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_lost_its_store_asks_for_a_skip_and_goes_on_behind_it() {
    let mut world = World::start().await;
    world.gateway().call(request(1, b"abc")).await.unwrap();
    let gateway = world.start_gateway_in(&world.folder.path().join("empty"));
    gateway.tick().await;
    world.chain.change(|state| state.head.timestamp += 1);
    let waiting = tokio::spawn(async move { gateway.call(request(2, b"abc")).await });
    world.wish(|wish| matches!(wish, Wish::RequestSkip { lane } if *lane == LANE)).await;
    world.chain.change(|state| state.lane.cursor = u64::from(WINDOW));
    let receipt = waiting.await.unwrap().unwrap();
    assert_eq!(receipt.certified.batch.sequence, u64::from(WINDOW) + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_skipped_fails_the_calls_of_its_stuck_batch_and_goes_on() {
    use vouch_compute::gateway::CallError;
    let world = World::start().await;
    (0..4).for_each(|index| {
        world.links.lie(
            index,
            std::sync::Arc::new(|body, honest| {
                let is_proposal =
                    matches!(vouch_compute::wire::Call::decode(&body), Ok(vouch_compute::wire::Call::Propose(_)));
                Box::pin(async move {
                    if is_proposal { Err(vouch_compute::lane::chain::CallError::Timeout) } else { Ok(honest.await) }
                })
            }),
        )
    });
    let gateway = world.gateway();
    let stuck = tokio::spawn(async move { gateway.call(request(1, b"abc")).await });
    reserved(&world.folder.path().join("gateway"), &world).await;
    world.chain.change(|state| state.lane.cursor = u64::from(WINDOW));
    assert_eq!(stuck.await.unwrap().unwrap_err(), CallError::LaneSkipped);
    (0..4).for_each(|index| world.links.honest(index));
    let receipt = world.gateway().call(request(2, b"abc")).await.unwrap();
    assert_eq!(receipt.certified.batch.sequence, u64::from(WINDOW) + 1);
    assert_eq!(world.gateway().call(request(1, b"abc")).await.unwrap_err(), CallError::LaneSkipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_to_be_posted_survives_a_power_loss() {
    let world = World::start().await;
    let receipt = world.gateway().call(request(1, b"abc")).await.unwrap();
    let gateway = world.gateway();
    tokio::task::spawn_blocking(move || gateway.unposted(LANE, 0)).await.unwrap().unwrap().unwrap();
    let crashed = world.folder.path().join("crashed");
    copy(&world.folder.path().join("gateway"), &crashed);
    world.chain.post(&receipt.certified.batch);
    let gateway = world.start_gateway_in(&crashed);
    gateway.tick().await;
    let again = gateway.receipt(request(1, b"abc").request.id()).await.unwrap();
    assert_eq!(again.map(|again| again.certified.batch.clone()), Some(receipt.certified.batch.clone()));
}

/// Everyone goes on from copies of one moment, and says so: nobody is left who remembers what came after.
#[tokio::test(flavor = "multi_thread")]
async fn all_restored_from_old_backups_at_once_sign_no_slot_twice_and_go_on_behind_a_skip() {
    let mut world = World::start().await;
    let kept = world.gateway().call(request(1, b"abc")).await.unwrap().certified.batch.clone();
    for index in 0..4 {
        handed_out(&world, index, &kept).await;
        world.executor(index).tick().await;
    }
    world.gateway().tick().await;
    let backup = |name: &str| world.folder.path().join(format!("{name}-backup"));
    copy(&world.folder.path().join("gateway"), &backup("gateway"));
    (0..4).for_each(|index| copy(&world.executor_folder(index), &backup(&format!("executor-{index}"))));
    let mut forgotten = Vec::new();
    for nonce in 2..=3 {
        forgotten.push(world.gateway().call(request(nonce, b"abc")).await.unwrap().certified.batch.clone());
    }
    world.kill_gateway();
    let folders: Vec<_> = (0..4).map(|index| backup(&format!("executor-{index}"))).collect();
    let gateway_folder = backup("gateway");
    (0..4).for_each(|index| world.kill_executor(index));
    let executors: Vec<_> = (0..4)
        .map(|index| {
            world.start_executor_with(index, |config| {
                config.folder = folders[index].clone();
                config.restored = true;
            })
        })
        .collect();
    let gateway = world.start_gateway_with(GATEWAY_KEY, &gateway_folder, |config| config.restored = true);
    for executor in &executors {
        executor.tick().await;
    }
    gateway.tick().await;
    world.chain.change(|state| state.head.timestamp += 1);

    let floor = u64::from(WINDOW);
    let mut rival = rival(&forgotten[0]);
    rival.parent = Some(kept);
    for executor in &executors {
        assert_eq!(propose(executor, &rival).await, Err(Refusal::BelowFloor { sequence: 2, floor }));
    }
    let caller = gateway.clone();
    let waiting = tokio::spawn(async move { caller.call(request(4, b"abc")).await });
    world.wish(|wish| matches!(wish, Wish::RequestSkip { lane } if *lane == LANE)).await;
    world.chain.change(|state| state.lane.cursor = floor);
    assert_eq!(waiting.await.unwrap().unwrap().certified.batch.sequence, floor + 1);
}

/// Waits until round 3 has reached the executor: then nothing more is written for the batch.
async fn handed_out(world: &World, index: usize, batch: &Batch) {
    use vouch_compute::wire::{Answer, Call};
    let found = async {
        while !matches!(world.executor(index).answer(Call::Batch(batch.hash())).await, Answer::Batch(Some(_))) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.expect("the batch is handed out");
}
