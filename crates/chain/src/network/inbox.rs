//! The forced inbox: requests put on chain when a gateway ignores them.

use alloy_primitives::{B256, Bytes, U256};
use vouch_core::{AppId, Program, Request, pages};

use super::Network;
use crate::bindings::{batch_registry, forced_inbox};
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::Sender;

/// A request to put there; the contract stamps the rest.
#[derive(Debug, Clone)]
pub struct Submission<'a> {
    pub app: AppId,
    /// Lanes of an app count from 1.
    pub lane: u32,
    /// The release in full, since its limits are not stored on chain.
    pub program: &'a Program,
    pub payload: Bytes,
    /// Unix seconds; from then on the lane stands still until the request is answered.
    pub deadline: u64,
}

/// An entry of a lane's inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    pub app: AppId,
    pub lane: u32,
    /// Entries of a lane count from 1.
    pub index: u64,
    pub request: Request,
    pub payload: Bytes,
    /// What it cost, wei.
    pub fee: U256,
}

impl Network {
    /// What a submission costs in the latest block, wei. The next block may ask for up to an eighth more.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn forced_fee(&self, submission: &Submission<'_>) -> Result<U256, Error> {
        let call = forced_inbox::feeOfCall {
            app: submission.app.0,
            lane: submission.lane,
            program: submission.program.into(),
            payloadBytes: U256::from(submission.payload.len()),
        };
        self.chain().latest_call(self.contracts().forced_inbox, &call).await
    }

    /// Puts a request of the sender's at the end of a lane's inbox. Pays at most `fee_max` wei; what is too much comes back.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming what the contract refuses: a program that has no single answer, a payload or deadline out
    /// of bounds, a block without room, a price above `fee_max`.
    pub async fn submit_forced(
        &self,
        sender: &Sender,
        submission: &Submission<'_>,
        fee_max: U256,
    ) -> Result<Forced, Error> {
        let inbox = self.contracts().forced_inbox;
        let call = forced_inbox::submitCall {
            app: submission.app.0,
            lane: submission.lane,
            program: submission.program.into(),
            payload: submission.payload.clone(),
            deadline: submission.deadline,
        };
        let confirmed = self.pay(sender, inbox, fee_max, call).await?;
        Forced::try_from(Self::event_of::<forced_inbox::RequestSubmitted>(&confirmed, inbox)?)
    }

    /// How many entries of a lane's inbox the posted batches have answered.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn inbox_cursor(&self, view: &Finalized, app: AppId, lane: u32) -> Result<u64, Error> {
        let call = batch_registry::inboxCursorCall { app: app.0, lane };
        view.call(self.contracts().batch_registry, &call).await
    }

    /// The entries of a lane's inbox behind `cursor`, in their order; none is left out.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer, or leaves an entry out.
    pub async fn forced_entries(
        &self,
        view: &Finalized,
        app: AppId,
        lane: u32,
        cursor: u64,
    ) -> Result<Vec<Forced>, Error> {
        let inbox = self.contracts().forced_inbox;
        let count = view.call(inbox, &forced_inbox::entryCountCall { app: app.0, lane }).await?;
        if count <= cursor {
            return Ok(Vec::new());
        }
        let (first, last) = (self.deployment().start_block, view.block().number);
        let events = view.events::<forced_inbox::RequestSubmitted>(inbox, first, last).await?;
        let behind =
            events.into_iter().filter(|event| event.app == app.0 && event.lane == lane && event.index > cursor);
        let entries = behind.map(Forced::try_from).collect::<Result<Vec<_>, _>>()?;
        let expected = cursor + 1..=count;
        if !expected.eq(entries.iter().map(|entry| entry.index)) {
            return Err(Error::inconsistent("RequestSubmitted", format!("not the entries {} to {count}", cursor + 1)));
        }
        Ok(entries)
    }

    /// Where a request stands in its lane's inbox, from 1; none if nobody put it there.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn forced_index(&self, view: &Finalized, request: B256) -> Result<Option<u64>, Error> {
        let call = forced_inbox::placeOfCall { requestId: request };
        let place = view.call(self.contracts().forced_inbox, &call).await?;
        Ok((place.index != 0).then_some(place.index))
    }
}

impl TryFrom<forced_inbox::RequestSubmitted> for Forced {
    type Error = Error;

    /// The contract has hashed the payload, so another one is the endpoint's invention.
    fn try_from(event: forced_inbox::RequestSubmitted) -> Result<Self, Error> {
        let request = Request::from(event.request);
        if pages::root(&event.payload) != request.payload_hash || request.app.0 != event.app {
            return Err(Error::inconsistent("RequestSubmitted", "the payload or the app is not the request's"));
        }
        Ok(Self {
            app: request.app,
            lane: event.lane,
            index: event.index,
            request,
            payload: event.payload,
            fee: event.fee,
        })
    }
}
