//! Time, tasks and files: all that gateway and executor use of the machine they run on.
//!
//! They are passed in, so that a simulator runs the very same code under its own clock, its own order of tasks and files
//! that forget what was not synchronised (see `docs/simulation.md`). [`Machine::local`] is the real thing: tokio's tasks
//! and timers, and the file system.

use std::future::Future;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, Either, select};
use redb::Database;
use tokio::sync::oneshot;

/// Time and tasks.
pub trait Tasks: Send + Sync + 'static {
    /// Now, on a clock that never goes back.
    fn now(&self) -> Instant;
    /// Ends at `moment`.
    fn sleep_until(&self, moment: Instant) -> BoxFuture<'static, ()>;
    /// Runs a task beside the others; returns what ends it early.
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Abort;
    /// Runs work that blocks its thread, where that holds nobody up.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>);
}

/// The files of durable stores.
pub trait Files: Send + Sync + 'static {
    /// Opens the database at `path`, or creates it with the folders above it.
    fn open(&self, path: &Path) -> Result<Database, redb::Error>;
}

/// Ends a task at its next wait; one that has ended already is left alone.
pub type Abort = Box<dyn Fn() + Send + Sync>;

/// The machine. Cheap to clone.
#[derive(Clone)]
pub struct Machine {
    tasks: Arc<dyn Tasks>,
    files: Arc<dyn Files>,
}

impl Machine {
    pub fn new(tasks: Arc<dyn Tasks>, files: Arc<dyn Files>) -> Self {
        Self { tasks, files }
    }

    /// This machine.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime: tasks run on the one in which this is called.
    pub fn local() -> Self {
        Self::new(Arc::new(TokioTasks(tokio::runtime::Handle::current())), Arc::new(LocalFiles))
    }

    pub fn files(&self) -> &dyn Files {
        &*self.files
    }

    pub fn now(&self) -> Instant {
        self.tasks.now()
    }

    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }

    pub fn sleep_until(&self, moment: Instant) -> BoxFuture<'static, ()> {
        self.tasks.sleep_until(moment)
    }

    /// What `work` comes to, or none if it has not ended at `moment`.
    pub async fn timeout_at<F: Future>(&self, moment: Instant, work: F) -> Option<F::Output> {
        match select(pin!(work), self.sleep_until(moment)).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(_) => None,
        }
    }

    /// Runs a task beside the others. Dropping what is returned leaves it running.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        let (sender, outcome) = oneshot::channel();
        // Nobody listens when the handle was dropped.
        let abort = self.tasks.spawn(Box::pin(async move { drop(sender.send(work.await)) }));
        Task { outcome, abort }
    }

    /// Runs work that blocks. It begins at once, whether or not it is waited for, and ends whatever becomes of the waiter.
    pub fn blocking<T, W>(&self, work: W) -> impl Future<Output = Result<T, Lost>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let (sender, outcome) = oneshot::channel();
        self.tasks.spawn_blocking(Box::new(move || drop(sender.send(work()))));
        async move { outcome.await.map_err(|_| Lost) }
    }
}

/// A task ended without a result: it panicked, which was reported where it did, or it was ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task ended without a result")]
pub struct Lost;

/// A running task; waits for its result.
pub struct Task<T> {
    outcome: oneshot::Receiver<T>,
    abort: Abort,
}

impl<T> Task<T> {
    pub fn abort(&self) {
        (self.abort)();
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, Lost>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(context));
        Poll::Ready(outcome.map_err(|_| Lost))
    }
}

/// Tokio's runtime.
struct TokioTasks(tokio::runtime::Handle);

impl Tasks for TokioTasks {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, moment: Instant) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(moment.into()))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> Abort {
        let handle = self.0.spawn(task).abort_handle();
        Box::new(move || handle.abort())
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(work);
    }
}

/// How much of a store is kept in memory. Without a bound redb would keep up to 1 GiB of each, and a node's memory would
/// follow its stores for days; what is old is read from the file, which the system keeps in memory while it has room.
const STORE_CACHE_BYTES: usize = 32 << 20;

/// The file system.
pub struct LocalFiles;

impl Files for LocalFiles {
    fn open(&self, path: &Path) -> Result<Database, redb::Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Database::builder().set_cache_size(STORE_CACHE_BYTES).create(path)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_gives_its_result_and_an_aborted_one_says_so() {
        let machine = Machine::local();
        assert_eq!(machine.spawn(async { 7 }).await, Ok(7));
        assert_eq!(machine.blocking(|| 8).await, Ok(8));
        let task = machine.spawn(std::future::pending::<()>());
        task.abort();
        assert_eq!(task.await, Err(Lost));
    }

    #[tokio::test]
    async fn a_timeout_ends_the_wait_and_not_more() {
        let machine = Machine::local();
        let moment = machine.now() + Duration::from_millis(5);
        assert_eq!(machine.timeout_at(moment, std::future::pending::<()>()).await, None);
        assert!(machine.now() >= moment);
        assert_eq!(machine.timeout_at(moment, async { 3 }).await, Some(3), "what is ready needs no time");
    }
}
