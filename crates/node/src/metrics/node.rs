use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use vouch_chain::sender::Counts;
use vouch_compute::lane::chain::Head;

use super::catalogue::{Catalogue, Kind, note};
use super::label::{Counters, Labels, label};

/// What every node shows of itself and of its chain. It is read when somebody asks.
#[derive(Debug)]
pub struct Metrics {
    info: Family<Labels, Gauge>,
    finalized_block: Gauge,
    finalized_timestamp: Gauge,
    finalized_lag: Gauge,
    silence: Gauge<f64, AtomicU64>,
    transactions_pending: Gauge,
    transactions: Counters,
    evidence: Counters,
    containers_live: Gauge,
    containers_kept: Gauge,
    artifact_bytes: Gauge,
    resident_bytes: Gauge,
    open_files: Gauge,
    start_time: Gauge,
}

impl Metrics {
    pub fn new(catalogue: &mut Catalogue) -> Self {
        use Kind::{Counter as C, Gauge as G};
        let mut gauge = |name, help| catalogue.add(note(name, G, &[], help), Gauge::default());
        let block = gauge("vouch_chain_finalized_block", "Number of the newest finalized block that was read");
        let timestamp = gauge("vouch_chain_finalized_timestamp_seconds", "Its time, Unix seconds");
        let lag = gauge("vouch_chain_finalized_lag_seconds", "How far its time is behind this machine's clock");
        let pending = gauge("vouch_chain_transactions_pending", "Transactions of this node that are not mined yet");
        let live = gauge("vouch_container_live", "Containers that run, kept ones included");
        let kept = gauge("vouch_container_kept", "Containers that are kept running between requests");
        let artifacts = gauge("vouch_artifact_store_bytes", "Bytes of the artifacts on disk");
        let resident = gauge("process_resident_memory_bytes", "Resident memory of the node's process");
        let files = gauge("process_open_fds", "Open files of the node's process");
        let start = gauge("process_start_time_seconds", "When the node started, Unix seconds");
        let silence =
            note("vouch_chain_silence_seconds", G, &[], "How long ago the newest finalized block was learned of");
        let transactions =
            note("vouch_chain_transactions_total", C, &["result"], "Transactions that ended: confirmed, failed");
        let evidence = note("vouch_node_evidence_total", C, &["kind"], "Lies that are kept, by kind");
        let info = note("vouch_node_info", G, &["version", "roles"], "What the node is; always 1");
        Self {
            info: catalogue.add(info, Family::default()),
            finalized_block: block,
            finalized_timestamp: timestamp,
            finalized_lag: lag,
            silence: catalogue.add(silence, Gauge::default()),
            transactions_pending: pending,
            transactions: catalogue.add(transactions, Counters::default()),
            evidence: catalogue.add(evidence, Counters::default()),
            containers_live: live,
            containers_kept: kept,
            artifact_bytes: artifacts,
            resident_bytes: resident,
            open_files: files,
            start_time: start,
        }
    }

    pub fn started(&self, version: &'static str, roles: String) {
        let labels: Labels = [("version", Cow::from(version)), ("roles", roles.into())];
        self.info.get_or_create(&labels).set(1);
        set(&self.start_time, unix_seconds());
    }

    pub fn chain(&self, head: Head, silence: Duration) {
        set(&self.finalized_block, head.number);
        set(&self.finalized_timestamp, head.timestamp);
        set(&self.finalized_lag, unix_seconds().saturating_sub(head.timestamp));
        self.silence.set(silence.as_secs_f64());
    }

    pub fn transactions(&self, senders: &[std::sync::Arc<Counts>]) {
        let sum = |of: fn(&Counts) -> u64| senders.iter().map(|counts| of(counts)).sum::<u64>();
        set(&self.transactions_pending, sum(Counts::pending));
        for (result, count) in [("confirmed", sum(Counts::confirmed)), ("failed", sum(Counts::failed))] {
            self.transactions.get_or_create(&label("result", result)).inner().store(count, Ordering::Relaxed);
        }
    }

    pub fn evidence(&self, kinds: &BTreeMap<String, u64>) {
        for (kind, count) in kinds {
            self.evidence.get_or_create(&label("kind", kind.clone())).inner().store(*count, Ordering::Relaxed);
        }
    }

    /// Reads this machine. Blocks for as long as listing a folder takes.
    pub fn machine(&self, artifacts: &Path) {
        let containers = vouch_oci::counts();
        set(&self.containers_live, containers.live);
        set(&self.containers_kept, containers.kept);
        set(&self.artifact_bytes, folder_bytes(artifacts));
        set(&self.resident_bytes, resident_bytes().unwrap_or_default());
        let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        set(&self.open_files, files as u64);
    }
}

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

/// By this machine's clock: it decides nothing, and what lags behind it is what people want to see.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let sizes = entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()));
    sizes.sum()
}

fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib << 10)
}
