use std::path::{Path, PathBuf};

use serde_json::json;

use super::project::DESCRIPTION_FILE;
use crate::failure::Failure;
use crate::output::{Output, shell_word};

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
    let bytes = compile(&folder.join(TEXT_FILE))?;
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

/// Refuses an artifact that was not built from the text beside it: publishing it would put another program than the one
/// that was written on chain, for good. Apps without `program.wat` have a build of their own, which is not looked into.
pub fn require_built(folder: &Path, artifact: &Path) -> Result<(), Failure> {
    let text = folder.join(TEXT_FILE);
    let own = artifact.canonicalize().ok() == folder.join(ARTIFACT_FILE).canonicalize().ok();
    if !text.is_file() || !own {
        return Ok(());
    }
    let built = std::fs::read(artifact)
        .map_err(|error| Failure::input(format!("{}: {error}", artifact.display()), "build the app again"))?;
    if built == compile(&text)? {
        return Ok(());
    }
    let message = format!("{} is not what {} says now", artifact.display(), text.display());
    Err(Failure::input(message, format!("build it first: vouch app build {}", shell_word(folder))))
}

fn compile(text: &Path) -> Result<Vec<u8>, Failure> {
    let size = std::fs::metadata(text).map(|metadata| metadata.len()).map_err(|error| {
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
    wat::parse_file(text).map_err(|error| Failure::input(error.to_string(), "correct the text and build again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_changed_since_its_build_is_not_deployed() {
        let folder = tempfile::tempdir().unwrap();
        let (text, artifact) = (folder.path().join(TEXT_FILE), folder.path().join(ARTIFACT_FILE));
        std::fs::write(&text, "(module)").unwrap();
        build(folder.path()).unwrap();
        require_built(folder.path(), &artifact).unwrap();
        std::fs::write(&text, "(module (memory 1))").unwrap();
        assert!(require_built(folder.path(), &artifact).unwrap_err().next().contains("vouch app build"));
        build(folder.path()).unwrap();
        require_built(folder.path(), &artifact).unwrap();
    }

    #[test]
    fn an_artifact_of_another_build_is_let_through() {
        let folder = tempfile::tempdir().unwrap();
        let artifact = folder.path().join("other.wasm");
        std::fs::write(&artifact, "anything").unwrap();
        require_built(folder.path(), &artifact).unwrap();
        std::fs::write(folder.path().join(TEXT_FILE), "(module)").unwrap();
        require_built(folder.path(), &artifact).unwrap();
    }
}
