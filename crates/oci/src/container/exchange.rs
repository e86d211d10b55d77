//! Feeds a program its payload and takes what it writes, all at once, without ever waiting for one of them alone.

use std::{
    io,
    net::Shutdown,
    os::{fd::OwnedFd, unix::net::UnixStream},
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

/// Bytes read at a time; what a pipe holds.
const CHUNK_BYTES: usize = 65_536;

/// The files of one run, as the executor has them.
pub(super) struct Exchange<'a> {
    pub payload: &'a [u8],
    pub stdin: Option<OwnedFd>,
    pub stdout: Limit,
    pub stderr: Limit,
    /// The supervisor's words.
    pub socket: Limit,
    /// The supervisor itself, readable when it has ended.
    pub supervisor: OwnedFd,
}

/// What came of it.
pub(super) struct Exchanged {
    pub output: Vec<u8>,
    pub output_too_large: bool,
    pub stderr: Vec<u8>,
    /// What the supervisor said.
    pub said: Vec<u8>,
}

/// A file that is read to its end, or to its limit.
pub(super) struct Limit {
    file: Option<OwnedFd>,
    bytes: Vec<u8>,
    limit: u64,
    keep_last: Option<usize>,
    exceeded: bool,
}

impl Limit {
    pub(super) fn new(file: OwnedFd, limit: u64) -> Self {
        Self { file: Some(file), bytes: Vec::new(), limit, keep_last: None, exceeded: false }
    }

    /// Reads on for ever, but keeps only the last bytes.
    pub(super) fn keep_last(mut self, bytes: usize) -> Self {
        self.keep_last = Some(bytes);
        self
    }

    /// Reads all that is there.
    fn drain(&mut self, chunk: &mut [u8]) -> io::Result<()> {
        while self.read(chunk)? {}
        Ok(())
    }

    /// Reads once, and says whether there was something; a file that has ended or exceeds its limit is closed.
    fn read(&mut self, chunk: &mut [u8]) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        let count = match rustix::io::read(file, &mut *chunk) {
            Ok(count) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            Err(Errno::CONNRESET) => 0,
            Err(error) => return Err(error.into()),
        };
        if count == 0 {
            self.file = None;
            return Ok(false);
        }
        self.bytes.extend_from_slice(&chunk[..count]);
        if self.bytes.len() as u64 > self.limit {
            (self.file, self.exceeded, self.bytes) = (None, true, Vec::new());
        } else if let Some(kept) = self.keep_last
            && self.bytes.len() > kept
        {
            self.bytes.drain(..self.bytes.len() - kept);
        }
        Ok(true)
    }
}

impl Exchange<'_> {
    /// Runs until the supervisor has ended, which it does after everything else. An output that exceeds its limit ends the
    /// container. After the deadline the supervisor is left to its fate.
    pub(super) fn run(mut self, deadline: Instant) -> io::Result<Exchanged> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut given = 0;
        let mut stopped = false;
        let mut ended = false;
        while !ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            ended = self.poll(left)?;
            self.write(&mut given)?;
            for file in [&mut self.stdout, &mut self.stderr, &mut self.socket] {
                if ended { file.drain(&mut chunk)? } else { file.read(&mut chunk).map(drop)? }
            }
            if self.stdout.exceeded && !stopped {
                self.stop_container()?;
                stopped = true;
            }
        }
        Ok(Exchanged {
            output: self.stdout.bytes,
            output_too_large: self.stdout.exceeded,
            stderr: self.stderr.bytes,
            said: self.socket.bytes,
        })
    }

    /// Waits for something to do, and says whether the supervisor has ended.
    fn poll(&self, left: std::time::Duration) -> io::Result<bool> {
        let mut files = Vec::with_capacity(5);
        files.push(PollFd::new(&self.supervisor, PollFlags::IN));
        files.extend(self.stdin.iter().map(|file| PollFd::new(file, PollFlags::OUT)));
        for file in [&self.stdout, &self.stderr, &self.socket] {
            files.extend(file.file.iter().map(|file| PollFd::new(file, PollFlags::IN)));
        }
        match poll(&mut files, Some(&left.try_into().unwrap_or_default())) {
            Ok(_) | Err(Errno::INTR) => Ok(!files[0].revents().is_empty()),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands over as much of the payload as the pipe takes, and closes it after the last byte. A program that does not
    /// read is none of our business.
    fn write(&mut self, given: &mut usize) -> io::Result<()> {
        let Some(stdin) = &self.stdin else { return Ok(()) };
        let over = match self.payload.get(*given..) {
            None | Some([]) => true,
            Some(rest) => match rustix::io::write(stdin, &rest[..rest.len().min(CHUNK_BYTES)]) {
                Ok(count) => {
                    *given += count;
                    *given == self.payload.len()
                }
                Err(Errno::AGAIN | Errno::INTR) => false,
                Err(Errno::PIPE) => true,
                Err(error) => return Err(error.into()),
            },
        };
        if over {
            self.stdin = None;
        }
        Ok(())
    }

    /// The supervisor takes the end of this side for an order to stop, and can still report.
    fn stop_container(&self) -> io::Result<()> {
        match &self.socket.file {
            Some(socket) => UnixStream::from(socket.try_clone()?).shutdown(Shutdown::Write),
            None => Ok(()),
        }
    }
}
