use super::{BatchStory, Story, Told, TransactionStory};
use crate::output::count;

/// Entries that are shown; all are in the JSON.
const ENTRIES_SHOWN_MAX: usize = 200;

/// The story as lines of text, in the order in which it happened.
pub fn show(story: &Story) -> String {
    let mut lines: Vec<String> = story.names.iter().map(|name| format!("it is      {name}")).collect();
    let hidden = story.entries.len().saturating_sub(ENTRIES_SHOWN_MAX);
    if hidden > 0 {
        lines.push(format!("… {hidden} older entries; --json has all"));
    }
    lines.extend(story.entries.iter().skip(hidden).map(entry));
    lines.extend(story.transaction.iter().flat_map(transaction));
    lines.extend(story.batches.iter().flat_map(batch));
    if let Some(receipt) = &story.receipt {
        let text = |name: &str| receipt[name].as_str().unwrap_or("-").to_owned();
        match receipt["holds"].as_bool() {
            Some(true) => {
                lines.push(format!("receipt    holds: status {}, signed by {}", text("status"), text("signedBy")));
                lines.push(format!("on chain   {}", text("onChain")));
            }
            _ => lines.push(format!("receipt    does not hold: {}", text("why"))),
        }
    }
    lines.push(format!("searched   {}", story.searched.join("; ")));
    lines.push(format!("in logs    {}", story.log_fields.join(" or ")));
    lines.join("\n")
}

fn entry(told: &Told) -> String {
    let Told { node, entry } = told;
    let what = meaning(&entry.event).unwrap_or(&entry.event);
    let slot = match (entry.lane, entry.sequence) {
        (Some(lane), Some(sequence)) => format!(" (batch {lane}/{sequence})"),
        _ => String::new(),
    };
    let transaction = entry.transaction.map(|id| format!(", transaction {id}")).unwrap_or_default();
    let said = if entry.said.is_empty() { String::new() } else { format!(": {}", entry.said) };
    format!("{}  {node:<11} {what}{slot}{said}{transaction}", time(entry.at_ms))
}

/// What an event of the journal means, for people; the log has its name.
fn meaning(event: &str) -> Option<&'static str> {
    Some(match event {
        "gateway.call.accept" => "accepted the call",
        "gateway.call.answer" => "answered the call",
        "gateway.call.refuse" => "gave no receipt",
        "gateway.batch.propose" => "proposed the batch",
        "gateway.batch.certify" => "certified the batch",
        "gateway.batch.skip" => "gave the batch up",
        "gateway.batch.post" => "posted the batch",
        "gateway.propose.refused" => "heard an executor refuse",
        "executor.program.run" => "ran the program",
        "executor.request.refuse" => "refused the request",
        "executor.batch.sign" => "signed the batch",
        "executor.batch.refuse" => "refused the batch",
        _ => return None,
    })
}

fn transaction(story: &TransactionStory) -> Vec<String> {
    let ended = if story.succeeded { "succeeded" } else { "failed" };
    let finality = if story.finalized { "final" } else { "not final yet" };
    vec![format!(
        "it {ended} in block {} ({finality}) and recorded {} of the registry",
        story.block_number,
        count(story.batches.len(), "batch").replace("batchs", "batches")
    )]
}

fn batch(story: &BatchStory) -> Vec<String> {
    let batch = &story.batch;
    let mut lines = vec![
        format!("batch      {}", batch.batch),
        format!("  slot     {}/{} of app {}", batch.lane, batch.sequence, batch.app),
        format!("  program  {}, {}", batch.program, count(batch.exchange_count as usize, "exchange")),
        format!("  kept by  {}", story.kept_by.join(", ")),
    ];
    lines.push(match &story.signed_by {
        Some(signers) => {
            format!("  signed   by {} under the table of {}", signers.join(", "), batch.reference_timestamp)
        }
        None => "  signed   not by a threshold, as far as the nodes say".to_owned(),
    });
    lines.push(match (story.recorded_at, story.transaction) {
        (Some(at), Some(transaction)) => format!("  posted   at {at} in transaction {transaction}"),
        (Some(at), None) => format!("  posted   at {at}"),
        (None, _) => "  posted   not as of the latest finalized block".to_owned(),
    });
    lines
}

/// Unix milliseconds as seconds with three digits behind the point: what a node's clock said, to be compared.
fn time(at_ms: u64) -> String {
    format!("{}.{:03}", at_ms / 1_000, at_ms % 1_000)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use vouch_api::JournalEntry;

    use super::*;

    #[test]
    fn an_entry_is_told_with_its_time_its_node_and_its_slot() {
        let entry = JournalEntry {
            at_ms: 12_345,
            event: "gateway.batch.post".into(),
            said: "in block 7".to_owned(),
            lane: Some(1),
            sequence: Some(42),
            transaction: Some(B256::ZERO),
            ..JournalEntry::default()
        };
        let line = super::entry(&Told { node: "gateway".to_owned(), entry });
        let expected = "12.345  gateway     posted the batch (batch 1/42): in block 7, transaction 0x0000";
        assert!(line.starts_with(expected), "{line}");
    }
}
