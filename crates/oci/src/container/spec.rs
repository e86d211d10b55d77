//! The container's description in the format of the OCI runtime specification, version 1.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{ID_BASE, ID_COUNT, root, wire::Job};

/// Named the same everywhere, because a program can read it.
const HOST_NAME: &str = "vouch";
/// Open files of one process.
const OPEN_FILES_MAX: u64 = 1_024;

/// What of /proc tells of the host, its hardware or its other processes, gives randomness or time, or controls anything.
/// Those that a kernel lacks are passed over.
pub(super) const MASKED: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/buddyinfo",
    "/proc/bus",
    "/proc/cgroups",
    "/proc/cmdline",
    "/proc/config.gz",
    "/proc/consoles",
    "/proc/crypto",
    "/proc/devices",
    "/proc/dma",
    "/proc/driver",
    "/proc/dynamic_debug",
    "/proc/execdomains",
    "/proc/fb",
    "/proc/fs",
    "/proc/interrupts",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/irq",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/latency_stats",
    "/proc/locks",
    "/proc/mdstat",
    "/proc/misc",
    "/proc/modules",
    "/proc/pagetypeinfo",
    "/proc/partitions",
    "/proc/pressure",
    "/proc/sched_debug",
    "/proc/schedstat",
    "/proc/scsi",
    "/proc/slabinfo",
    "/proc/softirqs",
    "/proc/sys/kernel/random",
    "/proc/sysrq-trigger",
    "/proc/sysvipc",
    "/proc/timer_list",
    "/proc/tty",
    "/proc/vmstat",
    "/proc/zoneinfo",
];
const NAMESPACES: [&str; 6] = ["user", "pid", "mount", "network", "ipc", "uts"];
const READ_ONLY: &[&str] = &["/proc/sys"];

/// Writes the description of a job's container.
pub(super) fn describe(job: &Job, cgroup: &Path, facts: &[(PathBuf, PathBuf)]) -> Value {
    let none: [&str; 0] = [];
    let namespaces = NAMESPACES.map(|kind| json!({ "type": kind }));
    json!({
        "ociVersion": "1.0.2",
        "root": { "path": root::path(), "readonly": true },
        "hostname": job.variation.host_name.as_deref().unwrap_or(HOST_NAME),
        "process": {
            "terminal": false,
            "user": { "uid": job.user, "gid": job.group, "additionalGids": job.groups },
            // The environment is set at the very end, in its order; what stands here is for the runtime only.
            "args": job.args,
            "env": none,
            // The program's own is entered at the very end as well, where it can be the image's fault that it is not there.
            "cwd": "/",
            "noNewPrivileges": true,
            "capabilities": {
                "bounding": none, "effective": none, "inheritable": none, "permitted": none, "ambient": none
            },
            "rlimits": [
                rlimit("RLIMIT_CORE", 0),
                rlimit("RLIMIT_NOFILE", OPEN_FILES_MAX),
                rlimit("RLIMIT_MEMLOCK", 0),
                rlimit("RLIMIT_MSGQUEUE", 0),
                rlimit("RLIMIT_NICE", 0),
                rlimit("RLIMIT_RTPRIO", 0),
            ],
        },
        "mounts": mounts(job, facts),
        "linux": {
            "cgroupsPath": cgroup,
            "namespaces": namespaces,
            "uidMappings": [id_mapping()],
            "gidMappings": [id_mapping()],
            "rootfsPropagation": "private",
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    })
}

/// Nothing of the host is mounted: /sys stays the empty folder that it is, and the devices are the six harmless ones.
fn mounts(job: &Job, facts: &[(PathBuf, PathBuf)]) -> Vec<Value> {
    let size = format!("size={}", job.limits.tmp_bytes);
    let files = format!("nr_inodes={}", job.limits.tmp_files);
    let mut mounts = vec![
        json!({ "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"] }),
        json!({ "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
            "options": ["nosuid", "noexec", "mode=755", "size=64k", "nr_inodes=64"] }),
        json!({ "destination": "/dev/shm", "type": "tmpfs", "source": "tmpfs",
            "options": ["nosuid", "noexec", "nodev", "mode=1777", &size, &files] }),
        json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
            "options": ["nosuid", "nodev", "mode=1777", &size, &files] }),
    ];
    mounts.extend(facts.iter().map(|(source, destination)| {
        json!({ "destination": destination, "type": "bind", "source": source,
            "options": ["bind", "ro", "nosuid", "noexec", "nodev"] })
    }));
    mounts
}

fn rlimit(kind: &str, value: u64) -> Value {
    json!({ "type": kind, "hard": value, "soft": value })
}

fn id_mapping() -> Value {
    json!({ "containerID": 0, "hostID": ID_BASE, "size": ID_COUNT })
}
