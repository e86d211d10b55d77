//! The index in a database: SQLite in a file, or PostgreSQL. One set of statements for both.
//!
//! A page of blocks is one transaction with the cursor in it. A process that ends at any moment leaves either all of a page or
//! nothing of it. The cursor is moved first and only from where this process knows it, so a second writer is found out before
//! it has written anything.

use std::path::Path;
use std::time::Duration;

use alloy_primitives::B256;
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyPool, Transaction};
use vouch_chain::{Cursor, Deployment};

use crate::apply::apply;
use crate::error::Error;
use crate::event::{At, Event};
use crate::field::{Cell, Field};
use crate::row::{Place, Row};
use crate::rows::{Meta, SCHEMA, TABLES};
use crate::state::{State, Stop};

mod read;
mod sql;

pub use read::{Reader, Select};
use sql::Dialect;

/// Connections of one process: one that writes, the others for readers.
const CONNECTIONS_MAX: u32 = 4;
/// How long a connection may be waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the transaction of one page may take.
pub const PAGE_TIMEOUT: Duration = Duration::from_secs(120);

/// Which deployment an index is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub chain_id: u64,
    pub genesis_hash: B256,
    pub delegation_manager: alloy_primitives::Address,
}

impl Subject {
    #[must_use]
    pub fn of(deployment: &Deployment) -> Self {
        Self {
            chain_id: deployment.chain_id,
            genesis_hash: deployment.genesis_hash,
            delegation_manager: deployment.contracts.delegation_manager,
        }
    }
}

/// How far an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// None before the first page.
    pub cursor: Option<Cursor>,
    /// Events that were read so far.
    pub events: u64,
}

/// An open index. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    dialect: Dialect,
    subject: Subject,
    /// The database without its password.
    shown: String,
}

/// An index in a file, as an address.
#[must_use]
pub fn file_url(path: &Path) -> String {
    let mut encoded = String::from("sqlite://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(*byte))
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

impl Store {
    /// Opens the index of `subject` at `url`, makes it if there is none, and empties one of an older schema.
    ///
    /// # Errors
    /// [`Error::OtherDeployment`], [`Error::NewerSchema`], or why the database cannot be used.
    pub async fn open(url: &str, subject: Subject) -> Result<Self, Error> {
        let store = Self::connect(url, subject).await?;
        store.within(store.prepare(false)).await?;
        Ok(store)
    }

    /// As [`Self::open`], but empties whatever index is there, of this deployment or another.
    ///
    /// # Errors
    /// Why the database cannot be used.
    pub async fn open_empty(url: &str, subject: Subject) -> Result<Self, Error> {
        let store = Self::connect(url, subject).await?;
        store.within(store.prepare(true)).await?;
        Ok(store)
    }

    async fn connect(url: &str, subject: Subject) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let shown = shown(url);
        let dialect = Dialect::of(url).ok_or_else(|| Error::InvalidDatabase(shown.clone()))?;
        let failed = |source| Error::Database { database: shown.clone(), source };
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    for statement in dialect.on_connect() {
                        sqlx::query(*statement).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .connect(&dialect.with_options(url))
            .await
            .map_err(failed)?;
        Ok(Self { pool, dialect, subject, shown })
    }

    /// The database without its password.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    async fn prepare(&self, anew: bool) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        transaction.run(self.dialect.create(Meta::TABLE), &[]).await?;
        let found = transaction.identity().await?;
        match &found {
            Some(found) if anew && found.0 == SCHEMA => transaction.empty_all().await?,
            Some(_) if anew => transaction.drop_all().await?,
            Some(found) => {
                self.require_same(found)?;
                if found.0 > SCHEMA {
                    return Err(Error::NewerSchema { database: self.shown.clone(), found: found.0, known: SCHEMA });
                }
                if found.0 < SCHEMA {
                    tracing::warn!(found = found.0, known = SCHEMA, "index.store.empty: the schema is older");
                    transaction.drop_all().await?;
                }
            }
            None => {}
        }
        for table in std::iter::once(&Meta::TABLE).chain(TABLES) {
            transaction.run(self.dialect.create(table), &[]).await?;
            for statement in self.dialect.create_indexes(table) {
                transaction.run(statement, &[]).await?;
            }
        }
        if transaction.get::<Meta>(&(0,)).await?.is_none() {
            transaction.put(&self.first().cells(), Meta::TABLE).await?;
        }
        transaction.commit().await
    }

    fn first(&self) -> Meta {
        Meta {
            schema: SCHEMA,
            chain_id: self.subject.chain_id,
            genesis_hash: self.subject.genesis_hash,
            delegation_manager: self.subject.delegation_manager,
            ..Meta::empty((0,))
        }
    }

    fn require_same(&self, found: &sql::Identity) -> Result<(), Error> {
        let (_, chain_id, genesis, delegation) = found;
        let subject = &self.subject;
        let facts = [
            ("chain", subject.chain_id.to_string(), chain_id.to_string()),
            ("the chain with genesis block", subject.genesis_hash.to_string(), genesis.clone()),
            (
                "the deployment with the DelegationManager",
                format!("{:#x}", subject.delegation_manager),
                delegation.clone(),
            ),
        ];
        match facts.into_iter().find(|(_, expected, found)| expected != found) {
            None => Ok(()),
            Some((what, expected, found)) => {
                Err(Error::OtherDeployment { database: self.shown.clone(), what, expected, found })
            }
        }
    }

    /// Where the index stands.
    ///
    /// # Errors
    /// Why the database cannot be read.
    pub async fn position(&self) -> Result<Position, Error> {
        Ok(self.read().await?.position())
    }

    /// A view of the index that does not change while it is looked at.
    ///
    /// # Errors
    /// Why the database cannot be read.
    pub async fn read(&self) -> Result<Reader, Error> {
        self.within(async {
            let mut transaction = self.begin().await?;
            for statement in self.dialect.on_read() {
                transaction.run((*statement).to_owned(), &[]).await?;
            }
            let meta = transaction.get::<Meta>(&(0,)).await?.ok_or(Error::Empty)?;
            Ok(Reader::new(transaction, meta))
        })
        .await
    }

    /// Writes what `events` make of the index, together with the new cursor, in one transaction.
    ///
    /// # Errors
    /// [`Error::Contradiction`], [`Error::OtherWriter`], or why the database cannot be written; nothing was written then.
    pub async fn write(
        &self,
        from: &Position,
        cursor: Cursor,
        events: &[(u64, B256, Event)],
    ) -> Result<Position, Error> {
        self.within(self.write_page(from, cursor, events)).await
    }

    async fn write_page(
        &self,
        from: &Position,
        cursor: Cursor,
        events: &[(u64, B256, Event)],
    ) -> Result<Position, Error> {
        let to = Position { cursor: Some(cursor), events: from.events + events.len() as u64 };
        let mut transaction = self.begin().await?;
        if !transaction.move_cursor(from, &to).await? {
            return Err(Error::OtherWriter { database: self.shown.clone() });
        }
        let mut state = State::default();
        for (sequence, (block, hash, event)) in (from.events + 1..).zip(events) {
            let at = At { block: *block, transaction: *hash, sequence };
            transaction.step(&mut state, at, event).await?;
        }
        for (place, cells) in state.changes() {
            match cells {
                Some(cells) => transaction.put(cells, place.table).await?,
                None => transaction.delete(place).await?,
            }
        }
        transaction.commit().await?;
        Ok(to)
    }

    async fn begin(&self) -> Result<Open, Error> {
        let inner = self.pool.begin().await;
        let inner = inner.map_err(|source| Error::Database { database: self.shown.clone(), source })?;
        Ok(Open { inner, dialect: self.dialect, shown: self.shown.clone() })
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let late = |_| Error::Late { database: self.shown.clone(), seconds: PAGE_TIMEOUT.as_secs() };
        tokio::time::timeout(PAGE_TIMEOUT, work).await.map_err(late)?
    }
}

/// A transaction under way; dropped without [`Open::commit`], it leaves nothing.
struct Open {
    inner: Transaction<'static, Any>,
    dialect: Dialect,
    shown: String,
}

impl Open {
    async fn commit(self) -> Result<(), Error> {
        let database = self.shown;
        self.inner.commit().await.map_err(|source| Error::Database { database, source })
    }

    /// Applies one event; rows are loaded as its rule asks for them.
    async fn step(&mut self, state: &mut State, at: At, event: &Event) -> Result<(), Error> {
        loop {
            match apply(state, at, event) {
                Ok(()) => return Ok(()),
                Err(Stop::Contradiction(detail)) => return Err(Error::Contradiction { block: at.block, detail }),
                Err(Stop::Need(place)) => {
                    let cells = self.load(&place).await?;
                    state.load(place, cells);
                }
            }
        }
    }

    async fn get<R: Row>(&mut self, key: &R::Key) -> Result<Option<R>, Error> {
        let place = Place::of::<R>(key);
        let Some(cells) = self.load(&place).await? else { return Ok(None) };
        R::of_cells(&cells).map(Some).ok_or_else(|| Error::Damaged { place: place.to_string() })
    }

    async fn load(&mut self, place: &Place) -> Result<Option<Vec<Cell>>, Error> {
        let mut rows = self.fetch(self.dialect.select_one(place.table), &place.key, place.table).await?;
        Ok(rows.pop())
    }

    async fn put(&mut self, cells: &[Cell], table: &'static crate::row::Table) -> Result<(), Error> {
        self.run(self.dialect.upsert(table), cells).await?;
        Ok(())
    }

    async fn delete(&mut self, place: &Place) -> Result<(), Error> {
        self.run(self.dialect.delete(place.table), &place.key).await?;
        Ok(())
    }

    /// Whoever else has the index open finds the same tables, and goes on from their beginning.
    async fn empty_all(&mut self) -> Result<(), Error> {
        for table in std::iter::once(&Meta::TABLE).chain(TABLES) {
            self.run(self.dialect.empty(table), &[]).await?;
        }
        Ok(())
    }

    async fn drop_all(&mut self) -> Result<(), Error> {
        for table in std::iter::once(&Meta::TABLE).chain(TABLES) {
            self.run(self.dialect.drop(table), &[]).await?;
        }
        Ok(())
    }

    /// Whether the cursor was where this process left it.
    async fn move_cursor(&mut self, from: &Position, to: &Position) -> Result<bool, Error> {
        let cells = |position: &Position| {
            let (number, hash) = position.cursor.map_or((0, B256::ZERO), |cursor| (cursor.number, cursor.hash));
            [number.cell(), hash.cell(), position.events.cell()]
        };
        Ok(self.run(self.dialect.move_cursor(), &[cells(to), cells(from)].concat()).await? == 1)
    }
}

/// An address without user and password.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(no address)".to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, expected) in [
            ("postgres://me:secret@host:5432/index?password=secret", "postgres://host:5432/index"),
            ("postgres://me:se@cret@host/index", "postgres://host/index"),
            ("sqlite:///var/lib/vouch/index.sqlite", "sqlite:///var/lib/vouch/index.sqlite"),
            ("secret", "(no address)"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn any_path_becomes_an_address() {
        assert_eq!(file_url(Path::new("/a b/c?d%")), "sqlite:///a%20b/c%3Fd%25");
    }
}
