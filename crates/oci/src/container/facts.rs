//! What /proc says of the machine: the same everywhere, and what the limits make true.
//!
//! Programs read these files to size their heaps and thread pools; what the host has is neither theirs to use nor the same
//! on any other host. Times are zero or one second, because the real ones are the host's.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::limits::Limits;

const CPU_LINE: &str = "0 0 0 0 0 0 0 0 0 0";

/// The files that are put in the place of those in /proc.
fn files(limits: &Limits, cpus: u64) -> [(&'static str, String); 7] {
    let memory = format!("{:>8} kB", limits.memory_bytes / 1_024);
    let each_cpu = |line: fn(u64) -> String| (0..cpus).map(line).collect::<String>();
    [
        ("cpuinfo", each_cpu(|cpu| format!("processor\t: {cpu}\nmodel name\t: virtual\n\n"))),
        ("diskstats", String::new()),
        ("loadavg", "0.00 0.00 0.00 1/1 1\n".into()),
        (
            "meminfo",
            format!(
                "MemTotal:       {memory}\nMemFree:        {memory}\nMemAvailable:   {memory}\nBuffers:               0 kB\n\
                 Cached:                0 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n"
            ),
        ),
        (
            "stat",
            format!(
                "cpu  {CPU_LINE}\n{}intr 0\nctxt 0\nbtime 0\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n",
                each_cpu(|cpu| format!("cpu{cpu} {CPU_LINE}\n"))
            ),
        ),
        ("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".into()),
        ("uptime", "1.00 1.00\n".into()),
    ]
}

/// Writes the files, and says what is to be mounted where.
pub(super) fn write(folder: &Path, limits: &Limits, cpus: u64) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let mut mounts = Vec::new();
    for (name, content) in files(limits, cpus) {
        let file = folder.join(name);
        fs::write(&file, content)?;
        mounts.push((file, Path::new("/proc").join(name)));
    }
    Ok(mounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock, container::spec};

    #[test]
    fn what_tells_the_hosts_time_is_replaced_or_masked() {
        let replaced = files(&Limits::default(), 1).map(|(name, _)| Path::new("/proc").join(name));
        for path in clock::MASKED_PATHS.iter().map(Path::new) {
            let hidden = path.starts_with("/sys")
                || replaced.iter().any(|file| file == path)
                || spec::MASKED.iter().any(|masked| path.starts_with(masked));
            assert!(hidden, "{} is in no list", path.display());
        }
    }
}
