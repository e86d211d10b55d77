//! What can go wrong between us and a chain, and whose fault it is.

use alloy_primitives::{Address, B256};

use crate::revert::Revert;

/// Whose fault an error is, which decides what a caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Goes away by itself: try again later.
    Transient,
    /// The endpoint answers against its own protocol: use another one.
    Endpoint,
    /// The chain refuses what we asked: asking again changes nothing.
    Refused,
    /// Nothing may go on until a person has looked: wrong chain, changed history, damaged store.
    Fatal,
}

/// Every failure of this crate's dealings with a chain.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer after all attempts.
    #[error("no answer from {endpoint} after {attempts} attempts")]
    Unreachable {
        /// Scheme, host and port; the path may hold a secret and is left out.
        endpoint: String,
        attempts: u32,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The endpoint's URL is none that we can call.
    #[error("{url} is no http or https address")]
    InvalidEndpoint { url: String },
    /// An answer that does not fit its question.
    #[error("{endpoint} gave no valid answer to {method}: {detail}")]
    BadAnswer { endpoint: String, method: String, detail: String },
    /// The endpoint refused a call with a JSON-RPC error that is no revert.
    #[error("{method} was refused with code {code}: {message}")]
    Rpc { method: String, code: i64, message: String },
    /// A contract refused.
    #[error("{label} reverted: {revert}")]
    Reverted { label: String, revert: Revert },
    /// There is no contract where one is expected.
    #[error("there is no contract {name} at {address}")]
    NoCode { name: String, address: Address },
    /// The endpoint serves another chain.
    #[error("expected chain {expected}, the endpoint serves chain {found}")]
    WrongChain { expected: u64, found: u64 },
    /// The endpoint serves a chain of the right id with another beginning.
    #[error("expected the chain whose genesis block is {expected}, the endpoint's is {found}")]
    WrongGenesis { expected: B256, found: B256 },
    /// What was final is not there any more.
    #[error("finalized history changed: block {number} was {expected} and is {found}")]
    HistoryChanged { number: u64, expected: B256, found: B256 },
    /// A block that is not finalized yet was asked for as if it were.
    #[error("block {number} is not finalized; the latest that is, is {finalized}")]
    NotFinalized { number: u64, finalized: u64 },
    /// The wait for something ended before it happened.
    #[error("{label} did not happen within {seconds} s")]
    Timeout { label: String, seconds: u64 },
    /// Too many transactions of this sender wait already.
    #[error("{waiting} transactions of {sender} wait already")]
    Busy { sender: Address, waiting: usize },
    /// Another process sends from the same key and took the nonce.
    #[error("another process used nonce {nonce} of {sender}, so {label} was not sent")]
    NonceTaken { sender: Address, nonce: u64, label: String },
    /// Fees went beyond what the configuration allows.
    #[error("{label} needs {needed} wei per gas, the limit is {limit}")]
    FeeTooHigh { label: String, needed: u128, limit: u128 },
    /// The sender's balance does not cover the transaction.
    #[error("{sender} has too little of the chain's currency for {label}")]
    InsufficientFunds { sender: Address, label: String },
    /// Time is only moved on a local development chain.
    #[error("{endpoint} is {version}, not anvil: time is only moved on a local development chain")]
    NotAnvil { endpoint: String, version: String },
    /// Contract state that contradicts itself or an event that contradicts the state.
    #[error("{label}: {detail}")]
    Inconsistent { label: String, detail: String },
    /// A local file that we cannot read or write.
    #[error("cannot use {path}")]
    Store {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A local signature could not be made.
    #[error("cannot sign {label}")]
    Sign {
        label: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The most characters of a stranger's text that an error repeats.
const SHOWN_MAX: usize = 500;

/// A stranger's text as an error repeats it: its beginning, on one line, and nothing that a terminal would obey.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

impl Error {
    /// Whose fault this is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Busy { .. } => Fault::Transient,
            Self::NonceTaken { .. } | Self::NotFinalized { .. } | Self::FeeTooHigh { .. } => Fault::Transient,
            Self::BadAnswer { .. } | Self::Rpc { .. } => Fault::Endpoint,
            Self::Reverted { .. } | Self::InsufficientFunds { .. } => Fault::Refused,
            Self::WrongChain { .. }
            | Self::WrongGenesis { .. }
            | Self::HistoryChanged { .. }
            | Self::NoCode { .. }
            | Self::Inconsistent { .. }
            | Self::InvalidEndpoint { .. }
            | Self::NotAnvil { .. }
            | Self::Store { .. }
            | Self::Sign { .. } => Fault::Fatal,
        }
    }

    /// Whether waiting and asking again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.fault() == Fault::Transient
    }

    /// The name of the custom error that a contract reverted with.
    #[must_use]
    pub fn revert_name(&self) -> Option<&str> {
        match self {
            Self::Reverted { revert, .. } => revert.name(),
            _ => None,
        }
    }

    /// A contract's answer or event that contradicts what it must be.
    pub(crate) fn inconsistent(label: &str, detail: impl std::fmt::Display) -> Self {
        Self::Inconsistent { label: label.to_owned(), detail: detail.to_string() }
    }

    pub(crate) fn store(path: &std::path::Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Store { path: path.display().to_string(), source: source.into() }
    }
}
