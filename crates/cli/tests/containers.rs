//! The container driver, from outside: the same cases as every other driver, in real containers.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use alloy_primitives::B256;
use tempfile::TempDir;
use vouch_compute::{
    driver::{
        Driver, DriverSet, LoadError, Loaded, Status,
        kit::{self, Case},
    },
    oci::{self, OciDriver},
    program::{Interface, Kind, Limits, Program},
};
use vouch_oci::image::{Digest, Process, pack};

/// Set where these tests must not be passed over.
const REQUIRED: &str = "VOUCH_REQUIRE_CONTAINERS";

struct Bench {
    folder: TempDir,
    driver: OciDriver,
    digest: B256,
}

impl Bench {
    /// None where containers cannot be run, which is said.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut config = oci::Config::new(folder.path().join("images"), folder.path().join("state"));
        config.supervisor.0 = env!("CARGO_BIN_EXE_vouch").into();
        match OciDriver::new(&config) {
            Ok(driver) => {
                let digest = image(folder.path());
                Some(Self { driver, digest, folder })
            }
            Err(reason) if std::env::var_os(REQUIRED).is_none() => {
                eprintln!("not run: {reason}");
                None
            }
            Err(reason) => panic!("{REQUIRED} is set, but {reason}"),
        }
    }

    fn layout(&self) -> PathBuf {
        self.folder.path().join("layout")
    }

    fn program(&self, argument: &str) -> Program {
        let limits = kit::limits_of(Kind::Container);
        let program = Program::command(self.digest);
        Program { runtime: oci::RUNTIME.into(), args: vec![argument.into()], limits, ..program }
    }

    fn try_load(&self, program: &Program) -> Result<Arc<dyn Loaded>, LoadError> {
        self.driver.load(program, &self.layout())
    }

    fn load(&self, argument: &str, limits: Limits) -> Arc<dyn Loaded> {
        self.try_load(&Program { limits, ..self.program(argument) }).unwrap()
    }

    fn refused(&self, program: &Program) -> String {
        match self.try_load(program) {
            Ok(_) => panic!("it was loaded"),
            Err(error) => error.to_string(),
        }
    }
}

/// An image of the kit's program alone.
fn image(folder: &Path) -> B256 {
    let (source, program) = (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/kit.c"), folder.join("kit"));
    let built = Command::new("cc").args(["-static", "-O1", "-o"]).arg(&program).arg(source).status().unwrap();
    assert!(built.success());
    let process = Process {
        entrypoint: vec!["/kit".into()],
        cmd: vec!["echo".into()],
        env: vec![("MODE".into(), "image".into())],
        cwd: "/".into(),
        user: String::new(),
    };
    let source = pack::Source { from: program, to: "/kit".into() };
    B256::new(pack::pack(&[source], &process, &folder.join("layout")).unwrap().bytes())
}

fn argument(case: Case) -> &'static str {
    match case {
        Case::Echo => "echo",
        Case::Count => "count",
        Case::Trap => "trap",
        Case::Fail => "fail",
        Case::Spin => "spin",
        Case::Grow => "grow",
        Case::Recurse => "recurse",
        Case::Observe => "observe",
    }
}

#[test]
fn containers_pass_the_kit() {
    let Some(bench) = Bench::new() else { return };
    kit::check_all_unmetered(&|case, limits| bench.load(argument(case), limits));
}

#[test]
fn the_images_own_command_runs_when_the_program_names_none() {
    let Some(bench) = Bench::new() else { return };
    let loaded = bench.try_load(&Program { args: Vec::new(), ..bench.program("") }).unwrap();
    assert_eq!(kit::run(&loaded, b"hello").unwrap().output, b"hello");
}

#[test]
fn an_image_that_was_deleted_is_loaded_again() {
    let Some(bench) = Bench::new() else { return };
    let program = bench.program("echo");
    let loaded = bench.try_load(&program).unwrap();
    assert!(loaded.is_whole());
    std::fs::remove_dir_all(bench.folder.path().join("images")).unwrap();
    std::fs::create_dir(bench.folder.path().join("images")).unwrap();
    assert!(!loaded.is_whole());
    assert_eq!(kit::run(&bench.try_load(&program).unwrap(), b"hello").unwrap().output, b"hello");
}

#[test]
fn what_cannot_be_run_here_is_refused_by_name() {
    let Some(bench) = Bench::new() else { return };
    let program = bench.program("echo");
    assert!(bench.refused(&Program { runtime: "oci-9/x86-64/1".into(), ..program.clone() }).contains(oci::RUNTIME));
    let fueled = Limits { fuel: 1, ..program.limits };
    assert!(bench.refused(&Program { limits: fueled, ..program.clone() }).contains("limits.fuel"));
    let other = B256::repeat_byte(7);
    match bench.try_load(&Program { artifact_digest: other, ..program }) {
        Err(LoadError::Missing(parts)) => assert_eq!(parts, [other]),
        _ => panic!("an image that is not there was not missed"),
    }
}

#[test]
fn the_parts_of_an_image_are_found_level_by_level() {
    let Some(bench) = Bench::new() else { return };
    let folder = bench.folder.path().join("blobs");
    std::fs::create_dir(&folder).unwrap();
    let program = bench.program("echo");
    let mut rounds = 0;
    let loaded = loop {
        match bench.driver.load(&program, &folder) {
            Ok(loaded) => break loaded,
            Err(LoadError::Missing(parts)) => {
                assert_eq!(oci::missing_parts(&folder, bench.digest), parts);
                for part in parts {
                    let bytes = oci::read_part(&bench.layout(), part).unwrap();
                    std::fs::write(folder.join(Digest::from_bytes(part.0).to_hex()), bytes).unwrap();
                }
            }
            Err(error) => panic!("{error}"),
        }
        rounds += 1;
        assert!(rounds < 4);
    };
    assert_eq!(oci::parts(&folder, bench.digest).unwrap().len(), 3, "manifest, configuration, layer");
    assert_eq!(kit::run(&loaded, b"x").unwrap().output, b"x");
}

#[test]
fn a_set_of_drivers_says_why_a_runtime_is_absent() {
    let set = DriverSet::default().without(oci::RUNTIME, "no root");
    let program = Program { runtime: oci::RUNTIME.into(), ..Program::command(B256::ZERO) };
    let Err(error) = set.load(&program, Path::new("/")) else { panic!("it was loaded") };
    assert!(error.to_string().contains("no root"), "{error}");
    let Err(error) = set.load(&Program::command(B256::ZERO), Path::new("/")) else { panic!("it was loaded") };
    assert!(matches!(error, LoadError::Runtime { .. }), "{error}");
}

#[test]
fn a_trap_keeps_its_reason_to_the_host() {
    let Some(bench) = Bench::new() else { return };
    let outcome = kit::run(&bench.load("fail", bench.program("").limits), b"").unwrap();
    assert_eq!((outcome.status, outcome.output.len()), (Status::Trap, 0));
    assert!(outcome.message.unwrap().contains('3'));
}

/// What a server does is tested where servers are; here, that each interface reaches it and that a program which is none is
/// told so.
#[test]
fn a_program_that_does_not_listen_is_no_server() {
    let Some(bench) = Bench::new() else { return };
    for interface in [Interface::Http, Interface::Performer] {
        let loaded = bench.try_load(&Program { interface, ..bench.program("echo") }).unwrap();
        let outcome = kit::run(&loaded, b"hello").unwrap();
        assert_eq!(outcome.status, Status::Trap, "{outcome:?}");
        assert!(outcome.message.as_ref().unwrap().contains("instead of serving"), "{outcome:?}");
    }
}
