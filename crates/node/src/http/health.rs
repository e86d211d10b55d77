use std::sync::Arc;

use alloy_primitives::Address;
use axum::Json;
use axum::extract::State;
use vouch_api::{ChainHealth, ExecutorAppHealth, ExecutorHealth, GatewayHealth, Health, LaneHealth};
use vouch_chain::sender::Counts;
use vouch_compute::executor::Executor;
use vouch_compute::gateway::Gateway;
use vouch_compute::lane::chain::ChainView;
use vouch_core::AppId;

use crate::node::Shared;

/// How this node is
#[utoipa::path(get, path = "/v1/health", responses((status = 200, body = Health)))]
pub async fn health(State(shared): State<Arc<Shared>>) -> Json<Health> {
    Json(Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        roles: shared.roles.clone(),
        address: shared.address,
        uptime_seconds: shared.watch.uptime().as_secs(),
        chain: chain(&shared),
        gateway: shared.gateway.as_ref().map(|gateway| gateway_health(&shared, gateway)),
        executor: executor(&shared),
        evidence: shared.watch.evidence(),
    })
}

fn chain(shared: &Shared) -> ChainHealth {
    let head = shared.mirror.head();
    let sum = |of: fn(&Counts) -> u64| shared.senders.iter().map(|counts| of(counts)).sum();
    ChainHealth {
        chain_id: shared.mirror.chain_id(),
        finalized_block: head.number,
        finalized_timestamp: head.timestamp,
        silence_seconds: shared.mirror.silence().as_secs(),
        transactions_pending: sum(Counts::pending),
        transactions_failed: sum(Counts::failed),
    }
}

fn gateway_health(shared: &Shared, gateway: &Gateway) -> GatewayHealth {
    let lanes = gateway.lanes().into_iter().filter_map(|lane| {
        let state = shared.mirror.lane(lane)?;
        let waiting = shared.watch.unposted(lane, state.cursor);
        Some(LaneHealth {
            app: lane.app.0,
            lane: lane.lane,
            window: state.window,
            cursor: state.cursor,
            certified: waiting.certified,
            unposted: waiting.batches,
            unposted_age_seconds: waiting.age.as_secs(),
        })
    });
    GatewayHealth { calls_queued: shared.watch.gateway.calls_queued(), lanes: lanes.collect() }
}

fn executor(shared: &Shared) -> Option<ExecutorHealth> {
    let role = shared.executor_role()?;
    let apps = role.all().into_iter().map(|(app, executor)| app_health(shared, app, role.address(), &executor));
    Some(ExecutorHealth { runtimes: role.runtimes().to_vec(), apps: apps.collect() })
}

fn app_health(shared: &Shared, app: AppId, address: Address, executor: &Executor) -> ExecutorAppHealth {
    let mirror = &shared.mirror;
    let releases = mirror.app_record(app).map(|record| record.releases).unwrap_or_default();
    let accepted = releases.iter().filter(|(program, _)| mirror.accepts(app, *program, address)).count();
    ExecutorAppHealth {
        app: app.0,
        operator_id: executor.operator().0,
        bonded: mirror.owner_of(executor.operator()).is_some(),
        programs_accepted: accepted as u64,
        requests: executor.admitted() as u64,
        last_signature: shared.watch.last_signature(executor.operator()),
    }
}
