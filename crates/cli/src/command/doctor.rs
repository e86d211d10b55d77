use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde::Serialize;
use vouch_chain::anvil;
use vouch_compute::oci;
use vouch_compute::wasm::{self, WasmDriver};

use crate::failure::{Failure, chain_of};
use crate::output::Output;

/// Check that this machine can run Vouch
#[derive(clap::Args)]
pub struct Arguments {}

/// One thing that a cloud on this machine needs.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    /// Whether a cloud runs without it, with less.
    optional: bool,
    /// What was found, or what is missing and why it is needed.
    found: String,
    /// One command that mends it; empty if nothing is to be mended.
    command: String,
}

pub fn run(_: Arguments, output: &Output) -> Result<(), Failure> {
    let checks = [node(), compiler(), anvil_binary(), architecture(), memory(), disk(), loopback(), containers()];
    output.data(&checks, |checks| checks.iter().map(line).collect::<Vec<_>>().join("\n"));
    let missing = checks.iter().filter(|check| !check.ok && !check.optional).count();
    if missing == 0 {
        return Ok(());
    }
    Err(Failure::host(
        format!("{missing} of {} checks failed", checks.len()),
        "run the commands above, then `vouch doctor` again",
    ))
}

fn line(check: &Check) -> String {
    let mark = match check {
        Check { ok: true, .. } => "ok     ",
        Check { optional: true, .. } => "absent ",
        _ => "missing",
    };
    let mend = if check.ok { String::new() } else { format!("  run: {}", check.command) };
    format!("{mark} {:<12} {}{mend}", check.name, check.found)
}

fn check(name: &'static str, result: Result<String, String>, command: &str) -> Check {
    match result {
        Ok(found) => Check { name, ok: true, optional: false, found, command: String::new() },
        Err(found) => Check { name, ok: false, optional: false, found, command: command.to_owned() },
    }
}

fn version_of(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}

fn node() -> Check {
    let found = version_of("node", "--version")
        .ok_or("Node.js is not installed; contracts and JavaScript programs are built with it".to_owned());
    let result = found.and_then(|version| {
        let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
        match major {
            Some(major) if major >= 20 => Ok(format!("Node.js {version}")),
            _ => Err(format!("Node.js {version} is too old; 20 or newer is needed")),
        }
    });
    check("node", result, "apt-get install nodejs npm")
}

fn compiler() -> Check {
    let result = version_of("cc", "--version").ok_or("no C compiler; libsecp256k1 is built with it".to_owned());
    check("cc", result, "apt-get install build-essential")
}

/// Anvil is looked for in node_modules of this folder and of those above it, so this works outside the checkout as well.
pub const INSTALL_ANVIL: &str = "npm install --no-save @foundry-rs/anvil@1.7.1";

fn anvil_binary() -> Check {
    let result = anvil::find_binary()
        .map(|path| format!("anvil at {}", path.display()))
        .ok_or("anvil, the local chain, was not found in VOUCH_ANVIL, PATH or node_modules".to_owned());
    check("anvil", result, INSTALL_ANVIL)
}

/// Opening a driver checks the processor and that this process may map the memory that programs need.
fn architecture() -> Check {
    let open = || {
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        WasmDriver::new(wasm::Config::new(folder.path().join("compiled"))).map_err(|error| chain_of(&error))?;
        Ok(format!("{} runs {}", std::env::consts::ARCH, wasm::RUNTIME))
    };
    check("processor", open(), "lscpu  # an x86-64 processor with SSE4.2 or newer is needed")
}

fn memory() -> Check {
    const NEEDED_MIB: u64 = 2_048;
    let available = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?.to_owned();
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    let result = match available.map(|kib| kib >> 10) {
        Some(mib) if mib >= NEEDED_MIB => Ok(format!("{mib} MiB available")),
        Some(mib) => Err(format!("{mib} MiB available; a local cloud and its build need {NEEDED_MIB}")),
        None => Ok("unknown".to_owned()),
    };
    check("memory", result, "close other programs")
}

fn disk() -> Check {
    const NEEDED_MIB: u64 = 1_024;
    let result = match nix::sys::statvfs::statvfs(Path::new(".")) {
        Ok(stat) => {
            let mib = stat.blocks_available().saturating_mul(stat.fragment_size()) >> 20;
            if mib >= NEEDED_MIB {
                Ok(format!("{mib} MiB free here"))
            } else {
                Err(format!("{mib} MiB free here; {NEEDED_MIB} are needed"))
            }
        }
        Err(error) => Err(format!("the free space of this folder cannot be read: {error}")),
    };
    check("disk", result, "free some space, or run from another folder")
}

fn loopback() -> Check {
    let result = TcpListener::bind(("127.0.0.1", 0))
        .map(|_| "127.0.0.1 has free ports".to_owned())
        .map_err(|error| format!("no port on 127.0.0.1: {error}"));
    check("network", result, "ip link set lo up")
}

/// Runs containers that try every limit. A cloud without them runs WebAssembly programs only.
fn containers() -> Check {
    let result = run_containers();
    let result = result.map(|count| format!("{} runs; {count} checks from inside passed", oci::RUNTIME));
    let command = "sudo vouch doctor  # containers need root and writable control groups; WebAssembly runs without";
    Check { optional: true, ..check("containers", result, command) }
}

fn run_containers() -> Result<usize, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let config = oci::Config::new(folder.path().join("images"), folder.path().join("state"));
    let checks = config.open_runtime().map_err(|error| chain_of(&error))?.check();
    let failed = checks.iter().filter_map(|check| Some(format!("{}: {}", check.name, check.result.as_ref().err()?)));
    let failed: Vec<_> = failed.collect();
    if failed.is_empty() { Ok(checks.len()) } else { Err(failed.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_anvil_that_is_named_is_the_one_that_is_tested() {
        let package: serde_json::Value = serde_json::from_str(include_str!("../../../../package.json")).unwrap();
        let pinned = package["devDependencies"]["@foundry-rs/anvil"].as_str().unwrap();
        assert!(INSTALL_ANVIL.ends_with(&format!("@foundry-rs/anvil@{pinned}")), "{pinned}");
    }
}
