//! Learns what clients owe where this gateway's count has a gap: its store was lost, or the lane came from another gateway.
//!
//! Executors are asked, and [`fees::debts::decide`](crate::fees::debts::decide) says which number a threshold would sign.
//! What is learnt is kept in memory and follows the gateway's own batches; a skip, a restart or another epoch has it asked
//! again. Who does not sign the number that its own answer agreed with is not asked again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::{Address, Bytes, U256};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;
use vouch_core::{AppId, Batch, BatchHash, OperatorId};

use super::members::{Member, Members};
use super::shared::Shared;
use super::slot::{NextSlot, behind};
use crate::fees::book;
use crate::fees::debts::{self, Debt, OwedCall, OwedQuestion, Stake};
use crate::lane::LaneKey;
use crate::lane::slots::Slots;
use crate::wire::{Answer, Call, REQUESTS_PER_BATCH_MAX, Refusal};

/// Clients whose debts are kept per lane; beyond, all are forgotten and asked for again.
const CLIENTS_MAX: usize = 10_000;
/// Questions under way at once. They come from clients, and each goes to every executor.
const QUESTIONS_MAX: usize = 16;

/// What executors said, by lane.
pub struct Debts {
    lanes: Mutex<HashMap<LaneKey, Heard>>,
    /// Who contradicted itself.
    distrusted: Mutex<BTreeSet<OperatorId>>,
    asking: Semaphore,
}

/// What clients owe behind the batch `at`, unless they are counted in the own book.
#[derive(Default)]
struct Heard {
    at: BatchHash,
    debts: BTreeMap<Address, Told>,
    /// Those that the batch `at` charged, and so says.
    stated: BTreeMap<Address, Told>,
}

#[derive(Clone)]
struct Told {
    total: U256,
    /// Whose answers agree with it.
    backers: BTreeSet<OperatorId>,
}

/// Why debts are not known now. Asked again, the answer may be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("too few executors say what clients owe")]
    TooFewAnswers,
    #[error("too many debts are being asked for at once; try again")]
    Busy,
    #[error("the gateway's store or key failed; see its log")]
    Failed,
}

impl Default for Debts {
    fn default() -> Self {
        Self { lanes: Mutex::default(), distrusted: Mutex::default(), asking: Semaphore::new(QUESTIONS_MAX) }
    }
}

impl Debts {
    /// What was heard of debts behind the batch `parent`.
    pub fn heard(&self, lane: LaneKey, parent: BatchHash) -> BTreeMap<Address, U256> {
        let lanes = lock(&self.lanes);
        let heard = lanes.get(&lane).filter(|heard| heard.at == parent);
        heard.map(|heard| heard.debts.iter().map(|(client, told)| (*client, told.total)).collect()).unwrap_or_default()
    }

    /// What was heard of one client's debt on a lane, wherever it stands now.
    fn newest(&self, lane: LaneKey, client: Address) -> U256 {
        let lanes = lock(&self.lanes);
        let told = lanes.get(&lane).and_then(|heard| heard.debts.get(&client));
        told.map(|told| told.total).unwrap_or_default()
    }

    /// The gateway has reserved a slot for `header`, with charges of these clients: from here on its own book has them.
    pub fn follow(&self, header: &Batch, clients: impl IntoIterator<Item = Address>) {
        let mut lanes = lock(&self.lanes);
        let Some(heard) = lanes.get_mut(&LaneKey::of(header)).filter(|heard| heard.at == header.parent) else { return };
        heard.at = header.hash();
        let charged = clients.into_iter().filter_map(|client| heard.debts.remove(&client).map(|told| (client, told)));
        heard.stated = charged.collect();
    }

    /// An executor refused a batch because of what it states of a client's debt. Who had agreed with it is not asked again.
    pub fn refused(&self, header: &Batch, operator: OperatorId, refusal: &Refusal) {
        let Refusal::WrongOwed { client, stated, .. } = refusal else { return };
        let lanes = lock(&self.lanes);
        let heard = lanes.get(&LaneKey::of(header)).filter(|heard| heard.at == header.hash());
        let told = heard.and_then(|heard| heard.stated.get(client)).filter(|told| told.total == *stated);
        if told.is_some_and(|told| told.backers.contains(&operator)) && lock(&self.distrusted).insert(operator) {
            tracing::warn!(%operator, %client, %stated, "gateway.debts.contradicted");
        }
    }

    /// An executor sent what is no signature of a batch: it lies, so it is not asked again. Otherwise it could agree with a
    /// number that is wrong, spoil the batch that states it, and cost the lane a skip as often as it likes.
    pub fn distrust(&self, operator: OperatorId) {
        if lock(&self.distrusted).insert(operator) {
            tracing::warn!(%operator, "gateway.debts.distrust");
        }
    }

    fn keep(&self, lane: LaneKey, parent: BatchHash, found: Vec<(Address, Told)>) {
        let mut lanes = lock(&self.lanes);
        let heard = lanes.entry(lane).or_default();
        if heard.at != parent || heard.debts.len() > CLIENTS_MAX {
            *heard = Heard { at: parent, ..Heard::default() };
        }
        heard.debts.extend(found);
    }
}

impl Shared {
    /// Learns what these clients owed in front of `slot`, as far as the own book cannot say; then [`Debts::heard`] has it.
    pub async fn learn_debts(
        self: &Arc<Self>,
        lane: LaneKey,
        slot: &NextSlot,
        members: &Members,
        clients: BTreeSet<Address>,
    ) -> Result<(), Unknown> {
        let unknown = self.unknown_debts(lane, slot, clients).await?;
        for part in unknown.chunks(REQUESTS_PER_BATCH_MAX) {
            let _permit = self.debts.asking.try_acquire().map_err(|_| Unknown::Busy)?;
            let found = self.ask_debts(lane, slot, members, part).await?;
            self.debts.keep(lane, slot.parent, found);
        }
        Ok(())
    }

    /// The same for one client on all lanes of an app that this gateway serves, before it says how the client stands.
    pub async fn learn_standing(self: &Arc<Self>, app: AppId, client: Address) -> Result<(), Unknown> {
        if self.chain.price(app, self.chain.clock()).is_none() {
            return Ok(());
        }
        for lane in self.own_lanes().filter(|lane| lane.app == app).collect::<Vec<_>>() {
            let Some(state) = self.chain.lane(lane) else { continue };
            let newest = self.store.newest_slot(lane).map_err(failed)?;
            let slot = behind(newest.as_ref().map(|record| &record.header), &state);
            let unknown = self.unknown_debts(lane, &slot, [client].into()).await?;
            if unknown.is_empty() {
                continue;
            }
            let release = self.chain.newest_release(app).ok_or(Unknown::TooFewAnswers)?;
            let members = self.members(app, release.program.id()).ok_or(Unknown::TooFewAnswers)?;
            self.learn_debts(lane, &slot, &members, unknown.into_iter().collect()).await?;
        }
        Ok(())
    }

    /// What a client owes on a lane, by the own book and by what executors said.
    pub fn newest_total(&self, lane: LaneKey, client: Address) -> Result<U256, crate::store::Error> {
        let counted = book::newest_total(self.store.fees(), lane, self.chain.lane(lane).as_ref(), client)?;
        Ok(counted.max(self.debts.newest(lane, client)))
    }

    /// The clients of which neither the own book nor an earlier answer says everything.
    async fn unknown_debts(
        self: &Arc<Self>,
        lane: LaneKey,
        slot: &NextSlot,
        clients: BTreeSet<Address>,
    ) -> Result<Vec<Address>, Unknown> {
        let (shared, parent) = (Arc::clone(self), self.parent_of(lane, slot));
        let counted = self.machine.blocking(move || {
            let counted = book::debts(shared.store.fees(), lane, &parent, clients.iter().copied());
            counted.map(|counted| (clients, counted))
        });
        let (clients, counted) = counted.await.map_err(failed)?.map_err(failed)?;
        let heard = self.debts.heard(lane, slot.parent);
        let open = clients.into_iter().zip(counted).filter(|(client, debt)| !debt.exact && !heard.contains_key(client));
        Ok(open.map(|(client, _)| client).collect())
    }

    /// Asks every member that is trusted, until nothing could change what follows from the answers.
    async fn ask_debts(
        self: &Arc<Self>,
        lane: LaneKey,
        slot: &NextSlot,
        members: &Members,
        clients: &[Address],
    ) -> Result<Vec<(Address, Told)>, Unknown> {
        let question = OwedQuestion {
            chain_id: self.chain.chain_id(),
            registry: self.chain.registry(),
            lane,
            sequence: slot.sequence,
            parent: slot.parent,
            parent_header: slot.parent_header.clone(),
            clients: clients.to_vec(),
        };
        let mut hearing = Hearing { at_least: self.counted(lane, slot, clients).await?, members, answers: Vec::new() };
        let question = Arc::new(question);
        let call = self.signed_question(&question).ok_or(Unknown::Failed)?;
        let deadline = self.machine.now() + self.config.peer_timeout;
        let trusted = |member: &Member| !lock(&self.debts.distrusted).contains(&member.operator);
        let asked = (0..members.count()).filter_map(|index| Some((index, members.reachable(index).filter(trusted)?)));
        let mut pending: FuturesUnordered<_> = asked
            .map(|(index, member)| {
                let (shared, question, call) = (Arc::clone(self), Arc::clone(&question), call.clone());
                async move { Some((index, shared.debts_of(member, &question, call).await?)) }
            })
            .collect();
        while !hearing.is_final()
            && let Some(Some(answer)) = self.machine.timeout_at(deadline, pending.next()).await
        {
            hearing.answers.extend(answer);
        }
        let found: Option<Vec<Told>> = (0..clients.len()).map(|place| hearing.told(place)).collect();
        Ok(clients.iter().copied().zip(found.ok_or(Unknown::TooFewAnswers)?).collect())
    }

    fn signed_question(&self, question: &OwedQuestion) -> Option<Bytes> {
        let call = OwedCall::new(question.clone(), self.key()).inspect_err(|error| {
            tracing::error!(%error, "gateway.debts.sign failed");
        });
        Some(Call::Owed(Box::new(call.ok()?)).encode().into())
    }

    /// What this gateway and the chain know that each owes at least.
    async fn counted(
        self: &Arc<Self>,
        lane: LaneKey,
        slot: &NextSlot,
        clients: &[Address],
    ) -> Result<Vec<U256>, Unknown> {
        let (shared, parent, clients) = (Arc::clone(self), self.parent_of(lane, slot), clients.to_vec());
        let counted = self.machine.blocking(move || {
            let counted = book::debts(shared.store.fees(), lane, &parent, clients.iter().copied())?;
            let settled = clients.iter().map(|client| shared.chain.deposit(lane.app, *client).settled_on(lane.lane));
            Ok::<_, crate::store::Error>(
                counted.iter().zip(settled).map(|(debt, settled)| debt.total.max(settled)).collect(),
            )
        });
        counted.await.map_err(failed)?.map_err(failed)
    }

    /// One executor's answer; none if it gives none that is its own and to this question.
    async fn debts_of(&self, member: Member, question: &OwedQuestion, call: Bytes) -> Option<Vec<Debt>> {
        let answer = self.call(member.signer(), call, self.config.peer_timeout).await;
        match answer {
            Ok(Answer::Owed(answer)) if answer.answers(question, member.operator, member.account) => {
                Some(answer.list.debts)
            }
            Ok(Answer::Refused(refusal)) => {
                tracing::debug!(operator = %member.operator, %refusal, "gateway.debts.ask");
                None
            }
            _ => None,
        }
    }
}

/// What executors have answered so far.
struct Hearing<'a> {
    at_least: Vec<U256>,
    members: &'a Members,
    /// By table index.
    answers: Vec<(usize, Vec<Debt>)>,
}

impl Hearing<'_> {
    /// What they say of the client at this place of the question.
    fn decide(&self, place: usize) -> Option<debts::Decision> {
        let said: Vec<(U256, Debt)> =
            self.answers.iter().map(|(index, debts)| (self.members.weight(*index), debts[place])).collect();
        let stake = Stake { all: self.members.table.table().totals()[0], threshold: self.members.threshold };
        debts::decide(&said, stake, self.at_least[place])
    }

    fn is_final(&self) -> bool {
        (0..self.at_least.len()).all(|place| self.decide(place).is_some_and(|decision| decision.is_final))
    }

    fn told(&self, place: usize) -> Option<Told> {
        let total = self.decide(place)?.total;
        let agree = self.answers.iter().filter(|(_, debts)| debts[place].agrees_with(total));
        Some(Told { total, backers: agree.map(|(index, _)| self.members.operator(*index)).collect() })
    }
}

fn failed(error: impl std::fmt::Display) -> Unknown {
    tracing::error!(%error, "gateway.debts failed");
    Unknown::Failed
}

/// Every change under these locks is complete before anything that could panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    const LANE: LaneKey = LaneKey { app: AppId(B256::repeat_byte(1)), lane: 1 };
    const CLIENT: Address = Address::repeat_byte(7);

    fn operator(byte: u8) -> OperatorId {
        OperatorId(B256::repeat_byte(byte))
    }

    fn batch(sequence: u64, parent: BatchHash) -> Batch {
        Batch { app: LANE.app, lane: LANE.lane, sequence, parent, ..Batch::default() }
    }

    fn refusal(stated: u64) -> Refusal {
        Refusal::WrongOwed { client: CLIENT, stated: U256::from(stated), known: U256::ZERO }
    }

    /// What two operators said is 30 stands in a batch.
    fn stated() -> (Debts, Batch) {
        let (debts, first) = (Debts::default(), batch(1, BatchHash::ZERO));
        let told = Told { total: U256::from(30), backers: [operator(1), operator(2)].into() };
        debts.keep(LANE, first.hash(), vec![(CLIENT, told)]);
        let second = batch(2, first.hash());
        debts.follow(&second, [CLIENT]);
        (debts, second)
    }

    #[test]
    fn only_who_refuses_what_it_said_itself_is_distrusted() {
        let (debts, stating) = stated();
        debts.refused(&stating, operator(3), &refusal(30));
        debts.refused(&stating, operator(1), &refusal(31));
        debts.refused(&batch(2, BatchHash::ZERO), operator(1), &refusal(30));
        debts.refused(&stating, operator(1), &Refusal::Busy);
        assert!(lock(&debts.distrusted).is_empty());
        debts.refused(&stating, operator(2), &refusal(30));
        assert_eq!(*lock(&debts.distrusted), [operator(2)].into());
    }

    #[test]
    fn what_was_heard_counts_behind_its_batch_and_nowhere_else() {
        let (debts, first) = (Debts::default(), batch(1, BatchHash::ZERO));
        let told = || Told { total: U256::from(30), backers: BTreeSet::new() };
        debts.keep(LANE, first.hash(), vec![(CLIENT, told())]);
        assert_eq!(debts.heard(LANE, first.hash()), [(CLIENT, U256::from(30))].into());
        let other = BatchHash(B256::repeat_byte(9));
        assert!(debts.heard(LANE, other).is_empty());
        let another = Address::repeat_byte(8);
        debts.keep(LANE, other, vec![(another, told())]);
        assert_eq!(
            debts.heard(LANE, other),
            [(another, U256::from(30))].into(),
            "what was heard elsewhere is forgotten"
        );
    }
}
