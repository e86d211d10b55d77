//! One container's place in the control group trees.
//!
//! In each tree it is a folder with up to two groups in it: `container`, which has the limits, and, in one tree,
//! `supervisor`, which has none. Whatever the supervisor starts is born into the latter, so that a process which is left
//! over from setting a container up is found as well.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Controller, Error, Host, Limits, files};

/// The folder under which every container's group lies, in each tree.
const PARENT: &str = "vouch";
/// The group of the program.
const CONTAINER: &str = "container";
/// The group of the supervisor and of what it starts.
const SUPERVISOR: &str = "supervisor";
/// The version 1 controller whose tree finds processes where there is no version 2.
const FREEZER: &str = "freezer";
/// The period over which processor time is shared out, in microseconds.
const CPU_PERIOD_MICROS: u64 = 100_000;
/// How long killed processes may take to go.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked whether they have gone.
const POLL: Duration = Duration::from_millis(1);

/// A control group in every tree of the host, under one name.
#[derive(Clone, Debug)]
pub struct Group {
    host: Host,
    name: String,
}

/// What a container has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Microseconds on processors.
    pub cpu_micros: u64,
    /// The most memory at a time, in bytes; zero where the kernel does not say.
    pub memory_peak_bytes: u64,
    /// How many processes the kernel killed because memory ran out.
    pub memory_kills: u64,
    /// How often a process was refused because there were too many.
    pub process_refusals: u64,
}

impl Group {
    /// Names a group; nothing is created. The name must be a single path component.
    pub fn named(host: &Host, name: &str) -> Self {
        Self { host: host.clone(), name: name.to_owned() }
    }

    /// The program's group in each tree, as seen from the tree's root.
    pub fn path(&self) -> PathBuf {
        self.container(Path::new("/"))
    }

    /// Has everything that this process starts from now on found by [`Group::remove`]; comes first. Returns the way out.
    pub fn enter(&self) -> Result<Entered, Error> {
        let tree = self.tracking_tree()?;
        let own = files::read(Path::new("/proc/self/cgroup"))?;
        let origin = origin(&own, self.host.unified.is_some()).unwrap_or("/").trim_start_matches('/');
        let (origin, group) = (tree.join(origin), self.folder_in(tree).join(SUPERVISOR));
        fs::create_dir_all(&group).map_err(Error::file("create", &group))?;
        files::write(&group.join("cgroup.procs"), "0")?;
        Ok(Entered { origin })
    }

    /// Creates the program's group and sets its limits. If that fails, [`Group::remove`] removes what stands of it.
    pub fn create(&self, limits: &Limits) -> Result<(), Error> {
        self.create_folders()?;
        self.limit(limits)
    }

    /// Puts a process into the program's group in every tree where it is not yet: moving one takes the kernel milliseconds.
    pub fn add(&self, pid: Pid) -> Result<(), Error> {
        for folder in self.limiting_folders() {
            if members(&folder)?.contains(&pid) {
                continue;
            }
            files::write(&folder.join("cgroup.procs"), &pid.as_raw_nonzero().to_string())?;
        }
        Ok(())
    }

    /// Makes sure that a process is held by every limit.
    pub fn require_member(&self, pid: Pid) -> Result<(), Error> {
        for folder in self.limiting_folders() {
            if !members(&folder)?.contains(&pid) {
                return Err(Error::NotMember { pid: pid.as_raw_nonzero().get().unsigned_abs(), path: folder });
            }
        }
        Ok(())
    }

    /// What the group's processes have used so far.
    pub fn usage(&self) -> Result<Usage, Error> {
        let memory = self.folder(Controller::Memory);
        let pids = files::read_if_present(&self.folder(Controller::Pids).join("pids.events"))?.unwrap_or_default();
        let (peak, events) = match self.host.legacy_tree(Controller::Memory) {
            Some(_) => ("memory.max_usage_in_bytes", "memory.oom_control"),
            None => ("memory.peak", "memory.events"),
        };
        let peak = files::read_if_present(&memory.join(peak))?.unwrap_or_default();
        let events = files::read(&memory.join(events))?;
        Ok(Usage {
            cpu_micros: self.cpu_micros()?,
            memory_peak_bytes: peak.trim().parse().unwrap_or(0),
            memory_kills: files::keyed(&events, "oom_kill").unwrap_or(0),
            process_refusals: files::keyed(&pids, "max").unwrap_or(0),
        })
    }

    /// Kills every process in the groups and removes them from every tree. Succeeds if there are none.
    ///
    /// A process that is left over from setting a container up makes groups for it, so those of the supervisor go first,
    /// in the tree that has them: when they are gone, nobody makes any more.
    pub fn remove(&self) -> Result<(), Error> {
        let deadline = Instant::now() + KILL_TIMEOUT;
        let mut trees = self.host.trees();
        let tracking = self.tracking_tree().ok();
        trees.sort_by_key(|tree| Some(*tree) != tracking);
        for folder in trees.into_iter().map(|tree| self.folder_in(tree)) {
            for group in [folder.join(SUPERVISOR), folder.join(CONTAINER), folder] {
                remove_group(&group, deadline)?;
            }
        }
        Ok(())
    }

    /// Kills every process in the program's groups and removes them from every tree. What is left is the supervisor's.
    pub fn remove_container(&self) -> Result<(), Error> {
        let deadline = Instant::now() + KILL_TIMEOUT;
        for tree in self.host.trees() {
            remove_group(&self.container(tree), deadline)?;
            // Where the supervisor has a group of its own, this fails.
            let _ = fs::remove_dir(self.folder_in(tree));
        }
        Ok(())
    }

    fn create_folders(&self) -> Result<(), Error> {
        for folder in self.limiting_folders() {
            fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        }
        self.delegate()
    }

    /// Version 2 hands controllers down level by level.
    fn delegate(&self) -> Result<(), Error> {
        let Some(tree) = &self.host.unified else { return Ok(()) };
        let needed: Vec<String> = [Controller::Memory, Controller::Cpu, Controller::Pids]
            .into_iter()
            .filter(|controller| self.host.legacy_tree(*controller).is_none())
            .map(|controller| format!("+{controller}"))
            .collect();
        if needed.is_empty() {
            return Ok(());
        }
        for folder in [tree.clone(), tree.join(PARENT), self.folder_in(tree)] {
            files::write(&folder.join("cgroup.subtree_control"), &needed.join(" "))?;
        }
        Ok(())
    }

    fn limit(&self, limits: &Limits) -> Result<(), Error> {
        self.limit_memory(limits.memory_bytes)?;
        self.limit_cpu(limits.cpu_millis)?;
        let pids = self.folder(Controller::Pids).join("pids.max");
        files::write_limit(&pids, &limits.processes.to_string(), |kept| kept == limits.processes.to_string())
    }

    fn limit_memory(&self, bytes: u64) -> Result<(), Error> {
        let folder = self.folder(Controller::Memory);
        // The kernel rounds down to whole pages.
        let holds = |kept: &str| kept.parse::<u64>().is_ok_and(|kept| kept <= bytes && kept > 0);
        let (limit, swap, swap_bytes) = match self.host.legacy_tree(Controller::Memory) {
            Some(_) => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", bytes),
            None => ("memory.max", "memory.swap.max", 0),
        };
        files::write_limit(&folder.join(limit), &bytes.to_string(), holds)?;
        let swap = folder.join(swap);
        if swap.exists() {
            let holds = |kept: &str| kept.parse::<u64>().is_ok_and(|kept| kept <= swap_bytes);
            files::write_limit(&swap, &swap_bytes.to_string(), holds)
        } else if has_swap()? {
            Err(Error::Swap)
        } else {
            Ok(())
        }
    }

    fn limit_cpu(&self, millis: u64) -> Result<(), Error> {
        let folder = self.folder(Controller::Cpu);
        let quota = (millis * CPU_PERIOD_MICROS / 1_000).to_string();
        if self.host.legacy_tree(Controller::Cpu).is_none() {
            let value = format!("{quota} {CPU_PERIOD_MICROS}");
            return files::write_limit(&folder.join("cpu.max"), &value, |kept| kept == value);
        }
        let period = CPU_PERIOD_MICROS.to_string();
        files::write_limit(&folder.join("cpu.cfs_period_us"), &period, |kept| kept == period)?;
        files::write_limit(&folder.join("cpu.cfs_quota_us"), &quota, |kept| kept == quota)
    }

    fn cpu_micros(&self) -> Result<u64, Error> {
        if let Some(tree) = self.host.legacy.get("cpuacct") {
            let text = files::read_if_present(&self.container(tree).join("cpuacct.usage"))?;
            return Ok(text.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0) / 1_000);
        }
        let text = files::read_if_present(&self.folder(Controller::Cpu).join("cpu.stat"))?;
        Ok(text.and_then(|text| files::keyed(&text, "usage_usec")).unwrap_or(0))
    }

    /// Where the program's group lies for one controller.
    fn folder(&self, controller: Controller) -> PathBuf {
        let tree = self.host.legacy_tree(controller).or(self.host.unified.as_deref()).unwrap_or(Path::new("/"));
        self.container(tree)
    }

    fn folder_in(&self, tree: &Path) -> PathBuf {
        tree.join(PARENT).join(&self.name)
    }

    fn container(&self, tree: &Path) -> PathBuf {
        self.folder_in(tree).join(CONTAINER)
    }

    /// Where the program's group lies in every tree that limits or counts something.
    fn limiting_folders(&self) -> Vec<PathBuf> {
        let wanted = ["memory", "cpu", "cpuacct", "pids"].into_iter().filter_map(|name| self.host.legacy.get(name));
        // A version 2 tree without any of the controllers only tracks.
        let needed = [Controller::Memory, Controller::Cpu, Controller::Pids];
        let unified = needed.iter().any(|controller| self.host.legacy_tree(*controller).is_none());
        let unified = self.host.unified.iter().filter(|_| unified);
        let mut folders: Vec<PathBuf> = wanted.chain(unified).map(|tree| self.container(tree)).collect();
        folders.sort_unstable();
        folders.dedup();
        folders
    }

    /// The tree in which the supervisor has a group. It must not limit anything there: the version 2 tree does not until
    /// it is told to, and the freezer never does.
    fn tracking_tree(&self) -> Result<&Path, Error> {
        let freezer = self.host.legacy.get(FREEZER);
        self.host.unified.as_ref().or(freezer).map(PathBuf::as_path).ok_or_else(|| Error::Missing {
            controller: FREEZER.into(),
            what: "what a crash leaves behind",
            advice: "mount it (`mount -t cgroup -o freezer cgroup /sys/fs/cgroup/freezer`)".into(),
        })
    }
}

/// The group from which a process came that is now in a supervisor's.
#[derive(Debug)]
pub struct Entered {
    origin: PathBuf,
}

impl Entered {
    /// Goes back, so that the group can be removed.
    pub fn leave(self) -> Result<(), Error> {
        files::write(&self.origin.join("cgroup.procs"), "0")
    }
}

/// The tracking tree's line in /proc/self/cgroup: `number:controllers:path`, without controllers for version 2.
fn origin(text: &str, unified: bool) -> Option<&str> {
    let wanted = if unified { "" } else { FREEZER };
    text.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == wanted).then_some(path)
    })
}

/// Kills what is in a group until it can be removed.
fn remove_group(group: &Path, deadline: Instant) -> Result<(), Error> {
    while !remove_folder(group)? {
        if Instant::now() > deadline {
            return Err(Error::Stuck { path: group.to_owned() });
        }
        kill_members(group)?;
        thread::sleep(POLL);
    }
    Ok(())
}

/// Removes an empty group; false if it still has processes.
fn remove_folder(folder: &Path) -> Result<bool, Error> {
    match fs::remove_dir(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Ok(false),
        Err(source) => Err(Error::File { action: "remove", path: folder.to_owned(), source }),
    }
}

/// Kills whatever is in the group: at once where the kernel can, else one by one, again and again.
fn kill_members(folder: &Path) -> Result<(), Error> {
    let kill = folder.join("cgroup.kill");
    if kill.exists() {
        return files::write(&kill, "1");
    }
    for pid in members(folder)? {
        // The descriptor is taken first and the membership looked at again, so that a number that was given to
        // another process meanwhile kills nobody.
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        if members(folder)?.contains(&pid) {
            let _ = pidfd_send_signal(&process, Signal::KILL);
        }
    }
    Ok(())
}

fn members(folder: &Path) -> Result<Vec<Pid>, Error> {
    let text = files::read_if_present(&folder.join("cgroup.procs"))?.unwrap_or_default();
    Ok(text.lines().filter_map(|line| Pid::from_raw(line.trim().parse().ok()?)).collect())
}

fn has_swap() -> Result<bool, Error> {
    // One line is the heading.
    Ok(files::read(Path::new("/proc/swaps"))?.lines().count() > 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_limit_that_cannot_be_set_is_an_error_that_names_its_file() {
        let folder = tempfile::tempdir().unwrap();
        // Folders without control files: every limit fails.
        let legacy = ["memory", "cpu", "pids"].map(|name| (name.to_owned(), folder.path().join(name)));
        let host = Host { legacy: BTreeMap::from(legacy), unified: None, unified_controllers: Vec::new() };
        let group = Group::named(&host, "test");
        let message = group.create(&Limits::default()).unwrap_err().to_string();
        assert!(message.contains("memory.limit_in_bytes") && message.contains("run as root"), "{message}");
        group.remove().unwrap();
        assert!(!folder.path().join("memory/vouch/test").exists());
    }

    #[test]
    fn a_limit_that_the_kernel_does_not_keep_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pids.max");
        fs::write(&path, "max").unwrap();
        let error = files::write_limit(&path, "7", |kept| kept == "7").unwrap_err();
        assert!(error.to_string().contains("wrote `7`, the kernel keeps `7ax`"), "{error}");
    }

    #[test]
    fn a_process_outside_is_no_member() {
        let Some(host) = Host::detect().ok().filter(|_| rustix::process::geteuid().is_root()) else {
            eprintln!("not run: control groups can be made by root only, where they are mounted");
            return;
        };
        let group = Group::named(&host, &format!("unit-{}", std::process::id()));
        group.create(&Limits::default()).unwrap();
        let outside = group.require_member(rustix::process::getpid()).unwrap_err();
        assert!(matches!(outside, Error::NotMember { .. }), "{outside}");
        group.remove().unwrap();
        assert!(!group.folder(Controller::Memory).exists());
    }

    #[test]
    fn the_way_back_is_found_in_either_version() {
        let text = "9:name=systemd:/a\n6:devices,freezer:/b\n0::/c\n";
        assert_eq!((origin(text, true), origin(text, false)), (Some("/c"), Some("/b")));
    }
}
