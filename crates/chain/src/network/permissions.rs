//! Who may act for an account, per contract and function.

use alloy_primitives::{Address, FixedBytes};

use super::{Action, Network};
use crate::bindings::permission_controller as calls;
use crate::error::Error;
use crate::finalized::Finalized;

/// One function that an appointee may call for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appointment {
    pub appointee: Address,
    pub target: Address,
    pub selector: FixedBytes<4>,
}

/// Who may act for an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// Each may call anything; the account itself until another admin accepts.
    pub admins: Vec<Address>,
    pub pending_admins: Vec<Address>,
    /// Of every appointee that ever was, what it may call now.
    pub appointments: Vec<Appointment>,
}

impl Network {
    /// Lets an appointee call one function for the account.
    #[must_use]
    pub fn appoint(&self, account: Address, appointment: &Appointment) -> Action {
        let Appointment { appointee, target, selector } = *appointment;
        self.permission_action(&calls::setAppointeeCall { account, appointee, target, selector }, 180_000)
    }

    /// Takes that back.
    #[must_use]
    pub fn dismiss(&self, account: Address, appointment: &Appointment) -> Action {
        let Appointment { appointee, target, selector } = *appointment;
        self.permission_action(&calls::removeAppointeeCall { account, appointee, target, selector }, 70_000)
    }

    /// Offers somebody the rights of an admin.
    #[must_use]
    pub fn offer_admin(&self, account: Address, admin: Address) -> Action {
        self.permission_action(&calls::addPendingAdminCall { account, admin }, 100_000)
    }

    /// Takes an offer back.
    #[must_use]
    pub fn withdraw_admin_offer(&self, account: Address, admin: Address) -> Action {
        self.permission_action(&calls::removePendingAdminCall { account, admin }, 60_000)
    }

    /// Takes an offer, as the one that it was made to. With the first, the account is its own admin no more.
    #[must_use]
    pub fn accept_admin(&self, account: Address) -> Action {
        self.permission_action(&calls::acceptAdminCall { account }, 120_000)
    }

    /// Ends an admin's rights; the last one stays.
    #[must_use]
    pub fn remove_admin(&self, account: Address, admin: Address) -> Action {
        self.permission_action(&calls::removeAdminCall { account, admin }, 60_000)
    }

    /// Who may act for `account`, in the view's block.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn permissions(&self, view: &Finalized, account: Address) -> Result<Permissions, Error> {
        let controller = self.contracts().permission_controller;
        let (from, to) = (self.deployment().start_block, view.block().number);
        let set = view.events::<calls::AppointeeSet>(controller, from, to).await?;
        let mut appointees: Vec<Address> =
            set.into_iter().filter(|event| event.account == account).map(|event| event.appointee).collect();
        appointees.sort_unstable();
        appointees.dedup();
        let mut appointments = Vec::new();
        for appointee in appointees {
            let held = view.call(controller, &calls::getAppointeePermissionsCall { account, appointee }).await?;
            let pairs = held._0.into_iter().zip(held._1);
            appointments.extend(pairs.map(|(target, selector)| Appointment { appointee, target, selector }));
        }
        Ok(Permissions {
            admins: view.call(controller, &calls::getAdminsCall { account }).await?,
            pending_admins: view.call(controller, &calls::getPendingAdminsCall { account }).await?,
            appointments,
        })
    }

    /// Whether an offer to be an admin waits, in the newest block: for whoever takes it back, and for no decision.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn is_pending_admin_now(&self, account: Address, admin: Address) -> Result<bool, Error> {
        let call = calls::isPendingAdminCall { account, pendingAdmin: admin };
        self.chain.latest_call(self.contracts().permission_controller, &call).await
    }

    fn permission_action<C: alloy_sol_types::SolCall>(&self, call: &C, usual_gas: u64) -> Action {
        Action::new(self.contracts().permission_controller, call, usual_gas)
    }
}
