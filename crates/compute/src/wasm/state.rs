//! All that one run can see and use up: payload, answer, clock, randomness, memory and the price of calling the host.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use wasmtime::{CallHook, ResourceLimiter, Store, StoreContextMut, Trap};

use super::engine::TABLE_ELEMENTS_MAX;
use crate::{
    driver::RunInput,
    program::{Limits, Program},
};

/// Fuel that every call into the host costs, on top of one unit per byte that it moves.
pub const CALL_FUEL: u64 = 500;
/// Fuel for each byte of randomness.
const RANDOM_FUEL_PER_BYTE: u64 = 4;
/// Nanoseconds that pass whenever a program reads a clock; between reads time stands still.
pub const CLOCK_STEP_NS: u64 = 1_000;
/// Bytes of one request for randomness.
pub const RANDOM_BYTES_MAX: usize = 1 << 20;

/// Ends a run because its answer exceeds the program's limit.
#[derive(Debug, thiserror::Error)]
#[error("the answer exceeds the program's output limit")]
pub struct OutputTooLarge;

/// Ends a run because the program left.
#[derive(Debug, thiserror::Error)]
#[error("the program left with exit code {0}")]
pub struct Exit(pub i32);

/// Ends a run because this machine could not give memory that the program's limit grants.
#[derive(Debug, thiserror::Error)]
#[error("this machine could not provide memory: {0}")]
pub struct MemoryDenied(String);

/// Ends a run that asked for more than the host gives in one call.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub &'static str);

/// The state of one run.
pub struct Host {
    /// What stdin has left.
    pub input: Input,
    /// What went to stdout.
    pub output: Output,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// What calls into the host have cost and the program has not paid yet.
    pub debt: Debt,
    memory: MemoryBudget,
}

impl Host {
    /// Prepares a run.
    pub fn new(program: &Program, input: &RunInput<'_>, stdin: Vec<u8>) -> Self {
        let debt = Debt::default();
        Self {
            input: Input { shared: Arc::new(Mutex::new((stdin, 0))), debt: debt.clone() },
            output: Output {
                shared: Arc::default(),
                limit: usize::try_from(program.limits.output_bytes).unwrap_or(usize::MAX),
                debt: debt.clone(),
            },
            clock: Clock { start: input.time, elapsed_ns: Arc::default() },
            random: Random { generator: ChaCha20Rng::from_seed(input.seed.0), debt: debt.clone() },
            memory: MemoryBudget::new(&program.limits),
            debt,
        }
    }
}

/// State that contains a [`Host`].
pub trait HasHost: Send + 'static {
    /// The run's state.
    fn host(&mut self) -> &mut Host;
}

impl HasHost for Host {
    fn host(&mut self) -> &mut Host {
        self
    }
}

/// A store for one run, with its fuel, its memory budget and the price of host calls in place.
pub fn store<T: HasHost>(
    engine: &wasmtime::Engine,
    state: T,
    limits: &Limits,
    wall_ticks: u64,
) -> Result<Store<T>, wasmtime::Error> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.host().memory);
    store.set_fuel(limits.fuel)?;
    store.set_epoch_deadline(wall_ticks);
    store.epoch_deadline_trap();
    store.call_hook(pay);
    Ok(store)
}

/// Charges a call into the host. What the engine itself calls (`memory.grow`, say) passes here too, but keeps its fuel in
/// a register and overwrites this charge; it is paid for by the engine's own costs.
fn pay<T: HasHost>(mut store: StoreContextMut<'_, T>, hook: CallHook) -> wasmtime::Result<()> {
    let debt = &store.data_mut().host().debt;
    let due = match hook {
        CallHook::CallingHost => CALL_FUEL,
        CallHook::ReturningFromHost => debt.take(),
        CallHook::CallingWasm | CallHook::ReturningFromWasm => 0,
    };
    if due == 0 {
        return Ok(());
    }
    let left = store.get_fuel()?;
    store.set_fuel(left.saturating_sub(due))?;
    if left < due { Err(Trap::OutOfFuel.into()) } else { Ok(()) }
}

/// Fuel owed for work that the host did.
#[derive(Clone, Default)]
pub struct Debt(Arc<AtomicU64>);

impl Debt {
    /// Adds to what is owed.
    pub fn add(&self, fuel: u64) {
        self.0.fetch_add(fuel, Ordering::Relaxed);
    }

    fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// The payload on stdin; clones read on from the same place.
#[derive(Clone)]
pub struct Input {
    shared: Arc<Mutex<(Vec<u8>, usize)>>,
    debt: Debt,
}

impl Input {
    /// Up to `max` further bytes; none at the end.
    pub fn read(&self, max: usize) -> Vec<u8> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (bytes, position) = &mut *shared;
        let end = position.saturating_add(max).min(bytes.len());
        let chunk = bytes[*position..end].to_vec();
        *position += chunk.len();
        self.debt.add(chunk.len() as u64);
        chunk
    }
}

/// What was written to stdout; clones write to the same place.
#[derive(Clone)]
pub struct Output {
    shared: Arc<Mutex<Vec<u8>>>,
    limit: usize,
    debt: Debt,
}

impl Output {
    /// Appends, or ends the run if that is too much.
    pub fn write(&self, bytes: &[u8]) -> Result<(), OutputTooLarge> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.len() > self.limit - shared.len() {
            return Err(OutputTooLarge);
        }
        self.debt.add(bytes.len() as u64);
        shared.extend_from_slice(bytes);
        Ok(())
    }

    /// Charges for bytes that go nowhere (stderr).
    pub fn discard(&self, bytes: u64) {
        self.debt.add(bytes);
    }

    /// Takes what was written.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Time starts at the request's and moves by a step whenever it is read, or to the end of a sleep; it never waits.
#[derive(Clone)]
pub struct Clock {
    start: u64,
    elapsed_ns: Arc<AtomicU64>,
}

impl Clock {
    /// Nanoseconds since the run began.
    pub fn monotonic_ns(&self) -> u64 {
        let now = self.elapsed_ns.load(Ordering::Relaxed).saturating_add(CLOCK_STEP_NS);
        self.elapsed_ns.store(now, Ordering::Relaxed);
        now
    }

    /// Unix time as seconds and nanoseconds.
    pub fn wall(&self) -> (u64, u32) {
        let elapsed = self.monotonic_ns();
        (self.start.saturating_add(elapsed / 1_000_000_000), (elapsed % 1_000_000_000) as u32)
    }

    /// The request's time in nanoseconds since 1970.
    pub fn start_ns(&self) -> u64 {
        self.start.saturating_mul(1_000_000_000)
    }

    /// Nanoseconds since the run began, without moving time.
    pub fn peek_ns(&self) -> u64 {
        self.elapsed_ns.load(Ordering::Relaxed)
    }

    /// Sleeps: time is then at least this.
    pub fn advance_to(&self, monotonic_ns: u64) {
        self.elapsed_ns.fetch_max(monotonic_ns, Ordering::Relaxed);
    }
}

/// ChaCha20 seeded with the request's seed.
pub struct Random {
    generator: ChaCha20Rng,
    debt: Debt,
}

impl Random {
    /// The next bytes; more than [`RANDOM_BYTES_MAX`] at once ends the run.
    pub fn bytes(&mut self, count: u64) -> Result<Vec<u8>, Refused> {
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= RANDOM_BYTES_MAX)
            .ok_or(Refused("more than 1 MiB of randomness asked for at once"))?;
        self.debt.add(count as u64 * RANDOM_FUEL_PER_BYTE);
        let mut bytes = vec![0; count];
        self.generator.fill_bytes(&mut bytes);
        Ok(bytes)
    }

    /// The next eight bytes.
    pub fn u64(&mut self) -> u64 {
        self.generator.next_u64()
    }
}

/// Grants memory up to the program's limit, alike on every host; what the machine then cannot give ends the run unsigned.
struct MemoryBudget {
    left: usize,
}

impl MemoryBudget {
    fn new(limits: &Limits) -> Self {
        Self { left: usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX) }
    }
}

/// What the engine says when a memory would outgrow what its type can express: the program's doing, not the machine's.
const BEYOND_TYPE: &str = "memory growth exceeds memory type's limits";

impl ResourceLimiter for MemoryBudget {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        if growth > self.left || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.left -= growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let reason = format!("{error:#}");
        if reason == BEYOND_TYPE { Ok(()) } else { Err(MemoryDenied(reason).into()) }
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(MemoryDenied(format!("{error:#}")).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> MemoryBudget {
        MemoryBudget::new(&Limits { memory_bytes: 100, ..Limits::default() })
    }

    #[test]
    fn all_memories_share_one_budget() {
        let mut budget = budget();
        assert!(budget.memory_growing(0, 60, None).unwrap());
        assert!(!budget.memory_growing(0, 41, None).unwrap());
        assert!(!budget.memory_growing(0, 40, Some(39)).unwrap());
        assert!(budget.memory_growing(60, 100, None).unwrap());
        assert!(!budget.memory_growing(100, 101, None).unwrap());
    }

    #[test]
    fn memory_that_the_machine_lacks_ends_the_run() {
        let error = budget().memory_grow_failed(wasmtime::format_err!("cannot allocate")).unwrap_err();
        assert!(error.is::<MemoryDenied>());
        budget().memory_grow_failed(wasmtime::format_err!("{BEYOND_TYPE}")).unwrap();
    }

    #[test]
    fn time_moves_when_it_is_read_and_when_the_program_sleeps() {
        let clock = Clock { start: 5, elapsed_ns: Arc::default() };
        assert_eq!((clock.wall(), clock.wall()), ((5, 1_000), (5, 2_000)));
        clock.advance_to(1_000_000_000);
        clock.advance_to(10);
        assert_eq!(clock.wall(), (6, 1_000));
    }
}
