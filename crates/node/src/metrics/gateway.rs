use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use vouch_compute::lane::LaneKey;

use super::catalogue::{Catalogue, Kind, note};
use super::label::{Counters, Histograms, label, seconds};

/// What a gateway counts.
#[derive(Debug)]
pub struct Metrics {
    calls: Counters,
    call_duration: Histogram,
    queues: Mutex<HashMap<LaneKey, usize>>,
    queue_calls: Gauge,
    round_duration: Histograms,
    batches: Counters,
    batch_exchanges: Histogram,
    batch_bytes: Histogram,
    signature_refusals: Counters,
    unposted_batches: Gauge,
    unposted_age: Gauge<f64, AtomicU64>,
    posts: Counters,
    posted_batches: Counter,
    post_gas: Counter,
}

impl Metrics {
    pub fn new(catalogue: &mut Catalogue) -> Self {
        use Kind::{Counter as C, Gauge as G, Histogram as H};
        let add = note;
        let calls = add(
            "vouch_gateway_calls_total",
            C,
            &["outcome"],
            "Calls by how they ended: certified, or the code of the problem",
        );
        let call_duration = add("vouch_gateway_call_duration_seconds", H, &[], "How long callers waited");
        let queue_calls = add("vouch_gateway_queue_calls", G, &[], "Calls that wait for a batch, over all lanes");
        let round_duration = add(
            "vouch_gateway_round_duration_seconds",
            H,
            &["round"],
            "How long the rounds took: execute, propose (until the certificate), certify",
        );
        let batches =
            add("vouch_gateway_batches_total", C, &["ending"], "Batches by how they ended: certified, skipped");
        let batch_exchanges = add("vouch_gateway_batch_exchanges", H, &[], "Exchanges of a certified batch");
        let batch_bytes = add("vouch_gateway_batch_bytes", H, &[], "Bytes of a certified batch's data");
        let refusals = add(
            "vouch_gateway_signature_refusals_total",
            C,
            &["reason"],
            "Proposals that an executor did not sign, by its reason",
        );
        let unposted = add(
            "vouch_gateway_unposted_batches",
            G,
            &[],
            "Certified batches beyond the finalized cursors of the gateway's lanes",
        );
        let age = add(
            "vouch_gateway_unposted_age_seconds",
            G,
            &[],
            "How long the oldest of those batches has been certified",
        );
        let posts = add("vouch_gateway_posts_total", C, &["result"], "Posts to the chain: ok, failed");
        let posted = add("vouch_gateway_posted_batches_total", C, &[], "Headers in posts that were mined");
        let gas = add("vouch_gateway_post_gas_total", C, &[], "Gas of posts that were mined");
        let powers = |length| Histogram::new(exponential_buckets(1.0, 2.0, length));
        let bytes = Histogram::new(exponential_buckets(1_024.0, 4.0, 8));
        Self {
            calls: catalogue.add(calls, Counters::default()),
            call_duration: catalogue.add(call_duration, seconds()),
            queues: Mutex::default(),
            queue_calls: catalogue.add(queue_calls, Gauge::default()),
            round_duration: catalogue.add(round_duration, Histograms::new_with_constructor(seconds)),
            batches: catalogue.add(batches, Counters::default()),
            batch_exchanges: catalogue.add(batch_exchanges, powers(10)),
            batch_bytes: catalogue.add(batch_bytes, bytes),
            signature_refusals: catalogue.add(refusals, Counters::default()),
            unposted_batches: catalogue.add(unposted, Gauge::default()),
            unposted_age: catalogue.add(age, Gauge::default()),
            posts: catalogue.add(posts, Counters::default()),
            posted_batches: catalogue.add(posted, Counter::default()),
            post_gas: catalogue.add(gas, Counter::default()),
        }
    }

    pub fn call_ended(&self, outcome: String, took: Duration) {
        self.calls.get_or_create(&label("outcome", outcome)).inc();
        self.call_duration.observe(took.as_secs_f64());
    }

    pub fn queued(&self, lane: LaneKey, calls: usize) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.insert(lane, calls) != Some(calls) {
            let all: usize = queues.values().sum();
            self.queue_calls.set(i64::try_from(all).unwrap_or(i64::MAX));
        }
    }

    /// Calls that wait, over all lanes.
    pub fn calls_queued(&self) -> u64 {
        u64::try_from(self.queue_calls.get()).unwrap_or_default()
    }

    pub fn round_ended(&self, round: &'static str, took: Duration) {
        self.round_duration.get_or_create(&label("round", round)).observe(took.as_secs_f64());
    }

    pub fn certified(&self, exchanges: u32, bytes: u64) {
        self.batches.get_or_create(&label("ending", "certified")).inc();
        self.batch_exchanges.observe(f64::from(exchanges));
        self.batch_bytes.observe(bytes as f64);
    }

    pub fn skipped(&self) {
        self.batches.get_or_create(&label("ending", "skipped")).inc();
    }

    pub fn signature_refused(&self, reason: String) {
        self.signature_refusals.get_or_create(&label("reason", reason)).inc();
    }

    pub fn unposted(&self, batches: u64, age_seconds: f64) {
        self.unposted_batches.set(i64::try_from(batches).unwrap_or(i64::MAX));
        self.unposted_age.set(age_seconds);
    }

    pub fn posted(&self, batches: usize, gas: u64) {
        self.posts.get_or_create(&label("result", "ok")).inc();
        self.posted_batches.inc_by(batches as u64);
        self.post_gas.inc_by(gas);
    }

    pub fn post_failed(&self) {
        self.posts.get_or_create(&label("result", "failed")).inc();
    }
}
