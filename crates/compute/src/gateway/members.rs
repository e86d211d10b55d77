//! The members of an operator table, with where they can be called.

use std::sync::Arc;

use alloy_primitives::{Address, U256};
use vouch_core::{AppId, OperatorId, table};

use crate::lane::chain::{ExecutorPeer, Peers, Table};
use crate::wire::Signer;

/// A member that can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub operator: OperatorId,
    /// The address of its account key.
    pub account: Address,
}

impl Member {
    pub fn signer(&self) -> Signer {
        Signer::Operator(self.operator)
    }
}

/// A table with its members' whereabouts, by table index.
#[derive(Clone, Debug)]
pub struct Members {
    pub table: Arc<Table>,
    /// Primary weight that must agree or sign.
    pub threshold: U256,
    reachable: Vec<Option<Member>>,
}

impl Members {
    /// `threshold_bips`: the app's share of the primary weight, rounded up.
    pub fn new(table: Arc<Table>, threshold_bips: u16, app: AppId, peers: &dyn Peers) -> Self {
        let known = peers.executors(app);
        let find = |operator: &OperatorId| known.iter().find(|peer| peer.operator == *operator).map(member);
        let reachable = table.operators().iter().map(find).collect();
        let threshold = table::threshold(table.table().totals()[0], threshold_bips);
        Self { table, threshold, reachable }
    }

    pub fn count(&self) -> usize {
        self.reachable.len()
    }

    pub fn weights(&self) -> Vec<U256> {
        self.table.table().primary_weights()
    }

    pub fn weight(&self, index: usize) -> U256 {
        self.table.table().infos()[index].weights[0]
    }

    pub fn operators(&self) -> impl Iterator<Item = OperatorId> + '_ {
        self.table.operators().iter().copied()
    }

    pub fn operator(&self, index: usize) -> OperatorId {
        self.table.operators()[index]
    }

    pub fn reachable(&self, index: usize) -> Option<Member> {
        self.reachable[index]
    }
}

fn member(peer: &ExecutorPeer) -> Member {
    Member { operator: peer.operator, account: peer.account }
}
