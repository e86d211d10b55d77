//! What another host may have otherwise, for finding programs whose answers rest on it.
//!
//! Nothing of this is ever set for a run whose answer may be signed: such a run goes by [`Prepared::run`], which takes no
//! variation, and sees what every other host shows.

use serde::{Deserialize, Serialize};

use super::{Error, Failure, Input, Outcome, Prepared, check, launch};

/// Bytes of the longest host name that Linux takes (`HOST_NAME_MAX`).
const HOST_NAME_BYTES_MAX: usize = 64;
/// The most processors that a program may believe to have; what the request's clock can show.
const CPUS_MAX: u32 = 64;
/// Seconds by which files may be shifted: about 300 years either way, which every file system can keep.
const SHIFT_SECONDS_MAX: u64 = 10_000_000_000;

/// How a run's surroundings differ from a certified run's; by default in nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variation {
    /// Another host name.
    pub host_name: Option<String>,
    /// Another number of processors, where the program is told one.
    pub cpus: Option<u32>,
    /// The one processor to run on, counted among those that this process may use, and around again at their end.
    pub processor: Option<u32>,
    /// An address layout that the kernel draws anew for every program.
    pub random_addresses: bool,
    /// The environment from its end to its start.
    pub reversed_environment: bool,
    /// The root's files on another file system.
    pub files: Option<Files>,
}

/// A copy of the root's files in memory, made anew for the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Made from the last name to the first, by which folders list and number them the other way round.
    pub reversed: bool,
    /// By how many seconds the files seem to be modified later, or earlier.
    pub shift_seconds: i64,
}

impl Variation {
    fn validate(&self) -> Result<(), Error> {
        let name_fits = self.host_name.as_ref().is_none_or(|name| {
            let plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
            (1..=HOST_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
        });
        check("host_name", name_fits, || {
            format!("must be 1 to {HOST_NAME_BYTES_MAX} letters, digits and hyphens of ASCII")
        })?;
        let cpus_fit = self.cpus.is_none_or(|cpus| (1..=CPUS_MAX).contains(&cpus));
        check("cpus", cpus_fit, || format!("must be 1 to {CPUS_MAX}"))?;
        let shift_fits = self.files.is_none_or(|files| files.shift_seconds.unsigned_abs() <= SHIFT_SECONDS_MAX);
        check("shift_seconds", shift_fits, || format!("must be within {SHIFT_SECONDS_MAX} seconds"))
    }
}

impl Prepared {
    /// Runs one request as another host might; for comparing only, its answer must not be signed. Blocks for up to the
    /// wall-clock limit. What this host cannot vary is a [`Failure::Setup`] that says so.
    pub fn run_varied(&self, input: &Input<'_>, variation: &Variation) -> Result<Outcome, Failure> {
        variation.validate().map_err(|error| Failure::Setup(error.to_string()))?;
        launch::run(&self.runtime.config, &self.runtime.folder, &self.settings, variation, input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_host_can_have_is_refused() {
        let cpus = |cpus| Variation { cpus: Some(cpus), ..Variation::default() };
        let named = |name: &str| Variation { host_name: Some(name.into()), ..Variation::default() };
        let shifted = |shift_seconds| Variation {
            files: Some(Files { shift_seconds, ..Files::default() }),
            ..Variation::default()
        };
        let long = "x".repeat(HOST_NAME_BYTES_MAX + 1);
        for wrong in [cpus(0), cpus(65), named(""), named(&long), named("a\nb"), shifted(i64::MIN), shifted(i64::MAX)] {
            wrong.validate().unwrap_err();
        }
        for right in [Variation::default(), cpus(1), cpus(64), named(&long[1..]), shifted(-86_400)] {
            right.validate().unwrap();
        }
    }
}
