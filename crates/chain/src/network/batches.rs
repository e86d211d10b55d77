//! Lanes and the batches posted to them.

use alloy_primitives::{Address, B256, U256};
use vouch_core::{AppId, Batch, BatchHash, Request, VerifiedCertificate};

use super::Network;
use crate::bindings::batch_registry;
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::{Confirmed, Sender};

/// The most headers that one post may carry.
pub const HEADERS_MAX: usize = 256;

/// A lane as the registry has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    pub gateway: Address,
    /// How many sequences beyond the finalized cursor executors sign.
    pub window: u32,
    /// What is at or below it cannot be posted anew; skips that have ended are counted in.
    pub cursor: u64,
    /// The batch that the next one must name as parent; zero if there is none.
    pub tip: BatchHash,
    pub tip_sequence: u64,
    /// When the running skip ends, Unix seconds.
    pub skip_ends_at: Option<u64>,
    /// How many gateways the lane has had, this one included.
    pub epoch: u32,
    /// Who may take the lane, and from when on, Unix seconds.
    pub next_gateway: Option<(Address, u64)>,
    /// When the gateway of this epoch took it, Unix seconds; zero for the first.
    pub taken_at: u64,
}

/// What the registry knows of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// The time of the block that recorded its hash, Unix seconds.
    pub recorded_at: u64,
    /// The time of the block that recorded its own certificate; none while it stands on a later one's.
    pub certified_at: Option<u64>,
    pub reference_timestamp: u32,
    /// keccak256(abi.encode(referenceTimestamp, nonSignerIndices)).
    pub signers_hash: B256,
    pub signed_weights: Vec<U256>,
}

impl Network {
    /// Registers a lane of an app of the sender's; returns its number, from 1.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the sender is not the owner or the window is out of bounds.
    pub async fn register_lane(
        &self,
        sender: &Sender,
        app: AppId,
        gateway: Address,
        window: u32,
    ) -> Result<u32, Error> {
        let registry = self.contracts().batch_registry;
        let call = batch_registry::registerLaneCall { app: app.0, gateway, window };
        let confirmed = self.act(sender, registry, call).await?;
        Ok(Self::event_of::<batch_registry::LaneRegistered>(&confirmed, registry)?.lane)
    }

    /// # Errors
    /// [`Error::Reverted`] with `UnknownLane`.
    pub async fn lane(&self, view: &Finalized, app: AppId, lane: u32) -> Result<Lane, Error> {
        let call = batch_registry::laneInfoCall { app: app.0, lane };
        let info = view.call(self.contracts().batch_registry, &call).await?;
        Ok(Lane {
            gateway: info.gateway,
            window: info.window,
            cursor: info.cursor,
            tip: BatchHash(info.tip),
            tip_sequence: info.tipSequence,
            skip_ends_at: (info.skipEndsAt != 0).then_some(info.skipEndsAt),
            epoch: info.epoch,
            next_gateway: (!info.nextGateway.is_zero()).then_some((info.nextGateway, info.changeAfter)),
            taken_at: info.takenAt,
        })
    }

    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn lane_count(&self, view: &Finalized, app: AppId) -> Result<u32, Error> {
        view.call(self.contracts().batch_registry, &batch_registry::laneCountCall { app: app.0 }).await
    }

    /// Posts headers, from the cursor to the last, with the last one's certificate. Anyone may; what is recorded already
    /// with its certificate changes nothing.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming what does not chain or hold.
    pub async fn post(
        &self,
        sender: &Sender,
        headers: &[Batch],
        certificate: &VerifiedCertificate,
    ) -> Result<Confirmed, Error> {
        let call = batch_registry::postCall {
            headers: headers.iter().map(Into::into).collect(),
            certificate: certificate.certificate().into(),
        };
        self.act(sender, self.contracts().batch_registry, call).await
    }

    /// Starts the clock that frees a stuck lane, with the deployment's bond; returns when it ends, Unix seconds. The bond
    /// comes back with [`Network::reclaim_skip_bond`] unless somebody posts to the lane meanwhile.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `SkipRunning`; [`Error::InsufficientFunds`] when the sender cannot pay the bond.
    pub async fn request_skip(&self, sender: &Sender, app: AppId, lane: u32) -> Result<u64, Error> {
        let registry = self.contracts().batch_registry;
        let call = batch_registry::requestSkipCall { app: app.0, lane };
        let bond = U256::from(self.deployment().parameters.skip_bond_wei);
        let confirmed = self.pay(sender, registry, bond, call).await?;
        Ok(Self::event_of::<batch_registry::SkipRequested>(&confirmed, registry)?.endsAt)
    }

    /// Fetches the sender's bonds: of skips of the lane that have ended, and those that it earned as a gateway. Returns
    /// what was paid, wei.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `PaymentRefused` when the sender cannot be paid.
    pub async fn reclaim_skip_bond(&self, sender: &Sender, app: AppId, lane: u32) -> Result<U256, Error> {
        let registry = self.contracts().batch_registry;
        self.act(sender, registry, batch_registry::settleSkipCall { app: app.0, lane }).await?;
        let account = sender.address();
        let credit = self.chain().latest_call(registry, &batch_registry::bondCreditCall { account }).await?;
        if credit.is_zero() {
            return Ok(credit);
        }
        let call = batch_registry::withdrawBondCreditCall { to: account };
        let confirmed = self.act(sender, registry, call).await?;
        Ok(Self::event_of::<batch_registry::BondCreditWithdrawn>(&confirmed, registry)?.amount)
    }

    /// Names who shall be the lane's gateway, none to take the word back; the sender owns the app. Returns when the named
    /// one may take the lane, Unix seconds.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `NotAppOwner`, or with `InvalidGateway` when it is the gateway already.
    pub async fn name_gateway(
        &self,
        sender: &Sender,
        app: AppId,
        lane: u32,
        gateway: Option<Address>,
    ) -> Result<u64, Error> {
        let registry = self.contracts().batch_registry;
        let gateway = gateway.unwrap_or_default();
        let call = batch_registry::nameGatewayCall { app: app.0, lane, gateway };
        let confirmed = self.act(sender, registry, call).await?;
        Ok(Self::event_of::<batch_registry::GatewayNamed>(&confirmed, registry)?.changeAfter)
    }

    /// Lets the named gateway take the lane at once; the sender is the lane's gateway.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `NotGateway`, or with `NotNamed` when the owner named another one.
    pub async fn consent_to_gateway(
        &self,
        sender: &Sender,
        app: AppId,
        lane: u32,
        gateway: Address,
    ) -> Result<(), Error> {
        let call = batch_registry::consentToGatewayCall { app: app.0, lane, gateway };
        self.act(sender, self.contracts().batch_registry, call).await?;
        Ok(())
    }

    /// Makes the sender, who was named, the lane's gateway; returns the new epoch.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `NotNamed` or `TooEarly`.
    pub async fn take_lane(&self, sender: &Sender, app: AppId, lane: u32) -> Result<u32, Error> {
        let registry = self.contracts().batch_registry;
        let confirmed = self.act(sender, registry, batch_registry::takeLaneCall { app: app.0, lane }).await?;
        Ok(Self::event_of::<batch_registry::GatewayChanged>(&confirmed, registry)?.epoch)
    }

    /// Makes `gateway` the lane's at once, because the one of today has left `request`, an entry of the lane's inbox, unanswered
    /// for the skip delay after its deadline; the sender is an operator of the app. Returns the new epoch.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `TooEarly`, `EntryAnswered`, `NotInInbox`, `NotMember`, `TurnTaken` or `InvalidGateway`.
    pub async fn relieve_gateway(&self, sender: &Sender, request: &Request, gateway: Address) -> Result<u32, Error> {
        let registry = self.contracts().batch_registry;
        let call = batch_registry::relieveGatewayCall { request: request.into(), gateway };
        let confirmed = self.act(sender, registry, call).await?;
        Ok(Self::event_of::<batch_registry::GatewayChanged>(&confirmed, registry)?.epoch)
    }

    /// Where the skip that began at `cursor` led; none if none ended there.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn skip_target(
        &self,
        view: &Finalized,
        app: AppId,
        lane: u32,
        cursor: u64,
    ) -> Result<Option<u64>, Error> {
        let call = batch_registry::skipTargetCall { app: app.0, lane, cursor };
        let target = view.call(self.contracts().batch_registry, &call).await?;
        Ok((target != 0).then_some(target))
    }

    /// What the registry knows of a batch; none if it was not posted.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn record(&self, view: &Finalized, batch: BatchHash) -> Result<Option<BatchRecord>, Error> {
        let call = batch_registry::recordOfCall { batchHash: batch.0 };
        let record = view.call(self.contracts().batch_registry, &call).await?;
        Ok((record.recordedAt != 0).then_some(BatchRecord {
            recorded_at: record.recordedAt,
            certified_at: (record.certifiedAt != 0).then_some(record.certifiedAt),
            reference_timestamp: record.referenceTimestamp,
            signers_hash: record.signersHash,
            signed_weights: record.signedWeights,
        }))
    }

    /// The batch recorded for a sequence of a lane.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn batch_at(
        &self,
        view: &Finalized,
        app: AppId,
        lane: u32,
        sequence: u64,
    ) -> Result<Option<BatchHash>, Error> {
        let call = batch_registry::batchAtCall { app: app.0, lane, sequence };
        let hash = BatchHash(view.call(self.contracts().batch_registry, &call).await?);
        Ok((!hash.is_zero()).then_some(hash))
    }
}
