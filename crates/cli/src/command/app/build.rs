use std::path::{Path, PathBuf};

use serde_json::json;

use super::project::DESCRIPTION_FILE;
use crate::failure::Failure;
use crate::output::Output;

/// The text of a program, and the artifact that it becomes.
pub const TEXT_FILE: &str = "program.wat";
pub const ARTIFACT_FILE: &str = "build/program.wasm";
const TEXT_BYTES_MAX: u64 = 16 << 20;

#[derive(clap::Args)]
pub struct Arguments {
    /// The app's folder
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

pub fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let bytes = build(&arguments.folder)?;
    let artifact = arguments.folder.join(ARTIFACT_FILE);
    let digest = vouch_compute::artifact::digest(&bytes);
    let built = json!({ "artifact": artifact, "bytes": bytes.len(), "sha256": digest });
    output.data(&built, |_| format!("{}: {} bytes, sha256 {digest}", artifact.display(), bytes.len()));
    Ok(())
}

/// Writes `build/program.wasm` from `program.wat`; returns its bytes.
pub fn build(folder: &Path) -> Result<Vec<u8>, Failure> {
    let text = folder.join(TEXT_FILE);
    let size = std::fs::metadata(&text).map(|metadata| metadata.len()).map_err(|error| {
        let message = format!("{}: {error}", text.display());
        Failure::input(
            message,
            format!("apps in other languages are built by their own build; {DESCRIPTION_FILE} names the artifact"),
        )
    })?;
    if size > TEXT_BYTES_MAX {
        return Err(Failure::input(
            format!("{} has {size} bytes, at most {TEXT_BYTES_MAX} are read", text.display()),
            "split the program",
        ));
    }
    let bytes = wat::parse_file(&text)
        .map_err(|error| Failure::input(error.to_string(), "correct the text and build again"))?;
    let artifact = folder.join(ARTIFACT_FILE);
    let write = || {
        std::fs::create_dir_all(folder.join("build"))?;
        std::fs::write(&artifact, &bytes)
    };
    write().map_err(|error| {
        Failure::host(format!("{} cannot be written: {error}", artifact.display()), "check the folder's permissions")
    })?;
    Ok(bytes)
}
