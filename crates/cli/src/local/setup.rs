//! What stands on a local cloud's chain before its nodes start: contracts, and operators with stake.

use std::path::Path;
use std::time::{Duration, Instant};

use alloy_primitives::U256;
use futures::future::try_join_all;
use vouch_chain::anvil::Anvil;
use vouch_chain::deploy::{Parameters, deploy};
use vouch_chain::keys::{self, Cost, PasswordSource};
use vouch_chain::{Chain, Error, Network, Sender, client, sender};

use crate::failure::{Failure, chain_of};
use crate::local::accounts::Account;
use crate::local::cloud::unwritable;
use crate::local::config::{DEPLOYMENT_FILE, PASSWORD_FILE, keystore_of};

/// What the first operators have in each strategy, in thousands of tokens; everybody else has the last.
const STAKES: [u64; 4] = [40, 30, 20, 10];
/// How long the chain may take to answer for the first time.
const CHAIN_TIMEOUT: Duration = Duration::from_secs(30);
const CHAIN_POLL: Duration = Duration::from_millis(50);
/// Whole bEIGEN for each account of a local cloud.
const BACKING_TOKENS: u64 = 1_000_000;

/// 10,000 coins, for accounts that anvil gave none.
const COINS: u64 = 10_000;

/// What an account of a development chain is given.
pub fn coins() -> U256 {
    U256::from(COINS) * U256::from(10).pow(U256::from(18))
}

/// Writes a password file and a keystore per account.
pub fn write_keys(folder: &Path, accounts: &[Account]) -> Result<(), Failure> {
    let password_file = folder.join(PASSWORD_FILE);
    write_private(&password_file, "these keys are worth nothing\n")?;
    let keys_folder = folder.join("keys");
    std::fs::create_dir_all(&keys_folder).map_err(|error| unwritable(&keys_folder, &error))?;
    let password = PasswordSource::File(password_file).read().map_err(|error| Failure::host(chain_of(&error), ""))?;
    for account in accounts {
        let path = folder.join(keystore_of(&account.name));
        keys::write_ecdsa(&path, &account.signer, &password, Cost::Light).map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

fn write_private(path: &Path, content: &str) -> Result<(), Failure> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let options = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    options.and_then(|mut file| file.write_all(content.as_bytes())).map_err(|error| unwritable(path, &error))
}

/// Connects to a chain that is being started.
pub async fn connect(rpc: &str) -> Result<Chain, Failure> {
    let deadline = Instant::now() + CHAIN_TIMEOUT;
    loop {
        match Chain::connect(&client::Config::at(rpc)).await {
            Ok(chain) => return Ok(chain),
            Err(error) if error.is_transient() && Instant::now() < deadline => tokio::time::sleep(CHAIN_POLL).await,
            Err(error) => return Err(failure(&error)),
        }
    }
}

/// Deploys everything and gives the operators their stake; blocks come every second from then on.
pub async fn populate(chain: &Chain, folder: &Path, accounts: &[Account]) -> Result<Network, Failure> {
    populate_chain(chain, folder, accounts).await.map_err(|error| failure(&error))
}

async fn populate_chain(chain: &Chain, folder: &Path, accounts: &[Account]) -> Result<Network, Error> {
    let anvil = Anvil::of(chain).await?;
    anvil.set_auto_mining(true).await?;
    for account in accounts {
        anvil.set_balance(account.signer.address(), coins()).await?;
    }
    let deployer = sender_of(chain, &accounts[0]);
    let deployment = deploy(&deployer, &Parameters::local(), &folder.join(DEPLOYMENT_FILE)).await?;
    let network = Network::new(chain.clone(), deployment)?;
    give_backing(&network, &deployer, accounts).await?;
    let operators = accounts.iter().filter(|account| account.is_operator());
    try_join_all(operators.enumerate().map(|(index, account)| stake(&network, account, index))).await?;
    // An operator's allocation delay starts at the withdrawal delay; the one that it asked for holds from here on.
    anvil.mine(u64::from(network.deployment().parameters.allocation_configuration_delay_blocks) + 1).await?;
    anvil.set_interval_mining(1).await?;
    Ok(network)
}

/// Everybody but the deployer, who keeps the rest of the supply, gets some bEIGEN to wrap and stake.
async fn give_backing(network: &Network, deployer: &Sender, accounts: &[Account]) -> Result<(), Error> {
    let amount = U256::from(BACKING_TOKENS) * U256::from(10).pow(U256::from(18));
    let others =
        accounts.iter().map(|account| account.signer.address()).filter(|address| *address != deployer.address());
    let gifts: Vec<_> = others.flat_map(|address| network.give_backing(address, amount)).collect();
    network.perform(deployer, &gifts).await?;
    Ok(())
}

async fn stake(network: &Network, account: &Account, index: usize) -> Result<(), Error> {
    let sender = sender_of(network.chain(), account);
    let thousands = STAKES.get(index).or(STAKES.last()).copied().unwrap_or_default();
    let amount = U256::from(thousands * 1_000) * U256::from(10).pow(U256::from(18));
    network.register_operator(&sender, 0, &account.name).await?;
    for stake in &network.contracts().stakes {
        network.mint(&sender, stake.token, sender.address(), amount).await?;
        network.deposit(&sender, stake.strategy, amount).await?;
    }
    Ok(())
}

fn sender_of(chain: &Chain, account: &Account) -> Sender {
    let config = sender::Config { poll_interval: Duration::from_millis(20), ..sender::Config::default() };
    Sender::new(chain.clone(), account.signer.clone(), config)
}

fn failure(error: &Error) -> Failure {
    Failure::chain(chain_of(error), "look at the chain's log above; `vouch doctor` checks this machine")
}
