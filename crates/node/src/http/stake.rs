use std::sync::Arc;

use alloy_primitives::{Address, U256};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use vouch_api::{
    AllocationView, IndexStatus, IndexedOperator, IndexedOperatorDetails, IndexedSet, IndexedSlash, IndexedStaker,
    IndexedWithdrawal, MembershipView, OperatorStakeView, PAGE_ENTRIES_MAX, Page, Problem, ProblemCode,
    QueuedSharesView, SlashedStrategyView, StakeView,
};
use vouch_index::rows::{
    Allocation, Magnitude, Member, Operator, OperatorSet, OperatorStake, QueuedShares, SetStrategy, Slash,
    SlashedStrategy, Stake, Staker, WAD, Withdrawal,
};
use vouch_index::{Cell, Error, Field, Select, now};

use super::answer::Failure;
use crate::index::{IndexRole, Look, Unavailable};
use crate::node::Shared;

/// Which part of a list.
#[derive(Debug, Default, Deserialize)]
pub struct Part {
    /// The `next` of the page before.
    after: Option<String>,
    /// Entries, at most 100.
    limit: Option<u32>,
    operator: Option<String>,
    staker: Option<String>,
}

impl Part {
    /// One more than are shown, which tells whether there is another page.
    fn rows(&self) -> u32 {
        self.entries() + 1
    }

    fn entries(&self) -> u32 {
        self.limit.unwrap_or(PAGE_ENTRIES_MAX).clamp(1, PAGE_ENTRIES_MAX)
    }

    fn after_address(&self) -> Result<Option<Vec<Cell>>, Failure> {
        self.after.as_ref().map(|after| Ok(vec![address("after", after)?.cell()])).transpose()
    }

    fn after_sequence(&self) -> Result<Option<Vec<Cell>>, Failure> {
        let sequence = |after: &String| {
            let invalid = || Failure::new(ProblemCode::InvalidRequest, "after must be the `next` of the page before");
            let number: u64 = after.parse().map_err(|_| invalid())?;
            Ok(vec![number.cell()])
        };
        self.after.as_ref().map(sequence).transpose()
    }

    fn filter(&self, mut select: Select) -> Result<Select, Failure> {
        if let Some(operator) = &self.operator {
            select = select.equal("operator", address("operator", operator)?.cell());
        }
        if let Some(staker) = &self.staker {
            select = select.equal("staker", address("staker", staker)?.cell());
        }
        Ok(select)
    }

    /// Cuts the extra row off, and says after which one the next page begins.
    fn cut<R>(&self, rows: &mut Vec<R>, name: impl Fn(&R) -> String) -> Option<String> {
        let more = rows.len() > self.entries() as usize;
        rows.truncate(self.entries() as usize);
        rows.last().filter(|_| more).map(name)
    }
}

/// How far the index is
#[utoipa::path(get, path = "/v1/index", responses((status = 200, body = IndexStatus), (status = 404, body = Problem)))]
pub async fn index(State(shared): State<Arc<Shared>>) -> Result<Json<IndexStatus>, Failure> {
    let standing = role(&shared)?.standing().borrow().clone();
    Ok(Json(IndexStatus {
        block: standing.block,
        finalized_block: standing.finalized,
        events: standing.events,
        failure: standing.failure,
    }))
}

/// Every operator, by address
#[utoipa::path(get, path = "/v1/operators", params(("after" = Option<String>, Query), ("limit" = Option<u32>, Query)), responses((status = 200, body = Page<IndexedOperator>), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub async fn operators(
    State(shared): State<Arc<Shared>>,
    Query(part): Query<Part>,
) -> Result<Json<Page<IndexedOperator>>, Failure> {
    let mut look = role(&shared)?.look().await?;
    let select = Select::all().after(part.after_address()?).limit(part.rows());
    let mut rows: Vec<Operator> = look.reader.page(&select).await?;
    let next = part.cut(&mut rows, |row| row.operator.to_string());
    let entries = rows.iter().map(|row| operator_view(row, look.block)).collect();
    Ok(Json(Page { block: look.block, entries, next }))
}

/// One operator
#[utoipa::path(get, path = "/v1/operators/{operator}", params(("operator" = String, Path)), responses((status = 200, body = IndexedOperatorDetails), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub async fn operator(
    State(shared): State<Arc<Shared>>,
    Path(operator): Path<String>,
) -> Result<Json<IndexedOperatorDetails>, Failure> {
    let account = address("the operator", &operator)?;
    let role = role(&shared)?;
    let mut look = role.look().await?;
    let row: Operator = look.reader.get(&(account,)).await?.ok_or_else(|| unknown(format!("operator {account}")))?;
    let of_operator = || Select::all().equal("operator", account.cell());
    let stakes: Vec<OperatorStake> = look.reader.page(&of_operator()).await?;
    let memberships: Vec<Member> = look.reader.page(&of_operator()).await?;
    let allocations: Vec<Allocation> = look.reader.page(&of_operator()).await?;
    let stake = |row: OperatorStake| OperatorStakeView {
        strategy: row.strategy,
        shares: row.shares,
        max_magnitude: row.max_magnitude,
        slashed_shares: row.slashed_shares,
    };
    Ok(Json(IndexedOperatorDetails {
        block: look.block,
        operator: operator_view(&row, look.block),
        stakes: stakes.into_iter().map(stake).collect(),
        memberships: memberships.iter().map(|row| membership(role, row, look.block)).collect(),
        allocations: allocations.iter().map(|row| allocation(row, look.block)).collect(),
    }))
}

/// One staker
#[utoipa::path(get, path = "/v1/stakers/{staker}", params(("staker" = String, Path)), responses((status = 200, body = IndexedStaker), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub async fn staker(
    State(shared): State<Arc<Shared>>,
    Path(staker): Path<String>,
) -> Result<Json<IndexedStaker>, Failure> {
    let account = address("the staker", &staker)?;
    let mut look = role(&shared)?.look().await?;
    let known: Option<Staker> = look.reader.get(&(account,)).await?;
    let rows: Vec<Stake> = look.reader.page(&Select::all().equal("staker", account.cell())).await?;
    if known.is_none() && rows.is_empty() {
        return Err(unknown(format!("staker {account}")));
    }
    let operator = known.as_ref().map(|row| row.operator).unwrap_or_default();
    let mut stakes = Vec::new();
    for row in rows {
        let behind: Option<OperatorStake> = look.reader.get(&(operator, row.strategy)).await?;
        let magnitude = behind.map_or(WAD, |behind| behind.max_magnitude);
        stakes.push(StakeView {
            strategy: row.strategy,
            deposit_shares: row.deposit_shares,
            withdrawable_shares: now::withdrawable(row.deposit_shares, row.scaling_factor, magnitude),
        });
    }
    Ok(Json(IndexedStaker {
        block: look.block,
        staker: account,
        operator,
        since_block: known.as_ref().map(|row| row.since_block).unwrap_or_default(),
        forced: known.is_some_and(|row| row.forced),
        stakes,
    }))
}

/// One operator set
#[utoipa::path(get, path = "/v1/sets/{avs}/{id}", params(("avs" = String, Path), ("id" = u32, Path), ("after" = Option<String>, Query), ("limit" = Option<u32>, Query)), responses((status = 200, body = IndexedSet), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub async fn set(
    State(shared): State<Arc<Shared>>,
    Path((avs, id)): Path<(String, String)>,
    Query(part): Query<Part>,
) -> Result<Json<IndexedSet>, Failure> {
    let avs = address("the AVS", &avs)?;
    let invalid = |_| Failure::new(ProblemCode::InvalidRequest, "the set's id must be a number below 2^32");
    let set_id: u32 = id.parse().map_err(invalid)?;
    let role = role(&shared)?;
    let mut look = role.look().await?;
    let row: OperatorSet =
        look.reader.get(&(avs, set_id)).await?.ok_or_else(|| unknown(format!("operator set {avs}:{set_id}")))?;
    let of_set = || Select::all().equal("avs", avs.cell()).equal("set_id", set_id.cell());
    let listed: Vec<SetStrategy> = look.reader.page(&of_set()).await?;
    let select = of_set().order("operator").after(part.after_address()?).limit(part.rows());
    let mut members: Vec<Member> = look.reader.page(&select).await?;
    let next = part.cut(&mut members, |row| row.operator.to_string());
    let in_set = listed.iter().filter(|listed| listed.is_in_set_at(look.block));
    Ok(Json(IndexedSet {
        block: look.block,
        avs,
        set_id,
        created_block: row.created_block,
        slasher: row.slasher_at(look.block).current,
        recipient: row.recipient,
        slashes: row.slashes,
        strategies: in_set.map(|listed| listed.strategy).collect(),
        members: members.iter().map(|row| membership(role, row, look.block)).collect(),
        next,
    }))
}

/// Every slash, oldest first
#[utoipa::path(get, path = "/v1/slashes", params(("after" = Option<String>, Query), ("limit" = Option<u32>, Query), ("operator" = Option<String>, Query)), responses((status = 200, body = Page<IndexedSlash>), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub async fn slashes(
    State(shared): State<Arc<Shared>>,
    Query(part): Query<Part>,
) -> Result<Json<Page<IndexedSlash>>, Failure> {
    if part.staker.is_some() {
        return Err(Failure::new(ProblemCode::InvalidRequest, "slashes are of operators; leave `staker` away"));
    }
    let mut look = role(&shared)?.look().await?;
    let select = part.filter(Select::all())?.order("sequence").after(part.after_sequence()?).limit(part.rows());
    let mut rows: Vec<Slash> = look.reader.page(&select).await?;
    let next = part.cut(&mut rows, |row| row.sequence.to_string());
    let mut entries = Vec::new();
    for row in rows {
        entries.push(slash(&mut look, row).await?);
    }
    Ok(Json(Page { block: look.block, entries, next }))
}

/// Every withdrawal, oldest first
#[utoipa::path(get, path = "/v1/withdrawals", params(("after" = Option<String>, Query), ("limit" = Option<u32>, Query), ("operator" = Option<String>, Query), ("staker" = Option<String>, Query)), responses((status = 200, body = Page<IndexedWithdrawal>), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub async fn withdrawals(
    State(shared): State<Arc<Shared>>,
    Query(part): Query<Part>,
) -> Result<Json<Page<IndexedWithdrawal>>, Failure> {
    let role = role(&shared)?;
    let mut look = role.look().await?;
    let select = part.filter(Select::all())?.order("sequence").after(part.after_sequence()?).limit(part.rows());
    let mut rows: Vec<Withdrawal> = look.reader.page(&select).await?;
    let next = part.cut(&mut rows, |row| row.sequence.to_string());
    let delay = u64::from(role.network().deployment().parameters.withdrawal_delay_blocks);
    let mut entries = Vec::new();
    for row in rows {
        entries.push(withdrawal(&mut look, row, delay).await?);
    }
    Ok(Json(Page { block: look.block, entries, next }))
}

fn role(shared: &Shared) -> Result<&IndexRole, Failure> {
    let missing = || Failure::new(ProblemCode::NotFound, "this node keeps no index; ask one that has the role api");
    shared.index.as_deref().ok_or_else(missing)
}

fn address(name: &str, text: &str) -> Result<Address, Failure> {
    let found: String = text.chars().take(80).collect();
    let invalid = |_| {
        Failure::new(
            ProblemCode::InvalidRequest,
            format!("{name} must be an address of 20 bytes of hex, found `{found}`"),
        )
    };
    text.parse().map_err(invalid)
}

fn unknown(what: String) -> Failure {
    Failure::new(ProblemCode::NotFound, format!("{what} is in no finalized event"))
}

fn operator_view(row: &Operator, block: u64) -> IndexedOperator {
    IndexedOperator {
        operator: row.operator,
        registered_block: row.registered_block,
        approver: row.approver,
        metadata_uri: row.metadata_uri.clone(),
        allocation_delay: row.delay_at(block).current,
    }
}

fn membership(role: &IndexRole, row: &Member, block: u64) -> MembershipView {
    MembershipView {
        operator: row.operator,
        avs: row.avs,
        set_id: row.set_id,
        registered: row.registered,
        since_block: row.since_block,
        slashable: row.is_slashable_at(block, role.network().deployment().parameters.deallocation_delay_blocks),
    }
}

fn allocation(row: &Allocation, block: u64) -> AllocationView {
    let magnitude = row.magnitude_at(block);
    AllocationView {
        avs: row.avs,
        set_id: row.set_id,
        strategy: row.strategy,
        magnitude: magnitude.current,
        pending_magnitude: magnitude.pending.map(|(pending, _)| pending),
        effect_block: magnitude.pending.map(|(_, effect_block)| effect_block),
    }
}

async fn slash(look: &mut Look, row: Slash) -> Result<IndexedSlash, Failure> {
    let select = Select::all()
        .equal("avs", row.avs.cell())
        .equal("set_id", row.set_id.cell())
        .equal("slash_id", row.slash_id.cell());
    let parts: Vec<SlashedStrategy> = look.reader.page(&select).await?;
    let part = |part: SlashedStrategy| SlashedStrategyView {
        strategy: part.strategy,
        wad_slashed: part.wad_slashed,
        shares: part.shares,
        cleared_block: (part.cleared_block != 0).then_some(part.cleared_block),
    };
    Ok(IndexedSlash {
        avs: row.avs,
        set_id: row.set_id,
        slash_id: row.slash_id,
        operator: row.operator,
        block: row.block,
        transaction: row.transaction,
        description: row.description,
        strategies: parts.into_iter().map(part).collect(),
    })
}

/// What is slashed until the last slashable block is gone; what comes later does not concern it.
async fn withdrawal(look: &mut Look, row: Withdrawal, delay: u64) -> Result<IndexedWithdrawal, Failure> {
    let last_slashable = row.start_block + delay;
    let parts: Vec<QueuedShares> = look.reader.page(&Select::all().equal("root", row.root.cell())).await?;
    let mut strategies = Vec::new();
    for part in parts {
        let magnitude = magnitude_at(look, row.operator, part.strategy, last_slashable).await?;
        strategies.push(QueuedSharesView {
            strategy: part.strategy,
            queued_shares: part.shares,
            shares: now::mul_wad(part.scaled_shares, U256::from(magnitude)),
        });
    }
    Ok(IndexedWithdrawal {
        root: row.root,
        staker: row.staker,
        operator: row.operator,
        nonce: row.nonce,
        start_block: row.start_block,
        completable_block: last_slashable + 1,
        completed_block: (row.completed_block != 0).then_some(row.completed_block),
        transaction: row.transaction,
        strategies,
    })
}

/// The operator's max magnitude at the end of `block`, or now if that is earlier; of no operator, the whole.
async fn magnitude_at(look: &mut Look, operator: Address, strategy: Address, block: u64) -> Result<u64, Error> {
    let select = Select::all()
        .equal("operator", operator.cell())
        .equal("strategy", strategy.cell())
        .order("block")
        .before(vec![(block + 1).cell()])
        .limit(1);
    let found: Vec<Magnitude> = look.reader.page(&select).await?;
    Ok(found.first().map_or(WAD, |row| row.max_magnitude))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Unavailable::Failed(error).into()
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        let code = match &error {
            Unavailable::Busy => ProblemCode::Busy,
            Unavailable::Closed | Unavailable::Empty => ProblemCode::NotReady,
            Unavailable::Failed(error) if error.is_transient() => ProblemCode::Busy,
            Unavailable::Failed(error) => {
                tracing::error!(error = vouch_index::chain_of(error), "node.index.read");
                ProblemCode::Internal
            }
        };
        Self::new(code, error.to_string())
    }
}
