//! Logs and traces of a process.
//!
//! Spans are at debug level: while no collector is named, nothing is recorded and a span costs one comparison. With
//! `telemetry.otlp`, the spans of this program's own crates (and of no library) go to an OpenTelemetry collector, in
//! batches from a bounded queue; what does not fit is dropped. Which trace a call belongs to is said by its caller in the
//! header `traceparent`, which is trusted with nothing but where the spans are shown.

mod collector;
pub mod context;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LogFormat, TelemetryConfig};

/// What is logged, in the form of `tracing_subscriber::EnvFilter`, as `info,vouch_compute=debug`.
pub const LOG_VARIABLE: &str = "VOUCH_LOG";

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("telemetry.otlp: spans cannot be sent to {url}")]
    Exporter { url: String, source: opentelemetry_otlp::ExporterBuildError },
    #[error("telemetry.otlp: no HTTP client")]
    Http(#[from] reqwest::Error),
}

/// The process's logs and traces, while it runs.
#[derive(Debug)]
#[must_use = "spans that were not sent yet are lost without `stop`"]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Starts logging to stderr; `VOUCH_LOG` overrules `default_filter`. Must be called within a tokio runtime if spans are
/// to be sent.
///
/// # Errors
/// [`Error`] when `config.otlp` is no address that spans can be sent to.
pub fn start(config: &TelemetryConfig, default_filter: &str) -> Result<Telemetry, Error> {
    let provider = match &config.otlp {
        Some(url) => Some(collector::provider(url, config.sample_bips)?),
        None => None,
    };
    let traces = provider.as_ref().map(|provider| {
        let own = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("vouch"));
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("vouch"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(own.with_max_level_hint(LevelFilter::DEBUG))
    });
    // A second subscriber would be this program's own mistake, and logs must not stop it.
    let _already_set = Registry::default().with(logs(config.log, default_filter)).with(traces).try_init();
    Ok(Telemetry { provider })
}

fn logs(format: LogFormat, default_filter: &str) -> Box<dyn Layer<Registry> + Send + Sync> {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(default_filter));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    match format {
        LogFormat::Text => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
    }
}

impl Telemetry {
    /// Sends what waits, as long as that does not take too long.
    pub async fn stop(self) {
        let Some(provider) = self.provider else { return };
        // The collector may be away: then the last spans are lost, which is what they are worth.
        let _lost = tokio::task::spawn_blocking(move || provider.shutdown()).await;
    }
}
