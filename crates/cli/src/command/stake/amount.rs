//! Amounts of the tokens that can be staked.

use alloy_primitives::utils::format_units;
use alloy_primitives::{Address, U256};
use vouch_chain::network::Worth;
use vouch_chain::{Error, Network};

use super::in_smallest_unit;
use crate::failure::Failure;

/// A strategy with its token.
#[derive(Debug, Clone)]
pub struct Asset {
    pub strategy: Address,
    /// The token of amounts: what it deposits and pays out.
    pub token: Address,
    /// The token's symbol; the strategy's address where the deployment does not name it.
    pub symbol: String,
    pub decimals: u8,
}

/// The strategies of a deployment.
#[derive(Debug, Clone)]
pub struct Assets(Vec<Asset>);

impl Asset {
    pub async fn read(network: &Network, strategy: Address) -> Result<Self, Error> {
        let token = network.token_of(strategy).await?;
        let contracts = network.contracts();
        let known = contracts.stakes_with_eigen().into_iter().find(|stake| stake.strategy == strategy);
        let symbol = match known {
            // The strategy of EIGEN holds, and pays out, what EIGEN wraps.
            Some(_) if strategy == contracts.eigen.strategy => "bEIGEN".to_owned(),
            Some(stake) => stake.symbol,
            None => strategy.to_string(),
        };
        Ok(Self { strategy, token, symbol, decimals: network.decimals_of(token).await? })
    }

    /// An amount in the smallest unit, of whole tokens.
    pub fn parse(&self, text: &str) -> Result<U256, Failure> {
        in_smallest_unit(text, self.decimals).ok_or_else(|| {
            Failure::input(
                format!("{text} is no amount of {}", self.symbol),
                format!("give whole tokens with at most {} digits behind the point, such as 2.5", self.decimals),
            )
        })
    }

    /// An amount in the smallest unit, for people.
    pub fn tell(&self, amount: U256) -> String {
        let text = format_units(amount, self.decimals).unwrap_or_else(|_| amount.to_string());
        let plain = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{plain} {}", self.symbol)
    }
}

impl Assets {
    pub async fn read(network: &Network) -> Result<Self, Error> {
        let mut assets = Vec::new();
        for stake in network.contracts().stakes_with_eigen() {
            assets.push(Asset::read(network, stake.strategy).await?);
        }
        Ok(Self(assets))
    }

    pub fn strategies(&self) -> Vec<Address> {
        self.0.iter().map(|asset| asset.strategy).collect()
    }

    /// In its token where the strategy is known, else in its smallest unit.
    pub fn tell(&self, worth: &Worth) -> String {
        self.tell_tokens(worth.strategy, worth.tokens)
    }

    pub fn tell_tokens(&self, strategy: Address, tokens: U256) -> String {
        match self.0.iter().find(|asset| asset.strategy == strategy) {
            Some(asset) => asset.tell(tokens),
            None => format!("{tokens} units of strategy {strategy}"),
        }
    }
}
