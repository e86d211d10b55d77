//! The statements. Both databases take `$1` and `ON CONFLICT`; what they differ in stands here and nowhere else.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::Open;
use crate::error::Error;
use crate::field::{Cell, Kind};
use crate::row::{Row, Table};
use crate::rows::Meta;

/// Schema, chain id, genesis hash and DelegationManager, as they stand in the database.
pub(super) type Identity = (u64, u64, String, String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    pub fn of(url: &str) -> Option<Self> {
        match url.split_once("://")?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// SQLite makes its file.
    pub fn with_options(self, url: &str) -> String {
        match self {
            Self::Sqlite if !url.contains('?') => format!("{url}?mode=rwc"),
            _ => url.to_owned(),
        }
    }

    /// SQLite readers must not hold up the writer, and what is committed must be on disk.
    pub fn on_connect(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["PRAGMA busy_timeout = 10000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"],
            Self::Postgres => &["SET statement_timeout = '60s'", "SET lock_timeout = '20s'"],
        }
    }

    /// One snapshot for all reads of a transaction; SQLite has it without asking.
    pub fn on_read(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &[],
            Self::Postgres => &["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"],
        }
    }

    /// Text compares byte by byte, whatever the server's language.
    fn kind(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Sqlite, Kind::Integer) => "INTEGER NOT NULL",
            (Self::Sqlite, Kind::Text) => "TEXT NOT NULL",
            (Self::Postgres, Kind::Integer) => "BIGINT NOT NULL",
            (Self::Postgres, Kind::Text) => "TEXT COLLATE \"C\" NOT NULL",
        }
    }

    pub fn create(self, table: &Table) -> String {
        let columns: Vec<_> =
            table.columns().map(|column| format!("\"{}\" {}", column.name, self.kind(column.kind))).collect();
        let keys = names(table.keys.iter().map(|column| column.name));
        format!("CREATE TABLE IF NOT EXISTS \"{}\" ({}, PRIMARY KEY ({keys}))", table.name, columns.join(", "))
    }

    pub fn create_indexes(self, table: &Table) -> Vec<String> {
        let name = table.name;
        let index =
            |column: &&str| format!("CREATE INDEX IF NOT EXISTS \"{name}_by_{column}\" ON \"{name}\" (\"{column}\")");
        table.indexed.iter().map(index).collect()
    }

    pub fn drop(self, table: &Table) -> String {
        format!("DROP TABLE IF EXISTS \"{}\"", table.name)
    }

    pub fn empty(self, table: &Table) -> String {
        format!("DELETE FROM \"{}\"", table.name)
    }

    pub fn upsert(self, table: &Table) -> String {
        let columns = names(table.columns().map(|column| column.name));
        let keys = names(table.keys.iter().map(|column| column.name));
        let values: Vec<_> = (1..=table.columns().count()).map(|number| format!("${number}")).collect();
        let new: Vec<_> =
            table.fields.iter().map(|column| format!("\"{0}\" = excluded.\"{0}\"", column.name)).collect();
        let change = if new.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", new.join(", ")) };
        let values = values.join(", ");
        format!("INSERT INTO \"{}\" ({columns}) VALUES ({values}) ON CONFLICT ({keys}) DO {change}", table.name)
    }

    pub fn select_one(self, table: &Table) -> String {
        format!("{} WHERE {}", select(table), equals(table.keys.iter().map(|column| column.name), 1))
    }

    pub fn delete(self, table: &Table) -> String {
        format!("DELETE FROM \"{}\" WHERE {}", table.name, equals(table.keys.iter().map(|column| column.name), 1))
    }

    pub fn move_cursor(self) -> String {
        let columns = ["block", "block_hash", "events"];
        let new: Vec<_> = (1..).zip(columns).map(|(number, column)| format!("\"{column}\" = ${number}")).collect();
        format!("UPDATE \"{}\" SET {} WHERE {}", Meta::TABLE.name, new.join(", "), equals(columns.into_iter(), 4))
    }
}

/// All columns of a table.
pub(super) fn select(table: &Table) -> String {
    format!("SELECT {} FROM \"{}\"", names(table.columns().map(|column| column.name)), table.name)
}

/// `"a" = $1 AND "b" = $2`, numbered from `first`.
pub(super) fn equals<'a>(columns: impl Iterator<Item = &'a str>, first: usize) -> String {
    let terms: Vec<_> = (first..).zip(columns).map(|(number, column)| format!("\"{column}\" = ${number}")).collect();
    terms.join(" AND ")
}

pub(super) fn names<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    columns.map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
}

impl Open {
    /// Runs a statement made of the descriptions of tables; values go in as parameters only. Returns the rows it touched.
    pub(super) async fn run(&mut self, statement: String, values: &[Cell]) -> Result<u64, Error> {
        let query = bound(sqlx::query(AssertSqlSafe(statement)), values);
        let done = query.execute(&mut *self.inner).await;
        Ok(done.map_err(|source| Error::Database { database: self.shown.clone(), source })?.rows_affected())
    }

    /// The rows of `table` that a statement selects.
    pub(super) async fn fetch(
        &mut self,
        statement: String,
        values: &[Cell],
        table: &'static Table,
    ) -> Result<Vec<Vec<Cell>>, Error> {
        let query = bound(sqlx::query(AssertSqlSafe(statement)), values);
        let rows = query.fetch_all(&mut *self.inner).await;
        let failed = |source| Error::Database { database: self.shown.clone(), source };
        rows.map_err(failed)?.iter().map(|row| cells(row, table).map_err(failed)).collect()
    }

    /// Whose index this is; none for a new one. These columns are the same in every schema.
    pub(super) async fn identity(&mut self) -> Result<Option<Identity>, Error> {
        let identity = ["schema", "chain_id", "genesis_hash", "delegation_manager"];
        let statement = format!("SELECT {} FROM \"{}\"", names(identity.into_iter()), Meta::TABLE.name);
        let row = sqlx::query(AssertSqlSafe(statement)).fetch_optional(&mut *self.inner).await;
        let failed = |source| Error::Database { database: self.shown.clone(), source };
        let Some(row) = row.map_err(failed)? else { return Ok(None) };
        let number = |at: usize| row.try_get::<i64, _>(at).map(|number| u64::try_from(number).unwrap_or_default());
        let text = |at: usize| row.try_get::<String, _>(at);
        let read = || Ok((number(0)?, number(1)?, text(2)?, text(3)?));
        read().map(Some).map_err(failed)
    }

    /// How many rows a table has.
    pub(super) async fn count(&mut self, table: &'static Table) -> Result<u64, Error> {
        let statement = format!("SELECT COUNT(*) FROM \"{}\"", table.name);
        let row = sqlx::query(AssertSqlSafe(statement)).fetch_one(&mut *self.inner).await;
        let count = row.and_then(|row| row.try_get::<i64, _>(0));
        let failed = |source| Error::Database { database: self.shown.clone(), source };
        Ok(u64::try_from(count.map_err(failed)?).unwrap_or_default())
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

fn bound<'q>(query: Query<'q>, values: &[Cell]) -> Query<'q> {
    values.iter().fold(query, |query, value| match value {
        Cell::Integer(integer) => query.bind(*integer),
        Cell::Text(text) => query.bind(text.clone()),
    })
}

fn cells(row: &AnyRow, table: &'static Table) -> Result<Vec<Cell>, sqlx::Error> {
    let cell = |(at, column): (usize, &crate::row::Column)| match column.kind {
        Kind::Integer => row.try_get(at).map(Cell::Integer),
        Kind::Text => row.try_get(at).map(Cell::Text),
    };
    table.columns().enumerate().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{QueuedShares, Strategy};

    #[test]
    fn statements_are_made_from_the_description() {
        assert_eq!(
            Dialect::Sqlite.upsert(Strategy::TABLE),
            r#"INSERT INTO "vouch_strategies" ("strategy", "open") VALUES ($1, $2) ON CONFLICT ("strategy") DO UPDATE SET "open" = excluded."open""#
        );
        assert_eq!(
            Dialect::Postgres.select_one(QueuedShares::TABLE),
            r#"SELECT "root", "position", "strategy", "scaled_shares", "shares" FROM "vouch_queued_shares" WHERE "root" = $1 AND "position" = $2"#
        );
        assert!(Dialect::Postgres.create(Strategy::TABLE).contains(r#""strategy" TEXT COLLATE "C" NOT NULL"#));
    }
}
