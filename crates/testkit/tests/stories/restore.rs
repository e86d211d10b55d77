//! An executor that loses what it must not forget, and a gateway that asks it for a slot a second time. The gateways are
//! processes that speak the real protocol; what they ask for is a batch like any other, with nothing wrong but its slot.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use vouch_compute::wire::{Answer, Call, Refusal, Signer};
use vouch_core::certificate;
use vouch_testkit::adversary::gateway::{Asked, Lie, Told};

use crate::world::{World, wait_for, world};

/// 80 of 100 parts of the stake are left without it; 67 are needed.
const VICTIM: &str = "operator-3";
const SIGKILL: i32 = 9;

#[tokio::test]
async fn an_executor_killed_between_reserving_and_signing_signs_what_it_reserved_and_nothing_else() {
    let world = world().await;
    let _gateway = world.hold_posts().await;
    world.call("first").await;
    world.cloud.stop_node(VICTIM).await.unwrap();
    let mut dying = world.start_liar(VICTIM, "die-before-signing").await;
    let reserved = world.lie(VICTIM, "first", Lie::Nothing).await;
    assert_eq!(answer(&reserved.by_ids), None, "it died before it could answer");
    assert_eq!(dying.wait().await.unwrap().signal(), Some(SIGKILL));
    let proposal = world.folder.path().join("reserved");
    std::fs::rename(world.proposal_file(), &proposal).unwrap();

    let _node = world.cloud.restart_node(VICTIM).await.unwrap();
    let other = world.lie(VICTIM, "first", Lie::Nothing).await;
    let taken = Refusal::SlotTaken { signed: reserved.whole.batch_hash }.to_string();
    for asked in [&other.by_ids, &other.whole] {
        assert_eq!(answer(asked), Some(Err(taken.as_str())), "another batch for the slot");
    }
    let batch = &reserved.whole.batch;
    let digest = certificate::digest(batch.reference_timestamp, reserved.whole.batch_hash);
    let signature = world.key(VICTIM).sign(digest).to_bytes();
    for time in ["the first", "the second"] {
        let again = world.repeat(VICTIM, &proposal).await;
        assert_eq!(again.signature, Some(signature.into()), "{time} time: {again:?}");
    }
    world.cloud.stop().await.unwrap();
}

/// Its signature, or its refusal; none if it did not answer.
fn answer(asked: &Asked) -> Option<Result<&[u8], &str>> {
    let signed = asked.signature.as_ref().map(|signature| Ok(signature.as_ref()));
    signed.or(asked.refusal.as_deref().map(Err))
}

#[tokio::test]
async fn an_executor_whose_store_was_deleted_or_put_back_from_an_old_copy_signs_no_slot_a_second_time() {
    let world = world().await;
    let _gateway = world.hold_posts().await;
    world.call("first").await;
    world.cloud.stop_node(VICTIM).await.unwrap();
    let (store, old) = (world.store(VICTIM), world.folder.path().join("old"));
    copy(&store, &old);

    let mut node = world.cloud.restart_node(VICTIM).await.unwrap();
    world.call("second").await;
    wait_for("its signature of the second batch", async || held(&world, 2).await).await;
    assert_second_refused(&world, "already signed").await;

    for (name, sign) in [("an old copy put back", "PeerHoldsNewer"), ("deleted", "StoreIsYounger")] {
        node.kill().await.unwrap();
        std::fs::remove_dir_all(&store).unwrap();
        if name == "an old copy put back" {
            copy(&old, &store);
        }
        node = world.cloud.restart_node(VICTIM).await.unwrap();
        assert_second_refused(&world, "at or below the floor").await;
        let log = world.log(&format!("{VICTIM}-again"));
        assert!(log.contains(sign), "{name}: {log}");
        world.call(&format!("after it was {name}")).await;
    }
    world.cloud.stop().await.unwrap();
}

/// Asks for another batch in the slot of the second one, which the executor has signed.
async fn assert_second_refused(world: &World, why: &str) {
    let Told { by_ids, whole, .. } = world.lie(VICTIM, "first", Lie::Nothing).await;
    for asked in [by_ids, whole] {
        assert_eq!(asked.batch.sequence, 2);
        assert_eq!(asked.signature, None, "it signed twice for one slot");
        let refusal = asked.refusal.unwrap_or_default();
        assert!(refusal.contains(why), "{refusal}");
    }
}

/// Whether the gateway holds the victim's signature of a batch of this sequence.
async fn held(world: &World, sequence: u64) -> bool {
    let operator = world.key(VICTIM).public_key().operator_id();
    let url = format!("{}/v1/gateway", world.cloud.description.gateway);
    let body = Call::Held(Signer::Operator(operator)).encode();
    let answer = reqwest::Client::new().post(url).body(body).send().await.unwrap().bytes().await.unwrap();
    let Answer::Held(holdings) = Answer::decode(&answer).unwrap() else { panic!("another answer") };
    holdings.iter().any(|holding| holding.header.sequence == sequence)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
