use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use serde_json::json;
use vouch_chain::Deployment;
use vouch_sdk::{Archive, ArchiveError, ArchiveLie, ArchivedReceipt, Checkpoint, InboxCheckpoint};

use super::{read_json, read_receipt, status_name};
use crate::context::{CloudOptions, Context, lie_failure};
use crate::failure::{Failure, chain_of};
use crate::output::Output;

#[derive(clap::Args)]
pub struct Arguments {
    /// A receipt's file
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// Where the archive goes; a file that is there is not replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    cloud: CloudOptions,
}

/// What an archive is held against; nothing of it may come with the archive.
#[derive(clap::Args)]
pub struct OfflineArguments {
    /// Take FILE for an archive, and use no network: needs --checkpoint
    #[arg(long, requires = "checkpoint")]
    offline: bool,
    /// The hash of the archive's block, as you know it from elsewhere: your own node, an explorer, a newspaper
    #[arg(long, value_name = "BLOCKHASH", requires = "offline")]
    checkpoint: Option<B256>,
    /// The hash of the registry's code, if it is another build than this program's
    #[arg(long, value_name = "HASH", requires = "offline")]
    code_hash: Option<B256>,
    /// The same of the forced inbox's code, where the request came through it
    #[arg(long, value_name = "HASH", requires = "offline")]
    inbox_code_hash: Option<B256>,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let receipt = read_receipt(&arguments.receipt)?;
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let view = network.view().await.map_err(|error| context.chain_failure(error))?;
    let inbox = network.contracts().forced_inbox;
    let archive = vouch_sdk::archive(&receipt, &network.deployment().domain(), inbox, &view).await;
    let archive = archive.map_err(|error| match error {
        ArchiveError::Chain(error) => context.chain_failure(error),
        ArchiveError::Lie(ArchiveLie::NotCertified) => Failure::input(
            "the batch's own certificate is not in a finalized block yet",
            "post it with `vouch receipt post FILE`, then archive again",
        ),
        ArchiveError::Lie(lie) => archive_failure(&lie),
    })?;
    write_new(&arguments.out, &archive)?;
    let code_hash = alloy_primitives::keccak256(&archive.code);
    let (block, domain) = (view.block(), network.deployment().domain());
    let archived = json!({
        "archive": arguments.out, "checkpoint": block.hash, "block": block.number, "registry": domain.registry,
        "codeHash": code_hash,
    });
    output.data(&archived, |_| {
        let lines = [
            format!("archived   {}", arguments.out.display()),
            format!("checkpoint {} (block {})", block.hash, block.number),
            format!("registry   {}", domain.registry),
            format!("code hash  {code_hash}"),
            "keep the checkpoint apart from the archive: whoever made both could have made them up".to_owned(),
        ];
        lines.join("\n")
    });
    Ok(())
}

impl OfflineArguments {
    /// The checkpoint that the archive is held against; none when the chain is to be asked.
    pub fn checkpoint(
        &self,
        deployment: impl FnOnce() -> Result<Deployment, Failure>,
    ) -> Result<Option<Checkpoint>, Failure> {
        let Some(block_hash) = self.checkpoint.filter(|_| self.offline) else { return Ok(None) };
        let deployment = deployment()?;
        let inbox = InboxCheckpoint { address: deployment.contracts.forced_inbox, code_hash: self.inbox_code_hash };
        let domain = deployment.domain();
        Ok(Some(Checkpoint { block_hash, domain, code_hash: self.code_hash, inbox: Some(inbox) }))
    }
}

pub fn verify(path: &Path, checkpoint: &Checkpoint, output: &Output) -> Result<(), Failure> {
    let archive: Archive = read_json(path, "archive", "name a file that `vouch receipt archive` wrote")?;
    let verified = vouch_sdk::verify_archive(&archive, checkpoint).map_err(|lie| archive_failure(&lie))?;
    output.data(&view(&verified), |_| describe(&verified));
    Ok(())
}

fn write_new(path: &Path, archive: &Archive) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::host(format!("{} cannot be written: {error}", path.display()), "name a new file with --out")
    };
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    serde_json::to_writer_pretty(&mut file, archive).map_err(|error| failed(error.into()))?;
    file.sync_all().map_err(failed)
}

fn archive_failure(lie: &ArchiveLie) -> Failure {
    if let ArchiveLie::Receipt(lie) = lie {
        return lie_failure(lie);
    }
    let next = match lie {
        ArchiveLie::AnotherBlock { .. } => {
            "check --checkpoint: it is the hash of the block that the archive was made at"
        }
        ArchiveLie::UnknownBuild { contract: "inbox", .. } => {
            "give --inbox-code-hash if you know this code to be the inbox's"
        }
        ArchiveLie::UnknownBuild { .. } => "give --code-hash if you know this code to be the registry's",
        _ => "do not act on it",
    };
    let details = json!({ "check": lie.check() });
    Failure::verification(format!("the archive does not hold: {}", chain_of(lie)), next).with_details(details)
}

fn view(verified: &ArchivedReceipt) -> serde_json::Value {
    json!({
        "holds": true, "requestId": verified.request_id.0, "batchHash": verified.batch_hash.0,
        "app": verified.app.0, "programId": verified.program_id.0, "operatorSetId": verified.operator_set_id,
        "profile": verified.profile, "status": status_name(verified.status), "inboxIndex": verified.inbox_index,
        "signedWeights": verified.signed_weights.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "signersHash": verified.signers_hash,
        "recordedAt": verified.recorded_at, "certifiedAt": verified.certified_at,
        "restsOn": {
            "checkpoint": verified.block_hash, "block": verified.block_number, "timestamp": verified.block_timestamp,
            "registry": verified.registry, "codeHash": verified.code_hash,
        },
    })
}

fn describe(verified: &ArchivedReceipt) -> String {
    let weights: Vec<_> = verified.signed_weights.iter().map(ToString::to_string).collect();
    let lines = [
        "the archived receipt holds".to_owned(),
        format!("request    {}", verified.request_id),
        format!("app        {}", verified.app),
        format!("program    {}", verified.program_id),
        format!("batch      {}", verified.batch_hash),
        format!("status     {}", status_name(verified.status)),
        match verified.inbox_index {
            Some(index) => format!("asked      by transaction: entry {index} of the forced inbox"),
            None => "asked      by the client's signature".to_owned(),
        },
        format!(
            "signed by  the threshold of operator set {} that the app had then; weight {}",
            verified.operator_set_id,
            weights.join(", ")
        ),
        format!("posted     recorded at {}, certified at {}", verified.recorded_at, verified.certified_at),
        format!("rests on   block {} being final on the chain that you mean", verified.block_hash),
        format!("           (number {}, time {})", verified.block_number, verified.block_timestamp),
        format!("           and {} being the registry, with code {}", verified.registry, verified.code_hash),
    ];
    lines.join("\n")
}
