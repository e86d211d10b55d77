//! Lies of an operator, told by a process of its own to a real gateway: with an honest threshold they change nothing,
//! without one the call fails and names who said what.

use tokio::process::Child;

use crate::world::{World, world};

/// 80 of 100 parts of the stake are left without it; 67 are needed.
const DISPENSABLE: &str = "operator-3";
/// 60 of 100 parts are left.
const NEEDED: &str = "operator-1";
/// Each lie with what a caller is told of whoever tells it.
const LIES: [(&str, &str); 3] = [
    ("wrong-output", "answered 0x"),
    ("another-batch", "sent what is not its signature of the batch"),
    ("no-signature", "sent what is not its signature of the batch"),
];

#[tokio::test]
async fn a_wrong_output_and_a_wrong_signature_are_outvoted_or_else_fail_the_call_and_name_who_gave_them() {
    let world = world().await;
    world.call("before").await;
    let _honest = outvoted(&world).await;
    told_by_name(&world).await;
    world.cloud.stop().await.unwrap();
}

/// Returns the honest node that takes the liar's place afterwards.
async fn outvoted(world: &World) -> Child {
    world.cloud.stop_node(DISPENSABLE).await.unwrap();
    for (lie, _) in LIES {
        let mut liar = world.start_liar(DISPENSABLE, lie).await;
        // The call itself says that the output is the right one.
        world.call(lie).await;
        assert_eq!(world.verify(lie, &[]).await.0, Some(0), "{lie}");
        println!("{lie}: outvoted");
        liar.kill().await.unwrap();
    }
    world.cloud.restart_node(DISPENSABLE).await.unwrap()
}

/// Every failed call is followed by an honest one: what the liar has left undone is done then.
async fn told_by_name(world: &World) {
    world.cloud.stop_node(NEEDED).await.unwrap();
    for (lie, said) in LIES {
        let mut liar = world.start_liar(NEEDED, lie).await;
        let answered = world.call_in_vain(lie).await;
        let statement = &answered[&world.address(NEEDED)];
        assert!(statement.starts_with(said), "{lie}: {answered:#?}");
        println!("{lie}: {statement}");
        let alone = answered.values().filter(|other| *other == statement).count();
        assert_eq!((answered.len(), alone), (4, 1), "{lie}: {answered:#?}");
        liar.kill().await.unwrap();
        let mut honest = world.cloud.restart_node(NEEDED).await.unwrap();
        world.call(&format!("after {lie}")).await;
        honest.kill().await.unwrap();
    }
}
