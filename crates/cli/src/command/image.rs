use std::path::Path;

use vouch_oci::image::{self, registry};

use crate::failure::{Failure, chain_of};
use crate::output::Output;

mod build;
mod inspect;
mod pack;
mod pull;

/// Make, fetch and inspect container images
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make an image of files and folders, without a container engine; the same files give the same digest
    #[command(after_help = pack::EXAMPLE)]
    Pack(pack::Arguments),
    /// Build a Dockerfile with the Docker, Podman or Buildah of this machine
    Build(build::Arguments),
    /// Show what runs in an image, and what it consists of
    Inspect(inspect::Arguments),
    /// Fetch an image from a registry; the user is the one that `docker login` remembers
    Pull(pull::Arguments),
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Pack(arguments) => pack::run(arguments, output),
        Command::Build(arguments) => build::run(&arguments, output).await,
        Command::Inspect(arguments) => inspect::run(&arguments, output),
        Command::Pull(arguments) => pull::run(&arguments, output).await,
    }
}

/// Of an image at a path.
fn failure(path: &Path, error: &image::Error) -> Failure {
    let message = format!("{}: {}", path.display(), chain_of(error));
    match error {
        image::Error::File { .. } => Failure::input(message, "check the path, the rights and the free space"),
        _ => Failure::input(message, "mend the image, or name another one"),
    }
}

fn registry_failure(error: &registry::Error) -> Failure {
    match error {
        registry::Error::Unreachable { .. } => {
            Failure::node(chain_of(error), "run the command again; what is whole is not fetched twice")
        }
        registry::Error::Image(image::Error::File { .. }) => {
            Failure::host(chain_of(error), "check the folder and the free space")
        }
        _ => Failure::input(chain_of(error), "name the image as REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:DIGEST"),
    }
}
