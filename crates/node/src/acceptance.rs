//! What an operator runs and answers for: its policy, applied to the releases of the apps that it has joined.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use vouch_chain::{Network, Sender};
use vouch_compute::driver::Loaded;
use vouch_compute::executor::Programs;
use vouch_compute::lane::chain::ChainView;
use vouch_core::{AppId, Program, ProgramId};

use crate::mirror::{AppRecord, Mirror};
use crate::policy::{Mode, Policy};
use crate::programs::ProgramStore;

/// How long to wait before an acceptance that could not be sent is tried again.
const RETRY: Duration = Duration::from_secs(30);
/// What an operator sends within [`WINDOW`] at most: whoever publishes release after release does not empty its account.
const SENT_MAX: usize = 32;
const WINDOW: Duration = Duration::from_secs(60 * 60);

/// The programs of a node, as far as its operator's policy allows them.
pub struct AllowedPrograms {
    policy: Policy,
    /// What this machine runs.
    runtimes: Vec<String>,
    mirror: Arc<Mirror>,
    programs: ProgramStore,
}

impl AllowedPrograms {
    pub fn new(policy: Policy, runtimes: Vec<String>, mirror: Arc<Mirror>, programs: ProgramStore) -> Self {
        Self { policy, runtimes, mirror, programs }
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Why this operator does not answer for an app's program; none if it does. Accepting what its machine cannot run
    /// would put it into tables whose batches it cannot sign.
    fn objection(&self, app: AppId, program: &Program) -> Option<String> {
        match self.policy.verdict(app, program) {
            Err(refused) => Some(refused.to_string()),
            Ok(()) if self.runtimes.contains(&program.runtime) => None,
            Ok(()) => Some(format!("this machine does not run `{}`; see `vouch doctor`", program.runtime)),
        }
    }
}

impl Programs for AllowedPrograms {
    fn load(&self, app: AppId, program: ProgramId) -> Result<Arc<dyn Loaded>, String> {
        let release = self.mirror.release(app, program).ok_or("the program is no finalized release of the app")?;
        match self.policy.verdict(app, &release.program) {
            Ok(()) => self.programs.load(app, program),
            Err(refused) => Err(format!("the operator's policy does not allow it: {refused}")),
        }
    }
}

/// Sends `acceptProgram` for an operator, and takes it back.
pub struct Acceptor {
    allowed: Arc<AllowedPrograms>,
    mirror: Arc<Mirror>,
    network: Network,
    sender: Arc<Sender>,
    operator: Address,
    retry_at: Mutex<HashMap<(AppId, ProgramId), Instant>>,
    /// Releases of which the log says already why they are not accepted.
    told: Mutex<HashSet<(AppId, ProgramId)>>,
    budget: Mutex<Budget>,
}

/// When the last transactions were sent.
#[derive(Debug, Default)]
struct Budget(VecDeque<Instant>);

impl Budget {
    /// Takes one of the [`SENT_MAX`] of the last hour, if one is left at `now`.
    fn take(&mut self, now: Instant) -> bool {
        while self.0.front().is_some_and(|sent| now.duration_since(*sent) >= WINDOW) {
            self.0.pop_front();
        }
        let is_left = self.0.len() < SENT_MAX;
        if is_left {
            self.0.push_back(now);
        }
        is_left
    }
}

impl Acceptor {
    pub fn new(allowed: Arc<AllowedPrograms>, mirror: Arc<Mirror>, network: Network, sender: Arc<Sender>) -> Self {
        let operator = sender.address();
        let (retry_at, told, budget) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { allowed, mirror, network, sender, operator, retry_at, told, budget }
    }

    /// Brings the chain in line with the policy, for the releases of one app of which the operator is a member. What the
    /// chain shows is the only memory, so a node that stops in between goes on where it was.
    pub async fn settle(&self, app: AppId, record: &AppRecord) {
        for (program, _) in &record.releases {
            let Some(wanted) = self.wanted(app, *program) else { continue };
            if wanted == self.mirror.accepts(app, *program, self.operator) || self.is_resting((app, *program)) {
                continue;
            }
            match self.send(app, record.state.operator_set_id, *program, wanted).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(%app, %program, wanted, %error, "node.executor.program.accept");
                    lock(&self.retry_at).insert((app, *program), Instant::now() + RETRY);
                }
            }
        }
    }

    /// Whether the operator is to accept a program; none where nobody or somebody else decides that.
    fn wanted(&self, app: AppId, program: ProgramId) -> Option<bool> {
        let release = self.mirror.release(app, program)?;
        let objection = self.allowed.objection(app, &release.program);
        if let Some(reason) = &objection
            && lock(&self.told).insert((app, program))
        {
            tracing::info!(%app, %program, reason, "node.executor.program.refuse");
        }
        let decides = release.needs_acceptance() && self.allowed.policy().acceptance == Mode::Automatic;
        decides.then_some(objection.is_none())
    }

    /// The newest block may have it already, although it is not final.
    async fn send(&self, app: AppId, set: u32, program: ProgramId, wanted: bool) -> Result<(), vouch_chain::Error> {
        if self.network.accepts_lately(set, program, self.operator).await? == wanted {
            return Ok(());
        }
        if !lock(&self.budget).take(Instant::now()) {
            let seconds = WINDOW.as_secs();
            tracing::warn!(%app, %program, wanted, max = SENT_MAX, seconds, "node.executor.program.accept.postpone");
            lock(&self.retry_at).insert((app, program), Instant::now() + WINDOW / 12);
            return Ok(());
        }
        self.network.accept_program(&self.sender, app, program, wanted).await?;
        tracing::info!(%app, %program, accepted = wanted, "node.executor.program.accept");
        Ok(())
    }

    fn is_resting(&self, release: (AppId, ProgramId)) -> bool {
        lock(&self.retry_at).get(&release).is_some_and(|at| *at > Instant::now())
    }
}

/// Every change under these locks is complete before anything that could panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_sent_within_an_hour_than_the_maximum() {
        let (mut budget, start) = (Budget::default(), Instant::now());
        let minute = |minutes: usize| start + Duration::from_secs(60 * minutes as u64);
        for sent in 0..SENT_MAX {
            assert!(budget.take(minute(sent)), "{sent}");
        }
        assert!(!budget.take(minute(SENT_MAX)));
        assert!(budget.take(minute(60)), "the first is an hour ago");
        assert!(!budget.take(minute(60)), "the second is not");
    }
}
