//! What gateway and executors say to each other: one version byte, then the postcard bytes of a [`Call`] or an [`Answer`].
//!
//! Both sides distrust each other, so every body is bounded before it is decoded ([`BODY_BYTES_MAX`]) and every list
//! after it ([`Call::check`], [`Answer::check`]); trailing bytes are refused. Account keys sign hashes of the postcard
//! bytes, so these encodings are part of the evidence format: any change raises [`VERSION`].

use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256, keccak256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vouch_core::{AppId, Batch, BatchHash, Exchange, OperatorId, Origin, ProgramId, Request, RequestId};

use crate::evidence::SignedHeader;
use crate::fees::debts::{OwedAnswer, OwedCall};
use crate::lane::LaneKey;

/// The version of every body.
pub const VERSION: u8 = 3;
/// The most requests in one call, and exchanges in one batch.
pub const REQUESTS_PER_BATCH_MAX: usize = 512;
/// The most bytes of a body, either way: the largest batch data twice over.
pub const BODY_BYTES_MAX: usize = 8 << 20;
/// The most lanes in one answer about what a peer holds.
pub const HOLDINGS_MAX: usize = 1_024;
/// The most slots in one answer about a lane.
pub const SLOTS_MAX: usize = 256;
/// The most signatures beside one certificate: the largest operator table.
pub const SIGNATURES_MAX: usize = 256;

/// A BLS signature: X ‖ Y of a G1 point, big endian.
pub type BlsSignatureBytes = FixedBytes<64>;
/// An ECDSA signature: r ‖ s ‖ v.
pub type EcdsaSignatureBytes = FixedBytes<65>;

/// Why a body was refused. The peer's fault, always.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("body of {found} bytes is larger than {max}")]
    TooLarge { found: usize, max: usize },
    #[error("body has version {found:?}, expected {VERSION}")]
    Version { found: Option<u8> },
    #[error("body does not decode")]
    Malformed,
    #[error("{field} has {found} elements, at most {max} are allowed")]
    TooMany { field: &'static str, found: usize, max: usize },
    #[error("body is empty where something is required: {field}")]
    Missing { field: &'static str },
}

/// What a gateway (or another executor) asks of an executor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Call {
    /// Round 1: run these requests and report.
    Execute(ExecuteCall),
    /// Round 2: sign this batch.
    Propose(Box<ProposeCall>),
    /// Round 3: keep this batch with its certificate.
    Certify(Box<CertifyCall>),
    /// On start: what is the newest that you hold of mine?
    Held(Signer),
    /// The data, certificate and signatures of a batch.
    Batch(BatchHash),
    /// Which batches hold the slots of a lane, for whoever goes on where its gateway stopped.
    Slots(SlotsCall),
    /// What a batch that was signed here, certified or not, was proposed with.
    Data(BatchHash),
    /// What clients owe, for a gateway that does not know it (any more).
    Owed(Box<OwedCall>),
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    Reports(Box<ExecuteAnswer>),
    Signature(BlsSignatureBytes),
    Kept,
    Held(Vec<Holding>),
    Batch(Option<Box<CertifyCall>>),
    Refused(Refusal),
    /// Ascending by sequence, each with the signature of the gateway that proposed it.
    Slots(Vec<SignedHeader>),
    Data(Option<BatchContent>),
    Owed(Box<OwedAnswer>),
}

/// A request as its client sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRequest {
    pub request: Request,
    /// The client's EIP-712 signature, 65 bytes.
    /// Empty where the request was put into the forced inbox, which recorded who sent it.
    pub signature: Bytes,
    pub payload: Bytes,
}

impl SignedRequest {
    /// Who vouches that the client asked: its own signature, or the chain.
    pub fn origin(&self) -> Origin {
        if self.signature.is_empty() { Origin::Inbox } else { Origin::Signed }
    }
}

/// Round 1. All requests are of one app and program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecuteCall {
    pub app: AppId,
    pub program_id: ProgramId,
    pub requests: Vec<SignedRequest>,
}

/// What an executor says about one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// It ran; this is the leaf.
    Ran(Exchange),
    /// It did not run, or its result cannot be signed.
    Refused(RequestId, Refusal),
}

/// What an executor says about all requests of a call, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportList {
    pub app: AppId,
    pub program_id: ProgramId,
    pub operator: OperatorId,
    pub reports: Vec<Report>,
}

impl ReportList {
    /// What the account key signs.
    pub fn digest(&self) -> B256 {
        keccak256(postcard::to_stdvec(self).expect("encoding a plain record into memory cannot fail"))
    }
}

/// Reports with the account key's signature over [`ReportList::digest`], and the outputs behind them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecuteAnswer {
    pub list: ReportList,
    pub signature: EcdsaSignatureBytes,
    /// One per report; empty where nothing ran or the status is not ok. Bound by the exchange's output hash.
    pub outputs: Vec<Bytes>,
}

/// Round 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProposeCall {
    pub header: Batch,
    /// The gateway's signature over the batch hash.
    pub gateway_signature: EcdsaSignatureBytes,
    /// The header named as parent; none if the parent is zero.
    pub parent: Option<Batch>,
    pub data: ProposedData,
    /// The KZG opening of the batch's blob.
    pub opening: Opening,
    /// What each client owed on the lane before this batch, in the order in which they first appear in it; empty where
    /// the app has never named a price.
    pub owed: Vec<U256>,
}

/// Where the batch data comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProposedData {
    /// As in `docs/protocol.md`, whole.
    Whole(Bytes),
    /// The executor has reported all of these itself and can build the same bytes.
    Known(Vec<RequestId>),
}

/// A KZG opening: the claimed value and the proof's G1 point (X, Y).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    pub value: B256,
    pub proof: FixedBytes<64>,
}

/// One operator's signature over a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSignature {
    pub operator: OperatorId,
    pub signature: BlsSignatureBytes,
}

/// Round 3, and what is kept and served afterwards. The certificate follows from the table of the header's
/// referenceTimestamp and the single signatures, so only these are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertifyCall {
    pub header: Batch,
    pub gateway_signature: EcdsaSignatureBytes,
    pub signatures: Vec<OperatorSignature>,
    /// None when the executor signed this batch itself and so has the data.
    pub data: Option<Bytes>,
}

/// What a batch's header does not say, and a proposal of it must.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchContent {
    pub data: Bytes,
    /// As in [`ProposeCall`].
    pub owed: Vec<U256>,
}

/// Asks for the reserved slots of a lane behind `after`, at most [`SLOTS_MAX`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotsCall {
    pub lane: LaneKey,
    /// The asker's epoch: who has not seen it final yet does not answer, so that nothing of an earlier gateway is signed
    /// after the answer.
    pub epoch: u32,
    pub after: u64,
}

/// Whose signatures are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Signer {
    Operator(OperatorId),
    Gateway(Address),
}

/// The newest batch of a lane that a peer holds with the asker's own signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub header: Batch,
    /// 64 bytes of an operator, 65 of a gateway.
    pub signature: Bytes,
}

/// Why an executor does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("busy: the queue is full")]
    Busy,
    #[error("still starting: {0}")]
    NotReady(String),
    #[error("the host could not run it: {0}")]
    HostFailure(String),
    #[error("the chain cannot be read now")]
    ChainUnavailable,
    #[error("unknown app")]
    UnknownApp,
    #[error("unknown program")]
    UnknownProgram,
    #[error("this host cannot run the program: {0}")]
    CannotRun(String),
    #[error("unknown lane")]
    UnknownLane,
    #[error("the request names another app or program")]
    WrongProgram,
    #[error("the client did not sign this request")]
    WrongClientSignature,
    #[error("the payload does not have the request's hash")]
    WrongPayload,
    #[error("the payload has {found} bytes, at most {max} are allowed")]
    PayloadTooLarge { found: u64, max: u64 },
    #[error("the request's time {time} is too far from the clock {clock}")]
    TimeTooFar { time: u64, clock: u64 },
    #[error("the deadline {deadline} has passed at {clock}")]
    Expired { deadline: u64, clock: u64 },
    #[error("the deadline is more than {max} s ahead")]
    DeadlineTooFar { max: u64 },
    #[error("seed block {0} is not finalized")]
    SeedNotFinalized(u64),
    #[error("the gateway's signature is missing or wrong")]
    WrongGateway,
    #[error("header field {0} is wrong")]
    WrongHeader(String),
    #[error("sequence {sequence} is at or below the cursor {cursor}")]
    AtOrBelowCursor { sequence: u64, cursor: u64 },
    #[error("sequence {sequence} is beyond the window that ends at {last}")]
    BeyondWindow { sequence: u64, last: u64 },
    #[error("the parent is not the batch that comes before")]
    WrongParent,
    #[error("sequence {sequence} is at or below the floor {floor} of a restored store")]
    BelowFloor { sequence: u64, floor: u64 },
    #[error("another batch was already signed for this slot: {signed}")]
    SlotTaken { signed: BatchHash },
    #[error("no table of timestamp {0} is finalized")]
    UnknownTable(u32),
    #[error("the table of timestamp {0} is stale")]
    StaleTable(u32),
    #[error("this operator is not in the table")]
    NotInTable,
    #[error("the batch data is malformed: {0}")]
    MalformedData(String),
    #[error("the data commitment does not match the data")]
    WrongCommitment,
    #[error("exchange {0} is not what this executor got")]
    WrongExchange(RequestId),
    #[error("request {0} is in the lane already")]
    Repeated(RequestId),
    #[error("the batch data is not known here; send it whole")]
    DataUnknown,
    #[error("the certificate does not hold: {0}")]
    WrongCertificate(String),
    #[error("not understood: {0}")]
    Malformed(String),
    #[error("the store failed; see the executor's log")]
    StoreFailed,
    #[error("this operator has not accepted the program")]
    NotAccepted,
    #[error("the gateway's bond is {missing} wei below what the lane asks for; deposit more")]
    BondTooSmall { missing: U256 },
    #[error("the app's price makes this call cost {offered}, this operator asks for {min}")]
    FeeTooLow { offered: U256, min: U256 },
    #[error("nonce {0} is of those that only the forced inbox gives")]
    ReservedNonce(u64),
    #[error("the request has no signature and is not in the forced inbox as far as finalized blocks show")]
    NotSubmitted,
    #[error("entry {index} of the forced inbox is not finalized here")]
    InboxNotFinalized { index: u64 },
    #[error("the batch does not answer entry {index} of the forced inbox, which comes next")]
    InboxOrder { index: u64 },
    #[error("the batch passes over entry {index} of the forced inbox, which is overdue")]
    PassesOver { index: u64 },
    #[error("the request's maxFee is {offered}; with this call the client owes the app {needed} in all")]
    MaxFeeTooLow { offered: U256, needed: U256 },
    #[error("the client's deposit for the app has {available} left, unpaid calls and this one come to {needed}")]
    FundsTooLow { available: U256, needed: U256 },
    #[error("client {client} owed {known} on this lane, not {stated}")]
    WrongOwed { client: Address, stated: U256, known: U256 },
}

impl Refusal {
    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::NotReady(_)
                | Self::HostFailure(_)
                | Self::ChainUnavailable
                | Self::SeedNotFinalized(_)
                | Self::UnknownTable(_)
                | Self::UnknownApp
                | Self::UnknownProgram
                | Self::UnknownLane
                // Its chain view may be a moment behind the gateway's.
                | Self::NotAccepted
                | Self::NotSubmitted
                | Self::InboxNotFinalized { .. }
                | Self::BeyondWindow { .. }
        )
    }
}

impl Refusal {
    /// Whether whoever refuses to sign a batch for this will never sign it, however often and whenever it is asked.
    pub fn is_final(&self) -> bool {
        let may_change = matches!(
            self,
            // Its view is ahead of the gateway's, which will soon see the same.
            Self::AtOrBelowCursor { .. }
                | Self::CannotRun(_)
                // Its view may be behind a change of gateway, or behind a deposit.
                | Self::WrongGateway
                | Self::BondTooSmall { .. }
                | Self::DataUnknown
                | Self::Malformed(_)
                | Self::StoreFailed
        );
        !may_change && !self.is_transient()
    }

    /// Whether a proposal that is refused for this shows that its gateway does not follow the protocol.
    pub fn is_lie(&self) -> bool {
        matches!(
            self,
            Self::WrongHeader(_)
                | Self::WrongProgram
                | Self::WrongParent
                | Self::WrongClientSignature
                | Self::WrongPayload
                | Self::MalformedData(_)
                | Self::WrongCommitment
                | Self::WrongExchange(_)
                | Self::Repeated(_)
                | Self::ReservedNonce(_)
                | Self::InboxOrder { .. }
                | Self::PassesOver { .. }
                | Self::WrongOwed { .. }
        )
    }
}

impl Call {
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes and bounds a call.
    pub fn decode(body: &[u8]) -> Result<Self, Error> {
        let call: Self = decode(body)?;
        call.check()?;
        Ok(call)
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Execute(call) => within("requests", call.requests.len(), 1, REQUESTS_PER_BATCH_MAX),
            Self::Propose(call) => {
                within("owed", call.owed.len(), 0, REQUESTS_PER_BATCH_MAX)?;
                match &call.data {
                    ProposedData::Known(ids) => within("request ids", ids.len(), 1, REQUESTS_PER_BATCH_MAX),
                    ProposedData::Whole(data) => within("batch data", data.len(), 1, BODY_BYTES_MAX),
                }
            }
            Self::Certify(call) => within("signatures", call.signatures.len(), 1, SIGNATURES_MAX),
            Self::Owed(call) => within("clients", call.question.clients.len(), 1, REQUESTS_PER_BATCH_MAX),
            Self::Held(_) | Self::Batch(_) | Self::Slots(_) | Self::Data(_) => Ok(()),
        }
    }
}

impl Answer {
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes and bounds an answer.
    pub fn decode(body: &[u8]) -> Result<Self, Error> {
        let answer: Self = decode(body)?;
        answer.check()?;
        Ok(answer)
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Reports(answer) => {
                within("reports", answer.list.reports.len(), 1, REQUESTS_PER_BATCH_MAX)?;
                within("outputs", answer.outputs.len(), 1, REQUESTS_PER_BATCH_MAX)
            }
            Self::Held(holdings) => within("holdings", holdings.len(), 0, HOLDINGS_MAX),
            Self::Batch(Some(batch)) => within("signatures", batch.signatures.len(), 1, SIGNATURES_MAX),
            Self::Slots(slots) => within("slots", slots.len(), 0, SLOTS_MAX),
            Self::Data(Some(content)) => {
                within("batch data", content.data.len(), 1, BODY_BYTES_MAX)?;
                within("debts", content.owed.len(), 0, REQUESTS_PER_BATCH_MAX)
            }
            Self::Owed(answer) => within("debts", answer.list.debts.len(), 1, REQUESTS_PER_BATCH_MAX),
            Self::Signature(_) | Self::Kept | Self::Batch(None) | Self::Data(None) | Self::Refused(_) => Ok(()),
        }
    }
}

fn within(field: &'static str, found: usize, min: usize, max: usize) -> Result<(), Error> {
    if found < min {
        return Err(Error::Missing { field });
    }
    if found > max {
        return Err(Error::TooMany { field, found, max });
    }
    Ok(())
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).expect("encoding a plain record into memory cannot fail")
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::TooLarge { found: body.len(), max: BODY_BYTES_MAX });
    }
    let (version, rest) = body.split_first().ok_or(Error::Version { found: None })?;
    if *version != VERSION {
        return Err(Error::Version { found: Some(*version) });
    }
    let (value, trailing) = postcard::take_from_bytes(rest).map_err(|_| Error::Malformed)?;
    if trailing.is_empty() { Ok(value) } else { Err(Error::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn calls_and_answers_survive_the_wire() {
        let call = Call::Held(Signer::Gateway(Address::repeat_byte(1)));
        assert_eq!(Call::decode(&call.encode()), Ok(call));
        let answer = Answer::Refused(Refusal::SlotTaken { signed: BatchHash(B256::repeat_byte(2)) });
        assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
    }

    #[test]
    fn bodies_out_of_bounds_are_refused() {
        let request = SignedRequest { request: Request::default(), signature: Bytes::new(), payload: Bytes::new() };
        let call = |count: usize| {
            let requests = vec![request.clone(); count];
            Call::Execute(ExecuteCall { app: AppId::ZERO, program_id: ProgramId::ZERO, requests })
        };
        assert!(Call::decode(&call(REQUESTS_PER_BATCH_MAX).encode()).is_ok());
        let error = Call::decode(&call(REQUESTS_PER_BATCH_MAX + 1).encode());
        assert!(matches!(error, Err(Error::TooMany { field: "requests", .. })), "{error:?}");
        assert_eq!(Call::decode(&call(0).encode()), Err(Error::Missing { field: "requests" }));
        let large = vec![VERSION; BODY_BYTES_MAX + 1];
        assert_eq!(Call::decode(&large), Err(Error::TooLarge { found: large.len(), max: BODY_BYTES_MAX }));
        let mut trailing = call(1).encode();
        trailing.push(0);
        assert_eq!(Call::decode(&trailing), Err(Error::Malformed));
        assert_eq!(Call::decode(&[VERSION + 1, 0]), Err(Error::Version { found: Some(VERSION + 1) }));
        assert_eq!(Call::decode(&[]), Err(Error::Version { found: None }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let body = [&[VERSION], body.as_slice()].concat();
            let _ = Call::decode(&body);
            let _ = Answer::decode(&body);
        }
    }
}
