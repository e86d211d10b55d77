//! Lies of a gateway that has the lane's real key, told by a process of its own to a real executor.

use vouch_compute::evidence::Evidence;
use vouch_compute::executor::store::ExecutorStore;
use vouch_compute::machine::LocalFiles;
use vouch_compute::store::{Birth, Identity};
use vouch_compute::wire::Refusal;
use vouch_core::RequestId;
use vouch_testkit::adversary::gateway::{Asked, Lie, Told};

use crate::world::{World, world};

/// Holds 40 of 100 parts of the stake, of which 67 must sign: no call is certified without it.
const LIED_TO: &str = "operator-1";

/// Each lie with the refusal of the proposal that names its requests by ids, and of the one that carries its data.
fn cases() -> [(Lie, Expected, Expected); 6] {
    use Expected::{Is, OfSecond};
    let field = |name: &str| Is(Refusal::WrongHeader(name.to_owned()));
    [
        (Lie::AnotherProgram, Is(Refusal::WrongProgram), Is(Refusal::WrongProgram)),
        (Lie::Reordered, field("exchangesRoot"), field("exchangesRoot")),
        (Lie::Dropped, field("exchangeCount"), field("exchangeCount")),
        // What it has not executed, it does not know by its id.
        (Lie::Invented, Is(Refusal::DataUnknown), OfSecond(Refusal::WrongExchange)),
        (Lie::UnsignedRequest, Is(Refusal::DataUnknown), Is(Refusal::WrongClientSignature)),
        (Lie::BeyondWindow, Expected::BeyondWindow, Expected::BeyondWindow),
    ]
}

enum Expected {
    Is(Refusal),
    /// About the second request of the batch.
    OfSecond(fn(RequestId) -> Refusal),
    BeyondWindow,
}

impl Expected {
    fn check(&self, told: &Told, asked: &Asked) {
        let lie = told.lie;
        assert_eq!(asked.signature, None, "{lie:?} was signed");
        let found = asked.refusal.as_deref().unwrap_or("no answer");
        match self {
            Self::Is(refusal) => assert_eq!(found, refusal.to_string(), "{lie:?}"),
            Self::OfSecond(refusal) => assert_eq!(found, refusal(told.requests[1]).to_string(), "{lie:?}"),
            Self::BeyondWindow => assert!(found.contains("is beyond the window"), "{lie:?}: {found}"),
        }
    }
}

#[tokio::test]
async fn a_gateway_that_claims_another_program_reorders_drops_or_invents_exchanges_is_refused_and_calls_go_on() {
    let mut world = world().await;
    world.publish_another_release().await;
    world.call("genuine").await;
    let mut newest = "genuine".to_owned();
    for (lie, by_ids, whole) in cases() {
        let told = world.lie(LIED_TO, &newest, lie).await;
        by_ids.check(&told, &told.by_ids);
        whole.check(&told, &told.whole);
        println!("{lie:?}: {}", told.whole.refusal.as_deref().unwrap_or_default());
        newest = format!("after {lie:?}");
        world.call(&newest).await;
    }
    let honest = world.lie(LIED_TO, &newest, Lie::Nothing).await;
    assert!(honest.by_ids.signature.is_some(), "without a lie it is signed: {honest:?}");
    assert_eq!(honest.whole, honest.by_ids, "in both forms alike");
    world.cloud.stop_node(LIED_TO).await.unwrap();
    assert_kept(&world);
    world.cloud.stop().await.unwrap();
}

/// What its gateway had signed is kept with the reason: all lies but the one that may be a matter of time.
fn assert_kept(world: &World) {
    let operator = world.key(LIED_TO).public_key().operator_id();
    let (chain_id, registry) = world.deployment();
    let identity = Identity::new("executor", chain_id, registry, operator.into());
    let store =
        ExecutorStore::open(&LocalFiles, &world.store(LIED_TO), &identity, Birth { block: 0, clock: 0 }).unwrap();
    let mut kept: Vec<String> = store.evidence().unwrap().iter().map(refusal).collect();
    kept.sort_unstable();
    kept.dedup();
    let expected = [
        "client did not sign",
        "exchange 0x",
        "exchangeCount is wrong",
        "exchangesRoot is wrong",
        "another app or program",
    ];
    for part in expected {
        assert!(kept.iter().any(|refusal| refusal.contains(part)), "{part}: {kept:#?}");
    }
    assert_eq!(kept.len(), expected.len(), "{kept:#?}");
}

fn refusal(evidence: &Evidence) -> String {
    match evidence {
        Evidence::RefusedProposal { refusal, .. } => refusal.to_string(),
        other => panic!("{other:?}"),
    }
}
