//! Where this host keeps each controller.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use super::{Error, files};

/// The controllers that a container needs.
const NEEDED: [(Controller, &str); 3] = [
    (Controller::Memory, "memory"),
    (Controller::Cpu, "the time on processors"),
    (Controller::Pids, "the number of processes"),
];

/// A kind of resource that the kernel can limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controller {
    /// Memory, with temporary files and kernel memory.
    Memory,
    /// Time on processors.
    Cpu,
    /// The number of processes and threads.
    Pids,
}

impl Controller {
    /// The kernel's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How a host mixes the two versions of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Version 1 only.
    Legacy,
    /// Version 1 with controllers, and a tree of version 2 beside it.
    Hybrid,
    /// Version 2 only.
    Unified,
}

impl fmt::Display for Layout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Legacy => "version 1",
            Self::Hybrid => "hybrid",
            Self::Unified => "version 2",
        })
    }
}

/// The control group trees of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Version 1 trees by the name of a controller, or `name=...` for one without controllers.
    pub(super) legacy: BTreeMap<String, PathBuf>,
    /// The version 2 tree.
    pub(super) unified: Option<PathBuf>,
    /// Controllers of the version 2 tree.
    pub(super) unified_controllers: Vec<String>,
}

impl Host {
    /// Looks at the mounted trees; fails if a needed controller is in none of them.
    pub fn detect() -> Result<Self, Error> {
        let mut host = Self::from_mounts(&files::read(Path::new("/proc/self/mountinfo"))?);
        if let Some(unified) = &host.unified {
            let controllers = files::read(&unified.join("cgroup.controllers"))?;
            host.unified_controllers = controllers.split_whitespace().map(str::to_owned).collect();
        }
        host.require_controllers()?;
        Ok(host)
    }

    /// How the host mixes the versions.
    pub fn layout(&self) -> Layout {
        match (&self.unified, self.legacy.is_empty()) {
            (Some(_), true) => Layout::Unified,
            (Some(_), false) => Layout::Hybrid,
            (None, _) => Layout::Legacy,
        }
    }

    /// The version 1 tree of a controller, if that is where it is.
    pub(super) fn legacy_tree(&self, controller: Controller) -> Option<&Path> {
        self.legacy.get(controller.name()).map(PathBuf::as_path)
    }

    /// Every tree once.
    pub(super) fn trees(&self) -> Vec<&Path> {
        let mut trees: Vec<&Path> = self.legacy.values().chain(&self.unified).map(PathBuf::as_path).collect();
        trees.sort_unstable();
        trees.dedup();
        trees
    }

    fn from_mounts(mountinfo: &str) -> Self {
        let mut host = Self { legacy: BTreeMap::new(), unified: None, unified_controllers: Vec::new() };
        for mount in mountinfo.lines().filter_map(Mount::parse) {
            match mount.kind {
                "cgroup2" if host.unified.is_none() => host.unified = Some(mount.path),
                "cgroup" => {
                    for name in mount.options.split(',').filter(|name| !matches!(*name, "rw" | "ro")) {
                        host.legacy.entry(name.to_owned()).or_insert_with(|| mount.path.clone());
                    }
                }
                _ => {}
            }
        }
        host
    }

    fn require_controllers(&self) -> Result<(), Error> {
        for (controller, what) in NEEDED {
            let unified = self.unified_controllers.iter().any(|name| name == controller.name());
            if self.legacy_tree(controller).is_none() && !unified {
                return Err(Error::Missing {
                    controller: controller.to_string(),
                    what,
                    advice: self.advice(controller),
                });
            }
        }
        Ok(())
    }

    fn advice(&self, controller: Controller) -> String {
        match self.layout() {
            Layout::Unified => format!(
                "have it delegated to this process (under systemd: `Delegate=yes`), or start the kernel with `cgroup_enable={controller}`"
            ),
            Layout::Hybrid | Layout::Legacy => format!(
                "mount it (`mount -t cgroup -o {controller} cgroup /sys/fs/cgroup/{controller}`), or start the kernel with `cgroup_enable={controller}`"
            ),
        }
    }
}

/// One line of /proc/self/mountinfo.
struct Mount<'a> {
    path: PathBuf,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let path = before.split(' ').nth(4)?;
        let mut after = after.split(' ');
        Some(Self { path: unescape(path).into(), kind: after.next()?, options: after.nth(1)? })
    }
}

/// Mount points have blanks and the like as octal escapes.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(&part[3..]);
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEGACY: &str = "
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:3 master:1 - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/p\\040ids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd";
    const UNIFIED: &str = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate";

    #[test]
    fn layouts_are_told_apart() {
        let legacy = Host::from_mounts(LEGACY);
        assert_eq!(legacy.layout(), Layout::Legacy);
        assert_eq!(legacy.legacy_tree(Controller::Cpu), Some(Path::new("/sys/fs/cgroup/cpu,cpuacct")));
        assert_eq!(legacy.legacy_tree(Controller::Pids), Some(Path::new("/sys/fs/cgroup/p ids")));
        assert_eq!(legacy.trees().len(), 4, "a tree with two controllers counts once");
        legacy.require_controllers().unwrap();

        let hybrid = Host::from_mounts(&format!("{LEGACY}\n{UNIFIED}"));
        assert_eq!(hybrid.layout(), Layout::Hybrid);

        let mut unified = Host::from_mounts(UNIFIED);
        assert_eq!(unified.layout(), Layout::Unified);
        unified.unified_controllers = ["cpu", "memory", "pids"].map(str::to_owned).to_vec();
        unified.require_controllers().unwrap();
    }

    #[test]
    fn a_missing_controller_is_named_with_what_to_do() {
        for (name, kept) in [("memory", "cpu pids"), ("cpu", "memory pids"), ("pids", "memory cpu")] {
            let mut host = Host::from_mounts(UNIFIED);
            host.unified_controllers = kept.split(' ').map(str::to_owned).collect();
            let message = host.require_controllers().unwrap_err().to_string();
            assert!(message.contains(&format!("`{name}`")) && message.contains("Delegate=yes"), "{message}");
        }
        let without = LEGACY.replace("rw,memory", "rw,blkio");
        let message = Host::from_mounts(&without).require_controllers().unwrap_err().to_string();
        assert!(message.contains("mount -t cgroup -o memory"), "{message}");
    }
}
