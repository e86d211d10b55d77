use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use alloy::rpc::types::Log;
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolEvent;
use vouch_chain::bindings::{
    app_controller, batch_registry, endpoints, fee_vault, forced_inbox, gateway_bonds, key_registrar, profile, verifier,
};
use vouch_chain::endpoint::Endpoint;
use vouch_chain::network::Forced;
use vouch_chain::{Deployment, Error, Finalized};
use vouch_compute::lane::chain::{Acceptance, AppState, Head, Release, Table};
use vouch_compute::lane::inbox::Inbox;
use vouch_compute::lane::{LaneKey, LaneState};
use vouch_compute::wire::{SignedRequest, Signer};
use vouch_core::bls::{PublicKeyG1, PublicKeyG2};
use vouch_core::{AppId, OperatorId, OperatorInfo, OperatorTable, Program, ProgramId};

use super::acceptance::Acceptances;
use super::bonds::Bonds;
use super::fees::Fees;

/// Tables kept per (set, table key): older ones are stale long before they are pushed out.
const TABLES_MAX: usize = 64;

/// What the chain says about an app.
#[derive(Clone, Debug)]
pub struct AppRecord {
    pub state: AppState,
    pub owner: Address,
    pub slash_vault: Address,
    /// By ascending address; the first gives the primary weight.
    pub strategies: Vec<Address>,
    /// How many lanes it has.
    pub lanes: u32,
    /// In the order of publication, with their block times.
    pub releases: Vec<(ProgramId, u64)>,
}

/// An operator table with the addresses of its operators, in its order.
#[derive(Clone, Debug)]
pub struct TableRecord {
    pub table: Arc<Table>,
    pub operators: Arc<Vec<Address>>,
}

/// All of the mirror's state as of one block.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub head: Head,
    pub head_hash: B256,
    pub apps: BTreeMap<AppId, AppRecord>,
    pub releases: HashMap<(AppId, ProgramId), Arc<Release>>,
    /// What each release was published with: see `crate::programs`.
    pub uris: HashMap<(AppId, ProgramId), Arc<str>>,
    /// Without their gateways' bonds.
    lanes: HashMap<LaneKey, LaneState>,
    pub bonds: Bonds,
    tables: HashMap<(AppId, B256), BTreeMap<u32, TableRecord>>,
    shown: HashMap<(AppId, OperatorId), Head>,
    /// The first block that showed an address as the lane's gateway, for every epoch's.
    gateway_blocks: HashMap<(LaneKey, Address), Head>,
    /// Whose key it is, and of which app: a key serves one set.
    pub operators: HashMap<OperatorId, (AppId, Address)>,
    /// Keys on G2, which tables do not hold; a key never changes hands.
    keys: HashMap<OperatorId, PublicKeyG2>,
    touched: BTreeSet<LaneKey>,
    /// What is not answered by a posted batch. The inbox's price bounds how much that can be.
    pub inboxes: HashMap<LaneKey, Arc<Inbox>>,
    pub acceptances: Acceptances,
    /// Shared with the copies of this state until it changes: there may be many clients.
    pub fees: Arc<Fees>,
    /// By account, as finalized; each costs its account a transaction.
    pub endpoints: HashMap<Address, Endpoint>,
}

impl State {
    pub fn next_block(&self, first: u64) -> u64 {
        if self.head.number == 0 { first } else { self.head.number + 1 }
    }

    /// Lanes whose state may have changed: an event named them, or their skip has ended by now.
    pub fn stale_lanes(&mut self, now: u64) -> BTreeSet<LaneKey> {
        let mut lanes = std::mem::take(&mut self.touched);
        let ended = self.lanes.iter().filter(|(_, state)| state.skip_ends_at.is_some_and(|ends_at| ends_at <= now));
        lanes.extend(ended.map(|(lane, _)| *lane));
        lanes
    }

    pub fn set_lane(&mut self, lane: LaneKey, state: LaneState) {
        self.lanes.insert(lane, state);
    }

    /// Forgets the entries that posted batches have answered. After [`State::set_lane`], whose tip goes with the cursor.
    pub fn set_inbox_cursor(&mut self, lane: LaneKey, cursor: u64) {
        let tip = self.lanes.get(&lane).map(|state| state.tip).unwrap_or_default();
        Arc::make_mut(self.inboxes.entry(lane).or_default()).posted(cursor, tip);
    }

    /// The lane as of the head, its gateway's bond included.
    pub fn lane(&self, lane: LaneKey) -> Option<LaneState> {
        let state = *self.lanes.get(&lane)?;
        Some(LaneState { bond_missing: self.bonds.missing(lane, state.gateway, self.head.timestamp), ..state })
    }

    /// Whether `account` takes part in the protocol of `app`, or of any app.
    pub fn is_peer(&self, app: Option<AppId>, account: Address) -> bool {
        let concerns = |of: AppId| app.is_none_or(|app| app == of);
        let named = |state: &LaneState| state.next_gateway.is_some_and(|(next, _)| next == account);
        let operates = self.operators.values().any(|(of, operator)| concerns(*of) && *operator == account);
        let mut lanes = self.lanes.iter().filter(|(lane, _)| concerns(lane.app));
        operates || lanes.any(|(_, state)| state.gateway == account || named(state))
    }

    pub fn latest_table(&self, app: AppId, table: B256) -> Option<&TableRecord> {
        self.tables.get(&(app, table))?.last_key_value().map(|(_, record)| record)
    }

    pub fn table(&self, app: AppId, table: B256, reference_timestamp: u32) -> Option<&TableRecord> {
        self.tables.get(&(app, table))?.get(&reference_timestamp)
    }

    /// The members that accept a container program, by table index of those tables that show the members.
    pub fn accepters(&self, app: AppId, program: ProgramId) -> BTreeMap<OperatorId, Address> {
        let tables = [B256::ZERO, program.0].into_iter().filter_map(|table| self.latest_table(app, table));
        let members = tables.flat_map(|record| record.table.operators().iter().zip(record.operators.iter()));
        let accepting = members.filter(|(_, address)| self.acceptances.accepts((app, program), **address));
        accepting.map(|(operator, address)| (*operator, *address)).collect()
    }

    pub fn acceptance(&self, app: AppId, program: ProgramId) -> Acceptance {
        let operators = self.accepters(app, program).into_keys().collect();
        Acceptance { operators, changed: self.acceptances.is_changed((app, program)) }
    }

    pub fn first_shown(&self, lane: LaneKey, signer: Signer) -> Option<Head> {
        match signer {
            Signer::Operator(operator) => self.shown.get(&(lane.app, operator)).copied(),
            Signer::Gateway(gateway) => self.gateway_blocks.get(&(lane, gateway)).copied(),
        }
    }

    /// Applies one event; events that say nothing about this state are passed over.
    pub async fn apply(&mut self, log: &Log, deployment: &Deployment, view: &Finalized) -> Result<(), Error> {
        let contracts = &deployment.contracts;
        match (log.address(), log.topic0().copied().unwrap_or_default()) {
            (address, app_controller::AppCreated::SIGNATURE_HASH) if address == contracts.app_controller => {
                self.app_created(&decode::<app_controller::AppCreated>(log)?, contracts.app_controller, view).await?;
            }
            (address, app_controller::AppOwnerChanged::SIGNATURE_HASH) if address == contracts.app_controller => {
                let event = decode::<app_controller::AppOwnerChanged>(log)?;
                if let Some(app) = self.apps.get_mut(&AppId(event.app)) {
                    app.owner = event.owner;
                }
            }
            (address, app_controller::ReleasePublished::SIGNATURE_HASH) if address == contracts.app_controller => {
                let published_at = block_of(log, view).await?.timestamp;
                self.release_published(decode::<app_controller::ReleasePublished>(log)?, published_at);
            }
            (address, app_controller::ProgramAccepted::SIGNATURE_HASH) if address == contracts.app_controller => {
                self.program_accepted(&decode::<app_controller::ProgramAccepted>(log)?);
            }
            (address, batch_registry::LaneRegistered::SIGNATURE_HASH) if address == contracts.batch_registry => {
                self.lane_registered(&decode::<batch_registry::LaneRegistered>(log)?, block_of(log, view).await?);
            }
            (address, batch_registry::BatchRecorded::SIGNATURE_HASH) if address == contracts.batch_registry => {
                let event = decode::<batch_registry::BatchRecorded>(log)?;
                self.touched.insert(LaneKey { app: AppId(event.app), lane: event.lane });
            }
            (address, batch_registry::SkipRequested::SIGNATURE_HASH) if address == contracts.batch_registry => {
                let event = decode::<batch_registry::SkipRequested>(log)?;
                self.touched.insert(LaneKey { app: AppId(event.app), lane: event.lane });
            }
            (address, batch_registry::GatewayNamed::SIGNATURE_HASH) if address == contracts.batch_registry => {
                let event = decode::<batch_registry::GatewayNamed>(log)?;
                self.touched.insert(LaneKey { app: AppId(event.app), lane: event.lane });
            }
            (address, batch_registry::GatewayChanged::SIGNATURE_HASH) if address == contracts.batch_registry => {
                let event = decode::<batch_registry::GatewayChanged>(log)?;
                let lane = LaneKey { app: AppId(event.app), lane: event.lane };
                self.gateway_shown(lane, event.gateway, block_of(log, view).await?);
            }
            (address, gateway_bonds::BondChanged::SIGNATURE_HASH) if address == contracts.gateway_bonds => {
                self.bonds.changed(&decode::<gateway_bonds::BondChanged>(log)?);
            }
            (address, gateway_bonds::MinimumBondSet::SIGNATURE_HASH) if address == contracts.gateway_bonds => {
                let event = decode::<gateway_bonds::MinimumBondSet>(log)?;
                let lane = LaneKey { app: AppId(event.app), lane: event.lane };
                self.bonds.minimum_set(lane, &event, u64::from(deployment.parameters.gateway_delay_seconds));
            }
            (address, verifier::OperatorTableUpdated::SIGNATURE_HASH) if address == contracts.certificate_verifier => {
                let event = decode::<verifier::OperatorTableUpdated>(log)?;
                if event.avs == contracts.app_controller {
                    self.table_updated(event, deployment, view, block_of(log, view).await?).await?;
                }
            }
            (address, forced_inbox::RequestSubmitted::SIGNATURE_HASH) if address == contracts.forced_inbox => {
                self.request_submitted(decode::<forced_inbox::RequestSubmitted>(log)?.try_into()?)?;
            }
            (address, endpoints::EndpointSet::SIGNATURE_HASH) if address == contracts.endpoints => {
                self.endpoint_set(&decode::<endpoints::EndpointSet>(log)?);
            }
            (address, event) if address == contracts.fee_vault => self.apply_fee(event, log)?,
            _ => {}
        }
        Ok(())
    }

    fn apply_fee(&mut self, event: B256, log: &Log) -> Result<(), Error> {
        let fees = Arc::make_mut(&mut self.fees);
        match event {
            fee_vault::PriceSet::SIGNATURE_HASH => fees.price_set(&decode(log)?),
            fee_vault::Deposited::SIGNATURE_HASH => fees.deposited(&decode(log)?),
            fee_vault::WithdrawalRequested::SIGNATURE_HASH => fees.withdrawal_requested(&decode(log)?),
            fee_vault::Withdrawn::SIGNATURE_HASH => fees.withdrawn(&decode(log)?),
            fee_vault::Settled::SIGNATURE_HASH => fees.settled(&decode(log)?),
            _ => {}
        }
        Ok(())
    }

    /// An entry that does not follow on the one before is an endpoint's omission: nothing may be built on it.
    fn request_submitted(&mut self, forced: Forced) -> Result<(), Error> {
        let lane = LaneKey { app: forced.app, lane: forced.lane };
        let signed = SignedRequest { request: forced.request, signature: Bytes::new(), payload: forced.payload };
        let inbox = Arc::make_mut(self.inboxes.entry(lane).or_default());
        inbox.push(forced.index, signed).map_err(|gap| inconsistent(forced_inbox::RequestSubmitted::SIGNATURE, gap))
    }

    /// A url that nobody should call leaves the account without an endpoint: its earlier keys do not count any more.
    fn endpoint_set(&mut self, event: &endpoints::EndpointSet) {
        match Endpoint::from_event(event) {
            Ok(Some(endpoint)) => {
                self.endpoints.insert(event.account, endpoint);
            }
            Ok(None) => {
                self.endpoints.remove(&event.account);
            }
            Err(error) => {
                tracing::warn!(account = %event.account, %error, "node.mirror.endpoint");
                self.endpoints.remove(&event.account);
            }
        }
    }

    async fn app_created(
        &mut self,
        event: &app_controller::AppCreated,
        controller: Address,
        view: &Finalized,
    ) -> Result<(), Error> {
        let info = view.call(controller, &app_controller::appInfoCall { app: event.app }).await?;
        let staleness = view.call(info.profile, &profile::stalenessCall {}).await?;
        let state = AppState {
            operator_set_id: info.operatorSetId,
            profile: info.profile,
            threshold_bips: info.thresholdBips,
            staleness_seconds: staleness,
        };
        let record = AppRecord {
            state,
            owner: info.owner,
            slash_vault: info.slashVault,
            strategies: info.strategies,
            lanes: 0,
            releases: Vec::new(),
        };
        self.apps.insert(AppId(event.app), record);
        Ok(())
    }

    fn release_published(&mut self, event: app_controller::ReleasePublished, published_at: u64) {
        let (app, program_id) = (AppId(event.app), ProgramId(event.programId));
        let program = Program::from(event.program);
        let table = if program.is_wasm() { B256::ZERO } else { program_id.0 };
        if let Some(record) = self.apps.get_mut(&app) {
            record.releases.push((program_id, published_at));
        }
        self.uris.insert((app, program_id), event.uri.into());
        self.releases.insert((app, program_id), Arc::new(Release { program, table }));
    }

    fn program_accepted(&mut self, event: &app_controller::ProgramAccepted) {
        let (app, operator) = (AppId(event.app), event.operator);
        let is_member = self.operators.values().any(|member| *member == (app, operator));
        self.acceptances.hear((app, ProgramId(event.programId)), operator, event.accepted, is_member);
    }

    fn lane_registered(&mut self, event: &batch_registry::LaneRegistered, block: Head) {
        let lane = LaneKey { app: AppId(event.app), lane: event.lane };
        if let Some(app) = self.apps.get_mut(&lane.app) {
            app.lanes = app.lanes.max(event.lane);
        }
        self.gateway_shown(lane, event.gateway, block);
    }

    fn gateway_shown(&mut self, lane: LaneKey, gateway: Address, block: Head) {
        self.gateway_blocks.entry((lane, gateway)).or_insert(block);
        self.touched.insert(lane);
    }

    async fn table_updated(
        &mut self,
        event: verifier::OperatorTableUpdated,
        deployment: &Deployment,
        view: &Finalized,
        block: Head,
    ) -> Result<(), Error> {
        let app = self.apps.iter().find(|(_, app)| app.state.operator_set_id == event.operatorSetId).map(|(id, _)| *id);
        let Some(app) = app else { return Ok(()) };
        let (timestamp, program_id) = (event.referenceTimestamp, event.programId);
        // The contract makes the table, so this cannot fail; if it does, that table is useless and the node is not.
        let table = match operator_table(timestamp, &event.infos) {
            Ok(table) => table,
            Err(error) => {
                tracing::error!(error, app = %app, timestamp, "node.mirror.table");
                return Ok(());
            }
        };
        let mut keys = Vec::with_capacity(event.operators.len());
        for (info, address) in table.infos().iter().zip(&event.operators) {
            let operator = info.pubkey.operator_id();
            self.shown.entry((app, operator)).or_insert(block);
            if self.operators.insert(operator, (app, *address)).is_none() {
                self.acceptances.member_shown(app, *address);
            }
            keys.push(self.key_of(operator, deployment, view).await?);
        }
        let table =
            Table::new(table, keys).map_err(|error| inconsistent(verifier::OperatorTableUpdated::SIGNATURE, error))?;
        self.acceptances.table_made((app, ProgramId(program_id)));
        let tables = self.tables.entry((app, program_id)).or_default();
        tables.insert(timestamp, TableRecord { table: Arc::new(table), operators: Arc::new(event.operators) });
        while tables.len() > TABLES_MAX {
            tables.pop_first();
        }
        Ok(())
    }

    async fn key_of(
        &mut self,
        operator: OperatorId,
        deployment: &Deployment,
        view: &Finalized,
    ) -> Result<PublicKeyG2, Error> {
        if let Some(key) = self.keys.get(&operator) {
            return Ok(*key);
        }
        let call = key_registrar::getG2KeyFromKeyHashCall { keyHash: operator.0 };
        let found = view.call(deployment.contracts.key_registrar, &call).await?;
        let words = [found.X[0], found.X[1], found.Y[0], found.Y[1]];
        let key = PublicKeyG2::from_words(words).map_err(|error| inconsistent("getG2KeyFromKeyHash", error))?;
        self.keys.insert(operator, key);
        Ok(key)
    }
}

fn operator_table(
    reference_timestamp: u32,
    infos: &[verifier::IBN254CertificateVerifierTypes::BN254OperatorInfo],
) -> Result<OperatorTable, String> {
    let infos = infos.iter().map(|info| {
        let pubkey = PublicKeyG1::from_words([info.pubkey.X, info.pubkey.Y]).map_err(|error| error.to_string())?;
        Ok(OperatorInfo { pubkey, weights: info.weights.clone() })
    });
    let infos = infos.collect::<Result<Vec<_>, String>>()?;
    OperatorTable::new(reference_timestamp, infos).map_err(|error| error.to_string())
}

fn inconsistent(label: &str, detail: impl std::fmt::Display) -> Error {
    Error::Inconsistent { label: label.to_owned(), detail: detail.to_string() }
}

fn decode<E: SolEvent>(log: &Log) -> Result<E, Error> {
    E::decode_log(&log.inner).map(|log| log.data).map_err(|error| inconsistent(E::SIGNATURE, error))
}

/// The block of an event.
async fn block_of(log: &Log, view: &Finalized) -> Result<Head, Error> {
    let number = log.block_number.unwrap_or_default();
    let timestamp = match log.block_timestamp {
        Some(timestamp) => timestamp,
        // Not every endpoint adds it to its logs.
        None => view.block_at(number).await?.timestamp,
    };
    Ok(Head { number, timestamp })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_another_app_published_first_takes_nothing_from_the_developers() {
        let program = Program { runtime: "oci-1".to_owned(), ..Program::default() };
        let (attackers, developers) = (AppId(B256::repeat_byte(1)), AppId(B256::repeat_byte(2)));
        let mut state = State::default();
        for (app, uri) in [(attackers, "data:application/json,{}"), (developers, "https://example.org/app")] {
            let event = app_controller::ReleasePublished {
                app: app.0,
                programId: program.id().0,
                program: (&program).into(),
                uri: uri.to_owned(),
            };
            state.release_published(event, 1);
        }
        let uri_of = |app| state.uris.get(&(app, program.id())).map(|uri| uri.to_string());
        assert_eq!(uri_of(developers).as_deref(), Some("https://example.org/app"));
        assert_eq!(uri_of(attackers).as_deref(), Some("data:application/json,{}"));
        assert_eq!(state.releases.len(), 2);
    }

    #[test]
    fn entries_of_the_inbox_follow_on_each_other_until_they_are_answered() {
        let mut state = State::default();
        let lane = LaneKey { app: APP, lane: 1 };
        let forced = |index| Forced {
            app: APP,
            lane: 1,
            index,
            request: vouch_core::Request { nonce: index, ..Default::default() },
            payload: Bytes::new(),
            fee: alloy_primitives::U256::ZERO,
        };
        state.request_submitted(forced(1)).unwrap();
        assert!(state.request_submitted(forced(3)).is_err(), "an endpoint that left one out");
        state.request_submitted(forced(2)).unwrap();
        state.set_inbox_cursor(lane, 1);
        let inbox = &state.inboxes[&lane];
        assert_eq!(inbox.count(), 2);
        assert!(inbox.get(1).is_none() && inbox.get(2).is_some());
    }

    const APP: AppId = AppId(B256::repeat_byte(1));
    const CONTAINER: ProgramId = ProgramId(B256::repeat_byte(2));

    /// A state in which a table of all wasm programs shows these operators.
    fn shown(operators: &[Address]) -> State {
        let keys: Vec<_> = (1..=operators.len() as u8)
            .map(|byte| vouch_core::bls::SecretKey::from_entropy(&[byte; 48]).unwrap().public_key())
            .collect();
        let infos =
            keys.iter().map(|key| OperatorInfo { pubkey: *key.g1(), weights: vec![alloy_primitives::U256::ONE] });
        let table = OperatorTable::new(7, infos.collect()).unwrap();
        let table = Arc::new(Table::new(table, keys.iter().map(|key| *key.g2()).collect()).unwrap());
        let mut state = State::default();
        for (operator, address) in table.operators().iter().zip(operators) {
            state.operators.insert(*operator, (APP, *address));
        }
        let record = TableRecord { table, operators: Arc::new(operators.to_vec()) };
        state.tables.entry((APP, B256::ZERO)).or_default().insert(7, record);
        state
    }

    #[test]
    fn peers_are_operators_of_the_app_and_gateways_of_its_lanes_now_or_next() {
        let [operator, gateway, next, stranger] = [3, 4, 5, 6].map(Address::repeat_byte);
        let mut state = shown(&[operator]);
        let lane = LaneState { gateway, next_gateway: Some((next, 9)), ..LaneState::default() };
        state.set_lane(LaneKey { app: APP, lane: 1 }, lane);
        let other = AppId(B256::repeat_byte(9));
        for account in [operator, gateway, next] {
            assert!(state.is_peer(Some(APP), account) && state.is_peer(None, account), "{account}");
            assert!(!state.is_peer(Some(other), account), "{account}");
        }
        assert!(!state.is_peer(Some(APP), stranger) && !state.is_peer(None, stranger));
    }

    fn accept(state: &mut State, operator: Address, accepted: bool) {
        let (app, program) = (APP.0, CONTAINER.0);
        state.program_accepted(&app_controller::ProgramAccepted { app, programId: program, operator, accepted });
    }

    #[test]
    fn members_that_accept_are_the_accepters_and_strangers_are_not() {
        let (first, second, stranger) = (Address::repeat_byte(3), Address::repeat_byte(4), Address::repeat_byte(5));
        let mut state = shown(&[first, second]);
        assert_eq!(state.acceptance(APP, CONTAINER), Acceptance::default());
        accept(&mut state, stranger, true);
        assert_eq!(state.acceptance(APP, CONTAINER), Acceptance::default(), "its stake answers for nothing here");
        accept(&mut state, second, true);
        assert_eq!(state.accepters(APP, CONTAINER).into_values().collect::<Vec<_>>(), [second]);
        assert!(state.acceptance(APP, CONTAINER).changed);
        state.acceptances.table_made((APP, CONTAINER));
        accept(&mut state, second, false);
        let acceptance = state.acceptance(APP, CONTAINER);
        assert!(acceptance.operators.is_empty() && acceptance.changed);
    }
}
