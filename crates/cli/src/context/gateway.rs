//! The gateway of an app, as the chain names it: whoever has a lane, at the endpoint that its account registered.

use std::time::Duration;

use alloy_primitives::B256;
use vouch_chain::{Finalized, Network};
use vouch_core::AppId;
use vouch_sdk::Client;

use super::Context;
use crate::failure::{Failure, chain_of};

/// How long a gateway may take to answer before the next one is tried.
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(5);
/// Lanes that are looked at; an app may have more.
const LANES_MAX: u32 = 16;

impl Context {
    /// A client of the gateway that was named, else of the first one that answers among those with a lane of the app.
    pub async fn client_for(&self, app: B256) -> Result<Client, Failure> {
        match &self.gateway {
            Some(gateway) => self.client_of(gateway).await,
            None => self.find_gateway(AppId(app)).await,
        }
    }

    async fn find_gateway(&self, app: AppId) -> Result<Client, Failure> {
        let network = self.network().await?;
        let view = network.view().await.map_err(|error| self.chain_failure(error))?;
        let lanes = network.lane_count(&view, app).await.map_err(|error| self.chain_failure(error))?;
        let mut tried = Vec::new();
        for lane in 1..=lanes.min(LANES_MAX) {
            match self.gateway_of_lane(&network, &view, app, lane).await {
                Ok(client) => return Ok(client),
                Err(reason) => tried.push(format!("lane {lane}: {reason}")),
            }
        }
        if tried.is_empty() {
            return Err(Failure::input(format!("app {app} has no lane in a finalized block"), "check the app's id"));
        }
        let message = format!("no gateway of app {app} answers; {}", tried.join("; "));
        Err(Failure::node(message, "name a gateway with --gateway, or say --private-peers if it shares your network"))
    }

    async fn gateway_of_lane(
        &self,
        network: &Network,
        view: &Finalized,
        app: AppId,
        lane: u32,
    ) -> Result<Client, String> {
        let gateway = network.lane(view, app, lane).await.map_err(|error| chain_of(&error))?.gateway;
        let endpoint = network.endpoint(view, gateway).await.map_err(|error| chain_of(&error))?;
        let endpoint = endpoint.ok_or_else(|| format!("{gateway} has no endpoint"))?;
        // The app's owner chose it, so where it may lie is for whoever runs this to say.
        let client = Client::pinned(&endpoint, network.deployment().domain(), self.private_peers);
        let client = client.map_err(|error| chain_of(&error))?;
        let answer = tokio::time::timeout(GATEWAY_TIMEOUT, client.clock()).await;
        answer.map_err(|_| format!("{} does not answer", endpoint.url))?.map_err(|error| chain_of(&error))?;
        Ok(client)
    }
}
