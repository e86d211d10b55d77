//! What executor and supervisor say to each other: one job with its files in, one report out.
//!
//! Both are a length in four bytes, least significant first, and that many bytes of JSON. The job's files travel with the
//! length. The two are the same program, so the format need not last.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{service::ServiceJob, variation::Variation};
use crate::limits::{Limits, Usage};

/// The longest message: all arguments and variables at their limits, with every byte escaped, fit.
const MESSAGE_BYTES_MAX: usize = 32 << 20;
/// How many files come with a job.
const FILES: usize = 4;

/// What a supervisor is told to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// Names the container and its control group.
    pub name: String,
    pub layers: Vec<PathBuf>,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub cwd: PathBuf,
    pub user: u32,
    pub group: u32,
    pub groups: Vec<u32>,
    pub limits: Limits,
    /// The request's time in Unix seconds.
    pub time: u64,
    /// The source of all randomness.
    pub seed: [u8; 32],
    /// How the container is kept for many requests; if it is not, it runs one.
    pub service: Option<ServiceJob>,
    /// How the surroundings differ from a certified run's; in nothing, if it is one.
    pub variation: Variation,
}

/// The files that come with a job.
#[derive(Debug)]
pub(super) struct JobFiles {
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    /// The slot's file, on which the supervisor holds a lock for as long as it lives.
    pub lock: OwnedFd,
}

/// What a supervisor says at its end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub ended: Ended,
    pub usage: Usage,
}

/// How a container ended.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ended {
    /// The program exited with this code.
    Exited(i32),
    /// The program was killed by this signal.
    Signalled(i32),
    /// The image has no such program, or none that this machine can run.
    NotRunnable(String),
    /// The deadline passed.
    WallClock,
    /// The executor wanted no more of it.
    Cancelled,
    /// The container was never started.
    Setup(String),
}

impl Job {
    /// The same job in other surroundings.
    pub fn varied(mut self, variation: &Variation) -> Self {
        if variation.reversed_environment {
            self.env.reverse();
        }
        self.variation = variation.clone();
        self
    }

    /// How many processors the program is told that it has.
    pub fn cpus(&self) -> u64 {
        self.variation.cpus.map_or(self.limits.cpu_millis.div_ceil(1_000), u64::from)
    }
}

impl JobFiles {
    fn borrow(&self) -> [BorrowedFd<'_>; FILES] {
        [self.stdin.as_fd(), self.stdout.as_fd(), self.stderr.as_fd(), self.lock.as_fd()]
    }
}

pub(super) fn send_job(socket: &mut UnixStream, job: &Job, files: &JobFiles) -> io::Result<()> {
    let json = serde_json::to_vec(job).map_err(io::Error::other)?;
    let length = header(&json)?;
    let files = files.borrow();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::Error::other("no room for the files of a job"));
    }
    let sent = sendmsg(&*socket, &[IoSlice::new(&length)], &mut ancillary, SendFlags::NOSIGNAL)?;
    socket.write_all(&length[sent..])?;
    socket.write_all(&json)
}

pub(super) fn receive_job(socket: &mut UnixStream) -> io::Result<(Job, JobFiles)> {
    let mut length = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let message = recvmsg(&*socket, &mut [IoSliceMut::new(&mut length)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut files = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            files.extend(rights);
        }
    }
    socket.read_exact(&mut length[message.bytes..])?;
    let job = read_body(socket, length)?;
    let [stdin, stdout, stderr, lock] = <[OwnedFd; FILES]>::try_from(files)
        .map_err(|files| io::Error::other(format!("a job comes with {FILES} files, this one has {}", files.len())))?;
    Ok((job, JobFiles { stdin, stdout, stderr, lock }))
}

pub(super) fn send_report(socket: &mut UnixStream, report: &Report) -> io::Result<()> {
    let json = serde_json::to_vec(report).map_err(io::Error::other)?;
    socket.write_all(&header(&json)?)?;
    socket.write_all(&json)
}

/// Reads a report from all that the supervisor said; none if it died before it had said it all.
pub(super) fn parse_report(said: &[u8]) -> Option<Report> {
    let (length, json) = said.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    serde_json::from_slice(json.get(..length)?).ok()
}

fn header(json: &[u8]) -> io::Result<[u8; 4]> {
    if json.len() > MESSAGE_BYTES_MAX {
        return Err(io::Error::other(format!("a message of {} bytes is above {MESSAGE_BYTES_MAX}", json.len())));
    }
    Ok(u32::try_from(json.len()).map_err(io::Error::other)?.to_le_bytes())
}

fn read_body<T: DeserializeOwned>(socket: &mut UnixStream, length: [u8; 4]) -> io::Result<T> {
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    if length > MESSAGE_BYTES_MAX {
        return Err(io::Error::other(format!("a message of {length} bytes is above {MESSAGE_BYTES_MAX}")));
    }
    let mut json = vec![0; length];
    socket.read_exact(&mut json)?;
    serde_json::from_slice(&json).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{container::service::Interface, fuzz};

    fn job() -> Job {
        Job {
            name: "vouch-1".into(),
            layers: vec!["/images/root".into()],
            args: vec!["/bin/program".into(), "--flag".into()],
            env: vec![("MODE".into(), "fast".into())],
            cwd: "/".into(),
            user: 1_000,
            group: 1_000,
            groups: vec![7],
            limits: Limits::default(),
            time: 1_700_000_000,
            seed: [3; 32],
            service: Some(ServiceJob { interface: Interface::Http, port: 8_080, ready_millis: 1_000 }),
            variation: Variation { cpus: Some(2), ..Variation::default() },
        }
    }

    fn files() -> JobFiles {
        let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        JobFiles { stdin: file(), stdout: file(), stderr: file(), lock: file() }
    }

    /// What follows the files of a job on its socket: the length, which goes with them, and the JSON.
    fn framed(message: &impl Serialize) -> Vec<u8> {
        let json = serde_json::to_vec(message).unwrap();
        [&header(&json).unwrap()[..], &json].concat()
    }

    /// Sends bytes with this many files, and ends.
    fn send(bytes: &[u8], files: usize) -> UnixStream {
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        let (first, rest) = bytes.split_at(bytes.len().min(4));
        let null = std::fs::File::open("/dev/null").unwrap();
        let borrowed = vec![null.as_fd(); files];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if files > 0 {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)));
        }
        sendmsg(&theirs, &[IoSlice::new(first)], &mut ancillary, SendFlags::NOSIGNAL).unwrap();
        theirs.write_all(rest).unwrap();
        ours
    }

    #[test]
    fn supervisor_jobs() {
        fuzz!("supervisor_jobs", vec![framed(&job())], |bytes| {
            let Ok((job, _)) = receive_job(&mut send(bytes, FILES)) else { return false };
            let (mut theirs, mut ours) = UnixStream::pair().unwrap();
            send_job(&mut theirs, &job, &files()).unwrap();
            let (again, _) = receive_job(&mut ours).unwrap();
            assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&job).unwrap());
            true
        });
    }

    #[test]
    fn a_job_with_another_number_of_files_or_a_length_beyond_the_limit_is_refused() {
        let whole = framed(&job());
        for count in [0, FILES - 1] {
            let error = receive_job(&mut send(&whole, count)).unwrap_err().to_string();
            assert!(error.contains("comes with 4 files"), "{count}: {error}");
        }
        let error = receive_job(&mut send(&u32::MAX.to_le_bytes(), FILES)).unwrap_err().to_string();
        assert!(error.contains("is above 33554432"), "{error}");
    }

    #[test]
    fn supervisor_reports() {
        let ends = [Ended::Exited(3), Ended::NotRunnable("no such file".into()), Ended::WallClock];
        let reports = ends.map(|ended| framed(&Report { ended, usage: Usage { cpu_micros: 9, ..Usage::default() } }));
        fuzz!("supervisor_reports", reports.to_vec(), |bytes| {
            let Some(report) = parse_report(bytes) else { return false };
            let again = parse_report(&framed(&report)).unwrap();
            assert_eq!((again.ended, again.usage), (report.ended, report.usage));
            // A report that breaks off anywhere is none.
            let length = 4 + u32::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
            assert!(parse_report(&bytes[..length - 1]).is_none());
            true
        });
    }
}
