//! `vouch lane relieve`.

use alloy_primitives::{Address, B256};
use serde_json::json;
use vouch_core::Request;

use super::{Actor, Which};
use crate::context::KeyOptions;
use crate::failure::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Who shall serve the lane: a gateway that runs, with the lane's bond
    #[arg(value_name = "GATEWAY")]
    next: Address,
    /// The entry that is left unanswered (default: the one that was due first)
    #[arg(long, value_name = "REQUEST")]
    request: Option<B256>,
    #[command(flatten)]
    key: KeyOptions,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let (which, actor) = (&arguments.which, Actor::find(&arguments.which, &arguments.key, "operator-1").await?);
    let entry = entry(arguments, &actor).await?;
    check_bond(arguments, &actor).await?;
    let done = actor.network.relieve_gateway(&actor.sender, &entry, arguments.next).await;
    let epoch = done.map_err(|error| actor.refusal(error))?;
    let told = json!({
        "app": which.app, "lane": which.lane, "gateway": arguments.next, "epoch": epoch, "request": entry.id().0,
    });
    output.data(&told, |_| format!("lane {} is {}'s: epoch {epoch}", which.lane, arguments.next));
    Ok(())
}

/// The entry that shows the gateway's silence.
async fn entry(arguments: &Arguments, actor: &Actor) -> Result<Request, Failure> {
    let which = &arguments.which;
    let read = async {
        let view = actor.network.view().await?;
        let answered = actor.network.inbox_cursor(&view, which.app(), which.lane).await?;
        actor.network.forced_entries(&view, which.app(), which.lane, answered).await
    };
    let entries = read.await.map_err(|error| actor.refusal(error))?;
    let requests = entries.into_iter().map(|entry| entry.request);
    let found = match arguments.request {
        Some(id) => requests.into_iter().find(|request| request.id().0 == id),
        None => requests.min_by_key(|request| request.deadline),
    };
    found.ok_or_else(|| {
        Failure::input(
            "no such entry of the lane's inbox is unanswered in a finalized block",
            "see `vouch lane show APP`",
        )
    })
}

/// An operator has one turn: it shall not be used up for a gateway that executors would not sign for.
async fn check_bond(arguments: &Arguments, actor: &Actor) -> Result<(), Failure> {
    let which = &arguments.which;
    let read = async {
        let view = actor.network.view().await?;
        let minimum = actor.network.minimum_bond(&view, which.app(), which.lane).await?;
        Ok((minimum, actor.network.bond(&view, arguments.next).await?.standing()))
    };
    let (minimum, standing) = read.await.map_err(|error| actor.refusal(error))?;
    if standing >= minimum {
        return Ok(());
    }
    Err(Failure::input(
        format!("the lane asks its gateway for a bond of {minimum} wei, and {} has {standing}", arguments.next),
        format!("`vouch gateway deposit {} --for {}`", minimum - standing, arguments.next),
    ))
}
