//! The forced inbox's record of a request that nobody signed: what stands in the place of the client's signature.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};
use vouch_chain::artifacts;
use vouch_core::{Batch, Request};

use super::proof::check_word;
use super::{AccountProof, ArchiveLie, Checkpoint, build, slots};

/// The inbox's record of the request (`ForcedInbox.placeOf`), with the way to it from the state root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntryProof {
    /// The code of the inbox.
    pub code: Bytes,
    pub account: AccountProof,
    pub lane: u32,
    /// Counted from one in each lane.
    pub index: u64,
    /// Unix seconds.
    pub deadline: u64,
    /// From the inbox's storage root.
    pub proof: Vec<Bytes>,
}

/// Who may speak of forced requests: the verifier's own knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxCheckpoint {
    pub address: Address,
    /// The hash of the inbox's code; without it, the code must be the build that this program knows.
    pub code_hash: Option<B256>,
}

impl EntryProof {
    /// The inbox has exactly this request at a place of the batch's lane. The time and the seed block of a forced request
    /// are part of its id, so nothing else has to be compared.
    pub(super) fn check(
        &self,
        request: &Request,
        batch: &Batch,
        checkpoint: &Checkpoint,
        state_root: B256,
    ) -> Result<(), ArchiveLie> {
        let inbox = checkpoint.inbox.ok_or(ArchiveLie::InboxUnknown)?;
        let code_hash = build::check(&artifacts::FORCED_INBOX, "inbox", &self.code, inbox.code_hash)?;
        self.account.check(inbox.address, code_hash, state_root)?;
        let slot = slots::of_place(request.id());
        check_word("entry", self.word(), slot, &self.proof, self.account.storage_root)?;
        if self.index == 0 || self.lane != batch.lane {
            return Err(ArchiveLie::AnotherLane { entry: self.lane, batch: batch.lane });
        }
        Ok(())
    }

    fn word(&self) -> U256 {
        slots::pack_place(self.lane, self.index, self.deadline)
    }
}
