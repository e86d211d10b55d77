//! What must hold of a request before it runs. Pure.

use alloy_primitives::{B256, U256};
use vouch_core::{AppId, Domain, ProgramId, Request, RequestId, ecdsa, pages};

use crate::fees::Price;
use crate::lane::chain::{ChainView, Release};
use crate::lane::inbox;
use crate::wire::{Refusal, SignedRequest};

/// What requests of one call are checked against.
#[derive(Clone, Debug)]
pub struct Rules {
    pub app: AppId,
    pub program_id: ProgramId,
    /// The finalized clock, Unix seconds.
    pub clock: u64,
    pub time_tolerance_seconds: u64,
    pub deadline_ahead_seconds_max: u64,
    /// The program's limit.
    pub payload_bytes_max: u64,
    /// What the app charges, by its newest table's time.
    pub price: Price,
    /// What the operator asks for at least, in the smallest unit of the app's fee token.
    pub fee_min: U256,
    /// The separator of the domain under which clients sign.
    pub separator: B256,
}

/// The separator of the domain under which clients of this deployment sign.
pub fn separator(chain: &dyn ChainView) -> B256 {
    Domain { chain_id: U256::from(chain.chain_id()), registry: chain.registry() }.separator()
}

/// What calls of a program would be charged in a batch under the newest table.
pub fn price_now(chain: &dyn ChainView, app: AppId, release: &Release) -> Price {
    let table = chain.latest_table(app, release.table);
    let time = table.map_or(chain.clock(), |table| u64::from(table.table().reference_timestamp()));
    chain.price(app, time).unwrap_or_default()
}

impl Rules {
    /// Checks all but the signature: cheap.
    pub fn check(&self, signed: &SignedRequest) -> Result<(), Refusal> {
        self.check_names(&signed.request)?;
        self.check_nonce(&signed.request)?;
        self.check_time(&signed.request)?;
        self.check_fee(self.price.fee(signed.payload.len()))?;
        self.check_payload(signed)
    }

    /// Checks a request that the forced inbox holds: no time, deadline or fee, for the contract has checked them, and an
    /// entry that is overdue has to be answered all the same.
    pub fn check_forced(&self, id: RequestId, signed: &SignedRequest, chain: &dyn ChainView) -> Result<(), Refusal> {
        self.check_names(&signed.request)?;
        self.check_payload(signed)?;
        if inbox::holds(chain, self.app, id) { Ok(()) } else { Err(Refusal::NotSubmitted) }
    }

    /// The client's EIP-712 signature, recovered once. `id`: the request's.
    pub fn check_signature(&self, id: RequestId, signed: &SignedRequest) -> Result<(), Refusal> {
        let digest = id.signing_digest(self.separator);
        ecdsa::verify(digest, &signed.signature, signed.request.client).map_err(|_| Refusal::WrongClientSignature)
    }

    /// App and program.
    pub fn check_names(&self, request: &Request) -> Result<(), Refusal> {
        let named = request.app == self.app && request.program_id == self.program_id;
        if named { Ok(()) } else { Err(Refusal::WrongProgram) }
    }

    /// The deadline alone, which must hold again when a batch is signed.
    pub fn check_deadline(&self, request: &Request) -> Result<(), Refusal> {
        let (deadline, clock) = (request.deadline, self.clock);
        if deadline < clock {
            return Err(Refusal::Expired { deadline, clock });
        }
        let max = self.deadline_ahead_seconds_max;
        if deadline - clock > max { Err(Refusal::DeadlineTooFar { max }) } else { Ok(()) }
    }

    /// The forced inbox's nonces are its own: else a request could be answered before the entry that it copies.
    fn check_nonce(&self, request: &Request) -> Result<(), Refusal> {
        if request.nonce < inbox::NONCE_FIRST { Ok(()) } else { Err(Refusal::ReservedNonce(request.nonce)) }
    }

    fn check_time(&self, request: &Request) -> Result<(), Refusal> {
        let (time, clock) = (request.time, self.clock);
        if time.abs_diff(clock) > self.time_tolerance_seconds {
            return Err(Refusal::TimeTooFar { time, clock });
        }
        self.check_deadline(request)
    }

    /// The operator's own price. What the client signed for and can pay is checked by [`crate::fees::Standing`].
    pub fn check_fee(&self, offered: U256) -> Result<(), Refusal> {
        let min = self.fee_min;
        if offered < min { Err(Refusal::FeeTooLow { offered, min }) } else { Ok(()) }
    }

    fn check_payload(&self, signed: &SignedRequest) -> Result<(), Refusal> {
        let (found, max) = (signed.payload.len() as u64, self.payload_bytes_max);
        if found > max {
            return Err(Refusal::PayloadTooLarge { found, max });
        }
        let hash = pages::root(&signed.payload);
        if hash == signed.request.payload_hash { Ok(()) } else { Err(Refusal::WrongPayload) }
    }
}
