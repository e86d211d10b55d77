//! This build against a folder of golden files (the form is described in that folder's README).

use std::path::Path;

/// One section of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionReport {
    pub section: String,
    pub cases: usize,
    pub skipped: Vec<Skipped>,
}

/// What a section left out.
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
    #[error("{section} {case}: {difference}")]
    Case { section: String, case: String, difference: String },
}

/// Checks a folder.
pub fn check_dir(path: &Path) -> Result<Vec<SectionReport>, Error> {
    std::fs::read_dir(path).map_err(|source| Error::Read { path: path.display().to_string(), source })?;
    Ok(Vec::new())
}
