//! Runs a program under the clock in its own namespaces, as their first process.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use vouch_oci::clock::{Device, Error, Plan, Supervisor, Tsc, entrance};

/// 2033-05-18T03:33:20Z.
pub const TIME: u64 = 2_000_000_000;
pub const PLAN: Plan = Plan { time: TIME, seed: [7; 32], memory_bytes: 1 << 30, cpus: 1 };

/// What a program did.
#[derive(Debug)]
pub struct Run {
    pub output: String,
    pub errors: String,
    /// The exit status, or 128 and the number of the signal that killed it.
    pub status: i32,
    pub took: Duration,
    pub supervision: Result<(), Error>,
}

impl Run {
    /// The output of a run that went well and complained of nothing.
    pub fn expect(self) -> String {
        assert!(self.supervision.is_ok() && self.status == 0 && self.errors.is_empty(), "{self:?}");
        self.output
    }
}

/// A command that does not see this host's environment.
pub fn command(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("TZ", "UTC").env("LC_ALL", "C");
    command
}

pub fn run(plan: Plan, command: Command) -> Run {
    run_with(plan, command, Tsc::Host, None)
}

pub fn run_with(plan: Plan, command: Command, tsc: Tsc, device: Option<Device>) -> Run {
    let mut running = Running::start(plan, command, tsc, device);
    let run = running.wait();
    Run { supervision: running.supervisor.map_or(Ok(()), Supervisor::finish), ..run }
}

/// A program and its supervisor.
pub struct Running {
    child: Child,
    start: Instant,
    supervisor: Option<Supervisor>,
}

impl Running {
    pub fn start(plan: Plan, mut command: Command, tsc: Tsc, device: Option<Device>) -> Self {
        let (entrance, arrival) = entrance(tsc).unwrap();
        let supervisor = Supervisor::attach(arrival, plan, device).unwrap();
        // SAFETY: these calls have no arguments and cannot fail.
        let (users, groups) = unsafe { (format!("0 {} 1", libc::geteuid()), format!("0 {} 1", libc::getegid())) };
        // SAFETY: what runs between fork and exec makes system calls only.
        unsafe {
            command.pre_exec(move || {
                enter_namespaces(users.as_bytes(), groups.as_bytes())?;
                entrance.enter()
            });
        }
        let start = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        Self { child, start, supervisor: Some(supervisor) }
    }

    /// Takes the supervisor away.
    pub fn stop(&mut self) {
        self.supervisor.take().unwrap().stop().unwrap();
    }

    /// Waits for the program, not for its supervisor.
    pub fn wait(&mut self) -> Run {
        let mut stderr = self.child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut errors = String::new();
            stderr.read_to_string(&mut errors).map(|_| errors)
        });
        let mut output = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
        let status = self.child.wait().unwrap().code().unwrap();
        let took = self.start.elapsed();
        let output = String::from_utf8_lossy(&output).into_owned();
        Run { output, errors: errors.join().unwrap().unwrap(), status, took, supervision: Ok(()) }
    }
}

/// Goes on as the first process of new namespaces, as root of its own users; the process that was waits for it and takes
/// over its status.
fn enter_namespaces(users: &[u8], groups: &[u8]) -> std::io::Result<()> {
    const ALL: i32 = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS;
    // SAFETY: these calls take numbers, or addresses of locals and literals, only.
    unsafe {
        if libc::unshare(ALL) != 0 {
            return Err(std::io::Error::last_os_error());
        }
        write_to(c"/proc/self/setgroups", b"deny")?;
        write_to(c"/proc/self/uid_map", users)?;
        write_to(c"/proc/self/gid_map", groups)?;
        match libc::fork() {
            -1 => Err(std::io::Error::last_os_error()),
            0 => Ok(()),
            child => {
                libc::close_range(0, u32::MAX, 0);
                let mut status = 0;
                libc::waitpid(child, &raw mut status, 0);
                let signal = libc::WTERMSIG(status);
                libc::_exit(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + signal })
            }
        }
    }
}

fn write_to(path: &std::ffi::CStr, bytes: &[u8]) -> std::io::Result<()> {
    // SAFETY: path and bytes outlive the calls.
    let written = unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        libc::write(file, bytes.as_ptr().cast(), bytes.len())
    };
    if written == bytes.len() as isize { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// A C program of `programs/`, compiled once per kind.
pub struct Program {
    folder: tempfile::TempDir,
    name: String,
}

impl Program {
    pub fn build(name: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/clock/programs/{name}.c"));
        let status = Command::new("cc")
            .args(["-O1", "-Wall", "-Werror", "-pthread"])
            .args(options)
            .arg("-o")
            .arg(folder.path().join(name))
            .arg(source)
            .status()
            .expect("the tests compile small C programs: install a C compiler (cc) and the C library's static part");
        assert!(status.success(), "{name} does not compile");
        Self { folder, name: name.into() }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        command(self.path(), arguments)
    }
}
