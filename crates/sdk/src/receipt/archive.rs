//! A receipt for ever: with proofs of the registry's record of its batch under the state root of one block.
//!
//! Whoever knows that block's hash (the checkpoint) and the registry's address needs neither a gateway nor a chain:
//! the header has the checkpoint's hash, the account lies under its state root, the record under the account's storage
//! root, and the batch under the record's slot. That the threshold of the operator set's stake signed is then the word of
//! the registry's code, which records a certificate's time for nothing less; the code's hash lies in the account.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};
use vouch_api::Receipt;
use vouch_chain::artifacts;
use vouch_core::{AppId, BatchHash, Domain, ProgramId, RequestId, Status};

use super::{CheckedReceipt, Lie, check};

mod build;
mod entry;
mod header;
mod make;
mod proof;
pub(super) mod slots;
#[cfg(test)]
mod tests;

pub use entry::{EntryProof, InboxCheckpoint};
pub use make::{ArchiveError, archive};
pub use proof::{AccountProof, RecordProof};

/// The version of the file that is written and read.
pub const ARCHIVE_VERSION: u32 = 1;
/// The largest code that a contract may have (EIP-170).
const CODE_BYTES_MAX: usize = 24_576;

/// A receipt and what shows, without a chain, that its batch was certified: the archive's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Archive {
    pub version: u32,
    pub receipt: Receipt,
    /// The block's header in RLP; its hash is the checkpoint.
    pub header: Bytes,
    /// The code of the registry.
    pub code: Bytes,
    pub account: AccountProof,
    pub record: RecordProof,
    /// Only for a request that came through the forced inbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryProof>,
}

/// What the verifier brings along: an archive that brought it itself would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The hash of a block that the verifier knows to be final on the chain that it means.
    pub block_hash: B256,
    /// The chain's id and the registry's address.
    pub domain: Domain,
    /// The hash of the registry's code; without it, the code must be the build that this program knows.
    pub code_hash: Option<B256>,
    /// The forced inbox; without it, no request that came through it is verified.
    pub inbox: Option<InboxCheckpoint>,
}

/// A receipt that holds under a checkpoint: made by [`verify_archive`] and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchivedReceipt {
    pub request_id: RequestId,
    /// Whose operators signed. Compare it with the app that you mean.
    pub app: AppId,
    pub program_id: ProgramId,
    pub batch_hash: BatchHash,
    pub operator_set_id: u32,
    pub profile: Address,
    pub status: Status,
    /// The request's place among the entries of its lane in the forced inbox; none if the client signed it.
    pub inbox_index: Option<u64>,
    /// The weight that signed, strategy by strategy; the first is what the threshold was measured by.
    pub signed_weights: Vec<U256>,
    /// keccak256(abi.encode(referenceTimestamp, nonSignerIndices)) of the certificate that was posted.
    pub signers_hash: B256,
    /// When the registry recorded the batch and its certificate, Unix seconds.
    pub recorded_at: u64,
    pub certified_at: u64,
    /// The registry and the hash of its code.
    pub registry: Address,
    pub code_hash: B256,
    /// The checkpoint's block.
    pub block_number: u64,
    pub block_hash: B256,
    pub block_timestamp: u64,
}

/// Why an archive does not hold: exactly which check failed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveLie {
    #[error("its version is {found}; this program reads {ARCHIVE_VERSION}")]
    Version { found: u32 },
    #[error("{what} has the size {found}, at most {max} is read")]
    TooLarge { what: &'static str, found: usize, max: usize },
    #[error("its block has the hash {found}, the checkpoint is {expected}")]
    AnotherBlock { expected: B256, found: B256 },
    #[error("its block's header is no header: {0}")]
    Header(&'static str),
    #[error("the account {contract} is not proven under the block's state root: {detail}")]
    Account { contract: Address, detail: String },
    #[error("the {contract}'s code has the hash {found}, expected {expected}")]
    AnotherCode { contract: &'static str, expected: B256, found: B256 },
    #[error(
        "the {contract}'s code (hash {found}) is not the build that this program knows; name its hash if you trust it"
    )]
    UnknownBuild { contract: &'static str, found: B256 },
    #[error("the record's {field} is not proven under its contract's storage root: {detail}")]
    Storage { field: &'static str, detail: String },
    #[error("the record names a time of {what} ({time}) that its block ({block}) does not allow")]
    Time { what: &'static str, time: u64, block: u64 },
    #[error("the batch's own certificate was not recorded")]
    NotCertified,
    #[error("the record names the operator table of {record}, the batch that of {batch}")]
    AnotherTable { record: u32, batch: u32 },
    #[error("no client signed the request, and the archive does not prove that the forced inbox has it")]
    NoEntry,
    #[error("the request came through the forced inbox, and the verifier did not say which contract that is")]
    InboxUnknown,
    #[error("the archive proves an entry of the forced inbox, but the client signed the request")]
    NeedlessEntry,
    #[error("the forced inbox has the request for lane {entry}, the batch is of lane {batch}")]
    AnotherLane { entry: u32, batch: u32 },
    #[error(transparent)]
    Receipt(#[from] Lie),
}

impl ArchiveLie {
    /// The check that failed, in one word that stays the same across versions.
    #[must_use]
    pub fn check(&self) -> &'static str {
        match self {
            Self::Version { .. } | Self::TooLarge { .. } => "form",
            Self::AnotherBlock { .. } | Self::Header(_) => "checkpoint",
            Self::Account { .. } => "account",
            Self::AnotherCode { .. } | Self::UnknownBuild { .. } => "code",
            Self::Storage { .. } | Self::Time { .. } | Self::NotCertified | Self::AnotherTable { .. } => "record",
            Self::NoEntry | Self::InboxUnknown | Self::NeedlessEntry | Self::AnotherLane { .. } => "client-signature",
            Self::Receipt(lie) => lie.check(),
        }
    }
}

/// Verifies an archive without any network: what it says holds if the checkpoint's block is final on the chain meant and the
/// address is the registry's.
///
/// # Errors
/// Names the first check that failed.
pub fn verify_archive(archive: &Archive, checkpoint: &Checkpoint) -> Result<ArchivedReceipt, ArchiveLie> {
    if archive.version != ARCHIVE_VERSION {
        return Err(ArchiveLie::Version { found: archive.version });
    }
    let block = header::read(&archive.header, checkpoint.block_hash)?;
    let registry = checkpoint.domain.registry;
    let code_hash = build::check(&artifacts::BATCH_REGISTRY, "registry", &archive.code, checkpoint.code_hash)?;
    archive.account.check(registry, code_hash, block.state_root)?;
    let checked = check(&archive.receipt, &checkpoint.domain)?;
    let inbox_index = check_entry(archive, &checked, checkpoint, block.state_root)?;
    let (batch, record) = (&checked.batch, &archive.record);
    let batch_hash = batch.hash();
    record.check(batch_hash, archive.account.storage_root)?;
    check_record(record, batch.reference_timestamp, block.timestamp)?;
    Ok(ArchivedReceipt {
        request_id: checked.request_id(),
        app: batch.app,
        program_id: batch.program_id,
        batch_hash,
        operator_set_id: batch.operator_set_id,
        profile: batch.profile_id,
        status: checked.exchange.status,
        inbox_index,
        signed_weights: record.signed_weights.clone(),
        signers_hash: record.signers_hash,
        recorded_at: record.recorded_at,
        certified_at: record.certified_at,
        registry,
        code_hash,
        block_number: block.number,
        block_hash: checkpoint.block_hash,
        block_timestamp: block.timestamp,
    })
}

/// A request that nobody signed must be in the forced inbox; its place there.
fn check_entry(
    archive: &Archive,
    checked: &CheckedReceipt,
    checkpoint: &Checkpoint,
    state_root: B256,
) -> Result<Option<u64>, ArchiveLie> {
    match (&archive.entry, checked.forced) {
        (None, false) => Ok(None),
        (None, true) => Err(ArchiveLie::NoEntry),
        (Some(_), false) => Err(ArchiveLie::NeedlessEntry),
        (Some(entry), true) => {
            entry.check(&checked.request, &checked.batch, checkpoint, state_root)?;
            Ok(Some(entry.index))
        }
    }
}

/// The registry never writes such a record; what it would mean is not known.
fn check_record(record: &RecordProof, table: u32, block: u64) -> Result<(), ArchiveLie> {
    if record.certified_at == 0 {
        return Err(ArchiveLie::NotCertified);
    }
    if record.recorded_at == 0 || record.recorded_at > block {
        return Err(ArchiveLie::Time { what: "recording", time: record.recorded_at, block });
    }
    if record.certified_at < record.recorded_at || record.certified_at > block {
        return Err(ArchiveLie::Time { what: "certification", time: record.certified_at, block });
    }
    if record.reference_timestamp != table {
        return Err(ArchiveLie::AnotherTable { record: record.reference_timestamp, batch: table });
    }
    Ok(())
}
