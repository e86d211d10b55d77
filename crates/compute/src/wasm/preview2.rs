//! WASI 0.2 for components: the engine's own implementation where it only handles values, ours where it would look at
//! the machine. Streams lead to the payload and the answer, clocks and randomness to the request, sleeping moves the
//! program's clock and takes no time, there are no files. Sockets are there because language runtimes import them without
//! need; each attempt to make one is denied before the machine hears of it. Any other interface is refused at load.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::{
    WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, async_trait,
    cli::{IsTerminal, StdinStream, StdoutStream, WasiCli, WasiCliView},
    filesystem::{WasiFilesystem, WasiFilesystemView},
    p2::{
        DynPollable, InputStream, OutputStream, Pollable, StreamError, StreamResult,
        bindings::{
            cli,
            clocks::{
                monotonic_clock,
                wall_clock::{self, Datetime},
            },
            filesystem, io,
            random::{insecure, insecure_seed, random},
            sockets,
        },
        subscribe,
    },
    sockets::{WasiSockets, WasiSocketsView},
};

use super::state::{CLOCK_STEP_NS, Clock, HasHost, Host, Input, Output, Random};
use crate::program::Program;

/// Streams, pollables and errors that a component may hold at once.
const RESOURCES_MAX: usize = 4_096;
/// Bytes that a stream takes or gives at once.
const CHUNK_BYTES: usize = 64 << 10;

/// The state of a component's run.
pub struct State {
    /// What every run has.
    pub host: Host,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl State {
    /// Prepares a run.
    pub fn new(program: &Program, host: Host) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        let mut builder = WasiCtxBuilder::new();
        builder
            .stdin(host.input.clone())
            .stdout(host.output.clone())
            .stderr(Discarded(host.output.clone()))
            .arg(super::PROGRAM_NAME)
            .args(&program.args)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        for (key, value) in &program.env {
            builder.env(key, value);
        }
        Self { wasi: builder.build(), table, host }
    }
}

impl HasHost for State {
    fn host(&mut self) -> &mut Host {
        &mut self.host
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Offers WASI to a component.
pub fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    link_streams(linker)?;
    link_process(linker)?;
    wall_clock::add_to_linker::<_, Clocks>(linker, clocks)?;
    monotonic_clock::add_to_linker::<_, Clocks>(linker, clocks)?;
    random::add_to_linker::<_, Randomness>(linker, randomness)?;
    insecure::add_to_linker::<_, Randomness>(linker, randomness)?;
    insecure_seed::add_to_linker::<_, Randomness>(linker, randomness)?;
    link_sockets(linker)
}

fn link_streams(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    io::error::add_to_linker::<_, Table>(linker, |state| &mut state.table)?;
    io::poll::add_to_linker::<_, Table>(linker, |state| &mut state.table)?;
    io::streams::add_to_linker::<_, Table>(linker, |state| &mut state.table)?;
    cli::stdin::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, State::cli)
}

fn link_process(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    cli::exit::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, State::filesystem)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, State::filesystem)
}

fn link_sockets(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    sockets::network::add_to_linker::<_, WasiSockets>(
        linker,
        &sockets::network::LinkOptions::default(),
        State::sockets,
    )?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(linker, State::sockets)
}

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

struct Randomness;

impl HasData for Randomness {
    type Data<'a> = &'a mut Random;
}

fn randomness(state: &mut State) -> &mut Random {
    &mut state.host.random
}

impl random::Host for Random {
    fn get_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        Ok(self.bytes(count)?)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.u64())
    }
}

impl insecure::Host for Random {
    fn get_insecure_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        Ok(self.bytes(count)?)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.u64())
    }
}

impl insecure_seed::Host for Random {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.u64(), self.u64()))
    }
}

struct Clocks;

impl HasData for Clocks {
    type Data<'a> = ClocksView<'a>;
}

/// A run's clock, and where its timers are kept.
pub struct ClocksView<'a> {
    clock: &'a Clock,
    table: &'a mut ResourceTable,
}

fn clocks(state: &mut State) -> ClocksView<'_> {
    ClocksView { clock: &state.host.clock, table: &mut state.table }
}

impl wall_clock::Host for ClocksView<'_> {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        let (seconds, nanoseconds) = self.clock.wall();
        Ok(Datetime { seconds, nanoseconds })
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        Ok(Datetime { seconds: 0, nanoseconds: CLOCK_STEP_NS as u32 })
    }
}

impl monotonic_clock::Host for ClocksView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock.monotonic_ns())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(CLOCK_STEP_NS)
    }

    fn subscribe_instant(&mut self, deadline_ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = self.table.push(Timer { clock: self.clock.clone(), deadline_ns })?;
        subscribe(self.table, timer)
    }

    fn subscribe_duration(&mut self, duration_ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(self.clock.peek_ns().saturating_add(duration_ns))
    }
}

/// A sleep: waiting for it moves the program's clock to its end.
struct Timer {
    clock: Clock,
    deadline_ns: u64,
}

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        self.clock.advance_to(self.deadline_ns);
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Input {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, max: usize) -> StreamResult<Bytes> {
        let chunk = Input::read(self, max.min(CHUNK_BYTES));
        if chunk.is_empty() && max > 0 { Err(StreamError::Closed) } else { Ok(chunk.into()) }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        Output::write(self, &bytes).map_err(|error| StreamError::Trap(error.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}

/// Standard error: paid for, and thrown away.
#[derive(Clone)]
struct Discarded(Output);

impl IsTerminal for Discarded {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Discarded {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Discarded {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Discarded {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.discard(bytes.len() as u64);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}
