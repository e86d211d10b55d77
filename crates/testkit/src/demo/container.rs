//! The same referee a second time: written in Rust, run as a container from an image made here.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vouch_api::Receipt;
use vouch_oci::image::{Process, pack};

use super::referee::Referee;
use super::remove_if_there;

const DESCRIPTION: &str = r#"# Made by the demo from examples/referee-rust.
image = "image"

[limits]
memory-bytes = 67_108_864
wall-millis = 20_000
payload-bytes = 524_288
output-bytes = 65_536
pids = 2
"#;

/// A question that the referee in JavaScript has answered in an earlier step.
struct Answered {
    payload_file: PathBuf,
    receipt: Receipt,
}

/// Asks the second referee everything that the first was asked; both must have answered the same, byte for byte. Where
/// containers cannot be run, that is said and nothing else is done.
pub async fn agree(referee: &Referee<'_>) -> Result<((), Value)> {
    let cloud = &referee.stage.cloud;
    if let Some(reason) = absent(&cloud.json(&["doctor"]).await?) {
        return Ok(((), json!({ "runtime": Value::Null, "skipped": reason })));
    }
    let folder = referee.stage.out.join("referee-rust");
    let image = make(&folder)?;
    let app = cloud.deploy(&folder).await?;
    let answered = answered(&referee.stage.out.join("inputs"))?;
    ensure!(!answered.is_empty(), "the first referee has answered nothing yet");
    let mut label = Value::Null;
    for question in &answered {
        let (id, payload) = (app.app.to_string(), question.payload_file.display().to_string());
        let call = cloud.json(&["app", "call", &id, "--payload-file", &payload]).await?;
        let output = call["output"].as_str().context("the call has no output")?;
        let expected = question.receipt.output.to_string();
        ensure!(output == expected, "{payload}: the referees disagree: {output} and {expected}");
        label = call["verified"]["label"].clone();
    }
    let facts = json!({
        "runtime": vouch_compute::oci::RUNTIME, "image": image, "app": app.app, "programId": app.program_id,
        "gamesAgreedOn": answered.len(), "restsOn": label,
    });
    Ok(((), facts))
}

/// Why `vouch doctor` says that there are no containers here.
fn absent(checks: &Value) -> Option<String> {
    let check = checks.as_array()?.iter().find(|check| check["name"] == "containers")?;
    (check["ok"] != true).then(|| check["found"].as_str().unwrap_or("unknown").to_owned())
}

/// An image with nothing but the static binary in it, and a folder to deploy it from.
fn make(folder: &Path) -> Result<String> {
    let binary = binary()?;
    std::fs::create_dir_all(folder)?;
    let image = folder.join("image");
    if image.exists() {
        std::fs::remove_dir_all(&image)?;
    }
    let process = Process {
        entrypoint: vec!["/referee".into()],
        cmd: Vec::new(),
        env: Vec::new(),
        cwd: "/".into(),
        user: "65534:65534".into(),
    };
    let digest = pack::pack(&[pack::Source { from: binary, to: "/referee".into() }], &process, &image)?;
    std::fs::write(folder.join("vouch.toml"), DESCRIPTION)?;
    remove_if_there(&folder.join(".vouch-app.json"))?;
    Ok(digest.to_string())
}

/// Where `cargo build --release` in examples/referee-rust puts it, when both share a target folder.
fn binary() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).context("this program lies in no target folder")?;
    let binary = target.join("x86_64-unknown-linux-gnu/release/referee-rust");
    ensure!(binary.is_file(), "{} is not there; build examples/referee-rust first", binary.display());
    Ok(binary)
}

/// Every receipt that the earlier steps left, with the payload that it answers.
fn answered(inputs: &Path) -> Result<Vec<Answered>> {
    let mut all = Vec::new();
    for wager in std::fs::read_dir(inputs).with_context(|| inputs.display().to_string())? {
        for file in std::fs::read_dir(wager?.path())? {
            let path = file?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(input) = name.strip_suffix(".receipt.json") else { continue };
            let payload_file = path.with_file_name(format!("{input}.json"));
            all.push(Answered { receipt: serde_json::from_slice(&std::fs::read(&path)?)?, payload_file });
        }
    }
    Ok(all)
}
