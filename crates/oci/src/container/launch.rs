//! The executor's side of a run: one supervisor, its files, its report.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    fs::{Gid, Uid, fchown},
    pipe::{PipeFlags, pipe_with},
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::{
    Config, Failure, ID_BASE, Input, Outcome, Settings, Status, Variation,
    exchange::{Exchange, Limit},
    wire::{self, Ended, Job, JobFiles, Report},
};
use crate::state::{Folder, Slot};

/// How much longer than its deadline a container may take, to be set up and removed, before its supervisor is killed.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// The end of what a program wrote to its standard error that is kept.
const MESSAGE_BYTES_MAX: usize = 4_096;

/// Runs one request to its end.
pub(super) fn run(
    config: &Config,
    folder: &Folder,
    settings: &Settings,
    variation: &Variation,
    input: &Input<'_>,
) -> Result<Outcome, Failure> {
    let (bytes, max) = (input.payload.len() as u64, settings.limits.payload_bytes);
    if bytes > max {
        return Err(Failure::PayloadTooLarge { bytes, max });
    }
    let slot = folder.take()?;
    let job = job(settings, input.time, input.seed, &slot).varied(variation);
    let finished = supervise(config, job, settings, input, &slot);
    // Nothing is left of a run whose supervisor came to its end; of another, whatever it left is removed here, before
    // the slot is given back.
    slot.group.remove().map_err(crate::state::Error::from)?;
    finished?.into_outcome(settings)
}

fn supervise(
    config: &Config,
    job: Job,
    settings: &Settings,
    input: &Input<'_>,
    slot: &Slot,
) -> Result<Finished, Failure> {
    let pipes = Pipes::new(settings).map_err(failed("make pipes"))?;
    let Spawned { mut socket, child, supervisor } = spawn(config)?;
    let lock = slot.for_supervisor.try_clone().map_err(failed("share a lock"))?;
    let (files, ours) = pipes.split(lock);
    wire::send_job(&mut socket, &job, &files).map_err(failed("talk to the supervisor"))?;
    socket.set_nonblocking(true).map_err(failed("talk to the supervisor"))?;
    drop(files);
    let exchange = Exchange {
        payload: input.payload,
        stdin: Some(ours.stdin),
        stdout: Limit::new(ours.stdout, settings.limits.output_bytes),
        stderr: Limit::new(ours.stderr, u64::MAX).keep_last(MESSAGE_BYTES_MAX),
        socket: Limit::new(socket.into(), u64::MAX),
        supervisor,
    };
    let deadline = Instant::now() + Duration::from_millis(settings.limits.wall_millis) + GRACE;
    let exchanged = exchange.run(deadline).map_err(failed("exchange data with a container"))?;
    drop(child);
    Ok(Finished {
        report: wire::parse_report(&exchanged.said),
        output: exchanged.output,
        output_too_large: exchanged.output_too_large,
        stderr: exchanged.stderr,
    })
}

/// A supervisor that waits for its job.
#[derive(Debug)]
pub(super) struct Spawned {
    pub socket: UnixStream,
    pub child: KilledOnDrop,
    /// The process, as a file that becomes readable when it has ended.
    pub supervisor: OwnedFd,
}

pub(super) fn spawn(config: &Config) -> Result<Spawned, Failure> {
    let (socket, theirs) = UnixStream::pair().map_err(failed("make a socket"))?;
    let child = Command::new(&config.program)
        .args(&config.arguments)
        .env_clear()
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .spawn()
        .map_err(failed("start a supervisor"))?;
    let child = KilledOnDrop(child);
    let supervisor = pidfd_open(Pid::from_child(&child.0), PidfdFlags::empty())
        .map_err(|error| failed("watch a supervisor")(error.into()))?;
    Ok(Spawned { socket, child, supervisor })
}

pub(super) fn job(settings: &Settings, time: u64, seed: [u8; 32], slot: &Slot) -> Job {
    Job {
        name: slot.name.clone(),
        layers: settings.layers.clone(),
        args: settings.args.clone(),
        env: settings.env.clone(),
        cwd: settings.cwd.clone(),
        user: settings.user,
        group: settings.group,
        groups: settings.groups.clone(),
        limits: settings.limits,
        time,
        seed,
        service: None,
        variation: Variation::default(),
    }
}

pub(super) fn failed(action: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |source| Failure::Io { action, source }
}

/// A supervisor that is gone when its run is over, whatever became of the run.
#[derive(Debug)]
pub(super) struct KilledOnDrop(Child);

impl KilledOnDrop {
    /// Makes sure that it is gone.
    pub(super) fn end(&mut self) {
        // By now it has reported and is ending, or it has failed to; its container dies with it.
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        self.end();
    }
}

/// The program's standard files: its ends and ours.
struct Pipes {
    stdin: (OwnedFd, OwnedFd),
    stdout: (OwnedFd, OwnedFd),
    stderr: (OwnedFd, OwnedFd),
}

struct Ours {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl Pipes {
    fn new(settings: &Settings) -> io::Result<Self> {
        let pipe = || -> io::Result<_> { Ok(pipe_with(PipeFlags::CLOEXEC)?) };
        let pipes = Self { stdin: pipe()?, stdout: pipe()?, stderr: pipe()? };
        // Lets the program open `/dev/stdout` and the like again.
        let (user, group) = (Uid::from_raw(ID_BASE + settings.user), Gid::from_raw(ID_BASE + settings.group));
        for file in [&pipes.stdin.0, &pipes.stdout.1, &pipes.stderr.1] {
            fchown(file.as_fd(), Some(user), Some(group))?;
        }
        for file in [&pipes.stdin.1, &pipes.stdout.0, &pipes.stderr.0] {
            rustix::io::ioctl_fionbio(file, true)?;
        }
        Ok(pipes)
    }

    fn split(self, lock: OwnedFd) -> (JobFiles, Ours) {
        (
            JobFiles { stdin: self.stdin.0, stdout: self.stdout.1, stderr: self.stderr.1, lock },
            Ours { stdin: self.stdin.1, stdout: self.stdout.0, stderr: self.stderr.0 },
        )
    }
}

/// All that is known of a run when its supervisor has ended.
struct Finished {
    report: Option<Report>,
    output: Vec<u8>,
    output_too_large: bool,
    stderr: Vec<u8>,
}

impl Finished {
    fn into_outcome(self, settings: &Settings) -> Result<Outcome, Failure> {
        let limits = settings.limits;
        let report = without_fault(self.report, settings)?;
        let (status, reason) = match report.ended {
            _ if self.output_too_large => {
                (Status::OutputTooLarge, Some(format!("the output is larger than {} bytes", limits.output_bytes)))
            }
            Ended::WallClock => return Err(Failure::WallClock { limit_ms: limits.wall_millis }),
            Ended::Cancelled => return Err(Failure::Killed("the executor gave it up".into())),
            // The kernel spares a pid namespace's first process every such signal from within.
            Ended::Signalled(libc::SIGKILL) => return Err(Failure::Killed("by a signal from outside".into())),
            Ended::Exited(0) => (Status::Ok, None),
            Ended::Exited(code) => (Status::Trap, Some(format!("the program exited with code {code}"))),
            Ended::Signalled(signal) => (Status::Trap, Some(format!("the program was killed by signal {signal}"))),
            Ended::NotRunnable(reason) => (Status::Trap, Some(reason)),
            Ended::Setup(reason) => return Err(Failure::Setup(reason)),
        };
        let output = if status == Status::Ok { self.output } else { Vec::new() };
        Ok(Outcome { status, output, usage: report.usage, message: message(reason, &self.stderr) })
    }
}

/// The report of a container that was started, watched to its end, and had memory enough.
pub(super) fn without_fault(report: Option<Report>, settings: &Settings) -> Result<Report, Failure> {
    let Some(report) = report else {
        return Err(Failure::Killed("its supervisor ended without a word".into()));
    };
    if let Ended::Setup(reason) = report.ended {
        return Err(Failure::Setup(reason));
    }
    // A process was killed for memory: what the others then did rests on which one it was.
    if report.usage.memory_kills > 0 {
        return Err(Failure::Memory { limit_bytes: settings.limits.memory_bytes });
    }
    Ok(report)
}

pub(super) fn message(reason: Option<String>, stderr: &[u8]) -> Option<String> {
    let stderr = String::from_utf8_lossy(stderr).trim().to_owned();
    match (reason, stderr.is_empty()) {
        (Some(reason), false) => Some(format!("{reason}; it said: {stderr}")),
        (Some(reason), true) => Some(reason),
        (None, false) => Some(stderr),
        (None, true) => None,
    }
}
