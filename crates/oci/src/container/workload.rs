//! The last steps of the container's first process: from root of its own namespaces to the program.
//!
//! libcontainer calls [`Workload`] twice in that process, when everything is mounted and every right is dropped: once
//! before it waits for the supervisor's word to go on, and once after. What it should have achieved by then is checked
//! rather than believed.

use std::{
    collections::HashMap,
    ffi::{CStr, CString},
    fs,
    os::fd::OwnedFd,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    rc::Rc,
};

use libcontainer::{
    oci_spec::runtime::Spec,
    workload::{Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Signal, set_parent_process_death_signal},
};
use seccompiler::BpfProgram;

use crate::clock::Entrance;

/// Where a name without a slash is looked up if the environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a process without rights has in /proc/self/status.
const CONFINED: [(&str, &str); 6] = [
    ("CapInh", "0000000000000000"),
    ("CapPrm", "0000000000000000"),
    ("CapEff", "0000000000000000"),
    ("CapBnd", "0000000000000000"),
    ("CapAmb", "0000000000000000"),
    ("NoNewPrivs", "1"),
];

/// What the container's first process becomes.
#[derive(Clone)]
pub(super) struct Workload(Rc<Inner>);

struct Inner {
    args: Vec<CString>,
    env: Vec<CString>,
    cwd: PathBuf,
    /// Folders in which a name without a slash is looked up.
    search: Vec<String>,
    filter: BpfProgram,
    /// The way to the request's clock.
    entrance: Entrance,
    /// The supervisor, as a file that becomes readable when it has ended.
    supervisor: OwnedFd,
    /// Takes [`ARRIVED`], and the reason if the program then cannot be started; closed by the kernel if it can.
    complaint: OwnedFd,
}

impl Workload {
    pub(super) fn new(
        args: &[String],
        env: &[(String, String)],
        cwd: &Path,
        filter: BpfProgram,
        entrance: Entrance,
        supervisor: OwnedFd,
        complaint: OwnedFd,
    ) -> Result<Self, std::ffi::NulError> {
        let path = env.iter().find(|(name, _)| name == "PATH").map_or(DEFAULT_PATH, |(_, value)| value);
        Ok(Self(Rc::new(Inner {
            args: args.iter().map(|arg| CString::new(arg.as_str())).collect::<Result<_, _>>()?,
            env: env.iter().map(|(name, value)| CString::new(format!("{name}={value}"))).collect::<Result<_, _>>()?,
            cwd: cwd.to_owned(),
            search: path.split(':').map(str::to_owned).collect(),
            filter,
            entrance,
            supervisor,
            complaint,
        })))
    }
}

impl Executor for Workload {
    /// Ties this process's life to the supervisor's. Changing user ids has undone any earlier such tie.
    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        let failed = |error: Errno| ExecutorValidationError::ArgValidationError(error.to_string());
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed)?;
        let mut supervisor = [PollFd::new(&self.0.supervisor, PollFlags::IN)];
        let ended = poll(&mut supervisor, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).map_err(failed)?;
        if ended > 0 {
            return Err(ExecutorValidationError::ArgValidationError("the supervisor has ended".into()));
        }
        Ok(())
    }

    /// The environment is given with the program, in its order, which a process's own environment does not keep.
    fn setup_envs(&self, _: HashMap<String, String>) -> Result<(), ExecutorSetEnvsError> {
        Ok(())
    }

    fn exec(&self, _: &Spec) -> Result<(), ExecutorError> {
        let reason = match self.0.confine() {
            Ok(()) => self.0.say(ARRIVED).map_or_else(|reason| reason, |()| self.0.become_program()),
            Err(reason) => reason,
        };
        let _ = self.0.say(&reason);
        Err(ExecutorError::Other(reason))
    }
}

impl Inner {
    /// Makes sure of what libcontainer did, and adds what it does not do.
    fn confine(&self) -> Result<(), String> {
        require_confined(&fs::read_to_string("/proc/self/status").map_err(|error| setup(&error))?)?;
        self.enter_cwd()?;
        restore_signals();
        // Before the filter below, which leaves no way to install another.
        self.entrance.enter().map_err(|error| setup(&error))?;
        seccompiler::apply_filter(&self.filter).map_err(|error| setup(&error))
    }

    /// A folder outside the root, which open files can lead to, has no path in it; the kernel then says so.
    fn enter_cwd(&self) -> Result<(), String> {
        let failed = |error: Errno| program(&format!("the working directory {}: {error}", self.cwd.display()));
        rustix::process::chdir(&self.cwd).map_err(failed)?;
        let entered = rustix::process::getcwd(Vec::new()).map_err(failed)?;
        if entered.to_bytes().starts_with(b"/") { Ok(()) } else { Err(failed(Errno::NOENT)) }
    }

    fn say(&self, words: &str) -> Result<(), String> {
        let said = rustix::io::write(&self.complaint, words.as_bytes()).map_err(|error| setup(&error))?;
        if said == words.len() { Ok(()) } else { Err(setup(&"the supervisor does not listen")) }
    }

    /// Returns only if that failed, with the reason.
    fn become_program(&self) -> String {
        let mut reason = Errno::NOENT;
        for candidate in self.candidates() {
            match execve(&candidate, &self.args, &self.env) {
                Errno::NOENT | Errno::NOTDIR => {}
                error => reason = error,
            }
        }
        let name = self.args[0].to_string_lossy();
        match reason {
            Errno::NOENT => program(&format!("the image has no program `{name}`, or not the interpreter it names")),
            Errno::ACCESS | Errno::PERM => program(&format!("`{name}` is not executable for the container's user")),
            Errno::NOEXEC => program(&format!("`{name}` is no program for this machine's architecture")),
            Errno::LOOP | Errno::NAMETOOLONG | Errno::ISDIR | Errno::TOOBIG => program(&format!("`{name}`: {reason}")),
            other => setup(&format!("`{name}`: {other}")),
        }
    }

    fn candidates(&self) -> Vec<CString> {
        let name = self.args[0].as_c_str();
        if name.to_bytes().contains(&b'/') {
            return vec![name.to_owned()];
        }
        let name = std::ffi::OsStr::from_bytes(name.to_bytes());
        let joined = self.search.iter().map(|folder| Path::new(folder).join(name));
        joined.filter_map(|path| CString::new(path.into_os_string().as_encoded_bytes()).ok()).collect()
    }
}

/// Said right before the program is started.
pub(super) const ARRIVED: &str = "arrived\n";
/// Marks a complaint as the host's.
pub(super) const SETUP: &str = "setup: ";
/// Marks a complaint as the image's.
pub(super) const PROGRAM: &str = "program: ";

fn setup(reason: &dyn std::fmt::Display) -> String {
    format!("{SETUP}{reason}")
}

fn program(reason: &str) -> String {
    format!("{PROGRAM}{reason}")
}

fn require_confined(status: &str) -> Result<(), String> {
    for (name, expected) in CONFINED {
        let actual = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        if actual != Some(expected) {
            return Err(setup(&format!("{name} is {}, must be {expected}", actual.unwrap_or("missing"))));
        }
    }
    Ok(())
}

/// A program finds every signal at its default and none blocked: what this process ignores or blocks would live on over
/// `execve`, so an executor that was started by `nohup` would give other answers than one that was not.
fn restore_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // Refused for the signals that nobody can change, which are at their default.
        // SAFETY: sets a disposition without a handler, in a process with one thread.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: a zeroed set is a valid argument of sigemptyset, which makes it a set; nothing else sees it.
    unsafe {
        let mut none = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

fn execve(path: &CStr, args: &[CString], env: &[CString]) -> Errno {
    let pointers = |strings: &[CString]| {
        strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>()
    };
    let (args, env) = (pointers(args), pointers(env));
    // SAFETY: the path and every string end with a zero byte, both lists end with a null pointer, and all of them live
    // until the call returns, which it does only if it failed.
    unsafe { libc::execve(path.as_ptr(), args.as_ptr(), env.as_ptr()) };
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::NOEXEC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_left_stops_the_start() {
        let confined: String = CONFINED.map(|(name, value)| format!("{name}:\t{value}\n")).concat();
        require_confined(&confined).unwrap();
        for (name, value) in CONFINED {
            let line = format!("{name}:\t{value}\n");
            let other = confined.replace(&line, &format!("{name}:\t{}\n", value.replace(['0', '1'], "8")));
            assert!(require_confined(&other).unwrap_err().contains(name));
            assert!(require_confined(&confined.replace(&line, "")).unwrap_err().contains("missing"));
        }
    }
}
