//! What the supervised threads are doing, read from /proc.

use std::collections::VecDeque;
use std::fs;
use std::io;

/// A thread, as far as the clock needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// Its number on this host.
    pub tid: i32,
    /// Its process's number on this host.
    pub tgid: i32,
    /// Its number in its own pid namespace, which is the same on every host.
    pub own_tid: u32,
    state: u8,
    /// How often it was taken off a cpu: equal twice means that it did not run in between.
    switches: u64,
    signals: Signals,
}

/// Sets of signals; bit n-1 is signal n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Signals {
    pending: u64,
    blocked: u64,
    caught: u64,
}

/// Signals that end a process with a core dump unless it catches them (signal(7)).
const CORE_SIGNALS: u64 = set(&[3, 4, 5, 6, 7, 8, 11, 24, 25, 31]);

impl Task {
    pub fn of(tid: i32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{tid}/status"))?;
        Self::parse(tid, &status).ok_or_else(|| io::Error::other(format!("/proc/{tid}/status lacks a field")))
    }

    fn parse(tid: i32, status: &str) -> Option<Self> {
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')).map(str::trim))
        };
        let signals = |name: &str| u64::from_str_radix(field(name)?, 16).ok();
        let count = |name: &str| field(name)?.parse::<u64>().ok();
        Some(Self {
            tid,
            tgid: field("Tgid")?.parse().ok()?,
            own_tid: field("NSpid")?.split_ascii_whitespace().last()?.parse().ok()?,
            state: *field("State")?.as_bytes().first()?,
            switches: count("voluntary_ctxt_switches")?.wrapping_add(count("nonvoluntary_ctxt_switches")?),
            signals: Signals {
                pending: signals("SigPnd")? | signals("ShdPnd")?,
                blocked: signals("SigBlk")?,
                caught: signals("SigCgt")?,
            },
        })
    }

    /// Whether a signal would end its sleep: one that runs a handler, or that kills only once it is awake.
    pub fn is_signalled(&self) -> bool {
        self.signals.pending & !self.signals.blocked & (self.signals.caught | CORE_SIGNALS) != 0
    }

    /// Whether it is but waiting to be collected.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

/// A system call that a thread waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub number: i64,
    pub arguments: [u64; 6],
}

impl Call {
    /// `None` if the thread is running.
    pub fn of(tid: i32) -> io::Result<Option<Self>> {
        Ok(Self::parse(&fs::read_to_string(format!("/proc/{tid}/syscall"))?))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let number = fields.next()?.parse().ok()?;
        let mut arguments = [0; 6];
        for argument in &mut arguments {
            *argument = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
        }
        Some(Self { number, arguments })
    }

    /// Whether only something another thread does, or a timeout, can end it: not a disk, not a file system's server.
    fn waits_for_others(&self, tgid: i32) -> bool {
        const ALWAYS: &[i64] = &[
            libc::SYS_poll,
            libc::SYS_ppoll,
            libc::SYS_select,
            libc::SYS_pselect6,
            libc::SYS_epoll_wait,
            libc::SYS_epoll_pwait,
            libc::SYS_epoll_pwait2,
            libc::SYS_futex,
            libc::SYS_wait4,
            libc::SYS_waitid,
            libc::SYS_pause,
            libc::SYS_rt_sigsuspend,
            libc::SYS_rt_sigtimedwait,
            libc::SYS_restart_syscall,
            libc::SYS_msgrcv,
            libc::SYS_msgsnd,
            libc::SYS_semop,
            libc::SYS_semtimedop,
            libc::SYS_flock,
            libc::SYS_fcntl,
            libc::SYS_accept,
            libc::SYS_accept4,
            libc::SYS_connect,
            libc::SYS_recvfrom,
            libc::SYS_recvmsg,
            libc::SYS_recvmmsg,
            libc::SYS_sendto,
            libc::SYS_sendmsg,
            libc::SYS_mq_timedsend,
            libc::SYS_mq_timedreceive,
        ];
        const ON_A_FILE: &[i64] = &[libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev];
        let on_a_pipe = || {
            fs::metadata(format!("/proc/{tgid}/fd/{}", self.arguments[0]))
                .is_ok_and(|file| !file.is_file() && !file.is_dir())
        };
        ALWAYS.contains(&self.number) || ON_A_FILE.contains(&self.number) && on_a_pipe()
    }
}

/// Threads looked at in one go at most; a tree with more counts as busy.
const TASKS_MAX: usize = 1 << 16;

/// Looks at a process and its descendants.
#[derive(Debug)]
pub(super) struct Observer {
    root: i32,
    /// The thread that was last found running: most likely it still is.
    busy: Option<i32>,
}

impl Observer {
    pub fn new(root: i32) -> Self {
        Self { root, busy: None }
    }

    /// All threads and the calls they wait in, if there was a moment at which every one of them was asleep; else `None`.
    /// `held` are the threads whose call the supervisor holds.
    ///
    /// Every thread is listed and looked at twice. One that was asleep both times without a switch in between did not run
    /// in between, and one that was made while the first list was read stands in the second; so between the two looks
    /// none ran.
    pub fn all_asleep(&mut self, held: &[i32]) -> Option<Vec<(Task, Option<Call>)>> {
        if let Some(busy) = self.busy.take()
            && Task::of(busy).is_ok_and(|task| task.state == b'R')
        {
            self.busy = Some(busy);
            return None;
        }
        let first = self.look(held)?;
        let mut calls = Vec::with_capacity(first.len());
        for task in &first {
            let call = Call::of(task.tid).ok()?;
            let waits = call.is_some_and(|call| call.waits_for_others(task.tgid)) || task.state == b'T';
            if !waits && !held.contains(&task.tid) {
                self.busy = Some(task.tid);
                return None;
            }
            calls.push(call);
        }
        let second = self.look(held)?;
        if first != second {
            self.busy = first.iter().zip(&second).find(|(before, after)| before != after).map(|(_, after)| after.tid);
            return None;
        }
        Some(second.into_iter().zip(calls).collect())
    }

    /// Every process of the tree, as far as it can be seen while it lives on.
    pub fn processes(&self) -> Vec<i32> {
        let mut processes = vec![self.root];
        let mut next = 0;
        while let Some(process) = processes.get(next).copied().filter(|_| next < TASKS_MAX) {
            next += 1;
            for tid in threads(process).unwrap_or_default() {
                let children = fs::read_to_string(format!("/proc/{process}/task/{tid}/children")).unwrap_or_default();
                processes.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<i32>().ok()));
            }
        }
        processes
    }

    /// Every thread of the tree that has not ended; `None` once one is met that is not asleep.
    fn look(&mut self, held: &[i32]) -> Option<Vec<Task>> {
        let mut processes = VecDeque::from([self.root]);
        let mut tasks = Vec::new();
        while let Some(process) = processes.pop_front() {
            // A process that ends while it is looked for is not asleep: its parent is about to be told.
            for tid in threads(process).ok()? {
                let task = Task::of(tid).ok()?;
                if !task.has_ended() {
                    // A held call shows as an uninterruptible wait, unless its thread was killed and is about to end.
                    if !(matches!(task.state, b'S' | b'T') || task.state == b'D' && held.contains(&tid)) {
                        self.busy = Some(tid);
                        return None;
                    }
                    tasks.push(task);
                }
                let children = fs::read_to_string(format!("/proc/{process}/task/{tid}/children")).ok()?;
                processes.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<i32>().ok()));
                if tasks.len() + processes.len() > TASKS_MAX {
                    return None;
                }
            }
        }
        Some(tasks)
    }
}

fn threads(process: i32) -> io::Result<Vec<i32>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        threads.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(threads)
}

const fn set(signals: &[u32]) -> u64 {
    let (mut set, mut index) = (0, 0);
    while index < signals.len() {
        set |= 1 << (signals[index] - 1);
        index += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tx\nState:\tS (sleeping)\nTgid:\t70\nNSpid:\t71\t2\nSigPnd:\t0000000000000000\n\
        ShdPnd:\t0000000000002000\nSigBlk:\t0000000000000000\nSigCgt:\t0000000000002000\n\
        voluntary_ctxt_switches:\t3\nnonvoluntary_ctxt_switches:\t4\n";

    #[test]
    fn a_status_is_read() {
        let task = Task::parse(71, STATUS).unwrap();
        assert_eq!((task.tgid, task.own_tid, task.state, task.switches), (70, 2, b'S', 7));
        assert!(task.is_signalled());
        let blocked = STATUS.replace("SigBlk:\t0000000000000000", "SigBlk:\t0000000000002000");
        assert!(!Task::parse(71, &blocked).unwrap().is_signalled());
        assert_eq!(Task::parse(71, "State:\tS\n"), None);
    }

    #[test]
    fn a_call_is_read() {
        let call = Call::parse("7 0x1 0x2 0xfffffffe 0x0 0x5 0x6 0x7ffe 0x7f00\n").unwrap();
        assert_eq!(call, Call { number: 7, arguments: [1, 2, 0xffff_fffe, 0, 5, 6] });
        assert_eq!(Call::parse("running\n"), None);
        assert_eq!(Call::parse("-1 0x7ffe 0x7f00\n"), None);
    }

    #[test]
    fn this_process_is_not_asleep() {
        assert!(Observer::new(std::process::id() as i32).all_asleep(&[]).is_none());
    }
}
