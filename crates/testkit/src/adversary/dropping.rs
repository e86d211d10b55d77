//! A gateway that drops everything: it takes connections and ends them, and puts nothing into a batch, whoever asked and however.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use vouch_node::config::Config;

/// Serves in the place of the gateway that `config` describes: honestly for `honest`, so that there can be an app, and then in no way
/// at all.
pub async fn serve(config: &Path, honest: Duration) -> Result<()> {
    let config = Config::load(config)?;
    let listen = config.listen.clone();
    if !honest.is_zero() {
        be_honest(config, honest).await?;
    }
    let listener = TcpListener::bind(&listen).await.with_context(|| listen.clone())?;
    tracing::warn!(%listen, "adversary.gateway.drop");
    loop {
        let (connection, _) = listener.accept().await?;
        drop(connection);
    }
}

/// Runs the node on threads of its own, which end with it.
async fn be_honest(config: Config, honest: Duration) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let node = runtime.spawn(vouch_node::run(config));
    let ended = tokio::time::timeout(honest, node).await;
    runtime.shutdown_background();
    match ended {
        Ok(ended) => Ok(ended??),
        Err(_its_time_is_over) => Ok(()),
    }
}
