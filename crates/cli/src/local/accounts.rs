//! The keys of a local cloud. They are public knowledge and worth nothing: anvil gives each of them currency.

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{B256, b256, keccak256};

/// The most operators of a local cloud.
pub const OPERATORS_MAX: usize = 16;

/// Who is there beside the operators, in the order of anvil's development accounts.
const ROLES: [&str; 5] = ["developer", "client", "white", "black", "gateway"];

/// The keys of anvil's first development accounts.
const DEVELOPMENT_KEYS: [B256; 10] = [
    b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
    b256!("8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba"),
    b256!("92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e"),
    b256!("4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356"),
    b256!("dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97"),
    b256!("2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
];

/// Somebody with a key.
pub struct Account {
    pub name: String,
    pub signer: PrivateKeySigner,
}

impl Account {
    pub fn is_operator(&self) -> bool {
        self.name.starts_with("operator-")
    }
}

/// The accounts of a cloud with that many operators.
pub fn accounts(operators: usize) -> Vec<Account> {
    let roles = ROLES.into_iter().map(str::to_owned);
    let names = roles.chain((1..=operators).map(|number| format!("operator-{number}")));
    names.enumerate().map(|(index, name)| account(index, name)).collect()
}

fn account(index: usize, name: String) -> Account {
    let derived = keccak256(format!("vouch local cloud: {name}"));
    let key = DEVELOPMENT_KEYS.get(index).unwrap_or(&derived);
    let signer = PrivateKeySigner::from_bytes(key).expect("these are valid secp256k1 keys");
    Account { name, signer }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use alloy_primitives::address;

    use super::*;

    #[test]
    fn the_deployer_is_anvils_first_account_and_nobody_shares_a_key() {
        let accounts = accounts(OPERATORS_MAX);
        assert_eq!(accounts[0].signer.address(), address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        let distinct: HashSet<_> = accounts.iter().map(|account| account.signer.address()).collect();
        assert_eq!(distinct.len(), ROLES.len() + OPERATORS_MAX);
        assert_eq!(accounts.iter().filter(|account| account.is_operator()).count(), OPERATORS_MAX);
    }
}
