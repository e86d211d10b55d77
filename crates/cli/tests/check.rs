//! `vouch app check` on programs with something planted in them, in real containers, and on WebAssembly.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;
use vouch_compute::oci;
use vouch_oci::image::{Process, pack};

/// Set where tests of containers must not be passed over.
const REQUIRED: &str = "VOUCH_REQUIRE_CONTAINERS";
/// 2026-11-22T00:00:00Z, when none of the planted dates has come.
const NOW: &str = "1795305600";
const DIFFERS: i32 = 6;

/// The checks of one app: what is found, by the name of what was varied.
struct Checked {
    exit: i32,
    view: Value,
    errors: String,
}

impl Checked {
    fn of(app: &Path, arguments: &[&str]) -> Self {
        let output = vouch(&["--json", "app", "check"], app, arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        let view = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
        Self { exit: output.status.code().unwrap(), view, errors }
    }

    fn findings(&self) -> &[Value] {
        self.view["payloads"][0]["findings"].as_array().unwrap()
    }

    fn finding(&self, name: &str) -> &Value {
        self.findings().iter().find(|finding| finding["name"] == name).unwrap_or_else(|| panic!("no {name}"))
    }

    fn verdict(&self, name: &str) -> &str {
        self.finding(name)["verdict"].as_str().unwrap()
    }

    /// What was varied when the answer was another one.
    fn differing(&self) -> Vec<&str> {
        let differing = self.findings().iter().filter(|finding| finding["severity"] == "wrong");
        differing.map(|finding| finding["name"].as_str().unwrap()).collect()
    }
}

fn vouch(command: &[&str], app: &Path, arguments: &[&str]) -> Output {
    let mut vouch = Command::new(env!("CARGO_BIN_EXE_vouch"));
    vouch.args(command).arg(app).args(["--time", NOW, "--payload", "hello"]).args(arguments).output().unwrap()
}

/// An app whose image has the planted programs; none where containers cannot be run, which is said.
fn app() -> Option<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let config = oci::Config::new(folder.path().join("cache"), folder.path().join("state"));
    match config.open_runtime() {
        Ok(_) => {}
        Err(reason) if std::env::var_os(REQUIRED).is_none() => {
            eprintln!("not run: {reason}");
            return None;
        }
        Err(reason) => panic!("{REQUIRED} is set, but {reason}"),
    }
    let (source, program) =
        (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/planted.c"), path(&folder, "planted"));
    let built = Command::new("cc")
        .args(["-static", "-O1", "-pthread", "-Wno-uninitialized", "-o"])
        .arg(&program)
        .arg(source)
        .status();
    assert!(built.unwrap().success());
    fs::create_dir(path(&folder, "data")).unwrap();
    for name in ["one", "two", "three", "four", "five", "six"] {
        fs::write(path(&folder, "data").join(name), name).unwrap();
    }
    let process = Process {
        entrypoint: vec!["/planted".into()],
        cmd: vec!["clean".into()],
        env: vec![("FIRST".into(), "1".into()), ("SECOND".into(), "2".into())],
        cwd: "/".into(),
        user: String::new(),
    };
    let sources = [("planted", "/planted"), ("data", "/data")]
        .map(|(from, to)| pack::Source { from: path(&folder, from), to: to.into() });
    pack::pack(&sources, &process, &path(&folder, "image")).unwrap();
    Some(folder)
}

fn path(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

/// Has the app run one of its programs.
fn choose(app: &TempDir, program: &str) {
    let text = format!("image = \"image\"\nargs = [\"{program}\"]\n[limits]\nmemory-bytes = 33554432\n");
    fs::write(path(app, "vouch.toml"), text).unwrap();
}

#[test]
fn a_clean_program_passes_with_everything_tried() {
    let Some(app) = app() else { return };
    choose(&app, "clean");
    let checked = Checked::of(app.path(), &["--payload", "", "--expect-time-independent"]);
    assert_eq!(checked.exit, 0, "{}", checked.errors);
    assert_eq!(checked.view["ok"], true);
    assert_eq!(checked.view["payloads"].as_array().unwrap().len(), 2);
    for payload in checked.view["payloads"].as_array().unwrap() {
        let findings = payload["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 12);
        assert!(findings.iter().all(|finding| finding["verdict"] == "same"), "{findings:?}");
        assert!(findings.iter().all(|finding| finding["runs"].as_u64().unwrap() > 0), "{findings:?}");
    }
}

/// Checks that each program fails, for what is named beside it and for nothing else.
fn require_found(programs: &[(&str, &str)]) {
    let Some(app) = app() else { return };
    for (program, expected) in programs {
        choose(&app, program);
        let checked = Checked::of(app.path(), &[]);
        assert_eq!(checked.exit, DIFFERS, "{program}: {}", checked.errors);
        assert_eq!(checked.view["ok"], false);
        assert_eq!(checked.verdict(expected), "differs", "{program}: {:#}", checked.view);
        // A copy of a file has another number, another place and another time at once.
        let others: Vec<_> = checked.differing().into_iter().filter(|name| !name.starts_with("file ")).collect();
        assert!(others.iter().all(|name| name == expected), "{program} is blamed on {others:?}");
        assert!(checked.errors.contains(expected), "{}", checked.errors);
    }
}

#[test]
fn what_a_host_tells_of_itself_is_found_and_named() {
    require_found(&[
        ("host-name", "host name"),
        ("cpu-count", "cpu count"),
        ("cpuinfo", "cpu count"),
        ("environment", "environment order"),
    ]);
}

#[test]
fn where_memory_lies_is_found_and_named() {
    require_found(&[
        ("stack-address", "address layout"),
        ("heap-order", "address layout"),
        ("uninitialised", "address layout"),
    ]);
}

#[test]
fn how_files_are_kept_is_found_and_named() {
    require_found(&[("folder-order", "file order"), ("file-number", "file system"), ("file-time", "file times")]);
}

#[test]
fn what_differs_by_itself_is_found_and_named() {
    require_found(&[("new-file-time", "repeat"), ("cycles", "repeat")]);
}

#[test]
fn the_number_of_the_processor_is_found_where_there_are_two() {
    let Some(app) = app() else { return };
    if std::thread::available_parallelism().unwrap().get() < 2 {
        return eprintln!("not run: there is one processor only");
    }
    choose(&app, "processor");
    let checked = Checked::of(app.path(), &[]);
    assert_eq!(checked.exit, DIFFERS);
    // Whichever is the usual one, a repetition may meet the other.
    assert!(["processor", "repeat"].iter().any(|name| checked.verdict(name) == "differs"), "{:#}", checked.view);
}

#[test]
fn a_difference_is_shown_with_its_place() {
    let Some(app) = app() else { return };
    choose(&app, "host-name");
    let checked = Checked::of(app.path(), &[]);
    let difference = &checked.finding("host name")["difference"];
    assert_eq!(difference["offset"], 8);
    assert_eq!(difference["sides"][0]["text"], "made on vouch.");
    assert_eq!(difference["sides"][1]["text"], "made on another-host.");
    let output = vouch(&["app", "check"], app.path(), &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("! host name          3 runs"), "{text}");
    assert!(text.contains("differs at byte 8"), "{text}");
    assert!(text.contains("|made on another-host.|"), "{text}");
}

#[test]
fn a_time_bomb_is_found_to_its_second() {
    let Some(app) = app() else { return };
    choose(&app, "time-bomb");
    let checked = Checked::of(app.path(), &[]);
    assert_eq!(checked.exit, DIFFERS);
    assert_eq!(checked.differing(), ["time"]);
    let found = checked.finding("time");
    assert_eq!((&found["verdict"], &found["date"]), (&"breaks".into(), &"2030-01-01T00:00:00Z".into()));
    let later = &found["difference"]["sides"][1];
    assert_eq!(later["status"], "trap");
    assert!(later["message"].as_str().unwrap().contains("the licence has expired"));
}

#[test]
fn what_the_request_decides_is_no_fault_unless_it_was_expected_to_be_none() {
    let Some(app) = app() else { return };
    for (program, name, verdict, strict_exit) in [
        ("show-time", "time", "ofRequest", DIFFERS),
        ("time-switch", "time", "switches", DIFFERS),
        ("show-random", "seed", "ofRequest", 0),
    ] {
        choose(&app, program);
        let checked = Checked::of(app.path(), &[]);
        assert_eq!((checked.exit, checked.verdict(name)), (0, verdict), "{program}: {}", checked.errors);
        assert_eq!(checked.differing().len(), 0, "{program}");
        let strict = Checked::of(app.path(), &["--expect-time-independent"]);
        assert_eq!(strict.exit, strict_exit, "{program}");
    }
}

#[test]
fn webassembly_is_checked_as_well() {
    let app = tempfile::tempdir().unwrap();
    let folder = app.path().join("app");
    let made = Command::new(env!("CARGO_BIN_EXE_vouch")).args(["app", "init"]).arg(&folder).output().unwrap();
    assert!(made.status.success());
    let checked = Checked::of(&folder, &["--expect-time-independent"]);
    assert_eq!(checked.exit, 0, "{}", checked.errors);
    let names: Vec<_> = checked.findings().iter().map(|finding| finding["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["repeat", "load", "compilation", "seed", "time"]);
    assert!(checked.findings().iter().all(|finding| finding["verdict"] == "same"), "{:#}", checked.view);

    // Traps from 2030 on, in nanoseconds of WASI's clock.
    fs::write(
        folder.join("program.wat"),
        r#"(module
          (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_start")
            (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 8)))
            (if (i64.ge_u (i64.load (i32.const 8)) (i64.const 1893456000000000000)) (then unreachable))))"#,
    )
    .unwrap();
    let built = Command::new(env!("CARGO_BIN_EXE_vouch")).args(["app", "build"]).arg(&folder).output().unwrap();
    assert!(built.status.success());
    let checked = Checked::of(&folder, &[]);
    assert_eq!((checked.exit, checked.differing()), (DIFFERS, vec!["time"]));
    assert_eq!(checked.finding("time")["date"], "2030-01-01T00:00:00Z");
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let app = tempfile::tempdir().unwrap();
    let output = vouch(&["app", "check"], app.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("vouch.toml"));
    let refused = |arguments: &[&str]| vouch(&["app", "check"], app.path(), arguments).status.code();
    assert_eq!(refused(&["--runs", "1"]), Some(2));
    assert_eq!(refused(&["--runs", "1001"]), Some(2));
    let late =
        Command::new(env!("CARGO_BIN_EXE_vouch")).args(["app", "check", "--time", "9000000001"]).output().unwrap();
    assert_eq!(late.status.code(), Some(2));
    let many = ["--payload", ""].repeat(100);
    let output = vouch(&["app", "check"], app.path(), &many);
    assert!(String::from_utf8(output.stderr).unwrap().contains("at most 100"));
}
