use std::path::PathBuf;

use serde::Serialize;
use vouch_coding::vectors::{self, Error, SectionReport};

use crate::failure::{Failure, chain_of};
use crate::output::Output;

/// Check this build against a folder of golden vectors
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder; any file of the form that its README describes
    folder: PathBuf,
}

/// What ran, and what was left out and why.
#[derive(Serialize)]
struct Report {
    section: String,
    cases: usize,
    skipped: Vec<Skipped>,
}

#[derive(Serialize)]
struct Skipped {
    what: String,
    why: String,
}

pub fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let reports = vectors::check_dir(folder, vouch_da::vectors::SECTIONS)
        .map_err(|error| failure(folder.display().to_string(), &error))?;
    let reports: Vec<_> = reports.into_iter().map(Report::of).collect();
    output.data(&reports, |reports| table(reports));
    let cases: usize = reports.iter().map(|report| report.cases).sum();
    if cases == 0 {
        return Err(Failure::input(
            format!("no case was run in {}", folder.display()),
            "name a folder with codec.json, points.json, commitments.json, hashes.json or shares.json",
        ));
    }
    Ok(())
}

impl Report {
    fn of(report: SectionReport) -> Self {
        let skipped = report.skipped.into_iter().map(|left| Skipped { what: left.what, why: left.why });
        Self { section: report.section, cases: report.cases, skipped: skipped.collect() }
    }
}

/// A difference is a fault of this build; a folder that cannot be read is one of the command.
fn failure(folder: String, error: &Error) -> Failure {
    let message = format!("{folder}: {}", chain_of(error));
    match error {
        Error::Read { .. } | Error::TooLong { .. } | Error::TooManyFiles { .. } => {
            Failure::input(message, "name a folder of vector files")
        }
        _ => Failure::verification(message, "this build and the vectors differ: do not use it with others"),
    }
}

fn table(reports: &[Report]) -> String {
    let mut lines = Vec::new();
    for report in reports {
        let outcome = if report.cases == 0 { "not run" } else { "all as expected" };
        lines.push(format!("{:<20} {:>6} cases, {outcome}", report.section, report.cases));
        lines.extend(report.skipped.iter().map(|left| format!("  skipped: {}: {}", left.what, left.why)));
    }
    lines.join("\n")
}
