//! WASI preview 1 for core modules, by our own hand because every function of it must be the same everywhere.
//!
//! Standard streams, clocks, randomness, arguments, environment, polling and leaving are there. Files, sockets and
//! signals do not exist: those functions answer that there is no such descriptor. Sleeping moves the program's clock
//! and takes no time.

use wasmtime::{Caller, Extern, ExternType, Linker, Memory, Module, Val, ValType};

use super::state::{Exit, Host};
use crate::program::Program;

/// The module that programs import.
pub const MODULE: &str = "wasi_snapshot_preview1";

const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const FAULT: i32 = 21;
const INVAL: i32 = 28;
const SPIPE: i32 = 70;

const STDIN: i32 = 0;
const STDERR: i32 = 2;
/// Scattered buffers that one read or write may name.
const BUFFERS_MAX: u32 = 1_024;
/// Subscriptions that one poll may name.
const SUBSCRIPTIONS_MAX: u32 = 1_024;
const SUBSCRIPTION_BYTES: usize = 48;
const EVENT_BYTES: usize = 32;
/// Rights to read, write and poll a descriptor.
const STREAM_RIGHTS: u64 = 1 << 1 | 1 << 6 | 1 << 27;

/// Functions about files, sockets and signals: known, and always answered with "bad descriptor".
const ABSENT: [&str; 33] = [
    "fd_advise",
    "fd_allocate",
    "fd_datasync",
    "fd_fdstat_set_rights",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_get",
    "fd_prestat_dir_name",
    "fd_pwrite",
    "fd_readdir",
    "fd_renumber",
    "fd_sync",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "proc_raise",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
    "sock_open",
    "sock_bind",
    "sock_connect",
    "sock_listen",
    "sock_getlocaladdr",
];

/// The state of a core module's run.
pub struct State {
    /// What every run has.
    pub host: Host,
    /// Arguments, each with its closing zero byte.
    args: Vec<Vec<u8>>,
    /// Environment entries, each with its closing zero byte.
    env: Vec<Vec<u8>>,
}

impl super::state::HasHost for State {
    fn host(&mut self) -> &mut Host {
        &mut self.host
    }
}

impl State {
    /// Prepares a run.
    pub fn new(program: &Program, host: Host) -> Self {
        let terminated = |text: String| [text.as_bytes(), &[0]].concat();
        Self {
            host,
            args: std::iter::once(super::PROGRAM_NAME.to_owned()).chain(program.args.clone()).map(terminated).collect(),
            env: program.env.iter().map(|(key, value)| terminated(format!("{key}={value}"))).collect(),
        }
    }
}

type Result<T> = std::result::Result<T, wasmtime::Error>;
type Context<'a> = Caller<'a, State>;

/// Offers the functions to a module; what it imports beyond them is an error.
pub fn link(linker: &mut Linker<State>, module: &Module) -> Result<()> {
    link_process(linker)?;
    link_streams(linker)?;
    link_time(linker)?;
    link_absent(linker, module)
}

fn link_process(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(MODULE, "args_sizes_get", |c: Context<'_>, count: u32, bytes: u32| {
        strings_sizes(c, |state| &state.args, count, bytes)
    })?;
    linker.func_wrap(MODULE, "args_get", |c: Context<'_>, pointers: u32, bytes: u32| {
        strings_get(c, |state| &state.args, pointers, bytes)
    })?;
    linker.func_wrap(MODULE, "environ_sizes_get", |c: Context<'_>, count: u32, bytes: u32| {
        strings_sizes(c, |state| &state.env, count, bytes)
    })?;
    linker.func_wrap(MODULE, "environ_get", |c: Context<'_>, pointers: u32, bytes: u32| {
        strings_get(c, |state| &state.env, pointers, bytes)
    })?;
    linker.func_wrap(MODULE, "proc_exit", |code: i32| -> Result<()> { Err(Exit(code).into()) })?;
    linker.func_wrap(MODULE, "random_get", |mut c: Context<'_>, pointer: u32, length: u32| -> Result<i32> {
        let bytes = c.data_mut().host.random.bytes(length.into())?;
        write(&mut c, pointer, &bytes)
    })?;
    Ok(())
}

fn link_streams(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(MODULE, "fd_read", fd_read)?;
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    linker.func_wrap(MODULE, "fd_close", |fd: i32| if is_stream(fd) { SUCCESS } else { BADF })?;
    linker.func_wrap(MODULE, "fd_seek", |fd: i32, _: i64, _: i32, _: i32| if is_stream(fd) { SPIPE } else { BADF })?;
    linker.func_wrap(MODULE, "fd_tell", |fd: i32, _: i32| if is_stream(fd) { SPIPE } else { BADF })?;
    linker.func_wrap(MODULE, "fd_fdstat_set_flags", |fd: i32, _: i32| if is_stream(fd) { SUCCESS } else { BADF })?;
    linker.func_wrap(MODULE, "fd_fdstat_get", |mut c: Context<'_>, fd: i32, pointer: u32| -> Result<i32> {
        let mut stat = [0; 24];
        stat[8..16].copy_from_slice(&STREAM_RIGHTS.to_le_bytes());
        if is_stream(fd) { write(&mut c, pointer, &stat) } else { Ok(BADF) }
    })?;
    linker.func_wrap(MODULE, "fd_filestat_get", |mut c: Context<'_>, fd: i32, pointer: u32| -> Result<i32> {
        if is_stream(fd) { write(&mut c, pointer, &[0; 64]) } else { Ok(BADF) }
    })?;
    Ok(())
}

fn link_time(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(MODULE, "clock_res_get", |mut c: Context<'_>, clock: u32, pointer: u32| -> Result<i32> {
        if clock > 3 {
            return Ok(INVAL);
        }
        write(&mut c, pointer, &super::state::CLOCK_STEP_NS.to_le_bytes())
    })?;
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        |mut c: Context<'_>, clock: u32, _: i64, pointer: u32| -> Result<i32> {
            let time = match clock {
                0 => {
                    let (seconds, nanoseconds) = c.data().host.clock.wall();
                    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds.into())
                }
                1..=3 => c.data().host.clock.monotonic_ns(),
                _ => return Ok(INVAL),
            };
            write(&mut c, pointer, &time.to_le_bytes())
        },
    )?;
    linker.func_wrap(MODULE, "sched_yield", || SUCCESS)?;
    linker.func_wrap(MODULE, "poll_oneoff", poll_oneoff)?;
    Ok(())
}

/// `linker` must allow shadowing: a module may import one function more than once.
fn link_absent(linker: &mut Linker<State>, module: &Module) -> Result<()> {
    for import in module.imports().filter(|import| import.module() == MODULE && ABSENT.contains(&import.name())) {
        let ExternType::Func(ty) = import.ty() else {
            continue;
        };
        if ty.results().len() == 1 && ty.results().all(|ty| matches!(ty, ValType::I32)) {
            linker.func_new(MODULE, import.name(), ty, |_, _, results| {
                results[0] = Val::I32(BADF);
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn is_stream(fd: i32) -> bool {
    (STDIN..=STDERR).contains(&fd)
}

fn fd_read(mut c: Context<'_>, fd: i32, buffers: u32, count: u32, read_pointer: u32) -> Result<i32> {
    if fd != STDIN {
        return Ok(BADF);
    }
    let buffers = match read_buffers(&mut c, buffers, count)? {
        Ok(buffers) => buffers,
        Err(errno) => return Ok(errno),
    };
    let mut total = 0_u32;
    for (pointer, length) in buffers {
        let chunk = c.data().host.input.read(length as usize);
        if write(&mut c, pointer, &chunk)? != SUCCESS {
            return Ok(FAULT);
        }
        total = total.wrapping_add(chunk.len() as u32);
        if chunk.len() < length as usize {
            break;
        }
    }
    write(&mut c, read_pointer, &total.to_le_bytes())
}

fn fd_write(mut c: Context<'_>, fd: i32, buffers: u32, count: u32, written_pointer: u32) -> Result<i32> {
    if fd == STDIN || !is_stream(fd) {
        return Ok(BADF);
    }
    let buffers = match read_buffers(&mut c, buffers, count)? {
        Ok(buffers) => buffers,
        Err(errno) => return Ok(errno),
    };
    let memory = memory(&mut c)?;
    let mut total = 0_u32;
    for (pointer, length) in buffers {
        let Some(bytes) = slice(memory.data(&c), pointer, length as usize) else {
            return Ok(FAULT);
        };
        let output = &c.data().host.output;
        if fd == STDERR {
            output.discard(length.into());
        } else {
            output.write(bytes)?;
        }
        total = total.wrapping_add(length);
    }
    write(&mut c, written_pointer, &total.to_le_bytes())
}

/// Reads the list of (pointer, length) pairs; the inner error is the errno to answer.
fn read_buffers(c: &mut Context<'_>, pointer: u32, count: u32) -> Result<std::result::Result<Vec<(u32, u32)>, i32>> {
    if count > BUFFERS_MAX {
        return Ok(Err(INVAL));
    }
    let memory = memory(c)?;
    Ok(slice(memory.data(&*c), pointer, count as usize * 8)
        .ok_or(FAULT)
        .map(|bytes| bytes.chunks_exact(8).map(|pair| (word(pair, 0), word(pair, 4))).collect()))
}

/// Streams are always ready; without one, time moves to the earliest deadline.
fn poll_oneoff(mut c: Context<'_>, subscriptions: u32, events: u32, count: u32, ready_pointer: u32) -> Result<i32> {
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Ok(INVAL);
    }
    c.data().host.debt.add(u64::from(count) * SUBSCRIPTION_BYTES as u64);
    let memory = memory(&mut c)?;
    let Some(bytes) = slice(memory.data(&c), subscriptions, count as usize * SUBSCRIPTION_BYTES) else {
        return Ok(FAULT);
    };
    let clock = &c.data().host.clock;
    let start = clock.start_ns();
    let waits = bytes
        .chunks_exact(SUBSCRIPTION_BYTES)
        .map(|bytes| Wait::parse(bytes, start, clock.peek_ns()))
        .collect::<Vec<_>>();
    if let Some(deadline) = waits.iter().map(|wait| wait.deadline_ns).min() {
        clock.advance_to(deadline);
    }
    let now = clock.peek_ns();
    let ready = waits.iter().filter(|wait| wait.deadline_ns <= now).map(Wait::event).collect::<Vec<_>>();
    if write(&mut c, events, &ready.concat())? != SUCCESS {
        return Ok(FAULT);
    }
    write(&mut c, ready_pointer, &(ready.len() as u32).to_le_bytes())
}

/// One subscription of a poll.
struct Wait {
    userdata: [u8; 8],
    kind: u8,
    error: i32,
    /// When it is ready, on the monotonic clock; streams and mistakes are ready at once.
    deadline_ns: u64,
}

impl Wait {
    fn parse(bytes: &[u8], start_ns: u64, now_ns: u64) -> Self {
        let mut userdata = [0; 8];
        userdata.copy_from_slice(&bytes[..8]);
        let kind = bytes[8];
        let (error, deadline_ns) = match kind {
            0 => {
                let (clock, timeout, absolute) = (word(bytes, 16), long(bytes, 24), bytes[40] & 1 == 1);
                match (clock, absolute) {
                    (0, true) => (SUCCESS, timeout.saturating_sub(start_ns)),
                    (1..=3, true) => (SUCCESS, timeout),
                    (0..=3, false) => (SUCCESS, now_ns.saturating_add(timeout)),
                    _ => (INVAL, 0),
                }
            }
            1 | 2 if is_stream(word(bytes, 16) as i32) => (SUCCESS, 0),
            1 | 2 => (BADF, 0),
            _ => (INVAL, 0),
        };
        Self { userdata, kind, error, deadline_ns }
    }

    fn event(&self) -> [u8; EVENT_BYTES] {
        let mut event = [0; EVENT_BYTES];
        event[..8].copy_from_slice(&self.userdata);
        event[8..10].copy_from_slice(&(self.error as u16).to_le_bytes());
        event[10] = self.kind;
        if self.kind != 0 && self.error == SUCCESS {
            event[16] = 1;
        }
        event
    }
}

fn strings_sizes(mut c: Context<'_>, of: fn(&State) -> &Vec<Vec<u8>>, count: u32, bytes: u32) -> Result<i32> {
    let strings = of(c.data());
    let (number, length) = (strings.len() as u32, strings.iter().map(Vec::len).sum::<usize>() as u32);
    match write(&mut c, count, &number.to_le_bytes())? {
        SUCCESS => write(&mut c, bytes, &length.to_le_bytes()),
        errno => Ok(errno),
    }
}

fn strings_get(mut c: Context<'_>, of: fn(&State) -> &Vec<Vec<u8>>, pointers: u32, bytes: u32) -> Result<i32> {
    let (mut table, mut text) = (Vec::new(), Vec::new());
    for string in of(c.data()) {
        table.extend_from_slice(&bytes.wrapping_add(text.len() as u32).to_le_bytes());
        text.extend_from_slice(string);
    }
    match write(&mut c, pointers, &table)? {
        SUCCESS => write(&mut c, bytes, &text),
        errno => Ok(errno),
    }
}

fn memory(c: &mut Context<'_>) -> Result<Memory> {
    c.get_export("memory")
        .and_then(Extern::into_memory)
        .ok_or_else(|| super::state::Refused("the module has no memory").into())
}

/// Writes to the program's memory; the errno says whether the place is there.
fn write(c: &mut Context<'_>, pointer: u32, bytes: &[u8]) -> Result<i32> {
    let memory = memory(c)?;
    Ok(if memory.write(&mut *c, pointer as usize, bytes).is_ok() { SUCCESS } else { FAULT })
}

fn slice(memory: &[u8], pointer: u32, length: usize) -> Option<&[u8]> {
    memory.get(pointer as usize..(pointer as usize).checked_add(length)?)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
