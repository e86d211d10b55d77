//! The figures of `docs/benchmarks.md`, each beside its baseline from the same run.

use std::path::Path;

use anyhow::{Context, Result, ensure};

mod alone;
mod cloud;
mod figures;
mod gas;

use figures::Figures;

/// The groups, in the order in which they run.
const GROUPS: [&str; 1] = ["compute"];

/// Measures the groups, or the one named, into `out/results.json`; prints a table. Returns how many targets
/// were missed.
pub async fn run(out: &Path, only: Option<&str>) -> Result<usize> {
    if let Some(group) = only {
        ensure!(GROUPS.contains(&group), "there is no group `{group}`; there are: {}", GROUPS.join(", "));
    }
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let out = out.canonicalize()?;
    let mut figures = Figures::new(&out.join("results.json"));
    if only.is_none_or(|group| group == "compute") {
        compute(&out, &mut figures).await?;
    }
    figures.save()?;
    println!("\n{}", figures.table());
    Ok(figures.missed())
}

async fn compute(out: &Path, figures: &mut Figures) -> Result<()> {
    gas::read(figures)?;
    figures.save()?;
    let folder = out.join("programs");
    let speeds = alone::measure(&folder)?;
    cloud::measure(out, &folder, &speeds, figures).await
}
