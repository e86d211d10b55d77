//! The same container by `runc`, a process of its own each time: what people compare with.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vouch_compute::program::Limits;

/// A bundle: a root with the program in it, and what `runc` is told.
pub struct Bundle {
    folder: PathBuf,
}

/// How long one run took from its start.
pub struct Run {
    pub first_byte: Duration,
    pub end: Duration,
}

impl Bundle {
    /// Fails where there is no `runc`, with how to get one.
    pub fn new(folder: &Path, program: &Path, limits: &Limits) -> Result<Self> {
        let there = Command::new("runc").arg("--version").output().is_ok_and(|output| output.status.success());
        ensure!(there, "runc is not installed (apt-get install runc)");
        let root = folder.join("rootfs");
        for name in ["proc", "dev", "tmp", "sys"] {
            std::fs::create_dir_all(root.join(name))?;
        }
        std::fs::copy(program, root.join("container"))?;
        ensure!(Command::new("runc").args(["spec", "--bundle"]).arg(folder).status()?.success(), "runc spec failed");
        let path = folder.join("config.json");
        let mut spec: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        spec["process"]["args"] = json!(["/container", "byte"]);
        spec["process"]["terminal"] = json!(false);
        spec["process"]["capabilities"] = json!({});
        spec["linux"]["resources"] = json!({
            "devices": [{ "allow": false, "access": "rwm" }],
            "memory": { "limit": limits.memory_bytes },
            "cpu": { "quota": limits.cpu_millis * 100, "period": 100_000 },
            "pids": { "limit": limits.pids },
        });
        std::fs::write(&path, spec.to_string())?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Runs a fresh container.
    pub fn run(&self, number: usize) -> Result<Run> {
        let start = Instant::now();
        let mut command = Command::new("runc");
        command
            .arg("run")
            .arg("--bundle")
            .arg(&self.folder)
            .arg(format!("vouch-bench-{}-{number}", std::process::id()));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut byte = [0];
        child.stdout.take().context("no standard output")?.read_exact(&mut byte).context("runc gave no byte")?;
        let first_byte = start.elapsed();
        ensure!(child.wait()?.success(), "runc failed");
        Ok(Run { first_byte, end: start.elapsed() })
    }
}
