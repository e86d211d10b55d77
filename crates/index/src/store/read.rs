//! Reading: typed rows in bounded pages, all of one snapshot.

use alloy_primitives::B256;
use sha2::{Digest, Sha256};
use vouch_chain::Cursor;

use super::{Open, Position, sql};
use crate::error::Error;
use crate::field::Cell;
use crate::row::{Row, Table};
use crate::rows::{Meta, TABLES};

/// Rows that one statement reads at most.
pub const ROWS_MAX: u32 = 1_000;

/// Which rows of a table, and from where on.
#[derive(Clone, Debug, Default)]
pub struct Select {
    /// Columns that must hold these values.
    pub equal: Vec<(&'static str, Cell)>,
    /// The columns by which rows are ordered, and the values after which the page begins. Empty: the key's.
    pub order: Vec<&'static str>,
    pub after: Option<Vec<Cell>>,
    /// Instead of `after`: the values before which the page begins; it runs backwards.
    pub before: Option<Vec<Cell>>,
    /// At most [`ROWS_MAX`]; zero: that many.
    pub limit: u32,
}

impl Select {
    /// Every row, page by page.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn equal(mut self, column: &'static str, value: Cell) -> Self {
        self.equal.push((column, value));
        self
    }

    #[must_use]
    pub fn order(mut self, column: &'static str) -> Self {
        self.order.push(column);
        self
    }

    #[must_use]
    pub fn after(mut self, values: Option<Vec<Cell>>) -> Self {
        self.after = values;
        self
    }

    #[must_use]
    pub fn before(mut self, values: Vec<Cell>) -> Self {
        self.before = Some(values);
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    fn order_of(&self, table: &'static Table) -> Vec<&'static str> {
        if self.order.is_empty() { table.keys.iter().map(|column| column.name).collect() } else { self.order.clone() }
    }

    fn statement(&self, table: &'static Table) -> (String, Vec<Cell>) {
        let order = sql::names(self.order_of(table).into_iter());
        let (bound, sign) = match &self.before {
            Some(before) => (Some(before), "<"),
            None => (self.after.as_ref(), ">"),
        };
        let mut values: Vec<Cell> = self.equal.iter().map(|(_, value)| value.clone()).collect();
        let mut terms = Vec::new();
        if !self.equal.is_empty() {
            terms.push(sql::equals(self.equal.iter().map(|(column, _)| *column), 1));
        }
        if let Some(bound) = bound {
            let first = values.len() + 1;
            let places: Vec<_> = (first..first + bound.len()).map(|number| format!("${number}")).collect();
            terms.push(format!("({order}) {sign} ({})", places.join(", ")));
            values.extend(bound.iter().cloned());
        }
        let filter = if terms.is_empty() { String::new() } else { format!(" WHERE {}", terms.join(" AND ")) };
        let limit = if self.limit == 0 { ROWS_MAX } else { self.limit.min(ROWS_MAX) };
        let order = match &self.before {
            Some(_) => {
                self.order_of(table).iter().map(|name| format!("\"{name}\" DESC")).collect::<Vec<_>>().join(", ")
            }
            None => order,
        };
        (format!("{}{filter} ORDER BY {order} LIMIT {limit}", sql::select(table)), values)
    }
}

/// One snapshot of the index.
pub struct Reader {
    open: Open,
    meta: Meta,
}

impl Reader {
    pub(super) fn new(open: Open, meta: Meta) -> Self {
        Self { open, meta }
    }

    /// Where this snapshot stands.
    #[must_use]
    pub fn position(&self) -> Position {
        let meta = &self.meta;
        let cursor = (!meta.block_hash.is_zero()).then_some(Cursor {
            chain_id: meta.chain_id,
            genesis_hash: meta.genesis_hash,
            number: meta.block,
            hash: meta.block_hash,
        });
        Position { cursor, events: meta.events }
    }

    /// The block up to and including which events are in.
    ///
    /// # Errors
    /// [`Error::Empty`] before the first page.
    pub fn cursor(&self) -> Result<Cursor, Error> {
        self.position().cursor.ok_or(Error::Empty)
    }

    /// # Errors
    /// [`Error::Damaged`], or why the database cannot be read.
    pub async fn get<R: Row>(&mut self, key: &R::Key) -> Result<Option<R>, Error> {
        self.open.get(key).await
    }

    /// One page of rows.
    ///
    /// # Errors
    /// [`Error::Damaged`], or why the database cannot be read.
    pub async fn page<R: Row>(&mut self, select: &Select) -> Result<Vec<R>, Error> {
        let (statement, values) = select.statement(R::TABLE);
        let rows = self.open.fetch(statement, &values, R::TABLE).await?;
        let row = |cells: Vec<Cell>| {
            R::of_cells(&cells).ok_or_else(|| {
                let key: Vec<_> = cells.iter().take(R::TABLE.keys.len()).map(ToString::to_string).collect();
                Error::Damaged { place: format!("{}[{}]", R::TABLE.name, key.join(" ")) }
            })
        };
        rows.into_iter().map(row).collect()
    }

    /// The page after the one that ended with `last`, in the order of keys.
    pub(crate) async fn next<R: Row>(&mut self, last: Option<&R>) -> Result<Vec<R>, Error> {
        let after = last.map(|row| row.cells()[..R::TABLE.keys.len()].to_vec());
        self.page(&Select::all().after(after)).await
    }

    /// Rows per table.
    ///
    /// # Errors
    /// Why the database cannot be read.
    pub async fn counts(&mut self) -> Result<Vec<(&'static str, u64)>, Error> {
        let mut counts = Vec::new();
        for table in TABLES {
            counts.push((table.name, self.open.count(table).await?));
        }
        Ok(counts)
    }

    /// SHA-256 over the deployment, the cursor and every row in the order of keys: the same for the same events, whatever the
    /// database.
    ///
    /// # Errors
    /// Why the database cannot be read.
    pub async fn digest(&mut self) -> Result<B256, Error> {
        let mut hash = Sha256::new();
        add(&mut hash, &self.meta.cells());
        for table in TABLES {
            let mut select = Select::all();
            hash.update(table.name.as_bytes());
            loop {
                let (statement, values) = select.statement(table);
                let rows = self.open.fetch(statement, &values, table).await?;
                rows.iter().for_each(|cells| add(&mut hash, cells));
                let Some(last) = rows.last() else { break };
                select = Select::all().after(Some(last[..table.keys.len()].to_vec()));
            }
        }
        Ok(B256::from(<[u8; 32]>::from(hash.finalize())))
    }
}

/// Each cell with its length, so that no two lists of cells read alike.
fn add(hash: &mut Sha256, cells: &[Cell]) {
    for cell in cells {
        match cell {
            Cell::Integer(integer) => hash.update(integer.to_be_bytes()),
            Cell::Text(text) => {
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text.as_bytes());
            }
        }
    }
}
