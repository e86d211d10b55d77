//! A gateway that asks for two signatures for one slot.

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{B256, Bytes, keccak256};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use vouch_compute::wire::{Answer, Call, Opening, ProposeCall, ProposedData};
use vouch_core::{Batch, BatchHash, ecdsa};

/// What an executor answered to one of two batches for one slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    pub batch: vouch_api::Batch,
    pub batch_hash: BatchHash,
    /// 64 bytes, if it signed.
    pub signature: Option<Bytes>,
    /// Why it did not.
    pub refusal: Option<String>,
}

/// Two different batches for the slot `ahead` after that of `genuine`, which the lane's gateway might have proposed:
/// everything in their headers is right but the exchanges, which nobody asked for.
pub fn two_batches(genuine: &Batch, ahead: u64) -> [Batch; 2] {
    let parent = if ahead == 0 { genuine.parent } else { genuine.hash() };
    [1u8, 2].map(|number| Batch {
        sequence: genuine.sequence + ahead,
        parent,
        exchanges_root: keccak256([number]),
        exchange_count: 1,
        ..genuine.clone()
    })
}

/// Asks the executor at `url` for its signature of each batch, as the gateway whose key is `signer`'s.
pub async fn ask_twice(signer: &PrivateKeySigner, url: &str, genuine: &Batch, ahead: u64) -> Result<[Asked; 2]> {
    let [first, second] = two_batches(genuine, ahead);
    let parent = (ahead > 0).then(|| genuine.clone());
    Ok([ask(signer, url, first, parent.clone()).await?, ask(signer, url, second, parent).await?])
}

async fn ask(signer: &PrivateKeySigner, url: &str, header: Batch, parent: Option<Batch>) -> Result<Asked> {
    let gateway_signature = ecdsa::sign(header.hash().into(), &signer.to_bytes().0)?;
    let call = Call::Propose(Box::new(ProposeCall {
        header: header.clone(),
        gateway_signature: gateway_signature.into(),
        parent,
        data: ProposedData::Known(vec![Default::default()]),
        opening: Opening { value: B256::ZERO, proof: [0; 64].into() },
    }));
    let target = format!("{}/v1/executor/{}", url.trim_end_matches('/'), header.app);
    let answer = reqwest::Client::new().post(target).body(call.encode()).send().await?.error_for_status()?;
    let answer = Answer::decode(&answer.bytes().await?).context("the executor's answer")?;
    let (signature, refusal) = match answer {
        Answer::Signature(signature) => (Some(Bytes::copy_from_slice(signature.as_slice())), None),
        Answer::Refused(refusal) => (None, Some(refusal.to_string())),
        other => bail!("not an answer to a proposal: {other:?}"),
    };
    Ok(Asked { batch: (&header).into(), batch_hash: header.hash(), signature, refusal })
}
