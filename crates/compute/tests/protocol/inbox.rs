//! The forced inbox: what a gateway answers of it by itself, and every way to cheat it that executors refuse.

use alloy_primitives::Bytes;
use vouch_compute::evidence::Evidence;
use vouch_compute::lane::chain::ChainView;
use vouch_compute::wire::{Refusal, SignedRequest};
use vouch_core::{Batch, BatchData, Entry, RequestId};

use crate::world::*;

const LATER: u64 = NOW + 100;
/// Before the reference timestamp of the newest table.
const OVERDUE: u64 = TABLE_TIME as u64 - 1;

/// A seed block whose randomness executors know. It lies beyond the gateway's head, so the gateway leaves an entry with it alone.
const SEED_BLOCK: u64 = 1_000;

/// An entry that the honest gateway does not answer meanwhile.
fn held(index: u64, payload: &[u8], deadline: u64) -> SignedRequest {
    let mut entry = forced(index, payload, deadline);
    entry.request.seed_block = SEED_BLOCK;
    entry
}

/// A world whose inbox holds these; everyone runs.
async fn with_inbox(entries: Vec<SignedRequest>) -> World {
    let world = World::start().await;
    world.chain.change(|state| {
        state.inbox = entries;
        state.prevrandao.insert(SEED_BLOCK, alloy_primitives::B256::repeat_byte(7));
    });
    world
}

/// An honest proposal of these requests that claims `cursor`.
fn batch(requests: &[&SignedRequest], cursor: u64, parent: Option<&Batch>) -> vouch_compute::wire::ProposeCall {
    let call = proposal(requests.iter().map(|signed| entry(signed)).collect(), parent);
    resign(vouch_compute::wire::ProposeCall { header: Batch { inbox_cursor: cursor, ..call.header.clone() }, ..call })
}

async fn refused(world: &World, requests: &[&SignedRequest], cursor: u64) -> Refusal {
    propose(&world.executor(0), &batch(requests, cursor, None)).await.unwrap_err()
}

/// The batch that a gateway made of an entry, without anybody having called it.
async fn answered(world: &World, id: RequestId) -> Batch {
    let gateway = world.gateway();
    let found = async {
        loop {
            gateway.tick().await;
            if let Some(receipt) = gateway.receipt(id).await.unwrap() {
                assert!(receipt.is_included() && receipt.client_signature.is_empty());
                return receipt.certified.batch.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), found).await.expect("the entry is answered")
}

#[tokio::test]
async fn a_gateway_answers_entries_in_their_order() {
    let entries = [forced(1, b"ab", LATER), forced(2, b"cd", LATER), forced(3, b"ef", LATER)];
    let world = with_inbox(entries.to_vec()).await;
    let last = answered(&world, entries[2].request.id()).await;
    assert_eq!(last.inbox_cursor, 3);
    let first = answered(&world, entries[0].request.id()).await;
    assert!(first.sequence <= last.sequence);
    let receipt = world.gateway().receipt(entries[1].request.id()).await.unwrap().unwrap();
    assert_eq!(receipt.output, Bytes::from_static(b"dc"));
}

#[tokio::test]
async fn calls_and_entries_share_a_lane() {
    let world = with_inbox(vec![forced(1, b"ab", LATER)]).await;
    let receipt = world.gateway().call(request(1, b"xy")).await.unwrap();
    assert_eq!(receipt.output, Bytes::from_static(b"yx"));
    let forced_batch = answered(&world, forced(1, b"ab", LATER).request.id()).await;
    world.chain.change(|state| state.inbox.push(forced(2, b"cd", LATER)));
    let second = answered(&world, forced(2, b"cd", LATER).request.id()).await;
    assert_eq!((forced_batch.inbox_cursor, second.inbox_cursor), (1, 2));
    world.gateway().call(request(2, b"xy")).await.unwrap();
}

/// Too late is better than never: else a gateway would only have to wait until an entry is void.
#[tokio::test]
async fn an_entry_whose_deadline_passed_is_answered_all_the_same() {
    let world = with_inbox(vec![forced(1, b"ab", OVERDUE)]).await;
    let id = world.chain.inbox(LANE).unwrap().get(1).unwrap().id;
    assert_eq!(answered(&world, id).await.inbox_cursor, 1);
}

#[tokio::test]
async fn a_batch_that_passes_over_an_overdue_entry() {
    let world = with_inbox(vec![held(1, b"ab", OVERDUE)]).await;
    let call = request(1, b"xy");
    let passes = Refusal::PassesOver { index: 1 };
    for index in 0..4 {
        let refusal = propose(&world.executor(index), &batch(&[&call], 0, None)).await.unwrap_err();
        assert_eq!(refusal, passes);
    }
    let evidence = world.executor(0).evidence().unwrap();
    assert!(matches!(&evidence[..], [Evidence::RefusedProposal { refusal, .. }] if *refusal == passes));
    let entry = held(1, b"ab", OVERDUE);
    propose(&world.executor(0), &batch(&[&entry, &call], 1, None)).await.unwrap();
}

#[tokio::test]
async fn one_that_answers_another_entry_first_or_one_twice() {
    let (first, second) = (held(1, b"ab", LATER), held(2, b"cd", LATER));
    let world = with_inbox(vec![first.clone(), second.clone()]).await;
    assert_eq!(refused(&world, &[&second], 1).await, Refusal::InboxOrder { index: 1 });
    assert_eq!(refused(&world, &[&second, &first], 2).await, Refusal::InboxOrder { index: 1 });
    assert_eq!(refused(&world, &[&first, &first], 2).await, Refusal::InboxOrder { index: 2 });
    let answered = batch(&[&first], 1, None);
    propose(&world.executor(0), &answered).await.unwrap();
    let again = propose(&world.executor(0), &batch(&[&first], 2, Some(&answered.header))).await;
    assert_eq!(again.unwrap_err(), Refusal::InboxOrder { index: 2 }, "in the next batch");
    world.chain.post(&answered.header);
    let posted = propose(&world.executor(1), &batch(&[&first], 2, Some(&answered.header))).await;
    assert_eq!(posted.unwrap_err(), Refusal::NotSubmitted, "after it was posted");
}

#[tokio::test]
async fn a_cursor_that_does_not_count_the_answers() {
    let entry = held(1, b"ab", LATER);
    let world = with_inbox(vec![entry.clone()]).await;
    let wrong = Refusal::WrongHeader("inboxCursor".into());
    assert_eq!(refused(&world, &[&request(1, b"xy")], 1).await, wrong, "an entry passed off as answered");
    assert_eq!(refused(&world, &[&entry], 0).await, wrong);
    assert_eq!(refused(&world, &[&entry], 2).await, wrong, "beyond the chain");
    let first = batch(&[&entry], 1, None);
    propose(&world.executor(0), &first).await.unwrap();
    let backwards = batch(&[&request(2, b"xy")], 0, Some(&first.header));
    assert_eq!(propose(&world.executor(0), &backwards).await.unwrap_err(), wrong, "backwards");
}

/// An entry of a block that is not final may be gone tomorrow, and so may one whose block was replaced.
#[tokio::test]
async fn an_entry_that_no_finalized_block_shows() {
    let world = with_inbox(vec![]).await;
    let entry = held(1, b"ab", LATER);
    assert_eq!(refused(&world, &[&entry], 1).await, Refusal::NotSubmitted);
    assert_eq!(execute(&world.executor(0), vec![entry.clone()]).await, [Err(Refusal::NotSubmitted)]);
    assert!(Refusal::NotSubmitted.is_transient(), "the executor's view may only be behind");
    // After the reorganization another request has the place.
    world.chain.change(|state| state.inbox = vec![held(1, b"xy", LATER)]);
    assert_eq!(refused(&world, &[&entry], 1).await, Refusal::NotSubmitted);
}

#[tokio::test]
async fn an_entry_without_its_payload() {
    let entry = held(1, b"ab", LATER);
    let world = with_inbox(vec![entry.clone()]).await;
    let bare = SignedRequest { payload: Bytes::new(), ..entry };
    assert_eq!(execute(&world.executor(0), vec![bare.clone()]).await, [Err(Refusal::WrongPayload)]);
    let entry = Entry { output: Bytes::new(), ..self::entry(&bare) };
    assert!(BatchData::new(vec![entry]).is_err(), "such data has no encoding");
}

/// Else whoever copies an entry, its client included, could have it answered under a signature first, and the lane would
/// have to repeat it.
#[tokio::test]
async fn a_signed_request_with_a_nonce_of_the_inbox() {
    let entry = held(1, b"ab", LATER);
    let world = with_inbox(vec![entry.clone()]).await;
    let copy = sign(entry.request.clone(), b"ab");
    let reserved = Refusal::ReservedNonce(entry.request.nonce);
    assert_eq!(execute(&world.executor(0), vec![copy.clone()]).await, [Err(reserved.clone())]);
    assert!(world.gateway().call(copy).await.unwrap_err().to_string().contains(&reserved.to_string()));
    let unsigned = SignedRequest { signature: Bytes::new(), ..request(1, b"ab") };
    assert_eq!(execute(&world.executor(0), vec![unsigned.clone()]).await, [Err(Refusal::NotSubmitted)]);
    assert!(world.gateway().call(unsigned).await.is_err(), "the door of the gateway is not the inbox");
}

/// Slots that a skip frees were never posted: their entries are still to be answered.
#[tokio::test]
async fn an_entry_of_a_skipped_batch_is_answered_again() {
    let entry = held(1, b"ab", LATER);
    let world = with_inbox(vec![entry.clone()]).await;
    let lost = batch(&[&entry], 1, None);
    propose(&world.executor(0), &lost).await.unwrap();
    world.chain.change(|state| state.lane.cursor = u64::from(WINDOW));
    let mut again = batch(&[&entry], 1, None);
    again.header.sequence = u64::from(WINDOW) + 1;
    propose(&world.executor(0), &resign(again)).await.unwrap();
}

/// On a lane that nobody calls, nothing else would bring it up again.
#[tokio::test]
async fn a_gateway_answers_an_entry_again_whose_batch_a_skip_made_void() {
    let entry = forced(1, b"ab", LATER);
    let world = with_inbox(vec![entry.clone()]).await;
    let void = answered(&world, entry.request.id()).await;
    world.chain.change(|state| state.lane.cursor = u64::from(WINDOW));
    let answered_again = async {
        loop {
            let batch = answered(&world, entry.request.id()).await;
            if batch.sequence != void.sequence {
                return batch;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let again = tokio::time::timeout(std::time::Duration::from_secs(20), answered_again).await;
    let again = again.expect("the entry is answered again");
    assert_eq!((again.sequence, again.inbox_cursor), (u64::from(WINDOW) + 1, 1));
}
