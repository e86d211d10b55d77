//! EIGEN, an AVS made by hand, and an appointee, through the command line.

use alloy_primitives::{Address, B256, U256};
use serde_json::Value;
use vouch_chain::anvil::Anvil;
use vouch_chain::bindings::{allocation_manager, delegation_manager};
use vouch_chain::network::{Action, OperatorSet, WHOLE_MAGNITUDE};
use vouch_chain::sender::Sender;
use vouch_chain::{Error, Network};

use crate::world::{World, world};

/// What `vouch up` gives each account, in whole bEIGEN.
const GIVEN: u64 = 1_000_000;
const WRAPPED: u64 = 400;
const STAKED: u64 = 300;
const PERCENT_SLASHED: u64 = 40;
const SET: u32 = 7;

pub fn tokens(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

pub fn amount(told: &Value, field: &str) -> U256 {
    serde_json::from_value(told[field].clone()).unwrap_or_else(|error| panic!("{field} of {told}: {error}"))
}

/// A cloud, and what is needed beside the command line.
pub struct Scene {
    pub world: World,
    pub network: Network,
    pub anvil: Anvil,
}

impl Scene {
    pub async fn new() -> Self {
        let world = world().await;
        let network = world.cloud.network().await.unwrap();
        let anvil = Anvil::of(network.chain()).await.unwrap();
        Self { world, network, anvil }
    }

    pub fn address(&self, account: &str) -> Address {
        self.world.cloud.description.accounts[account].address
    }

    pub fn sender(&self, account: &str) -> Sender {
        self.world.cloud.sender(&self.network, account).unwrap()
    }

    fn set(&self) -> OperatorSet {
        OperatorSet { avs: self.address("developer"), id: SET }
    }

    fn eigen_strategy(&self) -> Address {
        self.network.contracts().eigen.strategy
    }

    /// Signs as `account` without a question; what the command printed.
    pub async fn sign(&self, account: &str, arguments: &[&str]) -> Value {
        let told = self.world.cloud.json(&[arguments, &["--as", account, "--yes"]].concat()).await.unwrap();
        let plan = &told["plan"];
        assert!(!plan["title"].as_str().unwrap().is_empty() && !plan["undo"].as_str().unwrap().is_empty(), "{plan}");
        assert!(!plan["steps"].as_array().unwrap().is_empty() && amount(plan, "costWei") > U256::ZERO, "{plan}");
        told["result"].clone()
    }

    /// What a refused command said.
    pub async fn refused(&self, account: &str, arguments: &[&str]) -> String {
        let outcome = self.world.cloud.run(&[arguments, &["--as", account, "--yes"]].concat()).await.unwrap();
        assert_eq!(outcome.code, Some(1), "{}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stderr.contains("next: "), "{}", outcome.stderr);
        outcome.stderr
    }

    /// What a command shows of finalized blocks, the newest change included.
    pub async fn show(&self, arguments: &[&str]) -> Value {
        self.pass(3).await;
        self.world.cloud.json(arguments).await.unwrap()
    }

    pub async fn pass(&self, blocks: u32) {
        self.anvil.mine(u64::from(blocks)).await.unwrap();
    }

    async fn perform(&self, account: &str, action: Action) -> Result<Vec<vouch_chain::sender::Confirmed>, Error> {
        self.network.perform(&self.sender(account), &[action]).await
    }

    /// Lets `account` set the operator's whole magnitude of EIGEN for the set, or none; the block from which it holds.
    async fn allocate_as(&self, account: &str, operator: Address, magnitude: u64) -> Result<u64, Error> {
        let strategies = [self.eigen_strategy()];
        self.network.allocate_for(&self.sender(account), operator, self.set(), &strategies, magnitude).await
    }

    async fn queue_all(&self, account: &str) -> B256 {
        let manager = self.network.contracts().delegation_manager;
        let parameters = delegation_manager::IDelegationManager::QueuedWithdrawalParams {
            strategies: vec![self.eigen_strategy()],
            depositShares: vec![tokens(STAKED)],
            __deprecated_withdrawer: Address::ZERO,
        };
        let call = delegation_manager::queueWithdrawalsCall { params: vec![parameters] };
        let done = self.perform(account, Action::new(manager, &call, 0)).await.unwrap();
        done[0].event::<delegation_manager::SlashingWithdrawalQueued>(manager).unwrap().withdrawalRoot
    }

    async fn complete(&self, account: &str, root: B256) -> Result<(), Error> {
        let manager = self.network.contracts().delegation_manager;
        let call = delegation_manager::completeQueuedWithdrawal_0Call { withdrawalRoot: root, receiveAsTokens: true };
        self.perform(account, Action::new(manager, &call, 0)).await.map(|_| ())
    }
}

#[tokio::test]
async fn eigen_is_wrapped_staked_slashed_withdrawn_and_unwrapped() {
    let scene = Scene::new().await;
    wrap(&scene).await;
    let client = scene.sender("client");
    let eigen = scene.network.contracts().eigen;
    scene.network.deposit_as(&client, eigen.strategy, eigen.token, tokens(STAKED)).await.unwrap();
    scene.network.delegate(&client, scene.address("operator-1")).await.unwrap();

    make_avs(&scene).await;
    let effect_block = appoint(&scene).await;
    let now = scene.network.chain().latest_block_number().await.unwrap();
    scene.anvil.mine(effect_block.saturating_sub(now) + 1).await.unwrap();
    scene.network.join_set_of(&scene.sender("operator-1"), scene.set()).await.unwrap();

    slash(&scene).await;
    withdraw_and_unwrap(&scene).await;
    release_to_recipient(&scene).await;
    change_the_set(&scene).await;
    scene.world.cloud.stop().await.unwrap();
}

async fn wrap(scene: &Scene) {
    let unasked = scene.world.cloud.run(&["token", "wrap", "400", "--as", "client"]).await.unwrap();
    assert_eq!(unasked.code, Some(1), "{}", unasked.stdout);
    assert!(unasked.stderr.contains("Wrap 400 bEIGEN") && unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let before = scene.show(&["token", "balance", "--as", "client"]).await;
    assert_eq!((amount(&before, "bEigen"), amount(&before, "eigen")), (tokens(GIVEN), U256::ZERO));
    let too_much = scene.refused("client", &["token", "unwrap", "1"]).await;
    assert!(too_much.contains("does not have so many tokens"), "{too_much}");
    let told = scene.sign("client", &["token", "wrap", &WRAPPED.to_string()]).await;
    assert_eq!(amount(&told, "wrapped"), tokens(WRAPPED));
}

async fn make_avs(scene: &Scene) {
    let set = SET.to_string();
    let white = scene.address("white").to_string();
    let create = ["avs", "set", "create", &set, "--strategy", "eigen", "--redistribute-to", &white];
    let nobody = scene.refused("black", &create).await;
    assert!(nobody.contains("has not said what it is"), "{nobody}");
    let what = ["avs", "create", "--metadata", "https://avs.example/avs.json", "--registrar", "open"];
    scene.sign("developer", &what).await;
    let made = scene.sign("developer", &create).await;
    assert_eq!(made["redistributionRecipient"].as_str().map(str::to_lowercase), Some(white.to_lowercase()));
    let twice = scene.refused("developer", &create).await;
    assert!(twice.contains("exists already"), "{twice}");
    let unknown = scene.refused("developer", &["avs", "set", "create", "8", "--strategy", "gold"]).await;
    assert!(unknown.contains("EIGEN"), "{unknown}");
}

/// Has an appointee allocate for the operator; the block from which that holds. It may do nothing else, and that no more
/// once it is dismissed.
async fn appoint(scene: &Scene) -> u64 {
    let (operator, black) = (scene.address("operator-1"), scene.address("black").to_string());
    let refused = scene.allocate_as("black", operator, WHOLE_MAGNITUDE).await.unwrap_err();
    assert_eq!(refused.revert_name(), Some("InvalidPermissions"), "{refused}");
    scene.sign("operator-1", &["admin", "appoint", &black, "allocate"]).await;
    let effect_block = scene.allocate_as("black", operator, WHOLE_MAGNITUDE).await.unwrap();

    let manager = scene.network.contracts().allocation_manager;
    let parameters = allocation_manager::IAllocationManagerTypes::RegisterParams {
        avs: scene.set().avs,
        operatorSetIds: vec![SET],
        data: Default::default(),
    };
    let join = allocation_manager::registerForOperatorSetsCall { operator, params: parameters };
    let delay = allocation_manager::setAllocationDelayCall { operator, delay: 1 };
    for other in [Action::new(manager, &join, 0), Action::new(manager, &delay, 0)] {
        let refused = scene.perform("black", other).await.unwrap_err();
        assert_eq!(refused.revert_name(), Some("InvalidPermissions"), "{refused}");
    }
    let listed = scene.show(&["admin", "list", &operator.to_string()]).await;
    assert_eq!(listed["appointments"].as_array().unwrap().len(), 1, "{listed}");

    let stranger =
        scene.refused("black", &["admin", "remove", &black, "allocate", "--for", &operator.to_string()]).await;
    assert!(stranger.contains("only an admin"), "{stranger}");
    scene.sign("operator-1", &["admin", "remove", &black, "allocate"]).await;
    let dismissed = scene.allocate_as("black", operator, 0).await.unwrap_err();
    assert_eq!(dismissed.revert_name(), Some("InvalidPermissions"), "{dismissed}");
    effect_block
}

async fn slash(scene: &Scene) {
    let (set, operator, percent) =
        (SET.to_string(), scene.address("operator-1").to_string(), PERCENT_SLASHED.to_string());
    let avs = scene.set().avs.to_string();
    let slash = ["avs", "slash", &set, &operator, "--percent", &percent, "--strategy", "EIGEN", "--reason", "a story"];
    let stranger = scene.refused("white", &[&slash[..], &["--avs", &avs]].concat()).await;
    assert!(stranger.contains("only the set's slasher"), "{stranger}");
    let told = scene.sign("developer", &slash).await;
    assert_eq!(amount(&told, "slashId"), U256::ONE);
    let wads: Vec<U256> = serde_json::from_value(told["wadSlashed"].clone()).unwrap();
    assert_eq!(wads, [tokens(PERCENT_SLASHED) / U256::from(100)]);
    let early = scene.refused("white", &["avs", "resolve", &set, "1", "--avs", &avs]).await;
    assert!(early.contains("has not passed yet"), "{early}");
}

/// The staker gets the rest of its stake in bEIGEN: deposit shares times what the slash left of the operator's magnitude.
async fn withdraw_and_unwrap(scene: &Scene) {
    let root = scene.queue_all("client").await;
    let early = scene.complete("client", root).await.unwrap_err();
    assert_eq!(early.revert_name(), Some("WithdrawalDelayNotElapsed"), "{early}");
    scene.pass(scene.network.deployment().parameters.withdrawal_delay_blocks + 1).await;
    scene.complete("client", root).await.unwrap();
    let rest = tokens(WRAPPED - STAKED);
    scene.sign("client", &["token", "unwrap", &(WRAPPED - STAKED).to_string()]).await;
    let after = scene.show(&["token", "balance", "--as", "client"]).await;
    let paid = tokens(STAKED) * U256::from(100 - PERCENT_SLASHED) / U256::from(100);
    assert_eq!(amount(&after, "bEigen"), tokens(GIVEN - WRAPPED) + paid + rest, "{after}");
    assert_eq!((amount(&after, "eigen"), amount(&after, "staked")), (U256::ZERO, U256::ZERO), "{after}");
    assert_eq!((amount(&after, "unwrapped"), amount(&after["unwrapLog"][0], "total")), (rest, rest), "{after}");
}

/// The slashed part waited in the escrow, in the recipient's name, until its lag after the slash had passed.
async fn release_to_recipient(scene: &Scene) {
    let (set, avs) = (SET.to_string(), scene.set().avs.to_string());
    scene.sign("black", &["avs", "resolve", &set, "1", "--avs", &avs]).await;
    let after = scene.show(&["token", "balance", "--as", "white"]).await;
    let slashed = tokens(STAKED) * U256::from(PERCENT_SLASHED) / U256::from(100);
    assert_eq!(amount(&after, "bEigen"), tokens(GIVEN) + slashed, "{after}");
    let paid = scene.refused("black", &["token", "release", "0"]).await;
    assert!(paid.contains("no such outflow"), "{paid}");
}

async fn change_the_set(scene: &Scene) {
    let (set, black) = (SET.to_string(), scene.address("black").to_string());
    scene.sign("developer", &["avs", "set", "slasher", &set, &black]).await;
    scene.sign("developer", &["avs", "strategies", "add", &set, "DEMOA"]).await;
    scene.sign("developer", &["avs", "strategies", "remove", &set, "EIGEN"]).await;
    let shown = scene.show(&["avs", "set", "show", &set, "--as", "developer"]).await;
    assert_eq!(shown["pendingSlasher"]["slasher"].as_str().map(str::to_lowercase), Some(black.to_lowercase()));
    let leaving: Vec<bool> =
        shown["strategies"].as_array().unwrap().iter().map(|strategy| strategy["leavesAt"].is_u64()).collect();
    assert_eq!(leaving.iter().filter(|leaves| **leaves).count(), 1, "{shown}");
    assert_eq!(leaving.len(), 2, "{shown}");

    scene.sign("developer", &["admin", "offer", &black]).await;
    let developer = scene.address("developer").to_string();
    scene.sign("black", &["admin", "accept", &developer]).await;
    let ousted = scene.refused("developer", &["admin", "appoint", &black, "slasher"]).await;
    assert!(ousted.contains("only an admin"), "{ousted}");
    let last = scene.refused("black", &["admin", "remove", &black, "--for", &developer]).await;
    assert!(last.contains("keeps its last admin"), "{last}");
    let whole = scene.show(&["avs", "show", &developer]).await;
    assert_eq!(whole["sets"][0]["id"], SET, "{whole}");
}
