//! The program's side: what a process does to put itself under supervision, and how its listener reaches the supervisor.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};

use super::{Tsc, filter, sys};

/// Goes with the process that will become the program. See [`Entrance::enter`].
pub struct Entrance {
    filter: Vec<libc::sock_filter>,
    tsc: Tsc,
    random_addresses: bool,
    socket: OwnedFd,
}

/// Stays with the supervisor: the other end of an [`Entrance`].
#[derive(Debug)]
pub struct Arrival {
    socket: OwnedFd,
}

/// A new pair. Both ends are closed on exec.
pub fn entrance(tsc: Tsc) -> io::Result<(Entrance, Arrival)> {
    let (theirs, ours) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let entrance = Entrance { filter: filter::program(), tsc, random_addresses: false, socket: theirs };
    Ok((entrance, Arrival { socket: ours }))
}

impl Entrance {
    /// Leaves the address layout to the kernel, for finding programs that show it. Fails on a host that randomises none.
    pub fn with_random_addresses(self) -> io::Result<Self> {
        const SETTING: &str = "/proc/sys/kernel/randomize_va_space";
        if fs::read_to_string(SETTING)?.trim() == "0" {
            return Err(io::Error::other(format!("this host randomises no address layout: {SETTING} is 0")));
        }
        Ok(Self { random_addresses: true, ..self })
    }

    /// Puts the calling thread under supervision, for good, with everything it becomes or starts.
    ///
    /// To be called between fork and exec, as the last thing before exec: from here on `execve` waits for the supervisor
    /// and the clock is not the host's. It allocates nothing. It sets "no new privileges", without which an unprivileged
    /// process may not install a filter, and a fixed address layout. A filter of the container's own may come before
    /// or after; it must let `mmap`, `munmap` and `sendmsg` pass.
    pub fn enter(&self) -> io::Result<()> {
        sys::set_address_layout(self.random_addresses)?;
        if self.tsc == Tsc::Fault {
            sys::refuse_cycle_counter()?;
        }
        rustix::thread::set_no_new_privs(true)?;
        let listener = sys::install(&self.filter)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut message = SendAncillaryBuffer::new(&mut space);
        let descriptors = [listener.as_fd()];
        message.push(SendAncillaryMessage::ScmRights(&descriptors));
        rustix::net::sendmsg(&self.socket, &[IoSlice::new(b"l")], &mut message, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

impl Arrival {
    /// The listener of a process that has entered; `None` if every copy of the other end is closed instead. Blocks.
    pub(super) fn listener(&self) -> io::Result<Option<OwnedFd>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut message = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        rustix::net::recvmsg(&self.socket, &mut [IoSliceMut::new(&mut byte)], &mut message, RecvFlags::CMSG_CLOEXEC)?;
        let listener = message.drain().find_map(|part| match part {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        Ok(listener)
    }
}

impl AsFd for Arrival {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
