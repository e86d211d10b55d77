//! One request in one fresh instance.

use std::{
    path::Path,
    pin::pin,
    task::{Context, Poll, Waker},
};

use wasmtime::{Engine, Linker, Module, OutOfMemory, PoolConcurrencyLimitError, Store, Trap, component};

use super::{
    TICK_MS,
    inspect::{Shape, is_cli_run},
    preview1, preview2,
    state::{self, Exit, HasHost, Host, MemoryDenied, OutputTooLarge},
};
use crate::{
    driver::{HostFailure, LoadError, Loaded, Outcome, RunInput, Status},
    program::Program,
};

/// Characters of an error that are kept for the log.
const MESSAGE_CHARS_MAX: usize = 1_000;
/// Times a run may yield without anything to wait for before it counts as stuck.
const YIELDS_MAX: usize = 1_000;

/// A program whose code is mapped and whose imports are resolved.
pub struct LoadedWasm {
    engine: Engine,
    program: Program,
    entry: Entry,
    wall_ticks: u64,
}

enum Entry {
    Module(wasmtime::InstancePre<preview1::State>),
    Cli(component::InstancePre<preview2::State>, component::ComponentExportIndex),
    Command(component::InstancePre<preview2::State>, component::ComponentExportIndex),
}

/// How a program left, before it is known whose doing that was.
enum End {
    /// It answered.
    Answer(Vec<u8>),
    /// It answered an error.
    Refusal(String),
    /// It was stopped while the instance was set up.
    Setup(wasmtime::Error),
    /// It was stopped while running.
    Running(wasmtime::Error),
}

impl LoadedWasm {
    /// Maps compiled code from `code`, which must be what this engine's settings compiled.
    pub fn new(engine: &Engine, program: &Program, shape: Shape, code: &Path) -> Result<Self, LoadError> {
        let entry = match shape {
            Shape::CliModule => module_entry(engine, code),
            Shape::CliComponent => component_entry(engine, code, cli_export).map(|(pre, run)| Entry::Cli(pre, run)),
            Shape::CommandWorld => {
                component_entry(engine, code, command_export).map(|(pre, run)| Entry::Command(pre, run))
            }
        };
        let entry = entry.map_err(|error| LoadError::Artifact(format!("{error:#}")))?;
        let wall_ticks = program.limits.wall_millis.div_ceil(TICK_MS) + 1;
        Ok(Self { engine: engine.clone(), program: program.clone(), entry, wall_ticks })
    }

    fn store<T: HasHost>(&self, state: T) -> Result<Store<T>, HostFailure> {
        state::store(&self.engine, state, &self.program.limits, self.wall_ticks)
            .map_err(|error| HostFailure::Engine(format!("{error:#}")))
    }

    fn run_module(
        &self,
        pre: &wasmtime::InstancePre<preview1::State>,
        input: &RunInput<'_>,
    ) -> Result<Outcome, HostFailure> {
        let host = Host::new(&self.program, input, input.payload.to_vec());
        let mut store = self.store(preview1::State::new(&self.program, host))?;
        let end = drive(async {
            let instance = match pre.instantiate_async(&mut store).await {
                Ok(instance) => instance,
                Err(error) => return End::Setup(error),
            };
            let result = match instance.get_typed_func::<(), ()>(&mut store, "_start") {
                Ok(start) => start.call_async(&mut store, ()).await,
                Err(error) => Err(error),
            };
            answered_on_stdout(&mut store, result)
        });
        self.outcome(store, end)
    }

    fn run_cli(
        &self,
        pre: &component::InstancePre<preview2::State>,
        run: &component::ComponentExportIndex,
        input: &RunInput<'_>,
    ) -> Result<Outcome, HostFailure> {
        let host = Host::new(&self.program, input, input.payload.to_vec());
        let mut store = self.store(preview2::State::new(&self.program, host))?;
        let end = drive(async {
            let instance = match pre.instantiate_async(&mut store).await {
                Ok(instance) => instance,
                Err(error) => return End::Setup(error),
            };
            let result = match instance.get_typed_func::<(), (Result<(), ()>,)>(&mut store, run) {
                Ok(start) => start.call_async(&mut store, ()).await,
                Err(error) => Err(error),
            };
            match result {
                Ok((Err(()),)) => End::Refusal("the program answered an error".to_owned()),
                other => answered_on_stdout(&mut store, other.map(|_| ())),
            }
        });
        self.outcome(store, end)
    }

    fn run_command(
        &self,
        pre: &component::InstancePre<preview2::State>,
        run: &component::ComponentExportIndex,
        input: &RunInput<'_>,
    ) -> Result<Outcome, HostFailure> {
        let host = Host::new(&self.program, input, Vec::new());
        let mut store = self.store(preview2::State::new(&self.program, host))?;
        let end = drive(async {
            let instance = match pre.instantiate_async(&mut store).await {
                Ok(instance) => instance,
                Err(error) => return End::Setup(error),
            };
            let result = match instance.get_typed_func::<(&[u8],), (Result<Vec<u8>, String>,)>(&mut store, run) {
                Ok(start) => start.call_async(&mut store, (input.payload,)).await,
                Err(error) => Err(error),
            };
            match result {
                Ok((Ok(answer),)) => End::Answer(answer),
                Ok((Err(message),)) => End::Refusal(message),
                Err(error) => End::Running(error),
            }
        });
        self.outcome(store, end)
    }

    fn outcome<T: HasHost>(&self, store: Store<T>, end: Option<End>) -> Result<Outcome, HostFailure> {
        let fuel_used = self.program.limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        let failed = |status, message: &str| Ok(Outcome::failed(status, fuel_used, shortened(message)));
        match end {
            None => Err(HostFailure::Engine("a run waits for something that never comes".into())),
            Some(End::Answer(output)) if output.len() as u64 > self.program.limits.output_bytes => {
                failed(Status::OutputTooLarge, &OutputTooLarge.to_string())
            }
            Some(End::Answer(output)) => Ok(Outcome { status: Status::Ok, output, fuel_used, message: None }),
            Some(End::Refusal(message)) => failed(Status::Trap, &message),
            Some(End::Setup(error)) => match self.status_of(&error)? {
                Some(status) => failed(status, &format!("{error:#}")),
                None => Err(HostFailure::Engine(shortened(&format!("{error:#}")))),
            },
            Some(End::Running(error)) => {
                let status = self.status_of(&error)?.unwrap_or(Status::Trap);
                failed(status, &format!("{error:#}"))
            }
        }
    }

    /// What an error says about the program; an error of the machine's own is a host failure, an unknown one is none.
    fn status_of(&self, error: &wasmtime::Error) -> Result<Option<Status>, HostFailure> {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => {
                return Err(HostFailure::WallClock { limit_ms: self.program.limits.wall_millis });
            }
            Some(Trap::OutOfFuel) => return Ok(Some(Status::OutOfFuel)),
            Some(_) => return Ok(Some(Status::Trap)),
            None => {}
        }
        if error.is::<MemoryDenied>() || error.is::<PoolConcurrencyLimitError>() || error.is::<OutOfMemory>() {
            return Err(HostFailure::Resources(shortened(&format!("{error:#}"))));
        }
        if error.is::<std::io::Error>() {
            return Err(HostFailure::Engine(shortened(&format!("{error:#}"))));
        }
        Ok(error.is::<OutputTooLarge>().then_some(Status::OutputTooLarge))
    }
}

impl Loaded for LoadedWasm {
    fn run(&self, input: &RunInput<'_>) -> Result<Outcome, HostFailure> {
        let (bytes, max) = (input.payload.len() as u64, self.program.limits.payload_bytes);
        if bytes > max {
            return Err(HostFailure::PayloadTooLarge { bytes, max });
        }
        match &self.entry {
            Entry::Module(pre) => self.run_module(pre, input),
            Entry::Cli(pre, run) => self.run_cli(pre, run, input),
            Entry::Command(pre, run) => self.run_command(pre, run, input),
        }
    }
}

/// Leaving with code zero is an answer like any other.
fn answered_on_stdout<T: HasHost>(store: &mut Store<T>, result: wasmtime::Result<()>) -> End {
    let Err(error) = result else {
        return End::Answer(store.data_mut().host().output.take());
    };
    let code = match (error.downcast_ref::<Exit>(), error.downcast_ref::<wasmtime_wasi::I32Exit>()) {
        (Some(exit), _) => Some(exit.0),
        (None, Some(exit)) => Some(exit.0),
        (None, None) => None,
    };
    match code {
        Some(0) => End::Answer(store.data_mut().host().output.take()),
        Some(_) => End::Refusal(format!("{error:#}")),
        None => End::Running(error),
    }
}

/// Runs a future that has nothing to wait for: whatever a program could wait for is ready at once.
fn drive<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..YIELDS_MAX).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    })
}

fn module_entry(engine: &Engine, code: &Path) -> wasmtime::Result<Entry> {
    // SAFETY: the cache hands out only files that our own compiler wrote and whose checksum it has just verified.
    let module = unsafe { Module::deserialize_file(engine, code) }?;
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    preview1::link(&mut linker, &module)?;
    Ok(Entry::Module(linker.instantiate_pre(&module)?))
}

type FindExport = fn(&Engine, &component::Component) -> wasmtime::Result<component::ComponentExportIndex>;

fn component_entry(
    engine: &Engine,
    code: &Path,
    find: FindExport,
) -> wasmtime::Result<(component::InstancePre<preview2::State>, component::ComponentExportIndex)> {
    // SAFETY: as for modules.
    let component = unsafe { component::Component::deserialize_file(engine, code) }?;
    let run = find(engine, &component)?;
    let mut linker = component::Linker::new(engine);
    preview2::link(&mut linker)?;
    Ok((linker.instantiate_pre(&component)?, run))
}

fn command_export(_: &Engine, component: &component::Component) -> wasmtime::Result<component::ComponentExportIndex> {
    let (item, index) =
        component.get_export(None, "run").ok_or_else(|| wasmtime::format_err!("`run` is not exported"))?;
    if is_command_run(&item) {
        Ok(index)
    } else {
        Err(wasmtime::format_err!("`run` must be func(payload: list<u8>) -> result<list<u8>, string>"))
    }
}

fn is_command_run(item: &component::types::ComponentItem) -> bool {
    use component::Type;
    let bytes = |ty: &Type| matches!(ty, Type::List(list) if matches!(list.ty(), Type::U8));
    let component::types::ComponentItem::ComponentFunc(function) = item else {
        return false;
    };
    let parameters = function.params().map(|(_, ty)| ty).collect::<Vec<_>>();
    let results = function.results().collect::<Vec<_>>();
    let ([parameter], [Type::Result(result)]) = (parameters.as_slice(), results.as_slice()) else {
        return false;
    };
    bytes(parameter) && result.ok().is_some_and(|ok| bytes(&ok)) && matches!(result.err(), Some(Type::String))
}

fn cli_export(engine: &Engine, component: &component::Component) -> wasmtime::Result<component::ComponentExportIndex> {
    let ty = component.component_type();
    let name = ty.exports(engine).map(|(name, _)| name).find(|name| is_cli_run(name));
    name.and_then(|name| component.get_export_index(None, name))
        .and_then(|instance| component.get_export_index(Some(&instance), "run"))
        .ok_or_else(|| wasmtime::format_err!("wasi:cli/run is not exported"))
}

fn shortened(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS_MAX).collect()
}
