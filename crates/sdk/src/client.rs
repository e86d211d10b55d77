use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256, Bytes, U256};
use rand::RngCore;
use reqwest::Method;
use tokio::time::Instant;
use vouch_api::{
    Answered, AppView, CallRequest, Clock, Explanation, FeeStanding, Health, PAYLOAD_BYTES_MAX, Problem, ProblemCode,
    Receipt, Status, TraceParent, Wanted,
};
use vouch_chain::endpoint::Endpoint;
use vouch_core::{AppId, Domain, FORCED_NONCE_FIRST, ProgramId, Request, RequestId, ecdsa, pages};

use crate::http::{Ask, Error, Http};
use crate::receipt::{Lie, check};

/// How long an upload may take.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);
/// How long after a call's deadline its answer may still be on the way.
const CALL_GRACE: Duration = Duration::from_secs(10);
/// How long to wait before the same call is sent again.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);
/// The most bytes of a receipt: the largest output in hexadecimal, with its proofs.
const RECEIPT_BYTES_MAX: usize = (128 << 20) + (4 << 20);

/// Apps that are remembered to be free; beyond, all are forgotten.
const FREE_MAX: usize = 1_024;

/// What a caller may choose about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallOptions {
    /// Seconds from the gateway's clock within which an answer counts, and must be posted for contracts to act on it.
    pub deadline_seconds: u64,
    /// How long to wait for the answer, over as many tries as fit; the deadline may lie far beyond, for contracts.
    pub patience: Duration,
    /// The block whose randomness seeds the run; zero: the request id alone.
    pub seed_block: u64,
    /// Everything that the client agrees to owe the app with this call, in the smallest unit of its fee token; none: what the
    /// gateway says that it owes already, and this call's fee.
    pub max_fee: Option<U256>,
}

impl Default for CallOptions {
    fn default() -> Self {
        Self { deadline_seconds: 600, patience: Duration::from_secs(110), seed_block: 0, max_fee: None }
    }
}

/// A request as its client signed it. Sending it again never runs it twice: the receipt of the first time is the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCall {
    pub request: Request,
    pub signature: Bytes,
    pub payload: Bytes,
}

impl SignedCall {
    /// Signs `request` under `domain`, which is the BatchRegistry's.
    ///
    /// # Errors
    /// Fails only for a key that is none.
    pub fn sign(request: Request, payload: &[u8], domain: &Domain, signer: &PrivateKeySigner) -> Result<Self, Error> {
        let signature = ecdsa::sign(request.digest(domain), &signer.to_bytes().0).map_err(Error::Sign)?;
        Ok(Self { request, signature: signature.to_vec().into(), payload: payload.to_vec().into() })
    }

    pub fn id(&self) -> RequestId {
        self.request.id()
    }
}

/// A gateway's client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    domain: Domain,
    /// Apps that asked for no fee when they were last asked: their calls name none, without another request.
    free: Arc<Mutex<BTreeSet<B256>>>,
}

impl Client {
    /// `domain` is that of the deployment on which the apps live; a gateway of another one is not believed.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`]; nothing is sent yet.
    pub fn new(gateway: &str, domain: Domain) -> Result<Self, Error> {
        Ok(Self { http: Http::new(gateway)?, domain, free: Arc::default() })
    }

    /// The gateway that an account registered on chain; see [`vouch_chain::Network::endpoint`]. `private`: it may lie in a
    /// private network, which only whoever runs this machine can know.
    ///
    /// # Errors
    /// [`Error::Endpoint`] when the registered url may not be called.
    pub fn pinned(gateway: &Endpoint, domain: Domain, private: bool) -> Result<Self, Error> {
        Ok(Self { http: Http::pinned(gateway, private)?, domain, free: Arc::default() })
    }

    /// The gateway's address.
    pub fn gateway(&self) -> &str {
        self.http.base()
    }

    pub async fn status(&self) -> Result<Status, Error> {
        self.http.json(Ask::get("/v1/status"), "a status").await
    }

    pub async fn clock(&self) -> Result<Clock, Error> {
        self.http.json(Ask::get("/v1/clock"), "a clock").await
    }

    /// How the node is, by its own word.
    pub async fn health(&self) -> Result<Health, Error> {
        self.http.json(Ask::get("/v1/health"), "a node's health").await
    }

    /// What the node knows of an id, by its own word.
    pub async fn explain(&self, wanted: &Wanted) -> Result<Explanation, Error> {
        self.http.json(Ask::get(format!("/v1/explain?id={wanted}")), "an explanation").await
    }

    /// The same client, whose requests belong to a trace of the caller's.
    #[must_use]
    pub fn traced(mut self, parent: TraceParent) -> Self {
        self.http.traceparent = Some(parent);
        self
    }

    /// How a client stands with an app: its price, what the client owes, and what its deposit has left. The gateway's word:
    /// what a quorum does not charge is not paid, whatever was signed for.
    pub async fn fees(&self, app: B256, client: Address) -> Result<FeeStanding, Error> {
        self.http.json(Ask::get(format!("/v1/apps/{app}/clients/{client}/fees")), "a client's fees").await
    }

    /// Every app that the gateway knows.
    pub async fn apps(&self) -> Result<Vec<AppView>, Error> {
        self.http.json(Ask::get("/v1/apps"), "a list of apps").await
    }

    pub async fn app(&self, app: B256) -> Result<AppView, Error> {
        let view: AppView = self.http.json(Ask::get(format!("/v1/apps/{app}")), "an app").await?;
        if view.app != app {
            return Err(Error::BadAnswer { what: "an app", detail: format!("it is app {}", view.app) });
        }
        Ok(view)
    }

    /// Uploads the artifact of a finalized release under its SHA-256.
    pub async fn upload_artifact(&self, digest: B256, bytes: Vec<u8>) -> Result<(), Error> {
        let body = Some(("application/octet-stream", bytes));
        let path = format!("/v1/artifacts/{digest}");
        let ask = Ask { method: Method::PUT, path, body, timeout: UPLOAD_TIMEOUT, bytes_max: 1 << 10 };
        self.http.send(ask).await.map(|_| ())
    }

    /// The receipt of an earlier call, checked as far as it can be without a chain; see [`crate::verify`] for the rest.
    pub async fn receipt(&self, id: B256) -> Result<Receipt, Error> {
        let ask = Ask { bytes_max: RECEIPT_BYTES_MAX, ..Ask::get(format!("/v1/receipts/{id}")) };
        let receipt: Receipt = self.http.json(ask, "a receipt").await?;
        let checked = check(&receipt, &self.domain)?;
        if checked.request_id().0 != id {
            return Err(Lie::AnotherRequest { expected: id, found: checked.request_id().0 }.into());
        }
        Ok(receipt)
    }

    /// Asks `program` of `app` and waits for a certified answer to exactly that, whatever its status.
    ///
    /// The certificate itself is not checked here: that takes the chain, see [`crate::verify`].
    ///
    /// # Errors
    /// [`Error::Refused`] with the gateway's reason; [`Error::Lie`] when the receipt is no answer to this request.
    pub async fn call(
        &self,
        app: B256,
        program: B256,
        payload: &[u8],
        signer: &PrivateKeySigner,
        options: &CallOptions,
    ) -> Result<Receipt, Error> {
        // Once the deadline has passed, asking again only hides why there was no answer.
        let patience = options.patience.min(Duration::from_secs(options.deadline_seconds));
        let was_free = options.max_fee.is_none() && self.lock_free().contains(&app);
        let request = self.request(app, program, payload, signer, options).await?;
        let signed = SignedCall::sign(request, payload, &self.domain, signer)?;
        let answer = self.send_patiently(&signed, patience).await;
        if !was_free || answer.is_ok() {
            return answer;
        }
        // It may have named a price since. What was refused for that did not run, and may be signed for anew.
        self.lock_free().remove(&app);
        let unpaid =
            |error: &Error| error.problem().is_some_and(|problem| problem.code == ProblemCode::PaymentRequired);
        if !answer.as_ref().is_err_and(unpaid) {
            return answer;
        }
        let request = self.request(app, program, payload, signer, options).await?;
        self.send_patiently(&SignedCall::sign(request, payload, &self.domain, signer)?, patience).await
    }

    /// What the client agrees to owe with its next call; asked for once of an app that is free.
    async fn max_fee(&self, app: B256, client: Address, payload_bytes: usize) -> Result<U256, Error> {
        if self.lock_free().contains(&app) {
            return Ok(U256::ZERO);
        }
        let standing = self.fees(app, client).await?;
        if standing.per_call.is_zero() && standing.per_page.is_zero() {
            let mut free = self.lock_free();
            if free.len() >= FREE_MAX {
                free.clear();
            }
            free.insert(app);
        }
        Ok(standing.max_fee(payload_bytes))
    }

    /// Every change under this lock is complete before anything that could panic.
    fn lock_free(&self) -> MutexGuard<'_, BTreeSet<B256>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request of `signer` with a random nonce and the gateway's time, not yet signed.
    pub async fn request(
        &self,
        app: B256,
        program: B256,
        payload: &[u8],
        signer: &PrivateKeySigner,
        options: &CallOptions,
    ) -> Result<Request, Error> {
        // One after the other would make every call wait twice.
        let max_fee = async {
            match options.max_fee {
                None => self.max_fee(app, signer.address(), payload.len()).await,
                Some(named) => Ok(named),
            }
        };
        let (clock, max_fee) = tokio::try_join!(self.clock(), max_fee)?;
        let time = clock.time;
        Ok(Request {
            app: AppId(app),
            program_id: ProgramId(program),
            client: signer.address(),
            nonce: rand::rngs::OsRng.next_u64() % FORCED_NONCE_FIRST,
            payload_hash: pages::root(payload),
            time,
            seed_block: options.seed_block,
            deadline: time.saturating_add(options.deadline_seconds),
            max_fee,
        })
    }

    /// Sends a signed call again and again while the gateway says that it only needs time: operators that run a program
    /// for the first time compile it first.
    ///
    /// # Errors
    /// The last failure once `patience` is over, or one that asking again does not change.
    pub async fn send_patiently(&self, call: &SignedCall, patience: Duration) -> Result<Receipt, Error> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.send(call, left).await {
                Err(Error::Refused(problem)) if needs_time(&problem) && Instant::now() + RETRY_INTERVAL < end => {
                    tracing::debug!(code = ?problem.code, "sdk.call.again");
                    tokio::time::sleep(RETRY_INTERVAL).await;
                }
                done => return done,
            }
        }
    }

    /// Sends a signed call once; the same one may be sent again after a failure.
    pub async fn send(&self, call: &SignedCall, patience: Duration) -> Result<Receipt, Error> {
        if call.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(Error::PayloadTooLarge { length: call.payload.len(), length_max: PAYLOAD_BYTES_MAX });
        }
        let body = CallRequest {
            request: (&call.request).into(),
            client_signature: call.signature.clone(),
            payload: call.payload.clone(),
        };
        let body = serde_json::to_vec(&body).expect("a request has string keys only");
        let ask = Ask {
            method: Method::POST,
            path: "/v1/calls".to_owned(),
            body: Some(("application/json", body)),
            timeout: patience + CALL_GRACE,
            bytes_max: RECEIPT_BYTES_MAX,
        };
        let receipt: Receipt = self.http.json(ask, "a receipt").await?;
        let checked = check(&receipt, &self.domain)?;
        if checked.request_id() != call.id() {
            return Err(Lie::AnotherRequest { expected: call.id().0, found: checked.request_id().0 }.into());
        }
        Ok(receipt)
    }
}

/// Whether the same call may find a quorum later: somebody was busy or silent rather than of another opinion.
fn needs_time(problem: &Problem) -> bool {
    let is_final = |said: &Answered| ["answered ", "refused"].iter().any(|word| said.answer.starts_with(word));
    match problem.code {
        ProblemCode::Busy | ProblemCode::NotReady => true,
        ProblemCode::NoQuorum => problem.answered.iter().any(|said| !is_final(said)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
