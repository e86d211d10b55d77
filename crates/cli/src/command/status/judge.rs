use alloy_primitives::{Address, U256};
use serde::Serialize;
use vouch_api::{AppView, Health, ReleaseView};

use super::{CloudStatus, NodeStatus};
use crate::output::percent;

/// How long a node may know of no newer finalized block. Chains finalize every few minutes at the latest.
const SILENCE_SECONDS_MAX: u64 = 1_200;
/// How many finalized blocks a node may be behind the others.
const BLOCKS_BEHIND_MAX: u64 = 64;
/// How long a certified batch may wait until its posting is final.
const UNPOSTED_SECONDS_MAX: u64 = 1_800;

/// Something that whoever runs the cloud should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Whether it makes the cloud unhealthy; a note otherwise.
    pub wrong: bool,
    pub what: String,
    /// What to do next.
    pub next: String,
}

fn wrong(what: String, next: impl Into<String>) -> Finding {
    Finding { wrong: true, what, next: next.into() }
}

fn note(what: String, next: impl Into<String>) -> Finding {
    Finding { wrong: false, what, next: next.into() }
}

/// What is wrong, the worst first.
pub fn judge(status: &CloudStatus) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(error) = &status.chain.error {
        findings.push(wrong(format!("the chain does not answer: {error}"), "check --rpc, or start the cloud again"));
    }
    let newest = newest_block(status);
    for node in &status.nodes {
        match &node.health {
            Some(health) => findings.extend(of_node(&node.name, health, newest)),
            None => findings.push(unreachable(node)),
        }
    }
    findings.extend(status.apps.iter().flat_map(|app| of_app(app, &status.nodes)));
    findings.sort_by_key(|finding| !finding.wrong);
    findings
}

fn newest_block(status: &CloudStatus) -> u64 {
    let seen = status.nodes.iter().filter_map(|node| Some(node.health.as_ref()?.chain.finalized_block));
    seen.chain(status.chain.finalized_block).max().unwrap_or_default()
}

fn unreachable(node: &NodeStatus) -> Finding {
    let why = node.error.as_deref().unwrap_or("it said nothing");
    let next = format!("look at {}'s log, and start it again: vouch node --config FILE", node.name);
    wrong(format!("{} does not answer: {why}", node.name), next)
}

fn of_node(name: &str, health: &Health, newest: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let chain = &health.chain;
    if chain.silence_seconds > SILENCE_SECONDS_MAX || newest.saturating_sub(chain.finalized_block) > BLOCKS_BEHIND_MAX {
        let what = format!(
            "{name} stands at finalized block {} of {newest}, for {} s",
            chain.finalized_block, chain.silence_seconds
        );
        findings.push(wrong(what, format!("check `chain.rpc` in {name}'s configuration")));
    }
    for lane in health.gateway.iter().flat_map(|gateway| &gateway.lanes) {
        if lane.unposted_age_seconds > UNPOSTED_SECONDS_MAX || lane.unposted >= u64::from(lane.window) {
            let what = format!(
                "lane {} of app {}: {} certified batches are not on chain, the oldest for {} s",
                lane.lane, lane.app, lane.unposted, lane.unposted_age_seconds
            );
            let next = format!("look for `gateway.batch.post` in {name}'s log; its key needs funds for gas");
            findings.push(wrong(what, next));
        }
    }
    for (kind, count) in health.evidence.iter().filter(|(_, count)| **count > 0) {
        let what = format!("{name} keeps evidence of {count} lies of kind {kind}");
        findings.push(note(what, format!("look for `node.evidence.keep` in {name}'s log")));
    }
    findings
}

fn of_app(app: &AppView, nodes: &[NodeStatus]) -> Vec<Finding> {
    if app.releases.is_empty() {
        return vec![note(format!("app {} has no release", app.app), "publish one with `vouch app deploy`")];
    }
    let newest = app.releases.iter().max_by_key(|release| release.published_at);
    newest.into_iter().filter_map(|release| of_release(app, release, nodes)).collect()
}

/// Whether the stake that answers is enough for the app's newest release.
fn of_release(app: &AppView, release: &ReleaseView, nodes: &[NodeStatus]) -> Option<Finding> {
    let next = format!("vouch app info {}", app.app);
    if !release.ready {
        let what = format!("app {}: release {} cannot be answered yet", app.app, release.program_id);
        return Some(note(what, next));
    }
    let (alive, total) = stake(app, release, nodes);
    if alive >= release.threshold_weight {
        return None;
    }
    let what = format!(
        "app {}: operators with {} of the stake answer, {} must sign",
        app.app,
        percent(alive, total),
        percent(release.threshold_weight, total)
    );
    Some(wrong(what, "start the operators above that do not answer"))
}

/// The weight of the release's operators whose nodes run the app's executor, and that of all of them. An operator whose
/// node is not known here counts as alive: nothing is known against it.
pub fn stake(app: &AppView, release: &ReleaseView, nodes: &[NodeStatus]) -> (U256, U256) {
    let runs = |operator: Address| {
        let node = nodes.iter().find(|node| node.is(operator));
        node.is_none_or(|node| node.executes(app))
    };
    let weight = |operators: &mut dyn Iterator<Item = &vouch_api::OperatorView>| {
        operators.filter_map(|operator| operator.weights.first().copied()).fold(U256::ZERO, U256::saturating_add)
    };
    let alive = weight(&mut release.operators.iter().filter(|operator| runs(operator.operator)));
    (alive, weight(&mut release.operators.iter()))
}

impl NodeStatus {
    /// Whether it is the operator's node.
    fn is(&self, operator: Address) -> bool {
        self.address == Some(operator) || self.health.as_ref().is_some_and(|health| health.address == operator)
    }

    fn executes(&self, app: &AppView) -> bool {
        let executor = self.health.as_ref().and_then(|health| health.executor.as_ref());
        executor.is_some_and(|executor| executor.apps.iter().any(|own| own.app == app.app))
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use vouch_api::{ChainHealth, ExecutorAppHealth, ExecutorHealth, GatewayHealth, LaneHealth, OperatorView};

    use super::super::ChainStatus;
    use super::*;

    const APP: B256 = B256::repeat_byte(1);

    fn node(number: u8, health: Option<Health>) -> NodeStatus {
        let error = health.is_none().then(|| "connection refused".to_owned());
        let (name, url) = (format!("operator-{number}"), String::new());
        NodeStatus { name, url, address: Some(Address::repeat_byte(number)), health, error }
    }

    fn operator(number: u8) -> Health {
        let apps = vec![ExecutorAppHealth { app: APP, ..ExecutorAppHealth::default() }];
        Health {
            version: String::new(),
            roles: vec!["executor".to_owned()],
            address: Address::repeat_byte(number),
            uptime_seconds: 1,
            chain: ChainHealth { finalized_block: 100, ..ChainHealth::default() },
            gateway: None,
            executor: Some(ExecutorHealth { runtimes: Vec::new(), apps }),
            evidence: Default::default(),
        }
    }

    /// Two operators with 60 and 40 of the stake, of which 67 must sign.
    fn app() -> AppView {
        let member = |number: u8, weight: u64| OperatorView {
            operator: Address::repeat_byte(number),
            weights: vec![U256::from(weight)],
        };
        let operators = serde_json::to_value(vec![member(1, 60), member(2, 40)]).unwrap();
        let release = serde_json::json!({
            "programId": B256::ZERO, "runtime": "", "artifactDigest": B256::ZERO, "interfaceName": "command",
            "publishedAt": 1, "table": B256::ZERO, "referenceTimestamp": 1, "operators": operators,
            "totalWeights": ["0x64"], "thresholdWeight": "0x43", "accepters": [], "ready": true, "label": "",
        });
        serde_json::from_value(serde_json::json!({
            "app": APP, "owner": Address::ZERO, "profile": Address::ZERO, "operatorSetId": 1, "thresholdBips": 6700,
            "slashVault": Address::ZERO, "lanes": [], "releases": [release], "operators": operators,
            "referenceTimestamp": 1, "totalWeights": ["0x64"], "ready": true,
        }))
        .unwrap()
    }

    fn status(nodes: Vec<NodeStatus>) -> CloudStatus {
        let chain = ChainStatus { finalized_block: Some(100), ..ChainStatus::default() };
        CloudStatus { healthy: true, at: 0, chain, nodes, apps: vec![app()], findings: Vec::new() }
    }

    fn told(status: &CloudStatus) -> String {
        let found = judge(status);
        found.iter().map(|finding| format!("{} {}\n", finding.wrong, finding.what)).collect()
    }

    #[test]
    fn a_cloud_in_which_all_answer_is_healthy() {
        assert_eq!(told(&status(vec![node(1, Some(operator(1))), node(2, Some(operator(2)))])), "");
    }

    #[test]
    fn a_node_that_is_away_is_named_and_so_is_the_stake_that_is_missing() {
        let told = told(&status(vec![node(1, Some(operator(1))), node(2, None)]));
        assert!(told.contains("true operator-2 does not answer: connection refused"), "{told}");
        assert!(told.contains("operators with 60.00 % of the stake answer, 67.00 % must sign"), "{told}");
    }

    #[test]
    fn an_operator_whose_executor_does_not_run_the_app_does_not_count() {
        let idle = Health { executor: Some(ExecutorHealth::default()), ..operator(2) };
        let told = told(&status(vec![node(1, Some(operator(1))), node(2, Some(idle))]));
        assert!(told.contains("operators with 60.00 %"), "{told}");
    }

    #[test]
    fn a_chain_view_that_stands_still_a_lane_that_is_stuck_and_lies_are_named() {
        let mut late = operator(1);
        late.chain.finalized_block = 30;
        late.evidence.insert("dissent".to_owned(), 2);
        let mut gateway = operator(2);
        let lane = LaneHealth { app: APP, lane: 1, window: 64, unposted: 64, ..LaneHealth::default() };
        gateway.gateway = Some(GatewayHealth { calls_queued: 0, lanes: vec![lane] });
        let told = told(&status(vec![node(1, Some(late)), node(2, Some(gateway))]));
        assert!(told.contains("true operator-1 stands at finalized block 30 of 100"), "{told}");
        assert!(told.contains("64 certified batches are not on chain"), "{told}");
        assert!(told.trim_end().ends_with("false operator-1 keeps evidence of 2 lies of kind dissent"), "{told}");
    }
}
