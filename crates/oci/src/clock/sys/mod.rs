//! Every unsafe line of the clock: the kernel's interfaces that no safe wrapper covers.
//!
//! Each function below turns one kernel call into a typed, checked one: pointers that go in belong to values that
//! outlive the call, sizes come from those values' types, and what comes back is copied out. Addresses in *other*
//! processes are plain numbers here: a wrong one makes the kernel answer `EFAULT`, it cannot touch this process.

mod seccomp;
mod stubs;
mod tracee;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

pub(super) use seccomp::{Notification, Reply, install, is_valid, receive, send};
pub(super) use stubs::{Stub, stubs};
pub(super) use tracee::{Registers, Stop, Tracee};

/// Whether descriptor `theirs` of process `pid` and `ours` of this one are the same open file.
pub(super) fn same_file(pid: i32, theirs: i32, ours: BorrowedFd<'_>) -> bool {
    const KCMP_FILE: libc::c_long = 0;
    let own = std::process::id() as libc::c_long;
    // SAFETY: kcmp takes numbers only.
    let order = unsafe {
        libc::syscall(
            libc::SYS_kcmp,
            libc::c_long::from(pid),
            own,
            KCMP_FILE,
            libc::c_long::from(theirs),
            libc::c_long::from(ours.as_raw_fd()),
        )
    };
    order == 0
}

/// Switches the randomised address layout on or off for this process and all that it becomes or starts.
pub(super) fn set_address_layout(random: bool) -> io::Result<()> {
    const FIXED: libc::c_ulong = libc::ADDR_NO_RANDOMIZE as libc::c_ulong;
    // SAFETY: personality takes a number only.
    let before = unsafe { libc::personality(0xffff_ffff) };
    check(before as i64)?;
    let before = before as libc::c_ulong;
    let wanted = if random { before & !FIXED } else { before | FIXED };
    // SAFETY: as above.
    check(unsafe { libc::personality(wanted) } as i64)?;
    Ok(())
}

/// Makes the cpu's cycle counter fault for this thread and all that it becomes or starts.
pub(super) fn refuse_cycle_counter() -> io::Result<()> {
    // SAFETY: this prctl takes numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_TSC, libc::PR_TSC_SIGSEGV, 0, 0, 0) } as i64).map(|_| ())
}

/// A kernel answer below zero as the error it stands for.
fn check(value: i64) -> io::Result<i64> {
    if value < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
}
