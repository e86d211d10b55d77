//! A chain with the contracts on it and a random life of stakers, operators and an AVS.

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use vouch_chain::anvil::{Anvil, Instance, Mining};
use vouch_chain::bindings::{allocation_manager, delegation_manager, strategy_manager, token};
use vouch_chain::deploy::{EigenRules, ForkTimes, Parameters, ProfileTimes, deploy};
use vouch_chain::{Chain, Deployment, Error, Sender, sender};
use vouch_index::{Config, Indexer, Store};

pub mod postgres;

/// Answers every call with one, as a registrar that refuses nobody must.
const REGISTRAR: &[u8] = &alloy_primitives::hex!("69600160005260206000f3600052600a6016f3");
const SETS: [u32; 2] = [0, 5];
const MAGNITUDE: u64 = 1_000_000_000_000_000_000;

pub struct World {
    pub chain: Chain,
    pub anvil: Anvil,
    pub deployment: Deployment,
    pub url: String,
    stakers: Vec<Sender>,
    operators: Vec<Sender>,
    avs: Sender,
    random: StdRng,
    // The chain ends with it.
    _instance: Instance,
}

/// The seed of a test: a new one unless `VOUCH_SEED` names one.
pub fn seed() -> u64 {
    let seed = std::env::var("VOUCH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("VOUCH_SEED={seed}");
    seed
}

/// Delays that a test can mine through many times.
fn parameters() -> Parameters {
    Parameters {
        withdrawal_delay_blocks: 100,
        deallocation_delay_blocks: 100,
        allocation_configuration_delay_blocks: 110,
        guard_blocks: 5,
        slash_resolution_delay_blocks: 6,
        module_add_delay_blocks: 110,
        profile: ProfileTimes {
            claim_age: 20,
            window: 5,
            demand: 5,
            reopened_window: 5,
            seed_wait: 2,
            verifiers: 5,
            appeals: 5,
            paging: 5,
            staleness: 10,
        },
        eigen: EigenRules { times: fork_times(), ..Parameters::local().eigen },
        ..Parameters::local()
    }
}

/// Those of a local cloud, within the shorter withdrawal delay.
fn fork_times() -> ForkTimes {
    ForkTimes {
        censorship: 10,
        deliberation: 10,
        challenge: 25,
        redemption: 40,
        lock: 50,
        withdrawal: 100,
        vote: 20,
        pending: 20,
        follower_lag: 30,
        stake_table_age: 20,
        appeal_rung: 5,
    }
}

impl World {
    pub async fn start(seed: u64) -> Self {
        let instance = Instance::start(Mining::OnDemand).await.unwrap_or_else(|error| panic!("{error}"));
        let chain = instance.connect().await.unwrap();
        let anvil = Anvil::of(&chain).await.unwrap();
        let new = async || {
            let signer = PrivateKeySigner::random();
            anvil.set_balance(signer.address(), U256::from(10).pow(U256::from(22))).await.unwrap();
            let config =
                sender::Config { poll_interval: std::time::Duration::from_millis(5), ..sender::Config::default() };
            Sender::new(chain.clone(), signer, config)
        };
        let folder = tempfile::tempdir().unwrap();
        let deployer = new().await;
        let deployment = deploy(&deployer, &parameters(), &folder.path().join("deployment.json")).await.unwrap();
        let (mut stakers, mut operators) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            stakers.push(new().await);
        }
        for _ in 0..3 {
            operators.push(new().await);
        }
        let avs = new().await;
        let url = instance.url().to_owned();
        let random = StdRng::seed_from_u64(seed);
        let mut world = Self { chain, anvil, deployment, url, stakers, operators, avs, random, _instance: instance };
        world.begin(&deployer).await;
        world
    }

    async fn begin(&mut self, deployer: &Sender) {
        let at = &self.deployment.contracts;
        for account in self.stakers.iter().chain(&self.operators) {
            for stake in &at.stakes {
                let mint = token::mintCall { to: account.address(), amount: U256::from(u128::MAX) };
                send(account, stake.token, mint).await.unwrap();
                let approve = token::approveCall { spender: at.strategy_manager, amount: U256::MAX };
                send(account, stake.token, approve).await.unwrap();
            }
        }
        for operator in &self.operators {
            let call = delegation_manager::registerAsOperatorCall {
                initDelegationApprover: Address::ZERO,
                allocationDelay: 3,
                metadataURI: "https://operator.example/\u{7f}".to_owned(),
            };
            send(operator, at.delegation_manager, call).await.unwrap();
        }
        let created = deployer.create_and_confirm(Bytes::from_static(REGISTRAR), "registrar").await.unwrap();
        let avs = self.avs.address();
        let call = allocation_manager::updateAVSMetadataURICall { avs, metadataURI: "https://avs.example".to_owned() };
        send(&self.avs, at.allocation_manager, call).await.unwrap();
        let call = allocation_manager::setAVSRegistrarCall { avs, registrar: created.created.unwrap() };
        send(&self.avs, at.allocation_manager, call).await.unwrap();
        let set = |id| allocation_manager::IAllocationManagerTypes::CreateSetParams {
            operatorSetId: id,
            strategies: at.strategies(),
        };
        let call = allocation_manager::createOperatorSets_0Call { avs, params: vec![set(SETS[0])] };
        send(&self.avs, at.allocation_manager, call).await.unwrap();
        let call = allocation_manager::createRedistributingOperatorSets_0Call {
            avs,
            params: vec![set(SETS[1])],
            redistributionRecipients: vec![Address::repeat_byte(0x77)],
        };
        send(&self.avs, at.allocation_manager, call).await.unwrap();
        self.stake().await;
    }

    /// Does `count` random things, many of which the contracts refuse. Returns how many they allowed.
    pub async fn live(&mut self, count: usize) -> usize {
        let mut done = 0;
        for _ in 0..count {
            match self.act().await {
                Ok(()) => done += 1,
                Err(Error::Reverted { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        done
    }

    /// Has an operator leave a set, which only somebody who knows that set understands.
    pub async fn leave(&self) {
        let operator = &self.operators[0];
        let params = allocation_manager::IAllocationManagerTypes::DeregisterParams {
            operator: operator.address(),
            avs: self.avs.address(),
            operatorSetIds: vec![SETS[0]],
        };
        let call = allocation_manager::deregisterFromOperatorSetsCall { params };
        send(operator, self.deployment.contracts.allocation_manager, call).await.unwrap();
    }

    /// Gives every operator stake that counts in every set, so that slashes find something.
    async fn stake(&self) {
        let (at, avs) = (&self.deployment.contracts, self.avs.address());
        for operator in &self.operators {
            for stake in &at.stakes {
                let amount = U256::from(10).pow(U256::from(20));
                let call =
                    strategy_manager::depositIntoStrategyCall { strategy: stake.strategy, token: stake.token, amount };
                send(operator, at.strategy_manager, call).await.unwrap();
            }
            let params = allocation_manager::IAllocationManagerTypes::RegisterParams {
                avs,
                operatorSetIds: SETS.to_vec(),
                data: Bytes::new(),
            };
            let call = allocation_manager::registerForOperatorSetsCall { operator: operator.address(), params };
            send(operator, at.allocation_manager, call).await.unwrap();
            let third = |id| allocation_manager::IAllocationManagerTypes::AllocateParams {
                operatorSet: allocation_manager::OperatorSet { avs, id },
                strategies: at.strategies(),
                newMagnitudes: vec![MAGNITUDE / 3; at.stakes.len()],
            };
            let params = SETS.into_iter().map(third).collect();
            let call = allocation_manager::modifyAllocationsCall { operator: operator.address(), params };
            send(operator, at.allocation_manager, call).await.unwrap();
        }
        self.anvil.mine(u64::from(parameters().withdrawal_delay_blocks)).await.unwrap();
    }

    /// Makes everything final that has happened.
    pub async fn settle(&self) {
        let head = self.chain.latest_block_number().await.unwrap();
        self.anvil.finalize(head).await.unwrap();
    }

    pub fn indexer(&self, store: Store, page_blocks: u64) -> Indexer {
        let config = Config { page_blocks, ..Config::default() };
        Indexer::new(self.chain.clone(), store, &self.deployment, config)
    }

    fn amount(&mut self) -> U256 {
        let digits = self.random.gen_range(0..20);
        U256::from(self.random.gen_range(1..10u64)) * U256::from(10).pow(U256::from(digits)) + U256::from(1)
    }

    fn magnitude(&mut self) -> u64 {
        *[0, 1, MAGNITUDE / 3, MAGNITUDE / 2, MAGNITUDE].choose(&mut self.random).unwrap()
    }

    async fn act(&mut self) -> Result<(), Error> {
        let at = self.deployment.contracts.clone();
        let strategies = at.strategies();
        let strategy = *strategies.choose(&mut self.random).unwrap();
        let operator = self.random.gen_range(0..self.operators.len());
        let operator_address = self.operators[operator].address();
        let staker = self.random.gen_range(0..self.stakers.len());
        let staker_address = self.stakers[staker].address();
        let set_id = *SETS.choose(&mut self.random).unwrap();
        let avs = self.avs.address();
        let operator_set = allocation_manager::OperatorSet { avs, id: set_id };
        match self.random.gen_range(0..22) {
            0..=2 => {
                let stake = at.stakes.iter().find(|stake| stake.strategy == strategy).unwrap();
                let amount = self.amount();
                let call = strategy_manager::depositIntoStrategyCall { strategy, token: stake.token, amount };
                let own = self.random.gen_bool(0.3);
                let account = if own { &self.operators[operator] } else { &self.stakers[staker] };
                send(account, at.strategy_manager, call).await
            }
            3 | 4 => {
                let call = delegation_manager::delegateToCall {
                    operator: operator_address,
                    approverSignatureAndExpiry: delegation_manager::IDelegationManager::SignatureWithExpiry {
                        signature: Bytes::new(),
                        expiry: U256::ZERO,
                    },
                    approverSalt: B256::ZERO,
                };
                send(&self.stakers[staker], at.delegation_manager, call).await
            }
            5 => {
                let call = delegation_manager::undelegateCall { staker: staker_address };
                let by = if self.random.gen_bool(0.5) { &self.operators[operator] } else { &self.stakers[staker] };
                send(by, at.delegation_manager, call).await
            }
            6 | 7 => {
                let call = strategy_manager::stakerDepositSharesCall { staker: staker_address, strategy };
                let has = self.chain.latest_call(at.strategy_manager, &call).await?;
                let part = has / U256::from(self.random.gen_range(1..4u64));
                let call = delegation_manager::queueWithdrawalsCall {
                    params: vec![delegation_manager::IDelegationManager::QueuedWithdrawalParams {
                        strategies: vec![strategy],
                        depositShares: vec![part],
                        __deprecated_withdrawer: Address::ZERO,
                    }],
                };
                send(&self.stakers[staker], at.delegation_manager, call).await
            }
            8..=10 => {
                let call = delegation_manager::getQueuedWithdrawalRootsCall { staker: staker_address };
                let roots = self.chain.latest_call(at.delegation_manager, &call).await?;
                let Some(root) = roots.choose(&mut self.random) else { return Ok(()) };
                let as_tokens = self.random.gen_bool(0.4);
                let call = delegation_manager::completeQueuedWithdrawal_0Call {
                    withdrawalRoot: *root,
                    receiveAsTokens: as_tokens,
                };
                send(&self.stakers[staker], at.delegation_manager, call).await
            }
            11..=13 => {
                let new_magnitudes = vec![self.magnitude()];
                let call = allocation_manager::modifyAllocationsCall {
                    operator: operator_address,
                    params: vec![allocation_manager::IAllocationManagerTypes::AllocateParams {
                        operatorSet: operator_set,
                        strategies: vec![strategy],
                        newMagnitudes: new_magnitudes,
                    }],
                };
                send(&self.operators[operator], at.allocation_manager, call).await
            }
            14 => {
                let params = allocation_manager::IAllocationManagerTypes::RegisterParams {
                    avs,
                    operatorSetIds: vec![set_id],
                    data: Bytes::new(),
                };
                let call = allocation_manager::registerForOperatorSetsCall { operator: operator_address, params };
                send(&self.operators[operator], at.allocation_manager, call).await
            }
            15 => {
                let params = allocation_manager::IAllocationManagerTypes::DeregisterParams {
                    operator: operator_address,
                    avs,
                    operatorSetIds: vec![set_id],
                };
                let call = allocation_manager::deregisterFromOperatorSetsCall { params };
                send(&self.avs, at.allocation_manager, call).await
            }
            16 | 17 => {
                let wad = *[1, MAGNITUDE / 10, MAGNITUDE / 3, MAGNITUDE - 1].choose(&mut self.random).unwrap();
                let call = allocation_manager::slashOperatorCall {
                    avs,
                    params: allocation_manager::IAllocationManagerTypes::SlashingParams {
                        operator: operator_address,
                        operatorSetId: set_id,
                        wadsToSlash: vec![U256::from(wad); strategies.len()],
                        strategies,
                        description: "it lied\u{0}".to_owned(),
                    },
                };
                send(&self.avs, at.allocation_manager, call).await
            }
            18 => {
                let slash_id = self.random.gen_range(1..6u64);
                let call = strategy_manager::clearBurnOrRedistributableSharesCall {
                    operatorSet: strategy_manager::OperatorSet { avs, id: set_id },
                    slashId: U256::from(slash_id),
                };
                send(&self.avs, at.strategy_manager, call).await
            }
            19 => {
                let delay = self.random.gen_range(0..50);
                let call = allocation_manager::setAllocationDelayCall { operator: operator_address, delay };
                send(&self.operators[operator], at.allocation_manager, call).await
            }
            20 if self.random.gen_bool(0.5) => {
                let call = allocation_manager::updateSlasherCall { operatorSet: operator_set, slasher: avs };
                send(&self.avs, at.allocation_manager, call).await
            }
            20 => {
                let listed = self.random.gen_bool(0.5);
                let strategies = vec![strategy];
                if listed {
                    let call = allocation_manager::removeStrategiesFromOperatorSetCall {
                        avs,
                        operatorSetId: set_id,
                        strategies,
                    };
                    send(&self.avs, at.allocation_manager, call).await
                } else {
                    let call =
                        allocation_manager::addStrategiesToOperatorSetCall { avs, operatorSetId: set_id, strategies };
                    send(&self.avs, at.allocation_manager, call).await
                }
            }
            _ => {
                let blocks = *[1, 8, 30, 110].choose(&mut self.random).unwrap();
                self.anvil.mine(blocks).await
            }
        }
    }
}

async fn send<C: SolCall>(sender: &Sender, to: Address, call: C) -> Result<(), Error> {
    sender.send_and_confirm(to, call.abi_encode().into(), C::SIGNATURE).await.map(|_| ())
}
