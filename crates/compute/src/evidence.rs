//! What is kept when somebody lies: signed statements, so that others can be convinced.
//!
//! Only [`Evidence::GatewayEquivocation`] and [`Evidence::GatewayForkedParent`] prove a lie by themselves; the others
//! show what was said to us. The first takes the gateway's bond on chain; the others are not slashable. Operators that
//! sign two batches are slashed by their BLS signatures, which executors and gateways keep with their batches.

use alloy_primitives::{Address, B256, keccak256};
use redb::{ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use vouch_core::{Batch, Exchange, OperatorId, ecdsa};

use crate::store::{self, Store};
use crate::wire::{BlsSignatureBytes, EcdsaSignatureBytes, Refusal, ReportList};

/// Key: kind ‖ keccak256 of the record, so a repeated lie is kept once.
const EVIDENCE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("evidence");
/// The most records of all kinds together that a store keeps.
const RECORDS_MAX: u64 = 8_000;
/// The most records of one kind, so that a flood of one cannot push out another.
const RECORDS_PER_KIND_MAX: usize = 1_000;

/// A header that a gateway signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignedHeader {
    pub header: Batch,
    pub gateway_signature: EcdsaSignatureBytes,
}

/// One kept lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Evidence {
    /// A gateway proposed two batches for one slot.
    GatewayEquivocation { first: SignedHeader, second: SignedHeader },
    /// A gateway proposed a batch on another parent than the batch it had proposed for the slot before.
    GatewayForkedParent { before: SignedHeader, child: SignedHeader },
    /// A gateway proposed a batch that must not be signed.
    RefusedProposal { proposal: SignedHeader, refusal: Refusal },
    /// An executor reported other exchanges than the threshold agreed on (`agreed`: those it contradicts).
    Dissent { list: Box<ReportList>, signature: EcdsaSignatureBytes, agreed: Vec<Exchange> },
    /// An executor answered a proposal with something that is not its signature.
    WrongSignature { operator: OperatorId, proposal: SignedHeader, signature: BlsSignatureBytes },
}

impl SignedHeader {
    /// Whose signature it is; none if it is no signature.
    pub fn signer(&self) -> Option<Address> {
        ecdsa::recover(self.header.hash().0, self.gateway_signature.as_slice()).ok()
    }
}

impl Evidence {
    /// Two headers for one slot: a lie only where one gateway signed both. Of two gateways, before and after a change, each
    /// may have proposed its own.
    pub fn equivocation(first: SignedHeader, second: SignedHeader) -> Option<Self> {
        one_signer(&first, &second).then_some(Self::GatewayEquivocation { first, second })
    }

    /// A header on another parent than what the same gateway proposed for the slot before.
    pub fn forked_parent(before: SignedHeader, child: SignedHeader) -> Option<Self> {
        one_signer(&before, &child).then_some(Self::GatewayForkedParent { before, child })
    }

    /// A stable name for logs and lists.
    pub fn name(&self) -> &'static str {
        match self {
            Self::GatewayEquivocation { .. } => "gateway_equivocation",
            Self::GatewayForkedParent { .. } => "gateway_forked_parent",
            Self::RefusedProposal { .. } => "refused_proposal",
            Self::Dissent { .. } => "dissent",
            Self::WrongSignature { .. } => "wrong_signature",
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::GatewayEquivocation { .. } => 0,
            Self::GatewayForkedParent { .. } => 1,
            Self::RefusedProposal { .. } => 2,
            Self::Dissent { .. } => 3,
            Self::WrongSignature { .. } => 4,
        }
    }

    fn key(&self, record: &[u8]) -> [u8; 33] {
        let mut key = [self.kind(); 33];
        key[1..].copy_from_slice(B256::from(keccak256(record)).as_slice());
        key
    }
}

fn one_signer(a: &SignedHeader, b: &SignedHeader) -> bool {
    a.signer().is_some_and(|signer| Some(signer) == b.signer())
}

/// Keeps a record durably. True if it is new and there was room.
pub fn keep(store: &Store, evidence: &Evidence) -> Result<bool, store::Error> {
    let record = store::encode(evidence);
    let key = evidence.key(&record);
    store.write(|transaction| insert(transaction, &key, &record))
}

/// Everything kept, oldest kinds first.
pub fn list(store: &Store) -> Result<Vec<Evidence>, store::Error> {
    let records = store.read(|transaction| match transaction.open_table(EVIDENCE) {
        Ok(table) => table.iter()?.map(|entry| Ok(entry?.1.value().to_vec())).collect(),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    })?;
    records.iter().map(|record| store.decode(record)).collect()
}

fn insert(transaction: &WriteTransaction, key: &[u8; 33], record: &[u8]) -> Result<bool, redb::Error> {
    let mut table = transaction.open_table(EVIDENCE)?;
    if table.get(key.as_slice())?.is_some() {
        return Ok(false);
    }
    let (first, last) = ([key[0]; 1], [key[0] + 1; 1]);
    let of_kind = table.range(first.as_slice()..last.as_slice())?.count();
    if table.len()? >= RECORDS_MAX || of_kind >= RECORDS_PER_KIND_MAX {
        return Ok(false);
    }
    table.insert(key.as_slice(), record)?;
    Ok(true)
}
