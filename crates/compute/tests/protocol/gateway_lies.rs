//! What executors may do to a gateway: lie, stay silent, be late, sign garbage. Callers get their answer as long as the
//! threshold is honest, and the lie is kept.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{B256, Bytes};
use futures::future::BoxFuture;
use vouch_compute::evidence::Evidence;
use vouch_compute::gateway::{CallError, Gateway, Wish};
use vouch_compute::wire::{Answer, Call, ExecuteAnswer, Refusal, Report};
use vouch_core::{BatchHash, RequestId, ecdsa};

use crate::world::*;

/// Changes what an executor answers.
fn change(change: impl Fn(Answer) -> Answer + Send + Sync + 'static) -> Lie {
    let change = Arc::new(change);
    Arc::new(move |_, honest: BoxFuture<'static, Bytes>| {
        let change = Arc::clone(&change);
        Box::pin(async move { Ok(change(Answer::decode(&honest.await).unwrap()).encode().into()) })
    })
}

/// Changes the reports, signed properly with the executor's own account key.
fn change_reports(index: usize, with: impl Fn(&mut ExecuteAnswer) + Send + Sync + 'static) -> Lie {
    change(move |answer| match answer {
        Answer::Reports(mut reports) => {
            with(&mut reports);
            reports.signature = ecdsa::sign(reports.list.digest(), &account_key(index)).unwrap().into();
            Answer::Reports(reports)
        }
        other => other,
    })
}

/// Waits until the gateway holds evidence of a kind.
async fn evidence(gateway: &Gateway, kind: &str) -> Evidence {
    let found = async {
        loop {
            let kept = gateway.evidence().unwrap();
            if let Some(kept) = kept.into_iter().find(|kept| kept.name() == kind) {
                return kept;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.expect("the lie is kept as evidence")
}

#[tokio::test(flavor = "multi_thread")]
async fn another_output_is_outvoted_and_kept_as_dissent() {
    let world = World::start().await;
    world.links.lie(
        3,
        change_reports(3, |answer| {
            answer.outputs[0] = Bytes::from_static(b"million");
            if let Report::Ran(exchange) = &mut answer.list.reports[0] {
                exchange.output_hash = vouch_core::pages::root(b"million");
            }
        }),
    );
    let receipt = world.gateway().call(request(1, b"abc")).await.unwrap();
    assert_eq!(receipt.output.as_ref(), b"cba");
    let Evidence::Dissent { list, agreed, signature } = evidence(&world.gateway(), "dissent").await else { panic!() };
    assert_eq!((list.operator, agreed), (operator(3), vec![receipt.exchange]));
    let signer = ecdsa::address(&account_key(3)).unwrap();
    assert_eq!(ecdsa::verify(list.digest(), signature.as_slice(), signer), Ok(()), "signed, so others can be shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_hash_with_wrong_output_bytes_harms_nobody() {
    let world = World::start().await;
    world.links.lie(0, change_reports(0, |answer| answer.outputs[0] = Bytes::from_static(b"million")));
    let receipt = world.gateway().call(request(1, b"abc")).await.unwrap();
    assert_eq!(receipt.output.as_ref(), b"cba");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_its_account_key_did_not_sign_do_not_count() {
    let world = World::start().await;
    for index in [0, 1] {
        world.links.lie(
            index,
            change(|answer| match answer {
                Answer::Reports(mut reports) => {
                    reports.signature = ecdsa::sign(reports.list.digest(), &[9; 32]).unwrap().into();
                    Answer::Reports(reports)
                }
                other => other,
            }),
        );
    }
    let error = world.gateway().call(request(1, b"abc")).await.unwrap_err();
    assert!(matches!(&error, CallError::NoQuorum { answers } if answers.len() == 4), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_instead_of_a_signature_is_dropped_and_kept() {
    let world = World::start().await;
    let garbage = bls_key(7).sign(B256::repeat_byte(7)).to_bytes();
    world.links.lie(
        3,
        change(move |answer| match answer {
            Answer::Signature(_) => Answer::Signature(garbage.into()),
            other => other,
        }),
    );
    let receipt = world.gateway().call(request(1, b"abc")).await.unwrap();
    let certificate = receipt.certified.certificate.clone().verify(table(TABLE_TIME).table().summary()).unwrap();
    assert!(certificate.certificate().non_signers.iter().any(|absent| absent.index == 3));
    let Evidence::WrongSignature { operator: liar, proposal, .. } = evidence(&world.gateway(), "wrong_signature").await
    else {
        panic!()
    };
    assert_eq!((liar, proposal.header), (operator(3), receipt.certified.batch.clone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_point_are_dropped_too() {
    let world = World::start().await;
    world.links.lie(
        2,
        change(|answer| match answer {
            Answer::Signature(_) => Answer::Signature([0xff; 64].into()),
            other => other,
        }),
    );
    world.gateway().call(request(1, b"abc")).await.unwrap();
    evidence(&world.gateway(), "wrong_signature").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_of_signatures_the_caller_learns_who_signed_what() {
    let world = World::start().await;
    for index in [0, 1] {
        world.links.lie(
            index,
            change(move |answer| match (index, answer) {
                (0, Answer::Signature(_)) => Answer::Signature([0xff; 64].into()),
                (1, Answer::Signature(_)) => Answer::Refused(Refusal::WrongCommitment),
                (_, other) => other,
            }),
        );
    }
    // The deadline comes soon: nobody is waited for beyond it.
    let signed = request(1, b"abc");
    let request = vouch_core::Request { deadline: NOW + 2, ..signed.request };
    let error = world.gateway().call(sign(request, b"abc")).await.unwrap_err();
    let CallError::NoQuorum { answers } = error else { panic!("{error:?}") };
    let said = |index: usize| answers.iter().find(|(who, _)| *who == operator(index)).unwrap().1.as_str();
    assert_eq!(said(0), "sent what is not its signature of the batch");
    assert!(said(1).starts_with("did not sign: the data commitment"), "{}", said(1));
    assert_eq!([said(2), said(3)], ["signed"; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_executor_does_not_hold_up_the_others() {
    let world = World::start().await;
    world.links.silence(2);
    world.links.silence(3);
    let receipt = world.gateway().call(request(1, b"abc")).await.unwrap();
    let absent: Vec<_> = receipt.certified.certificate.non_signers.iter().map(|witness| witness.index).collect();
    assert_eq!(absent, [2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_that_hangs_does_not_hold_up_the_others() {
    let world = World::start().await;
    world.links.lie(3, Arc::new(|_, _| Box::pin(futures::future::pending())));
    world.gateway().call(request(1, b"abc")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_does_not_wait_for_who_was_late_for_the_one_before() {
    let world = World::executors().await;
    let grace = Duration::from_secs(3);
    let gateway = world.start_gateway_with(GATEWAY_KEY, &world.folder.path().join("gateway"), |config| {
        (config.signature_grace, config.propose_timeout) = (grace, 10 * grace);
    });
    gateway.tick().await;
    world.links.lie(3, Arc::new(|_, _| Box::pin(futures::future::pending())));
    gateway.call(request(1, b"abc")).await.unwrap();
    tokio::time::timeout(grace, gateway.call(request(2, b"abc"))).await.expect("it waited again").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_the_caller_learns_who_answered_what() {
    let world = World::start().await;
    world.links.silence(0);
    world.links.lie(
        1,
        change_reports(1, |answer| {
            let id = request(1, b"abc").request.id();
            answer.list.reports[0] = Report::Refused(id, Refusal::UnknownProgram);
        }),
    );
    let Err(CallError::NoQuorum { answers }) = world.gateway().call(request(1, b"abc")).await else { panic!() };
    let said = |index: usize| answers.iter().find(|(who, _)| *who == operator(index)).unwrap().1.clone();
    assert!(said(0).contains("unreachable"), "{}", said(0));
    assert!(said(1).contains("unknown program"), "{}", said(1));
    assert!(said(2).starts_with("answered 0x") && said(2) == said(3), "{}", said(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_in_the_middle_of_a_round_still_tells_who_answered_what() {
    let world = World::start().await;
    for index in [0, 2] {
        world.links.lie(index, Arc::new(|_, _| Box::pin(futures::future::pending())));
    }
    let soon = vouch_core::Request { deadline: NOW + 1, ..request(1, b"abc").request };
    let Err(CallError::NoQuorum { answers }) = world.gateway().call(sign(soon, b"abc")).await else { panic!() };
    let said: Vec<_> =
        (0..4).map(|index| answers.iter().find(|(who, _)| *who == operator(index)).unwrap().1.clone()).collect();
    assert!(said[1].starts_with("answered 0x") && said[1] == said[3], "{said:?}");
    assert!(said[0].contains("no answer") && said[2].contains("no answer"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_camps_make_no_quorum() {
    let world = World::start().await;
    for index in [0, 2] {
        world.links.lie(
            index,
            change_reports(index, |answer| {
                if let Report::Ran(exchange) = &mut answer.list.reports[0] {
                    exchange.output_hash = B256::repeat_byte(7);
                }
            }),
        );
    }
    let error = world.gateway().call(request(1, b"abc")).await.unwrap_err();
    assert!(matches!(error, CallError::NoQuorum { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_about_other_requests_do_not_count() {
    let world = World::start().await;
    for index in [0, 1] {
        world.links.lie(
            index,
            change_reports(index, |answer| {
                if let Report::Ran(exchange) = &mut answer.list.reports[0] {
                    exchange.request_id = RequestId(B256::repeat_byte(7));
                }
            }),
        );
    }
    assert!(matches!(world.gateway().call(request(1, b"abc")).await, Err(CallError::NoQuorum { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_request_does_not_sink_its_batch() {
    let world = World::start().await;
    let gateway = world.gateway();
    let (good, bad) = tokio::join!(gateway.call(request(1, b"abc")), gateway.call(request(2, b"fail")));
    assert_eq!(good.unwrap().output.as_ref(), b"cba");
    assert!(matches!(bad, Err(CallError::NoQuorum { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_executors_would_refuse_are_refused_at_the_door() {
    let world = World::start().await;
    let forged = vouch_compute::wire::SignedRequest { signature: request(2, b"abc").signature, ..request(1, b"abc") };
    assert_eq!(world.gateway().call(forged).await.unwrap_err(), CallError::Refused(Refusal::WrongClientSignature));
    let large = world.gateway().call(request(1, &[0; 2_000])).await.unwrap_err();
    assert_eq!(large, CallError::Refused(Refusal::PayloadTooLarge { found: 2_000, max: 1_024 }));
}

/// Answers every proposal with this, everything else honestly.
fn answers_proposals_with(answer: Answer) -> Lie {
    Arc::new(move |body, honest| {
        let is_proposal = matches!(Call::decode(&body), Ok(Call::Propose(_)));
        let answer = answer.clone();
        Box::pin(async move { if is_proposal { Ok(answer.encode().into()) } else { Ok(honest.await) } })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_too_many_will_never_sign_makes_the_gateway_ask_for_a_skip() {
    let signed = BatchHash::ZERO;
    let refusals = [
        Answer::Refused(Refusal::BelowFloor { sequence: 1, floor: 8 }),
        Answer::Refused(Refusal::SlotTaken { signed }),
        Answer::Refused(Refusal::StaleTable(TABLE_TIME)),
        Answer::Signature([7; 64].into()),
    ];
    for refusal in refusals {
        let mut world = World::start().await;
        world.links.lie(0, answers_proposals_with(refusal.clone()));
        let gateway = world.gateway();
        let call = tokio::spawn(async move { gateway.call(request(1, b"abc")).await });
        world.wish(|wish| matches!(wish, Wish::RequestSkip { lane } if *lane == LANE)).await;
        call.abort();
    }
}
