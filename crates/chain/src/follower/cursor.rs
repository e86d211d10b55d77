use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::B256;
use redb::{Database, ReadableDatabase, TableDefinition};

use super::{Cursor, CursorStore};
use crate::error::Error;

/// Name of the follower -> chain id (8 bytes), genesis hash, block number (8 bytes), block hash; big endian.
const CURSORS: TableDefinition<&str, &[u8]> = TableDefinition::new("cursors");
const ENCODED_BYTES: usize = 80;

/// A cursor has a few hundred bytes; redb's default would let it have 1 GiB of memory.
const CACHE_BYTES: usize = 1 << 20;

/// A cursor in a redb database: checksummed and durable. Several followers may share one file under their own names.
#[derive(Debug, Clone)]
pub struct RedbCursor {
    database: Arc<Database>,
    path: PathBuf,
    name: String,
}

impl RedbCursor {
    /// Opens or creates the database at `path`.
    ///
    /// # Errors
    /// [`Error::Store`] names a file that is damaged, locked or not ours.
    pub fn open(path: &Path, name: &str) -> Result<Self, Error> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(path);
        let database = database.map_err(|source| Error::store(path, source))?;
        Ok(Self { database: Arc::new(database), path: path.to_owned(), name: name.to_owned() })
    }

    /// Another follower's cursor in the same file.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    fn read(&self) -> Result<Option<Vec<u8>>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let table = match transaction.open_table(CURSORS) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(table.get(self.name.as_str())?.map(|value| value.value().to_vec()))
    }

    fn write(&self, bytes: &[u8]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(CURSORS)?.insert(self.name.as_str(), bytes)?;
        transaction.commit()?;
        Ok(())
    }
}

impl CursorStore for RedbCursor {
    fn load(&mut self) -> Result<Option<Cursor>, Error> {
        let bytes = self.read().map_err(|source| Error::store(&self.path, source))?;
        let decode = |bytes: Vec<u8>| {
            decode(&bytes).ok_or_else(|| Error::store(&self.path, format!("the cursor {:?} is damaged", self.name)))
        };
        bytes.map(decode).transpose()
    }

    fn save(&mut self, cursor: &Cursor) -> Result<(), Error> {
        self.write(&encode(cursor)).map_err(|source| Error::store(&self.path, source))
    }
}

fn encode(cursor: &Cursor) -> Vec<u8> {
    [
        &cursor.chain_id.to_be_bytes()[..],
        cursor.genesis_hash.as_slice(),
        &cursor.number.to_be_bytes()[..],
        cursor.hash.as_slice(),
    ]
    .concat()
}

fn decode(bytes: &[u8]) -> Option<Cursor> {
    if bytes.len() != ENCODED_BYTES {
        return None;
    }
    Some(Cursor {
        chain_id: u64::from_be_bytes(bytes[..8].try_into().ok()?),
        genesis_hash: B256::from_slice(&bytes[8..40]),
        number: u64::from_be_bytes(bytes[40..48].try_into().ok()?),
        hash: B256::from_slice(&bytes[48..]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_process_and_names_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor.redb");
        let cursor = Cursor { chain_id: 7, genesis_hash: B256::repeat_byte(1), number: 9, hash: B256::repeat_byte(2) };
        let mut store = RedbCursor::open(&path, "events").unwrap();
        assert_eq!(store.load().unwrap(), None);
        store.save(&cursor).unwrap();
        drop(store);
        let mut store = RedbCursor::open(&path, "events").unwrap();
        assert_eq!(store.load().unwrap(), Some(cursor));
        assert_eq!(store.named("other").load().unwrap(), None);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor.redb");
        std::fs::write(&path, [0x5a; 8192]).unwrap();
        let error = RedbCursor::open(&path, "events").unwrap_err();
        assert!(error.to_string().contains("cursor.redb"), "{error}");
    }
}
