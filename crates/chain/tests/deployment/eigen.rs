//! EIGEN and what every AVS finds: wiring, and a stake that is delegated, allocated, slashed and paid out.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, sol};
use vouch_chain::anvil::Mining;
use vouch_chain::artifacts;
use vouch_chain::bindings::{eigen, escrow, fork_parameters, strategy, strategy_factory, strategy_manager, token};
use vouch_chain::deploy::{Contracts, Parameters, deploy};
use vouch_chain::network::{Appointment, Network, NewSet, OperatorSet, WHOLE_MAGNITUDE};
use vouch_chain::sender::Sender;

use super::common::{Local, start};
use super::{manifest, token_units};

sol! {
    interface IReadable {
        function owner() external view returns (address);
        function generation() external view returns (uint256);
        function pauserRegistry() external view returns (address);
        function permissionController() external view returns (address);
        function delegation() external view returns (address);
    }
}

async fn network(local: &Local, owner: &Sender) -> Network {
    let folder = tempfile::tempdir().unwrap();
    let deployment = deploy(owner, &Parameters::local(), &manifest(&folder)).await.unwrap();
    Network::new(local.chain.clone(), deployment).unwrap()
}

async fn ask<C: SolCall>(local: &Local, to: Address, call: C) -> C::Return {
    local.chain.latest_call(to, &call).await.unwrap()
}

#[tokio::test]
async fn only_the_factory_admits_strategies_and_every_token_has_one() {
    let local = start(Mining::OnDemand).await;
    let owner = local.sender().await;
    let network = network(&local, &owner).await;
    let at: &Contracts = network.contracts();
    let whitelister = ask(&local, at.strategy_manager, strategy_manager::strategyWhitelisterCall {}).await;
    assert_eq!(whitelister, at.strategy_factory);
    assert_eq!(ask(&local, at.strategy_factory, IReadable::ownerCall {}).await, owner.address());
    for contract in [at.strategy_factory, at.eigen.strategy] {
        assert_eq!(ask(&local, contract, IReadable::pauserRegistryCall {}).await, at.pauser_registry);
    }
    let controller = ask(&local, at.release_manager, IReadable::permissionControllerCall {}).await;
    assert_eq!(controller, at.permission_controller);
    for stake in at.stakes_with_eigen() {
        let open = strategy_manager::strategyIsWhitelistedForDepositCall { strategy: stake.strategy };
        assert!(ask(&local, at.strategy_manager, open).await, "{}", stake.symbol);
        let second = strategy_factory::deployNewStrategyCall { token: stake.token };
        let refused = owner.send_and_confirm(at.strategy_factory, second.abi_encode().into(), "second").await;
        assert_eq!(refused.unwrap_err().revert_name(), Some("BlacklistedToken"), "{}", stake.symbol);
    }
    assert!(ask(&local, at.strategy_factory, strategy_factory::isBlacklistedCall { token: at.eigen.backing }).await);
    // Any other token gets one, from anybody.
    let stranger = local.sender().await;
    let code = artifacts::DEMO_TOKEN.creation_code(&("Another".to_owned(), "OTHER".to_owned())).unwrap();
    let token = stranger.create_and_confirm(code, "token").await.unwrap().created.unwrap();
    let make = strategy_factory::deployNewStrategyCall { token };
    stranger.send_and_confirm(at.strategy_factory, make.abi_encode().into(), "strategy").await.unwrap();
    let strategy = ask(&local, at.strategy_factory, strategy_factory::deployedStrategiesCall { token }).await;
    let open = strategy_manager::strategyIsWhitelistedForDepositCall { strategy };
    assert!(ask(&local, at.strategy_manager, open).await);
}

#[tokio::test]
async fn the_escrow_and_the_token_are_those_of_the_manifest() {
    let local = start(Mining::OnDemand).await;
    let owner = local.sender().await;
    let network = network(&local, &owner).await;
    let (at, with) = (network.contracts(), &network.deployment().parameters);
    let made = &at.eigen;
    assert_eq!(ask(&local, made.backing, IReadable::generationCall {}).await, U256::ONE);
    let supply = ask(&local, made.backing, token::totalSupplyCall {}).await;
    assert_eq!(supply, with.eigen.supply());
    assert_eq!(ask(&local, made.backing, token::balanceOfCall { account: owner.address() }).await, supply);
    assert_eq!(ask(&local, made.token, eigen::bEIGENCall {}).await, made.backing);
    assert_eq!(ask(&local, made.token, eigen::challengeVaultCall {}).await, Address::ZERO);
    assert_eq!(ask(&local, made.escrow, escrow::strategyCall {}).await, made.strategy);
    assert_eq!(ask(&local, made.escrow, escrow::tokenCall {}).await, made.backing);
    assert_eq!(ask(&local, made.escrow, escrow::parametersCall {}).await, made.fork_parameters);
    assert_eq!(ask(&local, made.escrow, escrow::lagBlocksCall {}).await, with.withdrawal_delay_blocks);
    assert_eq!(ask(&local, made.escrow, IReadable::delegationCall {}).await, at.delegation_manager);
    assert_eq!(ask(&local, made.strategy, strategy::underlyingTokenCall {}).await, made.backing);
    let times = ask(&local, made.fork_parameters, fork_parameters::timesCall {}).await;
    assert_eq!((times.withdrawal, times.redemption), (with.eigen.times.withdrawal, with.eigen.times.redemption));
    let shares = ask(&local, made.fork_parameters, fork_parameters::sharesCall {}).await;
    assert_eq!((shares.challengeBurn, shares.appealRungs), (250, 8));
}

#[tokio::test]
async fn mainnets_delays_can_be_deployed_too() {
    let local = start(Mining::OnDemand).await;
    let folder = tempfile::tempdir().unwrap();
    let deployed = deploy(&local.sender().await, &Parameters::mainnet(), &manifest(&folder)).await.unwrap();
    assert_eq!(deployed.contracts.stakes, []);
}

#[tokio::test]
async fn times_that_break_an_inequality_are_not_deployed() {
    let local = start(Mining::OnDemand).await;
    let owner = local.sender().await;
    let folder = tempfile::tempdir().unwrap();
    let mut parameters = Parameters::local();
    parameters.eigen.times.redemption = parameters.eigen.times.challenge + parameters.eigen.times.censorship;
    let broken = deploy(&owner, &parameters, &manifest(&folder)).await.unwrap_err();
    assert_eq!(broken.revert_name(), Some("RuleBroken"), "{broken}");
    let folder = tempfile::tempdir().unwrap();
    let mut parameters = Parameters::local();
    parameters.eigen.times.withdrawal = parameters.withdrawal_delay_blocks + 1;
    let short = deploy(&owner, &parameters, &manifest(&folder)).await.unwrap_err();
    assert_eq!(short.revert_name(), Some("LagTooShort"), "{short}");
}

/// An AVS without code, with a set whose slashed EIGEN goes to a recipient.
async fn set_of(network: &Network, avs: &Sender, recipient: Address) -> OperatorSet {
    let (set, at) = (OperatorSet { avs: avs.address(), id: 7 }, network.contracts());
    let new = NewSet {
        set,
        strategies: vec![at.eigen.strategy],
        slasher: avs.address(),
        redistribution_recipient: Some(recipient),
    };
    let actions = [
        network.update_avs_metadata(set.avs, "https://avs.example/avs.json"),
        network.set_avs_registrar(set.avs, at.open_registrar),
        network.create_set(&new),
    ];
    network.perform(avs, &actions).await.unwrap();
    set
}

#[tokio::test]
async fn eigen_is_wrapped_staked_allocated_by_an_appointee_and_slashed_to_a_recipient() {
    let local = start(Mining::OnDemand).await;
    let (owner, operator) = (local.sender().await, local.sender().await);
    let (helper, recipient) = (local.sender().await, local.sender().await.address());
    let network = network(&local, &owner).await;
    let at = &network.contracts().eigen;
    network.perform(&owner, &network.give_backing(operator.address(), token_units(1_000))).await.unwrap();
    assert!(network.gas_of(operator.address(), &network.wrap(token_units(400))).await.unwrap() > 100_000);
    assert!(network.gas_price().await.unwrap() > 0);
    network.perform(&operator, &network.wrap(token_units(400))).await.unwrap();
    network.register_operator(&operator, 0, "").await.unwrap();
    assert_eq!(network.deposit_as(&operator, at.strategy, at.token, token_units(300)).await.unwrap(), token_units(300));

    let set = set_of(&network, &owner, recipient).await;
    let appointment = Appointment {
        appointee: helper.address(),
        target: network.contracts().allocation_manager,
        selector: vouch_chain::bindings::allocation_manager::modifyAllocationsCall::SELECTOR.into(),
    };
    let delays = &network.deployment().parameters;
    local.anvil.mine(u64::from(delays.allocation_configuration_delay_blocks) + 1).await.unwrap();
    let allocate =
        || network.allocate_for(&helper, operator.address(), set, std::slice::from_ref(&at.strategy), WHOLE_MAGNITUDE);
    assert_eq!(allocate().await.unwrap_err().revert_name(), Some("InvalidPermissions"));
    network.perform(&operator, &[network.appoint(operator.address(), &appointment)]).await.unwrap();
    let effect_block = allocate().await.unwrap();
    let now = local.chain.latest_block_number().await.unwrap();
    local.anvil.mine(effect_block.saturating_sub(now) + 1).await.unwrap();
    network.join_set_of(&operator, set).await.unwrap();

    let half = U256::from(WHOLE_MAGNITUDE / 2);
    let slash = network.slash_set_member(set, operator.address(), &[at.strategy], &[half], "a test");
    let refused = network.gas_of(helper.address(), std::slice::from_ref(&slash)).await.unwrap_err();
    assert_eq!(refused.revert_name(), Some("InvalidCaller"), "{refused}");
    let confirmed = network.perform(&owner, &[slash]).await.unwrap();
    let slashed = network.set_slash_of(set, &confirmed).await.unwrap();
    assert_eq!((slashed.slash_id, slashed.wad_slashed), (U256::ONE, vec![half]));

    // The slashed half waits in the escrow, however soon the slash is resolved.
    local.anvil.mine(u64::from(delays.slash_resolution_delay_blocks) + 1).await.unwrap();
    network.perform(&owner, &[network.resolve_slash(set, slashed.slash_id)]).await.unwrap();
    local.anvil.mine(3).await.unwrap();
    let view = network.view().await.unwrap();
    let outflow = network.outflows(&view).await.unwrap()[0];
    assert_eq!((outflow.recipient, outflow.amount), (recipient, token_units(150)));
    let early = network.perform(&owner, &network.release_outflow(outflow.id)).await.unwrap_err();
    assert_eq!(early.revert_name(), Some("TooEarly"), "{early}");
    local.anvil.mine(u64::from(delays.escrow_lag_blocks()) + 1).await.unwrap();
    network.perform(&owner, &network.release_outflow(outflow.id)).await.unwrap();

    network.perform(&operator, &network.unwrap(token_units(40))).await.unwrap();
    network.perform(&operator, &network.unwrap(token_units(60))).await.unwrap();
    local.anvil.mine(3).await.unwrap();
    let view = network.view().await.unwrap();
    let account = network.eigen_account(&view, operator.address()).await.unwrap();
    assert_eq!((account.backing, account.wrapped, account.unwrapped), (token_units(700), U256::ZERO, token_units(100)));
    assert_eq!(account.staked, token_units(300));
    let log: Vec<U256> =
        network.unwrap_log(&view, operator.address()).await.unwrap().iter().map(|entry| entry.total).collect();
    assert_eq!(log.last(), Some(&token_units(100)));
    assert_eq!(network.eigen_account(&view, recipient).await.unwrap().backing, token_units(150));
    assert!(!network.is_forkable(&view).await.unwrap());
    let permissions = network.permissions(&view, operator.address()).await.unwrap();
    assert_eq!((permissions.admins, permissions.appointments), (vec![operator.address()], vec![appointment]));
    let info = network.set_info(&view, set).await.unwrap().unwrap();
    assert_eq!((info.redistribution_recipient, info.slasher), (Some(recipient), owner.address()));
    assert_eq!(info.strategies, [(at.strategy, None)]);
}
