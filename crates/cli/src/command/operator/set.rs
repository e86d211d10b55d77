//! Which operator set is meant, and joining and leaving it.

use alloy_primitives::{Address, B256};
use serde_json::json;
use vouch_chain::network::OperatorSet;
use vouch_core::AppId;

use super::ACCOUNT;
use crate::command::consent::{Actor, Plan, SigningOptions};
use crate::failure::Failure;
use crate::output::Output;

/// Which operator set
#[derive(clap::Args, Clone, Debug)]
pub struct SetOptions {
    /// The set of this app
    #[arg(long, value_name = "ID", conflicts_with_all = ["avs", "set"])]
    app: Option<B256>,
    /// The set of this AVS
    #[arg(long, value_name = "ADDRESS", requires = "set")]
    avs: Option<Address>,
    /// The set's number
    #[arg(long, value_name = "NUMBER", requires = "avs")]
    set: Option<u32>,
}

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    signing: SigningOptions,
}

impl SetOptions {
    pub async fn find(&self, actor: &Actor) -> Result<OperatorSet, Failure> {
        match (self.app, self.avs, self.set) {
            (Some(app), ..) => {
                let read = async {
                    let view = actor.network.view().await?;
                    actor.network.app(&view, AppId(app)).await
                };
                let id = read.await.map_err(|error| actor.refusal(error))?.operator_set_id;
                Ok(OperatorSet { avs: actor.network.contracts().app_controller, id })
            }
            (None, Some(avs), Some(id)) => Ok(OperatorSet { avs, id }),
            _ => Err(Failure::input("no operator set is named", "give --app ID, or --avs ADDRESS --set NUMBER")),
        }
    }
}

pub async fn join(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let set = arguments.set.find(&actor).await?;
    let delay = actor.blocks(actor.network.deployment().parameters.deallocation_delay_blocks);
    let plan = Plan::new(
        format!("Join set {} of {}", set.id, set.avs),
        format!("at any time with `vouch operator leave`; slashable for {delay} more"),
    )
    .step("the AVS's registrar is asked and may refuse; an app's wants a key and allocated stake first")
    .step("the operator counts for the set from its next table on")
    .risk("the set's slasher may take all that is allocated to the set");
    let action = actor.network.join_action(actor.address(), set);
    let told = json!({ "operator": actor.address(), "avs": set.avs, "set": set.id });
    let text = format!("{} is a member of set {} of {}", actor.address(), set.id, set.avs);
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

pub async fn leave(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let set = arguments.set.find(&actor).await?;
    let delay = actor.blocks(actor.network.deployment().parameters.deallocation_delay_blocks);
    let plan = Plan::new(
        format!("Leave set {} of {}", set.id, set.avs),
        "with `vouch operator join`; a node that runs there joins again by itself unless its policy says otherwise",
    )
    .step("the operator is in no new table of the set; what is allocated to it stays until `vouch operator deallocate`")
    .risk(format!("what is allocated stays slashable for {delay}, for what was signed before"));
    let action = actor.network.leave_action(actor.address(), set);
    let told = json!({ "operator": actor.address(), "avs": set.avs, "set": set.id });
    let text = format!("{} has left set {} of {}", actor.address(), set.id, set.avs);
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}
