use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use vouch_core::Domain;

use super::parameters::Parameters;
use crate::client::Chain;
use crate::error::Error;

/// The manifest's form.
pub(super) const VERSION: u32 = 2;
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;

/// What stands where on which chain: `deployment.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployment {
    pub version: u32,
    pub chain_id: u64,
    /// Tells two local chains apart.
    pub genesis_hash: B256,
    pub deployer: Address,
    /// The deployer's nonce from which the addresses follow.
    pub first_nonce: u64,
    /// No event of these contracts is older.
    pub start_block: u64,
    /// The block by which everything stood; none while the deployment is unfinished.
    pub end_block: Option<u64>,
    pub contracts: Contracts,
    pub parameters: Parameters,
}

/// Addresses by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contracts {
    pub pauser_registry: Address,
    pub permission_controller: Address,
    pub strategy_manager: Address,
    pub delegation_manager: Address,
    pub allocation_manager: Address,
    pub key_registrar: Address,
    pub certificate_verifier: Address,
    pub slash_router: Address,
    pub slash_vault_factory: Address,
    pub app_controller: Address,
    pub batch_registry: Address,
    pub equivocation_slasher: Address,
    pub profile: Address,
    pub forced_inbox: Address,
    pub fee_vault: Address,
    pub gateway_bonds: Address,
    pub endpoints: Address,
    pub release_manager: Address,
    /// Makes strategies of tokens that have none, and alone says what can be deposited.
    pub strategy_factory: Address,
    /// Lets every operator join, for AVSs that have no registrar of their own.
    pub open_registrar: Address,
    pub eigen: Eigen,
    /// The local cloud's tokens and strategies, by ascending strategy address as operator sets want them: the first is
    /// the primary one.
    pub stakes: Vec<Stake>,
}

/// The first generation of EIGEN, and what stakes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Eigen {
    /// bEIGEN: what is held in the end, and what a fork divides.
    pub backing: Address,
    /// EIGEN: the wrapper of it.
    pub token: Address,
    pub fork_parameters: Address,
    /// Holds every staked unit.
    pub escrow: Address,
    pub strategy: Address,
}

/// A token and the strategy that holds deposits of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stake {
    pub symbol: String,
    pub token: Address,
    pub strategy: Address,
}

impl Contracts {
    /// The addresses of contracts that `deployer` creates from `first_nonce` on, in the order of the fields.
    pub(super) fn predict(deployer: Address, first_nonce: u64, demo_tokens: bool) -> Self {
        let at = |index: u64| deployer.create(first_nonce + index);
        let mut pairs = vec![(at(27), at(25)), (at(28), at(26))];
        pairs.sort_unstable();
        if !demo_tokens {
            pairs.clear();
        }
        let stakes = pairs.into_iter().zip(["DEMOA", "DEMOB"]);
        let stakes = stakes.map(|((strategy, token), symbol)| Stake { symbol: symbol.to_owned(), token, strategy });
        Self {
            pauser_registry: at(0),
            permission_controller: at(1),
            strategy_manager: at(2),
            delegation_manager: at(3),
            allocation_manager: at(4),
            key_registrar: at(5),
            certificate_verifier: at(6),
            slash_router: at(7),
            slash_vault_factory: at(8),
            app_controller: at(9),
            batch_registry: at(10),
            equivocation_slasher: at(11),
            profile: at(12),
            forced_inbox: at(13),
            fee_vault: at(14),
            gateway_bonds: at(15),
            endpoints: at(16),
            release_manager: at(17),
            strategy_factory: at(18),
            open_registrar: at(19),
            eigen: Eigen { backing: at(20), token: at(21), fork_parameters: at(22), escrow: at(23), strategy: at(24) },
            stakes: stakes.collect(),
        }
    }

    /// Everything that can be staked from the start: the local cloud's tokens, then EIGEN, whose withdrawals pay bEIGEN.
    #[must_use]
    pub fn stakes_with_eigen(&self) -> Vec<Stake> {
        let eigen = Stake { symbol: "EIGEN".to_owned(), token: self.eigen.token, strategy: self.eigen.strategy };
        self.stakes.iter().cloned().chain([eigen]).collect()
    }

    /// The strategies of the local cloud's tokens, ascending, as operator sets want them.
    #[must_use]
    pub fn strategies(&self) -> Vec<Address> {
        self.stakes.iter().map(|stake| stake.strategy).collect()
    }
}

impl Deployment {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Names the file that is missing, damaged or of another version.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let missing = || Error::store(path, std::io::Error::from(ErrorKind::NotFound));
        Self::load_if_any(path)?.ok_or_else(missing)
    }

    pub(super) fn load_if_any(path: &Path) -> Result<Option<Self>, Error> {
        let mut content = String::new();
        match fs::File::open(path) {
            Ok(file) => file.take(MANIFEST_BYTES_MAX).read_to_string(&mut content),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error),
        }
        .map_err(|source| Error::store(path, source))?;
        let deployment: Self = serde_json::from_str(&content).map_err(|source| Error::store(path, source))?;
        if deployment.version != VERSION {
            return Err(Error::store(path, format!("its version is {}, not {VERSION}", deployment.version)));
        }
        Ok(Some(deployment))
    }

    /// Replaces the manifest at `path` in one step.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let draft = path.with_extension("draft");
        let write = || {
            let mut file = fs::File::create(&draft)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&draft, path)
        };
        write().map_err(|source| Error::store(path, source))
    }

    /// Refuses every chain but the one that this was deployed on.
    ///
    /// # Errors
    /// [`Error::WrongChain`] or [`Error::WrongGenesis`].
    pub fn require_chain(&self, chain: &Chain) -> Result<(), Error> {
        if self.chain_id != chain.chain_id() {
            return Err(Error::WrongChain { expected: self.chain_id, found: chain.chain_id() });
        }
        if self.genesis_hash != chain.genesis_hash() {
            return Err(Error::WrongGenesis { expected: self.genesis_hash, found: chain.genesis_hash() });
        }
        Ok(())
    }

    /// The domain under which clients sign requests.
    #[must_use]
    pub fn domain(&self) -> Domain {
        Domain { chain_id: U256::from(self.chain_id), registry: self.contracts.batch_registry }
    }
}
