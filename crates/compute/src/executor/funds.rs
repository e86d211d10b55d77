//! Whether a request is paid for, before it runs, and whether a batch charges what it may, before it is signed.

use std::sync::Arc;

use alloy_primitives::{Address, U256};

use super::Inner;
use super::results::Ran;
use crate::fees::Standing;
use crate::fees::book::{self, Draft, Parent};
use crate::lane::LaneKey;
use crate::lane::chain::ChainView;
use crate::request::Rules;
use crate::store::Error;
use crate::wire::{ProposeCall, Refusal, SignedRequest};

/// The client has signed for the fee and can pay it, over all lanes of the app. Calls of others under way are the gateway's
/// to count: it loses its part of what nobody pays.
pub fn check(inner: &Inner, rules: &Rules, signed: &SignedRequest) -> Result<(), Refusal> {
    let fee = rules.price.fee_of(&signed.signature, signed.payload.len());
    if fee.is_zero() {
        return Ok(());
    }
    let client = signed.request.client;
    let deposit = inner.chain.deposit(rules.app, client);
    let owed = owed_by_lane(inner, rules, client).map_err(|error| inner.store_failed(&error))?;
    Standing::of(owed, &deposit).check(&signed.request, fee, &deposit)
}

fn owed_by_lane(inner: &Inner, rules: &Rules, client: Address) -> Result<Vec<(u32, U256)>, Error> {
    let apps = inner.chain.apps().into_iter();
    let lanes = apps.filter(|(app, _)| *app == rules.app).flat_map(|(_, lanes)| 1..=lanes);
    let total = |lane| {
        let lane = LaneKey { app: rules.app, lane };
        book::newest_total(inner.store().fees(), lane, inner.chain.lane(lane).as_ref(), client)
    };
    lanes.map(|lane| Ok((lane, total(lane)?))).collect()
}

/// Rebuilds the charges of a batch from our own results; `feesRoot` must be exactly theirs, and each within what its client
/// signed for and has. None where the app had no price at the batch's time: then there is nothing to count.
pub fn check_batch(inner: &Inner, call: &ProposeCall, results: &[Arc<Ran>]) -> Result<Option<Draft>, Refusal> {
    let header = &call.header;
    let wrong_root = || Refusal::WrongHeader("feesRoot".into());
    let Some(price) = inner.chain.price(header.app, u64::from(header.reference_timestamp)) else {
        let nothing = header.fees_root.is_zero() && call.owed.is_empty();
        return if nothing { Ok(None) } else { Err(wrong_root()) };
    };
    let lane = inner.chain.lane(LaneKey::of(header)).ok_or(Refusal::UnknownLane)?;
    let parent = Parent::of(header, &lane, is_unpriced(&*inner.chain, call));
    let clients = results.iter().map(|ran| ran.signed.request.client);
    let draft = Draft::start(inner.store().fees(), LaneKey::of(header), header.sequence, &parent, clients);
    let mut draft = draft.map_err(|error| inner.store_failed(&error))?.on_the_word_of(&call.owed);
    let mut charges = Vec::with_capacity(results.len());
    for ran in results {
        let fee = price.fee_of(&ran.signed.signature, ran.signed.payload.len());
        if !ran.signed.signature.is_empty() {
            check_own_price(inner, fee)?;
        }
        let deposit = inner.chain.deposit(header.app, ran.signed.request.client);
        charges.push(draft.charge(ran.exchange.request_id, &ran.signed.request, fee, &deposit)?);
    }
    let exact = header.fees_root == book::fees_root(&price, &charges) && draft.owed() == call.owed;
    if exact { Ok(Some(draft)) } else { Err(wrong_root()) }
}

fn check_own_price(inner: &Inner, offered: U256) -> Result<(), Refusal> {
    let min = inner.config.fee_min;
    if offered < min { Err(Refusal::FeeTooLow { offered, min }) } else { Ok(()) }
}

/// Whether the parent comes from a time before the app's first price. Its hash was compared with the header's before.
fn is_unpriced(chain: &dyn ChainView, call: &ProposeCall) -> bool {
    let parent = call.parent.as_ref().filter(|parent| parent.hash() == call.header.parent);
    parent.is_some_and(|parent| chain.price(parent.app, u64::from(parent.reference_timestamp)).is_none())
}
