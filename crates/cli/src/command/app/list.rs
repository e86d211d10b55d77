use alloy_primitives::U256;
use serde_json::json;
use vouch_api::AppView;

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
    let apps = context.client()?.apps().await.map_err(|error| context.gateway_failure(error))?;
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
    context.client()?.app(target.app).await.map_err(|error| context.gateway_failure(error))
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
        format!("rests on   {}", view.label),
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
    lines
        .extend(view.releases.iter().map(|release| format!("release    {} ({})", release.program_id, release.runtime)));
    lines.join("\n")
}
