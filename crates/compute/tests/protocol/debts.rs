//! A gateway that does not know what clients owe: its store was lost, or the lane came from another gateway.

use std::sync::Arc;

use alloy_primitives::{Address, U256};
use vouch_compute::executor::Executor;
use vouch_compute::fees::Price;
use vouch_compute::fees::debts::{Debt, OwedAnswer, OwedCall, OwedList, OwedQuestion};
use vouch_compute::gateway::{CallError, Gateway, Wish};
use vouch_compute::wire::{Answer, Call, Refusal, SignedRequest};
use vouch_core::{Batch, BatchHash, ecdsa};

use crate::world::*;

const FEE: u64 = 10;

fn units(number: u64) -> U256 {
    U256::from(number)
}

fn client() -> Address {
    ecdsa::address(&CLIENT_KEY).unwrap()
}

/// The `nonce`th call of a client that has signed for exactly that many.
fn paid(nonce: u64) -> SignedRequest {
    let plain = request(nonce, b"abc");
    sign(vouch_core::Request { max_fee: units(nonce * FEE), ..plain.request }, &plain.payload)
}

/// A world in which three calls were charged and posted, and nothing is settled; its gateway is gone.
async fn charged() -> (World, Batch) {
    let world = World::start().await;
    world.chain.change(|state| {
        state.price = Some(Price { per_call: 7, per_page: 3 });
        state.deposit.balance = units(1_000);
    });
    let mut last = None;
    for nonce in 1..=3 {
        last = Some(world.gateway().call(paid(nonce)).await.unwrap().certified.batch.clone());
    }
    let last = last.unwrap();
    world.chain.post(&last);
    world.kill_gateway();
    (world, last)
}

/// The lane's gateway with nothing in its store, behind the skip that a lost store needs.
async fn restarted(world: &mut World) -> Gateway {
    let gateway = world.start_gateway_in(&world.folder.path().join("empty"));
    gateway.tick().await;
    // Its floor is fixed by the first block after the loss.
    world.chain.change(|state| state.head.timestamp += 1);
    let caller = gateway.clone();
    // Nothing can be charged before the skip, whatever is called.
    let waiting = tokio::spawn(async move { caller.call(paid(100)).await });
    world.wish(|wish| matches!(wish, Wish::RequestSkip { lane } if *lane == LANE)).await;
    waiting.abort();
    world.chain.change(|state| state.lane.cursor += u64::from(WINDOW));
    gateway
}

async fn owed(gateway: &Gateway) -> U256 {
    gateway.standing(APP, client()).await.unwrap().standing.owed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_lost_its_store_goes_on_charging_right() {
    let (mut world, _) = charged().await;
    let gateway = restarted(&mut world).await;
    // What is under way counts too: the call that found no slot is answered behind the skip.
    assert_eq!(gateway.call(paid(100)).await.unwrap().certified.batch.parent, world_tip(&world));
    assert_eq!(owed(&gateway).await, units(40));
    gateway.call(paid(5)).await.unwrap();
    assert_eq!(owed(&gateway).await, units(50));
}

fn world_tip(world: &World) -> BatchHash {
    use vouch_compute::lane::chain::ChainView;
    world.chain.lane(LANE).unwrap().tip
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_learns_what_it_owes_before_it_signs_for_more() {
    let (world, _) = charged().await;
    let gateway = world.start_gateway_in(&world.folder.path().join("empty"));
    gateway.tick().await;
    assert_eq!(owed(&gateway).await, units(30));
    let short = Refusal::MaxFeeTooLow { offered: units(30), needed: units(40) };
    let refused = gateway.call(sign(vouch_core::Request { max_fee: units(30), ..request(9, b"abc").request }, b"abc"));
    assert_eq!(refused.await.unwrap_err(), CallError::Refused(short));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_gateway_charges_on_from_what_was_posted() {
    let (world, last) = charged().await;
    let next = world.start_next_gateway();
    world.chain.change_gateway();
    next.tick().await;
    assert_eq!(owed(&next).await, units(30));
    let receipt = next.call(paid(4)).await.unwrap();
    assert_eq!(receipt.certified.batch.parent, last.hash());
    assert_eq!(owed(&next).await, units(40));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_gateway_charges_on_from_what_it_takes_over() {
    let world = World::start().await;
    world.chain.change(|state| {
        state.price = Some(Price { per_call: 7, per_page: 3 });
        state.deposit.balance = units(1_000);
    });
    let posted = world.gateway().call(paid(1)).await.unwrap().certified.batch.clone();
    world.chain.post(&posted);
    world.gateway().call(paid(2)).await.unwrap();
    world.kill_gateway();
    // One that has the right data and the wrong debts does not keep the batch from being charged.
    world.links.lie(0, wrong_debts());
    let next = world.start_next_gateway();
    world.chain.change_gateway();
    next.tick().await;
    world.links.honest(0);
    next.call(paid(3)).await.unwrap();
    assert_eq!(owed(&next).await, units(30));
}

fn wrong_debts() -> Lie {
    Arc::new(|_, honest| {
        Box::pin(async move {
            let answer = honest.await;
            match Answer::decode(&answer) {
                Ok(Answer::Data(Some(mut content))) => {
                    content.owed = vec![units(1)];
                    Ok(Answer::Data(Some(content)).encode().into())
                }
                _ => Ok(answer),
            }
        })
    })
}

/// Says that every client owes this.
fn invents(index: usize, debt: Debt) -> Lie {
    Arc::new(move |body, honest| {
        let answer = match Call::decode(&body) {
            Ok(Call::Owed(call)) => {
                let debts = vec![debt; call.question.clients.len()];
                let list = OwedList { operator: operator(index), question: call.question.digest(), debts };
                Some(OwedAnswer::new(list, &account_key(index)).unwrap())
            }
            _ => None,
        };
        Box::pin(async move {
            match answer {
                Some(answer) => Ok(Answer::Owed(Box::new(answer)).encode().into()),
                None => Ok(honest.await),
            }
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_lies_about_debts_changes_nothing() {
    let lies = [(0, true), (1_000, true), (1_000, false), (0, false)];
    for (total, exact) in lies {
        let (world, _) = charged().await;
        let next = world.start_next_gateway();
        world.chain.change_gateway();
        next.tick().await;
        // 300 of 1,000: less than a threshold can do without.
        world.links.lie(1, invents(1, Debt { total: units(total), exact }));
        assert_eq!(owed(&next).await, units(30), "{total} {exact}");
        next.call(paid(4)).await.unwrap();
        assert_eq!(owed(&next).await, units(40), "{total} {exact}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_charged_on_the_word_of_too_few() {
    let (world, _) = charged().await;
    let next = world.start_next_gateway();
    world.chain.change_gateway();
    next.tick().await;
    world.links.silence(0);
    let unknown = CallError::NotReady("too few executors say what the client owes");
    assert_eq!(next.standing(APP, client()).await.unwrap_err(), unknown);
    world.links.honest(0);
    assert_eq!(owed(&next).await, units(30));
}

/// An answer under another's key is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_in_anothers_name() {
    let (world, _) = charged().await;
    let next = world.start_next_gateway();
    world.chain.change_gateway();
    next.tick().await;
    // Two with 700 of 1,000, each in the name of the other: would they count, a threshold would have spoken.
    let lie = Debt { total: units(1_000), exact: true };
    world.links.lie(0, invents(1, lie));
    world.links.lie(1, invents(0, lie));
    let unknown = CallError::NotReady("too few executors say what the client owes");
    assert_eq!(next.standing(APP, client()).await.unwrap_err(), unknown, "300 of 1,000 are left");
}

/// Executors that missed the batches know no number; then a liar's is believed once, until it does not sign it.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_sign_what_it_said_is_not_asked_again() {
    believed_once(contradicts(0, Debt { total: units(500), exact: true })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_spoils_what_it_said_with_garbage_is_not_asked_again() {
    believed_once(spoils(0, Debt { total: units(500), exact: true })).await;
}

async fn believed_once(lie: Lie) {
    let (mut world, _) = charged().await;
    // Only executor 0 still knows; the others' books begin anew. Executor 3 lies, and refuses to sign its own number.
    for index in [1, 2, 3] {
        world.kill_executor(index);
        let folder = world.folder.path().join(format!("anew-{index}"));
        world.start_executor_with(index, |config| config.folder = folder).tick().await;
    }
    for index in [1, 2, 3] {
        world.executor(index).tick().await;
    }
    world.chain.change(|state| state.head.timestamp += 1);
    for index in [1, 2, 3] {
        // Their floors are fixed, so that they can sign behind the skip.
        world.executor(index).tick().await;
    }
    world.chain.change(|state| state.lane.cursor += u64::from(WINDOW));
    let next = world.start_next_gateway();
    world.chain.change_gateway();
    next.tick().await;
    // Executor 0 alone has counted everything, and cannot be reached while debts are asked for.
    let deaf: Lie = Arc::new(|body, honest| {
        let asked = matches!(Call::decode(&body), Ok(Call::Owed(_)));
        Box::pin(
            async move { if asked { Err(vouch_compute::lane::chain::CallError::Timeout) } else { Ok(honest.await) } },
        )
    });
    world.links.lie(0, deaf);
    assert!(next.standing(APP, client()).await.is_err(), "600 of 1,000 do not make a threshold");
    world.links.lie(0, lie);
    let caller = next.clone();
    let waiting = tokio::spawn(async move { caller.call(paid(60)).await });
    world.wish(|wish| matches!(wish, Wish::RequestSkip { lane } if *lane == LANE)).await;
    waiting.abort();
    world.chain.change(|state| state.lane.cursor += u64::from(WINDOW));
    // It is asked no more, and 600 of 1,000 are too few without it.
    assert!(next.standing(APP, client()).await.is_err());
}

/// Says one number, and refuses to sign it.
fn contradicts(index: usize, debt: Debt) -> Lie {
    let invents = invents(index, debt);
    Arc::new(move |body, honest| match Call::decode(&body) {
        Ok(Call::Propose(_)) => {
            let refusal = Refusal::WrongOwed { client: client(), stated: debt.total, known: U256::ZERO };
            let answer = Answer::Refused(refusal).encode();
            Box::pin(async move { Ok(answer.into()) })
        }
        _ => invents(body, honest),
    })
}

/// Says one number, and sends something else than its signature of the batch that states it.
fn spoils(index: usize, debt: Debt) -> Lie {
    let invents = invents(index, debt);
    Arc::new(move |body, honest| match Call::decode(&body) {
        Ok(Call::Propose(_)) => {
            let garbage = bls_key(7).sign(alloy_primitives::B256::repeat_byte(7)).to_bytes();
            Box::pin(async move { Ok(Answer::Signature(garbage.into()).encode().into()) })
        }
        _ => invents(body, honest),
    })
}

fn question(parent: &Batch) -> OwedQuestion {
    OwedQuestion {
        chain_id: CHAIN_ID,
        registry: REGISTRY,
        lane: LANE,
        sequence: parent.sequence + 1,
        parent: parent.hash(),
        parent_header: Some(parent.clone()),
        clients: vec![client()],
    }
}

async fn ask(executor: &Executor, question: &OwedQuestion, key: &[u8; 32]) -> Result<Vec<Debt>, Refusal> {
    let call = OwedCall::new(question.clone(), key).unwrap();
    match executor.answer(Call::Owed(Box::new(call))).await {
        Answer::Owed(answer) => Ok(answer.list.debts),
        Answer::Refused(refusal) => Err(refusal),
        other => panic!("an answer to another question: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_tells_debts_to_its_lanes_gateway_alone_and_only_where_a_batch_can_stand() {
    let (world, last) = charged().await;
    let executor = world.executor(0);
    let asked = question(&last);
    let exact = vec![Debt { total: units(30), exact: true }];
    assert_eq!(ask(&executor, &asked, &GATEWAY_KEY).await, Ok(exact));
    for key in [&NEXT_GATEWAY_KEY, &CLIENT_KEY, &account_key(1)] {
        assert_eq!(ask(&executor, &asked, key).await, Err(Refusal::WrongGateway));
    }
    let elsewhere = OwedQuestion { chain_id: CHAIN_ID + 1, ..asked.clone() };
    assert_eq!(ask(&executor, &elsewhere, &GATEWAY_KEY).await, Err(Refusal::WrongGateway));
    let other = OwedQuestion { parent: BatchHash::ZERO, ..asked.clone() };
    assert_eq!(ask(&executor, &other, &GATEWAY_KEY).await, Err(Refusal::WrongParent));
    let far = OwedQuestion { sequence: last.sequence + 2, ..asked.clone() };
    assert_eq!(ask(&executor, &far, &GATEWAY_KEY).await, Err(Refusal::WrongParent));
    let past = OwedQuestion { sequence: last.sequence, ..asked };
    let cursor = last.sequence;
    assert_eq!(ask(&executor, &past, &GATEWAY_KEY).await, Err(Refusal::AtOrBelowCursor { sequence: cursor, cursor }));
}
