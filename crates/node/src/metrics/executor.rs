use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::catalogue::{Catalogue, Kind, note};
use super::label::{Histograms, Labels, label, seconds};

/// What the executors of a node count together.
#[derive(Debug)]
pub struct Metrics {
    runs: Family<Labels, Counter>,
    run_duration: Histograms,
    refusals: Family<Labels, Counter>,
    reservation_duration: Histogram,
    signatures: Counter,
}

impl Metrics {
    pub fn new(catalogue: &mut Catalogue) -> Self {
        use Kind::{Counter as C, Histogram as H};
        let runs = note(
            "vouch_executor_runs_total",
            C,
            &["driver", "status"],
            "Runs that ended, by driver (wasm, container) and status (ok, trap, out_of_fuel, output_too_large)",
        );
        let duration = note("vouch_executor_run_duration_seconds", H, &["driver"], "How long runs took");
        let refusals = note(
            "vouch_executor_refusals_total",
            C,
            &["round", "reason"],
            "What was refused, by round (request, execute, propose, certify, held, batch) and reason",
        );
        let reservations = note(
            "vouch_executor_reservation_duration_seconds",
            H,
            &[],
            "How long it took until a slot was reserved on disk; its count is the number of reservations",
        );
        let signatures =
            note("vouch_executor_signatures_total", C, &[], "Batch signatures given, repeated ones included");
        Self {
            runs: catalogue.add(runs, Family::default()),
            run_duration: catalogue.add(duration, Histograms::new_with_constructor(seconds)),
            refusals: catalogue.add(refusals, Family::default()),
            reservation_duration: catalogue.add(reservations, seconds()),
            signatures: catalogue.add(signatures, Counter::default()),
        }
    }

    pub fn ran(&self, driver: &'static str, status: String, took: Duration) {
        self.runs.get_or_create(&[("driver", driver.into()), ("status", status.into())]).inc();
        self.run_duration.get_or_create(&label("driver", driver)).observe(took.as_secs_f64());
    }

    pub fn refused(&self, round: &'static str, reason: String) {
        self.refusals.get_or_create(&[("round", round.into()), ("reason", reason.into())]).inc();
    }

    pub fn reserved(&self, took: Duration) {
        self.reservation_duration.observe(took.as_secs_f64());
    }

    pub fn signed(&self) {
        self.signatures.inc();
    }
}
