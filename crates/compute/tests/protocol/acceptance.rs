//! Programs that only those answer for who accepted them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alloy_primitives::{Bytes, U256};
use vouch_compute::fees::Price;
use vouch_compute::gateway::{CallError, Wish};
use vouch_compute::lane::chain::{ChainView, Table};
use vouch_compute::quorum;
use vouch_compute::wire::{Answer, Call, OperatorSignature, Refusal};
use vouch_core::ProgramId;

use crate::world::*;

/// Operator 0, with 400 of the 1,000 parts of the stake, accepted nothing.
const ACCEPTERS: [usize; 3] = [1, 2, 3];

async fn accepted_by(accepters: &[usize]) -> World {
    let world = World::empty();
    world.chain.change(|state| {
        state.accepters = Some((accepters.to_vec(), false));
        state.members = accepters.to_vec();
        if accepters.is_empty() {
            // The contract makes no table without members.
            state.tables.clear();
        }
    });
    world.started().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_of_the_accepters_is_enough_and_the_others_are_not_asked() {
    let world = accepted_by(&ACCEPTERS).await;
    let receipt = world.gateway().call(request(1, b"abc")).await.unwrap();
    let table = table_of(receipt.certified.batch.reference_timestamp, &ACCEPTERS);
    let verified = receipt.certified.certificate.clone().verify(table.table().summary()).unwrap();
    assert!(verified.reaches(6_667));
    assert_eq!(world.program.runs.load(Ordering::SeqCst), 3, "once per accepter");
}

/// Operator 0 signs the batch with its own key, as a liar would; without it 300 of 600 parts have signed.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_signs_that_did_not_accept_adds_nothing() {
    let world = accepted_by(&ACCEPTERS).await;
    let call = proposal(vec![entry(&request(1, b"abc"))], None);
    let own = propose(&world.executor(1), &call).await.unwrap();
    let digest = vouch_core::certificate::digest(call.header.reference_timestamp, call.header.hash());
    let signed = |index: usize| OperatorSignature {
        operator: operator(index),
        signature: bls_key(index).sign(digest).to_bytes().into(),
    };
    assert_eq!(signed(1).signature.as_slice(), own, "it is what an executor would have signed");
    let table: Arc<Table> = world.chain.latest_table(APP, program().id().0).unwrap();
    let alone = quorum::assemble(&table, &call.header, &[signed(1)]).unwrap();
    assert!(!alone.reaches(6_667));
    let with_it = quorum::assemble(&table, &call.header, &[signed(1), signed(0)]);
    assert_eq!(with_it.unwrap_err(), quorum::Error::BadSignature(operator(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_neither_runs_nor_signs_what_it_has_not_accepted() {
    let world = accepted_by(&[0, 1, 2, 3]).await;
    let ran = execute(&world.executor(0), vec![request(1, b"abc")]).await;
    assert!(ran[0].is_ok());
    // It takes its word back; the table in which it stands still holds.
    world.chain.change(|state| state.accepters = Some((ACCEPTERS.to_vec(), true)));
    assert_eq!(execute(&world.executor(0), vec![request(2, b"abc")]).await, [Err(Refusal::NotAccepted)]);
    for nonce in [1, 3] {
        let call = proposal(vec![entry(&request(nonce, b"abc"))], None);
        assert_eq!(propose(&world.executor(0), &call).await, Err(Refusal::NotAccepted));
        assert!(propose(&world.executor(1), &call).await.is_ok() || nonce == 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_what_nobody_accepted_is_refused_at_once() {
    let mut world = accepted_by(&[]).await;
    let gateway = world.gateway();
    let refused = tokio::time::timeout(Duration::from_secs(2), gateway.call(request(1, b"abc")));
    let error = refused.await.expect("at once").unwrap_err();
    assert_eq!(error, CallError::NotAccepted);
    assert_eq!(error.to_string(), "no operator accepted this program");
    world.gateway().tick().await;
    let wished = std::iter::from_fn(|| world.wishes.try_recv().ok()).any(|wish| is_refresh(&wish, program().id()));
    assert!(!wished, "nobody would be in that table");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_is_made_when_somebody_accepts_and_again_when_that_changes() {
    let mut world = accepted_by(&ACCEPTERS).await;
    let own = program().id();
    world.gateway().tick().await;
    let wished = std::iter::from_fn(|| world.wishes.try_recv().ok()).any(|wish| is_refresh(&wish, own));
    assert!(!wished, "the table is fresh and nothing has changed");
    world.chain.change(|state| state.accepters = Some((vec![0, 1, 2, 3], true)));
    world.gateway().tick().await;
    world.wish(|wish| is_refresh(wish, own)).await;
    world.chain.change(|state| {
        state.accepters = Some((vec![0, 1, 2, 3], false));
        state.tables.clear();
    });
    world.gateway().tick().await;
    world.wish(|wish| is_refresh(wish, own)).await;
}

fn is_refresh(wish: &Wish, program: ProgramId) -> bool {
    matches!(wish, Wish::RefreshTable { app, table } if *app == APP && *table == program.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_runs_nothing_below_its_fee() {
    let world = World::start().await;
    let asks = |config: &mut vouch_compute::executor::Config| {
        config.folder = world.folder.path().join("asks");
        config.fee_min = U256::from(5);
    };
    let executor = world.open_executor(0, asks).unwrap();
    executor.tick().await;
    let generous = |nonce: u64| {
        let plain = request(nonce, b"abc");
        sign(vouch_core::Request { max_fee: U256::from(100), ..plain.request }, &plain.payload)
    };
    let priced = |per_call| {
        world.chain.change(|state| {
            state.price = Some(Price { per_call, per_page: 0 });
            state.deposit.balance = U256::from(100);
        });
    };
    priced(4);
    let refusal = Refusal::FeeTooLow { offered: U256::from(4), min: U256::from(5) };
    assert_eq!(execute(&executor, vec![generous(1)]).await, [Err(refusal)]);
    priced(5);
    assert!(execute(&executor, vec![generous(2)]).await[0].is_ok());
}

/// Both new refusals travel.
#[test]
fn refusals_are_read_back() {
    for refusal in [Refusal::NotAccepted, Refusal::FeeTooLow { offered: U256::ZERO, min: U256::MAX }] {
        let answer = Answer::Refused(refusal);
        assert_eq!(Answer::decode(&answer.encode()).unwrap(), answer);
    }
    assert!(Call::decode(&Bytes::new()).is_err());
}
