use alloy_primitives::{Address, B256};
use serde_json::json;
use vouch_core::{AppId, ProgramId};

use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub struct Arguments {
    /// The app's id
    app: B256,
    /// The program's id: a release of the app that is no wasm program
    program: B256,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

/// Sends nothing where the chain says it already.
pub async fn run(arguments: &Arguments, accepted: bool, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let signer = context.signer(&arguments.key, "operator-1")?;
    let (app, program) = (AppId(arguments.app), ProgramId(arguments.program));
    let act = async {
        let view = network.view().await?;
        let set = network.app(&view, app).await?.operator_set_id;
        if network.accepts_lately(set, program, signer.address()).await? == accepted {
            return Ok(false);
        }
        let sender = context.sender(&network, signer.clone());
        network.accept_program(&sender, app, program, accepted).await.map(|()| true)
    };
    let sent = act.await.map_err(|error| refusal(&context, error))?;
    tell(arguments, accepted, sent, signer.address(), output);
    Ok(())
}

fn refusal(context: &Context, error: vouch_chain::Error) -> Failure {
    match error.revert_name() {
        Some("UnknownApp") => Failure::input("there is no such app", "see `vouch app list`"),
        Some("UnknownRelease") => {
            Failure::input("the app has not published this program", "see `vouch app releases APP`")
        }
        Some("InvalidProgram") => Failure::input(
            "a wasm program needs no acceptance: who signs for an app answers for all of its wasm programs",
            "an operator leaves out a wasm program by its policy; see docs/configuration.md",
        ),
        _ => context.chain_failure(error),
    }
}

fn tell(arguments: &Arguments, accepted: bool, sent: bool, operator: Address, output: &Output) {
    let told = json!({
        "operator": operator, "app": arguments.app, "programId": arguments.program, "accepted": accepted, "sent": sent,
    });
    output.data(&told, |_| {
        let (word, was) = if accepted { ("accepts", "accepted") } else { ("does not accept", "refused") };
        let when = if sent { "from the next table on" } else { "as before" };
        format!(
            "{operator} {word} {}, {when}\na node whose policy decides this (`acceptance = \"automatic\"`) undoes what its policy would not have {was}",
            arguments.program
        )
    });
}
