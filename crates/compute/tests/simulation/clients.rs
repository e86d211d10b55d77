//! Clients: they sign requests, call, try again, and remember what they were told.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::U256;
use futures::future::{Either, select};
use vouch_compute::gateway::CallError;
use vouch_compute::gateway::receipt::Receipt;
use vouch_compute::lane::chain::CallError as LinkError;
use vouch_compute::wire::SignedRequest;

use crate::cast::*;
use crate::network::{CLIENTS, DELAY_MAX, GATEWAY, Server};
use crate::world::{CALL_TIMEOUT, World};

/// How often a client tries one request.
const TRIES: u32 = 5;

/// How one attempt came out for the client.
pub enum Told {
    Receipt(Arc<Receipt>),
    /// Trying the same request again may help.
    Later(String),
    /// It will not.
    Never(String),
}

/// Makes a request and tries until there is an answer that is final.
pub async fn run(world: Arc<World>, nonce: u64) {
    let Some(max_fee) = max_fee(&world, nonce).await else { return };
    let signed = request(nonce, world.chain.true_time(), max_fee);
    world.history.facts(|facts| facts.requests.insert(signed.request.id(), signed.clone()));
    for _ in 0..TRIES {
        match attempt(&world, &signed).await {
            Told::Receipt(receipt) => return acknowledge(&world, &signed, &receipt),
            Told::Never(_) => return,
            Told::Later(_) => world.scheduler.sleep(world.scheduler.millis(300..3_000)).await,
        }
    }
}

/// Calls until a new request is answered with a receipt; whether one was, before `end`.
pub async fn insist(world: &Arc<World>, mut nonce: u64, end: Duration) -> bool {
    while world.scheduler.elapsed() < end {
        let Some(max_fee) = max_fee(world, nonce).await else {
            world.scheduler.sleep(Duration::from_secs(1)).await;
            continue;
        };
        let signed = request(nonce, world.chain.true_time(), max_fee);
        world.history.facts(|facts| facts.requests.insert(signed.request.id(), signed.clone()));
        for _ in 0..TRIES {
            match attempt(world, &signed).await {
                Told::Receipt(receipt) => {
                    acknowledge(world, &signed, &receipt);
                    return true;
                }
                Told::Later(_) => world.scheduler.sleep(Duration::from_secs(1)).await,
                Told::Never(_) => break,
            }
        }
        world.scheduler.sleep(Duration::from_secs(1)).await;
        nonce += 1;
    }
    false
}

/// What a client signs for: what it owes by the gateway's word and this call, and now and then more; none if nobody says.
async fn max_fee(world: &Arc<World>, nonce: u64) -> Option<U256> {
    if !world.plan.priced {
        return Some(U256::ZERO);
    }
    let asking = world.network.ask(CLIENTS, GATEWAY, move |_, server| {
        Box::pin(async move {
            let Server::Gateway(gateway) = server else { unreachable!("clients ask gateways") };
            gateway.standing(APP, client(nonce)).await
        })
    });
    let patience = world.scheduler.sleep(CALL_TIMEOUT);
    let Either::Left((Ok(Ok(found)), _)) = select(Box::pin(asking), patience).await else {
        world.note(&format!("request {nonce} learns no price"));
        return None;
    };
    let further = if world.scheduler.chance(0.3) { 5 } else { 1 };
    Some(found.standing.owed + fee(&request(nonce, 0, U256::ZERO)) * U256::from(further))
}

/// Waits until posted batches have answered everything in the forced inbox; whether they had, before `end`.
pub async fn inbox_is_answered(world: &Arc<World>, end: Duration) -> bool {
    while world.scheduler.elapsed() < end {
        let registry = world.chain.latest();
        if registry.inbox_cursor == registry.inbox.len() as u64 {
            return true;
        }
        world.scheduler.sleep(Duration::from_secs(1)).await;
    }
    false
}

async fn attempt(world: &Arc<World>, signed: &SignedRequest) -> Told {
    let (nonce, own, history) = (signed.request.nonce, signed.clone(), Arc::clone(&world.history));
    let scheduler = world.scheduler.clone();
    let asking = world.network.ask(CLIENTS, GATEWAY, move |process, server| {
        Box::pin(async move {
            let Server::Gateway(gateway) = server else { unreachable!("clients call gateways") };
            let call = history.call_began(process, scheduler.elapsed());
            let outcome = gateway.call(own).await;
            history.call_ended(call);
            outcome
        })
    });
    let patience = world.scheduler.sleep(CALL_TIMEOUT + 3 * DELAY_MAX);
    let told = match select(Box::pin(asking), patience).await {
        Either::Left((Ok(Ok(receipt)), _)) => Told::Receipt(receipt),
        Either::Left((Ok(Err(error)), _)) => classify(&error),
        Either::Left((Err(LinkError::Timeout | LinkError::Unreachable(_)), _)) => Told::Later("not reached".into()),
        Either::Right(_) => Told::Later("no answer".into()),
    };
    let what = match &told {
        Told::Receipt(receipt) => format!("a receipt of batch {}", receipt.certified.batch.sequence),
        Told::Later(why) | Told::Never(why) => why.clone(),
    };
    world.note(&format!("request {nonce} is told {what}"));
    told
}

fn classify(error: &CallError) -> Told {
    match error {
        CallError::Refused(_) | CallError::LaneSkipped | CallError::NotAccepted => Told::Never(error.to_string()),
        CallError::Busy
        | CallError::NotReady(_)
        | CallError::NoQuorum { .. }
        | CallError::Gateway(_)
        | CallError::Moved { .. } => Told::Later(error.to_string()),
    }
}

/// Checks what a client would check, and remembers.
fn acknowledge(world: &World, signed: &SignedRequest, receipt: &Receipt) {
    if !receipt.is_included() || receipt.request != signed.request {
        world.history.wrong(format!("the receipt of request {} does not hold", signed.request.nonce));
    }
    if world.plan.lying() < THRESHOLD && receipt.exchange != exchange(signed) {
        world.history.wrong(format!("the receipt of request {} has a wrong answer", signed.request.nonce));
    }
    let batch = receipt.certified.batch.clone();
    world.history.facts(|facts| facts.acknowledged.entry(signed.request.id()).or_default().push(batch));
}
