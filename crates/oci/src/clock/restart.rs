//! Changes a stopped system call's arguments and makes it anew, and ends one that waits.
//!
//! A call's timeout is replaced by an endless one, so that the kernel, which goes by the host's clock, never ends the
//! wait; the supervisor does. The changed register gets its value back when the supervisor ends the call. When something
//! else ends it (data, a signal), the register keeps the replacement: compilers reload argument registers around a
//! call, but hand-written assembly that relies on the kernel to preserve them would not.

use std::io;
use std::os::fd::BorrowedFd;

use super::exec::argument_of;
use super::memory::Memory;
use super::sys::{self, Notification, Registers, Reply, Stop, Tracee};
use super::timeouts::TimedCall;

/// The length of the `syscall` instruction.
const INSTRUCTION: u64 = 2;

/// Makes a stopped call anew with one argument replaced. False if the caller was killed.
pub(super) fn with_argument(
    listener: BorrowedFd<'_>,
    call: &Notification,
    argument: usize,
    value: u64,
) -> io::Result<bool> {
    let Some(mut tracee) = gone_is_none(Tracee::seize(call.tid))? else { return Ok(false) };
    let is_alive = sys::send(listener, call.id, Reply::Error(libc::EINTR))?;
    let changed = at_stop(&mut tracee, |registers| {
        if is_alive {
            registers.rip = registers.rip.wrapping_sub(INSTRUCTION);
            registers.rax = call.call as u64;
            registers.orig_rax = u64::MAX;
            *argument_of(registers, argument) = value;
        }
    })?;
    Ok(is_alive && changed.is_some())
}

/// Ends a call that [`with_argument`] made endless, as if its time were over. Does nothing if it has just ended by itself.
pub(super) fn end(tid: i32, call: &TimedCall, marker: u64, original: u64) -> io::Result<()> {
    let Some(mut tracee) = gone_is_none(Tracee::seize(tid))? else { return Ok(()) };
    let mut ended = None;
    at_stop(&mut tracee, |registers| {
        if *argument_of(registers, call.argument) != marker {
            return;
        }
        *argument_of(registers, call.argument) = original;
        if is_interrupted(registers.rax as i64) {
            registers.rax = call.result as u64;
            registers.orig_rax = u64::MAX;
            ended = Some([registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9]);
        }
    })?;
    if let Some(arguments) = ended
        && let Ok(memory) = Memory::of(tid)
    {
        call.clear_results(&arguments, |address, size| {
            // The kernel has read this memory when the call began; a program that unmapped it since gets nothing.
            let _unmapped = memory.write(address, &vec![0; size]);
        });
    }
    Ok(())
}

/// What a system call returns inside the kernel when a stop breaks into it: `EINTR` or one of the codes of
/// include/linux/errno.h that make it start anew.
fn is_interrupted(value: i64) -> bool {
    const RESTARTS: [i64; 4] = [512, 513, 514, 516];
    value == -i64::from(libc::EINTR) || RESTARTS.contains(&-value)
}

/// Waits for the stop that seizing asked for and changes the registers there. `None` if the thread ended instead.
fn at_stop(tracee: &mut Tracee, change: impl FnOnce(&mut Registers)) -> io::Result<Option<()>> {
    loop {
        // Its own number: a thread whose process another thread replaces just ends.
        match gone_is_none(tracee.wait(tracee.tid()))? {
            None | Some(Stop::Ended) => return Ok(None),
            Some(Stop::Signal(signal)) => tracee.resume(signal)?,
            Some(Stop::Exec) => tracee.resume(0)?,
            Some(Stop::Interrupted) => break,
        }
    }
    let Some(mut registers) = gone_is_none(tracee.registers())? else { return Ok(None) };
    change(&mut registers);
    gone_is_none(tracee.set_registers(&registers))
}

/// A thread that was killed is no error.
fn gone_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ESRCH | libc::ECHILD)) => Ok(None),
        Err(error) => Err(error),
    }
}
