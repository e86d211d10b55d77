//! What an operator does about a gateway that leaves an entry of the forced inbox unanswered: it brings another one, whom its
//! configuration names. The registry judges the grounds; here is only when to ask for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use alloy_primitives::{Address, B256};
use vouch_chain::{Network, Sender};
use vouch_compute::lane::LaneKey;
use vouch_compute::lane::chain::ChainView;
use vouch_core::{AppId, OperatorId, Request};

use crate::mirror::Mirror;

/// An operator's turns to relieve gateways.
pub struct Relief {
    /// Whom it brings.
    gateway: Address,
    /// Seconds for which an overdue entry is left to the lane's gateway: the deployment's skip delay.
    delay: u64,
    /// At which inbox cursor a turn was used, or could not be.
    used: Mutex<HashMap<LaneKey, u64>>,
}

impl Relief {
    pub fn new(gateway: Address, delay_seconds: u32) -> Self {
        Self { gateway, delay: u64::from(delay_seconds), used: Mutex::default() }
    }

    /// Lanes of the app whose gateway may be relieved, and is this operator's to relieve now, each with the entry that shows it.
    pub fn due(&self, mirror: &Mirror, app: AppId, operator: OperatorId) -> Vec<(LaneKey, Request)> {
        let lanes = mirror.lanes().into_iter().filter(|lane| lane.app == app);
        lanes.filter_map(|lane| Some((lane, self.ground(mirror, lane, operator)?))).collect()
    }

    fn ground(&self, mirror: &Mirror, lane: LaneKey, operator: OperatorId) -> Option<Request> {
        let (state, inbox) = (mirror.lane(lane)?, mirror.inbox(lane)?);
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if state.gateway == self.gateway || used.get(&lane) == Some(&inbox.answered()) {
            return None;
        }
        let table = mirror.latest_table(lane.app, B256::ZERO)?;
        let (place, members) = (table.index_of(operator)? as u64, table.operators().len() as u64);
        let delay = self.delay + patience(place, members, u64::from(state.epoch), self.delay);
        let entry = inbox.ground_for_relief(&state, delay, mirror.head().timestamp)?;
        Some(entry.signed.request.clone())
    }

    /// Uses the operator's turn, unless its gateway could not serve the lane anyway.
    pub async fn bring(&self, network: &Network, sender: &Sender, mirror: &Mirror, lane: LaneKey, entry: &Request) {
        let (gateway, missing) = (self.gateway, mirror.bond_missing(lane, self.gateway));
        if !missing.is_zero() {
            tracing::warn!(%lane, %gateway, %missing, "node.gateway.relieve: its bond is too small");
            return;
        }
        match network.relieve_gateway(sender, entry, gateway).await {
            Ok(epoch) => tracing::warn!(%lane, %gateway, epoch, request = %entry.id(), "node.gateway.relieve"),
            Err(error) if error.is_transient() => return,
            Err(error) => tracing::warn!(%lane, %gateway, %error, "node.gateway.relieve"),
        }
        let answered = mirror.inbox(lane).map_or(0, |inbox| inbox.answered());
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(lane, answered);
    }
}

/// How much longer than the first an operator waits, seconds: each in its place, another one first in every epoch, the last one for
/// less than another `delay`. Saves gas and turns; nothing rests on it.
fn patience(place: u64, members: u64, epoch: u64, delay: u64) -> u64 {
    match members {
        0 => 0,
        members => (place + members - epoch % members) % members * delay / members,
    }
}

#[cfg(test)]
mod tests {
    use super::patience;

    #[test]
    fn operators_come_one_after_the_other_and_another_one_first_in_each_epoch() {
        let waits = |epoch| (0..4).map(|place| patience(place, 4, epoch, 40)).collect::<Vec<_>>();
        assert_eq!(waits(0), [0, 10, 20, 30]);
        assert_eq!(waits(1), [30, 0, 10, 20]);
        assert_eq!(waits(6), [20, 30, 0, 10]);
        assert_eq!(patience(0, 0, 1, 40), 0);
    }
}
