//! Keeps one container running, from the supervisor's side: asks its program, one request after the other.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream as Socket,
    },
    sync::Arc,
    time::Duration,
};

use rustix::{
    net::{RecvFlags, recv},
    pipe::{PipeFlags, pipe_with},
};
use tokio::{
    io::{AsyncWriteExt, Interest, unix::AsyncFd},
    net::{TcpStream, UnixStream},
    time::{sleep, timeout},
};

use super::{
    http, performer,
    wire::{self, Request, ServiceJob, Verdict, Word},
};
use crate::{
    clock::Peer,
    container::{
        Interface,
        supervisor::{Stdio, give_to_program},
        time::Running,
        wire::{Ended, Job},
    },
    limits::{Group, Usage},
};

/// The addresses at which a program may listen.
const LOOPBACKS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
/// How often it is looked whether the program listens.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(10);
/// Attempts become rarer up to this, which must be longer than the time after which programs count as not waiting for their
/// peer: a program that sleeps before it listens sees no time pass otherwise, and sleeps for ever.
const ATTEMPT_PAUSE_MAX: Duration = Duration::from_millis(160);
/// How long a program whose connection broke may take to be found dead.
const DEATH_TIMEOUT: Duration = Duration::from_secs(1);
/// The end of what a program said that is kept.
const LOG_BYTES_MAX: usize = 4_096;
/// Said of a program that ended between two requests.
const UNASKED: &str = "it ended without being asked anything";
/// What a pipe holds.
const PIPE_BYTES: usize = 65_536;

/// Why there is no answer that could be passed on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// What came is none.
    #[error("{0}")]
    Broken(String),
    /// It is larger than the limit.
    #[error("the answer is too large")]
    TooLarge,
    /// The program was never asked.
    #[error("{0}")]
    NotAsked(String),
}

/// Everything that has to do with one kept container.
pub(in crate::container) struct Keeper<'a> {
    pub executor: &'a Socket,
    /// The program's first process.
    pub process: &'a OwnedFd,
    pub clock: &'a Running,
    pub group: &'a Group,
    pub job: &'a Job,
    pub service: &'a ServiceJob,
}

/// What the program writes to its standard output and error, together.
#[derive(Debug)]
pub(in crate::container) struct Said(OwnedFd);

impl Said {
    /// The program's standard files: no input, and one pipe for both outputs.
    pub(in crate::container) fn new(job: &Job) -> io::Result<(Self, Stdio)> {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stdin, _closed) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        for file in [&theirs, &stdin] {
            give_to_program(file, job)?;
        }
        Ok((Self(ours), Stdio { stdin, stdout: theirs.try_clone()?, stderr: theirs }))
    }
}

impl Keeper<'_> {
    /// Answers requests until the program or the executor ends, or there is no going on. Says why if it is not the
    /// program that ended.
    pub(in crate::container) fn keep(self, said: Said) -> Option<Ended> {
        let peer = self.clock.peer();
        peer.works();
        let (works, waits) = (Arc::clone(&peer), Arc::clone(&peer));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(move || waits.waits())
            .on_thread_unpark(move || works.works())
            .build();
        let failed = |error: io::Error| Some(Ended::Setup(format!("talking with the container: {error}")));
        let ended = match runtime {
            Ok(runtime) => runtime.block_on(async { Kept::new(self, said, &peer)?.run().await }).unwrap_or_else(failed),
            Err(error) => return failed(error),
        };
        peer.talks_over(None);
        ended
    }
}

/// A [`Keeper`] at work.
struct Kept<'a> {
    keeper: Keeper<'a>,
    peer: &'a Peer,
    executor: UnixStream,
    process: AsyncFd<OwnedFd>,
    said: AsyncFd<OwnedFd>,
    log: Vec<u8>,
    used: Usage,
}

/// How a turn ended if there is no next one: by the program itself, if nothing else is said.
enum Over {
    Program,
    Verdict(Verdict),
    Ended(Ended),
}

impl<'a> Kept<'a> {
    fn new(keeper: Keeper<'a>, said: Said, peer: &'a Peer) -> io::Result<Self> {
        keeper.executor.set_nonblocking(true)?;
        let executor = UnixStream::from_std(keeper.executor.try_clone()?)?;
        let process = watch(keeper.process.try_clone()?)?;
        let said = watch(said.0)?;
        Ok(Self { keeper, peer, executor, process, said, log: Vec::new(), used: Usage::default() })
    }

    async fn run(mut self) -> io::Result<Option<Ended>> {
        let over = self.answer_requests().await?;
        let (verdict, ended) = match over {
            Over::Program => (None, None),
            Over::Verdict(verdict) => (Some(verdict), Some(Ended::Cancelled)),
            Over::Ended(ended) => (None, Some(ended)),
        };
        self.drain()?;
        let last = Word::Last { verdict, log: self.take_log() };
        // An executor that has ended hears nothing any more.
        let _gone = self.executor.write_all(&wire::head(&last)?).await;
        self.keeper.executor.set_nonblocking(false)?;
        Ok(ended)
    }

    async fn answer_requests(&mut self) -> io::Result<Over> {
        if let Some(over) = self.become_ready().await? {
            return Ok(over);
        }
        self.executor.write_all(&wire::head(&Word::Ready)?).await?;
        loop {
            let request = match self.next_request().await? {
                Ok(request) => request,
                Err(over) => return Ok(over),
            };
            if let Some(over) = self.answer(request).await? {
                return Ok(over);
            }
        }
    }

    /// Waits for the next request and takes what the program says meanwhile.
    async fn next_request(&mut self) -> io::Result<Result<Request, Over>> {
        let Self { executor, process, said, log, .. } = self;
        tokio::select! {
            biased;
            ended = end_of(process) => { ended?; Ok(Err(Over::Verdict(Verdict::NotAsked(UNASKED.into())))) }
            request = wire::read_request(executor) => {
                Ok(request?.ok_or(Over::Ended(Ended::Cancelled)))
            }
            error = listen(said, log) => Err(error),
        }
    }

    async fn become_ready(&mut self) -> io::Result<Option<Over>> {
        let limit = Duration::from_millis(self.keeper.service.ready_millis);
        let mut obstacle = String::from("it was not asked");
        let attempts = attempts(self.keeper.service, self.peer, &mut obstacle);
        let over = tokio::select! {
            biased;
            () = attempts => None,
            ended = end_of(&self.process) => { ended?; Some(Over::Program) }
            () = hang_up(&self.executor) => Some(Over::Ended(Ended::Cancelled)),
            error = listen(&self.said, &mut self.log) => return Err(error),
            () = sleep(limit) => Some(Over::Verdict(Verdict::NotReady(String::new()))),
        };
        Ok(match over {
            Some(Over::Verdict(_)) => Some(Over::Verdict(Verdict::NotReady(obstacle))),
            Some(over) => Some(over),
            None => self.pause().err().map(Over::Ended),
        })
    }

    /// Has the program answer one request and passes the answer on.
    async fn answer(&mut self, request: Request) -> io::Result<Option<Over>> {
        let (time, seed) = (request.head.time, request.head.seed);
        self.peer.works();
        if let Err(reason) = self.keeper.clock.begin(time, seed) {
            return Ok(Some(self.not_begun(reason).await));
        }
        let answered = match self.ask(request).await? {
            Ok(answered) => answered,
            Err(over) => return Ok(Some(over)),
        };
        if let Err(ended) = self.pause()
            && !self.ends().await
        {
            return Ok(Some(Over::Ended(ended)));
        }
        self.peer.talks_over(None);
        let usage = self.usage();
        if usage.memory_kills > 0 {
            // Which process it was is not the same everywhere, so what the others made of it counts for nothing.
            return Ok(Some(Over::Ended(Ended::Cancelled)));
        }
        match answered {
            Ok(answer) => self.pass_on(answer, usage).await.map(|()| None),
            Err(unanswered) => Ok(Some(self.explain(unanswered).await)),
        }
    }

    /// Asks the program, unless it ends, takes too long, or nobody wants to know any more.
    async fn ask(&mut self, request: Request) -> io::Result<Result<Result<Answer, Unanswered>, Over>> {
        let wall = Duration::from_millis(self.keeper.job.limits.wall_millis);
        let limit = self.keeper.job.limits.output_bytes;
        let question = ask(self.keeper.service, self.peer, request, limit);
        tokio::pin!(question);
        let Self { executor, process, said, log, .. } = self;
        tokio::select! {
            biased;
            answered = &mut question => Ok(Ok(answered)),
            ended = end_of(process) => {
                ended?;
                // It may have answered with its last breath; with it gone, its connections end.
                match timeout(DEATH_TIMEOUT, question).await {
                    Ok(Ok(answer)) => Ok(Ok(Ok(answer))),
                    Ok(Err(unanswered @ (Unanswered::TooLarge | Unanswered::NotAsked(_)))) => Ok(Ok(Err(unanswered))),
                    _ => Ok(Err(Over::Program)),
                }
            }
            () = hang_up(executor) => Ok(Err(Over::Ended(Ended::Cancelled))),
            error = listen(said, log) => Err(error),
            () = sleep(wall) => Ok(Err(Over::Ended(Ended::WallClock))),
        }
    }

    async fn pass_on(&mut self, answer: Answer, usage: Usage) -> io::Result<()> {
        self.drain()?;
        let (trap, output) = match answer {
            Ok(output) => (None, output),
            Err(reason) => (Some(reason), Vec::new()),
        };
        let used = Usage { cpu_micros: usage.cpu_micros.saturating_sub(self.used.cpu_micros), ..usage };
        self.used = usage;
        let word = Word::Answer { trap, usage: used, log: self.take_log(), output_bytes: output.len() };
        self.executor.write_all(&wire::head(&word)?).await?;
        self.executor.write_all(&output).await
    }

    /// What is behind a missing answer: if the program is ending, that, and not what its connection made of it.
    async fn explain(&mut self, unanswered: Unanswered) -> Over {
        let verdict = match unanswered {
            Unanswered::TooLarge => Verdict::OutputTooLarge,
            Unanswered::NotAsked(reason) => Verdict::NotAsked(reason),
            Unanswered::Broken(_) if self.ends().await => return Over::Program,
            Unanswered::Broken(reason) => Verdict::Broken(reason),
        };
        Over::Verdict(verdict)
    }

    /// The clock ends with the program, before anybody has told us of that.
    async fn not_begun(&mut self, reason: String) -> Over {
        let has_ended = self.ends().await;
        if has_ended { Over::Verdict(Verdict::NotAsked(UNASKED.into())) } else { Over::Ended(Ended::Setup(reason)) }
    }

    async fn ends(&mut self) -> bool {
        timeout(DEATH_TIMEOUT, end_of(&self.process)).await.is_ok()
    }

    fn pause(&self) -> Result<(), Ended> {
        self.keeper.clock.pause().map_err(Ended::Setup)
    }

    fn usage(&self) -> Usage {
        self.keeper.group.usage().unwrap_or_default()
    }

    /// Takes what the program has said until now.
    fn drain(&mut self) -> io::Result<()> {
        // As much as a pipe holds: a program may go on talking for ever.
        for _ in 0..PIPE_BYTES / LOG_BYTES_MAX {
            if hear(self.said.get_ref().as_fd(), &mut self.log)?.is_none_or(|bytes| bytes == 0) {
                break;
            }
        }
        Ok(())
    }

    fn take_log(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.log)).trim().to_owned()
    }
}

fn watch(file: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the file is owned, so it stays open and the same for as long as it is watched.
    unsafe { Ok(AsyncFd::register_with_interest(file, Interest::READABLE)?) }
}

async fn end_of(process: &AsyncFd<OwnedFd>) -> io::Result<()> {
    process.readable().await?.retain_ready();
    Ok(())
}

/// An output, or why there is none.
pub(super) type Answer = Result<Vec<u8>, String>;

/// Tries until the program can be asked.
async fn attempts(service: &ServiceJob, peer: &Peer, obstacle: &mut String) {
    let mut pause = ATTEMPT_PAUSE;
    loop {
        match attempt(service, peer).await {
            Ok(()) => return,
            Err(reason) => *obstacle = reason,
        }
        sleep(pause).await;
        pause = ATTEMPT_PAUSE_MAX.min(pause * 2);
    }
}

async fn attempt(service: &ServiceJob, peer: &Peer) -> Result<(), String> {
    let connection = connect(service.port, peer).await.map_err(|error| error.to_string())?;
    match service.interface {
        Interface::Http => {
            drop(connection);
            peer.talks_over(None);
            Ok(())
        }
        Interface::Performer => {
            let started = performer::start(connection).await;
            peer.talks_over(None);
            started
        }
    }
}

async fn ask(service: &ServiceJob, peer: &Peer, request: Request, output_bytes_max: u64) -> Result<Answer, Unanswered> {
    let refused = |error: io::Error| Unanswered::NotAsked(format!("it does not listen any more: {error}"));
    let connection = connect(service.port, peer).await.map_err(refused)?;
    match service.interface {
        Interface::Http => http::ask(connection, request.head.time, request.payload, output_bytes_max).await,
        Interface::Performer => performer::ask(connection, request, output_bytes_max).await,
    }
}

/// Connects from within the container's network, in which this process is.
async fn connect(port: u16, peer: &Peer) -> io::Result<TcpStream> {
    let mut error = io::Error::from(io::ErrorKind::ConnectionRefused);
    for address in LOOPBACKS {
        match TcpStream::connect((address, port)).await {
            Ok(connection) => {
                connection.set_nodelay(true)?;
                peer.talks_over(Some(connection.as_fd().try_clone_to_owned()?));
                return Ok(connection);
            }
            // The first says more: not every container has both.
            Err(refused) if address == LOOPBACKS[0] => error = refused,
            Err(_) => {}
        }
    }
    Err(error)
}

/// Takes what the program says, for ever; returns only if that fails.
async fn listen(said: &AsyncFd<OwnedFd>, log: &mut Vec<u8>) -> io::Error {
    loop {
        let mut ready = match said.readable().await {
            Ok(ready) => ready,
            Err(error) => return error,
        };
        match hear(said.get_ref().as_fd(), log) {
            Ok(None) => ready.clear_ready(),
            // Nobody has the other end any more.
            Ok(Some(0)) => std::future::pending().await,
            Ok(Some(_)) => {}
            Err(error) => return error,
        }
    }
}

/// Reads once, and keeps the end of it; none if there is nothing to read now.
fn hear(said: std::os::fd::BorrowedFd<'_>, log: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let mut chunk = [0; LOG_BYTES_MAX];
    match rustix::io::read(said, &mut chunk) {
        Ok(count) => {
            log.extend_from_slice(&chunk[..count]);
            log.drain(..log.len().saturating_sub(LOG_BYTES_MAX));
            Ok(Some(count))
        }
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns when the executor wants no answer any more: it says nothing between a request and its answer.
async fn hang_up(executor: &UnixStream) {
    let peek = || Ok(recv(executor, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT)?);
    while let Ok(()) = executor.readable().await {
        match executor.try_io(Interest::READABLE, peek) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}
