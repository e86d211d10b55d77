//! What every test of containers needs: a runtime, a root with one static program in it, and a look at what is left.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod processes;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, lchown},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use tempfile::TempDir;
use vouch_oci::{
    container::{Config, Failure, ID_BASE, Input, Outcome, Runtime, Settings},
    limits::{Host, Limits},
    state::Folder,
};

/// A runtime over a state folder of its own, and an image with the test programs.
pub struct Bench {
    pub runtime: Runtime,
    pub state: TempDir,
    pub image: Image,
}

/// Set where these tests must not be passed over.
const REQUIRED: &str = "VOUCH_REQUIRE_CONTAINERS";

impl Bench {
    /// None where containers cannot be run, which is said.
    pub fn new() -> Option<Self> {
        let state = tempfile::tempdir().unwrap();
        match Runtime::open(config(state.path())) {
            Ok(runtime) => Some(Self { runtime, state, image: Image::new() }),
            Err(reason) if std::env::var_os(REQUIRED).is_none() => {
                eprintln!("not run: {reason}");
                None
            }
            Err(reason) => panic!("{REQUIRED} is set, but {reason}"),
        }
    }

    /// Runs `/program` with arguments and default limits.
    pub fn run(&self, args: &[&str], payload: &[u8]) -> Result<Outcome, Failure> {
        self.run_with(args, payload, |_| {})
    }

    pub fn run_with(
        &self,
        args: &[&str],
        payload: &[u8],
        change: impl FnOnce(&mut Settings),
    ) -> Result<Outcome, Failure> {
        let mut settings = self.image.settings(args);
        change(&mut settings);
        self.runtime.prepare(settings).unwrap().run(&Input { payload, time: 1_700_000_000, seed: [7; 32] })
    }

    /// What `/program` wrote, which must have succeeded.
    pub fn output(&self, args: &[&str], payload: &[u8]) -> String {
        let outcome = self.run(args, payload).unwrap();
        assert_eq!(outcome.status, vouch_oci::container::Status::Ok, "{args:?}: {outcome:?}");
        String::from_utf8(outcome.output).unwrap()
    }
}

pub fn open(state: &Path) -> Runtime {
    Runtime::open(config(state)).unwrap()
}

/// What watches over containers.
pub const SUPERVISOR: &str = env!("CARGO_BIN_EXE_vouch-oci-supervisor");

pub fn config(state: &Path) -> Config {
    Config { state: state.to_owned(), program: SUPERVISOR.into(), arguments: Vec::new() }
}

/// A root folder whose files belong to the container's users.
pub struct Image {
    pub root: TempDir,
}

impl Image {
    pub fn new() -> Self {
        let image = Self { root: tempfile::tempdir().unwrap() };
        fs::set_permissions(image.root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        lchown(image.root.path(), Some(ID_BASE), Some(ID_BASE)).unwrap();
        image.add("program", &fs::read(program()).unwrap(), 0o755);
        image
    }

    /// Adds a file of the container's root user.
    pub fn add(&self, path: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        lchown(&path, Some(ID_BASE), Some(ID_BASE)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    pub fn settings(&self, args: &[&str]) -> Settings {
        settings(self.root.path(), args)
    }
}

/// Settings for `/program` in a root.
pub fn settings(root: &Path, args: &[&str]) -> Settings {
    Settings {
        layers: vec![root.to_owned()],
        args: ["/program"].iter().chain(args).map(|arg| (*arg).to_owned()).collect(),
        env: vec![("PATH".into(), "/bin:/".into())],
        cwd: "/".into(),
        user: 0,
        group: 0,
        groups: Vec::new(),
        limits: Limits { memory_bytes: 32 << 20, wall_millis: 20_000, ..Limits::default() },
    }
}

/// Adds `/server`, compiled for this call.
pub fn add_server(image: &Image) {
    let (_folder, server) = compile("server.c", &["-static", "-O1"]);
    image.add("server", &fs::read(server).unwrap(), 0o755);
}

/// Settings for `/server` in a root.
pub fn server_settings(root: &Path, behaviour: &str) -> Settings {
    let mut settings = settings(root, &[behaviour]);
    settings.args[0] = "/server".into();
    settings
}

/// The static test program, compiled once per test process.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &PROGRAM.get_or_init(|| compile("program.c", &["-static", "-O1", "-pthread"])).1
}

/// Compiles one of the C files beside this module.
pub fn compile(source: &str, flags: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("program");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(source);
    let status = Command::new("cc").args(["-Wall", "-Werror"]).args(flags).arg("-o").arg(&output).arg(&source).status();
    let status =
        status.expect("these tests compile a C program: install a C compiler and its static library (libc6-dev)");
    assert!(status.success(), "{} does not compile", source.display());
    (folder, output)
}

/// Control groups that belong to a state folder. It must not be in use.
pub fn groups_left(state: &Path) -> Vec<PathBuf> {
    let folder = Folder::open(state, &Host::detect().unwrap()).unwrap();
    let name = folder.take().unwrap().name;
    let tag = name.split('-').next().unwrap().to_owned();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let trees = mounts.lines().filter(|line| line.contains(" - cgroup")).filter_map(|line| line.split(' ').nth(4));
    let folders = trees.filter_map(|tree| fs::read_dir(Path::new(tree).join("vouch")).ok()).flatten().flatten();
    folders.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains(&tag)).collect()
}

/// Mounts of this process that containers made.
/// The root of a live system may be an overlay too.
fn is_overlay_of_ours(line: &str) -> bool {
    line.contains(" - overlay ") && line.split(' ').nth(4) != Some("/")
}

pub fn mounts_left() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    mounts.lines().filter(|line| line.contains("/run/root") || is_overlay_of_ours(line)).map(str::to_owned).collect()
}
