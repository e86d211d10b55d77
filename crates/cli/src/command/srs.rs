use std::path::{Path, PathBuf};

use serde::Serialize;
use vouch_coding::Powers;
use vouch_coding::powers::folder::{self, Kind, Manifest};
use vouch_coding::srs::{DEVELOPMENT_CHAINS, DevelopmentSrs};

use crate::failure::{Failure, chain_of};
use crate::output::Output;

/// The points that commitments are made of: bring them in, make some for development, check them
#[derive(clap::Subcommand)]
pub enum Command {
    /// Check a ceremony's files, every point of them, and keep them
    ///
    /// FROM holds g1.point, g2.point, g2.trailing.point and g2.point.powerOf2 as EigenDA publishes them.
    Import(Import),
    /// Make points whose secret everyone knows, for local chains
    Create(Create),
    /// Check the files of a folder, and that every point is the next power of one secret
    Check(Check),
}

#[derive(clap::Args)]
pub struct Import {
    /// The folder of the published files
    from: PathBuf,
    /// The folder to be made
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// The 28 points [t^(2^28 - 2^i)] on G1, which are published in source code only: hexadecimal, one a line, or bytes
    #[arg(long, value_name = "FILE")]
    reverse: PathBuf,
}

#[derive(clap::Args)]
pub struct Create {
    /// Where the folder development-srs-SYMBOLS is to be made
    parent: PathBuf,
    /// The chain that it is for
    #[arg(long)]
    chain_id: u64,
    /// The most symbols of a blob, 32 bytes each: a power of two, at most 524288
    #[arg(long, default_value_t = 4_096)]
    symbols: usize,
}

#[derive(clap::Args)]
pub struct Check {
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// A folder of points that hold.
#[derive(Debug, Serialize)]
struct Report {
    folder: PathBuf,
    kind: Kind,
    symbols: usize,
    /// SHA-256 by file.
    files: std::collections::BTreeMap<String, String>,
}

pub fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    let report = match command {
        Command::Import(arguments) => import(arguments, output),
        Command::Create(arguments) => create(arguments, output),
        Command::Check(arguments) => check(arguments, output),
    }?;
    output.data(&report, describe);
    Ok(())
}

fn import(arguments: &Import, output: &Output) -> Result<Report, Failure> {
    require_new(&arguments.to)?;
    let progress = output.progress("reading the points");
    let tell = |done, all| progress.at(done, all);
    let powers = folder::read_published(&arguments.from, &arguments.reverse, &tell).map_err(|error| failure(&error))?;
    verify(&powers, &arguments.from, output)?;
    keep(&powers, Kind::Ceremony, &arguments.to)
}

fn create(arguments: &Create, output: &Output) -> Result<Report, Failure> {
    let [anvil, other] = DEVELOPMENT_CHAINS;
    let development = DevelopmentSrs::for_chain(arguments.chain_id).map_err(|error| {
        Failure::input(
            error.to_string(),
            format!("for a local chain say --chain-id {anvil} or {other}; for a real one `vouch srs import` a ceremony's points"),
        )
    })?;
    let to = arguments.parent.join(format!("development-srs-{}", arguments.symbols));
    require_new(&to)?;
    let progress = output.progress(format!("making points for {} symbols", arguments.symbols));
    let powers = Powers::development(&development, arguments.symbols)
        .map_err(|error| Failure::input(error.to_string(), "name another number of --symbols"))?;
    drop(progress);
    keep(&powers, Kind::DevelopmentSecretKnown, &to)
}

fn check(arguments: &Check, output: &Output) -> Result<Report, Failure> {
    let progress = output.progress("reading the points");
    let (manifest, powers) =
        folder::inspect(&arguments.folder, &|done, all| progress.at(done, all)).map_err(|error| failure(&error))?;
    drop(progress);
    verify(&powers, &arguments.folder, output)?;
    Ok(Report::of(&arguments.folder, manifest))
}

fn verify(powers: &Powers, folder: &Path, output: &Output) -> Result<(), Failure> {
    let progress = output.progress("checking that every point is the next power");
    powers.check(&|done, all| progress.at(done, all)).map_err(|fault| {
        let message = format!("{}: {fault}", folder.display());
        Failure::verification(
            message,
            "do not use these points: get the ceremony's files again, and compare their digests",
        )
    })
}

/// Nothing half-written bears the folder's name.
fn keep(powers: &Powers, kind: Kind, to: &Path) -> Result<Report, Failure> {
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritable = |error: std::io::Error| {
        Failure::host(format!("{}: {error}", to.display()), "name a folder that can be made, with room for the points")
    };
    std::fs::create_dir_all(parent).map_err(unwritable)?;
    let partial = tempfile::Builder::new().prefix(".srs-").tempdir_in(parent).map_err(unwritable)?;
    let manifest = folder::write(powers, kind, partial.path()).map_err(|error| failure(&error))?;
    require_new(to)?;
    std::fs::rename(partial.keep(), to).map_err(unwritable)?;
    Ok(Report::of(to, manifest))
}

fn require_new(folder: &Path) -> Result<(), Failure> {
    if !folder.exists() {
        return Ok(());
    }
    let next = "name a new folder; `vouch srs check` tells whether the old one is still good";
    Err(Failure::input(format!("{} is there already", folder.display()), next))
}

fn failure(error: &folder::Error) -> Failure {
    let message = chain_of(error);
    match error {
        folder::Error::Read { .. } => {
            Failure::input(message, "name a folder with the files that `vouch srs --help` lists")
        }
        folder::Error::Write { .. } => Failure::host(message, "make room, or name another folder"),
        folder::Error::Damaged { .. } | folder::Error::Point { .. } | folder::Error::Length { .. } => {
            Failure::verification(message, "do not use these files: get them again, and compare their digests")
        }
        folder::Error::Manifest { .. } => Failure::verification(message, "import or create the points again"),
        folder::Error::NotADevelopmentChain { .. } => Failure::input(message, "`vouch srs import` a ceremony's points"),
    }
}

impl Report {
    fn of(folder: &Path, manifest: Manifest) -> Self {
        let Manifest { kind, symbols, files, .. } = manifest;
        Self { folder: folder.to_owned(), kind, symbols, files }
    }
}

fn describe(report: &Report) -> String {
    let whose = match report.kind {
        Kind::Ceremony => "a ceremony's points",
        Kind::DevelopmentSecretKnown => "development points, whose secret everyone knows",
    };
    let bytes = report.symbols * 32;
    let mut lines = vec![format!(
        "{}: {whose}, for blobs of up to {} symbols ({bytes} bytes)",
        report.folder.display(),
        report.symbols
    )];
    lines.extend(report.files.iter().map(|(file, digest)| format!("  {digest}  {file}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(parent: &Path, chain_id: u64) -> Result<Report, Failure> {
        create(&Create { parent: parent.into(), chain_id, symbols: 16 }, &Output::new(true))
    }

    #[test]
    fn points_are_made_checked_and_brought_in_as_a_user_does() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path();
        assert!(created(parent, 1).unwrap_err().message().contains("refused on chain 1"));
        assert_eq!(std::fs::read_dir(parent).unwrap().count(), 0, "nothing is left of what was refused");
        let made = created(parent, 31_337).unwrap();
        assert!(made.folder.ends_with("development-srs-16"), "the name says what it is");
        assert!(created(parent, 31_337).unwrap_err().message().contains("is there already"));
        let output = Output::new(true);
        check(&Check { folder: made.folder.clone() }, &output).unwrap();
        let bring = |to: &str, reverse: PathBuf| {
            import(&Import { from: made.folder.clone(), to: parent.join(to), reverse }, &output)
        };
        let brought = bring("deep/er/ceremony", made.folder.join(folder::G1_REVERSE)).unwrap();
        assert_eq!((brought.kind, &brought.files), (Kind::Ceremony, &made.files));
        // The reverse powers of another secret.
        let other = std::fs::read(made.folder.join(folder::G1)).unwrap();
        let wrong = parent.join("wrong");
        std::fs::write(&wrong, other.iter().cycle().take(28 * 32).copied().collect::<Vec<u8>>()).unwrap();
        let refused = bring("refused", wrong).unwrap_err();
        assert!(
            refused.message().contains("another power") || refused.message().contains("trailing"),
            "{}",
            refused.message()
        );
        assert!(!parent.join("refused").exists());
        std::fs::write(made.folder.join(folder::G2), b"damaged").unwrap();
        assert!(check(&Check { folder: made.folder }, &output).unwrap_err().message().contains("is damaged"));
    }
}
