//! A fresh chain for every test.

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::U256;
use vouch_chain::anvil::{Anvil, Instance, Mining};
use vouch_chain::client::Chain;
use vouch_chain::sender::{Config, Sender};

/// A running chain; without anvil a test fails and says how to get it.
pub struct Local {
    pub chain: Chain,
    pub anvil: Anvil,
    // The chain ends with it.
    instance: Instance,
}

pub async fn start(mining: Mining) -> Local {
    let instance = Instance::start(mining).await.unwrap_or_else(|error| panic!("{error}"));
    let chain = instance.connect().await.unwrap();
    let anvil = Anvil::of(&chain).await.unwrap();
    Local { chain, anvil, instance }
}

impl Local {
    pub fn url(&self) -> &str {
        self.instance.url()
    }

    /// A sender with a new key and plenty of currency.
    pub async fn sender(&self) -> Sender {
        self.sender_with(Config::default()).await
    }

    pub async fn sender_with(&self, config: Config) -> Sender {
        let signer = PrivateKeySigner::random();
        self.anvil.set_balance(signer.address(), U256::from(10).pow(U256::from(22))).await.unwrap();
        Sender::new(self.chain.clone(), signer, config)
    }
}
