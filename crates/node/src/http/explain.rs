use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use vouch_api::{Explanation, KeptBatch, Problem, ProblemCode, Wanted};
use vouch_compute::executor::Executor;
use vouch_compute::gateway;
use vouch_compute::lane::LaneKey;
use vouch_compute::lane::chain::ChainView;

use super::answer::Failure;
use crate::node::Shared;

/// How long a search waits for the one before.
const SEARCH_WAIT_MAX: Duration = Duration::from_secs(5);
/// Batches that one search finds in a store.
const BATCHES_MAX: usize = 64;

#[derive(Deserialize)]
pub struct Asked {
    id: String,
}

/// What this node knows of an id, of its first digits (eight or more), or of a slot (LANE/SEQUENCE)
#[utoipa::path(
    get, path = "/v1/explain", params(("id" = String, Query)),
    responses((status = 200, body = Explanation), (status = 400, body = Problem))
)]
pub async fn explain(
    State(shared): State<Arc<Shared>>,
    Query(Asked { id }): Query<Asked>,
) -> Result<Json<Explanation>, Failure> {
    let wanted: Wanted = id
        .parse()
        .map_err(|error: vouch_api::InvalidWanted| Failure::new(ProblemCode::InvalidRequest, error.to_string()))?;
    let searches = Arc::clone(&shared.searches);
    let waiting = tokio::time::timeout(SEARCH_WAIT_MAX, searches.acquire_owned()).await;
    let Ok(Ok(permit)) = waiting else {
        return Err(Failure::new(ProblemCode::Busy, "other searches are under way"));
    };
    let looked = tokio::task::spawn_blocking(move || {
        // Given back when the search ends, also if whoever asked has hung up.
        let _permit = permit;
        look(&shared, &wanted)
    })
    .await;
    let looked = looked.map_err(|error| error.to_string()).and_then(|found| found);
    looked.map(Json).map_err(|error| Failure::new(ProblemCode::Internal, error))
}

fn look(shared: &Shared, wanted: &Wanted) -> Result<Explanation, String> {
    let (entries, mut searched) = shared.watch.journal.find(wanted);
    let mut batches = Vec::new();
    if let Some(gateway) = &shared.gateway {
        searched.stores.push("gateway".to_owned());
        batches.extend(in_gateway(shared, gateway, wanted).map_err(|error| error.to_string())?);
    }
    let executors = shared.executor_role().map(|role| role.all()).unwrap_or_default();
    if !executors.is_empty() {
        searched.stores.push(format!("{} executors", executors.len()));
    }
    for (_, executor) in executors {
        batches.extend(in_executor(shared, &executor, wanted).map_err(|error| error.to_string())?);
    }
    batches.truncate(BATCHES_MAX);
    let batches = batches.into_iter().map(view).collect();
    Ok(Explanation { roles: shared.roles.clone(), address: shared.address, searched, entries, batches })
}

fn in_gateway(
    shared: &Shared,
    gateway: &gateway::Gateway,
    wanted: &Wanted,
) -> Result<Vec<gateway::KeptBatch>, gateway::Error> {
    match wanted {
        Wanted::Ids { ids, .. } => gateway.kept(ids.clone(), BATCHES_MAX),
        Wanted::Slot { sequence, .. } => {
            lanes(shared, wanted).filter_map(|lane| gateway.kept_slot(lane, *sequence).transpose()).collect()
        }
    }
}

fn in_executor(
    shared: &Shared,
    executor: &Executor,
    wanted: &Wanted,
) -> Result<Vec<gateway::KeptBatch>, vouch_compute::executor::Error> {
    match wanted {
        Wanted::Ids { ids, .. } => executor.kept(ids.clone(), BATCHES_MAX),
        Wanted::Slot { sequence, .. } => {
            lanes(shared, wanted).filter_map(|lane| executor.kept_slot(lane, *sequence).transpose()).collect()
        }
    }
}

/// The lanes that a slot may be of.
fn lanes(shared: &Shared, wanted: &Wanted) -> impl Iterator<Item = LaneKey> + use<> {
    let found: Vec<LaneKey> = match wanted {
        Wanted::Slot { apps, lane, .. } => {
            let named = shared.mirror.apps().into_iter().filter(|(app, _)| apps.contains(&app.0));
            named.map(|(app, _)| LaneKey { app, lane: *lane }).take(BATCHES_MAX).collect()
        }
        Wanted::Ids { .. } => Vec::new(),
    };
    found.into_iter()
}

fn view(kept: gateway::KeptBatch) -> KeptBatch {
    let header = kept.header;
    let ids = |ids: Vec<vouch_core::RequestId>| ids.into_iter().map(|id| id.0).collect::<Vec<B256>>();
    KeptBatch {
        batch: header.hash().0,
        app: header.app.0,
        program: header.program_id.0,
        lane: header.lane,
        sequence: header.sequence,
        exchange_count: header.exchange_count,
        reference_timestamp: header.reference_timestamp,
        requests: ids(kept.requests),
        signers: kept.signers.map(|signers| signers.into_iter().map(|operator| operator.0).collect()),
    }
}
