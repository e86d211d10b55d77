//! Opens the durable stores of executor and gateway, and refuses those that are damaged or belong to somebody else.
//!
//! A store is one redb file. It is checked whole on every open (page checksums, tree order), because what it guards is
//! the promise never to sign a slot twice: a store that cannot be trusted must stop the process, naming the file, and
//! not start from nothing. Its identity (role, deployment, key) and the finalized block at its creation are written in
//! the transaction that creates it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::machine::Files;

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const IDENTITY_KEY: &str = "identity";
const CREATED_KEY: &str = "created";

/// Encoded records by their keys.
pub type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Raised by one with every change of a record's encoding; another format is refused rather than guessed.
const FORMAT: u16 = 2;

/// Why a store cannot be used. Every variant names the file, because the operator has to act on it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file's content is not what was written. Restore a copy (and start with `restored = true`) or move it away.
    #[error("store {path} is damaged: {reason}", path = path.display())]
    Damaged { path: PathBuf, reason: String },
    /// The file belongs to another role, deployment or key.
    #[error("store {path} belongs to {found}, not to {expected}", path = path.display())]
    Foreign { path: PathBuf, found: String, expected: String },
    /// Another process has the file open.
    #[error("store {path} is in use by another process", path = path.display())]
    InUse { path: PathBuf },
    /// Reading or writing failed.
    #[error("store {path} cannot be read or written", path = path.display())]
    Io { path: PathBuf, source: Box<redb::Error> },
}

/// Whose store it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    format: u16,
    role: String,
    chain_id: u64,
    registry: Address,
    key: B256,
}

impl Identity {
    /// `key` names the signing key: the BLS operator id of an executor, the address (left-padded) of a gateway.
    pub fn new(role: &str, chain_id: u64, registry: Address, key: B256) -> Self {
        Self { format: FORMAT, role: role.to_owned(), chain_id, registry, key }
    }

    fn describe(&self) -> String {
        format!(
            "{} {} on chain {} registry {} (format {})",
            self.role, self.key, self.chain_id, self.registry, self.format
        )
    }
}

/// When a store was created. A deleted store is told from a new one by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Birth {
    /// The newest finalized block that was known.
    pub block: u64,
    /// The time, Unix seconds: the machine's clock or the finalized one, whichever was ahead.
    pub clock: u64,
}

/// An open store.
pub struct Store {
    database: Database,
    path: PathBuf,
    born: Birth,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store at `path`, or creates it, remembering `now` as its birth.
    pub fn open(files: &dyn Files, path: &Path, identity: &Identity, now: Birth) -> Result<Self, Error> {
        let database = open_checked(files, path)?;
        let mut store = Self { database, path: path.to_owned(), born: now };
        store.born = store.claim(identity, now)?;
        Ok(store)
    }

    /// When the file was created.
    pub fn born(&self) -> Birth {
        self.born
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in one transaction that is on disk when this returns.
    pub fn write<T>(&self, work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>) -> Result<T, Error> {
        self.transact(Durability::Immediate, work)
    }

    /// Runs `work` in one transaction that a crash may undo until the next `write`; never for anything that must be
    /// known before a signature exists.
    pub fn write_soon<T>(&self, work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>) -> Result<T, Error> {
        self.transact(Durability::None, work)
    }

    /// Runs `work` over one snapshot.
    pub fn read<T>(&self, work: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>) -> Result<T, Error> {
        let run = || work(&self.database.begin_read()?);
        run().map_err(|source| self.failed(source))
    }

    /// One record's bytes.
    pub fn bytes(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.read(|transaction| {
            let table = transaction.open_table(table)?;
            Ok(table.get(key)?.map(|record| record.value().to_vec()))
        })
    }

    /// One record.
    pub fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, Error> {
        self.bytes(table, key)?.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// Decodes a record; a record that does not decode means that the file is damaged.
    pub fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Error> {
        postcard::from_bytes(bytes).map_err(|error| Error::Damaged {
            path: self.path.clone(),
            reason: format!("a record does not decode: {error}"),
        })
    }

    fn transact<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, Error> {
        let run = || {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(durability)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|source| self.failed(source))
    }

    /// Writes the identity into a new file, compares it in an old one; returns the block of the file's creation.
    fn claim(&self, identity: &Identity, now: Birth) -> Result<Birth, Error> {
        let found = self.write(|transaction| {
            let mut meta = transaction.open_table(META)?;
            let found = meta.get(IDENTITY_KEY)?.map(|guard| guard.value().to_vec());
            if found.is_none() {
                meta.insert(IDENTITY_KEY, encode(identity).as_slice())?;
                meta.insert(CREATED_KEY, encode(&now).as_slice())?;
            }
            let born = meta.get(CREATED_KEY)?.map(|guard| guard.value().to_vec());
            Ok((found, born))
        })?;
        if let Some(bytes) = found.0 {
            let owner: Identity = self.decode(&bytes)?;
            if &owner != identity {
                let (found, expected) = (owner.describe(), identity.describe());
                return Err(Error::Foreign { path: self.path.clone(), found, expected });
            }
        }
        let born =
            found.1.ok_or_else(|| Error::Damaged { path: self.path.clone(), reason: "its birth is missing".into() })?;
        self.decode(&born)
    }

    fn failed(&self, source: redb::Error) -> Error {
        classify(&self.path, source)
    }
}

/// Writes one record.
pub fn put(transaction: &WriteTransaction, table: Table, key: &[u8], record: &[u8]) -> Result<(), redb::Error> {
    transaction.open_table(table)?.insert(key, record)?;
    Ok(())
}

/// Encodes a record of ours; these types have no failing case (no maps of unknown length, no foreign serializers).
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("encoding a plain record into memory cannot fail")
}

/// Opens and checks the whole file. The library may panic on content that it could never have written: caught here, since
/// for the operator that is a damaged file like any other.
fn open_checked(files: &dyn Files, path: &Path) -> Result<Database, Error> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let mut database = files.open(path)?;
        let clean = database.check_integrity()?;
        Ok::<_, redb::Error>((database, clean))
    }));
    let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
    match opened {
        Ok(Ok((database, true))) => Ok(database),
        Ok(Ok((_, false))) => Err(damaged("its checksums do not match its content".into())),
        Ok(Err(source)) => Err(classify(path, source)),
        Err(_) => Err(damaged("its structure cannot be read".into())),
    }
}

fn classify(path: &Path, source: redb::Error) -> Error {
    let path = path.to_owned();
    match source {
        redb::Error::Corrupted(reason) => Error::Damaged { path, reason },
        redb::Error::UpgradeRequired(version) => {
            Error::Damaged { path, reason: format!("file format {version} is unknown") }
        }
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Error::Damaged { path, reason: error.to_string() }
        }
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::Damaged { path, reason: "it is cut short".into() }
        }
        redb::Error::DatabaseAlreadyOpen => Error::InUse { path },
        source => Error::Io { path, source: Box::new(source) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::LocalFiles;

    const BIRTH: Birth = Birth { block: 7, clock: 70 };
    const TABLE: TableDefinition<u64, &[u8]> = TableDefinition::new("things");

    fn identity(key: u8) -> Identity {
        Identity::new("executor", 31337, Address::repeat_byte(1), B256::repeat_byte(key))
    }

    fn filled(path: &Path) {
        let store = Store::open(&LocalFiles, path, &identity(1), BIRTH).unwrap();
        for round in 0..40u64 {
            store
                .write(|transaction| {
                    let mut table = transaction.open_table(TABLE)?;
                    table.insert(round, [round as u8; 900].as_slice())?;
                    Ok(())
                })
                .unwrap();
        }
    }

    #[test]
    fn a_store_remembers_its_birth() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/store.redb");
        drop(Store::open(&LocalFiles, &path, &identity(1), BIRTH).unwrap());
        let later = Birth { block: 99, clock: 1_000 };
        assert_eq!(Store::open(&LocalFiles, &path, &identity(1), later).unwrap().born(), BIRTH);
    }

    #[test]
    fn a_store_of_another_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        drop(Store::open(&LocalFiles, &path, &identity(1), BIRTH).unwrap());
        let error = Store::open(&LocalFiles, &path, &identity(2), BIRTH).unwrap_err();
        assert!(matches!(&error, Error::Foreign { .. }) && error.to_string().contains("store.redb"), "{error}");
    }

    #[test]
    fn a_store_in_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let _held = Store::open(&LocalFiles, &path, &identity(1), BIRTH).unwrap();
        assert!(matches!(Store::open(&LocalFiles, &path, &identity(1), BIRTH).unwrap_err(), Error::InUse { .. }));
    }

    #[test]
    fn a_damaged_store_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        filled(&path);
        let good = std::fs::read(&path).unwrap();
        let check = |name: &str, bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let error = Store::open(&LocalFiles, &path, &identity(1), BIRTH).unwrap_err();
            let named = matches!(&error, Error::Damaged { path, .. } if path.ends_with("store.redb"));
            assert!(named, "{name}: {error:?}");
        };
        check("text", b"this is no store, but long enough to be looked at as if it were one");
        check("cut in half", &good[..good.len() / 2]);
        let at = good.windows(64).position(|window| window == [33u8; 64]).unwrap();
        let mut flipped = good.clone();
        flipped[at + 5] ^= 1;
        check("one flipped bit in a value", &flipped);
    }
}
