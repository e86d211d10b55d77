use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use vouch_node::config::Config;
use vouch_node::telemetry::{self, LOG_VARIABLE};

use crate::failure::{Failure, chain_of};

/// Run roles of a node from a configuration file
#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration file (TOML); docs/configuration.md names every key
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Sends log lines to stderr; `VOUCH_LOG` overrules `default_filter`.
pub fn log_to_stderr(default_filter: &str) {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(default_filter));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // A second subscriber would be this program's own mistake, and logs must not stop it.
    let _already_set = subscriber.try_init();
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let config = Config::load(&arguments.config).map_err(|error| failure(&error.into()))?;
    let telemetry = telemetry::start(&config.telemetry, "info")
        .map_err(|error| Failure::input(chain_of(&error), "mend `telemetry.otlp` in the configuration"))?;
    let ended = tokio::select! {
        ended = vouch_node::run(config) => ended.map_err(|error| failure(&error)),
        name = stop => {
            tracing::info!(signal = name, "node.stop");
            Ok(())
        }
    };
    telemetry.stop().await;
    ended
}

/// Resolves, with its name, when the process is asked to end.
pub fn stop_signal() -> Result<impl Future<Output = &'static str>, Failure> {
    let listen = |kind| {
        signal(kind).map_err(|error| {
            Failure::host(format!("signals cannot be received: {error}"), "check this machine with `vouch doctor`")
        })
    };
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

fn failure(error: &vouch_node::Error) -> Failure {
    use vouch_node::Error;
    let message = chain_of(error);
    match error {
        Error::Config(_) => {
            Failure::input(message, "mend the configuration file; docs/configuration.md names every key")
        }
        Error::Keys(_) => Failure::input(message, "check the paths of keystore and password file in the configuration"),
        Error::Transport(_) => Failure::input(message, "check `tls.key_file`: a private key in PEM form with mode 600"),
        Error::Chain(_) => Failure::chain(message, "check `chain.rpc` and `chain.deployment` in the configuration"),
        Error::Gateway(_) | Error::Executor { .. } | Error::Artifacts(_) => Failure::host(
            message,
            "if a store is damaged, put a backup back and set `restored = true`; never start with an empty one",
        ),
        Error::Index(_) => {
            Failure::host(message, "look at it with `vouch index status`; `vouch index rebuild` makes it anew")
        }
        Error::Io { .. } | Error::Driver(_) | Error::Srs(_) => {
            Failure::host(message, "check this machine with `vouch doctor`")
        }
        Error::Http(_) | Error::Ended(_) => Failure::bug(message),
    }
}
