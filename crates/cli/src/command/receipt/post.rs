use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use vouch_sdk::{Consumption, Standing, VerifiedReceipt};

use super::{describe_verified, read_receipt, verified_view};
use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::Output;

/// How often to look where the batch stands.
const POLL: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub struct Arguments {
    /// A receipt's file
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// How long to wait for the gateway to post and for the chain to be final, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

/// What is left to do before contracts may act on an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing.
    Done,
    /// The gateway posts batches in their order; this one's turn has not come.
    Wait,
    /// A later batch's certificate carried this one: its own is missing.
    Post,
    /// Nothing helps.
    Never,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let receipt = read_receipt(&arguments.receipt)?;
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let sender = context.sender(&network, context.signer(&arguments.key, "client")?);
    let progress = output.progress("waiting until the batch is posted with its own certificate");
    let end = Instant::now() + Duration::from_secs(arguments.timeout);
    let mut sent = false;
    let verified = loop {
        let verified = vouch_sdk::verify(&receipt, &network).await.map_err(|error| context.verify_failure(error))?;
        match step(&verified.standing, &verified.consumption) {
            Step::Done => break verified,
            Step::Never => return Err(never(&verified)),
            Step::Post if !sent => {
                verified.post(&network, &sender).await.map_err(|error| context.chain_failure(error))?;
                sent = true;
            }
            Step::Post | Step::Wait => {}
        }
        if Instant::now() > end {
            return Err(late(&verified));
        }
        tokio::time::sleep(POLL).await;
    };
    drop(progress);
    output.data(&verified_view(&verified), |_| describe_verified(&verified));
    Ok(())
}

fn step(standing: &Standing, consumption: &Consumption) -> Step {
    match (consumption, standing) {
        (Consumption::Until(_), _) => Step::Done,
        (Consumption::AfterPost { .. }, Standing::Posted { .. }) => Step::Post,
        (Consumption::AfterPost { .. }, _) => Step::Wait,
        _ => Step::Never,
    }
}

fn never(verified: &VerifiedReceipt) -> Failure {
    Failure::input(verified.consumption.to_string(), "call the app again; the new answer has new deadlines")
        .with_details(verified_view(verified))
}

fn late(verified: &VerifiedReceipt) -> Failure {
    let message = format!("the batch is not certified on the finalized chain yet: {}", verified.standing);
    Failure::node(message, "run the command again to go on waiting; `vouch up` must be running for a local cloud")
        .with_details(verified_view(verified))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_batch_on_anothers_certificate_is_posted_again() {
        let after = Consumption::AfterPost { until: 9 };
        let posted = |certified_at| Standing::Posted { recorded_at: 5, certified_at };
        assert_eq!(step(&Standing::Waiting, &after), Step::Wait);
        assert_eq!(step(&posted(None), &after), Step::Post);
        assert_eq!(step(&posted(Some(6)), &Consumption::Until(9)), Step::Done);
    }

    #[test]
    fn what_contracts_may_never_act_on_is_not_waited_for() {
        let posted = Standing::Posted { recorded_at: 5, certified_at: None };
        for hopeless in [Consumption::RecordedOutsideRequest, Consumption::EndedAt(9), Consumption::NotImmediate] {
            assert_eq!(step(&posted, &hopeless), Step::Never);
        }
        assert_eq!(step(&Standing::Passed, &Consumption::CannotBePosted), Step::Never);
    }
}
