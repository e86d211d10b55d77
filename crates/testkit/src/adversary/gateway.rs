//! A gateway that lies to an executor about a batch, or asks for two signatures for one slot.

mod lie;

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{B256, Bytes, U256, keccak256};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use vouch_coding::Srs;
use vouch_coding::srs::DevelopmentSrs;
use vouch_compute::wire::{
    Answer, Call, ExecuteAnswer, ExecuteCall, Opening, ProposeCall, ProposedData, Report, SignedRequest,
};
use vouch_core::{Batch, BatchHash, Domain, Entry, Exchange, ProgramId, RequestId, ecdsa};
use vouch_sdk::{CallOptions, Client, SignedCall};

use super::peer::Peer;
use lie::Material;
pub use lie::{Draft, Lie};

/// What an executor answered to a proposal. Neither signature nor refusal: it ended without an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub batch: vouch_api::Batch,
    pub batch_hash: BatchHash,
    /// 64 bytes, if it signed.
    pub signature: Option<Bytes>,
    /// Why it did not.
    pub refusal: Option<String>,
}

/// What an executor answered to a lie, in both forms that a proposal can have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    pub lie: Lie,
    /// The requests of the data, in its order.
    pub requests: Vec<RequestId>,
    /// To a proposal that names its requests by their ids alone.
    pub by_ids: Asked,
    /// To the same proposal with its data whole.
    pub whole: Asked,
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

/// A lane's gateway, with its real key, and the one executor that it lies to.
pub struct LyingGateway {
    signer: PrivateKeySigner,
    executor: Peer,
}

impl LyingGateway {
    pub fn new(signer: PrivateKeySigner, executor_url: &str) -> Self {
        Self { signer, executor: Peer::new(executor_url) }
    }

    /// Asks for a signature of each of two batches for the slot `ahead` after that of `genuine`.
    pub async fn ask_twice(&self, genuine: &Batch, ahead: u64) -> Result<[Asked; 2]> {
        let [first, second] = two_batches(genuine, ahead);
        let parent = (ahead > 0).then(|| genuine.clone());
        let of_nobody = |header| ProposeCall {
            header,
            gateway_signature: Default::default(),
            parent: parent.clone(),
            data: ProposedData::Known(vec![Default::default()]),
            opening: Opening { value: B256::ZERO, proof: [0; 64].into() },
            owed: Vec::new(),
        };
        let [first, second] = [self.signed(of_nobody(first))?, self.signed(of_nobody(second))?];
        Ok([self.propose(&first).await?, self.propose(&second).await?])
    }

    /// Has requests of `client` executed as the protocol wants it, then proposes a batch right behind `genuine` that lies
    /// about them. Also returns the proposal with its data.
    pub async fn lie(&self, genuine: &Batch, client: &PrivateKeySigner, lie: Lie) -> Result<(Told, ProposeCall)> {
        let view = self.executor.app(genuine.app).await?;
        let signed = self.requests(genuine, client, lie).await?;
        let [first, second, unseen] = signed;
        let reported = self.execute(genuine, vec![first, second]).await?;
        let material = Material { genuine, view: &view, reported, unseen };
        let draft = material.tell(lie, &srs(genuine)?)?;
        let requests = draft.requests();
        let by_ids = self.signed(draft.call(ProposedData::Known(requests.clone())))?;
        let whole = self.signed(draft.call(ProposedData::Whole(draft.data())))?;
        let (by_ids, answered) = (self.propose(&by_ids).await?, self.propose(&whole).await?);
        Ok((Told { lie, requests, by_ids, whole: answered }, whole))
    }

    /// Sends a proposal as it is.
    pub async fn propose(&self, call: &ProposeCall) -> Result<Asked> {
        let header = &call.header;
        let (signature, refusal) = match self.executor.ask(header.app, &Call::Propose(Box::new(call.clone()))).await? {
            Some(Answer::Signature(signature)) => (Some(Bytes::copy_from_slice(signature.as_slice())), None),
            Some(Answer::Refused(refusal)) => (None, Some(refusal.to_string())),
            None => (None, None),
            Some(other) => bail!("not an answer to a proposal: {other:?}"),
        };
        Ok(Asked { batch: header.into(), batch_hash: header.hash(), signature, refusal })
    }

    fn signed(&self, mut call: ProposeCall) -> Result<ProposeCall> {
        call.gateway_signature = ecdsa::sign(call.header.hash().into(), &self.signer.to_bytes().0)?.into();
        Ok(call)
    }

    /// Three requests that `client` signed.
    async fn requests(&self, genuine: &Batch, client: &PrivateKeySigner, lie: Lie) -> Result<[SignedRequest; 3]> {
        let domain = Domain { chain_id: genuine.chain_id, registry: genuine.registry };
        let node = Client::new(self.executor.url(), domain)?;
        // Named, because only a gateway says what a call costs, and it is an executor that is asked here.
        let options = CallOptions { max_fee: Some(U256::ZERO), ..CallOptions::default() };
        let mut signed = Vec::new();
        for number in 1..=3 {
            let payload = format!("{lie:?} {number}");
            let (app, program) = (genuine.app.0, genuine.program_id.0);
            let request = node.request(app, program, payload.as_bytes(), client, &options).await?;
            let SignedCall { request, signature, payload } =
                SignedCall::sign(request, payload.as_bytes(), &domain, client)?;
            signed.push(SignedRequest { request, signature, payload });
        }
        signed.try_into().ok().context("three requests were made")
    }

    /// Round 1 with this one executor.
    async fn execute(&self, genuine: &Batch, requests: Vec<SignedRequest>) -> Result<Vec<Entry>> {
        let (app, program_id): (_, ProgramId) = (genuine.app, genuine.program_id);
        let call = Call::Execute(ExecuteCall { app, program_id, requests: requests.clone() });
        match self.executor.ask(app, &call).await? {
            Some(Answer::Reports(answer)) => entries(requests, *answer),
            other => bail!("not reports: {other:?}"),
        }
    }
}

/// What an honest gateway would put into the batch.
fn entries(requests: Vec<SignedRequest>, answer: ExecuteAnswer) -> Result<Vec<Entry>> {
    let reports = answer.list.reports.into_iter().zip(answer.outputs);
    let ran = requests.into_iter().zip(reports).map(|(signed, (report, output))| match report {
        Report::Ran(exchange) => Ok(entry(signed, &exchange, output)),
        Report::Refused(_, refusal) => bail!("it did not run an honest request: {refusal}"),
    });
    ran.collect()
}

fn entry(signed: SignedRequest, exchange: &Exchange, output: Bytes) -> Entry {
    Entry {
        request: signed.request,
        signature: signed.signature,
        payload: signed.payload,
        status: exchange.status,
        output,
        pre_state: exchange.pre_state,
        post_state: exchange.post_state,
        ..Entry::default()
    }
}

fn srs(genuine: &Batch) -> Result<Srs> {
    let chain_id = u64::try_from(genuine.chain_id).ok().context("the chain id does not fit 64 bits")?;
    Ok(DevelopmentSrs::for_chain(chain_id)?.into())
}
