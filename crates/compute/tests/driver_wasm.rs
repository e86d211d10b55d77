//! The WebAssembly driver, from outside.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use alloy_primitives::B256;
use vouch_compute::{
    artifact::{self, ArtifactStore},
    driver::{
        Driver, HostFailure, LoadError, Loaded, Outcome, Status,
        kit::{self, Case},
    },
    program::{Limits, Program},
    wasm::{Compiler, Config, WasmDriver, compile_child_main},
};

/// One driver and one folder for all tests of this process.
struct Bench {
    folder: tempfile::TempDir,
    store: ArtifactStore,
    driver: WasmDriver,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::open(folder.path().join("artifacts")).unwrap();
    let config = Config { sandboxes: 16, compiler: Compiler::InProcess, ..Config::new(folder.path().join("cache")) };
    Bench { store, driver: WasmDriver::new(config).unwrap(), folder }
});

macro_rules! program {
    ($name:literal) => {
        include_str!(concat!("programs/", $name, ".wat"))
    };
}

fn store(wat: &str) -> (Program, PathBuf) {
    let bytes = wat::parse_str(wat).unwrap();
    let digest = artifact::digest(&bytes);
    let path = BENCH.store.put(digest, &bytes).unwrap();
    (Program::command(digest), path)
}

fn try_load(wat: &str, limits: Limits) -> Result<Arc<dyn Loaded>, LoadError> {
    let (program, path) = store(wat);
    BENCH.driver.load(&Program { limits, ..program }, &path)
}

fn load(wat: &str, limits: Limits) -> Arc<dyn Loaded> {
    try_load(wat, limits).unwrap()
}

fn run(wat: &str, limits: Limits, payload: &[u8]) -> Outcome {
    kit::run(&load(wat, limits), payload).unwrap()
}

fn refused(wat: &str) -> String {
    match try_load(wat, kit::limits()) {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error.to_string(),
    }
}

fn command(body: &str) -> String {
    program!("command").replace("BODY", body)
}

#[test]
fn modules_pass_the_kit() {
    kit::check_all(&|case, limits| {
        let wat = match case {
            Case::Echo => program!("echo"),
            Case::Count => program!("count"),
            Case::Trap => program!("trap"),
            Case::Fail => program!("fail"),
            Case::Spin => program!("spin"),
            Case::Grow => program!("grow"),
            Case::Recurse => program!("recurse"),
            Case::Observe => program!("observe"),
        };
        load(wat, limits)
    });
}

#[test]
fn components_pass_the_kit() {
    kit::check_all(&|case, limits| {
        let wat = match case {
            Case::Echo => command("(call $answer (i32.const 0) (local.get $at) (local.get $bytes))"),
            Case::Count => command(
                "(i32.store8 (i32.const 32) (i32.add (i32.load8_u (i32.const 32)) (i32.const 1)))
                 (call $answer (i32.const 0) (i32.const 32) (i32.const 1))",
            ),
            Case::Trap => command("unreachable"),
            Case::Fail => command("(call $answer (i32.const 1) (i32.const 0) (i32.const 0))"),
            Case::Spin => command("(loop $again (br $again)) (i32.const 0)"),
            Case::Grow => command(
                "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
                 (i32.store (i32.const 32) (memory.size))
                 (call $answer (i32.const 0) (i32.const 32) (i32.const 4))",
            ),
            Case::Recurse => command("(drop (call $deeper (i64.const 1))) (i32.const 0)"),
            Case::Observe => program!("command_observe").to_owned(),
        };
        load(&wat, limits)
    });
}

#[test]
fn a_cli_component_answers_on_stdout() {
    let outcome = run(program!("cli"), kit::limits(), b"hello");
    assert_eq!((outcome.status, outcome.output.as_slice()), (Status::Ok, b"hello".as_slice()), "{outcome:?}");
    // An empty payload closes stdin, which this program answers with an error.
    assert_eq!(run(program!("cli"), kit::limits(), b"").status, Status::Trap);
}

#[test]
fn sockets_are_denied() {
    // 1: an error; 1: access-denied.
    assert_eq!(run(program!("cli"), kit::limits(), b"Network").output, [1, 1]);
}

#[test]
fn nothing_of_the_host_can_be_seen() {
    let (program, path) = store(program!("ambient"));
    let words = |program: &Program| {
        let outcome = kit::run(&BENCH.driver.load(program, &path).unwrap(), b"").unwrap();
        outcome.output.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect::<Vec<_>>()
    };
    // One argument, the program's name; no environment; no descriptor to open, list or accept anything on.
    assert_eq!(words(&program), [1, 0, 8, 8, 8]);
    let mut with = program.clone();
    with.args = vec!["a".into(), "b".into()];
    with.env.insert("NAME".into(), "value".into());
    assert_eq!(words(&with), [3, 1, 8, 8, 8]);
}

#[test]
fn sleeping_takes_no_time() {
    let start = std::time::Instant::now();
    let outcome = run(program!("sleep"), kit::limits(), b"");
    let nanoseconds = u64::from_le_bytes(outcome.output.try_into().unwrap());
    assert!((3_600_000_000_000..3_600_001_000_000).contains(&nanoseconds), "{nanoseconds}");
    assert!(start.elapsed().as_secs() < 600);
}

#[test]
fn bulk_memory_costs_fuel_by_the_byte() {
    let limits = Limits { memory_bytes: 256 << 20, fuel: 2_000_000_000, ..kit::limits() };
    let outcome = run(program!("fill"), limits, b"");
    assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
    assert!(outcome.fuel_used >= 4 << 28, "{}", outcome.fuel_used);
    let outcome = run(program!("fill"), Limits { fuel: 900_000_000, ..limits }, b"");
    assert_eq!(outcome.status, Status::OutOfFuel);
}

#[test]
fn calls_into_the_host_cost_fuel() {
    let outcome = run(program!("hostcalls"), kit::limits(), b"");
    assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
    assert!(outcome.fuel_used > 1_000 * 500, "{}", outcome.fuel_used);
    let outcome = run(program!("hostcalls"), Limits { fuel: 400_000, ..kit::limits() }, b"");
    assert_eq!(outcome.status, Status::OutOfFuel);
}

#[test]
fn what_the_host_moves_costs_fuel_by_the_byte() {
    let echo = load(program!("echo"), kit::limits());
    let [none, some] = [0, 50_000].map(|bytes| kit::run(&echo, &vec![1; bytes]).unwrap().fuel_used);
    assert!(some - none >= 2 * 50_000, "in and out: {none}, {some}");
}

#[test]
fn endless_output_is_too_large_before_it_costs_memory() {
    let outcome = run(program!("big_output"), Limits { output_bytes: 10 << 20, ..kit::limits() }, b"");
    assert_eq!(outcome.status, Status::OutputTooLarge);
}

#[test]
fn nans_are_canonical() {
    let outcome = run(program!("nan"), kit::limits(), b"");
    let canonical = 0x7ff8_0000_0000_0000_u64.to_le_bytes();
    assert_eq!(outcome.output, [canonical, canonical].concat());
}

#[test]
fn a_program_of_another_runtime_or_interface_is_refused() {
    let (program, path) = store(program!("noop"));
    let other = Program { runtime: "wasmtime-47/x86-64/1".into(), ..program.clone() };
    assert!(matches!(BENCH.driver.load(&other, &path), Err(LoadError::Runtime { .. })));
    let http = Program { interface: vouch_compute::program::Interface::Http, ..program };
    assert!(matches!(BENCH.driver.load(&http, &path), Err(LoadError::Interface(_))));
}

#[test]
fn bytes_of_another_digest_are_refused() {
    let (program, path) = store(program!("noop"));
    let other = Program { artifact_digest: B256::ZERO, ..program };
    assert!(matches!(BENCH.driver.load(&other, &path), Err(LoadError::Digest { .. })));
}

#[test]
fn what_cannot_run_is_refused_with_its_reason() {
    for (wat, reason) in [
        ("(module)", "_start"),
        ("(module (func (export \"_start\")))", "memory"),
        (
            "(module (import \"env\" \"f\" (func)) (memory (export \"memory\") 1) (func (export \"_start\")))",
            "`env` `f`",
        ),
        ("(module (import \"env\" \"m\" (memory 1)) (func (export \"_start\")))", "not a function"),
        (
            "(module (import \"wasi_snapshot_preview1\" \"fd_fly\" (func)) (memory (export \"memory\") 1) (func (export \"_start\")))",
            "fd_fly",
        ),
        ("(module (memory (export \"memory\") 1000) (func (export \"_start\")))", "limits.memory-bytes"),
        ("(module (memory (export \"memory\") i64 1) (func (export \"_start\")))", "memory64"),
        ("(module (memory (export \"memory\") 1 1 shared) (func (export \"_start\")))", "threads"),
        ("(component)", "exports neither"),
        ("(component (import \"run\" (func $run)) (export \"run\" (func $run)))", "imports `run`"),
        (
            "(component (import \"wasi:http/types@0.2.0\" (instance (export \"f\" (func)))) (core module $m (func (export \"run\") (result i32) i32.const 0)) (core instance $m (instantiate $m)) (func $run (result (result)) (canon lift (core func $m \"run\"))) (instance $i (export \"run\" (func $run))) (export \"wasi:cli/run@0.2.0\" (instance $i)))",
            "wasi:http/types",
        ),
        ("(component (component (core module)) (core module))", "composed"),
    ] {
        let error = refused(wat);
        assert!(error.contains(reason), "{wat}: {error}");
    }
}

#[test]
fn a_run_of_another_type_is_refused() {
    let wat =
        command("(i32.const 0)").replace("(result (list u8) (error string))", "(result (list u16) (error string))");
    assert!(refused(&wat).contains("list<u8>"));
}

#[test]
fn a_component_that_calls_itself_through_the_engine_is_refused() {
    let wat = command("(i32.const 0)").replace(
        "(export \"run\" (func $run))",
        "(core func $again (canon lower (func $run) (memory (core memory $program \"memory\")) (realloc (core func $program \"realloc\"))))
         (export \"run\" (func $run))",
    );
    assert!(refused(&wat).contains("composed"));
}

#[test]
fn a_component_with_resources_of_its_own_is_refused() {
    let wat = command("(i32.const 0)").replace(
        "(export \"run\" (func $run))",
        "(type $mine (resource (rep i32))) (core func $new (canon resource.new $mine)) (export \"run\" (func $run))",
    );
    assert!(refused(&wat).contains("ResourceNew"));
}

/// What a child of [`in_a_child`] enters; in the tests' own process it has nothing to do.
#[test]
fn compile_child_entry() {
    if std::env::var_os("VOUCH_COMPILE_OUTPUT").is_some() {
        let code = compile_child_main();
        std::process::exit(if code == std::process::ExitCode::SUCCESS {
            0
        } else if code == 2.into() {
            2
        } else {
            1
        });
    }
}

fn in_a_child() -> WasmDriver {
    let compiler = Compiler::Child {
        program: std::env::current_exe().unwrap(),
        arguments: vec!["--exact".into(), "compile_child_entry".into(), "--nocapture".into()],
    };
    let cache = BENCH.folder.path().join(format!("child-{:x}", rand::random::<u64>()));
    WasmDriver::new(Config { sandboxes: 2, compiler, ..Config::new(cache) }).unwrap()
}

#[test]
fn a_child_process_compiles() {
    let (program, path) = store(program!("echo"));
    let loaded = in_a_child().load(&program, &path).unwrap();
    assert_eq!(kit::run(&loaded, b"child").unwrap().output, b"child");
}

#[test]
fn an_artifact_that_does_not_compile_is_told_from_a_compiler_that_fails() {
    let (program, path) = store("(module (memory (export \"memory\") i64 1) (func (export \"_start\")))");
    let Err(error) = in_a_child().load(&program, &path) else { panic!("it was loaded") };
    assert!(matches!(&error, LoadError::Artifact(reason) if reason.contains("memory64")), "{error}");
}

#[test]
fn what_cannot_be_set_up_is_never_signed() {
    // Each instance alone fits into 16 MiB, both together do not.
    let wat = command("(i32.const 0)").replace(
        "(core instance $program",
        "(core module $large (memory 150)) (core instance (instantiate $large)) (core instance (instantiate $large))
         (core instance $program",
    );
    let failure = kit::run(&load(&wat, kit::limits()), b"");
    assert!(matches!(failure, Err(HostFailure::Engine(_))), "{failure:?}");
}

#[test]
fn a_compiler_that_is_no_compiler_is_a_failure_of_the_host() {
    let (program, path) = store(program!("echo"));
    for name in ["/bin/true", "/bin/false", "/no/such/program"] {
        let compiler = Compiler::Child { program: name.into(), arguments: vec![] };
        let cache = BENCH.folder.path().join(name.replace('/', "-"));
        let driver = WasmDriver::new(Config { sandboxes: 2, compiler, ..Config::new(cache) }).unwrap();
        let Err(error) = driver.load(&program, &path) else { panic!("{name} compiled") };
        assert!(matches!(error, LoadError::Compile(_) | LoadError::File { .. }), "{error}");
    }
}

#[test]
fn damaged_compiled_code_is_never_executed() {
    let (program, path) = store(program!("echo"));
    let cache = BENCH.folder.path().join("damaged");
    let driver =
        || WasmDriver::new(Config { sandboxes: 2, compiler: Compiler::InProcess, ..Config::new(&cache) }).unwrap();
    driver().load(&program, &path).unwrap();
    let settings = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let code = settings.join(format!("{}.cwasm", hex::encode(program.artifact_digest)));
    let intact = std::fs::read(&code).unwrap();
    let mut damaged = intact.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&code, damaged).unwrap();
    let loaded = driver().load(&program, &path).unwrap();
    assert_eq!(kit::run(&loaded, b"again").unwrap().output, b"again");
    assert_eq!(std::fs::read(&code).unwrap(), intact, "compiling is deterministic");
}

#[test]
fn without_a_free_sandbox_there_is_nothing_to_sign() {
    let (program, path) = store(program!("noop"));
    let cache = BENCH.folder.path().join("full");
    let config = Config { sandboxes: 0, compiler: Compiler::InProcess, ..Config::new(cache) };
    let loaded = WasmDriver::new(config).unwrap().load(&program, &path).unwrap();
    let failure = kit::run(&loaded, b"");
    assert!(matches!(failure, Err(HostFailure::Resources(_))), "{failure:?}");
}

#[test]
fn growth_beyond_what_a_type_allows_is_an_answer_and_no_failure_of_the_host() {
    let outcome = run(
        "(module
           (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
           (memory (export \"memory\") 1)
           (memory $small 1 2)
           (table $table 1 funcref)
           (table $tiny 1 2 funcref)
           (data (i32.const 0) \"\\20\\00\\00\\00\\10\\00\\00\\00\")
           (func (export \"_start\")
             (i32.store (i32.const 32) (memory.grow (i32.const 65536)))
             (i32.store (i32.const 36) (memory.grow $small (i32.const 2)))
             (i32.store (i32.const 40) (table.grow $table (ref.null func) (i32.const 100000000)))
             (i32.store (i32.const 44) (table.grow $tiny (ref.null func) (i32.const 2)))
             (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))",
        kit::limits(),
        b"",
    );
    assert_eq!((outcome.status, outcome.output), (Status::Ok, vec![0xff; 16]), "{:?}", outcome.message);
}

#[test]
fn an_instance_that_traps_while_it_is_set_up_is_a_trap() {
    let wat =
        "(module (memory (export \"memory\") 1) (func $boom unreachable) (start $boom) (func (export \"_start\")))";
    assert_eq!(run(wat, kit::limits(), b"").status, Status::Trap);
    let wat = "(module (memory (export \"memory\") 1) (data (i32.const 65536) \"x\") (func (export \"_start\")))";
    assert_eq!(run(wat, kit::limits(), b"").status, Status::Trap);
    let wat = "(module (memory (export \"memory\") 1) (func $spin (loop $l (br $l))) (start $spin) (func (export \"_start\")))";
    assert_eq!(run(wat, kit::limits(), b"").status, Status::OutOfFuel);
}

#[test]
fn an_exit_with_zero_is_an_answer() {
    let wat = program!("fail").replace("(i32.const 1)", "(i32.const 0)");
    assert_eq!(run(&wat, kit::limits(), b"").status, Status::Ok);
}
