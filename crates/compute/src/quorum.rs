//! From single signatures, as they travel, to a certificate.

use vouch_core::bls::Signature;
use vouch_core::certificate::{self, SignerShare};
use vouch_core::{Batch, Certificate, OperatorId, VerifiedCertificate};

use crate::lane::chain::Table;
use crate::wire::OperatorSignature;

/// Why signatures make no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// This one spoils the rest: not a member, or not its signature. Without it there may be a certificate.
    #[error("the signature of {0} is not good")]
    BadSignature(OperatorId),
    #[error(transparent)]
    Certificate(certificate::Error),
}

/// Adds up the signatures over `header`. One pairing if all are good.
pub fn assemble(table: &Table, header: &Batch, signatures: &[OperatorSignature]) -> Result<VerifiedCertificate, Error> {
    let shares = signatures.iter().map(|single| share(table, single)).collect::<Result<Vec<_>, _>>()?;
    let blame = |error| match error {
        certificate::Error::InvalidSingleSignature(index) | certificate::Error::WrongKey(index) => {
            table.operators().get(index).map_or(Error::Certificate(error), |operator| Error::BadSignature(*operator))
        }
        error => Error::Certificate(error),
    };
    Certificate::assemble(table.table(), header.hash(), &shares).map_err(blame)
}

fn share(table: &Table, single: &OperatorSignature) -> Result<SignerShare, Error> {
    let bad = || Error::BadSignature(single.operator);
    let index = table.index_of(single.operator).ok_or_else(bad)?;
    let signature = Signature::from_bytes(single.signature.as_slice()).map_err(|_| bad())?;
    Ok(SignerShare { index, key: table.keys()[index], signature })
}
