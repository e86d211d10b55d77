//! The example's contract: stakes on a game that the referee program judges.

use alloy_primitives::{Address, B256, U256};
use vouch_core::{AppId, ProgramId};

use super::Network;
use super::consume::CertifiedAnswer;
use crate::artifacts;
use crate::bindings::wager;
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::{Confirmed, Sender};

/// A wager as the contract has it. Sides are 1 for white, 2 for black, 0 for neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wager {
    pub white: Address,
    pub black: Address,
    /// 0 unknown, 1 open, 2 playing, 3 closed.
    pub phase: u8,
    /// Who gets the stakes when the clock ends.
    pub pending: u8,
    /// When the running clock ends, Unix seconds; none while no game has been shown.
    pub clock_ends_at: Option<u64>,
    /// What each of the two staked.
    pub stake: u128,
    /// The length of the longest game shown.
    pub plies: u32,
}

/// What showing or settling led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A clock runs; `pending` gets the stakes when it ends.
    Clock { pending: u8, ends_at: u64 },
    /// The stakes were paid.
    Settled { winner: u8, reason: String },
}

impl Network {
    /// Deploys a wager contract that pays `token` on the answers of the app's release of the program.
    ///
    /// # Errors
    /// [`Error::Reverted`] when a delay is zero.
    pub async fn deploy_wager(
        &self,
        sender: &Sender,
        token: Address,
        (app, program): (AppId, ProgramId),
        clock_seconds: u32,
        refund_delay_seconds: u32,
    ) -> Result<Address, Error> {
        let contracts = self.contracts();
        let (registry, controller) = (contracts.batch_registry, contracts.app_controller);
        let arguments = (registry, controller, token, app.0, program.0, clock_seconds, refund_delay_seconds);
        let code = artifacts::WAGER
            .creation_code(&arguments)
            .ok_or_else(|| Error::inconsistent("Wager", "its constructor takes other arguments"))?;
        let created = sender.create_and_confirm(code, "Wager").await?.created;
        created.ok_or_else(|| Error::inconsistent("Wager", "the receipt names no contract"))
    }

    /// Stakes on a game against `opponent`; returns the wager's number and its id, which the game's answers must name.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming what the contract or the token has against it.
    pub async fn open_wager(
        &self,
        sender: &Sender,
        contract: Address,
        opponent: Address,
        stake: u128,
        play_white: bool,
    ) -> Result<(U256, B256), Error> {
        self.approve_stake(sender, contract, stake).await?;
        let call = wager::openCall { opponent, stake, playWhite: play_white };
        let confirmed = self.act(sender, contract, call).await?;
        let event = Self::event_of::<wager::Opened>(&confirmed, contract)?;
        Ok((event.number, event.wager))
    }

    /// Stakes the same.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the sender was not invited.
    pub async fn join_wager(&self, sender: &Sender, contract: Address, number: U256) -> Result<(), Error> {
        let stake = self.chain.latest_call(contract, &wager::wagerInfoCall { number }).await?.stake;
        self.approve_stake(sender, contract, stake).await?;
        self.act(sender, contract, wager::joinCall { number }).await?;
        Ok(())
    }

    /// Shows a certified game.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming what the answer lacks.
    pub async fn show_game(
        &self,
        sender: &Sender,
        contract: Address,
        number: U256,
        answer: &CertifiedAnswer,
    ) -> Result<Outcome, Error> {
        let call = wager::showCall { number, certified: answer.into() };
        outcome(&self.act(sender, contract, call).await?, contract)
    }

    /// Shows a certified game that departs from the one shown: who made two moves at one ply forfeits.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming what the answer lacks, or that there is no fork.
    pub async fn show_fork(
        &self,
        sender: &Sender,
        contract: Address,
        number: U256,
        answer: &CertifiedAnswer,
        shown_record: Vec<B256>,
    ) -> Result<Outcome, Error> {
        let call = wager::showForkCall { number, certified: answer.into(), shownRecord: shown_record };
        outcome(&self.act(sender, contract, call).await?, contract)
    }

    /// Pays out after the clock has ended.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `ClockRunning`.
    pub async fn settle_wager(&self, sender: &Sender, contract: Address, number: U256) -> Result<Outcome, Error> {
        outcome(&self.act(sender, contract, wager::settleCall { number }).await?, contract)
    }

    /// # Errors
    /// Fails when `contract` is no wager contract.
    pub async fn wager(&self, view: &Finalized, contract: Address, number: U256) -> Result<Wager, Error> {
        let info = view.call(contract, &wager::wagerInfoCall { number }).await?;
        Ok(Wager {
            white: info.white,
            black: info.black,
            phase: info.phase,
            pending: info.pending,
            clock_ends_at: (info.clockEndsAt != 0).then_some(info.clockEndsAt),
            stake: info.stake,
            plies: info.plies,
        })
    }

    async fn approve_stake(&self, sender: &Sender, contract: Address, stake: u128) -> Result<(), Error> {
        let token = self.chain.latest_call(contract, &wager_token::tokenCall {}).await?;
        self.approve(sender, token, contract, U256::from(stake)).await
    }
}

/// The getter that the contract has beyond its interface.
mod wager_token {
    alloy_sol_types::sol! {
        function token() external view returns (address);
    }
}

fn outcome(confirmed: &Confirmed, contract: Address) -> Result<Outcome, Error> {
    if let Some(settled) = confirmed.event::<wager::Settled>(contract) {
        return Ok(Outcome::Settled { winner: settled.winner, reason: settled.reason });
    }
    let shown = confirmed.event::<wager::Shown>(contract);
    let shown = shown.ok_or_else(|| Error::inconsistent("Wager", "it says neither Shown nor Settled"))?;
    Ok(Outcome::Clock { pending: shown.pending, ends_at: shown.clockEndsAt })
}
