//! Calls that are prepared first, so that whoever signs can see what they cost before anything is sent.

use alloy_primitives::{Address, Bytes, U64, U128};
use alloy_sol_types::SolCall;
use serde_json::json;

use super::Network;
use crate::error::Error;
use crate::sender::{Confirmed, Sender};

/// One call of one contract, ready to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub to: Address,
    pub input: Bytes,
    /// The function's name.
    pub label: &'static str,
    /// About what it takes, where the chain cannot say yet: an action may need the one before it.
    pub usual_gas: u64,
}

impl Action {
    /// `usual_gas`: see the field.
    #[must_use]
    pub fn new<C: SolCall>(to: Address, call: &C, usual_gas: u64) -> Self {
        let label = C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE);
        Self { to, input: call.abi_encode().into(), label, usual_gas }
    }
}

impl Network {
    /// About how much gas the actions take together. The first is tried on the newest state, and refused here if it would
    /// be refused there; what those after it do may rest on the first.
    ///
    /// # Errors
    /// [`Error::Reverted`] with what the contract has against the first action.
    pub async fn gas_of(&self, from: Address, actions: &[Action]) -> Result<u64, Error> {
        let mut gas = 0u64;
        for (index, action) in actions.iter().enumerate() {
            let call = json!({ "from": from, "to": action.to, "input": action.input });
            let estimate: Result<U64, Error> = self.chain.request("eth_estimateGas", (call, "pending")).await;
            gas = gas.saturating_add(match estimate {
                Ok(estimate) => estimate.to(),
                Err(Error::Reverted { .. }) if index > 0 => action.usual_gas,
                Err(error) => return Err(crate::client::relabel(error, action.label)),
            });
        }
        Ok(gas)
    }

    /// What a unit of gas costs now, wei.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn gas_price(&self) -> Result<u128, Error> {
        let price: U128 = self.chain.request("eth_gasPrice", ()).await?;
        Ok(price.to())
    }

    /// Sends the actions in order, each when the one before it is mined.
    ///
    /// # Errors
    /// [`Error::Reverted`] with what a contract has against an action; those before it have happened.
    pub async fn perform(&self, sender: &Sender, actions: &[Action]) -> Result<Vec<Confirmed>, Error> {
        let mut confirmed = Vec::with_capacity(actions.len());
        for action in actions {
            confirmed.push(sender.send_and_confirm(action.to, action.input.clone(), action.label).await?);
        }
        Ok(confirmed)
    }
}
