use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use serde_json::json;
use tokio::time::Instant;
use vouch_api::{AppView, ProblemCode, ReleaseView};
use vouch_chain::anvil::Anvil;
use vouch_chain::network::NewApp;
use vouch_chain::{Finalized, Network, Sender};
use vouch_core::{AppId, ProgramId};
use vouch_node::programs::{Settings, named};
use vouch_sdk::Client;

use super::build::require_built;
use super::list;
use super::project::{DESCRIPTION_FILE, NetworkName, Project, State};
use super::upload::Upload;
use crate::context::{CloudOptions, Context, KeyOptions, anvil_of};
use crate::dockerfile;
use crate::failure::Failure;
use crate::output::{Output, Progress, shell_word};

/// Where a built image is put, relative to the app's folder.
const BUILD_FOLDER: &str = "build";
const BUILT_IMAGE: &str = "build/image.tar";
/// How often to look whether others have done their part.
const POLL: Duration = Duration::from_millis(300);
/// Blocks mined at each look on a local chain, where nobody should wait for delays that are counted in blocks.
const BLOCKS_PER_POLL: u64 = 2;
/// How long finality may take: two epochs and some patience.
const FINALITY_TIMEOUT: Duration = Duration::from_secs(1_800);
/// How long a table that was sent for is given to arrive before another is.
const TABLE_PATIENCE: Duration = Duration::from_secs(15);

#[derive(clap::Args)]
pub struct Arguments {
    /// The app's folder
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// Build the app's image first, with the Docker, Podman or Buildah of this machine (default FILE: the folder's Dockerfile)
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    dockerfile: Option<Option<PathBuf>>,
    /// The share of stake that must sign an answer, of 10,000
    #[arg(long, default_value_t = 6_700, value_parser = clap::value_parser!(u16).range(5_001..=10_000))]
    threshold_bips: u16,
    /// How many batches beyond the posted ones operators sign
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    window: u32,
    /// The gateway's address on chain (default: the gateway is asked)
    #[arg(long, value_name = "ADDRESS")]
    lane_gateway: Option<Address>,
    /// Stake below which an operator counts as having none, in a token's smallest unit
    #[arg(long, value_name = "UNITS", default_value = "1000000000000000000")]
    minimum_stake: U256,
    /// Stake below which all operators together certify nothing, in a token's smallest unit
    #[arg(long, value_name = "UNITS", default_value = "1000000000000000000")]
    required_stake: U256,
    /// How many operators to wait for (default: all of a local cloud, else one)
    #[arg(long, value_name = "NUMBER")]
    operators: Option<usize>,
    /// How long to wait for operators and gateway, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    if let Some(dockerfile) = &arguments.dockerfile {
        build_image(&arguments.folder, dockerfile.as_deref(), output).await?;
    }
    let project = Project::open(&arguments.folder)?;
    require_built(&project.folder, &project.description.artifact)?;
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let signer = context.signer(&arguments.key, "developer")?;
    let sender = context.sender(&network, signer);
    let deployer = Deployer {
        arguments,
        project: &project,
        context: &context,
        client: context.client().await?,
        anvil: anvil_of(&network).await,
        network,
        sender,
        progress: output.progress(format!("deploying {}", project.folder.display())),
    };
    let (state, view) = deployer.run().await?;
    drop(deployer);
    let program = state.program_id.unwrap_or_default();
    let done = json!({ "app": state.app, "programId": program, "lane": state.lane, "view": view });
    output.data(&done, |_| {
        let call = format!("vouch app call {} --payload TEXT", shell_word(&project.folder));
        format!("{}\nprogram    {program}\ncall it:   {call}", list::describe(&view))
    });
    Ok(())
}

/// Builds the image that `vouch.toml` names; an app that has no description yet gets one.
async fn build_image(folder: &Path, dockerfile: Option<&Path>, output: &Output) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| {
        Failure::host(format!("{}: {error}", folder.display()), "check the folder's permissions")
    };
    let (build, description) = (folder.join(BUILD_FOLDER), folder.join(DESCRIPTION_FILE));
    std::fs::create_dir_all(&build).map_err(unwritable)?;
    let progress = output.progress(format!("building the image of {}", folder.display()));
    let own = folder.join("Dockerfile");
    let built = dockerfile::build(dockerfile.unwrap_or(&own), folder, &build).await?;
    drop(progress);
    if !description.exists() {
        std::fs::write(&description, format!("image = \"{BUILT_IMAGE}\"\n")).map_err(unwritable)?;
    }
    let named = Project::open(folder)?.description.program.artifact_digest;
    if named.0 == built.digest.bytes() {
        return Ok(());
    }
    let message = format!("{} names another image than the one that was built", description.display());
    Err(Failure::input(message, format!("write there: image = \"{BUILT_IMAGE}\"")))
}

/// Takes every step that is not done yet; what is done is remembered before the next.
struct Deployer<'a> {
    arguments: &'a Arguments,
    project: &'a Project,
    context: &'a Context,
    client: Client,
    network: Network,
    sender: Sender,
    anvil: Option<Anvil>,
    progress: Progress,
}

impl Deployer<'_> {
    async fn run(&self) -> Result<(State, AppView), Failure> {
        let gateway = self.gateway_address().await?;
        let mut state = self.create_app().await?;
        self.publish_release(&mut state).await?;
        let view = self.settle().await?;
        self.register_lane(&mut state, gateway, &view).await?;
        self.settle().await?;
        self.upload_artifact().await?;
        let view = self.wait_ready(&state).await?;
        Ok((state, view))
    }

    /// Asked first: without a gateway of this chain nothing else is worth paying for.
    async fn gateway_address(&self) -> Result<Address, Failure> {
        let status = self.client.status().await.map_err(|error| self.context.gateway_failure(error))?;
        let expected = self.network.contracts().batch_registry;
        if status.chain_id != self.network.chain().chain_id() || status.registry != expected {
            let message =
                format!("the gateway serves registry {} of chain {}, not {expected}", status.registry, status.chain_id);
            return Err(Failure::node(message, "name the gateway of this chain with --gateway"));
        }
        Ok(self.arguments.lane_gateway.unwrap_or(status.address))
    }

    async fn create_app(&self) -> Result<State, Failure> {
        let (folder, network) = (&self.project.folder, NetworkName::of(&self.network));
        match State::load(folder)? {
            Some(state) if state.network == network => return Ok(state),
            // A local chain begins anew with each cloud; elsewhere an app is worth keeping.
            Some(_) if self.anvil.is_none() => {
                let message = format!("{} was deployed on another chain", folder.display());
                return Err(Failure::input(message, "move .vouch-app.json away to deploy it here as a new app"));
            }
            Some(_) | None => {}
        }
        self.progress.step("creating the app");
        let strategies = self.network.contracts().strategies();
        let new = NewApp {
            profile: self.network.contracts().profile,
            threshold_bips: self.arguments.threshold_bips,
            minimum_stake: vec![self.arguments.minimum_stake; strategies.len()],
            required_stake: vec![self.arguments.required_stake; strategies.len()],
            strategies,
            metadata_uri: String::new(),
        };
        let app =
            self.network.create_app(&self.sender, &new).await.map_err(|error| self.context.chain_failure(error))?;
        let state = State { app: app.id.0, program_id: None, lane: None, network };
        state.save(folder)?;
        Ok(state)
    }

    async fn publish_release(&self, state: &mut State) -> Result<(), Failure> {
        let program = &self.project.description.program;
        let (args, env) = (program.args.clone(), program.env.clone());
        let (named, settings) =
            (named(program), Settings { args, env, image: self.project.description.reference.clone() });
        if state.program_id == Some(named.id().0) {
            return Ok(());
        }
        self.progress.step("publishing the release");
        let published = self.network.publish_release(&self.sender, AppId(state.app), &named, &settings.to_uri()).await;
        match published {
            Ok(_) => {}
            // An earlier try got this far: nobody else publishes under this app.
            Err(error) if error.revert_name() == Some("ReleaseExists") => {}
            Err(error) if error.revert_name() == Some("NotAppOwner") => {
                return Err(Failure::input(
                    format!("{} does not own app {}", self.sender.address(), state.app),
                    "deploy with the owner's key",
                ));
            }
            Err(error) => return Err(self.context.chain_failure(error)),
        }
        state.program_id = Some(named.id().0);
        state.save(&self.project.folder)
    }

    async fn register_lane(&self, state: &mut State, gateway: Address, view: &Finalized) -> Result<(), Failure> {
        if state.lane.is_some() {
            return Ok(());
        }
        self.progress.step("registering a lane");
        let fail = |error| self.context.chain_failure(error);
        let app = AppId(state.app);
        for lane in 1..=self.network.lane_count(view, app).await.map_err(fail)? {
            if self.network.lane(view, app, lane).await.map_err(fail)?.gateway == gateway {
                state.lane = Some(lane);
            }
        }
        if state.lane.is_none() {
            let registered = self.network.register_lane(&self.sender, app, gateway, self.arguments.window).await;
            state.lane = Some(registered.map_err(fail)?);
        }
        state.save(&self.project.folder)
    }

    /// Waits until everything sent so far is final.
    async fn settle(&self) -> Result<Finalized, Failure> {
        let fail = |error| self.context.chain_failure(error);
        let block = self.network.chain().latest_block_number().await.map_err(fail)?;
        self.progress.step(format!("waiting for block {block} to be final"));
        if let Some(anvil) = &self.anvil {
            anvil.finalize(block).await.map_err(fail)?;
        }
        self.network.chain().wait_finalized(block, FINALITY_TIMEOUT).await.map_err(fail)
    }

    async fn upload_artifact(&self) -> Result<(), Failure> {
        for part in Upload::of(&self.project.description)? {
            let bytes = part.read()?;
            self.progress.step(format!("uploading {} bytes", bytes.len()));
            self.upload(part.digest, bytes).await?;
        }
        Ok(())
    }

    /// The gateway learns of the release a moment after it is final.
    async fn upload(&self, digest: B256, bytes: Vec<u8>) -> Result<(), Failure> {
        let end = self.deadline();
        loop {
            match self.client.upload_artifact(digest, bytes.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) if is_behind(&error) && Instant::now() < end => self.wait().await?,
                Err(error) => return Err(self.context.gateway_failure(error)),
            }
        }
    }

    /// Waits until operators have joined and the gateway can have calls certified.
    async fn wait_ready(&self, state: &State) -> Result<AppView, Failure> {
        let wanted = self.arguments.operators.or(self.context.local_operators()).unwrap_or(1).max(1);
        let (end, mut table_sent, mut said) = (self.deadline(), None::<Instant>, None);
        loop {
            let view = self.view(state.app).await?;
            let joined = self.joined(state).await?;
            let behind = match &view {
                Some(view) if is_ready(view, state, wanted) => return Ok(view.clone()),
                Some(view) => joined >= wanted && behind_in(view, state, joined),
                None => false,
            };
            if Instant::now() > end {
                return Err(not_ready(view.as_ref(), state, wanted, joined));
            }
            if behind && table_sent.is_none_or(|at| at.elapsed() > TABLE_PATIENCE) {
                self.refresh_table(state).await?;
                table_sent = Some(Instant::now());
            }
            if said != Some(joined) {
                self.progress.step(format!("waiting for operators: {joined} of {wanted} joined"));
                said = Some(joined);
            }
            self.wait().await?;
        }
    }

    async fn view(&self, app: B256) -> Result<Option<AppView>, Failure> {
        match self.client.app(app).await {
            Ok(view) => Ok(Some(view)),
            Err(error) if is_behind(&error) => Ok(None),
            Err(error) => Err(self.context.gateway_failure(error)),
        }
    }

    async fn joined(&self, state: &State) -> Result<usize, Failure> {
        let fail = |error| self.context.chain_failure(error);
        let view = self.network.view().await.map_err(fail)?;
        let app = self.network.app(&view, AppId(state.app)).await.map_err(fail)?;
        Ok(self.network.members(&view, app.operator_set_id).await.map_err(fail)?.len())
    }

    /// The gateway makes a table as soon as there is a member; one that has everybody is anyone's to make.
    async fn refresh_table(&self, state: &State) -> Result<(), Failure> {
        let fail = |error| self.context.chain_failure(error);
        self.progress.step("making the operator table");
        let view = self.network.view().await.map_err(fail)?;
        let app = self.network.app(&view, AppId(state.app)).await.map_err(fail)?;
        let mut tables = vec![B256::ZERO];
        if let Some(program) = state.program_id.map(ProgramId) {
            tables.push(self.network.table_of(&view, app.id, program).await.map_err(fail)?);
        }
        tables.dedup();
        for table in tables {
            self.update_table(app.operator_set_id, table).await?;
        }
        self.settle().await.map(|_| ())
    }

    /// What making a table takes depends on who stands in it by then, and in a container program's may be nobody yet: what
    /// the chain refused is tried again later.
    async fn update_table(&self, set: u32, table: B256) -> Result<(), Failure> {
        match self.network.update_table(&self.sender, set, table).await {
            Err(error @ vouch_chain::Error::Reverted { .. }) => {
                self.progress.step(format!("the operator table was not made yet: {error}"));
                Ok(())
            }
            done => done.map(|_| ()).map_err(|error| self.context.chain_failure(error)),
        }
    }

    async fn wait(&self) -> Result<(), Failure> {
        if let Some(anvil) = &self.anvil {
            anvil.mine(BLOCKS_PER_POLL).await.map_err(|error| self.context.chain_failure(error))?;
        }
        tokio::time::sleep(POLL).await;
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.arguments.timeout)
    }
}

/// Whether the gateway has yet to see what is final already.
fn is_behind(error: &vouch_sdk::Error) -> bool {
    let code = error.problem().map(|problem| problem.code);
    matches!(
        code,
        Some(ProblemCode::UnknownApp | ProblemCode::UnknownProgram | ProblemCode::NotReady | ProblemCode::Busy)
    )
}

fn is_ready(view: &AppView, state: &State, wanted: usize) -> bool {
    let released = release_of(view, state);
    let lane = view.lanes.iter().any(|lane| Some(lane.lane) == state.lane);
    lane && released.is_some_and(|release| release.ready && release.operators.len() >= wanted)
}

fn release_of<'a>(view: &'a AppView, state: &State) -> Option<&'a ReleaseView> {
    view.releases.iter().find(|release| Some(release.program_id) == state.program_id)
}

fn lacks_accepters(release: &ReleaseView, wanted: usize) -> bool {
    release.needs_acceptance() && release.accepters.len() < wanted
}

/// Whether a table lacks operators that could stand in it by now: of a container program, those that accepted it.
fn behind_in(view: &AppView, state: &State, joined: usize) -> bool {
    match release_of(view, state).filter(|release| release.needs_acceptance()) {
        Some(release) => view.operators.len() < joined || release.operators.len() < release.accepters.len(),
        None => view.operators.len() < joined,
    }
}

fn not_ready(view: Option<&AppView>, state: &State, wanted: usize, joined: usize) -> Failure {
    let message = match view {
        None => format!("the gateway does not know app {} yet", state.app),
        Some(_) if joined < wanted => format!("{joined} of {wanted} operators have joined app {}", state.app),
        Some(view) if release_of(view, state).is_some_and(|release| lacks_accepters(release, wanted)) => {
            let accepted = release_of(view, state).map_or(0, |release| release.accepters.len());
            format!("{accepted} of {wanted} operators accepted the program; their policies decide")
        }
        Some(view) => format!(
            "app {} is not ready: {joined} operators have joined, {} are in its table, {} lanes, ready: {}",
            state.app,
            view.operators.len(),
            view.lanes.len(),
            view.ready
        ),
    };
    Failure::node(message, "run the command again to go on waiting; `vouch operator list` shows who could join")
}
