//! Local development chains: moving their time, and running one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use alloy_primitives::{Address, U64, U256};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::client::{Chain, Config};
use crate::error::Error;

/// Where to find the program if not on PATH or in node_modules.
pub const BINARY_VARIABLE: &str = "VOUCH_ANVIL";
/// How long a new chain may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// The most blocks mined in one request, so that none takes long.
const MINE_BLOCKS_MAX: u64 = 10_000;

/// The right to move a chain's time: only [`Anvil::of`] gives it, and only for anvil.
#[derive(Debug, Clone)]
pub struct Anvil {
    chain: Chain,
}

impl Anvil {
    /// # Errors
    /// [`Error::NotAnvil`] on every other chain.
    pub async fn of(chain: &Chain) -> Result<Self, Error> {
        let version: String = chain.request("web3_clientVersion", ()).await?;
        if !version.to_ascii_lowercase().starts_with("anvil/") {
            let version = version.chars().take(80).collect();
            return Err(Error::NotAnvil { endpoint: chain.endpoint().to_owned(), version });
        }
        Ok(Self { chain: chain.clone() })
    }

    /// Mines `blocks` blocks, one second apart.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn mine(&self, blocks: u64) -> Result<(), Error> {
        let mut left = blocks;
        while left > 0 {
            let now = left.min(MINE_BLOCKS_MAX);
            let _: serde_json::Value = self.chain.request("anvil_mine", (U64::from(now), U64::from(1))).await?;
            left -= now;
        }
        Ok(())
    }

    /// Mines until block `number` is finalized.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn finalize(&self, number: u64) -> Result<(), Error> {
        while self.chain.finalized().await?.block().number < number {
            self.mine(1).await?;
        }
        Ok(())
    }

    /// Moves the clock forward; it shows in the next block.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn increase_time(&self, seconds: u64) -> Result<(), Error> {
        let _: serde_json::Value = self.chain.request("evm_increaseTime", (U64::from(seconds),)).await?;
        Ok(())
    }

    /// Sets the next block's time, Unix seconds.
    ///
    /// # Errors
    /// Refused for a time that has passed.
    pub async fn set_next_time(&self, timestamp: u64) -> Result<(), Error> {
        let _: serde_json::Value = self.chain.request("evm_setNextBlockTimestamp", (U64::from(timestamp),)).await?;
        Ok(())
    }

    /// Gives `account` the chain's currency, in wei.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn set_balance(&self, account: Address, wei: U256) -> Result<(), Error> {
        let _: serde_json::Value = self.chain.request("anvil_setBalance", (account, wei)).await?;
        Ok(())
    }

    /// Remembers the chain's state; returns its name for [`Anvil::revert`].
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn snapshot(&self) -> Result<U256, Error> {
        self.chain.request("evm_snapshot", ()).await
    }

    /// Goes back to a snapshot, once.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] when there is no such snapshot.
    pub async fn revert(&self, snapshot: U256) -> Result<(), Error> {
        let reverted: bool = self.chain.request("evm_revert", (snapshot,)).await?;
        if !reverted {
            return Err(Error::inconsistent("evm_revert", format!("there is no snapshot {snapshot}")));
        }
        Ok(())
    }

    /// Replaces the newest `blocks` blocks by empty ones at other times; what was mined in them is gone. Two blocks are the
    /// most that are not final on a chain of [`Instance`].
    ///
    /// # Errors
    /// Fails when the endpoint does not answer, or has fewer blocks.
    pub async fn reorganize(&self, blocks: u64) -> Result<(), Error> {
        // A block that anvil mines by its clock while it replaces others leaves a gap: numbers that it has no block for.
        let interval: Option<u64> = self.chain.request("anvil_getIntervalMining", ()).await?;
        self.set_interval(interval.map(|_| 0)).await?;
        // No transactions of our own are put into the new blocks.
        let transactions: [u8; 0] = [];
        let replaced: Result<serde_json::Value, _> = self.chain.request("anvil_reorg", (blocks, transactions)).await;
        self.set_interval(interval).await?;
        replaced.map(drop)
    }

    async fn set_interval(&self, seconds: Option<u64>) -> Result<(), Error> {
        match seconds {
            Some(seconds) => self.set_interval_mining(seconds).await,
            None => Ok(()),
        }
    }

    /// The most wei per gas that `sender`'s waiting transaction offers; none when none waits.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn pending_fee(&self, sender: Address) -> Result<Option<u128>, Error> {
        let content: serde_json::Value = self.chain.request("txpool_content", ()).await?;
        let own = |name: &String| name.parse::<Address>().is_ok_and(|address| address == sender);
        let waiting = content["pending"].as_object().and_then(|senders| senders.iter().find(|(name, _)| own(name)));
        let waiting = waiting.and_then(|(_, by_nonce)| by_nonce.as_object()?.values().next());
        let fee = waiting.and_then(|transaction| transaction["maxFeePerGas"].as_str());
        Ok(fee.and_then(|text| u128::from_str_radix(text.trim_start_matches("0x"), 16).ok()))
    }

    /// Whether blocks come on their own; without, only [`Anvil::mine`] makes them.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn set_interval_mining(&self, seconds: u64) -> Result<(), Error> {
        let _: serde_json::Value = self.chain.request("evm_setIntervalMining", (seconds,)).await?;
        Ok(())
    }

    /// Whether each transaction is mined at once.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn set_auto_mining(&self, on: bool) -> Result<(), Error> {
        let _: serde_json::Value = self.chain.request("evm_setAutomine", (on,)).await?;
        Ok(())
    }
}

/// Why a local chain could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("anvil was not found: run `npm ci` in the repository, or set {BINARY_VARIABLE} to its path")]
    NotFound,
    #[error("cannot start {}", path.display())]
    Spawn {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("anvil ended or said nothing for {} s; it said: {output}", START_TIMEOUT.as_secs())]
    NotReady { output: String },
    #[error("no folder for the chain's old states")]
    Cache(#[source] std::io::Error),
    #[error(transparent)]
    Chain(#[from] Error),
}

/// How a local chain makes blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mining {
    /// A block a second, whether or not there are transactions.
    EverySecond,
    /// A block for each transaction and on demand: the quickest for tests.
    OnDemand,
}

/// How to start anvil. Two blocks after a block, it is finalized.
#[derive(Debug, Clone)]
pub struct Options {
    pub mining: Mining,
    /// On the loopback interface; 0 for a free one.
    pub port: u16,
    /// Where it keeps states that it holds no more in memory. Its own default lies in the home folder, where a killed
    /// anvil leaves gigabytes behind.
    pub cache: PathBuf,
    /// Read at the start if it exists, and written when anvil is asked to end.
    pub state: Option<PathBuf>,
}

/// Old states that anvil keeps on disk, a megabyte or two each.
const STATES_ON_DISK_MAX: u32 = 128;

impl Options {
    /// The arguments of the program.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let port = self.port.to_string();
        let fixed = ["--host", "127.0.0.1", "--port", &port, "--slots-in-an-epoch", "1"];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).into();
        arguments.extend(["--max-persisted-states".to_owned(), STATES_ON_DISK_MAX.to_string()]);
        arguments.extend(["--cache-path".to_owned(), self.cache.display().to_string()]);
        if let Some(state) = &self.state {
            arguments.extend(["--state".to_owned(), state.display().to_string()]);
        }
        if self.mining == Mining::EverySecond {
            arguments.extend(["--block-time".to_owned(), "1".to_owned()]);
        }
        arguments
    }
}

/// A running anvil; it ends when this is dropped.
#[derive(Debug)]
pub struct Instance {
    url: String,
    child: Child,
    // Removed on drop, when it is this instance's own.
    _cache: Option<TempDir>,
}

impl Instance {
    /// Starts anvil on a free port of the loopback interface.
    ///
    /// # Errors
    /// [`StartError::NotFound`] says how to get it.
    pub async fn start(mining: Mining) -> Result<Self, StartError> {
        Self::start_on_port(mining, 0).await
    }

    /// As [`Instance::start`] on a port of the caller's choice; 0 for a free one.
    ///
    /// # Errors
    /// [`StartError::NotReady`] when the port is taken.
    pub async fn start_on_port(mining: Mining, port: u16) -> Result<Self, StartError> {
        let cache = TempDir::with_prefix("vouch-anvil-").map_err(StartError::Cache)?;
        let options = Options { mining, port, cache: cache.path().to_owned(), state: None };
        Ok(Self { _cache: Some(cache), ..Self::start_with(&options).await? })
    }

    /// Starts anvil as `options` say.
    ///
    /// # Errors
    /// [`StartError::NotReady`] when the port is taken or the state cannot be read.
    pub async fn start_with(options: &Options) -> Result<Self, StartError> {
        let path = find_binary().ok_or(StartError::NotFound)?;
        let mut command = Command::new(&path);
        command.args(options.arguments());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|source| StartError::Spawn { path, source })?;
        let stdout = child.stdout.take().ok_or_else(|| StartError::NotReady { output: String::new() })?;
        let mut lines = BufReader::new(stdout).lines();
        let address = listening_address(&mut lines).await?;
        // Somebody has to read on, or anvil stops when the pipe is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { url: format!("http://{address}"), child, _cache: None })
    }

    /// The process's id; none once it has ended.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    /// Fails when the operating system does.
    pub async fn ended(&mut self) -> std::io::Result<()> {
        self.child.wait().await.map(|_| ())
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A handle on the chain.
    ///
    /// # Errors
    /// Fails when it does not answer.
    pub async fn connect(&self) -> Result<Chain, Error> {
        Chain::connect(&Config::at(&self.url)).await
    }
}

/// The address after "Listening on".
async fn listening_address(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<String, StartError> {
    let mut output = String::new();
    let search = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(address) = line.trim().strip_prefix("Listening on ") {
                return Some(address.to_owned());
            }
            if output.len() < 2_000 {
                output.push_str(&line);
                output.push('\n');
            }
        }
        None
    };
    let found = tokio::time::timeout(START_TIMEOUT, search).await.ok().flatten();
    found.ok_or(StartError::NotReady { output })
}

/// The anvil program: the variable's, that on PATH, or that of npm in this folder or one above it.
#[must_use]
pub fn find_binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(BINARY_VARIABLE) {
        return Some(PathBuf::from(path));
    }
    let on_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|folder| folder.join("anvil")).find(|candidate| is_program(candidate))
    });
    on_path.or_else(|| std::env::current_dir().ok()?.ancestors().find_map(npm_binary))
}

/// npm's launcher is a script that starts the program as its own child, which would outlive us when we end the script.
fn is_program(candidate: &Path) -> bool {
    candidate.canonicalize().is_ok_and(|path| path.is_file() && path.extension().is_none())
}

/// The program itself lies in a package for the machine's platform.
fn npm_binary(folder: &Path) -> Option<PathBuf> {
    let packages = std::fs::read_dir(folder.join("node_modules/@foundry-rs")).ok()?;
    let mut candidates = packages
        .filter_map(Result::ok)
        .filter(|package| package.file_name().to_string_lossy().starts_with("anvil-"))
        .map(|package| package.path().join("bin/anvil"));
    candidates.find(|candidate| is_program(candidate))
}
