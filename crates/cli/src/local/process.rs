//! Child processes of a local cloud: their logs get a prefix, and they end with their parent.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::failure::Failure;
use crate::local::cloud::unwritable;

/// How long a role gets to end by itself before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Where processes log to.
pub enum Logs {
    /// To stderr, each line behind its process's name.
    Shown,
    /// Each to a file of its own in this folder.
    Kept(PathBuf),
}

impl Logs {
    /// Logs of a cloud in `folder`: shown, or with `quiet` kept there.
    pub fn new(folder: &Path, quiet: bool) -> Result<Self, Failure> {
        if !quiet {
            return Ok(Self::Shown);
        }
        let logs = folder.join("logs");
        std::fs::create_dir_all(&logs).map_err(|error| unwritable(&logs, &error))?;
        Ok(Self::Kept(logs))
    }

    fn of(&self, name: &str) -> Result<(Stdio, Stdio), Failure> {
        let Self::Kept(folder) = self else { return Ok((Stdio::piped(), Stdio::piped())) };
        let path = folder.join(format!("{name}.log"));
        let open = || {
            let file = File::create(&path)?;
            Ok::<_, std::io::Error>((Stdio::from(file.try_clone()?), Stdio::from(file)))
        };
        open().map_err(|error| unwritable(&path, &error))
    }
}

/// A running role of the cloud.
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts `program` with `arguments`; what it prints goes to `logs`.
    pub fn spawn(name: &str, program: &Path, arguments: &[String], logs: &Logs) -> Result<Self, Failure> {
        let mut command = std::process::Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        // A killed parent must not leave a cloud behind; a Ctrl-C at the terminal reaches the parent alone, which stops
        // its children in order.
        command.process_group(0);
        // SAFETY: prctl is async-signal-safe and touches nothing of the parent's memory.
        unsafe {
            command.pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(std::io::Error::from));
        }
        let mut command = Command::from(command);
        let (stdout, stderr) = logs.of(name)?;
        command.stdout(stdout).stderr(stderr).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            Failure::host(
                format!("{name}: {} did not start: {error}", program.display()),
                "check this machine with `vouch doctor`",
            )
        })?;
        forward(name, child.stdout.take());
        forward(name, child.stderr.take());
        Ok(Self { name: name.to_owned(), child })
    }

    /// The process's id; none once it has ended and was waited for.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the process to end by itself, which a role of a cloud never should.
    pub async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("{} ended: {status}", self.name),
            Err(error) => format!("{} cannot be waited for: {error}", self.name),
        }
    }

    /// Asks the process to end, and kills it when it does not.
    pub async fn stop(mut self) {
        let Some(id) = self.child.id() else { return };
        // A process that ended in between is what was asked for.
        let _ended = kill(Pid::from_raw(id.cast_signed()), Signal::SIGTERM);
        if tokio::time::timeout(STOP_PATIENCE, self.child.wait()).await.is_err() {
            let _ended = self.child.kill().await;
        }
    }
}

fn forward(name: &str, stream: Option<impl AsyncRead + Unpin + Send + 'static>) {
    let Some(stream) = stream else { return };
    let name = name.to_owned();
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            eprintln!("{name:<10} | {line}");
        }
    });
}

/// Ports on 127.0.0.1 that were free a moment ago, all different.
pub fn free_ports(count: usize) -> Result<Vec<u16>, Failure> {
    let listeners: Result<Vec<_>, _> = (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect();
    let ports =
        listeners.and_then(|listeners| listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect());
    ports.map_err(|error| {
        Failure::host(format!("no free port on 127.0.0.1: {error}"), "check this machine with `vouch doctor`")
    })
}
