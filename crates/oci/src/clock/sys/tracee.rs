//! A thread that is stopped for a moment, so that its registers can be changed or a call be made in its name.

use std::io;
use std::ptr;

use super::check;
use crate::clock::tasks::Task;

pub(in crate::clock) type Registers = libc::user_regs_struct;

/// Why a traced thread stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::clock) enum Stop {
    /// It has just become another program.
    Exec,
    /// It is about to return to its own code (the stop that [`Tracee::seize`] asks for).
    Interrupted,
    /// This signal is about to be delivered.
    Signal(i32),
    /// It is gone.
    Ended,
}

/// A thread that this thread traces. Dropping it lets the thread go on, untraced.
///
/// Only the thread that seized it may use it: the kernel's rule, hence not `Send`.
#[derive(Debug)]
pub(in crate::clock) struct Tracee {
    tid: i32,
    attached: bool,
    _not_send: std::marker::PhantomData<*const ()>,
}

const EVENT_STOP: i32 = 128;

impl Tracee {
    /// Traces a running thread and asks it to stop at its next return to its own code. `ESRCH` if it has ended.
    pub fn seize(tid: i32) -> io::Result<Self> {
        request(libc::PTRACE_SEIZE, tid, 0, libc::PTRACE_O_TRACEEXEC as usize).map_err(|error| {
            // The kernel says EPERM for one that has ended and is not collected yet.
            let ended = Task::of(tid).map_or(true, |task| task.has_ended());
            if ended { io::Error::from_raw_os_error(libc::ESRCH) } else { error }
        })?;
        let tracee = Self { tid, attached: true, _not_send: std::marker::PhantomData };
        tracee.interrupt()?;
        Ok(tracee)
    }

    pub fn tid(&self) -> i32 {
        self.tid
    }

    pub fn interrupt(&self) -> io::Result<()> {
        request(libc::PTRACE_INTERRUPT, self.tid, 0, 0)
    }

    /// Lets the stopped thread run on, delivering `signal` unless it is 0.
    pub fn resume(&self, signal: i32) -> io::Result<()> {
        request(libc::PTRACE_CONT, self.tid, 0, signal as usize)
    }

    /// Kills the thread's process, unless it has ended: while it is traced, nobody else can have its number.
    pub fn kill(&self) {
        if self.attached {
            // SAFETY: kill takes numbers only.
            let _ended = unsafe { libc::kill(self.tid, libc::SIGKILL) };
        }
    }

    pub fn registers(&self) -> io::Result<Registers> {
        // SAFETY: the structure holds numbers only.
        let mut registers: Registers = unsafe { std::mem::zeroed() };
        request(libc::PTRACE_GETREGS, self.tid, 0, (&raw mut registers) as usize)?;
        Ok(registers)
    }

    pub fn set_registers(&self, registers: &Registers) -> io::Result<()> {
        request(libc::PTRACE_SETREGS, self.tid, 0, ptr::from_ref(registers) as usize)
    }

    /// Replaces the set of blocked signals and returns the one before.
    pub fn swap_blocked_signals(&self, blocked: u64) -> io::Result<u64> {
        let mut before = 0_u64;
        request(libc::PTRACE_GETSIGMASK, self.tid, size_of::<u64>(), (&raw mut before) as usize)?;
        request(libc::PTRACE_SETSIGMASK, self.tid, size_of::<u64>(), (&raw const blocked) as usize)?;
        Ok(before)
    }

    /// Waits until the thread stops or ends.
    ///
    /// A thread that executes a program takes over its process's number; `process` is that number. A process that
    /// ended and is this process's own child stays for its owner to collect.
    pub fn wait(&mut self, process: i32) -> io::Result<Stop> {
        let stop = if process == self.tid { wait_one(self.tid, true)? } else { self.wait_either(process)? };
        if stop == Some(Stop::Ended) {
            self.attached = false;
        }
        Ok(stop.unwrap_or(Stop::Ended))
    }

    /// The thread may stop under its own number or, after an exec, under its process's; neither can be waited for
    /// without missing the other, so both are asked in turn. Rare: programs exec from their first thread.
    fn wait_either(&mut self, process: i32) -> io::Result<Option<Stop>> {
        loop {
            if let Some(stop) = wait_one(process, false).or_else(gone_is_none)? {
                self.tid = process;
                return Ok(Some(stop));
            }
            match wait_one(self.tid, false) {
                Ok(Some(stop)) => return Ok(Some(stop)),
                Ok(None) => {}
                Err(error) if error.raw_os_error() == Some(libc::ECHILD) => {
                    // Its number is gone: either it has the process's now, or the whole process ended.
                    if let Some(stop) = wait_one(process, false).or_else(gone_is_ended)? {
                        self.tid = process;
                        return Ok(Some(stop));
                    }
                }
                Err(error) => return Err(error),
            }
            std::thread::sleep(std::time::Duration::from_micros(20));
        }
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        if !self.attached || request(libc::PTRACE_DETACH, self.tid, 0, 0).is_ok() {
            return;
        }
        // It is not stopped: it dies, or an error came before its stop. One that dies must be waited for, or its parent
        // would never learn of it.
        let _dies = self.interrupt();
        if wait_one(self.tid, true).is_ok_and(|stop| stop != Some(Stop::Ended)) {
            let _dies = request(libc::PTRACE_DETACH, self.tid, 0, 0);
        }
    }
}

fn gone_is_none(error: io::Error) -> io::Result<Option<Stop>> {
    if error.raw_os_error() == Some(libc::ECHILD) { Ok(None) } else { Err(error) }
}

fn gone_is_ended(error: io::Error) -> io::Result<Option<Stop>> {
    if error.raw_os_error() == Some(libc::ECHILD) { Ok(Some(Stop::Ended)) } else { Err(error) }
}

/// The state of one traced thread. `__WNOTHREAD`: only what this very thread traces, never another thread's children.
fn wait_one(tid: i32, block: bool) -> io::Result<Option<Stop>> {
    let flags = libc::WEXITED | libc::WSTOPPED | libc::__WALL | libc::__WNOTHREAD;
    let block = if block { 0 } else { libc::WNOHANG };
    let Some((code, status)) = wait_id(tid, flags | block | libc::WNOWAIT)? else { return Ok(None) };
    if code != libc::CLD_TRAPPED && code != libc::CLD_STOPPED {
        if !is_own_child(tid) {
            wait_id(tid, flags | libc::WNOHANG)?;
        }
        return Ok(Some(Stop::Ended));
    }
    wait_id(tid, flags | libc::WNOHANG)?;
    Ok(Some(match (status & 0xff, status >> 8) {
        (_, libc::PTRACE_EVENT_EXEC) => Stop::Exec,
        (_, EVENT_STOP) => Stop::Interrupted,
        (signal, _) => Stop::Signal(signal),
    }))
}

fn wait_id(tid: i32, flags: i32) -> io::Result<Option<(i32, i32)>> {
    // SAFETY: the structure holds numbers only; waitid leaves it untouched where nothing is to be told.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: waitid writes one structure of this type.
        match check(unsafe { libc::waitid(libc::P_PID, tid as libc::id_t, &raw mut info, flags) }.into()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    // SAFETY: waitid fills the fields of SIGCHLD, or leaves the zeros.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    Ok((pid != 0).then_some((info.si_code, status)))
}

fn is_own_child(tid: i32) -> bool {
    let own = format!("PPid:\t{}\n", std::process::id());
    let leader = format!("Tgid:\t{tid}\n");
    std::fs::read_to_string(format!("/proc/{tid}/status"))
        .is_ok_and(|status| status.contains(&own) && status.contains(&leader))
}

fn request(request: libc::c_uint, tid: i32, address: usize, data: usize) -> io::Result<()> {
    // SAFETY: the requests used here take numbers, or in `data` the address of a value that the caller holds and whose
    // size is the kernel's for that request.
    check(unsafe { libc::ptrace(request, tid, address, data) }).map(|_| ())
}
