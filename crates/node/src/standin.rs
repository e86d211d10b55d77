//! What an operator does in a gateway's place, and about one that lies: finish and post what waits in a stuck lane, and
//! take the bond of a gateway that signed two proposals for one slot. Another gateway is brought by [`crate::relief`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, Bytes};
use tokio::task::JoinHandle;
use vouch_chain::bindings::batch_registry;
use vouch_chain::network::SignedProposal;
use vouch_chain::{Network, Sender};
use vouch_compute::evidence::{Evidence, SignedHeader};
use vouch_compute::executor::Executor;
use vouch_compute::lane::LaneKey;
use vouch_core::AppId;

use crate::mirror::Mirror;
use crate::relief::Relief;

/// How often kept evidence is looked through, and inboxes.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// An operator's way to act for lanes. One task at a time: neither is urgent, and both cost gas.
pub struct StandIn {
    mirror: Arc<Mirror>,
    network: Network,
    sender: Arc<Sender>,
    /// None where the operator leaves it to others to bring another gateway.
    relief: Option<Arc<Relief>>,
    busy: Mutex<Option<JoinHandle<()>>>,
    /// When evidence and inboxes of an app were looked through last.
    looked: Mutex<HashMap<AppId, Instant>>,
    /// Gateways that were reported, or that cannot be: each is tried once in a life.
    reported: Arc<Mutex<HashSet<Address>>>,
}

impl StandIn {
    pub fn new(mirror: Arc<Mirror>, network: Network, sender: Arc<Sender>, relief: Option<Relief>) -> Self {
        let relief = relief.map(Arc::new);
        Self {
            mirror,
            network,
            sender,
            relief,
            busy: Mutex::default(),
            looked: Mutex::default(),
            reported: Arc::default(),
        }
    }

    /// Looks whether there is anything to do for the app, and begins it. Returns at once.
    pub fn look_after(&self, app: AppId, executor: &Executor) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let stuck = executor.stuck_lanes(app);
        let looks = self.look_is_due(app);
        if stuck.is_empty() && !looks {
            return;
        }
        let (network, sender, mirror) = (self.network.clone(), Arc::clone(&self.sender), Arc::clone(&self.mirror));
        let (reported, executor, relief) = (Arc::clone(&self.reported), executor.clone(), self.relief.clone());
        *busy = Some(tokio::spawn(async move {
            for lane in stuck {
                if let Err(error) = finish(&network, &sender, &executor, lane).await {
                    tracing::warn!(%lane, %error, "node.standin.post");
                }
            }
            if let Some(relief) = relief.filter(|_| looks) {
                for (lane, entry) in relief.due(&mirror, app, executor.operator()) {
                    relief.bring(&network, &sender, &mirror, lane, &entry).await;
                }
            }
            if looks {
                report(&network, &sender, &mirror, &executor, &reported).await;
            }
        }));
    }

    fn look_is_due(&self, app: AppId) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.get(&app).is_none_or(|at| at.elapsed() >= LOOK_INTERVAL);
        if due {
            looked.insert(app, Instant::now());
        }
        due
    }
}

async fn finish(
    network: &Network,
    sender: &Sender,
    executor: &Executor,
    lane: LaneKey,
) -> Result<(), vouch_chain::Error> {
    // The newest cursor, not the finalized one: another may have done it already.
    let call = batch_registry::laneInfoCall { app: lane.app.0, lane: lane.lane };
    let info = network.chain().latest_call(network.contracts().batch_registry, &call).await?;
    let Some(work) = executor.aggregate(lane, info.cursor).await else { return Ok(()) };
    let posted = network.post(sender, &work.headers, &work.certificate).await?;
    tracing::info!(%lane, headers = work.headers.len(), gas = posted.gas_used, "node.standin.post");
    Ok(())
}

/// Sends the evidence against every gateway that has a bond to lose.
async fn report(
    network: &Network,
    sender: &Sender,
    mirror: &Mirror,
    executor: &Executor,
    reported: &Mutex<HashSet<Address>>,
) {
    let own = executor.clone();
    let Ok(Ok(evidence)) = tokio::task::spawn_blocking(move || own.evidence()).await else { return };
    for record in evidence {
        let Evidence::GatewayEquivocation { first, second } = record else { continue };
        let Some(gateway) = first.signer().filter(|gateway| mirror.is_bonded(*gateway)) else { continue };
        if !reported.lock().unwrap_or_else(PoisonError::into_inner).insert(gateway) {
            continue;
        }
        match network.prove_gateway_equivocation(sender, &proposal(&first), &proposal(&second)).await {
            Ok(slash) => tracing::warn!(%gateway, burnt = %slash.burnt, rewarded = %slash.rewarded, "node.bond.slash"),
            Err(error) if error.is_transient() => {
                reported.lock().unwrap_or_else(PoisonError::into_inner).remove(&gateway);
            }
            Err(error) => tracing::warn!(%gateway, %error, "node.bond.slash"),
        }
    }
}

fn proposal(signed: &SignedHeader) -> SignedProposal {
    let signature = Bytes::copy_from_slice(signed.gateway_signature.as_slice());
    SignedProposal { batch: signed.header.clone(), signature }
}
