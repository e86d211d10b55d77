use std::path::PathBuf;

use serde::Serialize;
use vouch_oci::image::registry::{Credentials, Reference, Registry};
use vouch_oci::image::{Bounds, pack};

use super::{failure, registry_failure};
use crate::failure::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub struct Arguments {
    /// [REGISTRY/]NAME[:TAG][@sha256:DIGEST]
    #[arg(value_name = "IMAGE")]
    reference: String,
    /// The folder for the image's layout; what it has already is not fetched again
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Pulled {
    /// The image by its digest.
    reference: String,
    digest: String,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let refused = |error| registry_failure(&error);
    let reference: Reference = arguments.reference.parse().map_err(refused)?;
    let blobs = arguments.out.join(pack::BLOBS);
    std::fs::create_dir_all(&blobs)
        .map_err(|error| Failure::host(format!("{}: {error}", blobs.display()), "name a folder that can be written"))?;
    let registry = Registry::new(Bounds::default(), Credentials::from_environment()).map_err(refused)?;
    let progress = output.progress(format!("asking for {reference}"));
    let digest = registry.resolve(&reference).await.map_err(refused)?;
    let exact = reference.at(digest);
    progress.step(format!("fetching {exact}"));
    registry.pull(&exact, &blobs).await.map_err(refused)?;
    drop(progress);
    pack::describe(&arguments.out, digest).map_err(|error| failure(&arguments.out, &error))?;
    let pulled = Pulled { reference: exact.to_string(), digest: digest.to_string() };
    output.data(&pulled, |pulled| pulled.reference.clone());
    Ok(())
}
