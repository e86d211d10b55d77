//! What a gateway may try on an executor. Each lie is refused and, when the gateway signed it, kept.

use alloy_primitives::{Address, B256, Bytes, U256};
use vouch_compute::evidence::Evidence;
use vouch_compute::executor::Executor;
use vouch_compute::wire::{ProposeCall, ProposedData, Refusal, SignedRequest};
use vouch_core::{AppId, Batch, BatchData, BatchHash, ProgramId, RequestId, Status};

use crate::world::*;

/// One executor, done asking, without a gateway.
async fn alone() -> (World, Executor) {
    let world = World::empty();
    world.start_gateway();
    let executors: Vec<_> = (0..4).map(|index| world.start_executor(index)).collect();
    executors[0].tick().await;
    (world, executors[0].clone())
}

fn two() -> Vec<SignedRequest> {
    vec![request(1, b"abc"), request(2, b"def")]
}

fn honest() -> ProposeCall {
    proposal(two().iter().map(entry).collect(), None)
}

/// The proposal is refused, so is the same one again, and it is kept as evidence with its reason.
async fn check_lie(lie: ProposeCall, expected: Refusal) {
    let (_world, executor) = alone().await;
    for _ in 0..2 {
        assert_eq!(propose(&executor, &lie).await, Err(expected.clone()));
    }
    let kept = executor.evidence().unwrap();
    let named = matches!(&kept[..], [Evidence::RefusedProposal { proposal, refusal }]
        if proposal.header == lie.header && *refusal == expected);
    assert!(named, "{kept:?}");
    assert!(propose(&executor, &honest()).await.is_ok(), "an honest proposal for the slot is still signed");
}

async fn check_header(change: impl FnOnce(&mut Batch), field: &str) {
    let mut lie = honest();
    change(&mut lie.header);
    check_lie(resign(lie), Refusal::WrongHeader(field.into())).await;
}

/// Refused without evidence: it may be a matter of time, or nobody's signature stands behind it.
async fn check_refused(world: &World, executor: &Executor, call: &ProposeCall, expected: Refusal) {
    assert_eq!(propose(executor, call).await, Err(expected));
    assert!(executor.evidence().unwrap().is_empty());
    let _ = world;
}

fn rebuilt(entries: Vec<vouch_core::Entry>) -> ProposeCall {
    proposal(entries, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_batch_is_signed_with_a_signature_that_verifies() {
    let (_world, executor) = alone().await;
    let call = honest();
    let signature = vouch_core::bls::Signature::from_bytes(&propose(&executor, &call).await.unwrap()).unwrap();
    let digest = vouch_core::certificate::digest(TABLE_TIME, call.header.hash());
    assert_eq!(bls_key(0).public_key().g2().verify(digest, &signature), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_it_ran_is_signed_from_ids_alone() {
    let (_world, executor) = alone().await;
    let mut call = honest();
    let ids: Vec<RequestId> = two().iter().map(|signed| signed.request.id()).collect();
    call.data = ProposedData::Known(ids);
    assert_eq!(propose(&executor, &call).await, Err(Refusal::DataUnknown));
    execute(&executor, two()).await;
    let by_ids = propose(&executor, &call).await.unwrap();
    assert_eq!(propose(&executor, &honest()).await, Ok(by_ids));
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_again_with_the_same_bytes_gives_the_same_signature() {
    let (_world, executor) = alone().await;
    let first = propose(&executor, &honest()).await.unwrap();
    assert_eq!(propose(&executor, &honest()).await, Ok(first));
    assert!(executor.evidence().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_twice_for_one_slot_keeps_both_proposals() {
    let (_world, executor) = alone().await;
    let (first, second) = (honest(), rebuilt(vec![entry(&request(3, b"ghi"))]));
    propose(&executor, &first).await.unwrap();
    assert_eq!(propose(&executor, &second).await, Err(Refusal::SlotTaken { signed: first.header.hash() }));
    let kept = executor.evidence().unwrap();
    let both = matches!(&kept[..], [Evidence::GatewayEquivocation { first: one, second: other }]
        if one.header == first.header && other.header == second.header);
    assert!(both, "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_proposals_for_one_slot_at_once_get_one_signature() {
    let (_world, executor) = alone().await;
    let proposals: Vec<_> = (0..8).map(|nonce| rebuilt(vec![entry(&request(nonce, b"abc"))])).collect();
    let answers = futures::future::join_all(proposals.iter().map(|call| propose(&executor, call))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_nothing_of_a_reserved_slot() {
    let (world, executor) = alone().await;
    propose(&executor, &first(1)).await.unwrap();
    let other = resign_as(first(2), &[9; 32]);
    assert_eq!(propose(&executor, &other).await, Err(Refusal::WrongGateway));
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_propose() {
    let (world, executor) = alone().await;
    let mut call = honest();
    call.gateway_signature = vouch_core::ecdsa::sign(call.header.hash().0, &[9; 32]).unwrap().into();
    check_refused(&world, &executor, &call, Refusal::WrongGateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain() {
    check_header(|header| header.chain_id = U256::from(1), "chainId").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_registry() {
    check_header(|header| header.registry = Address::repeat_byte(0xee), "registry").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_operator_set() {
    check_header(|header| header.operator_set_id = 2, "operatorSetId").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_profile() {
    check_header(|header| header.profile_id = Address::repeat_byte(0xee), "profileId").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_before_there_are_any() {
    check_header(|header| header.fees_root = B256::repeat_byte(1), "feesRoot").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_before_there_is_one() {
    check_header(|header| header.inbox_cursor = 1, "inboxCursor").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_count() {
    check_header(|header| header.exchange_count = 3, "exchangeCount").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_root() {
    check_header(|header| header.exchanges_root = B256::repeat_byte(1), "exchangesRoot").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_length() {
    check_header(|header| header.data_length += 1, "dataLength").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_app_and_another_program() {
    let (world, executor) = alone().await;
    let mut other_app = honest();
    other_app.header.app = AppId(B256::repeat_byte(0xee));
    check_refused(&world, &executor, &resign(other_app), Refusal::UnknownLane).await;
    let mut other_program = honest();
    other_program.header.program_id = ProgramId(B256::repeat_byte(0xee));
    check_refused(&world, &executor, &resign(other_program), Refusal::UnknownProgram).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_another_program() {
    let mut request = request(1, b"abc").request;
    request.program_id = ProgramId(B256::repeat_byte(0xee));
    check_lie(rebuilt(vec![entry(&sign(request, b"abc"))]), Refusal::WrongProgram).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reordered_exchanges() {
    let mut lie = honest();
    let reordered = BatchData::new(two().iter().rev().map(entry).collect()).unwrap();
    lie.data = ProposedData::Whole(reordered.encode().into());
    check_lie(lie, Refusal::WrongHeader("exchangesRoot".into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_exchange() {
    let mut lie = honest();
    let dropped = BatchData::new(vec![entry(&two()[0])]).unwrap();
    lie.data = ProposedData::Whole(dropped.encode().into());
    check_lie(lie, Refusal::WrongHeader("exchangeCount".into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invented_request() {
    let mut invented = request(1, b"abc");
    invented.request.nonce = 2;
    check_lie(rebuilt(vec![entry(&invented)]), Refusal::WrongClientSignature).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invented_output() {
    let signed = request(1, b"abc");
    let mut lie = entry(&signed);
    lie.output = Bytes::from_static(b"million");
    check_lie(rebuilt(vec![lie]), Refusal::WrongExchange(signed.request.id())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invented_status() {
    let signed = request(1, b"abc");
    let mut lie = entry(&signed);
    (lie.status, lie.output) = (Status::Trap, Bytes::new());
    check_lie(rebuilt(vec![lie]), Refusal::WrongExchange(signed.request.id())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_twice_in_a_batch() {
    let signed = request(1, b"abc");
    let lie = rebuilt(vec![entry(&signed), entry(&signed)]);
    check_lie(lie, Refusal::Repeated(signed.request.id())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_twice_in_a_lane() {
    let (_world, executor) = alone().await;
    let first = honest();
    propose(&executor, &first).await.unwrap();
    let lie = proposal(vec![entry(&two()[1])], Some(&first.header));
    assert_eq!(propose(&executor, &lie).await, Err(Refusal::Repeated(two()[1].request.id())));
    assert!(matches!(&executor.evidence().unwrap()[..], [Evidence::RefusedProposal { .. }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_to_other_data() {
    let mut lie = honest();
    let other = rebuilt(vec![entry(&request(3, b"ghi"))]);
    lie.header.data_commitment_x = other.header.data_commitment_x;
    lie.header.data_commitment_y = other.header.data_commitment_y;
    lie.opening = other.opening;
    check_lie(resign(lie), Refusal::WrongCommitment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_does_not_open() {
    let (_world, executor) = alone().await;
    let mut lie = honest();
    lie.opening.proof = rebuilt(vec![entry(&request(3, b"ghi"))]).opening.proof;
    assert_eq!(propose(&executor, &lie).await, Err(Refusal::WrongCommitment));
    let mut lie = honest();
    lie.opening.value = B256::repeat_byte(1);
    assert_eq!(propose(&executor, &lie).await, Err(Refusal::WrongCommitment));
}

#[tokio::test(flavor = "multi_thread")]
async fn data_with_trailing_bytes() {
    let mut lie = honest();
    if let ProposedData::Whole(data) = &mut lie.data {
        *data = [data.as_ref(), &[0]].concat().into();
    }
    let (_world, executor) = alone().await;
    assert!(matches!(propose(&executor, &lie).await, Err(Refusal::MalformedData(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_is_not_the_one_before() {
    let mut lie = honest();
    lie.header.parent = BatchHash(B256::repeat_byte(7));
    check_lie(resign(lie), Refusal::WrongParent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_of_another_lane_or_with_a_gap() {
    for change in [|parent: &mut Batch| parent.lane = 2, |parent: &mut Batch| parent.sequence = 3] {
        let mut parent = honest().header;
        change(&mut parent);
        let mut lie = proposal(vec![entry(&request(3, b"ghi"))], Some(&parent));
        lie.header.sequence = 2;
        check_lie(resign(lie), Refusal::WrongParent).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_of_another_batch_than_the_one_signed_before() {
    let (_world, executor) = alone().await;
    let signed = honest();
    propose(&executor, &signed).await.unwrap();
    let other = rebuilt(vec![entry(&request(5, b"mno"))]);
    let child = proposal(vec![entry(&request(3, b"ghi"))], Some(&other.header));
    assert_eq!(propose(&executor, &child).await, Err(Refusal::WrongParent));
    let kept = executor.evidence().unwrap();
    let forked = kept.iter().any(|kept| {
        matches!(kept, Evidence::GatewayForkedParent { before, child: other }
        if before.header == signed.header && other.header == child.header)
    });
    assert!(forked, "{kept:?}");
}

/// A chain of honest headers from sequence 1 on.
fn chain(count: u64) -> Vec<ProposeCall> {
    let mut calls: Vec<ProposeCall> = Vec::new();
    for nonce in 0..count {
        let parent = calls.last().map(|call| call.header.clone());
        calls.push(proposal(vec![entry(&request(100 + nonce, b"abc"))], parent.as_ref()));
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_beyond_the_window_and_nothing_at_or_below_the_cursor() {
    let (world, executor) = alone().await;
    let window = u64::from(WINDOW);
    let calls = chain(window + 1);
    for call in &calls[..WINDOW as usize] {
        propose(&executor, call).await.unwrap();
    }
    let beyond = Refusal::BeyondWindow { sequence: window + 1, last: window };
    check_refused(&world, &executor, &calls[WINDOW as usize], beyond).await;
    world.chain.post(&calls[0].header);
    assert!(propose(&executor, &calls[WINDOW as usize]).await.is_ok(), "the window moves with the finalized cursor");

    let fresh = world.executor(1);
    fresh.tick().await;
    let below = Refusal::AtOrBelowCursor { sequence: 1, cursor: 1 };
    check_refused(&world, &fresh, &calls[0], below).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_skip_the_parent_is_the_registrys_tip() {
    let (world, executor) = alone().await;
    let calls = chain(3);
    for call in &calls {
        propose(&executor, call).await.unwrap();
    }
    world.chain.post(&calls[0].header);
    let skipped_to = 1 + u64::from(WINDOW);
    world.chain.change(|state| state.lane.cursor = skipped_to);
    let mut next = proposal(vec![entry(&request(7, b"next"))], Some(&calls[0].header));
    next.header.sequence = skipped_to + 1;
    let mut wrong = next.clone();
    wrong.header.parent = calls[2].header.hash();
    assert_eq!(propose(&executor, &resign(wrong)).await, Err(Refusal::WrongParent));
    assert!(propose(&executor, &resign(next)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_an_unknown_and_another_sets_table() {
    let (world, executor) = alone().await;
    let mut unknown = honest();
    unknown.header.reference_timestamp += 1;
    check_refused(&world, &executor, &resign(unknown), Refusal::UnknownTable(TABLE_TIME + 1)).await;
    world.chain.change(|state| state.head.timestamp = u64::from(TABLE_TIME) + 601);
    check_refused(&world, &executor, &honest(), Refusal::StaleTable(TABLE_TIME)).await;
    world.chain.change(|state| state.head.timestamp -= 601);

    let outsider = world.open_executor(7, |_| {}).unwrap();
    outsider.tick().await;
    check_refused(&world, &outsider, &honest(), Refusal::NotInTable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_request_is_not_signed_even_if_it_ran_in_time() {
    let (world, executor) = alone().await;
    execute(&executor, two()).await;
    world.chain.change(|state| state.head.timestamp = NOW + 301);
    let expected = Refusal::Expired { deadline: NOW + 300, clock: NOW + 301 };
    check_refused(&world, &executor, &honest(), expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_must_not_run() {
    let (_world, executor) = alone().await;
    let (good, base) = (request(1, b"abc"), request(1, b"abc").request);
    let with = |change: fn(&mut vouch_core::Request)| {
        let mut request = base.clone();
        change(&mut request);
        sign(request, b"abc")
    };
    let cases: Vec<(SignedRequest, Refusal)> = vec![
        (SignedRequest { signature: request(2, b"abc").signature, ..good.clone() }, Refusal::WrongClientSignature),
        (SignedRequest { payload: Bytes::from_static(b"abd"), ..good.clone() }, Refusal::WrongPayload),
        (request(1, &[0; 1_025]), Refusal::PayloadTooLarge { found: 1_025, max: 1_024 }),
        (with(|request| request.time -= 1_801), Refusal::TimeTooFar { time: NOW - 1_801, clock: NOW }),
        (with(|request| request.time += 1_801), Refusal::TimeTooFar { time: NOW + 1_801, clock: NOW }),
        (with(|request| request.deadline = NOW - 1), Refusal::Expired { deadline: NOW - 1, clock: NOW }),
        (with(|request| request.deadline = NOW + 8 * 86_400), Refusal::DeadlineTooFar { max: 7 * 86_400 }),
        (with(|request| request.app = AppId(B256::ZERO)), Refusal::WrongProgram),
        (with(|request| request.seed_block = 9), Refusal::SeedNotFinalized(9)),
    ];
    let (requests, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let answers = execute(&executor, requests).await;
    let expected: Vec<_> = expected.into_iter().map(Err).collect();
    assert_eq!(answers, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosts_own_failure_is_never_reported_as_a_result_nor_kept() {
    let (world, executor) = alone().await;
    for runs in 1..=2 {
        let answers = execute(&executor, vec![request(1, b"fail")]).await;
        assert!(matches!(&answers[..], [Err(Refusal::HostFailure(_))]), "{answers:?}");
        assert_eq!(world.program.runs.load(std::sync::atomic::Ordering::SeqCst), runs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_call_are_refused() {
    let (_world, executor) = alone().await;
    for body in [&b""[..], b"\x01", b"\x02\x00", b"\x01\xff\xff\xff", &[1; 4_096]] {
        let answer = vouch_compute::wire::Answer::decode(&executor.handle(body).await).unwrap();
        assert!(matches!(answer, vouch_compute::wire::Answer::Refused(Refusal::Malformed(_))), "{answer:?}");
    }
}
