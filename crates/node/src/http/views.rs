use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use axum::Json;
use axum::extract::{Path, State};
use vouch_api::{AppView, Clock, LaneView, OperatorView, Problem, ProblemCode, ReleaseView, Status};
use vouch_compute::lane::LaneKey;
use vouch_compute::lane::chain::ChainView;
use vouch_core::{AppId, Label, OperatorInfo, table};

use super::answer::{Failure, parse};
use crate::mirror::{AppRecord, Mirror};
use crate::node::Shared;

/// What this node is
#[utoipa::path(get, path = "/v1/status", responses((status = 200, body = Status)))]
pub async fn status(State(shared): State<Arc<Shared>>) -> Json<Status> {
    let contracts = &shared.mirror.deployment().contracts;
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        roles: shared.roles.clone(),
        chain_id: shared.mirror.chain_id(),
        registry: contracts.batch_registry,
        app_controller: contracts.app_controller,
        address: shared.address,
        clock: clock_of(&shared.mirror),
    })
}

/// The finalized chain's clock
#[utoipa::path(get, path = "/v1/clock", responses((status = 200, body = Clock)))]
pub async fn clock(State(shared): State<Arc<Shared>>) -> Json<Clock> {
    Json(clock_of(&shared.mirror))
}

/// Every app of this deployment
#[utoipa::path(get, path = "/v1/apps", responses((status = 200, body = Vec<AppView>)))]
pub async fn apps(State(shared): State<Arc<Shared>>) -> Json<Vec<AppView>> {
    let records = shared.mirror.app_records();
    Json(records.into_iter().map(|(app, record)| view(&shared.mirror, app, &record)).collect())
}

/// One app
#[utoipa::path(get, path = "/v1/apps/{app}", params(("app" = String, Path)), responses((status = 200, body = AppView), (status = 404, body = Problem)))]
pub async fn app(State(shared): State<Arc<Shared>>, Path(app): Path<String>) -> Result<Json<AppView>, Failure> {
    let app: AppId = parse("the app", &app)?;
    let record = shared.mirror.app_record(app);
    let record =
        record.ok_or_else(|| Failure::new(ProblemCode::UnknownApp, format!("there is no finalized app {app}")))?;
    Ok(Json(view(&shared.mirror, app, &record)))
}

fn clock_of(mirror: &Mirror) -> Clock {
    let head = mirror.head();
    Clock { time: mirror.clock(), finalized_block: head.number, finalized_timestamp: head.timestamp }
}

fn view(mirror: &Mirror, app: AppId, record: &AppRecord) -> AppView {
    let lanes: Vec<_> = (1..=record.lanes)
        .filter_map(|lane| {
            let state = mirror.lane(LaneKey { app, lane })?;
            Some(LaneView { lane, gateway: state.gateway, window: state.window, cursor: state.cursor })
        })
        .collect();
    let releases = record.releases.iter().filter_map(|(program_id, published_at)| {
        let release = mirror.release(app, *program_id)?;
        let answered = TableFacts::of(mirror, app, release.table);
        let needs = release.needs_acceptance();
        let accepters = if needs { mirror.accepters(app, *program_id) } else { Vec::new() };
        Some(ReleaseView {
            program_id: program_id.0,
            runtime: release.program.runtime.clone(),
            artifact_digest: release.program.artifact_digest,
            interface_name: release.program.interface_name.clone(),
            published_at: *published_at,
            table: release.table,
            reference_timestamp: answered.reference_timestamp,
            threshold_weight: answered.threshold(record.state.threshold_bips),
            ready: !lanes.is_empty() && answered.has_weight() && (!needs || !accepters.is_empty()),
            operators: answered.operators,
            total_weights: answered.total_weights,
            accepters,
            label: Label::of(&release.program).to_string(),
        })
    });
    let releases: Vec<_> = releases.collect();
    let table = TableFacts::of(mirror, app, B256::ZERO);
    AppView {
        app: app.0,
        owner: record.owner,
        profile: record.state.profile,
        operator_set_id: record.state.operator_set_id,
        threshold_bips: record.state.threshold_bips,
        slash_vault: record.slash_vault,
        ready: !lanes.is_empty() && table.has_weight(),
        lanes,
        releases,
        operators: table.operators,
        reference_timestamp: table.reference_timestamp,
        total_weights: table.total_weights,
    }
}

/// The newest table of some programs; all zero and empty if there is none.
#[derive(Default)]
struct TableFacts {
    operators: Vec<OperatorView>,
    reference_timestamp: u32,
    total_weights: Vec<U256>,
}

impl TableFacts {
    fn of(mirror: &Mirror, app: AppId, table: B256) -> Self {
        let Some(record) = mirror.table_record(app, table) else { return Self::default() };
        let table = record.table.table();
        let members = table.infos().iter().zip(record.operators.iter());
        let view = |(info, operator): (&OperatorInfo, &Address)| OperatorView {
            operator: *operator,
            weights: info.weights.clone(),
        };
        Self {
            operators: members.map(view).collect(),
            reference_timestamp: table.reference_timestamp(),
            total_weights: table.totals().to_vec(),
        }
    }

    fn threshold(&self, bips: u16) -> U256 {
        self.total_weights.first().map_or(U256::ZERO, |total| table::threshold(*total, bips))
    }

    fn has_weight(&self) -> bool {
        self.total_weights.first().is_some_and(|weight| !weight.is_zero())
    }
}
