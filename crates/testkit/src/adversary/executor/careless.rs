//! An operator that signs whatever a lane's gateway, or anybody, puts to it.

use std::sync::Arc;

use alloy_primitives::FixedBytes;
use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use vouch_compute::wire::{Answer, Call, Refusal};
use vouch_core::bls::SecretKey;
use vouch_core::{Batch, certificate};
use vouch_node::config::Config;

use super::Keys;

pub async fn serve(config: &Config, keys: Keys) -> Result<()> {
    let router = Router::new()
        .route("/v1/executor/{app}", post(answer))
        .route("/v1/status", get(|| async { "{}" }))
        .with_state(Arc::new(keys.bls().context("the operator has no key for the set")?));
    let listener = tokio::net::TcpListener::bind(&config.listen).await.with_context(|| config.listen.clone())?;
    axum::serve(listener, router).await?;
    Ok(())
}

async fn answer(State(secret): State<Arc<SecretKey>>, body: Bytes) -> Vec<u8> {
    let answer = match Call::decode(&body) {
        // No reservation, no check: this is what loses the stake.
        Ok(Call::Propose(call)) => Answer::Signature(sign(&secret, &call.header)),
        Ok(Call::Certify(_)) => Answer::Kept,
        Ok(Call::Held(_)) => Answer::Held(Vec::new()),
        Ok(Call::Batch(_)) => Answer::Batch(None),
        Ok(Call::Slots(_)) => Answer::Slots(Vec::new()),
        Ok(Call::Data(_)) => Answer::Data(None),
        Ok(Call::Execute(_) | Call::Owed(_)) => {
            Answer::Refused(Refusal::HostFailure("it lies rather than works".to_owned()))
        }
        Err(error) => Answer::Refused(Refusal::Malformed(error.to_string())),
    };
    answer.encode()
}

/// The operator's signature of a batch.
pub fn sign(secret: &SecretKey, header: &Batch) -> FixedBytes<64> {
    let signature = secret.sign(certificate::digest(header.reference_timestamp, header.hash()));
    signature.to_bytes().into()
}
