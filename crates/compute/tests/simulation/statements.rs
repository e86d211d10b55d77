//! What must hold of every run. `docs/simulation.md` explains each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use vouch_compute::evidence::Evidence;
use vouch_compute::fees::book;
use vouch_core::{Batch, BatchHash, Origin, RequestId, merkle};

use crate::cast::*;
use crate::chain::{Registry, may_follow};
use crate::history::Facts;
use crate::network::{GATEWAY, Server};
use crate::world::{CALL_TIMEOUT, Plan, World};

/// How much longer than its timeout a call may take: work that waits for a thread.
const SLACK: Duration = Duration::from_secs(4);

/// Everything that is wrong with a run, in words.
pub fn check(world: &World) -> Vec<String> {
    let registry = world.chain.latest();
    let (plan, scheduler) = (&world.plan, &world.scheduler);
    world.history.facts(|facts| {
        let mut wrongs = facts.wrongs.clone();
        wrongs.extend(no_honest_executor_equivocates(plan, facts, &registry));
        wrongs.extend(no_honest_gateway_equivocates(plan, facts));
        wrongs.extend(no_slot_has_two_certificates(plan, facts));
        wrongs.extend(nothing_is_signed_that_was_not_computed(plan, facts));
        wrongs.extend(nothing_is_signed_beyond_the_window(plan, facts));
        wrongs.extend(no_request_is_signed_twice(world, facts));
        wrongs.extend(nothing_acknowledged_is_contradicted(plan, facts, &registry));
        wrongs.extend(nobody_is_charged_too_much(plan, facts, &registry));
        wrongs.extend(the_inbox_is_answered_in_order(plan, facts, &registry));
        let overdue = |(process, began): &(u64, Duration)| {
            !scheduler.has_ended(*process) && scheduler.elapsed() > *began + CALL_TIMEOUT + SLACK
        };
        wrongs.extend(every_call_ends(facts, overdue));
        wrongs
    })
}

fn header(facts: &Facts, hash: BatchHash) -> &Batch {
    &facts.headers[&hash].header
}

/// Safety: an honest executor never signs two batches of one slot, nor one on a parent that is not the batch before it.
fn no_honest_executor_equivocates(plan: &Plan, facts: &Facts, registry: &Registry) -> Vec<String> {
    let mut slots: BTreeMap<(usize, u64), BatchHash> = BTreeMap::new();
    let mut wrongs = Vec::new();
    for (executor, hash) in facts.signed.keys().filter(|(executor, _)| plan.is_honest(*executor)) {
        let signed = header(facts, *hash);
        let before = slots.insert((*executor, signed.sequence), *hash);
        if before.is_some_and(|before| before != *hash) {
            wrongs.push(format!("executor {executor} signed two batches of sequence {}", signed.sequence));
        }
        let parent = facts.headers.get(&signed.parent).map(|proposed| &proposed.header);
        if !may_follow(registry, signed, parent) {
            wrongs.push(format!("executor {executor} signed sequence {} on a wrong parent", signed.sequence));
        }
    }
    wrongs
}

/// Safety: an honest gateway never proposes two batches for one slot.
fn no_honest_gateway_equivocates(plan: &Plan, facts: &Facts) -> Vec<String> {
    if plan.gateway_lies {
        return Vec::new();
    }
    let mut slots: BTreeMap<u64, BatchHash> = BTreeMap::new();
    let mut wrongs = Vec::new();
    for hash in &facts.proposed {
        let sequence = header(facts, *hash).sequence;
        if slots.insert(sequence, *hash).is_some() {
            wrongs.push(format!("the gateway proposed two batches for sequence {sequence}"));
        }
    }
    wrongs
}

/// Safety: no two certificates for one (lane, sequence), unless more than a third lies. Whoever lies counts as having
/// signed everything.
fn no_slot_has_two_certificates(plan: &Plan, facts: &Facts) -> Vec<String> {
    if !plan.is_safe() {
        return Vec::new();
    }
    let mut slots: BTreeMap<u64, BatchHash> = BTreeMap::new();
    let mut wrongs = Vec::new();
    for hash in certified(plan, facts) {
        let sequence = header(facts, hash).sequence;
        if slots.insert(sequence, hash).is_some_and(|before| before != hash) {
            wrongs.push(format!("sequence {sequence} has two certificates"));
        }
    }
    wrongs
}

/// The batches for which there could be a certificate.
fn certified<'a>(plan: &'a Plan, facts: &'a Facts) -> impl Iterator<Item = BatchHash> + 'a {
    let weight = |hash: BatchHash| -> u64 {
        let signed = |executor: &usize| plan.is_honest(*executor) && facts.signed.contains_key(&(*executor, hash));
        (0..EXECUTORS).filter(signed).map(|executor| WEIGHTS[executor]).sum()
    };
    facts.headers.keys().copied().filter(move |hash| weight(*hash) + plan.lying() >= THRESHOLD)
}

/// Safety: an honest executor signs only what it has run itself, with the result that it got; so no exchange is certified
/// that threshold stake did not compute.
fn nothing_is_signed_that_was_not_computed(plan: &Plan, facts: &Facts) -> Vec<String> {
    let mut wrongs = Vec::new();
    for (executor, hash) in facts.signed.keys().filter(|(executor, _)| plan.is_honest(*executor)) {
        let proposed = &facts.headers[hash];
        let leaves: Vec<_> = proposed
            .requests
            .iter()
            .filter(|id| facts.runs.contains(&(*executor, **id)))
            .filter_map(|id| facts.requests.get(id))
            .map(|signed| exchange(signed).leaf())
            .collect();
        if leaves.len() != proposed.requests.len() || merkle::root(&leaves) != proposed.header.exchanges_root {
            wrongs.push(format!("executor {executor} signed what it did not compute"));
        }
    }
    wrongs
}

/// Safety: nobody honest signs more than W sequences beyond the finalized cursor.
fn nothing_is_signed_beyond_the_window(plan: &Plan, facts: &Facts) -> Vec<String> {
    let beyond = |((executor, hash), cursor): (&(usize, BatchHash), &u64)| {
        let sequence = header(facts, *hash).sequence;
        let is_wrong = plan.is_honest(*executor) && sequence > cursor + u64::from(WINDOW);
        is_wrong.then(|| format!("executor {executor} signed {sequence} with the cursor at {cursor}"))
    };
    facts.signed.iter().filter_map(beyond).collect()
}

/// Safety: an honest executor that remembers everything signs no request twice.
fn no_request_is_signed_twice(world: &World, facts: &Facts) -> Vec<String> {
    let remembers = |executor: usize| world.plan.is_honest(executor) && !world.was_replaced(executor);
    let mut places: BTreeMap<(usize, RequestId), BatchHash> = BTreeMap::new();
    let mut wrongs = Vec::new();
    for (executor, hash) in facts.signed.keys().filter(|(executor, _)| remembers(*executor)) {
        for request in &facts.headers[hash].requests {
            // An entry of the inbox comes again after a skip: the cursor says what is answered.
            if facts.requests.get(request).is_some_and(|signed| signed.origin() == Origin::Inbox) {
                continue;
            }
            let before = places.insert((*executor, *request), *hash);
            if before.is_some_and(|before| before != *hash) {
                wrongs.push(format!("executor {executor} signed {request} twice"));
            }
        }
    }
    wrongs
}

/// Safety: what a client was told stays so: no other receipt for the same request in the same slot, and no other batch on
/// chain in that slot. [`nothing_acknowledged_is_lost`] asks the nodes too.
fn nothing_acknowledged_is_contradicted(plan: &Plan, facts: &Facts, registry: &Registry) -> Vec<String> {
    if !plan.is_safe() {
        return Vec::new();
    }
    let batches = facts.acknowledged.values().flatten();
    let contradicted = |batch: &&Batch| registry.recorded.get(&batch.sequence).is_some_and(|on| *on != batch.hash());
    batches.filter(contradicted).map(|batch| format!("the chain has another batch {}", batch.sequence)).collect()
}

/// Safety: a posted batch charges nobody beyond what it signed for, and, where gateway and executors are honest, nobody
/// beyond its answered calls; a call that no posted batch answers costs nothing. The vault has paid no more than that.
fn nobody_is_charged_too_much(plan: &Plan, facts: &Facts, registry: &Registry) -> Vec<String> {
    if !plan.priced || !plan.is_safe() {
        return Vec::new();
    }
    let (mut debts, mut signed_for) = (BTreeMap::<Address, U256>::new(), BTreeMap::<Address, U256>::new());
    let mut wrongs = Vec::new();
    for (sequence, hash) in &registry.recorded {
        let Some(proposed) = facts.headers.get(hash) else { continue };
        let requests = facts.requests_of(proposed);
        let charges = book::charges(requests.iter().map(|signed| (&signed.request, fee(signed))), &proposed.owed);
        let charges = charges.filter(|charges| book::fees_root(&PRICE, charges) == proposed.header.fees_root);
        let Some(charges) = charges else {
            wrongs.push(format!("batch {sequence} does not charge its calls"));
            continue;
        };
        for (charge, signed) in charges.iter().zip(requests) {
            let debt = debts.entry(charge.client).or_default();
            *debt += charge.fee;
            if plan.lying() == 0 && !plan.gateway_lies && charge.total > *debt {
                wrongs.push(format!("batch {sequence} charges {} for calls of {debt}", charge.total));
            }
            let most = signed_for.entry(charge.client).or_default();
            *most = (*most).max(signed.request.max_fee);
            if !charge.fee.is_zero() && charge.total > signed.request.max_fee {
                wrongs.push(format!("batch {sequence} charges {} of {}", charge.total, signed.request.max_fee));
            }
        }
    }
    let overpaid = |(client, paid): (&Address, &U256)| {
        let most = signed_for.get(client).copied().unwrap_or_default();
        (*paid > most).then(|| format!("the vault paid {paid} for a client that signed for {most}"))
    };
    wrongs.extend(registry.settled.iter().filter_map(overpaid));
    wrongs
}

/// Safety: posted batches answer the forced inbox in its order, each entry once, and count what they answer.
fn the_inbox_is_answered_in_order(plan: &Plan, facts: &Facts, registry: &Registry) -> Vec<String> {
    if !plan.is_safe() {
        return Vec::new();
    }
    let (mut cursor, mut wrongs) = (0, Vec::new());
    for (sequence, hash) in &registry.recorded {
        let Some(proposed) = facts.headers.get(hash) else { continue };
        for signed in facts.requests_of(proposed).iter().filter(|signed| signed.origin() == Origin::Inbox) {
            if registry.inbox.get(cursor) != Some(*signed) {
                wrongs.push(format!("batch {sequence} does not answer entry {} of the inbox", cursor + 1));
            }
            cursor += 1;
        }
        if proposed.header.inbox_cursor != cursor as u64 {
            wrongs.push(format!("batch {sequence} counts {} entries of {cursor}", proposed.header.inbox_cursor));
        }
        let time = u64::from(proposed.header.reference_timestamp);
        let overdue = registry.inbox.iter().skip(cursor).any(|signed| signed.request.deadline < time);
        if overdue && facts.requests_of(proposed).iter().any(|signed| signed.origin() == Origin::Signed) {
            wrongs.push(format!("batch {sequence} passes over an entry of the inbox"));
        }
    }
    wrongs
}

/// Safety: after everything, an honest gateway whose store was never replaced still has every receipt that it gave.
pub async fn nothing_acknowledged_is_lost(world: &Arc<World>) -> Vec<String> {
    if world.plan.gateway_lies || world.was_replaced(GATEWAY) {
        return Vec::new();
    }
    let Some(gateway) = world.gateway() else { return vec!["the gateway is down".into()] };
    let acknowledged = world.history.facts(|facts| facts.acknowledged.clone());
    let mut wrongs = Vec::new();
    for (request, batches) in acknowledged {
        let found = gateway.receipt(request).await;
        let same = matches!(&found, Ok(Some(receipt)) if batches.iter().all(|batch| *batch == receipt.certified.batch));
        if !same {
            let found = found.map(|receipt| receipt.map(|receipt| receipt.certified.batch.sequence));
            wrongs.push(format!("the receipt of {request} (batch {}) is lost: {found:?}", batches[0].sequence));
        }
    }
    wrongs
}

/// Safety: nobody holds a proof against an honest gateway.
pub fn no_proof_against_the_honest(world: &World) -> Vec<String> {
    if world.plan.gateway_lies {
        return Vec::new();
    }
    let mut wrongs = Vec::new();
    for node in 0..EXECUTORS {
        let Some((_, Server::Executor(executor))) = world.network.server(node) else { continue };
        let proofs = executor.evidence().unwrap_or_default();
        let against = |evidence: &Evidence| {
            matches!(evidence, Evidence::GatewayEquivocation { .. } | Evidence::GatewayForkedParent { .. })
        };
        let against = proofs.iter().filter(|evidence| against(evidence));
        wrongs.extend(
            against.map(|evidence| format!("executor {node} holds a {} of an honest gateway", evidence.name())),
        );
    }
    wrongs
}

/// Liveness: every call ends in time, well or not, unless its gateway's life ended before.
fn every_call_ends(facts: &Facts, is_overdue: impl Fn(&(u64, Duration)) -> bool) -> Vec<String> {
    let overdue = facts.open_calls.values().filter(|call| is_overdue(call));
    overdue.map(|(_, began)| format!("a call that began at {began:?} never ended")).collect()
}
