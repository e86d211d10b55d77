//! Going on where a gateway stopped: which batches may stand in the slots behind the cursor.
//!
//! Executors say which batch each of their slots is reserved for ([`Answers`]). A batch that was certified was signed, and
//! so reserved, by a threshold of stake; two thresholds share an honest executor, so whoever has heard a threshold has
//! heard of every batch that was, or still could be, certified. [`Ballot::plan`] says what follows, and for whom:
//!
//! - the lane's next gateway ([`Asker::NextGateway`]) takes over what may be certified, with all that it stands on, and
//!   makes new batches where a threshold can still sign them;
//! - an operator ([`Asker::Operator`]) makes nothing: it brings what is reserved to those who have not seen it.
//!
//! Nobody's safety rests on this: a slot is signed once, whoever proposes. A wrong plan only leaves a lane stuck.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::U256;
use futures::future::join_all;
use vouch_coding::{DataCommitment, Srs};
use vouch_core::{Batch, BatchData, BatchHash, Charge, Entry, OperatorId, table};

use super::chain::{ChainView, Peers, Table};
use super::{LaneKey, LaneState};
use crate::evidence::SignedHeader;
use crate::fees::book;
use crate::machine::Machine;
use crate::wire::{Answer, BatchContent, Call, Opening, SLOTS_MAX, Signer, SlotsCall};

/// What each executor that answered has reserved, ascending by sequence.
pub type Answers = BTreeMap<OperatorId, Vec<SignedHeader>>;

/// Who asks what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    NextGateway,
    Operator,
}

/// What may be done with the slots behind the cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// To propose again, byte for byte, in this order from the slot behind the cursor on.
    pub adopt: Vec<SignedHeader>,
    pub next: Next,
}

/// How the first slot behind [`Plan::adopt`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A new batch can be certified there.
    Free,
    /// Too much stake is bound to batches of which none can be certified: only a skip moves the lane on.
    Dead,
    /// More answers are needed.
    Unclear,
}

/// The answers about a lane, with what they weigh.
pub struct Ballot<'a> {
    pub lane: &'a LaneState,
    pub answers: &'a Answers,
    /// The table of a batch; none if it is not known.
    pub table: &'a (dyn Fn(&Batch) -> Option<Arc<Table>> + Sync),
    pub threshold_bips: u16,
}

/// Where the stake of one batch's table stands in that batch's slot.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// Reserved the slot for this batch.
    holds: U256,
    /// Answered, and has not reserved the slot.
    free: U256,
    /// Has not answered.
    silent: U256,
    threshold: U256,
}

impl Tally {
    fn may_be_certified(&self) -> bool {
        self.holds.saturating_add(self.silent) >= self.threshold
    }

    fn can_be_certified(&self) -> bool {
        self.holds.saturating_add(self.free).saturating_add(self.silent) >= self.threshold
    }

    fn leaves_room(&self) -> bool {
        self.free.saturating_add(self.silent) >= self.threshold
    }
}

impl Ballot<'_> {
    /// Whether those who answered have the threshold of `table`'s stake.
    pub fn is_heard(&self, table: &Table) -> bool {
        let tally = self.tally(table, |_| false, 0);
        tally.silent.saturating_add(tally.threshold) <= table.table().totals()[0]
    }

    /// What follows from the answers. Deterministic; as many steps as there are answers at most.
    pub fn plan(&self, asker: Asker) -> Plan {
        let mut adopt = match self.certain() {
            Ok(chain) => chain,
            Err(next) => return Plan { adopt: Vec::new(), next },
        };
        loop {
            let (sequence, parent) = match adopt.last() {
                Some(last) => (last.header.sequence + 1, last.header.hash()),
                None => (self.lane.cursor + 1, self.lane.tip),
            };
            match self.slot(sequence, parent, asker) {
                Ok(signed) => adopt.push(signed),
                Err(next) => return Plan { adopt, next },
            }
        }
    }

    /// The longest chain from the tip to a batch that may be certified. What it stands on need not have a threshold of its
    /// own: a certificate speaks for all of a batch's ancestors.
    fn certain(&self) -> Result<Vec<SignedHeader>, Next> {
        let batches = self.batches();
        let certifiable =
            |signed: &&&SignedHeader| self.tally_of(&signed.header).is_some_and(|tally| tally.may_be_certified());
        let mut candidates: Vec<_> = batches.values().filter(certifiable).collect();
        candidates.sort_by_key(|signed| std::cmp::Reverse(signed.header.sequence));
        let chains: Vec<_> = candidates.iter().filter_map(|last| self.chain_to(last, &batches)).collect();
        let Some(longest) = chains.first() else { return Ok(Vec::new()) };
        // A chain that is not the beginning of the longest one contradicts it.
        let agrees = |chain: &Vec<SignedHeader>| longest.get(chain.len() - 1) == chain.last();
        if chains.iter().all(agrees) { Ok(longest.clone()) } else { Err(Next::Unclear) }
    }

    /// The batches from the tip to `last`; none if one is missing.
    fn chain_to(&self, last: &SignedHeader, batches: &HashMap<BatchHash, &SignedHeader>) -> Option<Vec<SignedHeader>> {
        let mut chain = vec![last.clone()];
        while let Some(first) = chain.last()
            && first.header.sequence != self.lane.cursor + 1
        {
            let parent = *batches.get(&first.header.parent)?;
            if parent.header.sequence + 1 != first.header.sequence {
                return None;
            }
            chain.push(parent.clone());
        }
        chain.reverse();
        (chain.first()?.header.parent == self.lane.tip).then_some(chain)
    }

    /// The batch to adopt in a slot of which no batch need be certified yet.
    fn slot(&self, sequence: u64, parent: BatchHash, asker: Asker) -> Result<SignedHeader, Next> {
        let batches = self.batches();
        let mut here: Vec<_> = batches
            .values()
            .filter(|signed| signed.header.sequence == sequence)
            .filter_map(|signed| Some((self.tally_of(&signed.header)?, *signed)))
            .collect();
        here.sort_by_key(|(tally, signed)| (std::cmp::Reverse(tally.holds), signed.header.hash()));
        let room = here.iter().all(|(tally, _)| tally.leaves_room());
        if room && asker == Asker::NextGateway {
            return Err(Next::Free);
        }
        let mut viable =
            here.iter().filter(|(tally, signed)| signed.header.parent == parent && tally.can_be_certified());
        match viable.next() {
            Some((_, signed)) => Ok((*signed).clone()),
            None => Err(if room { Next::Free } else { Next::Dead }),
        }
    }

    /// Every batch that somebody holds, once.
    fn batches(&self) -> HashMap<BatchHash, &SignedHeader> {
        self.answers.values().flatten().map(|signed| (signed.header.hash(), signed)).collect()
    }

    fn tally_of(&self, header: &Batch) -> Option<Tally> {
        let table = (self.table)(header)?;
        let hash = header.hash();
        Some(self.tally(&table, |signed| signed.header.hash() == hash, header.sequence))
    }

    fn tally(&self, table: &Table, is_it: impl Fn(&SignedHeader) -> bool, sequence: u64) -> Tally {
        let threshold = table::threshold(table.table().totals()[0], self.threshold_bips);
        let mut tally = Tally { threshold, ..Tally::default() };
        for (operator, weight) in table.operators().iter().zip(table.table().primary_weights()) {
            let slots = self.answers.get(operator);
            let found = slots.map(|slots| slots.iter().find(|signed| signed.header.sequence == sequence));
            match found {
                None => tally.silent = tally.silent.saturating_add(weight),
                Some(None) => tally.free = tally.free.saturating_add(weight),
                Some(Some(signed)) if is_it(signed) => tally.holds = tally.holds.saturating_add(weight),
                Some(Some(_)) => {}
            }
        }
        tally
    }
}

/// Asks every executor of the lane's app for its slots behind the cursor. Who does not answer, or answers with what no
/// gateway of the lane signed, is silent.
pub async fn gather(
    chain: &dyn ChainView,
    peers: &dyn Peers,
    lane: LaneKey,
    state: &LaneState,
    timeout: Duration,
) -> Answers {
    let asked = peers.executors(lane.app).into_iter().map(|peer| async move {
        let slots = slots_of(chain, peers, peer.operator, lane, state, timeout).await?;
        Some((peer.operator, slots))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

async fn slots_of(
    chain: &dyn ChainView,
    peers: &dyn Peers,
    operator: OperatorId,
    lane: LaneKey,
    state: &LaneState,
    timeout: Duration,
) -> Option<Vec<SignedHeader>> {
    let mut slots: Vec<SignedHeader> = Vec::new();
    // An honest answer ends at W: executors sign nothing beyond.
    while slots.len() <= state.window as usize {
        let after = slots.last().map_or(state.cursor, |last| last.header.sequence);
        let body = Call::Slots(SlotsCall { lane, epoch: state.epoch, after }).encode().into();
        let answer = peers.call(Signer::Operator(operator), body, timeout).await.ok()?;
        let Ok(Answer::Slots(page)) = Answer::decode(&answer) else { return None };
        let is_last = page.len() < SLOTS_MAX;
        if !are_in_order(&page, after) || !page.iter().all(|signed| is_of_lane(chain, lane, state, signed)) {
            return None;
        }
        slots.extend(page);
        if is_last {
            return Some(slots);
        }
    }
    None
}

fn are_in_order(page: &[SignedHeader], after: u64) -> bool {
    let mut last = after;
    page.iter().all(|signed| signed.header.sequence > std::mem::replace(&mut last, signed.header.sequence))
}

/// Whether a gateway of the lane, of this epoch or an earlier one, signed it for this lane.
fn is_of_lane(chain: &dyn ChainView, lane: LaneKey, state: &LaneState, signed: &SignedHeader) -> bool {
    let header = &signed.header;
    let here = header.registry == chain.registry()
        && header.chain_id == U256::from(chain.chain_id())
        && LaneKey::of(header) == lane
        && chain.app(lane.app).is_some_and(|app| app.operator_set_id == header.operator_set_id);
    let was_gateway = |signer| signer == state.gateway || chain.first_shown(lane, Signer::Gateway(signer)).is_some();
    here && signed.signer().is_some_and(was_gateway)
}

/// A way to the data of batches that executors hold.
pub struct Fetch<'a> {
    pub machine: &'a Machine,
    pub chain: &'a Arc<dyn ChainView>,
    pub peers: &'a dyn Peers,
    pub srs: &'a Arc<Srs>,
    /// Says who holds what.
    pub answers: &'a Answers,
    /// How long each may take.
    pub timeout: Duration,
}

impl Fetch<'_> {
    /// What a batch was proposed with, and the opening that follows from its data; none if nobody has it.
    pub async fn content(&self, header: &Batch) -> Option<(BatchContent, Opening)> {
        let holds = |slots: &Vec<SignedHeader>| slots.iter().any(|signed| signed.header == *header);
        let holders = self.answers.iter().filter(|(_, slots)| holds(slots)).map(|(operator, _)| *operator);
        for operator in holders {
            let body = Call::Data(header.hash()).encode().into();
            let Ok(answer) = self.peers.call(Signer::Operator(operator), body, self.timeout).await else { continue };
            let Ok(Answer::Data(Some(content))) = Answer::decode(&answer) else { continue };
            let (srs, chain, header) = (Arc::clone(self.srs), Arc::clone(self.chain), header.clone());
            let checked = self.machine.blocking(move || {
                let opening = opening_of(&srs, &header, &content.data)?;
                charges_of(&*chain, &header, &content).is_some().then_some((opening, content))
            });
            let checked = checked.await;
            if let Ok(Some((opening, content))) = checked {
                return Some((content, opening));
            }
        }
        None
    }
}

/// What a batch charges, by what its clients owed before it; none if that is not what its header says. Nothing where the
/// app had no price.
pub fn charges_of(chain: &dyn ChainView, header: &Batch, content: &BatchContent) -> Option<Vec<Charge>> {
    let Some(price) = chain.price(header.app, u64::from(header.reference_timestamp)) else {
        return header.fees_root.is_zero().then(Vec::new);
    };
    let data = BatchData::decode(&content.data).ok()?;
    let fee = |entry: &Entry| price.fee_of(&entry.signature, entry.payload.len());
    let charges = book::charges(data.entries().iter().map(|entry| (&entry.request, fee(entry))), &content.owed)?;
    (book::fees_root(&price, &charges) == header.fees_root).then_some(charges)
}

/// The opening of a batch's data; none if it is not the data of this batch. Blocks.
pub fn opening_of(srs: &Srs, header: &Batch, data: &[u8]) -> Option<Opening> {
    let decoded = BatchData::decode(data).ok()?;
    if data.len() as u64 != header.data_length || decoded.exchanges_root() != header.exchanges_root {
        return None;
    }
    let (commitment, opening) = srs.commit_data(data).ok()?;
    let expected = DataCommitment { x: header.data_commitment_x, y: header.data_commitment_y };
    (commitment == expected).then_some(Opening { value: opening.value, proof: opening.proof })
}
