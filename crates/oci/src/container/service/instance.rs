//! One kept container, from the executor's side.

use std::{
    fs::File,
    io,
    net::Shutdown,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    Interface, ServiceSettings, Unavailable, task_id,
    wire::{self, Said, ServiceJob, Verdict, Word},
};
use crate::{
    container::{
        Failure, Input, Outcome, Runtime, Settings, Status,
        launch::{self, GRACE, Spawned, failed},
        wire::{Ended, JobFiles, Report, send_job},
    },
    count::Counted,
    state::Slot,
};

/// What came of a request or of a start.
pub(super) type Answered = Result<Outcome, Failure>;

/// A container that waits for requests. Dropping it stops it and removes what is left of it.
#[derive(Debug)]
pub(super) struct Instance {
    spawned: Spawned,
    slot: Slot,
    /// When it last answered.
    pub(super) since: Instant,
    _counted: Counted,
}

/// A request's result, with the container if it can answer further ones, and else with why it cannot.
#[derive(Debug)]
pub(super) enum Called {
    Kept(Box<Instance>, Outcome),
    Stopped(Answered),
    /// The program never saw the request, for this reason.
    NotAsked(String),
}

impl Instance {
    /// Starts a container and waits until it is ready.
    pub(super) fn start(
        runtime: &Runtime,
        settings: &Settings,
        interface: Interface,
        service: &ServiceSettings,
    ) -> Result<Self, Answered> {
        let mut instance = Self::spawn(runtime, settings, interface, service).map_err(Err)?;
        let deadline = Instant::now() + Duration::from_millis(service.ready_millis) + GRACE;
        match instance.hear(deadline, settings, service.ready_millis) {
            Heard::Ready => Ok(instance),
            Heard::Answer(_) => Err(Err(Failure::Killed("its supervisor answered what nobody had asked".into()))),
            Heard::NotAsked(reason) => Err(Err(Failure::Killed(reason))),
            Heard::End(answered) => Err(answered),
        }
    }

    fn spawn(
        runtime: &Runtime,
        settings: &Settings,
        interface: Interface,
        service: &ServiceSettings,
    ) -> Result<Self, Failure> {
        let slot = runtime.folder.take()?;
        let mut instance =
            Self { spawned: launch::spawn(&runtime.config)?, slot, since: Instant::now(), _counted: Counted::kept() };
        let mut job = launch::job(settings, service.time, service.seed, &instance.slot);
        job.service = Some(ServiceJob::new(interface, service));
        let files = instance.files().map_err(failed("open files for a container"))?;
        send_job(&mut instance.spawned.socket, &job, &files).map_err(failed("talk to the supervisor"))?;
        Ok(instance)
    }

    /// The supervisor makes the program's own standard files, because it listens to them.
    fn files(&self) -> io::Result<JobFiles> {
        let null = || -> io::Result<OwnedFd> { Ok(File::options().read(true).write(true).open("/dev/null")?.into()) };
        let lock = self.slot.for_supervisor.try_clone()?;
        Ok(JobFiles { stdin: null()?, stdout: null()?, stderr: null()?, lock })
    }

    /// Asks the program. The payload must be within its limit.
    pub(super) fn call(mut self, settings: &Settings, input: &Input<'_>) -> Called {
        let limit = Duration::from_millis(settings.limits.wall_millis) + GRACE;
        let deadline = Instant::now() + limit;
        let Input { payload, time, seed } = *input;
        let socket = &mut self.spawned.socket;
        let sent = socket
            .set_write_timeout(Some(limit))
            .and_then(|()| wire::send_request(socket, time, seed, task_id(input), payload));
        // A supervisor that has ended says why before it does, so its words are read even if it does not read ours.
        let heard = self.hear(deadline, settings, 0);
        match (heard, sent) {
            (Heard::Answer(outcome), Ok(())) => {
                self.since = Instant::now();
                Called::Kept(Box::new(self), outcome)
            }
            (Heard::End(answered), _) => Called::Stopped(answered),
            (Heard::NotAsked(reason), _) => Called::NotAsked(reason),
            (Heard::Ready | Heard::Answer(_), sent) => Called::Stopped(Err(match sent {
                Ok(()) => Failure::Killed("its supervisor did not answer".into()),
                Err(error) => failed("talk to the supervisor")(error),
            })),
        }
    }

    /// Whether the program has ended although nobody had asked it anything.
    pub(super) fn has_ended(&self) -> bool {
        let mut words = [PollFd::new(&self.spawned.socket, PollFlags::IN)];
        !matches!(poll(&mut words, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
    }

    /// Why a container ended that has.
    pub(super) fn reason(mut self, settings: &Settings) -> String {
        match self.hear(Instant::now() + GRACE, settings, 0) {
            Heard::NotAsked(reason) => reason,
            Heard::End(answered) => describe(&answered),
            Heard::Ready | Heard::Answer(_) => "its supervisor spoke out of turn".into(),
        }
    }

    /// Hears what the supervisor has to say next, to its end if it has nothing else to say.
    fn hear(&mut self, deadline: Instant, settings: &Settings, ready_millis: u64) -> Heard {
        let mut last = (None, String::new());
        loop {
            match wire::read_said(&mut self.spawned.socket, deadline) {
                Ok((Said::Word(Word::Ready), _)) => return Heard::Ready,
                Ok((Said::Word(Word::Answer { trap, usage, log, .. }), output)) => {
                    let status = if trap.is_some() { Status::Trap } else { Status::Ok };
                    let message = launch::message(trap, log.as_bytes());
                    return Heard::Answer(Outcome { status, output, usage, message });
                }
                Ok((Said::Word(Word::Last { verdict, log }), _)) => last = (verdict, log),
                Ok((Said::Report(report), _)) => {
                    if let (Some(Verdict::NotAsked(reason)), log) = &last {
                        return Heard::NotAsked(
                            launch::message(Some(reason.clone()), log.as_bytes()).unwrap_or_default(),
                        );
                    }
                    return Heard::End(conclude(Some(report), last.0, &last.1, settings, ready_millis));
                }
                Err(error) => return Heard::End(silence(&error, last.0, settings)),
            }
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The supervisor takes this for the order to stop, or has ended.
        let _ended = self.spawned.socket.shutdown(Shutdown::Write);
        let mut supervisor = [PollFd::new(&self.spawned.supervisor, PollFlags::IN)];
        let limit = Timespec { tv_sec: GRACE.as_secs().cast_signed(), tv_nsec: 0 };
        // Killed if it takes longer than that, with its container.
        let _late = poll(&mut supervisor, Some(&limit));
        self.spawned.child.end();
        // What cannot be removed now is removed by the next one to have the slot.
        let _left = self.slot.group.remove();
    }
}

/// What a supervisor said.
enum Heard {
    Ready,
    Answer(Outcome),
    NotAsked(String),
    End(Answered),
}

/// What the end of a container says of the request that it had, or of its start.
fn conclude(
    report: Option<Report>,
    verdict: Option<Verdict>,
    log: &str,
    settings: &Settings,
    ready_millis: u64,
) -> Answered {
    let report = launch::without_fault(report, settings)?;
    let limits = settings.limits;
    let (status, reason) = match (verdict, report.ended) {
        (Some(Verdict::NotReady(reason)), _) => {
            let reason = launch::message(Some(reason), log.as_bytes()).unwrap_or_default();
            return Err(Unavailable::NotReady { limit_ms: ready_millis, reason }.into());
        }
        (Some(Verdict::OutputTooLarge), _) => {
            (Status::OutputTooLarge, format!("the output is larger than {} bytes", limits.output_bytes))
        }
        (Some(Verdict::Broken(reason) | Verdict::NotAsked(reason)), _) => {
            (Status::Trap, format!("the program did not answer: {reason}"))
        }
        (None, Ended::WallClock) => return Err(Failure::WallClock { limit_ms: limits.wall_millis }),
        (None, Ended::Cancelled) => return Err(Failure::Killed("the executor gave it up".into())),
        (None, Ended::Signalled(libc::SIGKILL)) => return Err(Failure::Killed("by a signal from outside".into())),
        (None, Ended::Exited(code)) => {
            (Status::Trap, format!("the program exited with code {code} instead of serving"))
        }
        (None, Ended::Signalled(signal)) => (Status::Trap, format!("the program was killed by signal {signal}")),
        (None, Ended::NotRunnable(reason)) => (Status::Trap, reason),
        (None, Ended::Setup(reason)) => return Err(Failure::Setup(reason)),
    };
    let message = launch::message(Some(reason), log.as_bytes());
    Ok(Outcome { status, output: Vec::new(), usage: report.usage, message })
}

/// A supervisor that ended or hangs without a report.
fn silence(error: &io::Error, verdict: Option<Verdict>, settings: &Settings) -> Answered {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            Err(Failure::Killed("its supervisor did not report in time".into()))
        }
        _ => conclude(None, verdict, "", settings, 0),
    }
}

/// Why a container was given up, for whoever wants to start the next.
pub(super) fn describe(answered: &Answered) -> String {
    match answered {
        Ok(outcome) => outcome.message.clone().unwrap_or_else(|| "it ended".into()),
        Err(failure) => failure.to_string(),
    }
}
