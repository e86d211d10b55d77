//! What can go wrong between the chain and the database.

use alloy_primitives::Address;

/// Every failure of the index.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Chain(#[from] vouch_chain::Error),
    /// The database did not do what it was asked to. `database` bears no password.
    #[error("the index database {database} failed")]
    Database {
        database: String,
        #[source]
        source: sqlx::Error,
    },
    /// A database address of another kind.
    #[error("`{0}` is no index database; write sqlite://PATH or postgres://USER@HOST/NAME")]
    InvalidDatabase(String),
    #[error("the index database {database} did not answer within {seconds} s")]
    Late { database: String, seconds: u64 },
    /// The database belongs to another chain or deployment.
    #[error(
        "the index database {database} is of {what} {found}, this node's is {expected}; name another database, or run `vouch index rebuild`"
    )]
    OtherDeployment { database: String, what: &'static str, expected: String, found: String },
    /// A later version of this program wrote it.
    #[error(
        "the index database {database} has schema {found}, this program knows {known}; run the newer program, or `vouch index rebuild` with this one"
    )]
    NewerSchema { database: String, found: u64, known: u64 },
    /// Another process writes the same index.
    #[error("another process writes the index database {database} too; give each node its own")]
    OtherWriter { database: String },
    /// A row holds what this program does not write.
    #[error("row {place} of the index is damaged; run `vouch index rebuild`")]
    Damaged { place: String },
    /// An event that cannot follow on the ones before it.
    #[error(
        "block {block}: {detail}; the endpoint left events out or made some up, so rebuild the index from another one with `vouch index rebuild`"
    )]
    Contradiction { block: u64, detail: String },
    /// A log with the name of an event that is none.
    #[error("block {block} has a log of {contract} that is not the event that it bears the name of")]
    Undecodable { block: u64, contract: Address, source: alloy_sol_types::Error },
    /// The deployment's own first events are missing.
    #[error(
        "{endpoint} shows no event of the deployment up to block {block}: it keeps only newer history; use an endpoint that has all of it"
    )]
    Pruned { endpoint: String, block: u64 },
    /// There is nothing to look at yet.
    #[error("the index is empty; start a node with the role api, or run `vouch index rebuild`")]
    Empty,
}

impl Error {
    /// Whether waiting and trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient() || error.fault() == vouch_chain::Fault::Endpoint,
            // The other one goes on from where this one stands, and this one from where that one does.
            Self::Late { .. } | Self::OtherWriter { .. } => true,
            Self::Database { source, .. } => is_transient(source),
            _ => false,
        }
    }
}

/// A server that is away or busy, and no statement that it refuses.
fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        // Class 08: connection; 40: serialization; 53: resources; 57: operator's intervention. 5 and 6: SQLite is locked.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "40", "53", "57"].iter().any(|class| code.len() == 5 && code.starts_with(class))
                || ["5", "6", "261", "517"].contains(&code.as_ref())
        }),
        _ => false,
    }
}
