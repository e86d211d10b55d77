//! The figures of `docs/benchmarks.md`, each beside its baseline from the same run.

use std::path::Path;

use anyhow::{Context, Result, ensure};

mod alone;
mod cloud;
mod coding;
mod durability;
mod faults;
mod figures;
mod gas;
mod oci;
mod runc;

use figures::Figures;

/// The groups, in the order in which they run.
const GROUPS: [&str; 4] = ["coding", "compute", "oci", "faults"];

/// Measures the groups, or the one named, into `out/results.json`; prints a table. Returns how many targets
/// were missed.
pub async fn run(out: &Path, only: Option<&str>) -> Result<usize> {
    if let Some(group) = only {
        ensure!(GROUPS.contains(&group), "there is no group `{group}`; there are: {}", GROUPS.join(", "));
    }
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let out = out.canonicalize()?;
    let mut figures = Figures::new(&out.join("results.json"));
    if only.is_none_or(|group| group == "coding") {
        figures.group("coding");
        coding::measure(&mut figures)?;
    }
    if only.is_none_or(|group| group == "compute") {
        figures.group("compute");
        compute(&out, &mut figures).await?;
    }
    if only.is_none_or(|group| group == "oci") {
        containers(&out, &mut figures)?;
    }
    if only.is_none_or(|group| group == "faults") {
        figures.group("faults");
        durability::measure(&out.join("durability"), &mut figures)?;
        faults::measure(&out, &mut figures).await?;
    }
    figures.save()?;
    println!("\n{}", figures.table());
    Ok(figures.missed())
}

/// Needs a machine on which containers can be run; where they cannot, that is said and nothing is measured.
fn containers(out: &Path, figures: &mut Figures) -> Result<()> {
    figures.group("oci");
    let folder = out.join("containers");
    match oci::measure(&folder, figures) {
        Err(error) if error.is::<vouch_compute::driver::LoadError>() => {
            println!("containers were not measured: {error:#}");
            Ok(())
        }
        measured => measured,
    }
}

async fn compute(out: &Path, figures: &mut Figures) -> Result<()> {
    gas::read(figures)?;
    figures.save()?;
    let folder = out.join("programs");
    let speeds = alone::measure(&folder)?;
    cloud::measure(out, &folder, &speeds, figures).await
}
