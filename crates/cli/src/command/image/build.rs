use std::path::PathBuf;

use serde::Serialize;

use crate::dockerfile;
use crate::failure::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub struct Arguments {
    /// The folder with the files that the build may use
    #[arg(default_value = ".", value_name = "DIR")]
    context: PathBuf,
    /// The Dockerfile (default: the folder's own)
    #[arg(long, value_name = "FILE")]
    dockerfile: Option<PathBuf>,
    /// The folder in which to write the image, as image.tar
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Report {
    digest: String,
    archive: PathBuf,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let out = &arguments.out;
    std::fs::create_dir_all(out)
        .map_err(|error| Failure::input(format!("{}: {error}", out.display()), "name a folder that can be written"))?;
    let own = arguments.context.join("Dockerfile");
    let file = arguments.dockerfile.as_ref().unwrap_or(&own);
    let built = dockerfile::build(file, &arguments.context, out).await?;
    let report = Report { digest: built.digest.to_string(), archive: built.archive };
    output.data(&report, |report| format!("{}\n{}", report.digest, report.archive.display()));
    Ok(())
}
