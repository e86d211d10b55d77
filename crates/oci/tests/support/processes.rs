//! Which processes there are, and whose.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How many supervisors hold a slot of this folder: their locks are listed by the kernel with the file's number.
pub fn supervisors_over(state: &Path) -> usize {
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let numbers = fs::read_dir(state).unwrap().map(|entry| entry.unwrap().metadata().unwrap().ino().to_string());
    let numbers: Vec<String> = numbers.collect();
    let held = locks.lines().filter(|line| line.contains("POSIX") && !line.contains("->"));
    held.filter(|line| numbers.iter().any(|number| line.contains(&format!(":{number} ")))).count()
}

/// Processes of supervisors that are nobody's child any more.
pub fn orphans() -> Vec<u32> {
    let supervisor = Path::new(env!("CARGO_BIN_EXE_vouch-oci-supervisor"));
    let executable = |process: u32| fs::read_link(format!("/proc/{process}/exe")).ok();
    let left = children(1).into_iter().filter(|process| executable(*process).as_deref() == Some(supervisor));
    left.collect()
}

pub fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|process| parent_of(*process) == Some(parent)).collect()
}

pub fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

pub fn command(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default().trim().to_owned()
}

/// Waits for a condition to come true.
pub fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition did not come true within 30 s");
        thread::sleep(Duration::from_millis(1));
    }
}
