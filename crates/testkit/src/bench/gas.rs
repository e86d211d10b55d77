//! Gas, from the snapshots that the contracts' tests write and `make check` proves fresh.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::figures::{Figures, Target};

/// Snapshot, what EigenLayer's verifier takes for the same, and what ours may take.
const CHECKS: [(&str, f64, f64); 3] = [
    ("check_200_0", 167_023.0, 150_000.0),
    ("check_200_10", 1_377_728.0, 172_000.0),
    ("check_200_100", 13_062_818.0, 340_000.0),
];

/// What is recorded beside them: file and snapshots.
const RECORDED: [(&str, &[&str]); 3] = [
    ("compute", &["post_1_first", "post_1", "post_64", "slash_two_signatures", "slash_two_certificates"]),
    ("periphery", &["consume_352_bytes", "wager_show_first_40_plies"]),
    ("table", &["update_4", "update_50", "update_200"]),
];

pub fn read(figures: &mut Figures) -> Result<()> {
    let certificate = snapshots("certificate")?;
    for (name, baseline, target) in CHECKS {
        figures.value(
            format!("gas of {name}"),
            gas(&certificate, name)?,
            "gas",
            Some(baseline),
            Target::AtMost(target),
        );
    }
    for (file, names) in RECORDED {
        let found = snapshots(file)?;
        for name in names {
            figures.value(format!("gas of {name}"), gas(&found, name)?, "gas", None, Target::None);
        }
    }
    Ok(())
}

fn snapshots(file: &str) -> Result<BTreeMap<String, String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../contracts/snapshots/{file}.json"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

fn gas(snapshots: &BTreeMap<String, String>, name: &str) -> Result<f64> {
    let text = snapshots.get(name).with_context(|| format!("there is no snapshot {name}"))?;
    Ok(text.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_snapshot_that_is_named_is_there() {
        let folder = tempfile::tempdir().unwrap();
        read(&mut Figures::new(&folder.path().join("results.json"))).unwrap();
    }
}
