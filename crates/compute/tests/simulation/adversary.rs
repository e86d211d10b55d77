//! A gateway that lies: beside the honest code it proposes other batches with the same key, most of them in themselves as an
//! executor could sign them, some with invented answers, to whom and in which order it likes.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use futures::future::join_all;
use rand::Rng;
use rand::seq::SliceRandom;
use vouch_compute::fees::book;
use vouch_compute::gateway::PostWork;
use vouch_compute::quorum;
use vouch_compute::wire::{Answer, Call, Opening, OperatorSignature, ProposeCall, ProposedData, SignedRequest};
use vouch_core::{Batch, BatchData, BatchHash, Entry, ecdsa, merkle};

use crate::cast::*;
use crate::network::{GATEWAY, Network};
use crate::scheduler::WORLD;

/// Lies for ever.
pub async fn run(network: Arc<Network>) {
    loop {
        network.scheduler.sleep(network.scheduler.millis(200..1_500)).await;
        if let Some(call) = rival(&network) {
            let network = Arc::clone(&network);
            network.scheduler.clone().spawn(WORLD, async move { propose(network, call).await });
        }
    }
}

/// Another batch, near the cursor, on any parent that was ever proposed.
fn rival(network: &Network) -> Option<ProposeCall> {
    let (scheduler, registry) = (&network.scheduler, network.chain.finalized());
    let reference_timestamp = *network.chain.tables().last()?;
    let known: Vec<Batch> =
        network.history.facts(|facts| facts.headers.values().map(|proposed| proposed.header.clone()).collect());
    let open: Vec<&Batch> = known.iter().filter(|header| header.sequence > registry.cursor).collect();
    let sequence = match scheduler.random(|random| open.choose(random).map(|header| header.sequence)) {
        Some(sequence) if scheduler.chance(0.6) => sequence,
        _ => registry.cursor + scheduler.range(1..u64::from(WINDOW) + 2),
    };
    let parent = parent(network, &known, sequence);
    let chosen = requests(network);
    if chosen.is_empty() {
        return None;
    }
    let mut entries: Vec<Entry> = chosen.iter().map(entry).collect();
    if scheduler.chance(0.1) {
        entries[0].output = b"invented".to_vec().into();
    }
    let data = BatchData::new(entries).ok()?;
    let fees = fees(network, parent.as_ref(), &chosen);
    Some(signed(sequence, parent, reference_timestamp, &data, fees))
}

/// The root and the debts that a batch states; now and then somebody owes more by it than by its calls.
fn fees(network: &Network, parent: Option<&Batch>, chosen: &[SignedRequest]) -> (B256, Vec<U256>) {
    let Some(price) = network.chain.price() else { return Default::default() };
    let debts = network.history.facts(|facts| facts.debts_behind(parent.map_or(BatchHash::ZERO, Batch::hash)));
    let mut clients: Vec<Address> = Vec::new();
    for signed in chosen {
        if !clients.contains(&signed.request.client) {
            clients.push(signed.request.client);
        }
    }
    let invented = |scheduler: &crate::scheduler::Scheduler| {
        if scheduler.chance(0.2) { scheduler.range(1..100) } else { 0 }
    };
    let owed = clients
        .iter()
        .map(|client| debts.get(client).copied().unwrap_or_default() + U256::from(invented(&network.scheduler)));
    let owed: Vec<U256> = owed.collect();
    let charges = book::charges(chosen.iter().map(|signed| (&signed.request, fee(signed))), &owed).unwrap_or_default();
    (book::fees_root(&price, &charges), owed)
}

/// Requests that were made before, and new ones of clients that are in it too: executors without memory run only what is new.
fn requests(network: &Network) -> Vec<SignedRequest> {
    let (scheduler, history) = (&network.scheduler, &network.history);
    if scheduler.chance(0.5) {
        let most = if network.chain.price().is_some() { DEPOSIT } else { U256::ZERO };
        let signed = request(scheduler.range(10_000..1_000_000_000), network.chain.true_time(), most);
        history.facts(|facts| facts.requests.insert(signed.request.id(), signed.clone()));
        return vec![signed];
    }
    let known: Vec<SignedRequest> = history.facts(|facts| facts.requests.values().cloned().collect());
    let count = scheduler.range(1..3) as usize;
    scheduler.random(|random| known.choose_multiple(random, count).cloned().collect())
}

/// Most are of the sequence before, so that chains of lies come about.
fn parent(network: &Network, known: &[Batch], sequence: u64) -> Option<Batch> {
    let before: Vec<&Batch> = known.iter().filter(|header| header.sequence + 1 == sequence).collect();
    network.scheduler.random(|random| match random.gen_range(0..10) {
        0 => None,
        1 => known.choose(random).cloned(),
        _ => before.choose(random).map(|header| Batch::clone(header)),
    })
}

fn signed(
    sequence: u64,
    parent: Option<Batch>,
    reference_timestamp: u32,
    data: &BatchData,
    fees: (B256, Vec<U256>),
) -> ProposeCall {
    let bytes = data.encode();
    let (commitment, opening) = srs().commit_data(&bytes).unwrap();
    let header = Batch {
        chain_id: U256::from(CHAIN_ID),
        registry: REGISTRY,
        app: APP,
        operator_set_id: 1,
        profile_id: PROFILE,
        program_id: program().id(),
        lane: LANE.lane,
        sequence,
        parent: parent.as_ref().map_or(BatchHash::ZERO, Batch::hash),
        exchanges_root: merkle::root(&data.leaves()),
        exchange_count: data.entries().len() as u32,
        data_commitment_x: commitment.x,
        data_commitment_y: commitment.y,
        data_length: bytes.len() as u64,
        reference_timestamp,
        fees_root: fees.0,
        inbox_cursor: parent.as_ref().map_or(0, |parent| parent.inbox_cursor),
    };
    ProposeCall {
        gateway_signature: ecdsa::sign(header.hash().0, &GATEWAY_KEY).unwrap().into(),
        header,
        parent,
        data: ProposedData::Whole(bytes.into()),
        opening: Opening { value: opening.value, proof: opening.proof },
        owed: fees.1,
    }
}

/// To some executors; what becomes a certificate may be posted.
async fn propose(network: Arc<Network>, call: ProposeCall) {
    let header = call.header.clone();
    let body = alloy_primitives::Bytes::from(Call::Propose(Box::new(call)).encode());
    network.history.proposal(&body, false);
    let asked: Vec<usize> = (0..EXECUTORS).filter(|_| network.scheduler.chance(0.7)).collect();
    let wait = Duration::from_secs(6);
    let answers = join_all(asked.into_iter().map(|index| {
        let (network, body) = (Arc::clone(&network), body.clone());
        async move {
            let answer =
                futures::future::select(Box::pin(network.send(GATEWAY, index, body)), network.scheduler.sleep(wait));
            let futures::future::Either::Left((Ok(answer), _)) = answer.await else { return None };
            match Answer::decode(&answer) {
                Ok(Answer::Signature(signature)) => Some(OperatorSignature { operator: operator(index), signature }),
                _ => None,
            }
        }
    }));
    let signatures: Vec<OperatorSignature> = answers.await.into_iter().flatten().collect();
    let weight: u64 = signatures.iter().filter_map(|one| index_of(one.operator)).map(|index| WEIGHTS[index]).sum();
    if weight < THRESHOLD {
        return;
    }
    if let Ok(certificate) = quorum::assemble(&table(header.reference_timestamp), &header, &signatures) {
        network.chain.post(PostWork { headers: vec![header], certificate });
    }
}
