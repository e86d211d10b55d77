//! One container's place in the control group trees.

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

    /// The path in each tree, as seen from its root.
    pub fn path(&self) -> PathBuf {
        Path::new("/").join(PARENT).join(&self.name)
    }

    /// Creates the group and sets its limits. What of it stands when a limit cannot be set is removed again.
    pub fn create(&self, limits: &Limits) -> Result<(), Error> {
        let created = self.create_folders().and_then(|()| self.limit(limits));
        if created.is_err() {
            let _ = self.remove();
        }
        created
    }

    /// Puts a process into the group in every tree.
    pub fn add(&self, pid: Pid) -> Result<(), Error> {
        for folder in self.limiting_folders() {
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

    /// Kills every process in the group and removes the group from every tree. Succeeds if there is none.
    pub fn remove(&self) -> Result<(), Error> {
        let deadline = Instant::now() + KILL_TIMEOUT;
        for folder in self.folders() {
            while !remove_folder(&folder)? {
                if Instant::now() > deadline {
                    return Err(Error::Stuck { path: folder });
                }
                kill_members(&folder)?;
                thread::sleep(POLL);
            }
        }
        Ok(())
    }

    /// Whether the group exists in any tree.
    pub fn exists(&self) -> bool {
        self.folders().iter().any(|folder| folder.exists())
    }

    fn create_folders(&self) -> Result<(), Error> {
        for tree in self.limiting_trees() {
            let folder = tree.join(PARENT).join(&self.name);
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
        for folder in [tree.clone(), tree.join(PARENT)] {
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
            let text = files::read_if_present(&tree.join(PARENT).join(&self.name).join("cpuacct.usage"))?;
            return Ok(text.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0) / 1_000);
        }
        let text = files::read_if_present(&self.folder(Controller::Cpu).join("cpu.stat"))?;
        Ok(text.and_then(|text| files::keyed(&text, "usage_usec")).unwrap_or(0))
    }

    /// Where the group lies for one controller.
    fn folder(&self, controller: Controller) -> PathBuf {
        let tree = self.host.legacy_tree(controller).or(self.host.unified.as_deref()).unwrap_or(Path::new("/"));
        tree.join(PARENT).join(&self.name)
    }

    /// Where the group lies in every tree, or would lie.
    fn folders(&self) -> Vec<PathBuf> {
        self.host.trees().into_iter().map(|tree| tree.join(PARENT).join(&self.name)).collect()
    }

    /// The trees that limit or count something.
    fn limiting_trees(&self) -> Vec<PathBuf> {
        let wanted = ["memory", "cpu", "cpuacct", "pids"].into_iter().filter_map(|name| self.host.legacy.get(name));
        let mut trees: Vec<PathBuf> = wanted.chain(&self.host.unified).cloned().collect();
        trees.sort_unstable();
        trees.dedup();
        trees
    }

    fn limiting_folders(&self) -> Vec<PathBuf> {
        self.limiting_trees().into_iter().map(|tree| tree.join(PARENT).join(&self.name)).collect()
    }
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
