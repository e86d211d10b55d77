use std::path::PathBuf;

use alloy_primitives::B256;
use serde::Serialize;
use vouch_chain::Network;
use vouch_core::{AppId, Label};
use vouch_node::policy::{Mode, Policy};

use crate::context::{CloudOptions, Context};
use crate::failure::{Failure, chain_of};
use crate::output::Output;

/// See what an operator's policy file means
#[derive(clap::Subcommand)]
pub enum Command {
    /// Show which of an app's releases an operator of this policy runs and accepts, and why not the others
    Check(CheckArguments),
}

#[derive(clap::Args)]
pub struct CheckArguments {
    /// The policy file (TOML); docs/configuration.md names every key
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// The app's id
    app: B256,
    #[command(flatten)]
    cloud: CloudOptions,
}

/// What a policy says of one release.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    program_id: B256,
    runtime: String,
    interface_name: String,
    /// Whether an operator of this policy runs it.
    allowed: bool,
    /// What it says on chain of it: `accept` or `refuse`; none for wasm programs, and where acceptance is by hand.
    on_chain: Option<&'static str>,
    /// The key that forbids it.
    reason: Option<String>,
    label: &'static str,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    let Command::Check(arguments) = command;
    let policy = Policy::load(&arguments.policy).map_err(|error| {
        Failure::input(chain_of(&error), "mend the policy file; docs/configuration.md names every key")
    })?;
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let verdicts =
        verdicts(&policy, &network, AppId(arguments.app)).await.map_err(|error| match error.revert_name() {
            Some("UnknownApp") => Failure::input("there is no such app", "see `vouch app list`"),
            _ => context.chain_failure(error),
        })?;
    output.data(&verdicts, |verdicts| match verdicts.is_empty() {
        true => "the app has no release".to_owned(),
        false => verdicts.iter().map(line).collect::<Vec<_>>().join("\n"),
    });
    Ok(())
}

async fn verdicts(policy: &Policy, network: &Network, app: AppId) -> Result<Vec<Verdict>, vouch_chain::Error> {
    let view = network.view().await?;
    network.app(&view, app).await?;
    let mut verdicts = Vec::new();
    for program_id in network.release_ids(&view, app).await? {
        let release = network.release(&view, app, program_id).await?;
        verdicts.push(verdict(policy, &release));
    }
    Ok(verdicts)
}

fn verdict(policy: &Policy, release: &vouch_chain::network::Release) -> Verdict {
    let program = &release.program;
    let reason = policy.verdict(release.app, program).err().map(|refused| refused.to_string());
    let word = if reason.is_none() { "accept" } else { "refuse" };
    Verdict {
        program_id: release.program_id.0,
        runtime: program.runtime.clone(),
        interface_name: program.interface_name.clone(),
        allowed: reason.is_none(),
        on_chain: (!release.wasm && policy.acceptance == Mode::Automatic).then_some(word),
        reason,
        label: Label::of(program).as_str(),
    }
}

fn line(verdict: &Verdict) -> String {
    let said = match (&verdict.reason, verdict.on_chain) {
        (Some(reason), _) => format!("refused: {reason}"),
        (None, Some(_)) => "runs and accepts".to_owned(),
        (None, None) => "runs".to_owned(),
    };
    format!("{}  {} {}  {said}", verdict.program_id, verdict.runtime, verdict.interface_name)
}

#[cfg(test)]
mod tests {
    use vouch_chain::network::Release;
    use vouch_core::{Program, ProgramId};

    use super::*;

    fn release(runtime: &str, wasm: bool) -> Release {
        let program =
            Program { runtime: runtime.to_owned(), interface_name: "command".to_owned(), ..Program::default() };
        let (app, program_id, uri) = (AppId(B256::ZERO), ProgramId(B256::ZERO), String::new());
        Release { program_id, app, wasm, immediate: wasm, published_at: 1, program, uri }
    }

    #[test]
    fn a_line_says_what_the_node_would_do_and_why_not() {
        let (wasm, container) = (release("wasmtime-48/x86-64/1", true), release("oci-1/x86-64/1", false));
        let plain = Policy::default();
        assert!(line(&verdict(&plain, &wasm)).ends_with("command  runs"));
        assert!(line(&verdict(&plain, &container)).contains("refused: its stake would answer"));
        assert_eq!(verdict(&plain, &container).on_chain, Some("refuse"));
        assert!(line(&verdict(&Policy::accept_all(), &container)).ends_with("runs and accepts"));
        let manual = Policy { acceptance: Mode::Manual, ..Policy::accept_all() };
        assert!(line(&verdict(&manual, &container)).ends_with("command  runs"));
        assert_eq!(verdict(&manual, &container).on_chain, None);
    }
}
