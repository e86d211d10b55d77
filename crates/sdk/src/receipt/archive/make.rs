//! Making an archive while the chain can still be asked.

use alloy::rpc::types::EIP1186AccountProofResponse;
use alloy_primitives::{Address, B256, Bytes, U256};
use vouch_api::Receipt;
use vouch_chain::Finalized;
use vouch_core::{BatchHash, Domain, RequestId};

use super::proof::WEIGHTS_MAX;
use super::{
    ARCHIVE_VERSION, AccountProof, Archive, ArchiveLie, Checkpoint, EntryProof, InboxCheckpoint, RecordProof, slots,
    verify_archive,
};
use crate::receipt::check;

/// Why no archive was made.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// What the receipt or the endpoint gave would not verify, so nothing is kept.
    #[error("the receipt cannot be archived")]
    Lie(#[from] ArchiveLie),
    #[error("the chain cannot be asked")]
    Chain(#[from] vouch_chain::Error),
}

/// Archives a receipt whose batch is certified in `view`'s block. The result verified with that block as its checkpoint.
/// `inbox` is the forced inbox, which is asked for a request that no client signed.
///
/// # Errors
/// [`ArchiveLie::NotCertified`] until the batch is posted with its own certificate and final; [`ArchiveError::Chain`] when
/// the endpoint gives no proofs or keeps no state of that block.
pub async fn archive(
    receipt: &Receipt,
    domain: &Domain,
    inbox: Address,
    view: &Finalized,
) -> Result<Archive, ArchiveError> {
    let checked = check(receipt, domain).map_err(ArchiveLie::Receipt)?;
    let header = view.header().await?;
    let code = view.code(domain.registry).await?;
    let (account, record) = prove(checked.batch().hash(), domain, view).await?;
    let entry = if checked.forced { Some(prove_entry(checked.request_id(), inbox, view).await?) } else { None };
    let header = alloy_rlp::encode(&header.inner).into();
    let archive = Archive { version: ARCHIVE_VERSION, receipt: receipt.clone(), header, code, account, record, entry };
    let hash = |code: &Bytes| Some(alloy_primitives::keccak256(code));
    let inbox_code = archive.entry.as_ref().and_then(|entry| hash(&entry.code));
    let checkpoint = Checkpoint {
        block_hash: view.block().hash,
        domain: *domain,
        code_hash: hash(&archive.code),
        inbox: Some(InboxCheckpoint { address: inbox, code_hash: inbox_code }),
    };
    verify_archive(&archive, &checkpoint)?;
    Ok(archive)
}

async fn prove_entry(request: RequestId, inbox: Address, view: &Finalized) -> Result<EntryProof, ArchiveError> {
    let code = view.code(inbox).await?;
    let mut proof = view.proof(inbox, &[slots::of_place(request)]).await?;
    let word = proof.storage_proof.pop().ok_or(ArchiveLie::NoEntry)?;
    let (lane, index, deadline) = slots::unpack_place(word.value).ok_or(ArchiveLie::NoEntry)?;
    let proven = EntryProof { code, lane, index, deadline, proof: word.proof, account: account(proof) };
    // What was never submitted has no place, and places count from one.
    if index == 0 { Err(ArchiveLie::NoEntry.into()) } else { Ok(proven) }
}

async fn prove(
    batch: BatchHash,
    domain: &Domain,
    view: &Finalized,
) -> Result<(AccountProof, RecordProof), ArchiveError> {
    let count = view.proof(domain.registry, &[slots::of_count(batch)]).await?;
    let count = count.storage_proof.first().map_or(U256::ZERO, |slot| slot.value);
    // A record without a certificate has no weights either.
    if count.is_zero() {
        return Err(ArchiveLie::NotCertified.into());
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > WEIGHTS_MAX {
        let what = "the record's list of weights";
        return Err(ArchiveLie::TooLarge { what, found: count, max: WEIGHTS_MAX }.into());
    }
    let proof = view.proof(domain.registry, &slots::of_record(batch, count)).await?;
    let (words, proofs) = proof.storage_proof.iter().map(|slot| (slot.value, slot.proof.clone())).unzip();
    Ok((account(proof), record(words, proofs)?))
}

fn account(proof: EIP1186AccountProofResponse) -> AccountProof {
    AccountProof {
        nonce: proof.nonce,
        balance: proof.balance,
        storage_root: proof.storage_hash,
        proof: proof.account_proof,
    }
}

/// The record whose words these are, in the order of [`slots::of_record`].
fn record(words: Vec<U256>, proofs: Vec<Vec<Bytes>>) -> Result<RecordProof, ArchiveLie> {
    let malformed = || ArchiveLie::Storage { field: "times", detail: "the words are those of no record".to_owned() };
    let [times, signers, _, weights @ ..] = &words[..] else { return Err(malformed()) };
    let (recorded_at, certified_at, reference_timestamp) = slots::unpack(*times).ok_or_else(malformed)?;
    let (signers_hash, signed_weights) = (B256::from(*signers), weights.to_vec());
    Ok(RecordProof { recorded_at, certified_at, reference_timestamp, signers_hash, signed_weights, proofs })
}
