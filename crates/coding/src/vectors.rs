//! This build against a folder of golden files.
//!
//! The folder holds files of known form: `codec.json`, `points.json`, `commitments.json`, `assignments.json` and `frames.json`, as made by running EigenDA's own
//! packages, and `shares.json`, the arithmetic of stake. A payload is never stored: its bytes are keccak256(label ‖ u32be(0)) ‖ keccak256(label ‖ u32be(1)) ‖ ..., cut
//! to its length. Real points of a ceremony are looked for in `../srs`.
//!
//! Any difference, unknown field or missing file part fails the whole check; what is left out on purpose is named in the
//! report, never silently.

use std::path::Path;

use alloy_primitives::{U256, keccak256};
use serde::de::DeserializeOwned;
use vouch_core::points::{self, Fr};

mod assignments;
mod codec;
mod commitments;
mod frames;
mod points_file;
mod shares;

pub use shares::shares_file;

/// The longest file that is read, bytes.
const FILE_LEN_MAX: u64 = 64 << 20;
/// The most entries of a folder that are looked at.
const FILES_MAX: usize = 1_000;

/// What was checked of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionReport {
    /// The file's name.
    pub section: String,
    /// How many cases ran, all of them with the expected outcome.
    pub cases: usize,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Something that a section left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub what: String,
    pub why: String,
}

/// Why a folder does not pass.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {path}")]
    Read { path: String, source: std::io::Error },
    #[error("{path} has {length} bytes; at most {FILE_LEN_MAX} are read")]
    TooLong { path: String, length: u64 },
    #[error("more than {FILES_MAX} files in {path}")]
    TooManyFiles { path: String },
    #[error("{section} is not of the expected form")]
    Form { section: &'static str, source: serde_json::Error },
    #[error("{section} has no case")]
    Empty { section: &'static str },
    #[error("{section}: {case}: {difference}")]
    Difference { section: &'static str, case: String, difference: String },
    #[error("the points beside the vectors cannot be used")]
    Srs(#[from] crate::srs::Error),
}

/// Checks the text of a file in a folder.
pub type Check = fn(&str, &Path) -> Result<SectionReport, Error>;
/// A kind of file: its name, and what checks one.
pub type Section = (&'static str, Check);

const SECTIONS: [Section; 6] = [
    (codec::NAME, codec::check),
    (points_file::NAME, points_file::check),
    (commitments::NAME, commitments::check),
    (assignments::NAME, assignments::check),
    (frames::NAME, frames::check),
    (shares::NAME, shares::check),
];

/// Checks every file of `folder` for which there is a section. A file that is absent, or for which there is no section yet,
/// is reported as skipped. `more`: sections of other crates.
pub fn check_dir(folder: &Path, more: &[Section]) -> Result<Vec<SectionReport>, Error> {
    let names = json_files(folder)?;
    let sections = || SECTIONS.iter().chain(more);
    let known = sections().map(|(name, check)| {
        if !names.iter().any(|found| found == name) {
            return Ok(left_out(name, "the file is absent"));
        }
        check(&read(&folder.join(name))?, folder)
    });
    let mut reports = known.collect::<Result<Vec<_>, _>>()?;
    let unknown = names.iter().filter(|name| sections().all(|(known, _)| known != name));
    reports.extend(unknown.map(|name| left_out(name, "there is no section for it yet")));
    Ok(reports)
}

fn left_out(section: &str, why: &str) -> SectionReport {
    let skipped = Skipped { what: "the whole file".into(), why: why.into() };
    SectionReport { section: section.into(), cases: 0, skipped: vec![skipped] }
}

/// The names of the folder's JSON files, sorted.
fn json_files(folder: &Path) -> Result<Vec<String>, Error> {
    let path = || folder.display().to_string();
    let unreadable = |source| Error::Read { path: path(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") {
            names.push(name);
        }
        if names.len() > FILES_MAX {
            return Err(Error::TooManyFiles { path: path() });
        }
    }
    names.sort();
    Ok(names)
}

fn read(file: &Path) -> Result<String, Error> {
    let path = file.display().to_string();
    let unreadable = |source| Error::Read { path: path.clone(), source };
    let length = std::fs::metadata(file).map_err(unreadable)?.len();
    if length > FILE_LEN_MAX {
        return Err(Error::TooLong { path, length });
    }
    std::fs::read_to_string(file).map_err(unreadable)
}

/// A section's file of a known form.
pub fn parse<T: DeserializeOwned>(section: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| Error::Form { section, source })
}

/// A section without a single case has shown nothing.
pub fn report(section: &'static str, cases: usize, skipped: Vec<Skipped>) -> Result<SectionReport, Error> {
    if cases == 0 {
        Err(Error::Empty { section })
    } else {
        Ok(SectionReport { section: section.into(), cases, skipped })
    }
}

/// Where a comparison stands, so that a difference can be named.
#[derive(Clone, Debug)]
pub struct Case {
    pub section: &'static str,
    pub name: String,
}

impl Case {
    /// A difference of this case.
    pub fn fail(&self, difference: impl Into<String>) -> Error {
        Error::Difference { section: self.section, case: self.name.clone(), difference: difference.into() }
    }

    /// A difference unless `holds`.
    pub fn ensure(&self, holds: bool, difference: &str) -> Result<(), Error> {
        if holds { Ok(()) } else { Err(self.fail(difference)) }
    }

    /// Compares what this build made with the file's hexadecimal.
    pub fn same_bytes(&self, what: &str, found: &[u8], expected: &str) -> Result<(), Error> {
        let found = hex::encode(found);
        let expected = expected.strip_prefix("0x").unwrap_or(expected);
        self.ensure(found == expected, &format!("{what} is {}, expected {}", excerpt(&found), excerpt(expected)))
    }

    /// Hexadecimal, as the files write bytes.
    pub fn bytes(&self, what: &str, text: &str) -> Result<Vec<u8>, Error> {
        hex::decode(text).map_err(|error| self.fail(format!("{what} is not hexadecimal: {error}")))
    }

    /// A decimal number below the group order.
    pub fn scalar(&self, what: &str, text: &str) -> Result<Fr, Error> {
        let number = U256::from_str_radix(text, 10).ok();
        let scalar = number.and_then(|number| points::scalar(&number.to_be_bytes()));
        scalar.ok_or_else(|| self.fail(format!("{what} is no decimal number below the group order")))
    }

    /// The payload that a label stands for.
    pub fn payload(&self, label: &str, length: usize) -> Result<Vec<u8>, Error> {
        if length > crate::codec::PAYLOAD_LEN_MAX {
            return Err(self.fail(format!("payload length {length} is beyond the largest blob")));
        }
        let blocks = (0u32..).flat_map(|index| keccak256([label.as_bytes(), &index.to_be_bytes()].concat()).0);
        Ok(blocks.take(length).collect())
    }
}

/// Enough of a long value to tell it from another.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}... ({} digits)", &text[..end], text.len()),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests;
