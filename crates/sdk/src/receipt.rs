//! What a receipt claims, against what can be known without the gateway.
//!
//! Three steps, each of which only makes its own type: [`check`] needs the receipt and the deployment's domain and finds
//! every part that contradicts another; [`check_facts`] adds what the chain says about app, release and operators and
//! checks the certificate; [`verify`] reads those facts, and where the batch stands, from finalized blocks.
//! [`verify_archive`] needs one block's hash instead of a chain, and a file that [`archive`] made while there was one.

use alloy_primitives::{Address, B256, U256};
use vouch_api::ConvertError;
use vouch_core::certificate;

mod archive;
mod chain;
mod checked;
mod facts;
#[cfg(test)]
pub(crate) mod tests;

pub use archive::{
    ARCHIVE_VERSION, AccountProof, Archive, ArchiveError, ArchiveLie, ArchivedReceipt, Checkpoint, EntryProof,
    InboxCheckpoint, RecordProof, archive, verify_archive,
};
pub use chain::{Consumption, Standing, VerifiedReceipt, VerifyError, verify};
pub use checked::{CheckedReceipt, certified_answer, certified_exchange, check};
pub use facts::{Facts, check_facts};

/// Why a receipt does not hold: exactly which check failed. The fault of whoever made the receipt.
#[derive(Debug, thiserror::Error)]
pub enum Lie {
    #[error("a part of it cannot be read")]
    Malformed(#[from] ConvertError),
    #[error("it answers request {found}, not {expected}")]
    AnotherRequest { expected: B256, found: B256 },
    #[error("its batch is of chain {found}, not {expected}")]
    AnotherChain { expected: U256, found: U256 },
    #[error("its batch is of the registry {found}, not {expected}")]
    AnotherRegistry { expected: Address, found: Address },
    #[error("its batch is of app {batch}, the request of app {request}")]
    RequestOfAnotherApp { batch: B256, request: B256 },
    #[error("its batch is of program {batch}, the request of program {request}")]
    RequestOfAnotherProgram { batch: B256, request: B256 },
    #[error("its exchange answers request {answered}, the request in it is {request}")]
    RequestNotAnswered { answered: B256, request: B256 },
    #[error("the client did not sign the request")]
    ClientSignature(#[source] vouch_core::ecdsa::Error),
    #[error("the request has no signature, and the forced inbox does not have it")]
    NotForced,
    #[error("the payload's length and pages do not have the hash that the request names")]
    Payload,
    #[error("what the program read does not have the hash that the exchange names")]
    Reads,
    #[error("it has an output although the run did not end well (status {status})")]
    OutputOfFailure { status: u8 },
    #[error("the output has the hash {found}, the exchange names {expected}")]
    Output { expected: B256, found: B256 },
    #[error("the batch has {count} exchanges, there is none at index {index}")]
    Index { index: u32, count: u32 },
    #[error("the exchange is not in the batch at index {index}")]
    NotInBatch { index: u32 },
    #[error("the certificate is of batch {certificate}, not {batch}")]
    CertificateOfAnotherBatch { certificate: B256, batch: B256 },
    #[error("the certificate names the table of {certificate}, the batch that of {batch}")]
    CertificateOfAnotherTable { certificate: u32, batch: u32 },
    #[error("it was held against app {found}'s release of program {program}; its batch names app {expected}")]
    ReleaseOfAnotherApp { program: B256, expected: B256, found: B256 },
    #[error("its batch names operator set {found}; the app's is {expected}")]
    AnotherSet { expected: u32, found: u32 },
    #[error("its batch names the profile {found}; the app's is {expected}")]
    AnotherProfile { expected: Address, found: Address },
    #[error("the program reads nothing from outside, yet the exchange names reads")]
    ReadsWithoutEgress,
    #[error("the program keeps no state, yet the exchange names some")]
    StateOfStateless,
    #[error("the quorum's certificate is invalid")]
    Certificate(#[source] certificate::Error),
    #[error("{signed} of {total} weight signed; the app needs {threshold_bips} of 10,000")]
    ThresholdNotReached { signed: U256, total: U256, threshold_bips: u16 },
    #[error("the chain has no {what}")]
    UnknownToChain { what: String },
}

impl Lie {
    /// The check that failed, in one word that stays the same across versions.
    pub fn check(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "form",
            Self::AnotherRequest { .. } | Self::RequestNotAnswered { .. } => "request",
            Self::AnotherChain { .. } | Self::AnotherRegistry { .. } => "deployment",
            Self::RequestOfAnotherApp { .. } => "app",
            Self::RequestOfAnotherProgram { .. } | Self::ReleaseOfAnotherApp { .. } => "program",
            Self::ClientSignature(_) | Self::NotForced => "client-signature",
            Self::Payload => "payload",
            Self::Reads | Self::ReadsWithoutEgress => "reads",
            Self::OutputOfFailure { .. } | Self::Output { .. } => "output",
            Self::Index { .. } | Self::NotInBatch { .. } => "inclusion",
            Self::CertificateOfAnotherBatch { .. } | Self::CertificateOfAnotherTable { .. } | Self::Certificate(_) => {
                "certificate"
            }
            Self::AnotherSet { .. } => "operator-set",
            Self::AnotherProfile { .. } => "profile",
            Self::StateOfStateless => "state",
            Self::ThresholdNotReached { .. } => "threshold",
            Self::UnknownToChain { .. } => "chain",
        }
    }
}
