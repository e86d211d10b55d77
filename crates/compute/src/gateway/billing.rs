//! What the gateway charges: who may call, what a batch costs its clients, and which charges are to be settled.

use alloy_primitives::{Address, B256, Bytes, U256};
use vouch_core::{AppId, Batch, BatchData, Charge, Entry, Request, RequestId, VerifiedCertificate, merkle};

use super::round::AgreedCall;
use super::shared::Shared;
use super::signing::{BuildError, Frame};
use super::slot::NextSlot;
use super::{CallError, store::SlotRecord};
use crate::fees::book::{self, Anchor, Draft, Parent};
use crate::fees::{Deposit, Price, Standing};
use crate::lane::LaneKey;
use crate::lane::slots::Slots;
use crate::wire::{Refusal, SignedRequest};

/// Clients whose charges are looked at per lane and settlement.
const CLIENTS_MAX: usize = 10_000;

/// How a client stands with an app at this gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientStanding {
    /// None if the app has never named a price.
    pub price: Option<Price>,
    pub deposit: Deposit,
    /// With calls under way.
    pub standing: Standing,
}

/// The calls of a batch that are paid for, and what they are charged.
pub struct Bill<'a> {
    pub calls: Vec<&'a AgreedCall>,
    pub fees_root: B256,
    pub draft: Option<Draft>,
}

/// A posted or postable charge with everything that the fee vault asks for.
#[derive(Clone, Debug)]
pub struct DueCharge {
    pub header: Batch,
    pub certificate: VerifiedCertificate,
    pub charge: Charge,
    pub index: u32,
    pub proof: Vec<B256>,
    pub request: Request,
    pub signature: Bytes,
}

impl Shared {
    /// How the client stands, over all lanes that this gateway counts and all that the chain has settled.
    pub fn standing(&self, app: AppId, client: Address) -> Result<ClientStanding, crate::store::Error> {
        let deposit = self.chain.deposit(app, client);
        let lanes = self.own_lanes().filter(|lane| lane.app == app);
        let owed = lanes.map(|lane| Ok((lane.lane, self.newest_total(lane, client)?)));
        let owed = owed.collect::<Result<Vec<_>, crate::store::Error>>()?;
        let standing = Standing::of(owed, &deposit).plus(self.callers.bills.sum((app, client)));
        Ok(ClientStanding { price: self.chain.price(app, self.chain.clock()), deposit, standing })
    }

    /// Lets a call in only if its client has signed for it and can pay it, with all its calls under way; before anything runs.
    pub fn check_funds(&self, signed: &SignedRequest, fee: U256) -> Result<(), CallError> {
        if fee.is_zero() {
            return Ok(());
        }
        let request = &signed.request;
        let found = self.standing(request.app, request.client);
        let found = found.map_err(|error| CallError::Gateway(error.to_string()))?;
        found.standing.check(request, fee, &found.deposit).map_err(CallError::Refused)
    }

    /// Drafts the charges of a batch. A call that is no longer paid for is answered so and left out: it costs nothing.
    pub fn bill<'a>(&self, frame: &Frame, agreed: &'a [AgreedCall]) -> Result<Bill<'a>, BuildError> {
        let price = self.chain.price(frame.lane.app, u64::from(frame.reference_timestamp));
        let Some(price) = price else {
            return Ok(Bill { calls: agreed.iter().collect(), fees_root: B256::ZERO, draft: None });
        };
        let clients = agreed.iter().map(|call| call.waiting.signed.request.client);
        let parent = self.parent_of(frame.lane, &frame.slot);
        let draft = Draft::start(self.store.fees(), frame.lane, frame.slot.sequence, &parent, clients)?;
        let mut draft = draft.with_heard(self.debts.heard(frame.lane, frame.slot.parent));
        let (mut calls, mut charges) = (Vec::new(), Vec::new());
        for call in agreed {
            match self.charge(&mut draft, &price, call) {
                Ok(charge) => {
                    charges.push(charge);
                    calls.push(call);
                }
                Err(refusal) => self.fail(call.waiting.id, CallError::Refused(refusal)),
            }
        }
        if calls.is_empty() {
            return Err(BuildError::NothingPaid);
        }
        Ok(Bill { calls, fees_root: book::fees_root(&price, &charges), draft: Some(draft) })
    }

    fn charge(&self, draft: &mut Draft, price: &Price, call: &AgreedCall) -> Result<Charge, Refusal> {
        let signed = &call.waiting.signed;
        let deposit = self.chain.deposit(signed.request.app, signed.request.client);
        let fee = price.fee_of(&signed.signature, signed.payload.len());
        draft.charge(call.waiting.id, &signed.request, fee, &deposit)
    }

    /// The batch that a slot's batch is drafted on.
    pub fn parent_of(&self, lane: LaneKey, slot: &NextSlot) -> Parent {
        let header = slot.parent_header.as_ref();
        let anchor = self.chain.lane(lane).map_or_else(Anchor::default, |lane| Anchor::from(&lane));
        let sequence = header.map_or(anchor.sequence, |header| header.sequence);
        let unpriced =
            header.is_some_and(|header| self.chain.price(header.app, u64::from(header.reference_timestamp)).is_none());
        Parent { sequence, hash: slot.parent, unpriced, anchor }
    }

    /// The newest charge at or below `cursor` of every client of the lane that is not settled yet.
    pub fn due_charges(&self, lane: LaneKey, cursor: u64) -> Result<Vec<DueCharge>, CallError> {
        let failed = |error: crate::store::Error| CallError::Gateway(error.to_string());
        let mut due = Vec::new();
        for (client, sequence) in book::newest_charges(self.store.fees(), lane, cursor, CLIENTS_MAX).map_err(failed)? {
            let deposit = self.chain.deposit(lane.app, client);
            let Some(record) = self.store.slot(lane, sequence).map_err(failed)? else { continue };
            let Some(charge) = self.due_charge(lane, record, client)? else { continue };
            let payable = charge.charge.total > deposit.settled_on(lane.lane) && !deposit.balance.is_zero();
            if payable {
                due.push(charge);
            }
        }
        Ok(due)
    }

    fn due_charge(&self, lane: LaneKey, record: SlotRecord, client: Address) -> Result<Option<DueCharge>, CallError> {
        let failed = |error: crate::store::Error| CallError::Gateway(error.to_string());
        let header = &record.header;
        let Some(certificate) = self.certificate_of(&record)? else { return Ok(None) };
        let Some(data) = self.store.data(header.hash()).map_err(failed)? else { return Ok(None) };
        let data = BatchData::decode(&data).map_err(|error| CallError::Gateway(error.to_string()))?;
        let Some(price) = self.chain.price(lane.app, u64::from(header.reference_timestamp)) else { return Ok(None) };
        let owed = self.store.owed(lane, header.sequence).map_err(failed)?;
        let entries = data.entries();
        let fee = |entry: &Entry| price.fee_of(&entry.signature, entry.payload.len());
        let charges = book::charges(entries.iter().map(|entry| (&entry.request, fee(entry))), &owed);
        let charges = charges.filter(|charges| book::fees_root(&price, charges) == header.fees_root);
        let Some(charges) = charges else { return Ok(None) };
        let Some(index) = charges.iter().rposition(|charge| charge.client == client) else { return Ok(None) };
        let leaves: Vec<B256> = charges.iter().map(Charge::leaf).collect();
        let proof = merkle::prove(&leaves, index).map_err(|error| CallError::Gateway(error.to_string()))?;
        Ok(Some(DueCharge {
            header: record.header,
            certificate,
            charge: charges[index],
            index: index as u32,
            proof,
            request: entries[index].request.clone(),
            signature: entries[index].signature.clone(),
        }))
    }

    /// Opens the bill of a call that was let in.
    pub fn open_bill(&self, id: RequestId, request: &Request, fee: U256) {
        self.callers.bills.open(id, (request.app, request.client), fee);
    }
}
