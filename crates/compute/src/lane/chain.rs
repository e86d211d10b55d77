//! What executor and gateway need to know of the chain, and of each other: traits that the node implements.
//!
//! Everything here is finalized state, kept in memory by whoever implements it (a follower of finalized events), so
//! reading it never waits. Only the randomness of an arbitrary old block may need a request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes};
use futures::future::BoxFuture;
use vouch_core::bls::PublicKeyG2;
use vouch_core::{AppId, OperatorId, OperatorTable, Program, ProgramId};

use super::inbox::Inbox;
use super::{LaneKey, LaneState};
use crate::fees::{Deposit, Price};
use crate::wire::Signer;

/// A finalized block: mostly the newest one known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub number: u64,
    /// Unix seconds.
    pub timestamp: u64,
}

/// What counts of an app here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppState {
    pub operator_set_id: u32,
    pub profile: Address,
    /// Share of the primary weight that must sign, in 1/10,000, rounded up.
    pub threshold_bips: u16,
    /// How old a table may be, seconds.
    pub staleness_seconds: u32,
}

/// A program as an app published it; others may have published the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    pub program: Program,
    /// Under which table its batches are signed: zero for wasm, else the programId.
    pub table: B256,
}

impl Release {
    /// Whether only operators that accepted it count: it has a table of its own.
    pub fn needs_acceptance(&self) -> bool {
        !self.table.is_zero()
    }
}

/// Which operators accept a program that has a table of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// Members of the app's set that accept it; they are in the next table if they have stake.
    pub operators: BTreeSet<OperatorId>,
    /// Whether that has changed since the program's newest table was made.
    pub changed: bool,
}

/// An operator table with what it does not hold itself: its members' keys on G2 (from the KeyRegistrar) and their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    table: OperatorTable,
    keys: Vec<PublicKeyG2>,
    operators: Vec<OperatorId>,
}

/// The number of G2 keys is not that of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{keys} keys for {members} members")]
pub struct KeyCount {
    pub keys: usize,
    pub members: usize,
}

impl Table {
    /// `keys` by table index.
    pub fn new(table: OperatorTable, keys: Vec<PublicKeyG2>) -> Result<Self, KeyCount> {
        let members = table.infos().len();
        if keys.len() != members {
            return Err(KeyCount { keys: keys.len(), members });
        }
        let operators = table.infos().iter().map(|info| info.pubkey.operator_id()).collect();
        Ok(Self { table, keys, operators })
    }

    pub fn table(&self) -> &OperatorTable {
        &self.table
    }

    pub fn keys(&self) -> &[PublicKeyG2] {
        &self.keys
    }

    /// The members' ids, by table index.
    pub fn operators(&self) -> &[OperatorId] {
        &self.operators
    }

    pub fn index_of(&self, operator: OperatorId) -> Option<usize> {
        self.operators.iter().position(|member| *member == operator)
    }
}

/// The chain is unreachable; what was asked may still be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chain cannot be read now")]
pub struct Unavailable;

/// Finalized state.
pub trait ChainView: Send + Sync + 'static {
    fn chain_id(&self) -> u64;
    fn registry(&self) -> Address;
    fn head(&self) -> Head;
    /// The latest finalized block's timestamp plus the monotonic time since it was learned, Unix seconds.
    fn clock(&self) -> u64;
    /// The machine's clock or the finalized one, whichever is ahead, Unix seconds: "now" for what must come later.
    fn start_clock(&self) -> u64;
    /// Every app known, with the number of its lanes.
    fn apps(&self) -> Vec<(AppId, u32)>;
    fn app(&self, app: AppId) -> Option<AppState>;
    /// What `app` published; another app's release of the same program is not one of its own.
    fn release(&self, app: AppId, program: ProgramId) -> Option<Arc<Release>>;
    /// The app's newest release; the one that most calls are about.
    fn newest_release(&self, app: AppId) -> Option<Arc<Release>>;
    /// Of a program that is not wasm: without acceptance nobody is in its table.
    fn acceptance(&self, app: AppId, program: ProgramId) -> Acceptance;
    fn lane(&self, lane: LaneKey) -> Option<LaneState>;
    /// The newest table of (the app's set, `table`).
    fn latest_table(&self, app: AppId, table: B256) -> Option<Arc<Table>>;
    /// The table of exactly this timestamp.
    fn table(&self, app: AppId, table: B256, reference_timestamp: u32) -> Option<Arc<Table>>;
    /// What the app charged at `time`, Unix seconds; none if it had never named a price by then.
    fn price(&self, _app: AppId, _time: u64) -> Option<Price> {
        None
    }
    /// What a client has deposited for calls of the app.
    fn deposit(&self, _app: AppId, _client: Address) -> Deposit {
        Deposit::default()
    }
    /// The first finalized block, with its time, that showed `signer` in a table of the app's set, or as the gateway of `lane`, in whatever
    /// epoch.
    fn first_shown(&self, lane: LaneKey, signer: Signer) -> Option<Head>;
    /// The lane's forced inbox; none where the deployment has none.
    fn inbox(&self, _lane: LaneKey) -> Option<Arc<Inbox>> {
        None
    }
    /// `prevrandao` of a block; none if it is not finalized.
    fn prevrandao(&self, block: u64) -> BoxFuture<'static, Result<Option<B256>, Unavailable>>;
}

/// An executor that can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutorPeer {
    pub operator: OperatorId,
    /// The address of the key that signs its report lists.
    pub account: Address,
}

/// Why a peer gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("no answer in time")]
    Timeout,
    #[error("unreachable: {0}")]
    Unreachable(String),
}

/// Calls others. Implementations bound the answer's size ([`crate::wire::BODY_BYTES_MAX`]) and obey the timeout.
pub trait Peers: Send + Sync + 'static {
    /// The executors of an app, in any order.
    fn executors(&self, app: AppId) -> Vec<ExecutorPeer>;
    /// The gateways of an app.
    fn gateways(&self, app: AppId) -> Vec<Address>;
    /// Sends one body and waits for the answer's body.
    fn call(&self, to: Signer, body: Bytes, timeout: Duration) -> BoxFuture<'static, Result<Bytes, CallError>>;
}
