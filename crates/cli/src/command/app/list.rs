use alloy_primitives::{Address, U256};
use serde_json::json;
use vouch_api::{AppView, ReleaseView};

use super::project::Target;
use crate::context::{CloudOptions, Context};
use crate::failure::Failure;
use crate::output::{Output, count, percent};

#[derive(clap::Args)]
pub struct ListArguments {
    #[command(flatten)]
    cloud: CloudOptions,
}

#[derive(clap::Args)]
pub struct InfoArguments {
    /// An app's id, or the folder of a deployed app
    #[arg(default_value = ".", value_name = "APP|DIR")]
    target: String,
    #[command(flatten)]
    cloud: CloudOptions,
}

pub async fn list(arguments: &ListArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let apps = context.client().await?.apps().await.map_err(|error| context.gateway_failure(error))?;
    output.data(&apps, |apps| {
        if apps.is_empty() {
            return "no apps; deploy one with `vouch app deploy`".to_owned();
        }
        apps.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

pub async fn info(arguments: &InfoArguments, output: &Output) -> Result<(), Failure> {
    let view = view(arguments).await?;
    output.data(&view, describe);
    Ok(())
}

pub async fn releases(arguments: &InfoArguments, output: &Output) -> Result<(), Failure> {
    let view = view(arguments).await?;
    let shown = json!({ "app": view.app, "releases": view.releases });
    output.data(&shown, |_| {
        let lines = view.releases.iter().map(|release| {
            format!(
                "{}  {} {}  artifact {}  published {}",
                release.program_id,
                release.runtime,
                release.interface_name,
                release.artifact_digest,
                release.published_at
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

async fn view(arguments: &InfoArguments) -> Result<AppView, Failure> {
    let context = Context::find(&arguments.cloud)?;
    let target = Target::find(&arguments.target)?;
    context.client_for(target.app).await?.app(target.app).await.map_err(|error| context.gateway_failure(error))
}

fn line(view: &AppView) -> String {
    let ready = if view.ready { "ready" } else { "not ready" };
    format!(
        "{}  {ready}, {}, {}, {}",
        view.app,
        count(view.operators.len(), "operator"),
        count(view.releases.len(), "release"),
        count(view.lanes.len(), "lane")
    )
}

/// Who runs an app and what its answers rest on.
pub fn describe(view: &AppView) -> String {
    let mut lines = vec![
        format!("app        {}", view.app),
        format!("owner      {}", view.owner),
        format!("ready      {}", if view.ready { "yes" } else { "no" }),
        format!("threshold  {} of the stake must sign", percent(U256::from(view.threshold_bips), U256::from(10_000))),
        format!("slashed to {}", view.slash_vault),
        format!("operators  {} in the table of {}", view.operators.len(), view.reference_timestamp),
    ];
    let total = view.total_weights.first().copied().unwrap_or_default();
    lines.extend(view.operators.iter().map(|operator| {
        let weight = operator.weights.first().copied().unwrap_or_default();
        format!("           {}  {} of the stake", operator.operator, percent(weight, total))
    }));
    lines.extend(view.lanes.iter().map(|lane| {
        format!("lane {:<5} gateway {}, window {}, posted up to {}", lane.lane, lane.gateway, lane.window, lane.cursor)
    }));
    lines.extend(view.releases.iter().flat_map(describe_release));
    lines.join("\n")
}

/// A release, and what an answer of it would rest on.
fn describe_release(release: &ReleaseView) -> Vec<String> {
    let total = release.total_weights.first().copied().unwrap_or_default();
    let signers = match release.reference_timestamp {
        0 if release.needs_acceptance() && release.accepters.is_empty() => "nobody: no operator accepted it".to_owned(),
        0 => "nobody yet: its operator table is not there".to_owned(),
        timestamp => format!(
            "{} in the table of {timestamp}; {} of their stake must sign",
            count(release.operators.len(), "operator"),
            percent(release.threshold_weight, total)
        ),
    };
    let mut lines = vec![
        format!("release    {} ({} {})", release.program_id, release.runtime, release.interface_name),
        format!("  signed by {signers}"),
        format!("  rests on  {}", release.label),
    ];
    if release.needs_acceptance() {
        lines.extend(
            release.accepters.iter().map(|operator| format!("  accepted  {operator}, {}", share(release, *operator))),
        );
    }
    lines
}

/// What an accepter adds to the threshold.
fn share(release: &ReleaseView, operator: Address) -> String {
    let total = release.total_weights.first().copied().unwrap_or_default();
    let found = release.operators.iter().find(|member| member.operator == operator);
    match found {
        Some(member) => {
            format!("{} of the stake", percent(member.weights.first().copied().unwrap_or_default(), total))
        }
        None => "in the next table".to_owned(),
    }
}
