//! The one setting of the engine that [`RUNTIME`](super::RUNTIME) names.
//!
//! Whatever decides a result is fixed here, and a change of any of it needs a new runtime id. Code is made for x86-64-v2
//! (SSE4.2 and POPCNT, every server since 2009) whatever else this machine can do, so that frames, and with them the depth
//! at which the stack ends, are the same everywhere. NaNs are canonical, relaxed SIMD is deterministic, there are no
//! threads and no garbage-collected types. Fuel is charged per instruction, per byte or element of bulk operations, per
//! page of `memory.grow` and, in [`super::state`], per call into the host.
//!
//! Every run has a stack of its own from a pool, so what the host's code uses before it re-enters a program (to allocate a
//! result, say) never counts against the program's stack. What remains outside the runtime id: the engine measures a stack
//! from its own frame at the entry, so two builds of this crate may differ in where a program's stack of 1 MiB ends by the
//! size of the few frames between; one build is the same on every machine and thread.

use std::hash::{Hash, Hasher};

use alloy_primitives::B256;
use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OperatorCost, OptLevel, PoolingAllocationConfig};

use super::RUNTIME;
use crate::driver::LoadError;

/// Stack of a program's own code, in bytes; running out of it is a trap.
pub const STACK_BYTES: usize = 1 << 20;
/// The stack a run has in all: the program's, once more for a call back into it, and the host's frames.
const RUN_STACK_BYTES: usize = 2 * STACK_BYTES + (2 << 20);
/// Address space reserved for a linear memory: all that a 32-bit one can become, so growth never moves it.
const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;
/// Elements a table may have.
pub const TABLE_ELEMENTS_MAX: usize = 1 << 17;
/// Core instances, memories and tables of one component.
const INSTANCES_MAX: u32 = 32;
const MEMORIES_MAX: u32 = 4;
const TABLES_MAX: u32 = 32;
/// Bytes of the engine's own bookkeeping for one instance.
const INSTANCE_BYTES_MAX: usize = 4 << 20;
/// Bytes of memory that stay mapped between runs in one slot; above it pages are given back.
const KEEP_RESIDENT_BYTES: usize = 512 << 10;
/// Fuel for each page of 64 KiB that a memory grows by.
const GROW_FUEL_PER_PAGE: u8 = 255;

/// CPU features that code may use: x86-64-v2.
const CPU_FEATURES: [&str; 6] = ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt", "has_cmpxchg16b"];

/// An engine that runs up to `sandboxes` programs at once.
pub fn running(sandboxes: u32) -> Result<Engine, LoadError> {
    check_machine()?;
    let mut config = settings();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(sandboxes)));
    Engine::new(&config).map_err(|error| LoadError::Machine { runtime: RUNTIME.into(), reason: format!("{error:#}") })
}

/// An engine that only compiles; it reserves no address space.
pub fn compiling() -> Result<Engine, LoadError> {
    Engine::new(&settings()).map_err(|error| LoadError::Compile(format!("{error:#}")))
}

/// Names everything that compiled code depends on: two engines with equal hashes can exchange it.
pub fn settings_hash(engine: &Engine) -> B256 {
    let mut hasher = Sha256Hasher(Sha256::new());
    RUNTIME.hash(&mut hasher);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    B256::new(hasher.0.finalize().into())
}

fn settings() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .operator_cost(costs())
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_shared_everything_threads(false)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(RUN_STACK_BYTES)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_may_move(false)
        .memory_init_cow(true)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false);
    target(&mut config);
    config
}

fn target(config: &mut Config) {
    config.target("x86_64-unknown-linux-gnu").expect("the engine is built with support for x86-64");
    for feature in CPU_FEATURES {
        // SAFETY: the features are real ones, and `check_machine` and the engine itself refuse a machine without them.
        unsafe { config.cranelift_flag_enable(feature) };
    }
}

fn costs() -> OperatorCost {
    let mut cost = OperatorCost::new();
    cost.variable.memory_grow_per_page = GROW_FUEL_PER_PAGE;
    cost
}

fn pool(sandboxes: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(sandboxes.saturating_mul(INSTANCES_MAX))
        .total_component_instances(sandboxes)
        .total_memories(sandboxes.saturating_mul(MEMORIES_MAX))
        .total_tables(sandboxes.saturating_mul(TABLES_MAX))
        .total_stacks(sandboxes)
        .max_core_instances_per_component(INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memories_per_module(MEMORIES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_component_instance_size(INSTANCE_BYTES_MAX)
        .max_memory_size(MEMORY_RESERVATION_BYTES as usize)
        .table_elements(TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES);
    pool
}

#[cfg(target_arch = "x86_64")]
fn check_machine() -> Result<(), LoadError> {
    let present = [
        ("SSE3", is_x86_feature_detected!("sse3")),
        ("SSSE3", is_x86_feature_detected!("ssse3")),
        ("SSE4.1", is_x86_feature_detected!("sse4.1")),
        ("SSE4.2", is_x86_feature_detected!("sse4.2")),
        ("POPCNT", is_x86_feature_detected!("popcnt")),
        ("CMPXCHG16B", is_x86_feature_detected!("cmpxchg16b")),
    ];
    match present.into_iter().find(|(_, present)| !present) {
        None => Ok(()),
        Some((name, _)) => Err(LoadError::Machine { runtime: RUNTIME.into(), reason: format!("the CPU lacks {name}") }),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn check_machine() -> Result<(), LoadError> {
    Err(LoadError::Machine { runtime: RUNTIME.into(), reason: "its code is for x86-64 CPUs".into() })
}

/// Feeds what implements [`Hash`] to SHA-256; only `write` is used, the 64-bit result is not.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
