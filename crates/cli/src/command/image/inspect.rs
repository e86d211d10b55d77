use std::path::PathBuf;

use serde::Serialize;
use vouch_oci::image::{self, Blob, Bounds, Layout, Process, closure, default_digest};

use super::failure;
use crate::failure::Failure;
use crate::output::{Output, count};

#[derive(clap::Args)]
pub struct Arguments {
    /// An image layout, its archive, or a folder of blobs
    path: PathBuf,
    /// Which image, if there are several: sha256:DIGEST
    digest: Option<String>,
}

#[derive(Serialize)]
struct Report {
    digest: String,
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    env: Vec<String>,
    workdir: String,
    user: String,
    blobs: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    digest: String,
    bytes: u64,
}

pub fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let report = report(arguments).map_err(|error| failure(&arguments.path, &error))?;
    output.data(&report, text);
    Ok(())
}

fn report(arguments: &Arguments) -> Result<Report, image::Error> {
    let bounds = Bounds::default();
    let layout = Layout::open(&arguments.path)?;
    let digest = match &arguments.digest {
        Some(text) => text.parse()?,
        None => default_digest(&layout)?,
    };
    let blobs = closure(&layout, digest, &bounds)?;
    let process = image::inspect(&layout, digest, &bounds)?;
    Ok(Report::of(digest.to_string(), process, &blobs))
}

impl Report {
    fn of(digest: String, process: Process, blobs: &[Blob]) -> Self {
        let env = process.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let part = |blob: &Blob| Part { digest: blob.digest.to_string(), bytes: blob.size };
        let blobs = blobs.iter().map(part).collect();
        let Process { entrypoint, cmd, cwd, user, .. } = process;
        Self { digest, entrypoint, cmd, env, workdir: cwd, user, blobs }
    }
}

/// Words as Rust writes strings, so that an image cannot drive the terminal.
fn text(report: &Report) -> String {
    let user = if report.user.is_empty() { "root (none is set)".to_owned() } else { format!("{:?}", report.user) };
    let mut lines = vec![
        format!("digest      {}", report.digest),
        format!("entrypoint  {:?}", report.entrypoint),
        format!("cmd         {:?}", report.cmd),
        format!("workdir     {:?}", report.workdir),
        format!("user        {user}"),
    ];
    lines.extend(report.env.iter().map(|variable| format!("env         {variable:?}")));
    let bytes: u64 = report.blobs.iter().map(|blob| blob.bytes).sum();
    lines.push(format!("blobs       {}, {bytes} bytes", count(report.blobs.len(), "blob")));
    lines.extend(report.blobs.iter().map(|blob| format!("  {} {:>12} bytes", blob.digest, blob.bytes)));
    lines.join("\n")
}
