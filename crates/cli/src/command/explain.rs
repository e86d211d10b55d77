//! Follows an id through the system: what the nodes remember, what the chain recorded, and what the log says about it.

use std::collections::BTreeSet;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use futures::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};
use vouch_api::{AppView, Explanation, Health, JournalEntry, KeptBatch, Wanted};
use vouch_chain::network::{Mined, Posting};
use vouch_chain::{Finalized, Network};
use vouch_core::BatchHash;

use crate::command::receipt::{signers_line, verified_view};
use crate::context::{CloudOptions, Context, NodeEndpoint};
use crate::failure::{Failure, chain_of};
use crate::output::Output;

mod show;

/// How long a node may take to answer.
const NODE_TIMEOUT: Duration = Duration::from_secs(10);
/// Batches that are followed further.
const BATCHES_MAX: usize = 8;

/// Tell what became of an id: who accepted it, ran it, signed it and posted it, or why it was refused
///
/// Asks every node of the cloud and the chain. Nodes remember the last thousands of things that they did, and their
/// stores reach further back; the fields of the log that the id stands in are named at the end.
#[derive(clap::Args)]
pub struct Arguments {
    /// A request, batch, program, app, operator or transaction by its id or the first 8 digits of it, or LANE/SEQUENCE
    #[arg(value_name = "ID")]
    id: Wanted,
    #[command(flatten)]
    cloud: CloudOptions,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    pub id: String,
    /// What the id names, as far as that is known.
    pub names: Vec<String>,
    /// Oldest first.
    pub entries: Vec<Told>,
    pub batches: Vec<BatchStory>,
    pub transaction: Option<TransactionStory>,
    /// The receipt of a request, as `vouch receipt verify` sees it.
    pub receipt: Option<Value>,
    pub searched: Vec<String>,
    /// What to look for in the logs.
    pub log_fields: Vec<String>,
}

/// An entry of a node's journal.
#[derive(Debug, Serialize)]
pub struct Told {
    pub node: String,
    #[serde(flatten)]
    pub entry: JournalEntry,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchStory {
    #[serde(flatten)]
    pub batch: KeptBatch,
    /// The nodes that keep it.
    pub kept_by: Vec<String>,
    /// Who signed, by the names of their nodes where those are known.
    pub signed_by: Option<Vec<String>>,
    /// When its hash and its own certificate were recorded, Unix seconds, as of the latest finalized block.
    pub recorded_at: Option<u64>,
    pub certified_at: Option<u64>,
    pub transaction: Option<B256>,
    pub block_number: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionStory {
    pub transaction: B256,
    pub block_number: u64,
    pub succeeded: bool,
    pub finalized: bool,
    /// The batches that it recorded.
    pub batches: Vec<B256>,
}

/// A node, and how it is called in what is told.
struct Node {
    endpoint: NodeEndpoint,
    health: Option<Health>,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let story = Search::new(&context).await?.follow(&arguments.id).await?;
    if story.is_empty() {
        let searched = story.searched.join("; ");
        return Err(Failure::input(
            format!("nothing is known of {}; searched: {searched}", arguments.id),
            "look for it in the logs of the nodes; `vouch status` shows which of them answer",
        ));
    }
    output.data(&story, show::show);
    Ok(())
}

/// What is asked, and what was found so far.
struct Search<'a> {
    context: &'a Context,
    nodes: Vec<Node>,
    /// None if the chain does not answer.
    chain: Option<(Network, Finalized)>,
    apps: Vec<AppView>,
    entries: Vec<Told>,
    batches: Vec<BatchStory>,
    searched: Vec<String>,
}

impl<'a> Search<'a> {
    async fn new(context: &'a Context) -> Result<Self, Failure> {
        let health = async |endpoint: NodeEndpoint| {
            let asked = context.client_of(&endpoint.url).await?;
            let health = tokio::time::timeout(NODE_TIMEOUT, asked.health()).await.ok().and_then(Result::ok);
            Ok::<_, Failure>(Node { endpoint, health })
        };
        let nodes = join_all(context.nodes().into_iter().map(health)).await;
        let nodes = nodes.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut searched = Vec::new();
        let chain = match connected(context).await {
            Ok(chain) => Some(chain),
            Err(failure) => {
                searched.push(format!("not the chain ({})", failure.message()));
                None
            }
        };
        let apps = tokio::time::timeout(NODE_TIMEOUT, context.client().await?.apps()).await;
        let apps = apps.ok().and_then(Result::ok).unwrap_or_default();
        Ok(Self { context, nodes, chain, apps, entries: Vec::new(), batches: Vec::new(), searched })
    }

    async fn follow(mut self, wanted: &Wanted) -> Result<Story, Failure> {
        self.ask_nodes(wanted, true).await?;
        let transaction = self.transaction(wanted).await?;
        self.ask_for_recorded(wanted, transaction.as_ref()).await?;
        let known: BTreeSet<B256> = self.batches.iter().map(|story| story.batch.batch).collect();
        let named = self.entries.iter().filter_map(|told| told.entry.batch);
        let further: BTreeSet<B256> = known.into_iter().chain(named).take(BATCHES_MAX).collect();
        for batch in further {
            self.ask_nodes(&Wanted::id(batch), false).await?;
        }
        self.ask_chain().await?;
        let receipt = self.receipt(wanted).await;
        let names = self.names(wanted, transaction.as_ref());
        let log_fields = self.log_fields(wanted);
        self.entries.sort_by_key(|told| told.entry.at_ms);
        let Self { entries, batches, searched, .. } = self;
        let id = wanted.to_string();
        Ok(Story { id, names, entries, batches, transaction, receipt, searched, log_fields })
    }

    /// Takes in what every node says; `first`: says what it looked through, too.
    async fn ask_nodes(&mut self, wanted: &Wanted, first: bool) -> Result<(), Failure> {
        let asking = self.nodes.iter().map(async |node| {
            let client = self.context.client_of(&node.endpoint.url).await?;
            let answer = tokio::time::timeout(NODE_TIMEOUT, client.explain(wanted)).await;
            let answer = match answer {
                Ok(answer) => answer.map_err(|error| chain_of(&error)),
                Err(_) => Err(format!("no answer within {} s", NODE_TIMEOUT.as_secs())),
            };
            Ok::<_, Failure>((node.endpoint.name.clone(), answer))
        });
        for answered in join_all(asking).await {
            match answered? {
                (name, Ok(explanation)) => self.take(&name, explanation, first),
                (name, Err(error)) if first => self.searched.push(format!("not {name} ({error})")),
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str, explanation: Explanation, first: bool) {
        let Explanation { searched, entries, batches, .. } = explanation;
        if first {
            let stores = if searched.stores.is_empty() { "none".to_owned() } else { searched.stores.join(", ") };
            self.searched.push(format!("{name}: {} journal entries, stores: {stores}", searched.journal_entries));
        }
        for entry in entries {
            if !self.entries.iter().any(|told| told.node == name && told.entry == entry) {
                self.entries.push(Told { node: name.to_owned(), entry });
            }
        }
        for batch in batches {
            self.keep(name, batch);
        }
    }

    fn keep(&mut self, name: &str, batch: KeptBatch) {
        let signed_by = batch.signers.as_ref().map(|signers| signers.iter().map(|id| self.name_of(*id)).collect());
        let known = self.batches.iter().position(|story| story.batch.batch == batch.batch);
        if let Some(story) = known.and_then(|index| self.batches.get_mut(index)) {
            story.join(name, batch.requests, signed_by);
        } else if self.batches.len() < BATCHES_MAX {
            self.batches.push(BatchStory {
                batch,
                kept_by: vec![name.to_owned()],
                signed_by,
                recorded_at: None,
                certified_at: None,
                transaction: None,
                block_number: None,
            });
        }
    }

    /// The node whose key it is, else the id itself.
    fn name_of(&self, operator: B256) -> String {
        let runs = |node: &&Node| {
            let executor = node.health.as_ref().and_then(|health| health.executor.as_ref());
            executor.is_some_and(|executor| executor.apps.iter().any(|app| app.operator_id == operator))
        };
        self.nodes.iter().find(runs).map_or_else(|| operator.to_string(), |node| node.endpoint.name.clone())
    }

    async fn transaction(&mut self, wanted: &Wanted) -> Result<Option<TransactionStory>, Failure> {
        let (Some(id), Some((network, view))) = (whole(wanted), &self.chain) else { return Ok(None) };
        let mined = network.mined(id).await.map_err(|error| self.context.chain_failure(error))?;
        self.searched.push(format!("the chain up to finalized block {}", view.block().number));
        Ok(mined.map(|Mined { block_number, succeeded, postings }| TransactionStory {
            transaction: id,
            block_number,
            succeeded,
            finalized: block_number <= view.block().number,
            batches: postings.into_iter().map(|posting| posting.batch.0).collect(),
        }))
    }

    /// Batches that only the chain names: a transaction's, or the one recorded for a slot.
    async fn ask_for_recorded(
        &mut self,
        wanted: &Wanted,
        transaction: Option<&TransactionStory>,
    ) -> Result<(), Failure> {
        let mut batches: Vec<B256> = transaction.map(|story| story.batches.clone()).unwrap_or_default();
        if let (Wanted::Slot { apps, lane, sequence, .. }, Some((network, view))) = (wanted, &self.chain) {
            for app in self.apps.iter().filter(|app| apps.contains(&app.app)) {
                let found = network.batch_at(view, vouch_core::AppId(app.app), *lane, *sequence).await;
                batches.extend(found.map_err(|error| self.context.chain_failure(error))?.map(|batch| batch.0));
            }
        }
        for batch in batches.into_iter().take(BATCHES_MAX) {
            self.ask_nodes(&Wanted::id(batch), false).await?;
        }
        Ok(())
    }

    async fn ask_chain(&mut self) -> Result<(), Failure> {
        let Some((network, view)) = &self.chain else { return Ok(()) };
        for story in &mut self.batches {
            let batch = BatchHash(story.batch.batch);
            let record = network.record(view, batch).await.map_err(|error| self.context.chain_failure(error))?;
            let Some(record) = record else { continue };
            (story.recorded_at, story.certified_at) = (Some(record.recorded_at), record.certified_at);
            let posting = network.posting(view, batch, record.recorded_at).await;
            if let Some(Posting { transaction, block_number, .. }) =
                posting.map_err(|error| self.context.chain_failure(error))?
            {
                (story.transaction, story.block_number) = (Some(transaction), Some(block_number));
            }
        }
        Ok(())
    }

    /// What is certified about a request, on the chain's word; none if there is no receipt of it.
    async fn receipt(&self, wanted: &Wanted) -> Option<Value> {
        let request = self.request(wanted)?;
        let (network, _) = self.chain.as_ref()?;
        let receipt = self.context.client().await.ok()?.receipt(request).await.ok()?;
        Some(match vouch_sdk::verify(&receipt, network).await {
            Ok(verified) => {
                let mut view = verified_view(&verified);
                view["signedBy"] = json!(signers_line(&verified));
                view["onChain"] = json!(verified.consumption.to_string());
                view
            }
            Err(error) => json!({ "holds": false, "requestId": request, "why": chain_of(&error) }),
        })
    }

    /// The one request that the id names.
    fn request(&self, wanted: &Wanted) -> Option<B256> {
        let Wanted::Ids { ids, .. } = wanted else { return None };
        let in_batches = self.batches.iter().flat_map(|story| story.batch.requests.iter().copied());
        let in_entries = self.entries.iter().filter_map(|told| told.entry.request);
        let found: BTreeSet<B256> = in_batches.chain(in_entries).filter(|id| ids.contains(id)).collect();
        (found.len() == 1).then(|| found.first().copied()).flatten()
    }

    fn names(&self, wanted: &Wanted, transaction: Option<&TransactionStory>) -> Vec<String> {
        let Wanted::Ids { ids, .. } = wanted else { return Vec::new() };
        let mut names = BTreeSet::new();
        let mut add = |kind: &str, id: B256| {
            if ids.contains(&id) {
                names.insert(format!("{kind} {id}"));
            }
        };
        for story in &self.batches {
            add("batch", story.batch.batch);
            story.batch.requests.iter().for_each(|request| add("request", *request));
        }
        for told in &self.entries {
            told.entry.request.into_iter().for_each(|id| add("request", id));
            told.entry.batch.into_iter().for_each(|id| add("batch", id));
            told.entry.transaction.into_iter().for_each(|id| add("transaction", id));
        }
        transaction.into_iter().for_each(|story| add("transaction", story.transaction));
        for app in &self.apps {
            add("app", app.app);
            app.releases.iter().for_each(|release| add("program", release.program_id));
        }
        names.extend(self.operators(wanted));
        names.into_iter().collect()
    }

    /// Operators and gateways that the id names, with what their nodes say of themselves.
    fn operators(&self, wanted: &Wanted) -> Vec<String> {
        let nodes = self.nodes.iter().filter_map(|node| Some((&node.endpoint.name, node.health.as_ref()?)));
        let mut names = Vec::new();
        for (name, health) in nodes {
            let apps = health.executor.iter().flat_map(|executor| &executor.apps);
            let keys: Vec<_> = apps.filter(|app| is_wanted(wanted, app.operator_id)).collect();
            names.extend(keys.iter().map(|app| format!("key {} of {name} for app {}", app.operator_id, app.app)));
            if wanted.names(health.address) {
                names.push(format!("{} {}, {name}", health.roles.join(" and "), health.address));
            }
        }
        let members = self.apps.iter().flat_map(|app| app.operators.iter().map(move |member| (app, member.operator)));
        let wanted_members = members.filter(|(_, operator)| wanted.names(*operator));
        names.extend(wanted_members.map(|(app, operator): (&AppView, Address)| {
            format!("operator {operator}, in the table of app {} of {}", app.app, app.reference_timestamp)
        }));
        names
    }

    /// `request=0x…` and so on, for what was found; the id itself where nothing was.
    fn log_fields(&self, wanted: &Wanted) -> Vec<String> {
        let mut fields = BTreeSet::new();
        for story in &self.batches {
            fields.insert(format!("batch={}", story.batch.batch));
            fields.extend(story.transaction.map(|transaction| format!("transaction={transaction}")));
        }
        fields.extend(self.request(wanted).map(|request| format!("request={request}")));
        if fields.is_empty() {
            fields.insert(wanted.to_string());
        }
        fields.into_iter().collect()
    }
}

async fn connected(context: &Context) -> Result<(Network, Finalized), Failure> {
    let network = context.network().await?;
    let view = network.view().await.map_err(|error| context.chain_failure(error))?;
    Ok((network, view))
}

/// An id in full, which alone a chain can be asked about.
fn whole(wanted: &Wanted) -> Option<B256> {
    match wanted {
        Wanted::Ids { ids, .. } if ids.start() == ids.end() => Some(*ids.start()),
        _ => None,
    }
}

fn is_wanted(wanted: &Wanted, id: B256) -> bool {
    matches!(wanted, Wanted::Ids { ids, .. } if ids.contains(&id))
}

impl BatchStory {
    /// Adds what another node says of it.
    fn join(&mut self, name: &str, requests: Vec<B256>, signed_by: Option<Vec<String>>) {
        if !self.kept_by.iter().any(|known| known == name) {
            self.kept_by.push(name.to_owned());
        }
        if self.batch.requests.is_empty() {
            self.batch.requests = requests;
        }
        self.signed_by = self.signed_by.take().or(signed_by);
    }
}

impl Story {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.entries.is_empty() && self.batches.is_empty() && self.transaction.is_none()
    }
}
