//! `/dev/random` and `/dev/urandom`: one pipe, kept full of seeded bytes.
//!
//! A pipe, not a file: every reader gets bytes that no other has had, as from the device, and there is no end. Processes
//! that read one after the other get the same bytes in every run; ones that read at once share them as they come.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

use super::random::{Streams, Use};

/// Written at once: the most that a pipe takes whole or not at all.
const CHUNK: usize = 4096;

/// The pipe to be mounted over both device files of the container.
#[derive(Debug)]
pub struct Device {
    pipe: OwnedFd,
    /// Taken from the stream, but not written yet.
    waiting: Option<[u8; CHUNK]>,
}

impl Device {
    /// Makes the pipe, readable by all and writable by its owner, which in the container is nobody.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        rustix::fs::mknodat(CWD, path, rustix::fs::FileType::Fifo, mode, 0)?;
        rustix::fs::chmod(path, mode)?;
        // Open both ways, so that it never ends nor breaks when a program closes it.
        let pipe = rustix::fs::open(path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { pipe, waiting: None })
    }

    /// Forgets all bytes that nobody has read yet.
    pub(super) fn empty(&mut self) -> io::Result<()> {
        self.waiting = None;
        let mut chunk = [0; CHUNK];
        loop {
            match rustix::io::read(&self.pipe, &mut chunk) {
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Fills the pipe. True if something was written.
    pub(super) fn fill(&mut self, streams: &mut Streams) -> io::Result<bool> {
        let mut wrote = false;
        loop {
            let chunk = self.waiting.take().unwrap_or_else(|| {
                let mut chunk = [0; CHUNK];
                streams.fill(Use::Device, &mut chunk);
                chunk
            });
            match rustix::io::write(&self.pipe, &chunk) {
                Ok(_) => wrote = true,
                Err(rustix::io::Errno::AGAIN) => {
                    self.waiting = Some(chunk);
                    return Ok(wrote);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
