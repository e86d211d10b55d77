//! Fees end to end in one process: who is let in, what a batch charges, and what a gateway may not charge.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use alloy_primitives::{B256, U256};
use tokio::sync::Barrier;
use vouch_compute::executor::Executor;
use vouch_compute::fees::Price;
use vouch_compute::gateway::CallError;
use vouch_compute::wire::{Call, ProposeCall, Refusal, SignedRequest};
use vouch_core::{Batch, Charge, ecdsa};

use crate::world::*;

const PRICE: Price = Price { per_call: 7, per_page: 3 };
/// What a call with a short payload costs.
const FEE: u64 = 10;

fn units(number: u64) -> U256 {
    U256::from(number)
}

fn signing(nonce: u64, max_fee: u64) -> SignedRequest {
    let plain = request(nonce, format!("call {nonce}").as_bytes());
    sign(vouch_core::Request { max_fee: units(max_fee), ..plain.request }, &plain.payload)
}

fn charge(world: &World, balance: u64) {
    world.chain.change(|state| {
        state.price = Some(PRICE);
        state.deposit.balance = units(balance);
    });
}

/// The charges of requests of the one client that owed `before`.
fn charges(requests: &[SignedRequest], before: u64) -> Vec<Charge> {
    let totals = (1..).map(|count| units(before + count * FEE));
    let charge = |(signed, total): (&SignedRequest, U256)| Charge {
        request_id: signed.request.id(),
        client: signed.request.client,
        fee: units(FEE),
        total,
    };
    requests.iter().zip(totals).map(charge).collect()
}

/// A proposal that charges as it should, for clients that owed `before`.
fn charged(requests: &[SignedRequest], parent: Option<&Batch>, before: u64) -> ProposeCall {
    let mut call = proposal(requests.iter().map(entry).collect(), parent);
    call.header.fees_root = Charge::root(&charges(requests, before));
    call.owed = vec![units(before)];
    resign(call)
}

async fn priced(balance: u64) -> (World, Executor) {
    let world = World::empty();
    charge(&world, balance);
    world.start_gateway();
    let executors: Vec<_> = (0..4).map(|index| world.start_executor(index)).collect();
    executors[0].tick().await;
    (world, executors[0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_charged_one_after_the_other_and_the_charges_can_be_settled() {
    let world = World::start().await;
    charge(&world, 100);
    for nonce in 1..=3 {
        let receipt = world.gateway().call(signing(nonce, nonce * FEE)).await.unwrap();
        assert!(!receipt.certified.batch.fees_root.is_zero());
    }
    let client = ecdsa::address(&CLIENT_KEY).unwrap();
    let standing = world.gateway().standing(APP, client).await.unwrap();
    assert_eq!((standing.standing.owed, standing.standing.unpaid), (units(30), units(30)));

    let due = world.gateway().due_charges(LANE, u64::MAX).unwrap();
    assert_eq!(due.len(), 1, "one proof pays for all of a client's calls");
    assert_eq!(due[0].charge.total, units(30));
    let (leaf, root) = (due[0].charge.leaf(), due[0].header.fees_root);
    let count = due[0].header.exchange_count as usize;
    assert!(vouch_core::merkle::verify(&due[0].proof, root, leaf, due[0].index as usize, count));
    world.chain.change(|state| state.deposit.settled = [(1, units(30))].into());
    assert!(world.gateway().due_charges(LANE, u64::MAX).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_its_client_has_not_signed_for_is_refused() {
    let world = World::start().await;
    charge(&world, 100);
    world.gateway().call(signing(1, FEE)).await.unwrap();
    let client = ecdsa::address(&CLIENT_KEY).unwrap();
    assert_eq!(world.gateway().standing(APP, client).await.unwrap().standing.owed, units(FEE));
    let refused = world.gateway().call(signing(2, 2 * FEE - 1)).await;
    let expected = Refusal::MaxFeeTooLow { offered: units(2 * FEE - 1), needed: units(2 * FEE) };
    assert_eq!(refused.unwrap_err(), CallError::Refused(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_funds_is_refused_before_anything_runs() {
    let world = World::start().await;
    charge(&world, FEE - 1);
    let expected = Refusal::FundsTooLow { available: units(FEE - 1), needed: units(FEE) };
    let refused = world.gateway().call(signing(1, 1_000)).await;
    assert_eq!(refused.unwrap_err(), CallError::Refused(expected.clone()));
    assert_eq!(world.program.runs.load(Ordering::SeqCst), 0);
    // A gateway that lets it in all the same finds no executor that runs it.
    assert_eq!(execute(&world.executor(0), vec![signing(1, 1_000)]).await, [Err(expected)]);
    assert_eq!(world.program.runs.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_withdraws_calls_no_more() {
    let world = World::start().await;
    charge(&world, 100);
    world.chain.change(|state| state.deposit.withdrawing = units(95));
    let expected = Refusal::FundsTooLow { available: units(5), needed: units(FEE) };
    assert_eq!(execute(&world.executor(0), vec![signing(1, 1_000)]).await, [Err(expected.clone())]);
    assert_eq!(world.gateway().call(signing(1, 1_000)).await.unwrap_err(), CallError::Refused(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_are_paid_for_together() {
    let world = World::start().await;
    charge(&world, 2 * FEE);
    let gateway = world.gateway();
    let outcomes = futures::future::join_all((1..=6).map(|nonce| gateway.call(signing(nonce, 1_000)))).await;
    let answered = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(answered, 2);
    let refused = |error: &CallError| matches!(error, CallError::Refused(Refusal::FundsTooLow { .. }));
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(refused), "{outcomes:?}");
}

/// Answers honestly; the client's deposit is gone when all four have.
fn spends_meanwhile(chain: &Arc<FakeChain>, all: &Arc<Barrier>) -> Lie {
    let (chain, all) = (Arc::clone(chain), Arc::clone(all));
    Arc::new(move |body, honest| {
        let (chain, all) = (Arc::clone(&chain), Arc::clone(&all));
        Box::pin(async move {
            let answer = honest.await;
            if matches!(Call::decode(&body), Ok(Call::Execute(_))) {
                all.wait().await;
                chain.change(|state| state.deposit.balance = U256::ZERO);
                all.wait().await;
            }
            Ok(answer)
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_which_nothing_is_paid_any_more_is_not_proposed() {
    let world = World::start().await;
    charge(&world, 100);
    let all = Arc::new(Barrier::new(4));
    (0..4).for_each(|index| world.links.lie(index, spends_meanwhile(&world.chain, &all)));
    let refused = world.gateway().call(signing(1, FEE)).await;
    let expected = Refusal::FundsTooLow { available: U256::ZERO, needed: units(FEE) };
    assert_eq!(refused.unwrap_err(), CallError::Refused(expected));
    (0..4).for_each(|index| world.links.honest(index));
    charge(&world, 100);
    let receipt = world.gateway().call(signing(2, FEE)).await.unwrap();
    assert_eq!(receipt.certified.batch.sequence, 1, "no slot was used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_app_asks_for_nothing() {
    let world = World::start().await;
    world.chain.change(|state| state.price = Some(Price::default()));
    let receipt = world.gateway().call(signing(1, 0)).await.unwrap();
    assert!(receipt.certified.batch.fees_root.is_zero());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_signs_what_the_price_makes_of_its_own_results() {
    let (_world, executor) = priced(100).await;
    let first = charged(&[signing(1, 10), signing(2, 20)], None, 0);
    assert!(propose(&executor, &first).await.is_ok());
    let second = charged(&[signing(3, 30)], Some(&first.header), 20);
    assert!(propose(&executor, &second).await.is_ok());
}

/// Each is refused, and an honest proposal for the same slot is signed after it.
async fn refused(lie: impl FnOnce(&mut ProposeCall, &[SignedRequest]), expected: Refusal) {
    let (_world, executor) = priced(100).await;
    let requests = [signing(1, 10), signing(2, 20)];
    let honest = charged(&requests, None, 0);
    let mut call = honest.clone();
    lie(&mut call, &requests);
    assert_eq!(propose(&executor, &resign(call)).await, Err(expected));
    assert!(propose(&executor, &honest).await.is_ok());
}

fn wrong_root() -> Refusal {
    Refusal::WrongHeader("feesRoot".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_charges_neither_more_nor_less_nor_nothing() {
    let with = |change: fn(&mut Vec<Charge>)| {
        move |call: &mut ProposeCall, requests: &[SignedRequest]| {
            let mut charges = charges(requests, 0);
            change(&mut charges);
            call.header.fees_root = Charge::root(&charges);
        }
    };
    refused(with(|charges| charges[0].fee += U256::ONE), wrong_root()).await;
    refused(with(|charges| charges[1].total += U256::ONE), wrong_root()).await;
    refused(with(|charges| charges[1].total -= U256::ONE), wrong_root()).await;
    refused(with(|charges| charges[1].client = gateway_address()), wrong_root()).await;
    refused(|call, _| call.header.fees_root = B256::ZERO, wrong_root()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_not_answered_is_not_charged() {
    let with_another = |call: &mut ProposeCall, requests: &[SignedRequest]| {
        let all = [requests, &[signing(3, 30)]].concat();
        call.header.fees_root = Charge::root(&charges(&all, 0));
    };
    refused(with_another, wrong_root()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn debts_of_nobody_in_the_batch_are_refused() {
    refused(|call, _| call.owed.push(units(9)), wrong_root()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_parent_does_not_make_a_missed_batch_free() {
    let (world, executor) = priced(100).await;
    let tip = vouch_core::BatchHash(B256::repeat_byte(9));
    world.chain.change(|state| {
        state.priced_since = 1;
        (state.lane.cursor, state.lane.tip, state.lane.tip_sequence) = (1, tip, 1);
    });
    // The executor has not seen the batch at the tip, which may have charged; the gateway shows it another, from before any price.
    let mut call = charged(&[signing(1, 100)], None, 50);
    (call.header.sequence, call.header.parent) = (2, tip);
    call.parent = Some(Batch { reference_timestamp: 0, ..call.header.clone() });
    assert!(propose(&executor, &resign(call)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_cannot_make_up_a_debt() {
    let client = ecdsa::address(&CLIENT_KEY).unwrap();
    let expected = Refusal::WrongOwed { client, stated: units(50), known: U256::ZERO };
    refused(
        |call, requests| {
            call.owed = vec![units(50)];
            call.header.fees_root = Charge::root(&charges(requests, 50));
        },
        expected,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_charged_beyond_its_signature_or_its_deposit() {
    let (_world, executor) = priced(100).await;
    let unsigned = charged(&[signing(1, 10), signing(2, 19)], None, 0);
    let expected = Refusal::MaxFeeTooLow { offered: units(19), needed: units(20) };
    assert_eq!(propose(&executor, &unsigned).await, Err(expected));

    let (_world, executor) = priced(19).await;
    let unpaid = charged(&[signing(1, 10), signing(2, 20)], None, 0);
    let expected = Refusal::FundsTooLow { available: units(19), needed: units(20) };
    assert_eq!(propose(&executor, &unpaid).await, Err(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_of_an_app_without_a_price_are_refused() {
    let (world, executor) = priced(100).await;
    world.chain.change(|state| state.price = None);
    let call = charged(&[signing(1, 10)], None, 0);
    assert_eq!(propose(&executor, &call).await, Err(wrong_root()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_signs_for_what_it_owes_on_all_lanes_of_an_app() {
    let (world, executor) = priced(100).await;
    world.chain.change(|state| state.lanes = 2);
    executor.tick().await;
    let mut elsewhere = charged(&[signing(1, 10)], None, 0);
    elsewhere.header.lane = 2;
    propose(&executor, &resign(elsewhere)).await.unwrap();
    let short = Refusal::MaxFeeTooLow { offered: units(19), needed: units(20) };
    assert_eq!(execute(&executor, vec![signing(2, 19)]).await, [Err(short)]);
    assert!(execute(&executor, vec![signing(2, 20)]).await[0].is_ok());
}
