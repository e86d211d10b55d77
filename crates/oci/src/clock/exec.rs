//! Prepares each program before its first instruction: window, replaced vDSO, random bytes.

use std::fs;
use std::io;
use std::os::fd::BorrowedFd;

use super::memory::Memory;
use super::random::{Streams, Use};
use super::shown::Shown;
use super::sys::{self, Notification, Registers, Reply, Stop, Tracee};
use super::tasks::Task;
use super::vdso;
use super::window::{self, Clock};

/// Why a program was not let run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Vdso(#[from] vdso::Error),
    #[error("it has no vDSO: a 32-bit program, or a host started with vdso=0; neither is supported")]
    NoVdso,
    #[error("it could not be given a page for its clock (mmap answered {0}); is its memory limit above a megabyte?")]
    NoWindow(i64),
    #[error("the host's clock page could not be taken from it (munmap answered {0})")]
    HostClock(i64),
    #[error("it was killed meanwhile")]
    Killed,
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ESRCH | libc::ECHILD) => Self::Killed,
            _ => Self::Io(error),
        }
    }
}

/// Lets a stopped `execve` happen and prepares what comes of it. Nothing of the new program has run when this returns.
///
/// A call that fails (no such file) returns its error to the caller as always. If preparing fails, `on_failure` is called
/// while the new program is still stopped, and kills it.
pub(super) fn execute(
    listener: BorrowedFd<'_>,
    call: &Notification,
    shown: &Shown,
    streams: &mut Streams,
    on_failure: impl FnOnce(),
) -> Result<(), Error> {
    let Ok(task) = Task::of(call.tid) else { return Err(Error::Killed) };
    // The clock goes on in the new program where it stands in the old one; the very first has none yet.
    let clock = Memory::of(call.tid).and_then(|memory| Clock::of(&memory)).unwrap_or(Clock::START);
    let mut tracee = Tracee::seize(call.tid)?;
    if !sys::send(listener, call.id, Reply::Continue)? {
        return release(&mut tracee, task.tgid);
    }
    let result = match until_entered(&mut tracee, task.tgid) {
        Ok(true) => prepare(&mut tracee, &task, shown, &clock, streams),
        Ok(false) => return Ok(()),
        Err(error) => Err(error),
    };
    result.map_err(|error| {
        // A stopped thread that has no registers is being killed, and whatever failed failed for that.
        let error = if tracee.registers().is_ok() { error } else { Error::Killed };
        if !matches!(error, Error::Killed) {
            on_failure();
        }
        // Whatever the reason, nothing runs unprepared.
        tracee.kill();
        error
    })
}

/// Waits until the new program is about to start; false if the call failed and the old one goes on.
fn until_entered(tracee: &mut Tracee, process: i32) -> Result<bool, Error> {
    let mut entered = false;
    loop {
        match tracee.wait(process)? {
            Stop::Exec => {
                entered = true;
                tracee.interrupt()?;
                tracee.resume(0)?;
            }
            Stop::Interrupted => return Ok(entered),
            Stop::Signal(signal) => tracee.resume(signal)?,
            Stop::Ended => return Err(Error::Killed),
        }
    }
}

/// The caller was killed before it was seized; whatever has its number now goes on as if nothing had been.
fn release(tracee: &mut Tracee, process: i32) -> Result<(), Error> {
    while let Stop::Signal(signal) = tracee.wait(process)? {
        tracee.resume(signal)?;
    }
    Err(Error::Killed)
}

fn prepare(tracee: &mut Tracee, task: &Task, shown: &Shown, clock: &Clock, streams: &mut Streams) -> Result<(), Error> {
    let memory = Memory::of(tracee.tid())?;
    let start = Start::of(tracee.tid())?;
    let mut random = [0; 16];
    streams.fill(Use::Program(task.own_tid), &mut random);
    memory.write(start.random, &random)?;

    let (code, stubs) = sys::stubs();
    let mut image = vec![0; start.vdso_size];
    memory.read(start.vdso, &mut image)?;
    let patches = vdso::patches(&image, &stubs)?;
    let gadget = start.vdso + patches.first().ok_or(Error::NoVdso)?.offset;
    let mut injector = Injector::new(tracee, &memory, gadget)?;
    for (from, size) in &start.host_clock {
        match injector.call(libc::SYS_munmap, [*from, *size, 0, 0, 0, 0])? {
            0 => {}
            error => return Err(Error::HostClock(error)),
        }
    }
    injector.map(window::ADDRESS, libc::PROT_READ | libc::PROT_WRITE)?;
    injector.map(window::CODE, libc::PROT_READ | libc::PROT_EXEC)?;
    injector.finish()?;

    memory.write(window::ADDRESS, &window::page(shown, clock))?;
    memory.write(window::CODE, code)?;
    for patch in patches {
        memory.write(start.vdso + patch.offset, &patch.bytes)?;
    }
    Ok(())
}

/// Where things are in a program that has not started yet.
#[derive(Debug)]
struct Start {
    vdso: u64,
    vdso_size: usize,
    /// The address of the 16 random bytes.
    random: u64,
    /// Address and size of the mappings that the kernel writes its clocks to.
    host_clock: Vec<(u64, u64)>,
}

impl Start {
    fn of(tid: i32) -> Result<Self, Error> {
        let vector = fs::read(format!("/proc/{tid}/auxv"))?;
        let entry = |kind: u64| {
            vector.chunks_exact(16).find_map(|entry| {
                let (key, value) = entry.split_at(8);
                (key == kind.to_le_bytes()).then(|| value.try_into().map_or(0, u64::from_le_bytes))
            })
        };
        let vdso = entry(libc::AT_SYSINFO_EHDR).ok_or(Error::NoVdso)?;
        let random = entry(libc::AT_RANDOM).ok_or(Error::NoVdso)?;
        let (mut vdso_size, mut host_clock) = (0, Vec::new());
        for line in fs::read_to_string(format!("/proc/{tid}/maps"))?.lines() {
            let Some((from, to)) = range(line) else { continue };
            if from == vdso && line.ends_with("[vdso]") {
                vdso_size = (to - from) as usize;
            } else if line.contains("[vvar") {
                host_clock.push((from, to - from));
            }
        }
        if vdso_size == 0 {
            return Err(Error::NoVdso);
        }
        Ok(Self { vdso, vdso_size, random, host_clock })
    }
}

fn range(line: &str) -> Option<(u64, u64)> {
    let (from, to) = line.split_once(' ')?.0.split_once('-')?;
    let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
    (from <= to).then_some((from, to))
}

/// Makes system calls in a stopped program's name.
struct Injector<'a> {
    tracee: &'a mut Tracee,
    saved: Registers,
    blocked: u64,
    gadget: u64,
}

impl<'a> Injector<'a> {
    /// `gadget` is an address in executable memory whose first bytes may be overwritten.
    fn new(tracee: &'a mut Tracee, memory: &Memory, gadget: u64) -> Result<Self, Error> {
        const SYSCALL_THEN_TRAP: [u8; 3] = [0x0f, 0x05, 0xcc];
        memory.write(gadget, &SYSCALL_THEN_TRAP)?;
        let saved = tracee.registers()?;
        let blocked = tracee.swap_blocked_signals(!(1 << (libc::SIGTRAP - 1)))?;
        Ok(Self { tracee, saved, blocked, gadget })
    }

    /// What the kernel answers: a value, or an error number below zero.
    fn call(&mut self, number: i64, arguments: [u64; 6]) -> Result<i64, Error> {
        let mut registers = self.saved;
        registers.rip = self.gadget;
        registers.rax = number as u64;
        registers.orig_rax = u64::MAX;
        for (index, argument) in arguments.into_iter().enumerate() {
            *argument_of(&mut registers, index) = argument;
        }
        self.tracee.set_registers(&registers)?;
        self.tracee.resume(0)?;
        loop {
            match self.tracee.wait(self.tracee.tid())? {
                Stop::Signal(libc::SIGTRAP) => return Ok(self.tracee.registers()?.rax as i64),
                Stop::Ended => return Err(Error::Killed),
                Stop::Signal(signal) => self.tracee.resume(signal)?,
                Stop::Exec | Stop::Interrupted => self.tracee.resume(0)?,
            }
        }
    }

    fn map(&mut self, address: u64, protection: i32) -> Result<(), Error> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let arguments = [address, window::PAGE, protection as u64, flags as u64, u64::MAX, 0];
        match self.call(libc::SYS_mmap, arguments)? {
            mapped if mapped as u64 == address => Ok(()),
            error => Err(Error::NoWindow(error)),
        }
    }

    fn finish(self) -> Result<(), Error> {
        self.tracee.swap_blocked_signals(self.blocked)?;
        Ok(self.tracee.set_registers(&self.saved)?)
    }
}

/// The register of a system call's argument.
pub(super) fn argument_of(registers: &mut Registers, index: usize) -> &mut u64 {
    match index {
        0 => &mut registers.rdi,
        1 => &mut registers.rsi,
        2 => &mut registers.rdx,
        3 => &mut registers.r10,
        4 => &mut registers.r8,
        _ => &mut registers.r9,
    }
}
