//! The files of a structured reference string, in EigenDA's form: points one after another, compressed, without a header.
//!
//! `srs.json` names the files' digests and whether the secret is known, so that a damaged file is found before its points
//! are used, and points that protect nothing are used on no real chain.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vouch_core::points::{self, G1Affine, G2Affine};

use super::{Constants, ORDER_LOG, Powers};
use crate::codec::SYMBOLS_MAX;
use crate::srs::DEVELOPMENT_CHAINS;

/// [1], [t], [t^2], ... on G1.
pub const G1: &str = "g1.point";
/// [1], [t], [t^2], ... on G2.
pub const G2: &str = "g2.point";
/// The last ones on G2.
pub const G2_TRAILING: &str = "g2.trailing.point";
/// [t^(2^i)] on G2.
pub const G2_POWERS: &str = "g2.point.powerOf2";
/// [t^(2^28 - 2^i)] on G1.
pub const G1_REVERSE: &str = "g1.point.reversePowerOf2";
/// What there is.
pub const MANIFEST: &str = "srs.json";

const FILES: [&str; 5] = [G1, G2, G2_TRAILING, G2_POWERS, G1_REVERSE];
const FORMAT: u16 = 1;
/// Points that a thread decodes before progress is told.
const STEP: usize = 1 << 11;
const MANIFEST_LEN_MAX: u64 = 64 << 10;

/// Who knows the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nobody, if one of those who took part in the ceremony was honest.
    Ceremony,
    /// Everybody: it opens any commitment to anything.
    DevelopmentSecretKnown,
}

/// `srs.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u16,
    pub kind: Kind,
    /// The most symbols of a blob.
    pub symbols: usize,
    /// SHA-256 by file.
    pub files: BTreeMap<String, String>,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {file}")]
    Read { file: String, source: std::io::Error },
    #[error("cannot write {file}")]
    Write { file: String, source: std::io::Error },
    #[error("{file} has {length} bytes; expected {expected}")]
    Length { file: String, length: u64, expected: String },
    #[error("point {index} of {file} is not valid")]
    Point { file: String, index: usize, source: points::Error },
    #[error("{file} is not of the expected form: {reason}")]
    Manifest { file: String, reason: String },
    #[error("{file} is damaged: its SHA-256 is {found}, {MANIFEST} says {expected}")]
    Damaged { file: String, found: String, expected: String },
    #[error("the secret of the points in {folder} is known to everyone: they are refused on chain {chain_id}")]
    NotADevelopmentChain { folder: String, chain_id: u64 },
}

/// The five files of a folder, as bytes.
struct Files {
    folder: String,
    bytes: [Vec<u8>; 5],
}

/// Writes points with their manifest into an empty folder.
pub fn write(powers: &Powers, kind: Kind, folder: &Path) -> Result<Manifest, Error> {
    let Constants { g1_reverse, g2_powers } = &powers.constants;
    let g1 = |points: &[G1Affine]| points.iter().flat_map(points::g1_compressed).collect::<Vec<u8>>();
    let g2 = |points: &[G2Affine]| points.iter().flat_map(points::g2_compressed).collect::<Vec<u8>>();
    let bytes = [g1(&powers.g1), g2(&powers.g2), g2(&powers.g2_trailing), g2(g2_powers), g1(g1_reverse)];
    let files = FILES.iter().zip(&bytes).map(|(name, bytes)| ((*name).to_owned(), digest(bytes)));
    let manifest = Manifest { format: FORMAT, kind, symbols: powers.symbols_max(), files: files.collect() };
    let text = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| Error::Manifest { file: MANIFEST.into(), reason: error.to_string() })?;
    let all = FILES.iter().zip(bytes.iter().map(Vec::as_slice)).chain([(&MANIFEST, text.as_slice())]);
    for (name, bytes) in all {
        let path = folder.join(name);
        let unwritable = |source| Error::Write { file: path.display().to_string(), source };
        write_durably(&path, bytes).map_err(unwritable)?;
    }
    Ok(manifest)
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::create_new(path)?;
    std::io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

/// Reads a folder for use on a chain.
///
/// # Errors
/// [`Error::Damaged`] for files that are not those of the manifest, and [`Error::NotADevelopmentChain`]. That the points are
/// powers of one secret was checked when they were written: [`Powers::check`] does it again.
pub fn read(folder: &Path, chain_id: u64, told: &(dyn Fn(usize, usize) + Sync)) -> Result<Powers, Error> {
    let manifest = read_manifest(folder)?;
    if manifest.kind == Kind::DevelopmentSecretKnown && !DEVELOPMENT_CHAINS.contains(&chain_id) {
        return Err(Error::NotADevelopmentChain { folder: folder.display().to_string(), chain_id });
    }
    read_checked(folder, &manifest, told)
}

/// The same for whoever only looks.
pub fn inspect(folder: &Path, told: &(dyn Fn(usize, usize) + Sync)) -> Result<(Manifest, Powers), Error> {
    let manifest = read_manifest(folder)?;
    let powers = read_checked(folder, &manifest, told)?;
    Ok((manifest, powers))
}

fn read_checked(folder: &Path, manifest: &Manifest, told: &(dyn Fn(usize, usize) + Sync)) -> Result<Powers, Error> {
    let files = Files::read(folder, folder)?;
    for (name, bytes) in FILES.iter().zip(&files.bytes) {
        let (found, expected) = (digest(bytes), manifest.files.get(*name).cloned().unwrap_or_default());
        if found != expected {
            return Err(Error::Damaged { file: files.path(name), found, expected });
        }
    }
    let powers = files.decode(told)?;
    let symbols = powers.symbols_max();
    if symbols == manifest.symbols {
        return Ok(powers);
    }
    let reason = format!("it says {} symbols, the files have {symbols}", manifest.symbols);
    Err(Error::Manifest { file: files.path(MANIFEST), reason })
}

/// Reads a ceremony's files as they are published, from a folder of their names; the reverse powers, which are published
/// in source code only, stand in a file of their own: points one after another, or one hexadecimal point a line.
pub fn read_published(folder: &Path, reverse: &Path, told: &(dyn Fn(usize, usize) + Sync)) -> Result<Powers, Error> {
    Files::read(folder, reverse)?.decode(told)
}

/// The constants alone: the files of [`G2_POWERS`] and [`G1_REVERSE`], whatever their names.
pub fn read_constants(g2_powers: &Path, reverse: &Path) -> Result<Constants, Error> {
    Ok(Constants {
        g2_powers: constants(g2_powers, &read_bounded(g2_powers, MANIFEST_LEN_MAX)?, points::decode_g2)?,
        g1_reverse: constants(reverse, &from_lines(read_bounded(reverse, MANIFEST_LEN_MAX)?), points::decode_g1)?,
    })
}

fn constants<P>(path: &Path, bytes: &[u8], decode: Decode<P>) -> Result<[P; ORDER_LOG], Error> {
    let file = path.display().to_string();
    let length = bytes.len() / ORDER_LOG;
    let wrong = || {
        let expected = format!("{ORDER_LOG} compressed points");
        Error::Length { file: file.clone(), length: bytes.len() as u64, expected }
    };
    if length == 0 || !bytes.len().is_multiple_of(ORDER_LOG) {
        return Err(wrong());
    }
    let points = decode_run(bytes, length, decode);
    let points = points.map_err(|(index, source)| Error::Point { file: file.clone(), index, source })?;
    points.try_into().map_err(|_| wrong())
}

fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST);
    let file = path.display().to_string();
    let bytes = read_bounded(&path, MANIFEST_LEN_MAX)?;
    let manifest = serde_json::from_slice::<Manifest>(&bytes);
    let manifest = manifest.map_err(|error| Error::Manifest { file: file.clone(), reason: error.to_string() })?;
    if manifest.format == FORMAT {
        return Ok(manifest);
    }
    Err(Error::Manifest { file, reason: format!("format {}; this version reads {FORMAT}", manifest.format) })
}

impl Files {
    /// `reverse`: the folder or file of [`G1_REVERSE`].
    fn read(folder: &Path, reverse: &Path) -> Result<Self, Error> {
        let most = (SYMBOLS_MAX * points::G2_COMPRESSED_LEN) as u64;
        let read = |name: &str| read_bounded(&folder.join(name), most);
        let reverse = if reverse.is_dir() { reverse.join(G1_REVERSE) } else { reverse.to_owned() };
        let reversed = read_bounded(&reverse, MANIFEST_LEN_MAX)?;
        let bytes = [read(G1)?, read(G2)?, read(G2_TRAILING)?, read(G2_POWERS)?, from_lines(reversed)];
        Ok(Self { folder: folder.display().to_string(), bytes })
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    fn decode(&self, told: &(dyn Fn(usize, usize) + Sync)) -> Result<Powers, Error> {
        let [g1, g2, trailing, g2_powers, reverse] = &self.bytes;
        let all = g1.len() / points::G1_COMPRESSED_LEN + (g2.len() + trailing.len()) / points::G2_COMPRESSED_LEN;
        let done = AtomicUsize::new(0);
        let step = |points: usize| told(done.fetch_add(points, Ordering::Relaxed) + points, all);
        let constants = Constants {
            g2_powers: constants(Path::new(&self.path(G2_POWERS)), g2_powers, points::decode_g2)?,
            g1_reverse: constants(Path::new(&self.path(G1_REVERSE)), reverse, points::decode_g1)?,
        };
        Ok(Powers {
            g1: self.points(G1, g1, points::G1_COMPRESSED_LEN, points::decode_g1, &step)?,
            g2: self.points(G2, g2, points::G2_COMPRESSED_LEN, points::decode_g2, &step)?,
            g2_trailing: self.points(G2_TRAILING, trailing, points::G2_COMPRESSED_LEN, points::decode_g2, &step)?,
            constants,
        })
    }

    /// Decodes a list with all processors: what takes long is to find each point's other coordinate and its subgroup.
    fn points<P: Send>(
        &self,
        name: &str,
        bytes: &[u8],
        length: usize,
        decode: Decode<P>,
        step: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<P>, Error> {
        let count = bytes.len() / length;
        if !bytes.len().is_multiple_of(length) || !count.is_power_of_two() || count > SYMBOLS_MAX {
            let expected = format!("a power of two of points of {length} bytes, at most {SYMBOLS_MAX}");
            return Err(Error::Length { file: self.path(name), length: bytes.len() as u64, expected });
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = count.div_ceil(threads).next_multiple_of(STEP);
        let shares = std::thread::scope(|scope| {
            let work = |bytes| scope.spawn(move || decode_steps(bytes, length, decode, step));
            let running: Vec<_> = bytes.chunks(share * length).map(work).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            running.into_iter().map(join).collect::<Vec<Result<Vec<P>, _>>>()
        });
        let mut points = Vec::with_capacity(count);
        for (at, share_of_points) in shares.into_iter().enumerate() {
            let found = share_of_points.map_err(|(index, source)| self.point(name, at * share + index, source));
            points.extend(found?);
        }
        Ok(points)
    }

    fn point(&self, name: &str, index: usize, source: points::Error) -> Error {
        Error::Point { file: self.path(name), index, source }
    }
}

type Decode<P> = fn(&[u8]) -> Result<P, points::Error>;

fn decode_steps<P>(
    bytes: &[u8],
    length: usize,
    decode: Decode<P>,
    step: &(dyn Fn(usize) + Sync),
) -> Result<Vec<P>, (usize, points::Error)> {
    let mut points = Vec::with_capacity(bytes.len() / length);
    for run in bytes.chunks(STEP * length) {
        let found = decode_run(run, length, decode).map_err(|(index, source)| (points.len() + index, source))?;
        step(found.len());
        points.extend(found);
    }
    Ok(points)
}

fn decode_run<P>(bytes: &[u8], length: usize, decode: Decode<P>) -> Result<Vec<P>, (usize, points::Error)> {
    let points = bytes.chunks(length).enumerate();
    points.map(|(index, bytes)| decode(bytes).map_err(|source| (index, source))).collect()
}

/// Hexadecimal lines as bytes; anything else as it is.
fn from_lines(bytes: Vec<u8>) -> Vec<u8> {
    let lines = std::str::from_utf8(&bytes).ok().map(|text| text.split_whitespace().collect::<String>());
    lines.and_then(|digits| hex::decode(digits).ok()).unwrap_or(bytes)
}

fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let file = || path.display().to_string();
    let unreadable = |source| Error::Read { file: file(), source };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > most {
        return Err(Error::Length { file: file(), length, expected: format!("at most {most}") });
    }
    std::fs::read(path).map_err(unreadable)
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::DevelopmentSrs;

    fn small() -> Powers {
        Powers::development(&DevelopmentSrs::for_chain(31_337).unwrap(), 4_096).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_damage_is_named() {
        let (folder, powers) = (tempfile::tempdir().unwrap(), small());
        let folder = folder.path();
        let manifest = write(&powers, Kind::DevelopmentSecretKnown, folder).unwrap();
        let told = std::sync::Mutex::new(Vec::new());
        let tell = |done: usize, all: usize| told.lock().unwrap().push((done, all));
        assert_eq!(inspect(folder, &tell).unwrap(), (manifest, powers.clone()));
        assert!(told.into_inner().unwrap().contains(&(3 * 4_096, 3 * 4_096)));
        assert_eq!(read(folder, 31_337, &|_, _| {}).unwrap(), powers);
        let refused = read(folder, 1, &|_, _| {}).unwrap_err();
        assert!(matches!(refused, Error::NotADevelopmentChain { chain_id: 1, .. }), "{refused}");
        assert!(matches!(write(&powers, Kind::Ceremony, folder), Err(Error::Write { .. })), "nothing is written over");
        for name in FILES {
            let (path, honest) = (folder.join(name), std::fs::read(folder.join(name)).unwrap());
            let mut bent = honest.clone();
            *bent.last_mut().unwrap() ^= 1;
            std::fs::write(&path, &bent).unwrap();
            let refused = inspect(folder, &|_, _| {}).unwrap_err();
            assert!(matches!(&refused, Error::Damaged { file, .. } if file.ends_with(name)), "{refused}");
            std::fs::remove_file(&path).unwrap();
            assert!(matches!(inspect(folder, &|_, _| {}), Err(Error::Read { .. })), "{name}");
            std::fs::write(&path, honest).unwrap();
        }
        for (bent, what) in [("{}", "missing field"), ("{\"format\": 1,", "EOF")] {
            std::fs::write(folder.join(MANIFEST), bent).unwrap();
            let refused = inspect(folder, &|_, _| {}).unwrap_err();
            assert!(matches!(&refused, Error::Manifest { reason, .. } if reason.contains(what)), "{refused}");
        }
    }

    #[test]
    fn published_files_are_read_and_bad_ones_are_named() {
        let (folder, powers) = (tempfile::tempdir().unwrap(), small());
        let folder = folder.path();
        write(&powers, Kind::Ceremony, folder).unwrap();
        let reverse = std::fs::read(folder.join(G1_REVERSE)).unwrap();
        std::fs::remove_file(folder.join(G1_REVERSE)).unwrap();
        let lines: Vec<String> = reverse.chunks(32).map(hex::encode).collect();
        for content in [lines.join("\n").into_bytes(), reverse] {
            let file = folder.join("elsewhere");
            std::fs::write(&file, content).unwrap();
            assert_eq!(read_published(folder, &file, &|_, _| {}).unwrap(), powers);
        }
        let file = folder.join("elsewhere");
        let refused = |name: &str, change: fn(&mut Vec<u8>)| {
            let honest = std::fs::read(folder.join(name)).unwrap();
            let mut bent = honest.clone();
            change(&mut bent);
            std::fs::write(folder.join(name), bent).unwrap();
            let refused = read_published(folder, &file, &|_, _| {}).unwrap_err();
            std::fs::write(folder.join(name), honest).unwrap();
            refused
        };
        for name in [G1, G2, G2_TRAILING, G2_POWERS, "elsewhere"] {
            assert!(matches!(refused(name, |bytes| bytes.truncate(bytes.len() - 1)), Error::Length { .. }), "{name}");
        }
        // As many bytes as uncompressed points would have.
        assert!(matches!(refused(G2_POWERS, |bytes| bytes.extend(bytes.clone())), Error::Point { .. }));
        let third = |bytes: &mut Vec<u8>| bytes[3_000 * 32..][..32].fill(0xff);
        assert!(matches!(refused(G1, third), Error::Point { index: 3_000, .. }));
        let last = |bytes: &mut Vec<u8>| bytes[4_095 * 64..].fill(0xff);
        assert!(matches!(refused(G2_TRAILING, last), Error::Point { index: 4_095, .. }));
    }
}
