//! A client that sends a gateway what it must not take, and tells what came of it.

use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::U256;
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vouch_api::{AppView, BODY_BYTES_MAX, CallRequest, PAYLOAD_BYTES_MAX, Problem, ProblemCode, Receipt};
use vouch_core::{Domain, Request};
use vouch_sdk::{CallOptions, Client, SignedCall};

/// One thing that a client does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// Nothing: a call as it should be
    Nothing,
    /// A larger payload than anybody takes
    LargePayload,
    /// A body larger than any request
    HugeBody,
    /// A body that never ends
    SlowBody,
    /// What is no request at all
    Nonsense,
    /// Signed for another chain
    AnotherChain,
    /// Signed by another key than the client's
    AnotherKey,
    /// Another payload than was signed
    AnotherPayload,
    /// Made long ago
    LongAgo,
    /// A deadline that has passed
    Expired,
    /// A deadline years ahead
    FarDeadline,
    /// A program that is no release of the app
    UnknownProgram,
    /// The very same call twice
    Replay,
}

/// What a gateway answered.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    pub lie: Lie,
    /// The code of its refusal; none if it gave a receipt or none at all.
    pub refused: Option<ProblemCode>,
    /// In words.
    pub answer: String,
    /// The exchange of the receipt, for answers and repeats.
    pub exchange: Option<vouch_api::Exchange>,
}

/// Somebody with a key, and the gateway to which it lies.
pub struct LyingClient {
    client: Client,
    http: reqwest::Client,
    domain: Domain,
    signer: PrivateKeySigner,
    app: AppView,
}

/// How long a body that never ends is sent, and how long its answer may take then.
const SLOWLY_FOR: Duration = Duration::from_secs(3);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const PAYLOAD: &[u8] = b"what a liar asks";

impl LyingClient {
    /// Lies to `gateway` about the first app that it has; waits until there is one.
    pub async fn new(gateway: &str, domain: Domain, signer: PrivateKeySigner) -> Result<Self> {
        let client = Client::new(gateway, domain)?;
        let app = loop {
            let found = client.apps().await.ok().and_then(|apps| apps.into_iter().find(|app| app.ready));
            match found {
                Some(app) => break app,
                None => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        };
        Ok(Self {
            client,
            http: reqwest::Client::builder().no_proxy().timeout(ANSWER_TIMEOUT).build()?,
            domain,
            signer,
            app,
        })
    }

    /// Tells one lie.
    pub async fn tell(&self, lie: Lie) -> Result<Told> {
        if lie == Lie::SlowBody {
            return self.slowly().await;
        }
        let body = match lie {
            Lie::HugeBody => vec![b' '; BODY_BYTES_MAX + 1],
            Lie::Nonsense => b"{\"request\": 7}".to_vec(),
            _ => self.call(lie).await?,
        };
        if lie == Lie::Replay {
            self.send(lie, body.clone()).await?;
        }
        self.send(lie, body).await
    }

    /// A call that is right but for the lie.
    async fn call(&self, lie: Lie) -> Result<Vec<u8>> {
        let program = self.app.releases.last().context("the app has no release")?.program_id;
        let options = CallOptions { deadline_seconds: 60, ..CallOptions::default() };
        let payload = if lie == Lie::LargePayload { vec![0; PAYLOAD_BYTES_MAX + 1] } else { PAYLOAD.to_vec() };
        let honest = self.client.request(self.app.app, program, &payload, &self.signer, &options).await?;
        let request = twist(honest, lie);
        let chain_id = if lie == Lie::AnotherChain { self.domain.chain_id + U256::ONE } else { self.domain.chain_id };
        let domain = Domain { chain_id, ..self.domain };
        let stranger = PrivateKeySigner::random();
        let signer = if lie == Lie::AnotherKey { &stranger } else { &self.signer };
        let signed = SignedCall::sign(request, &payload, &domain, signer)?;
        let payload = if lie == Lie::AnotherPayload { b"something else"[..].into() } else { signed.payload };
        let call = CallRequest { request: (&signed.request).into(), client_signature: signed.signature, payload };
        Ok(serde_json::to_vec(&call)?)
    }

    async fn send(&self, lie: Lie, body: Vec<u8>) -> Result<Told> {
        let url = format!("{}/v1/calls", self.client.gateway());
        let sent = self.http.post(url).header("content-type", "application/json").body(body).send().await;
        match sent {
            Ok(answer) => Ok(told(lie, &answer.bytes().await.unwrap_or_default())),
            // A gateway need not read to the end what it will not take.
            Err(error) if lie == Lie::HugeBody && !error.is_timeout() => {
                Ok(Told { lie, refused: None, answer: "it closed the connection".to_owned(), exchange: None })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a byte now and then, and asks honestly meanwhile: others must not have to wait.
    async fn slowly(&self) -> Result<Told> {
        let address = self.client.gateway().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let mut stream = TcpStream::connect(&address).await?;
        let head = format!("POST /v1/calls HTTP/1.1\r\nhost: {address}\r\ncontent-length: 1000\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let drip = async {
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let drip: Result<std::io::Result<()>, _> = tokio::time::timeout(SLOWLY_FOR, drip).await;
        let closed = matches!(drip, Ok(Err(_))) || stream.try_read(&mut [0; 1]).is_ok_and(|length| length == 0);
        let meanwhile = self.send(Lie::SlowBody, self.call(Lie::Nothing).await?).await?;
        let answer = if closed {
            "it closed the connection".to_owned()
        } else {
            format!("others meanwhile: {}", meanwhile.answer)
        };
        stream.shutdown().await?;
        let _rest = tokio::time::timeout(ANSWER_TIMEOUT, stream.read(&mut [0; 256])).await?;
        Ok(Told { answer, ..meanwhile })
    }
}

/// The request with one thing wrong about it.
fn twist(request: Request, lie: Lie) -> Request {
    const YEAR: u64 = 365 * 86_400;
    match lie {
        Lie::LongAgo => Request { time: request.time.saturating_sub(YEAR), ..request },
        Lie::Expired => Request { deadline: request.time.saturating_sub(100), ..request },
        Lie::FarDeadline => Request { deadline: request.time + 10 * YEAR, ..request },
        Lie::UnknownProgram => Request { program_id: vouch_core::ProgramId(request.app.0), ..request },
        _ => request,
    }
}

fn told(lie: Lie, answer: &[u8]) -> Told {
    if let Ok(receipt) = serde_json::from_slice::<Receipt>(answer) {
        return Told { lie, refused: None, answer: "a receipt".to_owned(), exchange: Some(receipt.exchange) };
    }
    match serde_json::from_slice::<Problem>(answer) {
        Ok(problem) => Told { lie, refused: Some(problem.code), answer: problem.message, exchange: None },
        Err(_) => {
            let text = String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned();
            Told { lie, refused: None, answer: text, exchange: None }
        }
    }
}
