//! The process that watches over one container, from its own first to its last breath.

use std::{
    fs,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::ExitCode,
    time::{Duration, Instant},
};

use libcontainer::{
    container::{Container, builder::ContainerBuilder},
    network::{link::LinkClient, wrapper::create_network_client},
    syscall::syscall::SyscallType,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Gid, Mode, Uid, fchown},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, getpid, pidfd_open, pidfd_send_signal, umask,
        waitid,
    },
    thread::{
        CpuSet, LinkNameSpaceType, move_into_link_name_space, sched_getaffinity, sched_setaffinity, set_thread_groups,
    },
};

use super::{
    ID_BASE, facts, filter, root,
    service::{Keeper, Said},
    spec,
    time::{self, Clock},
    wire::{self, Ended, Job, JobFiles, Report},
    workload::{ARRIVED, PROGRAM, SETUP, Workload},
};
use crate::{
    limits::{self, Entered, Group, Host, Usage},
    state,
};

/// The loopback interface is the first of every network namespace.
const LOOPBACK: u32 = 1;
/// The longest reason that a container's first process gives.
const COMPLAINT_BYTES_MAX: u64 = 8_192;
/// Has the kernel end a container first when the host runs out of memory.
const OOM_SCORE_ADJUSTMENT: &str = "1000";

/// The supervisor's side of a run: reads a job from its standard input, which is a socket, and reports to it. Must be
/// called before the process has a second thread.
pub fn child_main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("container supervisor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (job, files) = wire::receive_job(&mut socket)?;
    let JobFiles { stdin, stdout, stderr, lock } = files;
    let (said, stdio) = match &job.service {
        None => (None, Stdio { stdin, stdout, stderr }),
        Some(_) => Said::new(&job).map(|(said, stdio)| (Some(said), stdio))?,
    };
    // From here on the slot is taken even without the executor, who must be there to have held it until now.
    if !state::lock_as_supervisor(&lock)? || has_ended(&socket)? {
        return Err(io::Error::other("the executor has ended"));
    }
    let report = match Supervisor::new(job) {
        Ok(supervisor) => supervisor.supervise(&socket, stdio, said),
        Err(reason) => setup_failed(reason),
    };
    wire::send_report(&mut socket, &report)
}

fn has_ended(executor: &UnixStream) -> io::Result<bool> {
    let mut files = [PollFd::new(executor, PollFlags::IN)];
    Ok(poll(&mut files, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? > 0)
}

/// The program's three standard files.
pub(super) struct Stdio {
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// Lets the program open one of its standard files again.
pub(super) fn give_to_program(file: &OwnedFd, job: &Job) -> io::Result<()> {
    Ok(fchown(file, Some(Uid::from_raw(ID_BASE + job.user)), Some(Gid::from_raw(ID_BASE + job.group)))?)
}

struct Supervisor {
    job: Job,
    group: Group,
    entered: Entered,
}

/// A container whose program runs.
struct Started {
    clock: time::Running,
    process: OwnedFd,
    complaint: OwnedFd,
}

/// A container whose first process waits to become the program.
struct Created {
    container: Container,
    clock: Clock,
    pid: Pid,
    process: OwnedFd,
    complaint: OwnedFd,
}

impl Supervisor {
    fn new(job: Job) -> Result<Self, String> {
        require_single_thread()?;
        umask(Mode::from_raw_mode(0o022));
        // The executor's groups would otherwise stay with the program.
        set_thread_groups(&[]).map_err(|error| format!("cannot leave the executor's groups: {error}"))?;
        if let Some(processor) = job.variation.processor {
            stay_on(processor).map_err(|error| format!("one processor cannot be chosen: {error}"))?;
        }
        let host = Host::detect().map_err(|error| error.to_string())?;
        let group = Group::named(&host, &job.name);
        let entered = group.enter().map_err(|error| error.to_string())?;
        Ok(Self { job, group, entered })
    }

    fn supervise(self, executor: &UnixStream, stdio: Stdio, said: Option<Said>) -> Report {
        let report = match self.create(stdio).and_then(|created| self.start(created)) {
            Ok(started) => self.watch(executor, started, said),
            Err(reason) => setup_failed(reason),
        };
        match self.clean(executor) {
            Ok(()) => report,
            Err(error) => Report { usage: report.usage, ended: Ended::Setup(error) },
        }
    }

    /// Removes what it can of the control groups: the one in which this process itself is, only if nobody is left who
    /// will; leaving it takes the kernel milliseconds.
    fn clean(self, executor: &UnixStream) -> Result<(), String> {
        let text = |error: limits::Error| error.to_string();
        self.group.remove_container().map_err(text)?;
        if has_ended(executor).map_err(|error| error.to_string())? {
            self.entered.leave().and_then(|()| self.group.remove()).map_err(text)?;
        }
        Ok(())
    }

    fn create(&self, stdio: Stdio) -> Result<Created, String> {
        let folders =
            root::assemble(&self.job.layers, self.job.variation.files).map_err(|error| format!("the root: {error}"))?;
        let facts = facts::write(&folders.facts, &self.job.limits, self.job.cpus())
            .map_err(|error| format!("files for /proc: {error}"))?;
        let description = spec::describe(&self.job, &self.group.path(), &facts);
        fs::write(folders.bundle.join("config.json"), description.to_string())
            .map_err(|error| format!("the container's description: {error}"))?;
        self.group.create(&self.job.limits).map_err(|error| error.to_string())?;
        let (complaint, complain) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| error.to_string())?;
        let supervisor = pidfd_open(getpid(), PidfdFlags::empty()).map_err(|error| error.to_string())?;
        let (clock, entrance) = Clock::make(&self.job).map_err(|error| format!("the request's clock: {error}"))?;
        let Job { args, env, cwd, .. } = &self.job;
        let workload = Workload::new(args, env, cwd, filter::program()?, entrance, supervisor, complain)
            .map_err(|error| error.to_string())?;
        let container = self.build(folders, workload, stdio).map_err(|error| with_sources(&error))?;
        let pid = container.pid().and_then(|pid| Pid::from_raw(pid.as_raw())).ok_or("the container has no process")?;
        let process = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| error.to_string())?;
        Ok(Created { container, clock, pid, process, complaint })
    }

    /// Forks; this process must have no other thread.
    fn build(
        &self,
        folders: root::Folders,
        workload: Workload,
        stdio: Stdio,
    ) -> Result<Container, libcontainer::error::LibcontainerError> {
        ContainerBuilder::new(self.job.name.clone(), SyscallType::default())
            .with_root_path(folders.state)?
            .with_executor(workload)
            .with_stdin(stdio.stdin)
            .with_stdout(stdio.stdout)
            .with_stderr(stdio.stderr)
            .as_init(folders.bundle)
            .with_systemd(false)
            .build()
    }

    /// Lets the first process go on, once it is known to be held.
    fn start(&self, created: Created) -> Result<Started, String> {
        let Created { mut container, clock, pid, process, complaint } = created;
        let network = || raise_loopback(pid, self.job.service.is_some());
        let started = self.hold(pid).and_then(|()| network()).and_then(|()| remove_link_to_kcore(pid)).and_then(|()| {
            let clock = clock.start()?;
            container.start().map_err(|error| with_sources(&error))?;
            Ok(clock)
        });
        match started {
            Ok(clock) => Ok(Started { clock, process, complaint }),
            Err(reason) => {
                kill_and_reap(&process).map_err(|error| format!("{reason}; and then: {error}"))?;
                Err(reason)
            }
        }
    }

    fn hold(&self, pid: Pid) -> Result<(), String> {
        self.group.add(pid).and_then(|()| self.group.require_member(pid)).map_err(|error| error.to_string())?;
        fs::write(format!("/proc/{}/oom_score_adj", pid.as_raw_nonzero()), OOM_SCORE_ADJUSTMENT)
            .map_err(|error| format!("the container cannot be made the first to go when memory runs out: {error}"))
    }

    fn watch(&self, executor: &UnixStream, started: Started, said: Option<Said>) -> Report {
        let reason = match (&self.job.service, said) {
            (Some(service), Some(said)) => {
                let Started { clock, process, .. } = &started;
                let (group, job) = (&self.group, &self.job);
                Keeper { executor, process, clock, group, job, service }.keep(said)
            }
            _ => {
                let deadline = Instant::now() + Duration::from_millis(self.job.limits.wall_millis);
                wait(executor, &started.process, deadline)
            }
        };
        let status = match kill_and_reap(&started.process) {
            Ok(status) => status,
            Err(error) => return setup_failed(format!("the container's first process cannot be waited for: {error}")),
        };
        let usage = self.group.usage().unwrap_or_default();
        let clock = started.clock.finish();
        let ended = match (reason, ended_by_itself(&status, &read_complaint(started.complaint)), clock) {
            (Some(reason), ..) => reason,
            // If the program never came to enter it, the clock's word says less than the first process's.
            (None, ended @ (Ended::Setup(_) | Ended::NotRunnable(_)), _) => ended,
            (None, _, Err(error)) => Ended::Setup(error),
            (None, ended, Ok(())) => ended,
        };
        Report { ended, usage }
    }
}

/// Waits for the program's end; says why if that is not what came first.
fn wait(executor: &UnixStream, process: &OwnedFd, deadline: Instant) -> Option<Ended> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // A closed connection is readable; the executor says nothing else after the job.
        let mut files = [PollFd::new(process, PollFlags::IN), PollFd::new(executor, PollFlags::IN)];
        match poll(&mut files, Some(&left.try_into().unwrap_or_default())) {
            Ok(0) if left.is_zero() => return Some(Ended::WallClock),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) if !files[0].revents().is_empty() => return None,
            Ok(_) => return Some(Ended::Cancelled),
            Err(error) => return Some(Ended::Setup(format!("waiting for the container: {error}"))),
        }
    }
}

/// Ends the first process, if it has not ended, and with it every process of its pid namespace.
fn kill_and_reap(process: &OwnedFd) -> io::Result<WaitIdStatus> {
    // Fails only if it has ended already.
    let _ = pidfd_send_signal(process, Signal::KILL);
    // Collected only when it has ended: the clock's thread waits for processes too, and would miss what is taken here.
    let mut ended = [PollFd::new(process, PollFlags::IN)];
    while let Err(error) = poll(&mut ended, None) {
        if error != Errno::INTR {
            return Err(error.into());
        }
    }
    loop {
        match waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED) {
            Ok(Some(status)) => return Ok(status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn ended_by_itself(status: &WaitIdStatus, complaint: &str) -> Ended {
    let (arrived, reason) = match complaint.strip_prefix(ARRIVED) {
        Some(reason) => (true, reason),
        None => (false, complaint),
    };
    if let Some(reason) = reason.strip_prefix(PROGRAM) {
        return Ended::NotRunnable(reason.to_owned());
    }
    if let Some(reason) = reason.strip_prefix(SETUP) {
        return Ended::Setup(reason.to_owned());
    }
    if !arrived {
        return Ended::Setup("its first process ended before the program began".into());
    }
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(signal)) => Ended::Signalled(signal),
        (None, None) => Ended::Setup("the kernel did not say how the program ended".into()),
    }
}

/// Every other holder of the pipe has ended or become another program by now.
fn read_complaint(complaint: OwnedFd) -> String {
    let mut bytes = Vec::new();
    let _ = fs::File::from(complaint).take(COMPLAINT_BYTES_MAX).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `libcontainer` links to /proc/kcore where the kernel has that file. A program must find the same on every host.
fn remove_link_to_kcore(pid: Pid) -> Result<(), String> {
    match fs::remove_file(format!("/proc/{}/root/dev/kcore", pid.as_raw_nonzero())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("cannot remove /dev/kcore: {error}")),
        _ => Ok(()),
    }
}

/// A new network namespace has a loopback interface that is down. This process has one thread, which goes there, and back
/// unless it is to talk with the program.
fn raise_loopback(pid: Pid, stay: bool) -> Result<(), String> {
    let open = |path: String| fs::File::open(path).map_err(|error| format!("the network namespace: {error}"));
    let (own, of_container) =
        (open("/proc/self/ns/net".into())?, open(format!("/proc/{}/ns/net", pid.as_raw_nonzero()))?);
    let enter = |namespace: &fs::File| {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| format!("the network namespace: {error}"))
    };
    enter(&of_container)?;
    let raised = LinkClient::new(create_network_client()).and_then(|mut links| links.set_up(LOOPBACK));
    if !stay {
        enter(&own)?;
    }
    raised.map_err(|error| format!("the loopback interface: {error}"))
}

/// Keeps this process, and what it starts, on one of the processors that it may use.
fn stay_on(processor: u32) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let count = allowed.count().max(1);
    let mut chosen = CpuSet::new();
    let numbers = (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number));
    numbers.skip((processor % count) as usize).take(1).for_each(|number| chosen.set(number));
    Ok(sched_setaffinity(None, &chosen)?)
}

fn require_single_thread() -> Result<(), String> {
    let threads = fs::read_dir("/proc/self/task").map_err(|error| format!("/proc/self/task: {error}"))?.count();
    if threads == 1 { Ok(()) } else { Err(format!("the supervisor has {threads} threads, must have one to fork")) }
}

fn setup_failed(reason: String) -> Report {
    Report { ended: Ended::Setup(reason), usage: Usage::default() }
}

pub(super) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}
