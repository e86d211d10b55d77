//! Who may act for an account.

use alloy_primitives::Address;
use serde_json::{Value, json};
use vouch_chain::deploy::Contracts;
use vouch_chain::network::{Action, Appointment, Permissions};

use self::function::{Function, name_of};
use super::consent::{Actor, Plan, SigningOptions};
use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::Output;

mod function;

/// Say who may act for an account, function by function, or in everything
#[derive(clap::Subcommand)]
pub enum Command {
    /// Let somebody call one function for the account, and nothing else
    Appoint(AppointArguments),
    /// Take back one function of an appointee, or an admin's rights, or the offer of them
    Remove(RemoveArguments),
    /// Offer somebody the rights of an admin: to call everything, and to appoint
    Offer(OfferArguments),
    /// Take such an offer, as the one that it was made to
    Accept(AcceptArguments),
    /// Show an account's admins, offers and appointees
    List(ListArguments),
}

#[derive(clap::Args)]
pub struct AppointArguments {
    /// Who may
    appointee: Address,
    /// What: allocate, join, leave, keys, slasher, ...; a function's name or signature; or 0x and eight digits
    function: String,
    /// The contract (default: the one of ours that has the function)
    #[arg(long, value_name = "ADDRESS")]
    target: Option<Address>,
    #[command(flatten)]
    acting: AccountOptions,
}

#[derive(clap::Args)]
pub struct RemoveArguments {
    /// Who may no more
    address: Address,
    /// What an appointee may no more; without it, an admin's rights or the offer of them go
    function: Option<String>,
    /// The contract (default: the one of ours that has the function)
    #[arg(long, value_name = "ADDRESS", requires = "function")]
    target: Option<Address>,
    #[command(flatten)]
    acting: AccountOptions,
}

#[derive(clap::Args)]
pub struct OfferArguments {
    /// Who may accept
    admin: Address,
    #[command(flatten)]
    acting: AccountOptions,
}

#[derive(clap::Args)]
pub struct AcceptArguments {
    /// The account that made the offer
    #[arg(value_name = "ACCOUNT")]
    principal: Address,
    #[command(flatten)]
    signing: SigningOptions,
}

#[derive(clap::Args)]
pub struct AccountOptions {
    /// The operator or AVS that it is about (default: the key's own account)
    #[arg(long = "for", value_name = "ADDRESS")]
    principal: Option<Address>,
    #[command(flatten)]
    signing: SigningOptions,
}

#[derive(clap::Args)]
pub struct ListArguments {
    /// The operator or AVS (default: the key's own account)
    #[arg(value_name = "ACCOUNT")]
    principal: Option<Address>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Appoint(arguments) => appoint(&arguments, output).await,
        Command::Remove(arguments) => remove(&arguments, output).await,
        Command::Offer(arguments) => offer(&arguments, output).await,
        Command::Accept(arguments) => accept(&arguments, output).await,
        Command::List(arguments) => list(&arguments, output).await,
    }
}

async fn appoint(arguments: &AppointArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.acting.signing, "developer").await?;
    let account = arguments.acting.principal.unwrap_or(actor.address());
    let function = Function::parse(&arguments.function, arguments.target, actor.network.contracts())?;
    let appointment = function.of(arguments.appointee);
    let plan =
        Plan::new(format!("Let {} call {function}", arguments.appointee), "at any time, with `vouch admin remove`")
            .step(format!("note that {} may call {function} for {account}, and nothing else", arguments.appointee))
            .risk(format!("whatever {function} does for {account}, the appointee can do alone"));
    let action = actor.network.appoint(account, &appointment);
    let text = format!("{} may call {function} for {account}", arguments.appointee);
    let told = told_of(account, &appointment);
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn remove(arguments: &RemoveArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.acting.signing, "developer").await?;
    let (account, address) = (arguments.acting.principal.unwrap_or(actor.address()), arguments.address);
    let Some(function) = &arguments.function else {
        return remove_admin(&actor, account, address, output).await;
    };
    let function = Function::parse(function, arguments.target, actor.network.contracts())?;
    let appointment = function.of(address);
    let plan = Plan::new(format!("Let {address} call {function} no more"), "with `vouch admin appoint`")
        .step(format!("note that {address} may not call {function} for {account}; what it did stays"));
    let action = actor.network.dismiss(account, &appointment);
    let text = format!("{address} may not call {function} for {account} any more");
    let told = told_of(account, &appointment);
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn remove_admin(actor: &Actor, account: Address, admin: Address, output: &Output) -> Result<(), Failure> {
    let pending = actor.network.is_pending_admin_now(account, admin).await.map_err(|error| actor.refusal(error))?;
    let (what, action): (_, Action) = if pending {
        ("the offer to be an admin", actor.network.withdraw_admin_offer(account, admin))
    } else {
        ("the rights of an admin", actor.network.remove_admin(account, admin))
    };
    let plan = Plan::new(format!("Take {what} from {admin}"), "with `vouch admin offer`, and it accepts again")
        .step(format!("{admin} loses {what} of {account}; what it did stays, and whom it appointed"));
    let told = json!({ "account": account, "removed": admin, "wasPending": pending });
    let text = format!("{admin} has lost {what} of {account}");
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn offer(arguments: &OfferArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.acting.signing, "developer").await?;
    let (account, admin) = (arguments.acting.principal.unwrap_or(actor.address()), arguments.admin);
    let plan = Plan::new(
        format!("Offer {admin} the rights of an admin"),
        "with `vouch admin remove`, until it accepts by itself; an admin can remove you too from then on",
    )
    .step(format!("{admin} may accept, and then call everything for {account}"))
    .risk("with the first admin that accepts, the account loses its own say unless it accepts an offer too");
    let action = actor.network.offer_admin(account, admin);
    let told = json!({ "account": account, "offeredTo": admin });
    let text = format!("{admin} accepts with `vouch admin accept {account}`");
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn accept(arguments: &AcceptArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, "developer").await?;
    let (account, admin) = (arguments.principal, actor.address());
    let plan =
        Plan::new(format!("Be an admin of {account}"), "with `vouch admin remove`, unless you are the last admin")
            .step(format!("{admin} may call everything for {account}, and appoint others"));
    let action = actor.network.accept_admin(account);
    let told = json!({ "account": account, "admin": admin });
    let text = format!("{admin} is an admin of {account}");
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn list(arguments: &ListArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let account = match arguments.principal {
        Some(account) => account,
        None => context.signer(&arguments.key, "developer")?.address(),
    };
    let read = async {
        let view = network.view().await?;
        network.permissions(&view, account).await
    };
    let permissions = read.await.map_err(|error| context.chain_failure(error))?;
    let told = json!({
        "account": account, "admins": permissions.admins, "pendingAdmins": permissions.pending_admins,
        "appointments": permissions.appointments.iter().map(appointment_view).collect::<Vec<_>>(),
    });
    output.data(&told, |_| describe(account, &permissions, network.contracts()));
    Ok(())
}

fn appointment_view(appointment: &Appointment) -> Value {
    json!({ "appointee": appointment.appointee, "target": appointment.target, "selector": appointment.selector })
}

fn told_of(account: Address, appointment: &Appointment) -> Value {
    json!({ "account": account, "appointment": appointment_view(appointment) })
}

fn describe(account: Address, permissions: &Permissions, contracts: &Contracts) -> String {
    let mut lines = vec![format!("account    {account}")];
    let own = |admin: &Address| if *admin == account { "  (the account itself)" } else { "" };
    lines.extend(permissions.admins.iter().map(|admin| format!("admin      {admin}{}", own(admin))));
    lines.extend(permissions.pending_admins.iter().map(|admin| format!("offered    {admin}")));
    lines.extend(permissions.appointments.iter().map(|held| {
        format!("appointee  {} may call {}", held.appointee, name_of(held.target, held.selector, contracts))
    }));
    lines.join("\n")
}
