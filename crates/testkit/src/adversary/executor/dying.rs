//! An honest node that is killed in the one moment that matters: when it has reserved a slot on disk and has not signed.
//!
//! The moment is known by the event that the store logs between the two; nothing in the node itself is changed.

use std::fmt::Debug;

use anyhow::Result;
use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use vouch_node::config::Config;

/// What the executor's store logs when a reservation is on disk.
const RESERVED: &str = "executor.slot.reserve";

pub async fn serve(config: Config) -> Result<()> {
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(logs.with_filter(LevelFilter::INFO)).with(KillAtReservation).try_init()?;
    Ok(vouch_node::run(config).await?)
}

struct KillAtReservation;

impl<S: Subscriber> Layer<S> for KillAtReservation {
    /// Runs on the thread that has just reserved, which goes no further.
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = IsReservation(false);
        event.record(&mut message);
        if message.0 {
            // If it fails the process goes on and signs, which whoever waits for its end sees.
            let _sent = kill(getpid(), Signal::SIGKILL);
        }
    }
}

struct IsReservation(bool);

impl Visit for IsReservation {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 |= field.name() == "message" && format!("{value:?}") == RESERVED;
    }
}
