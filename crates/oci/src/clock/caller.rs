//! A thread whose system call is stopped, and what answers need of it.

use std::io;
use std::os::fd::BorrowedFd;

use super::memory::Memory;
use super::sys::{self, Notification, Reply};
use super::window::Clock;

/// A stopped thread. Its memory is that of the very process that made the call.
pub(super) struct Caller {
    pub call: Notification,
    pub memory: Memory,
    pub clock: Clock,
}

/// An error number (positive) for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub i32);

/// Memory that the caller named and does not have.
impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Self {
        Self(libc::EFAULT)
    }
}

impl Caller {
    /// `None` if the thread was killed meanwhile. A process that has not executed its first program has a clock that
    /// stands still.
    pub fn of(listener: BorrowedFd<'_>, call: Notification) -> Option<Self> {
        let memory = Memory::of(call.tid).ok()?;
        let clock = Clock::of(&memory).unwrap_or(Clock::START);
        sys::is_valid(listener, call.id).then_some(Self { call, memory, clock })
    }

    pub fn argument(&self, index: usize) -> u64 {
        self.call.arguments[index]
    }

    /// An argument that is an `int`.
    pub fn int(&self, index: usize) -> i32 {
        self.call.arguments[index] as i32
    }

    /// An argument that is an address, unless it is null.
    pub fn address(&self, index: usize) -> Option<u64> {
        Some(self.call.arguments[index]).filter(|address| *address != 0)
    }

    /// Refuses a null address where the kernel would.
    pub fn demand(&self, index: usize) -> Result<u64, Refusal> {
        self.address(index).ok_or(Refusal(libc::EFAULT))
    }

    /// Writes numbers where an argument points, if it points anywhere.
    pub fn put(&self, index: usize, words: &[i64]) -> Result<(), Refusal> {
        self.address(index).map_or(Ok(()), |address| Ok(self.memory.write_words(address, words)?))
    }

    pub fn put_bytes(&self, index: usize, bytes: &[u8]) -> Result<(), Refusal> {
        self.address(index).map_or(Ok(()), |address| Ok(self.memory.write(address, bytes)?))
    }
}

impl From<Result<Reply, Refusal>> for Reply {
    fn from(answer: Result<Reply, Refusal>) -> Self {
        answer.unwrap_or_else(|refusal| Self::Error(refusal.0))
    }
}
