//! Reporting equivocation, and what slashing took.

use alloy_primitives::{Address, U256};
use vouch_core::bls::Signature;
use vouch_core::{Batch, Certificate, NonSignerWitness};

use super::Network;
use super::tables::RecordedTable;
use crate::bindings::equivocation_slasher::{self, BN254, IBN254CertificateVerifierTypes, IEquivocationSlasher};
use crate::bindings::{slash_router, slash_vault};
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::{Confirmed, Sender};

/// How it is shown that an operator signed a batch.
#[derive(Debug, Clone)]
pub enum Evidence {
    /// By its own signature over the certificate digest.
    Signature(Signature),
    /// By a certificate in which it is no non-signer.
    Certificate(Box<Certificate>),
}

/// A batch, one of its signers, and the proof.
#[derive(Debug, Clone)]
pub struct SignedBatch {
    pub batch: Batch,
    /// The signer's leaf in the table of the batch's reference timestamp.
    pub signer: NonSignerWitness,
    pub evidence: Evidence,
}

impl SignedBatch {
    /// Shows `operator` in the batch's table.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] when it is not in the table.
    pub fn new(batch: Batch, table: &RecordedTable, operator: Address, evidence: Evidence) -> Result<Self, Error> {
        let absent = || Error::inconsistent("evidence", format!("{operator} is not in the batch's table"));
        let index = table.index_of(operator).ok_or_else(absent)?;
        let siblings = table.table.prove(index).map_err(|source| Error::inconsistent("evidence", source))?;
        let index_number = u32::try_from(index).map_err(|source| Error::inconsistent("evidence", source))?;
        let signer = NonSignerWitness { index: index_number, info: table.table.infos()[index].clone(), siblings };
        Ok(Self { batch, signer, evidence })
    }
}

impl From<&SignedBatch> for IEquivocationSlasher::SignedBatch {
    fn from(signed: &SignedBatch) -> Self {
        let (signature, certificate) = match &signed.evidence {
            Evidence::Signature(signature) => (signature.into(), empty_certificate()),
            Evidence::Certificate(certificate) => {
                (BN254::G1Point { X: U256::ZERO, Y: U256::ZERO }, certificate.as_ref().into())
            }
        };
        Self { batch: (&signed.batch).into(), signer: (&signed.signer).into(), signature, certificate }
    }
}

fn empty_certificate() -> IBN254CertificateVerifierTypes::BN254Certificate {
    IBN254CertificateVerifierTypes::BN254Certificate {
        referenceTimestamp: 0,
        messageHash: Default::default(),
        signature: BN254::G1Point { X: U256::ZERO, Y: U256::ZERO },
        apk: BN254::G2Point { X: [U256::ZERO; 2], Y: [U256::ZERO; 2] },
        nonSignerWitnesses: Vec::new(),
    }
}

/// A slash that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slash {
    pub operator_set_id: u32,
    pub operator: Address,
    pub slash_id: U256,
    /// The evidence module that judged.
    pub module: Address,
    pub reporter: Address,
    pub strategies: Vec<Address>,
    /// The shares taken, by strategy.
    pub shares: Vec<U256>,
}

impl From<slash_router::Slashed> for Slash {
    fn from(event: slash_router::Slashed) -> Self {
        Self {
            operator_set_id: event.operatorSet.id,
            operator: event.operator,
            slash_id: event.slashId,
            module: event.module,
            reporter: event.reporter,
            strategies: event.strategies,
            shares: event.shares,
        }
    }
}

impl Network {
    /// Shows that one operator signed two batches for one slot: it loses its whole allocation to the set.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming why the evidence does not hold.
    pub async fn prove_equivocation(
        &self,
        sender: &Sender,
        first: &SignedBatch,
        second: &SignedBatch,
    ) -> Result<Slash, Error> {
        let call = equivocation_slasher::proveEquivocationCall { first: first.into(), second: second.into() };
        let confirmed = self.act(sender, self.contracts().equivocation_slasher, call).await?;
        self.slash_of(&confirmed)
    }

    /// Shows that an operator signed a batch whose parent is not what comes before it. `parent` is the header that the
    /// batch names, none when it names none.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming why the evidence does not hold.
    pub async fn prove_wrong_parent(
        &self,
        sender: &Sender,
        signed: &SignedBatch,
        parent: Option<&Batch>,
    ) -> Result<Slash, Error> {
        let parents = parent.into_iter().map(Into::into).collect();
        let call = equivocation_slasher::proveWrongParentCall { signed: signed.into(), parents };
        let confirmed = self.act(sender, self.contracts().equivocation_slasher, call).await?;
        self.slash_of(&confirmed)
    }

    /// All slashes up to the view, oldest first.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn slashes(&self, view: &Finalized) -> Result<Vec<Slash>, Error> {
        let router = self.contracts().slash_router;
        let (from, to) = (self.deployment.start_block, view.block().number);
        let events = view.events::<slash_router::Slashed>(router, from, to).await?;
        Ok(events.into_iter().map(Slash::from).collect())
    }

    /// All shares of a strategy ever slashed into a vault.
    ///
    /// # Errors
    /// Fails when `vault` is no vault.
    pub async fn vault_shares(&self, view: &Finalized, vault: Address, strategy: Address) -> Result<U256, Error> {
        view.call(vault, &slash_vault::slashedSharesCall { strategy }).await
    }

    /// Fetches the tokens of a slash into its vault, once the resolution delay has passed. Anyone may.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `SlashNotResolved`.
    pub async fn collect_slash(&self, sender: &Sender, vault: Address, slash_id: U256) -> Result<(), Error> {
        self.act(sender, vault, slash_vault::collectCall { slashId: slash_id }).await?;
        Ok(())
    }

    fn slash_of(&self, confirmed: &Confirmed) -> Result<Slash, Error> {
        Self::event_of::<slash_router::Slashed>(confirmed, self.contracts().slash_router).map(Slash::from)
    }
}
