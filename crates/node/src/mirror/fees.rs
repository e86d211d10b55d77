//! What apps charge and what clients have deposited, from the fee vault's events.

use std::collections::HashMap;

use alloy_primitives::Address;
use vouch_chain::bindings::fee_vault;
use vouch_compute::fees::{Deposit, Price};
use vouch_core::AppId;

/// Prices and deposits as of one block.
#[derive(Clone, Debug, Default)]
pub struct Fees {
    /// By the time from which each is valid, ascending.
    prices: HashMap<AppId, Vec<(u64, Price)>>,
    tokens: HashMap<AppId, Address>,
    deposits: HashMap<(AppId, Address), Deposit>,
}

impl Fees {
    /// The price in force at `time`; none if the app had never named one by then.
    pub fn price(&self, app: AppId, time: u64) -> Option<Price> {
        let prices = self.prices.get(&app)?;
        prices.iter().rev().find(|(valid_from, _)| *valid_from <= time).map(|(_, price)| *price)
    }

    /// In which token the app charges.
    pub fn token(&self, app: AppId) -> Option<Address> {
        self.tokens.get(&app).copied()
    }

    pub fn deposit(&self, app: AppId, client: Address) -> Deposit {
        self.deposits.get(&(app, client)).cloned().unwrap_or_default()
    }

    /// Of two prices of one second the later one counts, as on chain.
    pub fn price_set(&mut self, event: &fee_vault::PriceSet) {
        let price = Price { per_call: event.perCall, per_page: event.perPage };
        self.tokens.insert(AppId(event.app), event.token);
        self.prices.entry(AppId(event.app)).or_default().push((event.validFrom, price));
    }

    pub fn deposited(&mut self, event: &fee_vault::Deposited) {
        self.of(event.app, event.client).balance = event.balance;
    }

    pub fn withdrawal_requested(&mut self, event: &fee_vault::WithdrawalRequested) {
        self.of(event.app, event.client).withdrawing = event.amount;
    }

    pub fn withdrawn(&mut self, event: &fee_vault::Withdrawn) {
        let deposit = self.of(event.app, event.client);
        (deposit.balance, deposit.withdrawing) = (event.balance, Default::default());
    }

    pub fn settled(&mut self, event: &fee_vault::Settled) {
        let deposit = self.of(event.app, event.client);
        deposit.balance = event.balance;
        deposit.settled.insert(event.lane, event.settledOnLane);
    }

    fn of(&mut self, app: alloy_primitives::B256, client: Address) -> &mut Deposit {
        self.deposits.entry((AppId(app), client)).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, U256};

    const APP: AppId = AppId(B256::repeat_byte(1));

    #[test]
    fn a_price_counts_from_its_time_on_and_the_later_of_one_second_wins() {
        let mut fees = Fees::default();
        for (per_call, valid_from) in [(5, 100), (7, 200), (9, 200)] {
            let token = Address::repeat_byte(2);
            fees.price_set(&fee_vault::PriceSet {
                app: APP.0,
                token,
                perCall: per_call,
                perPage: 0,
                validFrom: valid_from,
            });
        }
        let per_call = |time| fees.price(APP, time).map(|price| price.per_call);
        assert_eq!([99, 100, 199, 200].map(per_call), [None, Some(5), Some(5), Some(9)]);
        assert_eq!(fees.price(AppId::ZERO, 200), None);
    }

    #[test]
    fn a_deposit_follows_what_the_vault_says() {
        let (mut fees, client) = (Fees::default(), Address::repeat_byte(3));
        let (app, batch) = (APP.0, B256::ZERO);
        let units = |number: u64| U256::from(number);
        fees.deposited(&fee_vault::Deposited { app, client, amount: units(10), balance: units(10) });
        fees.withdrawal_requested(&fee_vault::WithdrawalRequested { app, client, amount: units(4), withdrawableAt: 1 });
        fees.settled(&fee_vault::Settled {
            app,
            client,
            lane: 2,
            batchHash: batch,
            paid: units(3),
            settledOnLane: units(3),
            balance: units(7),
        });
        let deposit = fees.deposit(APP, client);
        assert_eq!((deposit.available(), deposit.settled_on(2)), (units(3), units(3)));
        fees.withdrawn(&fee_vault::Withdrawn { app, client, amount: units(4), balance: units(3) });
        let deposit = fees.deposit(APP, client);
        assert_eq!((deposit.balance, deposit.withdrawing), (units(3), U256::ZERO));
    }
}
