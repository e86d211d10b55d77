//! Finds out on every start whether a store has forgotten something, and keeps each lane's [`Standing`] from then on.
//!
//! The same for executors and gateways; what differs (whose key, which store) is a [`Memory`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_primitives::{Bytes, U256};
use futures::future::join_all;
use vouch_core::{AppId, Batch};

use super::LaneKey;
use super::chain::{ChainView, Head, Peers};
use super::floor::{Cause, Event, Saved, Standing};
use super::slots::{Record, Slots};
use crate::store::{Birth, Error};
use crate::wire::{Answer, Call, Holding, Refusal, Signer};

/// What a signer remembers, and how it knows its own signature.
pub trait Memory: Send + Sync {
    type Slots: Slots;

    fn signer(&self) -> Signer;
    /// Whether `signature` is our key's over `header`.
    fn is_own(&self, header: &Batch, signature: &[u8]) -> bool;
    /// What was reserved, and whether anything of it may be forgotten.
    fn slots(&self) -> &Self::Slots;
}

/// The birth of a store that is created now.
pub fn now(chain: &dyn ChainView) -> Birth {
    Birth { block: chain.head().number, clock: chain.start_clock() }
}

/// What is known of every app and lane since the start.
pub struct Standings<M> {
    memory: Arc<M>,
    chain: Arc<dyn ChainView>,
    peers: Arc<dyn Peers>,
    peer_timeout: Duration,
    /// The operator's word that the store may have forgotten something.
    restored: bool,
    asked: Mutex<HashMap<AppId, Arc<Vec<Batch>>>>,
    lanes: Mutex<HashMap<LaneKey, Standing>>,
}

impl<M: Memory> Standings<M> {
    pub fn new(
        memory: Arc<M>,
        chain: Arc<dyn ChainView>,
        peers: Arc<dyn Peers>,
        peer_timeout: Duration,
        restored: bool,
    ) -> Self {
        let (asked, lanes) = (Mutex::default(), Mutex::default());
        Self { memory, chain, peers, peer_timeout, restored, asked, lanes }
    }

    /// Asks the peers of every app that has not been asked about since the start. An app counts as asked about when at
    /// least half of its peers have answered: the dead must not stop the living for ever, but a store that hears nobody
    /// signs nothing. Every peer gets the whole timeout.
    pub async fn ask_peers(&self) {
        for (app, _) in self.chain.apps() {
            let asked = lock(&self.asked).contains_key(&app);
            if !asked && let Some(shown) = self.ask(app).await {
                lock(&self.asked).insert(app, Arc::new(shown));
            }
        }
    }

    /// Moves every lane on as far as peers and chain allow, so that a floor is fixed before the first proposal asks for it.
    /// Blocks.
    pub fn advance(&self) {
        for (app, lanes) in self.chain.apps() {
            for lane in 1..=lanes {
                let key = LaneKey { app, lane };
                if let Err(error) = self.standing(key) {
                    tracing::warn!(lane = %key, %error, "lane.standing.advance");
                }
            }
        }
    }

    /// Whether `sequence` of the lane may be signed as far as a loss of memory is concerned.
    pub fn check(&self, lane: LaneKey, sequence: u64) -> Result<(), CheckError> {
        let not_ready = |why: &str| Err(CheckError::Refused(Refusal::NotReady(why.into())));
        match self.standing(lane)? {
            Standing::Clear => Ok(()),
            Standing::Floor(floor) if sequence > floor => Ok(()),
            Standing::Floor(floor) => Err(CheckError::Refused(Refusal::BelowFloor { sequence, floor })),
            Standing::Asking { .. } => {
                not_ready("peers are being asked what they hold, or no finalized block shows the key yet")
            }
            Standing::Waiting { .. } => not_ready("restored; waiting for a finalized block"),
        }
    }

    /// The lane's standing now; moves it on where the chain allows, and saves what must survive before saying so.
    pub fn standing(&self, lane: LaneKey) -> Result<Standing, CheckError> {
        let mut lanes = lock(&self.lanes);
        let standing = match lanes.get(&lane) {
            Some(standing) => *standing,
            None => self.begin(lane)?,
        };
        let state = self.chain.lane(lane).ok_or(CheckError::Refused(Refusal::UnknownLane))?;
        let (standing, save) = standing.step(Event::Finalized { lane: state, timestamp: self.chain.head().timestamp });
        self.save(lane, save)?;
        if !matches!(standing, Standing::Asking { .. }) {
            lanes.insert(lane, standing);
        }
        Ok(standing)
    }

    fn begin(&self, lane: LaneKey) -> Result<Standing, Error> {
        let saved = self.memory.slots().floor(lane)?;
        let start = Standing::start(saved);
        let shown = lock(&self.asked).get(&lane.app).cloned();
        let Some(shown) = shown else { return Ok(start) };
        if saved.is_none() && self.first_shown(lane).is_none() {
            // Whether the store is younger than that cannot be said yet, and there is nothing to sign.
            return Ok(start);
        }
        let loss = self.loss(lane, &shown, saved)?;
        let (standing, save) = start.step(Event::Asked { loss, now: self.chain.start_clock() });
        self.save(lane, save)?;
        Ok(standing)
    }

    fn save(&self, lane: LaneKey, save: Option<Saved>) -> Result<(), Error> {
        let Some(saved) = save else { return Ok(()) };
        self.memory.slots().save_floor(lane, &saved)?;
        tracing::warn!(%lane, ?saved, "lane.floor.save");
        Ok(())
    }

    /// The first sign that the store has forgotten something in the lane. What lies at or below an earlier floor is no new
    /// sign: that floor answers for it.
    fn loss(&self, lane: LaneKey, shown: &[Batch], saved: Option<Saved>) -> Result<Option<Cause>, Error> {
        if self.restored {
            return Ok(Some(Cause::OperatorsWord));
        }
        if let Some(cause) = self.first_shown(lane).filter(|_| saved.is_none()).and_then(|shown| self.younger(shown)) {
            return Ok(Some(cause));
        }
        let floor = match saved {
            Some(Saved::Floor { floor, .. }) => floor,
            _ => 0,
        };
        let known_through = floor.max(self.memory.slots().pruned_through(lane)?);
        for header in shown.iter().filter(|header| LaneKey::of(header) == lane && header.sequence > known_through) {
            let sequence = header.sequence;
            match self.memory.slots().slot(lane, sequence)?.map(Record::into_header) {
                None => return Ok(Some(Cause::PeerHoldsNewer { sequence })),
                Some(own) if own != *header => return Ok(Some(Cause::PeerHoldsOther { sequence })),
                Some(_) => {}
            }
        }
        Ok(None)
    }

    fn first_shown(&self, lane: LaneKey) -> Option<Head> {
        self.chain.first_shown(lane, self.memory.signer())
    }

    /// Whether the store was created when the key had been shown already. An endpoint that starts from an old copy of the
    /// chain may not have shown it yet, so the clock counts too; one that is behind by less than finality takes is good
    /// enough, since nothing is signed before that block is final.
    fn younger(&self, shown: Head) -> Option<Cause> {
        let born = self.memory.slots().born();
        if shown.number <= born.block {
            return Some(Cause::StoreIsYounger { created: born.block, shown: shown.number });
        }
        let later = shown.timestamp < born.clock;
        later.then_some(Cause::StoreIsLater { created: born.clock, shown: shown.timestamp })
    }

    /// What peers hold of ours; none if too few answered.
    async fn ask(&self, app: AppId) -> Option<Vec<Batch>> {
        let executors = self.peers.executors(app).into_iter().map(|peer| Signer::Operator(peer.operator));
        let gateways = self.peers.gateways(app).into_iter().map(Signer::Gateway);
        let own = self.memory.signer();
        let peers: Vec<Signer> = executors.chain(gateways).filter(|peer| *peer != own).collect();
        let body = Bytes::from(Call::Held(own).encode());
        let answers = join_all(peers.iter().map(|peer| self.holdings(*peer, body.clone()))).await;
        let answers: Vec<Vec<Holding>> = answers.into_iter().flatten().collect();
        if answers.len() * 2 < peers.len() {
            return None;
        }
        Some(
            answers
                .into_iter()
                .flatten()
                .filter(|holding| self.is_ours(holding))
                .map(|holding| holding.header)
                .collect(),
        )
    }

    async fn holdings(&self, peer: Signer, body: Bytes) -> Option<Vec<Holding>> {
        let answer = self.peers.call(peer, body, self.peer_timeout).await.ok()?;
        match Answer::decode(&answer).ok()? {
            Answer::Held(holdings) => Some(holdings),
            _ => None,
        }
    }

    /// Whether our own key really signed it, here: a peer cannot stop us with what we never signed.
    fn is_ours(&self, holding: &Holding) -> bool {
        let header = &holding.header;
        header.registry == self.chain.registry()
            && header.chain_id == U256::from(self.chain.chain_id())
            && self.memory.is_own(header, &holding.signature)
    }
}

/// Why a slot may not be signed, or the store's failure.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Store(#[from] Error),
    #[error("{0}")]
    Refused(Refusal),
}

/// Every change under these locks is complete before anything that could panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
