//! Notifications of system calls: the filter is installed here, each stopped call is received and answered here.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

/// A system call that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::clock) struct Notification {
    /// Names the stopped call for as long as it is stopped.
    pub id: u64,
    /// The calling thread, by its number on this host.
    pub tid: i32,
    /// The system call's number.
    pub call: i64,
    pub arguments: [u64; 6],
}

/// What a stopped call gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::clock) enum Reply {
    /// The call returns this.
    Value(i64),
    /// The call fails with this error number (positive).
    Error(i32),
    /// The kernel executes the call after all.
    Continue,
}

/// Installs a filter for this thread and all that it becomes or starts, and returns the listener of its notifications.
///
/// Allocates nothing: it may run between fork and exec. A received call is interrupted only by death
/// (`WAIT_KILLABLE_RECV`, Linux 5.19), so that no call is answered twice because a signal came in between.
pub(in crate::clock) fn install(filter: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: `program` points to `filter` with its length; the kernel copies it before the call returns.
    let fd = check(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::c_ulong::from(libc::SECCOMP_SET_MODE_FILTER), flags, &raw const program)
    })?;
    // SAFETY: the kernel has just opened this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// The next stopped call; `None` if it was gone before it could be received.
pub(in crate::clock) fn receive(listener: BorrowedFd<'_>) -> io::Result<Option<Notification>> {
    // SAFETY: all of the structure's fields are numbers, for which zero is a value; the kernel demands zeros.
    let mut raw: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the ioctl writes one structure of this type.
    let code = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV as _, &raw mut raw) };
    match check(code.into()) {
        Ok(_) => Ok(Some(Notification {
            id: raw.id,
            tid: raw.pid as i32,
            call: raw.data.nr.into(),
            arguments: raw.data.args,
        })),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a stopped call still waits: what was read from its thread meanwhile came from that very thread.
pub(in crate::clock) fn is_valid(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the ioctl reads one u64.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID as _, &raw const id) == 0 }
}

/// Answers a stopped call. False if it was gone: its thread was killed.
pub(in crate::clock) fn send(listener: BorrowedFd<'_>, id: u64, reply: Reply) -> io::Result<bool> {
    let (val, error, flags) = match reply {
        Reply::Value(value) => (value, 0, 0),
        Reply::Error(number) => (0, -number, 0),
        Reply::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
    };
    let raw = libc::seccomp_notif_resp { id, val, error, flags };
    // SAFETY: the ioctl reads one structure of this type.
    let code = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND as _, &raw const raw) };
    match check(code.into()) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}
