//! Apps and their releases.

use alloy_primitives::{Address, B256, U256};
use vouch_core::{AppId, Program, ProgramId};

use super::Network;
use crate::bindings::app_controller::{self, IAppController};
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::Sender;

/// The most releases of an app that are listed.
const RELEASES_MAX: u64 = 10_000;

/// What a new app is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApp {
    pub profile: Address,
    /// The share of the primary weight that must sign, of 10,000; above one half.
    pub threshold_bips: u16,
    /// Ascending; the first gives the primary weight.
    pub strategies: Vec<Address>,
    /// An operator's shares below this count as none, by strategy.
    pub minimum_stake: Vec<U256>,
    /// A total below this gives the strategy no weight, by strategy.
    pub required_stake: Vec<U256>,
    pub metadata_uri: String,
}

/// An app as the chain has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub id: AppId,
    pub owner: Address,
    pub profile: Address,
    pub operator_set_id: u32,
    pub threshold_bips: u16,
    pub slash_vault: Address,
    pub strategies: Vec<Address>,
    pub minimum_stake: Vec<U256>,
    pub required_stake: Vec<U256>,
}

/// An app's release as the chain has it; other apps may have published the same program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub program_id: ProgramId,
    pub app: AppId,
    /// Answers of wasm programs are signed under the table of all wasm programs.
    pub wasm: bool,
    /// Whether contracts may act on its answers as soon as they are posted.
    pub immediate: bool,
    /// Unix seconds.
    pub published_at: u64,
    pub program: Program,
    /// Where its artifact can be fetched.
    pub uri: String,
}

impl Network {
    /// Creates an app with its operator set; the sender owns it.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming the parameter that does not hold.
    pub async fn create_app(&self, sender: &Sender, new: &NewApp) -> Result<App, Error> {
        let controller = self.contracts().app_controller;
        let parameters = IAppController::AppParameters {
            profile: new.profile,
            thresholdBips: new.threshold_bips,
            strategies: new.strategies.clone(),
            minimumStake: new.minimum_stake.clone(),
            requiredStake: new.required_stake.clone(),
            metadataURI: new.metadata_uri.clone(),
        };
        let confirmed = self.act(sender, controller, app_controller::createAppCall { parameters }).await?;
        let event = Self::event_of::<app_controller::AppCreated>(&confirmed, controller)?;
        Ok(App {
            id: AppId(event.app),
            owner: event.owner,
            profile: event.profile,
            operator_set_id: event.operatorSetId,
            threshold_bips: new.threshold_bips,
            slash_vault: event.slashVault,
            strategies: new.strategies.clone(),
            minimum_stake: new.minimum_stake.clone(),
            required_stake: new.required_stake.clone(),
        })
    }

    /// # Errors
    /// [`Error::Reverted`] with `UnknownApp`.
    pub async fn app(&self, view: &Finalized, id: AppId) -> Result<App, Error> {
        let info = view.call(self.contracts().app_controller, &app_controller::appInfoCall { app: id.0 }).await?;
        Ok(App {
            id,
            owner: info.owner,
            profile: info.profile,
            operator_set_id: info.operatorSetId,
            threshold_bips: info.thresholdBips,
            slash_vault: info.slashVault,
            strategies: info.strategies,
            minimum_stake: info.minimumStake,
            required_stake: info.requiredStake,
        })
    }

    /// All apps, in the order of their operator sets.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn apps(&self, view: &Finalized) -> Result<Vec<App>, Error> {
        let controller = self.contracts().app_controller;
        let start = self.deployment.start_block;
        let created = view.events::<app_controller::AppCreated>(controller, start, view.block().number).await?;
        let mut apps = Vec::with_capacity(created.len());
        for event in created {
            apps.push(self.app(view, AppId(event.app)).await?);
        }
        Ok(apps)
    }

    /// Publishes a program under an app of the sender's.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the sender is not the owner, the app has published the program or it is invalid.
    pub async fn publish_release(
        &self,
        sender: &Sender,
        app: AppId,
        program: &Program,
        uri: &str,
    ) -> Result<ProgramId, Error> {
        let controller = self.contracts().app_controller;
        let call = app_controller::publishReleaseCall { app: app.0, program: program.into(), uri: uri.to_owned() };
        let confirmed = self.act(sender, controller, call).await?;
        let event = Self::event_of::<app_controller::ReleasePublished>(&confirmed, controller)?;
        if event.programId != program.id().0 {
            return Err(Error::inconsistent("publishRelease", "the contract hashes the program differently"));
        }
        Ok(program.id())
    }

    /// An app's release with its program, which is rebuilt from its event and must hash to `program_id`.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `UnknownRelease`; [`Error::Inconsistent`] when the event is missing.
    pub async fn release(&self, view: &Finalized, app: AppId, program_id: ProgramId) -> Result<Release, Error> {
        let controller = self.contracts().app_controller;
        let call = app_controller::releaseInfoCall { app: app.0, programId: program_id.0 };
        let info = view.call(controller, &call).await?;
        let start = self.deployment.start_block;
        let events = view.events_at::<app_controller::ReleasePublished>(controller, info.publishedAt, start).await?;
        let found = events.into_iter().find(|event| (event.app, event.programId) == (app.0, program_id.0));
        let event = found.ok_or_else(|| Error::inconsistent("ReleasePublished", "the event is missing"))?;
        let program = Program::from(event.program);
        if program.id() != program_id {
            return Err(Error::inconsistent("ReleasePublished", "the program is not the one that was named"));
        }
        Ok(Release {
            program_id,
            app,
            wasm: info.wasm,
            immediate: info.immediate,
            published_at: info.publishedAt,
            program,
            uri: event.uri,
        })
    }

    /// Says, or takes back, that the sender answers with its stake for a container program of an app. It counts in tables
    /// made afterwards; earlier ones stay as they are.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `UnknownRelease`, or with `InvalidProgram` for a wasm program, which needs no acceptance.
    pub async fn accept_program(
        &self,
        sender: &Sender,
        app: AppId,
        program_id: ProgramId,
        accepted: bool,
    ) -> Result<(), Error> {
        let call = app_controller::acceptProgramCall { app: app.0, programId: program_id.0, accepted };
        self.act(sender, self.contracts().app_controller, call).await?;
        Ok(())
    }

    /// Whether `operator` accepts a container program of an app.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `UnknownApp`.
    pub async fn accepts(
        &self,
        view: &Finalized,
        operator_set_id: u32,
        program_id: ProgramId,
        operator: Address,
    ) -> Result<bool, Error> {
        view.call(self.contracts().app_controller, &accepter_call(operator_set_id, program_id, operator)).await
    }

    /// The same as of the newest block, which may be taken back: for whoever is about to change it.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `UnknownApp`.
    pub async fn accepts_lately(
        &self,
        operator_set_id: u32,
        program_id: ProgramId,
        operator: Address,
    ) -> Result<bool, Error> {
        let call = accepter_call(operator_set_id, program_id, operator);
        self.chain.latest_call(self.contracts().app_controller, &call).await
    }

    /// The table under which the batches of an app's release are signed: zero for the one of all wasm programs.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `UnknownRelease`.
    pub async fn table_of(&self, view: &Finalized, app: AppId, program_id: ProgramId) -> Result<B256, Error> {
        let call = app_controller::tableOfCall { app: app.0, programId: program_id.0 };
        view.call(self.contracts().app_controller, &call).await
    }

    /// The ids of an app's releases, oldest first.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn release_ids(&self, view: &Finalized, app: AppId) -> Result<Vec<ProgramId>, Error> {
        let controller = self.contracts().app_controller;
        let count = view.call(controller, &app_controller::releaseCountCall { app: app.0 }).await?;
        let mut ids = Vec::new();
        for index in 0..count.saturating_to::<u64>().min(RELEASES_MAX) {
            let call = app_controller::releaseAtCall { app: app.0, index: U256::from(index) };
            ids.push(ProgramId(view.call(controller, &call).await?));
        }
        Ok(ids)
    }
}

fn accepter_call(operator_set_id: u32, program_id: ProgramId, operator: Address) -> app_controller::isAccepterCall {
    app_controller::isAccepterCall { operatorSetId: operator_set_id, programId: program_id.0, operator }
}
