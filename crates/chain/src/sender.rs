//! Sending transactions from one key.
//!
//! Nonces are given out under a lock, so that any number of tasks can send at once and none overtakes another. Each
//! transaction is watched until it is mined; when it does not move, it is replaced by one with the same nonce and higher
//! fees, and whichever of the two is mined counts. A process that dies in between loses nothing on chain: callers decide
//! by reading the chain whether to send again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::rpc::types::{AccessList, TransactionReceipt};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256};
use serde_json::json;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::client::{Chain, relabel};
use crate::error::Error;
use crate::revert::Revert;

mod fees;

use fees::Fees;

/// Bounds and patience of a sender.
#[derive(Debug, Clone)]
pub struct Config {
    /// The most transactions that are under way at once.
    pub in_flight_max: usize,
    /// The most transactions that wait behind those; more are refused as [`Error::Busy`].
    pub waiting_max: usize,
    /// How long until a transaction is mined, in all.
    pub confirm_timeout: Duration,
    /// How long before fees are raised.
    pub bump_interval: Duration,
    /// How often to look.
    pub poll_interval: Duration,
    /// The most wei per gas ever offered.
    pub fee_per_gas_max: u128,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            in_flight_max: 16,
            waiting_max: 256,
            confirm_timeout: Duration::from_secs(120),
            bump_interval: Duration::from_secs(30),
            poll_interval: Duration::from_millis(100),
            fee_per_gas_max: 1_000_000_000_000,
        }
    }
}

/// A mined and successful transaction.
#[derive(Debug, Clone)]
pub struct Confirmed {
    pub transaction: B256,
    pub block_number: u64,
    pub gas_used: u64,
    /// The contract it created, if it created one.
    pub created: Option<Address>,
    pub logs: Vec<alloy::rpc::types::Log>,
}

impl Confirmed {
    /// The first event of type `E` from `address`.
    #[must_use]
    pub fn event<E: alloy_sol_types::SolEvent>(&self, address: Address) -> Option<E> {
        let mut own = self.logs.iter().filter(|log| log.address() == address);
        own.find_map(|log| E::decode_log(&log.inner).ok().map(|decoded| decoded.data))
    }
}

/// How many transactions a sender has had, for whoever watches it.
#[derive(Debug, Default)]
pub struct Counts {
    pending: AtomicU64,
    confirmed: AtomicU64,
    failed: AtomicU64,
}

impl Counts {
    /// Transactions that are wanted and neither mined nor given up, those that wait for their turn included.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// Mined and successful.
    #[must_use]
    pub fn confirmed(&self) -> u64 {
        self.confirmed.load(Ordering::Relaxed)
    }

    /// Refused, reverted, or not mined in time.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// One transaction under way; given up when dropped before it was confirmed.
struct Counted<'a> {
    counts: &'a Counts,
    confirmed: bool,
}

impl<'a> Counted<'a> {
    fn new(counts: &'a Counts) -> Self {
        counts.pending.fetch_add(1, Ordering::Relaxed);
        Self { counts, confirmed: false }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.counts.pending.fetch_sub(1, Ordering::Relaxed);
        let ended = if self.confirmed { &self.counts.confirmed } else { &self.counts.failed };
        ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// The one way out for transactions of a key.
#[derive(Debug)]
pub struct Sender {
    chain: Chain,
    signer: PrivateKeySigner,
    config: Config,
    nonces: Mutex<Nonces>,
    in_flight: Semaphore,
    waiting: Semaphore,
    counts: Arc<Counts>,
}

/// What is known about this key's nonces. What the chain says counts, unless something of ours is on its way there.
#[derive(Debug, Default)]
struct Nonces {
    next: Option<u64>,
    /// Held once by each transaction that was handed over and is not known to be mined.
    under_way: Arc<()>,
}

impl Nonces {
    /// The next nonce, where it need not be asked for. With nothing under way it must: a reorganized chain may have lost
    /// what was mined, and a nonce behind the gap would wait for ever.
    fn known(&self) -> Option<u64> {
        self.next.filter(|_| Arc::strong_count(&self.under_way) > 1)
    }

    fn take(&mut self, nonce: u64) -> Arc<()> {
        self.next = Some(nonce + 1);
        Arc::clone(&self.under_way)
    }
}

/// What is to be done, whatever it costs.
struct Order {
    kind: TxKind,
    input: Bytes,
    /// Wei.
    value: U256,
    gas_limit: u64,
    label: String,
}

/// One signed attempt at an order.
#[derive(Clone)]
struct Attempt {
    hash: B256,
    raw: Bytes,
    fees: Fees,
}

/// How often in a row a passed nonce must come without a receipt of ours: behind one address several machines may answer,
/// one of them late.
const PASSED_LOOKS: u32 = 10;

/// What a look at the chain found.
enum Sighting {
    Mined(Box<TransactionReceipt>),
    Waiting,
    /// The nonce is used, and by none of our attempts as far as the endpoint knows.
    Passed,
}

/// How submitting an attempt ended.
enum Submission {
    /// In the endpoint's pool, or perhaps: the way there failed, and submitting again is harmless.
    Maybe,
    NonceUsed,
    Underpriced,
}

impl Sender {
    #[must_use]
    pub fn new(chain: Chain, signer: PrivateKeySigner, config: Config) -> Self {
        let in_flight = Semaphore::new(config.in_flight_max.max(1));
        let waiting = Semaphore::new(config.in_flight_max.max(1) + config.waiting_max);
        let nonces = Mutex::default();
        Self { chain, signer, config, nonces, in_flight, waiting, counts: Arc::default() }
    }

    #[must_use]
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Counts that go on changing.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Calls `to` and waits until that is mined. `label` names the action in errors.
    ///
    /// # Errors
    /// [`Error::Reverted`] without sending anything when the call would fail now, or with its reason when it failed
    /// where it was mined; [`Error::Timeout`] when it was not mined in time.
    pub async fn send_and_confirm(&self, to: Address, calldata: Bytes, label: &str) -> Result<Confirmed, Error> {
        self.execute(TxKind::Call(to), calldata, U256::ZERO, label).await
    }

    /// As [`Sender::send_and_confirm`], and pays `value` wei along.
    ///
    /// # Errors
    /// As [`Sender::send_and_confirm`], and [`Error::InsufficientFunds`].
    pub async fn pay_and_confirm(
        &self,
        to: Address,
        calldata: Bytes,
        value: U256,
        label: &str,
    ) -> Result<Confirmed, Error> {
        self.execute(TxKind::Call(to), calldata, value, label).await
    }

    /// Creates a contract and waits until that is mined.
    ///
    /// # Errors
    /// As [`Sender::send_and_confirm`].
    pub async fn create_and_confirm(&self, code: Bytes, label: &str) -> Result<Confirmed, Error> {
        self.execute(TxKind::Create, code, U256::ZERO, label).await
    }

    /// The nonce of the next transaction as the chain's latest block has it.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn mined_nonce(&self) -> Result<u64, Error> {
        self.nonce_at("latest").await
    }

    /// The next nonce once nothing of this key waits any more, an earlier process's transactions included.
    ///
    /// # Errors
    /// [`Error::Timeout`] when something still waits after the time for a confirmation.
    pub async fn settled_nonce(&self) -> Result<u64, Error> {
        let deadline = Instant::now() + self.config.confirm_timeout;
        while Instant::now() < deadline {
            let mined = self.mined_nonce().await?;
            if self.nonce_at("pending").await? == mined {
                return Ok(mined);
            }
            tokio::time::sleep(self.config.poll_interval).await;
        }
        let label = format!("the end of what {} sent before", self.address());
        Err(Error::Timeout { label, seconds: self.config.confirm_timeout.as_secs() })
    }

    async fn execute(&self, kind: TxKind, input: Bytes, value: U256, label: &str) -> Result<Confirmed, Error> {
        let busy = || Error::Busy { sender: self.address(), waiting: self.config.waiting_max };
        let mut counted = Counted::new(&self.counts);
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        let _in_flight = self.in_flight.acquire().await.map_err(|_| busy())?;
        let mut order = Order { kind, input, value, gas_limit: 0, label: label.to_owned() };
        order.gas_limit = self.estimate_gas(&order).await?;
        let deadline = Instant::now() + self.config.confirm_timeout;
        let (nonce, attempt, under_way) = self.submit_first(&order).await?;
        let receipt = self.watch(&order, nonce, attempt, deadline).await;
        drop(under_way);
        if receipt.is_err() {
            // Whether the nonce was used is not known: ask the chain before the next transaction.
            self.nonces.lock().await.next = None;
        }
        let confirmed = self.conclude(&order, receipt?).await?;
        counted.confirmed = true;
        Ok(confirmed)
    }

    /// A fifth above what the pending state needs. The estimate also finds out whether the call would revert.
    async fn estimate_gas(&self, order: &Order) -> Result<u64, Error> {
        let estimate: Result<U64, Error> =
            self.chain.request("eth_estimateGas", (self.call_of(order), "pending")).await;
        let gas: u64 = estimate.map_err(|error| relabel(error, &order.label))?.to();
        Ok(gas.saturating_add(gas / 5))
    }

    /// Takes a nonce and hands the transaction over; retried with a fresh nonce when another process took ours.
    async fn submit_first(&self, order: &Order) -> Result<(u64, Attempt, Arc<()>), Error> {
        let mut nonces = self.nonces.lock().await;
        for _ in 0..5 {
            let nonce = match nonces.known() {
                Some(nonce) => nonce,
                None => self.nonce_at("pending").await?,
            };
            let fees = Fees::current(&self.chain, self.config.fee_per_gas_max, &order.label).await?;
            let attempt = self.sign(order, nonce, fees)?;
            if let Submission::Maybe = self.submit(&attempt, &order.label).await? {
                return Ok((nonce, attempt, nonces.take(nonce)));
            }
            nonces.next = None;
        }
        let nonce = self.nonce_at("pending").await?;
        Err(Error::NonceTaken { sender: self.address(), nonce, label: order.label.clone() })
    }

    async fn submit(&self, attempt: &Attempt, label: &str) -> Result<Submission, Error> {
        let answer: Result<B256, Error> = self.chain.request("eth_sendRawTransaction", (&attempt.raw,)).await;
        let (code, message) = match answer {
            Ok(_) => return Ok(Submission::Maybe),
            Err(error) if error.is_transient() => return Ok(Submission::Maybe),
            Err(Error::Rpc { code, message, .. }) => (code, message),
            Err(error) => return Err(relabel(error, label)),
        };
        let lower = message.to_ascii_lowercase();
        if ["already known", "already imported", "known transaction"].iter().any(|known| lower.contains(known)) {
            return Ok(Submission::Maybe);
        }
        if lower.contains("nonce") {
            return Ok(Submission::NonceUsed);
        }
        if lower.contains("underpriced") {
            return Ok(Submission::Underpriced);
        }
        if lower.contains("insufficient funds") {
            return Err(Error::InsufficientFunds { sender: self.address(), label: label.to_owned() });
        }
        Err(Error::Rpc { method: "eth_sendRawTransaction".to_owned(), code, message })
    }

    /// Waits for one of the attempts to be mined, raising fees when nothing moves.
    async fn watch(
        &self,
        order: &Order,
        nonce: u64,
        first: Attempt,
        deadline: Instant,
    ) -> Result<TransactionReceipt, Error> {
        let mut attempts = vec![first];
        let mut bump_at = Instant::now() + self.config.bump_interval;
        let mut passed = 0;
        while Instant::now() < deadline {
            match self.look(&attempts, nonce).await {
                Ok(Sighting::Mined(receipt)) => return Ok(*receipt),
                Ok(Sighting::Passed) => passed += 1,
                Ok(Sighting::Waiting) => passed = 0,
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
            if passed >= PASSED_LOOKS {
                return Err(Error::NonceTaken { sender: self.address(), nonce, label: order.label.clone() });
            }
            if Instant::now() >= bump_at && passed == 0 {
                self.bump(order, nonce, &mut attempts).await?;
                bump_at = Instant::now() + self.config.bump_interval;
            }
            tokio::time::sleep(self.config.poll_interval).await;
        }
        Err(Error::Timeout { label: order.label.clone(), seconds: self.config.confirm_timeout.as_secs() })
    }

    /// The receipt of whichever attempt was mined.
    async fn look(&self, attempts: &[Attempt], nonce: u64) -> Result<Sighting, Error> {
        // The nonce is read first: when it has passed, a receipt of ours must be there.
        let passed = self.mined_nonce().await? > nonce;
        for attempt in attempts.iter().rev() {
            let receipt: Option<TransactionReceipt> =
                self.chain.request("eth_getTransactionReceipt", (attempt.hash,)).await?;
            if let Some(receipt) = receipt {
                return Ok(Sighting::Mined(Box::new(receipt)));
            }
        }
        Ok(if passed { Sighting::Passed } else { Sighting::Waiting })
    }

    /// Hands over the transaction again, with higher fees as far as the limit allows.
    async fn bump(&self, order: &Order, nonce: u64, attempts: &mut Vec<Attempt>) -> Result<(), Error> {
        let Some(last) = attempts.last().cloned() else { return Ok(()) };
        let next = match last.fees.raised(self.config.fee_per_gas_max) {
            Some(fees) => self.sign(order, nonce, fees)?,
            None => last,
        };
        tracing::info!(label = %order.label, nonce, fee = next.fees.max_per_gas, "transaction handed over again");
        let known = attempts.iter().any(|attempt| attempt.hash == next.hash);
        match self.submit(&next, &order.label).await {
            Ok(Submission::Maybe) if !known => attempts.push(next),
            Ok(_) => {}
            // The earlier attempt may still be mined.
            Err(error) => tracing::warn!(label = %order.label, nonce, %error, "replacement was refused"),
        }
        Ok(())
    }

    async fn conclude(&self, order: &Order, receipt: TransactionReceipt) -> Result<Confirmed, Error> {
        let block_number = receipt.block_number.unwrap_or_default();
        if !receipt.status() {
            return Err(self.explain_failure(order, block_number).await);
        }
        Ok(Confirmed {
            transaction: receipt.transaction_hash,
            block_number,
            gas_used: receipt.gas_used,
            created: receipt.contract_address,
            logs: receipt.logs().to_vec(),
        })
    }

    /// Calls again on the state before the block to learn the reason; it may have been another there.
    async fn explain_failure(&self, order: &Order, block_number: u64) -> Error {
        let before = U64::from(block_number.saturating_sub(1));
        let answer: Result<Bytes, Error> = self.chain.request("eth_call", (self.call_of(order), before)).await;
        match answer {
            Err(error @ Error::Reverted { .. }) => relabel(error, &order.label),
            _ => Error::Reverted { label: order.label.clone(), revert: Revert::of_data(&[]) },
        }
    }

    fn sign(&self, order: &Order, nonce: u64, fees: Fees) -> Result<Attempt, Error> {
        let transaction = TxEip1559 {
            chain_id: self.chain.chain_id(),
            nonce,
            gas_limit: order.gas_limit,
            max_fee_per_gas: fees.max_per_gas,
            max_priority_fee_per_gas: fees.priority_per_gas,
            to: order.kind,
            value: order.value,
            access_list: AccessList::default(),
            input: order.input.clone(),
        };
        let signature = self
            .signer
            .sign_hash_sync(&transaction.signature_hash())
            .map_err(|source| Error::Sign { label: order.label.clone(), source: Box::new(source) })?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        Ok(Attempt { hash: *envelope.tx_hash(), raw: envelope.encoded_2718().into(), fees })
    }

    fn call_of(&self, order: &Order) -> serde_json::Value {
        match order.kind {
            TxKind::Call(to) => {
                json!({ "from": self.address(), "to": to, "input": order.input, "value": order.value })
            }
            TxKind::Create => json!({ "from": self.address(), "input": order.input }),
        }
    }

    async fn nonce_at(&self, tag: &'static str) -> Result<u64, Error> {
        let nonce: U64 = self.chain.request("eth_getTransactionCount", (self.address(), tag)).await?;
        Ok(nonce.to())
    }
}
