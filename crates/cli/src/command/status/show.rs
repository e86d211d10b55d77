use alloy_primitives::U256;
use vouch_api::{AppView, Health, LaneHealth};

use super::judge::{Finding, stake};
use super::{CloudStatus, NodeStatus};
use crate::output::{count, percent};

/// The status as lines of text.
pub fn show(status: &CloudStatus) -> String {
    let mut lines = vec![headline(status), chain(status), header()];
    lines.extend(status.nodes.iter().map(|node| row(node, status.at)));
    for app in &status.apps {
        lines.extend(of_app(app, status));
    }
    lines.extend(status.findings.iter().flat_map(finding));
    lines.join("\n")
}

fn headline(status: &CloudStatus) -> String {
    let wrong = status.findings.iter().filter(|finding| finding.wrong).count();
    if wrong == 0 { "cloud      healthy".to_owned() } else { format!("cloud      unhealthy: {wrong} wrong, see below") }
}

fn chain(status: &CloudStatus) -> String {
    match (status.chain.finalized_block, status.chain.finalized_timestamp) {
        (Some(block), Some(at)) => format!("chain      finalized block {block}, {} old", age(status.at, at)),
        _ => "chain      does not answer".to_owned(),
    }
}

fn header() -> String {
    columns(["NODE", "ROLE", "VERSION", "FINALIZED", "WAITING", "LAST SIGNATURE", "LIES"])
}

fn columns(cells: [&str; 7]) -> String {
    let [name, role, version, finalized, waiting, signature, lies] = cells;
    let line = format!("{name:<12} {role:<10} {version:<9} {finalized:>10} {waiting:>8}  {signature:<26} {lies}");
    line.trim_end().to_owned()
}

fn row(node: &NodeStatus, now: u64) -> String {
    let Some(health) = &node.health else { return columns([&node.name, "-", "-", "no answer", "-", "-", "-"]) };
    let block = health.chain.finalized_block.to_string();
    let lies: u64 = health.evidence.values().sum();
    columns([
        &node.name,
        &health.roles.join(","),
        &health.version,
        &block,
        &waiting(health).to_string(),
        &last_signature(health, now),
        &lies.to_string(),
    ])
}

/// Calls and requests that wait.
fn waiting(health: &Health) -> u64 {
    let queued = health.gateway.as_ref().map_or(0, |gateway| gateway.calls_queued);
    let requests = health.executor.iter().flat_map(|executor| &executor.apps).map(|app| app.requests);
    queued + requests.sum::<u64>()
}

fn last_signature(health: &Health, now: u64) -> String {
    let apps = health.executor.iter().flat_map(|executor| &executor.apps);
    let newest = apps.filter_map(|app| app.last_signature).max_by_key(|signature| signature.at_ms);
    newest.map_or("-".to_owned(), |signature| {
        format!("{}/{}, {} ago", signature.lane, signature.sequence, age(now, signature.at_ms / 1_000))
    })
}

fn of_app(app: &AppView, status: &CloudStatus) -> Vec<String> {
    let newest = app.releases.iter().max_by_key(|release| release.published_at);
    let (alive, total) = newest.map_or((U256::ZERO, U256::ZERO), |release| stake(app, release, &status.nodes));
    let table = newest.map_or(0, |release| release.reference_timestamp);
    let ready = if newest.is_some_and(|release| release.ready) { "ready" } else { "not ready" };
    let members = newest.map_or(0, |release| release.operators.len());
    let mut lines = vec![format!(
        "app        {}  {ready}, table of {table} ({} old), {}, {} of the stake answers, {} must sign",
        app.app,
        age(status.chain.finalized_timestamp.unwrap_or(status.at), u64::from(table)),
        count(members, "operator"),
        percent(alive, total),
        percent(U256::from(app.threshold_bips), U256::from(10_000))
    )];
    let gateways = status.nodes.iter().filter_map(|node| node.health.as_ref()?.gateway.as_ref());
    let lanes = gateways.flat_map(|gateway| &gateway.lanes).filter(|lane| lane.app == app.app);
    lines.extend(lanes.map(of_lane));
    lines
}

fn of_lane(lane: &LaneHealth) -> String {
    format!(
        "  lane {:<4} posted up to {} (finalized), window {}, certified and not final: {}{}",
        lane.lane,
        lane.cursor,
        lane.window,
        lane.unposted,
        if lane.unposted == 0 { String::new() } else { format!(", the oldest for {} s", lane.unposted_age_seconds) },
    )
}

fn finding(finding: &Finding) -> [String; 2] {
    let mark = if finding.wrong { "wrong" } else { "note " };
    [format!("{mark}      {}", finding.what), format!("  next:    {}", finding.next)]
}

/// How long ago, in the largest unit that says enough.
fn age(now: u64, then: u64) -> String {
    match now.saturating_sub(then) {
        _ if then == 0 => "-".to_owned(),
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_a_unit_that_says_enough() {
        let told: Vec<_> =
            [0, 119, 120, 7_200, 172_800].iter().map(|seconds| age(1_000_000, 1_000_000 - seconds)).collect();
        assert_eq!(told, ["0 s", "119 s", "2 min", "2 h", "2 d"]);
        assert_eq!(age(5, 0), "-");
    }
}
