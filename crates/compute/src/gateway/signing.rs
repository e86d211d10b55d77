//! Round 2 and 3: build a batch, reserve its slot, collect signatures until the certificate stands, hand it out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, U256};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use vouch_core::{Batch, BatchData, Entry, OperatorId, Origin, ProgramId, VerifiedCertificate, merkle};

use super::Wish;
use super::callers::Said;
use super::members::{Member, Members};
use super::round::AgreedCall;
use super::shared::Shared;
use super::slot::NextSlot;
use super::store::SlotRecord;
use crate::evidence::Evidence;
use crate::lane::LaneKey;
use crate::lane::chain::AppState;
use crate::observe::Event;
use crate::quorum;
use crate::wire::{
    Answer, BlsSignatureBytes, Call, CertifyCall, Opening, OperatorSignature, ProposeCall, ProposedData, Refusal,
};

/// The longest wait between two attempts at one executor.
const RETRY_WAIT_MAX: Duration = Duration::from_millis(500);
const RETRY_WAIT_MIN: Duration = Duration::from_millis(10);

/// A batch whose slot is reserved.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub record: SlotRecord,
    pub data: Bytes,
    /// What its clients owed before it.
    pub owed: Vec<U256>,
}

/// How a proposal ended.
#[derive(Debug)]
pub enum Ending {
    /// The threshold signed.
    Certified {
        proposal: Proposal,
        members: Members,
        signatures: Vec<OperatorSignature>,
        certificate: Box<VerifiedCertificate>,
    },
    /// The lane was skipped past this slot: it can never be posted.
    Skipped { proposal: Proposal },
    /// The lane has another gateway, which takes over what was signed of this.
    Moved { proposal: Proposal, gateway: Address },
}

/// Why no proposal could be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    #[error("the batch data cannot be built")]
    Data(#[from] vouch_core::batch_data::Error),
    #[error("the blob cannot be committed to")]
    Coding(#[from] vouch_coding::Error),
    #[error("the slot is reserved already")]
    SlotTaken,
    #[error(transparent)]
    DebtsUnknown(#[from] super::debts::Unknown),
    #[error("no call of the batch is paid for any more")]
    NothingPaid,
    #[error("building it panicked: {0}")]
    Panicked(String),
    #[error("the gateway's key cannot sign")]
    Key(#[from] vouch_core::ecdsa::Error),
}

/// What a header says beside its data.
#[derive(Clone, Debug)]
pub struct Frame {
    pub lane: LaneKey,
    pub app: AppState,
    pub program_id: ProgramId,
    pub reference_timestamp: u32,
    pub slot: NextSlot,
    /// The `inboxCursor` of the batch before.
    pub inbox_before: u64,
}

/// How many of the agreed calls fit one batch's data; at least one.
pub fn fitting(agreed: &[AgreedCall]) -> usize {
    let mut bytes = 8usize;
    let fits = agreed.iter().take_while(|call| {
        bytes = bytes.saturating_add(call.waiting.signed.payload.len() + call.output.len() + 512);
        bytes <= vouch_core::batch_data::LEN_MAX
    });
    fits.count().max(1)
}

/// Builds the batch and reserves its slot: on disk when this returns, before anybody sees a signature. Blocks.
pub fn build(shared: &Shared, frame: Frame, agreed: &[AgreedCall]) -> Result<Proposal, BuildError> {
    let bill = shared.bill(&frame, agreed)?;
    let agreed = bill.calls;
    let data = BatchData::new(agreed.iter().copied().map(entry).collect())?.encode();
    let leaves: Vec<B256> = agreed.iter().map(|call| call.exchange.leaf()).collect();
    let forced = agreed.iter().filter(|call| call.waiting.signed.origin() == Origin::Inbox).count();
    let (commitment, opening) = shared.srs.commit_data(&data)?;
    let header = Batch {
        chain_id: U256::from(shared.chain.chain_id()),
        registry: shared.chain.registry(),
        app: frame.lane.app,
        operator_set_id: frame.app.operator_set_id,
        profile_id: frame.app.profile,
        program_id: frame.program_id,
        lane: frame.lane.lane,
        sequence: frame.slot.sequence,
        parent: frame.slot.parent,
        exchanges_root: merkle::root(&leaves),
        exchange_count: leaves.len() as u32,
        fees_root: bill.fees_root,
        inbox_cursor: frame.inbox_before + forced as u64,
        data_commitment_x: commitment.x,
        data_commitment_y: commitment.y,
        data_length: data.len() as u64,
        reference_timestamp: frame.reference_timestamp,
    };
    let record = SlotRecord {
        gateway_signature: shared.sign(&header)?,
        header,
        parent: frame.slot.parent_header,
        opening: Opening { value: opening.value, proof: opening.proof },
        requests: agreed.iter().map(|call| call.waiting.id).collect(),
    };
    let cursor = shared.chain.lane(frame.lane).map_or(0, |lane| lane.cursor);
    if !shared.store.reserve_charged(&record, &data, bill.draft.as_ref(), cursor)? {
        return Err(BuildError::SlotTaken);
    }
    record.requests.iter().for_each(|id| shared.callers.bills.close(*id));
    shared.debts.follow(&record.header, agreed.iter().map(|call| call.waiting.signed.request.client));
    let owed = bill.draft.map_or_else(Vec::new, |draft| draft.owed().to_vec());
    Ok(Proposal { record, data: data.into(), owed })
}

fn entry(call: &AgreedCall) -> Entry {
    let signed = &call.waiting.signed;
    Entry {
        request: signed.request.clone(),
        origin: signed.origin(),
        signature: signed.signature.clone(),
        payload: signed.payload.clone(),
        reads: Bytes::new(),
        status: call.exchange.status,
        output: call.output.clone(),
        pre_state: call.exchange.pre_state,
        post_state: call.exchange.post_state,
    }
}

/// Proposes until the threshold has signed or the lane was skipped. `fresh`: the executors have just run these requests,
/// so their ids are enough.
pub async fn collect(shared: &Arc<Shared>, members: Members, proposal: Proposal, fresh: bool) -> Ending {
    let (signatures, never) = (BTreeMap::new(), BTreeSet::new());
    let stuck_at = shared.machine.now() + shared.config.skip_after;
    let mut collector = Collector { signatures, never, weight: U256::ZERO, members, proposal, fresh };
    loop {
        if let Some(certificate) = collector.attempt(shared).await {
            let (signatures, certificate) = (collector.singles(), Box::new(certificate));
            return Ending::Certified {
                proposal: collector.proposal,
                members: collector.members,
                signatures,
                certificate,
            };
        }
        if collector.is_skipped(shared) {
            return Ending::Skipped { proposal: collector.proposal };
        }
        if let Some(gateway) = shared.moved_to(LaneKey::of(&collector.proposal.record.header)) {
            return Ending::Moved { proposal: collector.proposal, gateway };
        }
        if collector.is_hopeless() || shared.machine.now() >= stuck_at {
            shared.wish(Wish::RequestSkip { lane: LaneKey::of(&collector.proposal.record.header) });
        }
        collector.keep_what_came(shared);
        shared.machine.sleep(RETRY_WAIT_MAX).await;
    }
}

struct Collector {
    members: Members,
    proposal: Proposal,
    fresh: bool,
    /// By table index. Checked only together, when the threshold is there.
    signatures: BTreeMap<usize, BlsSignatureBytes>,
    /// Who has said that it will never sign this batch, by table index.
    never: BTreeSet<usize>,
    weight: U256,
}

type Signed = (usize, Result<BlsSignatureBytes, Refusal>);
type Pending = FuturesUnordered<BoxFuture<'static, Signed>>;

impl Collector {
    /// Asks everyone who has not signed; a certificate once the threshold has signed, and those who are usually in time have,
    /// or the grace is over.
    async fn attempt(&mut self, shared: &Arc<Shared>) -> Option<VerifiedCertificate> {
        let deadline = shared.machine.now() + shared.config.propose_timeout;
        let mut pending = self.ask_missing(shared, deadline);
        let mut awaited = self.awaited(shared);
        let mut until = deadline;
        while let Some(Some((index, answer))) = shared.machine.timeout_at(until, pending.next()).await {
            awaited.remove(&index);
            shared.punctual.seen(self.members.operator(index), answer.is_ok());
            match answer {
                Ok(signature) => {
                    self.tell(shared, index, &Said::Signed);
                    self.add(index, signature);
                }
                Err(refusal) => self.refused(shared, index, refusal),
            }
            if self.weight >= self.members.threshold {
                until = until.min(shared.machine.now() + shared.config.signature_grace);
                if awaited.is_empty() {
                    break;
                }
            }
        }
        awaited.iter().for_each(|index| shared.punctual.seen(self.members.operator(*index), false));
        self.keep_late(shared, pending, until, deadline);
        self.assemble(shared).await
    }

    /// Who has not signed and is usually in time.
    fn awaited(&self, shared: &Shared) -> BTreeSet<usize> {
        let missing = (0..self.members.count()).filter(|index| !self.signatures.contains_key(index));
        let reachable = missing.filter(|index| self.members.reachable(*index).is_some());
        reachable.filter(|index| shared.punctual.is_awaited(self.members.operator(*index))).collect()
    }

    /// Takes signatures that come after the certificate, not for it but for the day their signers ask what is held
    /// of theirs. Unchecked: a wrong one misleads only who made it. Who comes before `in_time` is waited for the next time.
    fn keep_late(&self, shared: &Arc<Shared>, mut pending: Pending, in_time: Instant, deadline: Instant) {
        let (shared, header) = (Arc::clone(shared), self.proposal.record.header.clone());
        let operators: Vec<OperatorId> = self.members.operators().collect();
        let machine = shared.machine.clone();
        machine.spawn(async move {
            while let Some(Some((index, answer))) = shared.machine.timeout_at(deadline, pending.next()).await {
                let (Ok(signature), operator) = (answer, operators[index]) else { continue };
                if shared.machine.now() <= in_time {
                    shared.punctual.seen(operator, true);
                }
                keep(&shared, &header, &OperatorSignature { operator, signature });
            }
        });
    }

    fn ask_missing(&self, shared: &Arc<Shared>, deadline: Instant) -> Pending {
        let bodies = Bodies::new(&self.proposal, self.fresh);
        let missing = (0..self.members.count()).filter(|index| !self.signatures.contains_key(index));
        missing
            .filter_map(|index| {
                let member = self.members.reachable(index)?;
                let ask = propose(Arc::clone(shared), index, member, bodies.clone(), deadline);
                Some(Box::pin(ask) as BoxFuture<'static, Signed>)
            })
            .collect()
    }

    fn add(&mut self, index: usize, signature: BlsSignatureBytes) {
        if self.signatures.insert(index, signature).is_none() {
            self.weight = self.weight.saturating_add(self.members.weight(index));
        }
    }

    fn refused(&mut self, shared: &Shared, index: usize, refusal: Refusal) {
        if refusal.is_final() {
            self.never.insert(index);
        }
        let operator = self.members.operator(index);
        let header = &self.proposal.record.header;
        shared.tell(Event::SignatureRefused { operator, header, refusal: &refusal });
        shared.debts.refused(header, operator, &refusal);
        self.tell(shared, index, &Said::RefusedToSign(refusal));
    }

    /// Lets the callers know what the member said.
    fn tell(&self, shared: &Shared, index: usize, said: &Said) {
        let requests = self.proposal.record.requests.iter();
        shared.callers.hear(self.members.operator(index), requests.map(|id| (*id, said.clone())));
    }

    /// One pairing if all are good; else the bad ones are found one by one, kept as evidence and dropped.
    async fn assemble(&mut self, shared: &Shared) -> Option<VerifiedCertificate> {
        while self.weight >= self.members.threshold {
            let (table, header) = (Arc::clone(&self.members.table), self.proposal.record.header.clone());
            let singles = self.singles();
            let assembled = shared.machine.blocking(move || quorum::assemble(&table, &header, &singles)).await;
            match assembled {
                Ok(Ok(certificate)) => return Some(certificate),
                Ok(Err(quorum::Error::BadSignature(operator))) => self.drop_one(shared, operator),
                Ok(Err(error)) => {
                    tracing::error!(%error, "gateway.certificate.assemble failed");
                    return None;
                }
                Err(error) => {
                    tracing::error!(%error, "gateway.certificate.assemble panicked");
                    return None;
                }
            }
        }
        None
    }

    fn drop_one(&mut self, shared: &Shared, operator: OperatorId) {
        let Some(index) = self.members.operators().position(|member| member == operator) else { return };
        let Some(signature) = self.signatures.remove(&index) else { return };
        self.never.insert(index);
        self.weight = self.weight.saturating_sub(self.members.weight(index));
        shared.debts.distrust(operator);
        self.tell(shared, index, &Said::Nothing("sent what is not its signature of the batch".to_owned()));
        let proposal = self.proposal.record.signed_header();
        shared.keep_evidence(&Evidence::WrongSignature { operator, proposal, signature });
    }

    fn singles(&self) -> Vec<OperatorSignature> {
        let singles = self.signatures.iter();
        singles
            .map(|(index, signature)| OperatorSignature {
                operator: self.members.operator(*index),
                signature: *signature,
            })
            .collect()
    }

    /// Whether those who may still sign are too few: then only a skip moves the lane on (restored stores with a floor, a
    /// batch that outlived its table or its requests). Whoever could bring this about by false refusals could as well
    /// stop the lane by silence.
    fn is_hopeless(&self) -> bool {
        let willing = (0..self.members.count()).filter(|index| !self.never.contains(index));
        willing.fold(U256::ZERO, |sum, index| sum.saturating_add(self.members.weight(index))) < self.members.threshold
    }

    fn is_skipped(&self, shared: &Shared) -> bool {
        let header = &self.proposal.record.header;
        shared.chain.lane(LaneKey::of(header)).is_some_and(|lane| lane.cursor >= header.sequence)
    }

    /// A signature that made no certificate still has to be there when its signer asks what is held of it.
    fn keep_what_came(&self, shared: &Shared) {
        for single in self.singles() {
            keep(shared, &self.proposal.record.header, &single);
        }
    }
}

fn keep(shared: &Shared, header: &Batch, single: &OperatorSignature) {
    if let Err(error) = shared.store.keep_signature(header, single) {
        tracing::error!(%error, "gateway.store failed");
    }
}

/// The two bodies of one proposal: by ids for those who ran the requests, whole for the others.
#[derive(Clone)]
struct Bodies {
    known: Option<Bytes>,
    whole: Bytes,
}

impl Bodies {
    fn new(proposal: &Proposal, fresh: bool) -> Self {
        let body = |data: ProposedData| {
            let record = &proposal.record;
            let call = ProposeCall {
                header: record.header.clone(),
                gateway_signature: record.gateway_signature,
                parent: record.parent.clone(),
                data,
                opening: record.opening,
                owed: proposal.owed.clone(),
            };
            Bytes::from(Call::Propose(Box::new(call)).encode())
        };
        let known = fresh.then(|| body(ProposedData::Known(proposal.record.requests.clone())));
        Self { known, whole: body(ProposedData::Whole(proposal.data.clone())) }
    }
}

/// Asks one executor for its signature until it answers something final.
async fn propose(shared: Arc<Shared>, index: usize, member: Member, bodies: Bodies, deadline: Instant) -> Signed {
    let mut body = bodies.known.clone().unwrap_or_else(|| bodies.whole.clone());
    let mut wait = RETRY_WAIT_MIN;
    loop {
        let left = deadline.saturating_duration_since(shared.machine.now());
        let refusal = match shared.call(member.signer(), body.clone(), left).await {
            Ok(Answer::Signature(signature)) => return (index, Ok(signature)),
            Ok(Answer::Refused(Refusal::DataUnknown)) if body != bodies.whole => {
                body = bodies.whole.clone();
                continue;
            }
            Ok(Answer::Refused(refusal)) => refusal,
            Ok(_) => Refusal::Malformed("an answer to another question".into()),
            Err(error) => Refusal::HostFailure(error.to_string()),
        };
        if !refusal.is_transient() || shared.machine.now() + wait >= deadline {
            return (index, Err(refusal));
        }
        shared.machine.sleep(wait).await;
        wait = (wait * 2).min(RETRY_WAIT_MAX);
    }
}

/// Round 3: every executor gets the certificate; those who did not sign get the data too.
pub async fn hand_out(shared: Arc<Shared>, members: Members, proposal: Proposal, signatures: Vec<OperatorSignature>) {
    let record = &proposal.record;
    let body = |data: Option<Bytes>| {
        let (header, gateway_signature) = (record.header.clone(), record.gateway_signature);
        let call = CertifyCall { header, gateway_signature, signatures: signatures.clone(), data };
        Bytes::from(Call::Certify(Box::new(call)).encode())
    };
    let short = body(None);
    let whole = std::sync::OnceLock::new();
    let reachable = (0..members.count()).filter_map(|index| members.reachable(index));
    let tellings = reachable.map(|member| {
        let (shared, short) = (Arc::clone(&shared), short.clone());
        let whole = || whole.get_or_init(|| body(Some(proposal.data.clone()))).clone();
        async move {
            let timeout = shared.config.certify_timeout;
            let answer = shared.call(member.signer(), short, timeout).await;
            if matches!(answer, Ok(Answer::Refused(Refusal::DataUnknown))) {
                let _ = shared.call(member.signer(), whole(), timeout).await;
            }
        }
    });
    futures::future::join_all(tellings).await;
}
