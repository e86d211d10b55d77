use alloy_primitives::{Address, B256, U256};
use serde_json::json;
use vouch_chain::{Network, Sender};
use vouch_core::AppId;

use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::Output;

mod relieve;
mod show;

/// See who serves an app's lanes, and change it: name a gateway, free a stuck lane, relieve a gateway that ignores the inbox
#[derive(clap::Subcommand)]
pub enum Command {
    /// Show a lane: its gateway, epoch, cursor, inbox, and what is overdue
    Show(show::Arguments),
    /// Name the lane's next gateway, as the app's owner; it may take the lane after a delay, or once the gateway of today consents
    Name(NameArguments),
    /// Let the named gateway take the lane at once, as the gateway of today
    Consent(GatewayArguments),
    /// Take a lane whose next gateway you are; a gateway's node does so by itself
    Take(LaneArguments),
    /// Put down a bond and start the clock that gives up a stuck lane's open sequences
    Skip(LaneArguments),
    /// Fetch your bonds of the lane's skips that have ended, and those that you earned as its gateway
    Reclaim(LaneArguments),
    /// Set which bond the lane's gateway must have, as the app's owner
    RequireBond(RequireBondArguments),
    /// Bring another gateway, as an operator of the app, because an entry of the lane's inbox is left unanswered
    Relieve(relieve::Arguments),
}

/// Which lane
#[derive(clap::Args)]
pub struct Which {
    /// The app's id
    app: B256,
    /// The lane's number
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    lane: u32,
    #[command(flatten)]
    cloud: CloudOptions,
}

impl Which {
    fn app(&self) -> AppId {
        AppId(self.app)
    }
}

#[derive(clap::Args)]
pub struct LaneArguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    key: KeyOptions,
}

#[derive(clap::Args)]
pub struct GatewayArguments {
    #[command(flatten)]
    which: Which,
    /// The named gateway's address
    #[arg(value_name = "GATEWAY")]
    next: Address,
    #[command(flatten)]
    key: KeyOptions,
}

#[derive(clap::Args)]
pub struct NameArguments {
    #[command(flatten)]
    which: Which,
    /// The next gateway's address; without it, an earlier word is taken back
    #[arg(value_name = "GATEWAY")]
    next: Option<Address>,
    #[command(flatten)]
    key: KeyOptions,
}

#[derive(clap::Args)]
pub struct RequireBondArguments {
    #[command(flatten)]
    which: Which,
    /// How much, wei
    amount: U256,
    #[command(flatten)]
    key: KeyOptions,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Show(arguments) => show::run(&arguments, output).await,
        Command::Name(arguments) => name(&arguments, output).await,
        Command::Consent(arguments) => consent(&arguments, output).await,
        Command::Take(arguments) => take(&arguments, output).await,
        Command::Skip(arguments) => skip(&arguments, output).await,
        Command::Reclaim(arguments) => reclaim(&arguments, output).await,
        Command::RequireBond(arguments) => require_bond(&arguments, output).await,
        Command::Relieve(arguments) => relieve::run(&arguments, output).await,
    }
}

/// The cloud, and who acts in it.
struct Actor {
    context: Context,
    network: Network,
    sender: Sender,
}

impl Actor {
    async fn find(which: &Which, key: &KeyOptions, account: &str) -> Result<Self, Failure> {
        let context = Context::find(&which.cloud)?;
        let network = context.network().await?;
        let sender = context.sender(&network, context.signer(key, account)?);
        Ok(Self { context, network, sender })
    }

    fn refusal(&self, error: vouch_chain::Error) -> Failure {
        refusal(&self.context, error)
    }
}

async fn name(arguments: &NameArguments, output: &Output) -> Result<(), Failure> {
    let (which, actor) = (&arguments.which, Actor::find(&arguments.which, &arguments.key, "developer").await?);
    let after = actor.network.name_gateway(&actor.sender, which.app(), which.lane, arguments.next).await;
    let after = after.map_err(|error| actor.refusal(error))?;
    let told = json!({ "app": which.app, "lane": which.lane, "nextGateway": arguments.next, "changeAfter": after });
    output.data(&told, |_| match arguments.next {
        Some(gateway) => format!("{gateway} may take lane {} from {after} (Unix seconds) on", which.lane),
        None => format!("nobody is named for lane {} any more", which.lane),
    });
    Ok(())
}

async fn consent(arguments: &GatewayArguments, output: &Output) -> Result<(), Failure> {
    let (which, actor) = (&arguments.which, Actor::find(&arguments.which, &arguments.key, "gateway").await?);
    let done = actor.network.consent_to_gateway(&actor.sender, which.app(), which.lane, arguments.next).await;
    done.map_err(|error| actor.refusal(error))?;
    let told = json!({ "app": which.app, "lane": which.lane, "nextGateway": arguments.next });
    output.data(&told, |_| format!("{} may take lane {} now", arguments.next, which.lane));
    Ok(())
}

async fn take(arguments: &LaneArguments, output: &Output) -> Result<(), Failure> {
    let (which, actor) = (&arguments.which, Actor::find(&arguments.which, &arguments.key, "gateway").await?);
    let taken = actor.network.take_lane(&actor.sender, which.app(), which.lane).await;
    let epoch = taken.map_err(|error| actor.refusal(error))?;
    let gateway = actor.sender.address();
    let told = json!({ "app": which.app, "lane": which.lane, "gateway": gateway, "epoch": epoch });
    output.data(&told, |_| format!("lane {} is {gateway}'s: epoch {epoch}", which.lane));
    Ok(())
}

async fn skip(arguments: &LaneArguments, output: &Output) -> Result<(), Failure> {
    let (which, actor) = (&arguments.which, Actor::find(&arguments.which, &arguments.key, "client").await?);
    let ends_at = actor.network.request_skip(&actor.sender, which.app(), which.lane).await;
    let ends_at = ends_at.map_err(|error| actor.refusal(error))?;
    let bond = U256::from(actor.network.deployment().parameters.skip_bond_wei);
    let told = json!({ "app": which.app, "lane": which.lane, "skipEndsAt": ends_at, "bond": bond });
    output.data(&told, |_| {
        format!(
            "unless a batch is posted before {ends_at} (Unix seconds), lane {} goes on behind its window and {bond} wei come back with `vouch lane reclaim`; a post gives them to the lane's gateway",
            which.lane
        )
    });
    Ok(())
}

async fn reclaim(arguments: &LaneArguments, output: &Output) -> Result<(), Failure> {
    let (which, actor) = (&arguments.which, Actor::find(&arguments.which, &arguments.key, "client").await?);
    let paid = actor.network.reclaim_skip_bond(&actor.sender, which.app(), which.lane).await;
    let paid = paid.map_err(|error| actor.refusal(error))?;
    let account = actor.sender.address();
    output.data(&json!({ "account": account, "paid": paid }), |_| format!("{paid} wei were paid to {account}"));
    Ok(())
}

async fn require_bond(arguments: &RequireBondArguments, output: &Output) -> Result<(), Failure> {
    let (which, actor) = (&arguments.which, Actor::find(&arguments.which, &arguments.key, "developer").await?);
    let set = actor.network.set_minimum_bond(&actor.sender, which.app(), which.lane, arguments.amount).await;
    let effective_at = set.map_err(|error| actor.refusal(error))?;
    let told = json!({
        "app": which.app, "lane": which.lane, "minimumBond": arguments.amount, "effectiveAt": effective_at,
    });
    output.data(&told, |_| {
        format!(
            "from {effective_at} (Unix seconds) on executors sign for lane {} only while its gateway's bond has {} wei",
            which.lane, arguments.amount
        )
    });
    Ok(())
}

/// What the registry has against it, and what to do.
fn refusal(context: &Context, error: vouch_chain::Error) -> Failure {
    const SHOW: &str = "see `vouch lane show APP`";
    match error.revert_name() {
        Some("UnknownLane") => Failure::input("the app has no such lane", "see its lanes with `vouch app info APP`"),
        Some("NotAppOwner") => {
            Failure::input("only the app's owner decides that", "act as the owner with --as or --keystore")
        }
        Some("InvalidGateway") => Failure::input("it is the lane's gateway already", SHOW),
        Some("NotGateway") => {
            Failure::input("only the lane's gateway consents", "act as the gateway with --as or --keystore")
        }
        Some("NotNamed") => Failure::input("the app's owner has named another gateway, or nobody", SHOW),
        Some("TooEarly") => Failure::input("it is too early for that", SHOW),
        Some("SkipRunning") => Failure::input("a skip runs already", SHOW),
        Some("NotInInbox") => Failure::input("nobody put this request into a lane's inbox", SHOW),
        Some("EntryAnswered") => Failure::input("the entry is answered", "ask an executor for its receipt"),
        Some("NotMember") => {
            Failure::input("only operators of the app's set relieve a gateway", "act as one with --as or --keystore")
        }
        Some("TurnTaken") => Failure::input(
            "this operator has relieved a gateway of the lane since an entry of its inbox was answered last",
            "it is another operator's turn",
        ),
        _ => context.chain_failure(error),
    }
}
