//! What outlives the endpoint: a block's header whole, and proofs of a contract's storage under its state root.

use alloy::rpc::types::{Block, EIP1186AccountProofResponse, Header};
use alloy_primitives::{Address, B256};

use super::Finalized;
use crate::error::Error;

/// The most slots that are asked for at once.
pub const PROOF_SLOTS_MAX: usize = 64;

impl Finalized {
    /// This block's header with every field that its hash is made of.
    ///
    /// # Errors
    /// [`Error::BadAnswer`] when the endpoint does not have the block or its fields do not have the block's hash: a chain with
    /// fields of its own, or of a later fork than this program knows.
    pub async fn header(&self) -> Result<Header, Error> {
        let method = "eth_getBlockByHash";
        let block: Option<Block> = self.chain.request(method, (self.block.hash, false)).await?;
        let header = block.ok_or_else(|| self.chain.bad_answer(method, "it has no such block"))?.header;
        let found = header.inner.hash_slow();
        if found == self.block.hash {
            return Ok(header);
        }
        let detail = format!("the header's fields have the hash {found}, the block is {}", self.block.hash);
        Err(self.chain.bad_answer(method, detail))
    }

    /// Proofs of an account and of some of its storage at this block. They are not checked here.
    ///
    /// # Errors
    /// [`Error::BadAnswer`] when the answer is not about `account` and these slots, in their order, or `slots` has more than
    /// [`PROOF_SLOTS_MAX`].
    pub async fn proof(&self, account: Address, slots: &[B256]) -> Result<EIP1186AccountProofResponse, Error> {
        let method = "eth_getProof";
        if slots.len() > PROOF_SLOTS_MAX {
            let detail = format!("{} slots were asked for, at most {PROOF_SLOTS_MAX} are", slots.len());
            return Err(self.chain.bad_answer(method, detail));
        }
        let proof: EIP1186AccountProofResponse = self.chain.request(method, (account, slots, self.at())).await?;
        let asked = slots.iter().copied();
        if proof.address != account || !proof.storage_proof.iter().map(|slot| slot.key.as_b256()).eq(asked) {
            return Err(self
                .chain
                .bad_answer(method, "it is about another account or other slots than were asked for"));
        }
        Ok(proof)
    }
}
