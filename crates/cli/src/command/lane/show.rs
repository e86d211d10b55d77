//! `vouch lane show`.

use alloy_primitives::{Address, B256, U256};
use serde::Serialize;
use vouch_chain::Network;
use vouch_chain::network::{Forced, Lane};

use super::{Which, refusal};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;

/// The most entries of an inbox that are listed; it says how many there are.
const ENTRIES_MAX: usize = 64;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
}

/// A lane as finalized blocks have it. Times are Unix seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LaneView {
    app: B256,
    lane: u32,
    epoch: u32,
    gateway: Address,
    /// What counts of its bond, wei, and what the lane asks for.
    bond: U256,
    minimum_bond: U256,
    /// Posted, or given up by a skip.
    cursor: u64,
    /// The first sequence that is neither, and the last that executors sign now.
    next_sequence: u64,
    last_allowed: u64,
    skip_ends_at: Option<u64>,
    next_gateway: Option<Address>,
    change_after: Option<u64>,
    inbox_cursor: u64,
    /// Entries of the inbox that no posted batch answers.
    waiting: usize,
    /// The first of these.
    entries: Vec<EntryView>,
    /// From when on an operator may relieve the gateway; none while nothing waits.
    relief_after: Option<u64>,
    /// The finalized block's.
    time: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    index: u64,
    request: B256,
    client: Address,
    deadline: u64,
    overdue: bool,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.which.cloud)?;
    let network = context.network().await?;
    let view = read(&network, &arguments.which).await.map_err(|error| refusal(&context, error))?;
    output.data(&view, describe);
    Ok(())
}

async fn read(network: &Network, which: &Which) -> Result<LaneView, vouch_chain::Error> {
    let view = network.view().await?;
    let lane = network.lane(&view, which.app(), which.lane).await?;
    let minimum_bond = network.minimum_bond(&view, which.app(), which.lane).await?;
    let bond = network.bond(&view, lane.gateway).await?.standing();
    let inbox_cursor = network.inbox_cursor(&view, which.app(), which.lane).await?;
    let entries = network.forced_entries(&view, which.app(), which.lane, inbox_cursor).await?;
    let (time, delay) = (view.block().timestamp, network.deployment().parameters.skip_delay_seconds);
    Ok(LaneView {
        app: which.app,
        lane: which.lane,
        epoch: lane.epoch,
        gateway: lane.gateway,
        bond,
        minimum_bond,
        cursor: lane.cursor,
        next_sequence: lane.cursor.saturating_add(1),
        last_allowed: lane.cursor.saturating_add(u64::from(lane.window)),
        skip_ends_at: lane.skip_ends_at,
        next_gateway: lane.next_gateway.map(|(gateway, _)| gateway),
        change_after: lane.next_gateway.map(|(_, after)| after),
        inbox_cursor,
        waiting: entries.len(),
        relief_after: relief_after(&lane, &entries, delay),
        entries: entries.iter().take(ENTRIES_MAX).map(|entry| entry_of(entry, time)).collect(),
        time,
    })
}

fn relief_after(lane: &Lane, entries: &[Forced], delay_seconds: u32) -> Option<u64> {
    let first_due = entries.iter().map(|entry| entry.request.deadline).min()?;
    Some(first_due.max(lane.taken_at).saturating_add(u64::from(delay_seconds)))
}

fn entry_of(entry: &Forced, time: u64) -> EntryView {
    let (request, deadline) = (entry.request.id().0, entry.request.deadline);
    EntryView { index: entry.index, request, client: entry.request.client, deadline, overdue: deadline < time }
}

fn describe(view: &LaneView) -> String {
    let mut lines = vec![
        format!("lane       {} of {}", view.lane, view.app),
        format!("gateway    {}, epoch {}", view.gateway, view.epoch),
        format!("bond       {} wei of {} that the lane asks for", view.bond, view.minimum_bond),
        format!(
            "cursor     {}: {} comes next, {} is the last signed now",
            view.cursor, view.next_sequence, view.last_allowed
        ),
        format!("inbox      {} answered, {} waiting", view.inbox_cursor, view.waiting),
    ];
    lines.extend(view.entries.iter().map(|entry| {
        let state = if entry.overdue { "overdue since" } else { "due at" };
        format!("entry      {} {} of {}, {state} {}", entry.index, entry.request, entry.client, entry.deadline)
    }));
    if let Some(at) = view.relief_after {
        lines.push(format!("relief     from {at} on: `vouch lane relieve`, by an operator of the app"));
    }
    if let Some(at) = view.skip_ends_at {
        lines.push(format!("skip       ends at {at}, unless a batch is posted before"));
    }
    if let (Some(next), Some(after)) = (view.next_gateway, view.change_after) {
        lines.push(format!("named      {next}, who may take the lane from {after} on"));
    }
    lines.push(format!("time       {} (Unix seconds, as all times here)", view.time));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> LaneView {
        LaneView {
            app: B256::ZERO,
            lane: 1,
            epoch: 2,
            gateway: Address::ZERO,
            bond: U256::from(5),
            minimum_bond: U256::from(3),
            cursor: 7,
            next_sequence: 8,
            last_allowed: 15,
            skip_ends_at: None,
            next_gateway: None,
            change_after: None,
            inbox_cursor: 4,
            waiting: 0,
            entries: Vec::new(),
            relief_after: None,
            time: 1_000,
        }
    }

    #[test]
    fn what_is_overdue_is_told_with_what_can_be_done_about_it() {
        let quiet = describe(&view());
        assert!(quiet.contains("4 answered, 0 waiting") && !quiet.contains("relief"), "{quiet}");
        let entry =
            |index, overdue| EntryView { index, request: B256::ZERO, client: Address::ZERO, deadline: 900, overdue };
        let late = LaneView {
            waiting: 2,
            entries: vec![entry(5, true), entry(6, false)],
            relief_after: Some(930),
            skip_ends_at: Some(1_030),
            next_gateway: Some(Address::ZERO),
            change_after: Some(1_060),
            ..view()
        };
        let text = describe(&late);
        for part in [
            "4 answered, 2 waiting",
            "overdue since 900",
            "due at 900",
            "relief     from 930",
            "ends at 1030",
            "from 1060 on",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
