//! What each client owes on each lane, as executor and gateway count it.
//!
//! The count follows the batches that are signed: each is drafted on its parent, and the draft is kept with the batch. A
//! skip makes batches void, and what they charged with them. Who missed batches cannot know what they charged: from then
//! on it knows of each client only a lower bound, until that client is charged again in a batch that it has seen. An
//! executor without such a gap demands the exact number, so the quorum's word on it stands on those who saw everything.
//! Where a skip may be among what was missed, the bound is what was charged in final batches: the others may be void.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256};
use redb::{TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use vouch_core::{Batch, BatchHash, Charge, Request, RequestId};

use super::debts::Debt;
use super::{Deposit, Price};
use crate::lane::{LaneKey, LaneState};
use crate::store::{Error, Store, encode};
use crate::wire::Refusal;

/// Keys: a lane's 36 bytes for its [`Thread`]; those and a client's 20 for its [`History`].
pub const BOOK: TableDefinition<&[u8], &[u8]> = TableDefinition::new("fees");
/// Batches remembered by hash per lane, so that the one before a skip is known again.
const RECENT_MAX: usize = 256;
/// Ranges of void sequences kept per lane; each takes a skip.
const VOIDS_MAX: usize = 1_024;

/// The batch on which another one is drafted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    pub sequence: u64,
    pub hash: BatchHash,
    /// It is known to come from a time in which the app had no price: nobody owed anything by then.
    pub unpriced: bool,
    pub anchor: Anchor,
}

/// The lane's newest posted batch in a finalized block: nothing before it can become void.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    pub sequence: u64,
    pub hash: BatchHash,
    /// W: a skip makes exactly so many sequences void.
    pub window: u32,
}

impl From<&LaneState> for Anchor {
    fn from(lane: &LaneState) -> Self {
        Self { sequence: lane.tip_sequence, hash: lane.tip, window: lane.window }
    }
}

impl Parent {
    /// The parent of `header`, which must have passed [`LaneState::check_parent`].
    pub fn of(header: &Batch, lane: &LaneState, unpriced: bool) -> Self {
        let first = header.sequence == lane.cursor.saturating_add(1);
        let sequence = if first { lane.tip_sequence } else { header.sequence.saturating_sub(1) };
        Self { sequence, hash: header.parent, unpriced, anchor: lane.into() }
    }
}

/// Which batches of a lane were counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Thread {
    /// The newest ones, ascending.
    recent: Vec<(u64, BatchHash)>,
    /// Up to here batches may be missing; zero if none is.
    gap_through: u64,
    /// Open ranges of sequences that a skip made void, or may have.
    voids: Vec<(u64, u64)>,
    /// Up to here the counted batches are final.
    final_through: u64,
    /// Of the newest [`Anchor`].
    window: u32,
}

/// A client's totals by the sequences that charged it, ascending.
type History = Vec<(u64, U256)>;

impl Thread {
    /// Learns what is final.
    fn anchor(&mut self, anchor: &Anchor) {
        self.window = anchor.window;
        if self.recent.contains(&(anchor.sequence, anchor.hash)) {
            self.final_through = self.final_through.max(anchor.sequence);
        }
    }

    /// Goes on from `parent` to `sequence`.
    fn follow(&mut self, parent: &Parent, sequence: u64) {
        self.anchor(&parent.anchor);
        self.recent.retain(|(counted, _)| *counted <= parent.sequence);
        if parent.sequence.saturating_add(1) < sequence {
            self.forget(parent.sequence, sequence);
        }
        let counted = self.recent.last() == Some(&(parent.sequence, parent.hash));
        if !counted && !parent.unpriced && !parent.hash.is_zero() {
            self.gap_through = self.gap_through.max(parent.sequence);
            self.doubt(parent.sequence);
        }
    }

    /// Batches up to the one of `through` are missing. A skip takes a window and one more: where it may be among them, what was
    /// counted and is not final may be void.
    fn doubt(&mut self, through: u64) {
        if through.saturating_sub(self.final_through) > u64::from(self.window) {
            self.forget(self.final_through, through.saturating_add(1));
        }
    }

    /// What was charged between the two counts no more.
    fn forget(&mut self, before: u64, after: u64) {
        self.voids.push((before, after));
        let surplus = self.voids.len().saturating_sub(VOIDS_MAX);
        self.voids.drain(..surplus);
    }

    fn is_void(&self, sequence: u64) -> bool {
        self.voids.iter().any(|(before, after)| (before + 1..*after).contains(&sequence))
    }

    /// The last total at or below `through`, and whether nothing can be missing in it.
    fn owed(&self, history: &History, through: u64) -> (U256, bool) {
        let counts = |(sequence, _): &&(u64, U256)| *sequence <= through && !self.is_void(*sequence);
        match history.iter().rev().find(counts) {
            Some((sequence, total)) => (*total, *sequence > self.gap_through),
            None => (U256::ZERO, self.gap_through == 0),
        }
    }
}

/// The fees of one batch in the making, on top of what was counted before.
#[derive(Clone, Debug)]
pub struct Draft {
    lane: LaneKey,
    sequence: u64,
    /// The parent's sequence.
    through: u64,
    thread: Thread,
    histories: BTreeMap<Address, History>,
    /// What each client owes by now, in the order in which they first appear.
    running: Vec<(Address, U256)>,
    /// What each of them owed before the batch.
    owed: Vec<U256>,
    /// What the gateway says that they owed, where somebody else drafts.
    stated: Option<Vec<U256>>,
    /// What executors say that they owed, where the own count has a gap.
    heard: BTreeMap<Address, U256>,
}

impl Draft {
    /// Starts the batch of `sequence` behind `parent` from what `store` has of these clients.
    pub fn start(
        store: &Store,
        lane: LaneKey,
        sequence: u64,
        parent: &Parent,
        clients: impl IntoIterator<Item = Address>,
    ) -> Result<Self, Error> {
        let mut thread: Thread = read(store, &lane.key())?.unwrap_or_default();
        thread.follow(parent, sequence);
        let mut histories = BTreeMap::new();
        for client in clients {
            if let Entry::Vacant(vacant) = histories.entry(client) {
                vacant.insert(read(store, &client_key(lane, client))?.unwrap_or_default());
            }
        }
        let (running, owed, heard) = (Vec::new(), Vec::new(), BTreeMap::new());
        Ok(Self { lane, sequence, through: parent.sequence, thread, histories, running, owed, stated: None, heard })
    }

    /// Takes the gateway's word for what clients owed before, as far as it does not contradict what is known here.
    #[must_use]
    pub fn on_the_word_of(mut self, stated: &[U256]) -> Self {
        self.stated = Some(stated.to_vec());
        self
    }

    /// Takes the executors' word where the own count has a gap; never for less than is known here.
    #[must_use]
    pub fn with_heard(mut self, heard: BTreeMap<Address, U256>) -> Self {
        self.heard = heard;
        self
    }

    /// Charges one request; nothing is counted if it is refused, because its client has not signed for it or cannot pay it.
    pub fn charge(
        &mut self,
        id: RequestId,
        request: &Request,
        fee: U256,
        deposit: &Deposit,
    ) -> Result<Charge, Refusal> {
        let client = request.client;
        let place = self.running.iter().position(|(known, _)| *known == client);
        let before = match place {
            Some(place) => self.running[place].1,
            None => self.owed_before(client, deposit.settled_on(self.lane.lane))?,
        };
        let over = Refusal::MaxFeeTooLow { offered: request.max_fee, needed: before.saturating_add(fee) };
        let total = before.checked_add(fee).ok_or(over.clone())?;
        if !fee.is_zero() {
            if total > request.max_fee {
                return Err(over);
            }
            deposit.covers(self.lane.lane, total)?;
        }
        match place {
            Some(place) => self.running[place].1 = total,
            None => {
                self.running.push((client, total));
                self.owed.push(before);
            }
        }
        Ok(Charge { request_id: id, client, fee, total })
    }

    /// `at_least`: what the chain knows that the client owed.
    fn owed_before(&self, client: Address, at_least: U256) -> Result<U256, Refusal> {
        let history = self.histories.get(&client).cloned().unwrap_or_default();
        let (known, exact) = self.thread.owed(&history, self.through);
        let Some(stated) = &self.stated else {
            let heard = self.heard.get(&client).copied().unwrap_or_default();
            return Ok(if exact { known } else { known.max(at_least).max(heard) });
        };
        let said = stated.get(self.owed.len()).copied().unwrap_or_default();
        let holds = if exact { said == known } else { said >= known };
        if holds { Ok(said) } else { Err(Refusal::WrongOwed { client, stated: said, known }) }
    }

    /// What each client owed before the batch, in the order in which they first appear in it.
    pub fn owed(&self) -> &[U256] {
        &self.owed
    }

    /// Keeps the draft as what the batch of this hash charged. Totals that only batches at or below the finalized
    /// `cursor` could still ask for are dropped, but for the newest.
    pub fn write(&self, transaction: &WriteTransaction, hash: BatchHash, cursor: u64) -> Result<(), redb::Error> {
        let mut table = transaction.open_table(BOOK)?;
        let mut thread = self.thread.clone();
        thread.recent.push((self.sequence, hash));
        let surplus = thread.recent.len().saturating_sub(RECENT_MAX);
        thread.recent.drain(..surplus);
        table.insert(self.lane.key().as_slice(), encode(&thread).as_slice())?;
        for (client, total) in &self.running {
            let mut history = self.histories.get(client).cloned().unwrap_or_default();
            history.retain(|(sequence, _)| *sequence <= self.through && !thread.is_void(*sequence));
            history.push((self.sequence, *total));
            let final_ones = history.iter().take_while(|(sequence, _)| *sequence <= cursor).count();
            history.drain(..final_ones.saturating_sub(1));
            table.insert(client_key(self.lane, *client).as_slice(), encode(&history).as_slice())?;
        }
        Ok(())
    }
}

/// What each of the clients owed behind `parent`, as far as it is counted here.
pub fn debts(
    store: &Store,
    lane: LaneKey,
    parent: &Parent,
    clients: impl IntoIterator<Item = Address>,
) -> Result<Vec<Debt>, Error> {
    let mut thread: Thread = read(store, &lane.key())?.unwrap_or_default();
    thread.follow(parent, parent.sequence.saturating_add(1));
    let debt = |client| {
        let history: History = read(store, &client_key(lane, client))?.unwrap_or_default();
        let (total, exact) = thread.owed(&history, parent.sequence);
        Ok(Debt { total, exact })
    };
    clients.into_iter().map(debt).collect()
}

/// The newest total of a client on a lane that is counted here and may still be asked for: in a batch that is final, or in one
/// that can still be posted. What lies between was made void by a skip, or nobody here knows. Zero if there is none.
pub fn newest_total(store: &Store, lane: LaneKey, state: Option<&LaneState>, client: Address) -> Result<U256, Error> {
    let history: Option<History> = read(store, &client_key(lane, client))?;
    let (Some(history), Some(state)) = (history, state) else { return Ok(U256::ZERO) };
    let mut thread: Thread = read(store, &lane.key())?.unwrap_or_default();
    thread.anchor(&state.into());
    let stands = |sequence: u64| sequence <= thread.final_through || sequence > state.cursor;
    let counts = |(sequence, _): &&(u64, U256)| stands(*sequence) && !thread.is_void(*sequence);
    Ok(history.iter().rev().find(counts).map_or(U256::ZERO, |(_, total)| *total))
}

/// The charges of a batch that is known with what its clients owed before; none if the two do not belong together.
pub fn charges<'a>(fees: impl IntoIterator<Item = (&'a Request, U256)>, owed: &[U256]) -> Option<Vec<Charge>> {
    let mut running: Vec<(Address, U256)> = Vec::new();
    let mut charges = Vec::new();
    for (request, fee) in fees {
        let client = request.client;
        let place = running.iter().position(|(known, _)| *known == client);
        let before = match place {
            Some(place) => running.swap_remove(place).1,
            None => *owed.get(distinct(&charges))?,
        };
        let total = before.checked_add(fee)?;
        running.push((client, total));
        charges.push(Charge { request_id: request.id(), client, fee, total });
    }
    (distinct(&charges) == owed.len()).then_some(charges)
}

/// How many clients are charged.
fn distinct(charges: &[Charge]) -> usize {
    charges.iter().map(|charge| charge.client).collect::<BTreeSet<_>>().len()
}

/// The clients charged on a lane, with the sequence of the newest charge at or below `through`; at most `max`.
pub fn newest_charges(store: &Store, lane: LaneKey, through: u64, max: usize) -> Result<Vec<(Address, u64)>, Error> {
    let thread: Thread = read(store, &lane.key())?.unwrap_or_default();
    let (first, last) = (client_key(lane, Address::ZERO), client_key(lane, Address::repeat_byte(0xff)));
    let histories: Vec<(Vec<u8>, Vec<u8>)> = store.read(|transaction| {
        let table = transaction.open_table(BOOK)?;
        let range = table.range(first.as_slice()..=last.as_slice())?.take(max);
        range
            .map(|entry| entry.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).map_err(Into::into))
            .collect()
    })?;
    let mut charges = Vec::new();
    for (key, bytes) in histories {
        let history: History = store.decode(&bytes)?;
        let counts = |(sequence, _): &&(u64, U256)| *sequence <= through && !thread.is_void(*sequence);
        if let Some((sequence, _)) = history.iter().rev().find(counts) {
            charges.push((Address::from_slice(&key[36..]), *sequence));
        }
    }
    Ok(charges)
}

fn client_key(lane: LaneKey, client: Address) -> Vec<u8> {
    [lane.key().as_slice(), client.as_slice()].concat()
}

fn read<T: serde::de::DeserializeOwned>(store: &Store, key: &[u8]) -> Result<Option<T>, Error> {
    let bytes = store.read(|transaction| {
        let table = transaction.open_table(BOOK)?;
        Ok(table.get(key)?.map(|record| record.value().to_vec()))
    })?;
    bytes.map(|bytes| store.decode(&bytes)).transpose()
}

/// The `feesRoot` of a batch: zero where nothing is charged, so that free apps pay for no tree.
pub fn fees_root(price: &Price, charges: &[Charge]) -> B256 {
    if price.is_free() { B256::ZERO } else { Charge::root(charges) }
}

#[cfg(test)]
mod tests;
