//! What clients owe, told to their lane's gateway: it may have lost its count, or come to the lane when others had counted.

use std::sync::Arc;

use super::{Inner, blocking};
use crate::fees::book;
use crate::fees::debts::{OwedAnswer, OwedCall, OwedList};
use crate::wire::{Answer, Refusal};

/// Answers nobody but the gateway of the finalized epoch, and nothing about a batch that could not be proposed now.
pub async fn owed(inner: &Arc<Inner>, call: OwedCall) -> Result<Answer, Refusal> {
    let question = &call.question;
    let lane = inner.chain.lane(question.lane).ok_or(Refusal::UnknownLane)?;
    let here = question.chain_id == inner.chain.chain_id() && question.registry == inner.chain.registry();
    if !here || !call.is_of(lane.gateway) {
        return Err(Refusal::WrongGateway);
    }
    let inner = Arc::clone(inner);
    blocking(inner.machine.clone(), move || answer(&inner, &call, &lane)).await
}

fn answer(inner: &Inner, call: &OwedCall, lane: &crate::lane::LaneState) -> Result<Answer, Refusal> {
    let question = &call.question;
    let price = |time: u32| inner.chain.price(question.lane.app, u64::from(time));
    let parent = question.parent(lane, |parent| price(parent.reference_timestamp).is_none())?;
    let debts = book::debts(inner.store().fees(), question.lane, &parent, question.clients.iter().copied());
    let debts = debts.map_err(|error| inner.store_failed(&error))?;
    let list = OwedList { operator: inner.memory.operator, question: question.digest(), debts };
    let answer = OwedAnswer::new(list, &inner.account);
    let answer = answer.map_err(|error| Refusal::HostFailure(error.to_string()))?;
    Ok(Answer::Owed(Box::new(answer)))
}
