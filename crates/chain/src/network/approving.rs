//! An operator's signed leave to delegate to it, where it asks for one.

use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolStruct, eip712_domain};

use super::Network;
use crate::bindings::delegation_manager::{self, IDelegationManager};
use crate::error::Error;
use crate::finalized::Finalized;

alloy_sol_types::sol! {
    /// What is signed (EIP-712), as `DelegationManager` names it.
    struct DelegationApproval {
        address delegationApprover;
        address staker;
        address operator;
        bytes32 salt;
        uint256 expiry;
    }
}

/// Leave to delegate: given for one staker and one operator, good once and until its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approval {
    pub signature: Bytes,
    /// Unix seconds.
    pub expiry: U256,
    pub salt: B256,
}

impl Network {
    /// Who signs for delegations to `operator`; nobody has to if none.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn delegation_approver(&self, view: &Finalized, operator: Address) -> Result<Option<Address>, Error> {
        let call = delegation_manager::delegationApproverCall { operator };
        let approver = view.call(self.contracts().delegation_manager, &call).await?;
        Ok((approver != Address::ZERO).then_some(approver))
    }

    /// Leave for `staker` to delegate to `operator` until `expiry` (Unix seconds), under a salt of its own. The digest
    /// is worked out here, never asked for: an endpoint could have anything signed otherwise.
    ///
    /// # Errors
    /// Fails when the key cannot sign.
    pub fn approve_delegation(
        &self,
        approver: &PrivateKeySigner,
        staker: Address,
        operator: Address,
        expiry: u64,
    ) -> Result<Approval, Error> {
        let salt = B256::from(rand::random::<[u8; 32]>());
        let expiry = U256::from(expiry);
        let leave = DelegationApproval { delegationApprover: approver.address(), staker, operator, salt, expiry };
        let domain = eip712_domain! {
            name: "EigenLayer",
            version: "1",
            chain_id: self.deployment().chain_id,
            verifying_contract: self.contracts().delegation_manager,
        };
        let signed = approver.sign_hash_sync(&leave.eip712_signing_hash(&domain));
        let signature =
            signed.map_err(|source| Error::Sign { label: "leave to delegate".to_owned(), source: Box::new(source) })?;
        Ok(Approval { signature: signature.as_bytes().into(), expiry, salt })
    }
}

impl From<&Approval> for IDelegationManager::SignatureWithExpiry {
    fn from(approval: &Approval) -> Self {
        Self { signature: approval.signature.clone(), expiry: approval.expiry }
    }
}
