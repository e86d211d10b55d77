//! Tricks from inside a hostile container: none works, and the executor goes on.
//!
//! Most are also tried outside, as root on this host, where they must work: a trick that fails everywhere proves nothing.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixListener},
        },
    },
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use support::{Bench, Image, compile};
use tempfile::TempDir;
use vouch_oci::container::{Failure, Status};

/// Whether a trick is also tried outside, in a mount namespace of its own, where it must work.
#[derive(Clone, Copy, PartialEq)]
enum Outside {
    Works,
    /// It would harm this host, or rests on something that not every host has.
    NotTried,
}
use Outside::{NotTried, Works};

/// A trick's name, what it is tried with, the error it must meet inside, and whether it is tried outside.
type Trick<'a> = (&'a str, &'a str, &'a str, Outside);

const ABSENT: &str = "No such file or directory";
const DENIED: &str = "Permission denied";
const EMPTY: &str = "No data available";
const NO_SYSTEM_CALL: &str = "Function not implemented";
const NOT_PERMITTED: &str = "Operation not permitted";
const READ_ONLY: &str = "Read-only file system";
const REFUSED: &str = "Connection refused";
const UNREACHABLE: &str = "Network is unreachable";

/// A runtime and an image with the hostile program.
struct Arena {
    bench: Bench,
    hostile: PathBuf,
    _compiled: TempDir,
}

impl Arena {
    fn new() -> Option<Self> {
        let bench = Bench::new()?;
        let (compiled, hostile) = compile("hostile.c", &["-static", "-O1", "-Wno-unused-result"]);
        bench.image.add("hostile", &fs::read(&hostile).unwrap(), 0o755);
        bench.image.add("set-user-id", &fs::read(&hostile).unwrap(), 0o4755);
        Some(Self { bench, hostile, _compiled: compiled })
    }

    fn inside(&self, trick: &str, with: &str, user: u32) -> String {
        let outcome = self
            .bench
            .run_with(&[trick, with], b"", |settings| {
                settings.args[0] = "/hostile".into();
                (settings.user, settings.group) = (user, user);
            })
            .unwrap();
        match outcome.status {
            Status::Ok => String::from_utf8(outcome.output).unwrap().trim().to_owned(),
            _ => outcome.message.unwrap(),
        }
    }

    fn outside(&self, trick: &str, with: &str) -> String {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]).arg(&self.hostile).args([trick, with]).current_dir("/");
        String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
    }

    fn check(&self, tricks: &[Trick<'_>], user: u32) {
        let mut wrong = Vec::new();
        for &(trick, with, expected, outside) in tricks {
            let found = self.inside(trick, with, user);
            if !found.contains(expected) || found == "works" {
                wrong.push(format!("{trick} {with}: `{found}`, expected `{expected}`"));
            }
            if outside == Works && self.outside(trick, with) != "works" {
                wrong.push(format!("{trick} {with} outside: `{}`, should work", self.outside(trick, with)));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(self.bench.output(&["write", "2"], b""), "xx", "the executor goes on");
    }
}

#[test]
fn files_of_the_host_stay_out_of_reach() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "secret").unwrap();
    fs::set_permissions(secret.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let path = secret.path().to_str().unwrap();
    let (climbing, through_root) = (format!("../../../../../..{path}"), format!("/proc/1/root{path}"));
    let through_cwd = format!("/proc/self/cwd/../..{path}");
    let Some(arena) = Arena::new() else { return };
    arena.check(
        &[
            ("read_file", "/etc/shadow", ABSENT, Works),
            ("read_file", path, ABSENT, Works),
            ("read_file", &climbing, ABSENT, Works),
            ("read_file", &through_root, ABSENT, NotTried),
            ("read_file", &through_cwd, ABSENT, Works),
            ("read_file", "/run/bundle/config.json", ABSENT, NotTried),
            ("open_by_handle", "/etc", NO_SYSTEM_CALL, Works),
            ("change_root", "/tmp", NO_SYSTEM_CALL, Works),
            ("pivot", "/tmp", NO_SYSTEM_CALL, NotTried),
            ("create_file", "/created", READ_ONLY, NotTried),
            ("create_file", "/etc/created", READ_ONLY, NotTried),
            ("create_file", "/sys/created", READ_ONLY, NotTried),
            ("write_file", "/etc/hosts", READ_ONLY, NotTried),
            ("write_file", "/program", READ_ONLY, NotTried),
            ("remove_file", "/program", READ_ONLY, NotTried),
        ],
        0,
    );
}

#[test]
fn nothing_can_be_mounted_or_unmounted() {
    let Some(arena) = Arena::new() else { return };
    arena.check(
        &[
            ("mount_proc", "/tmp", NO_SYSTEM_CALL, Works),
            ("mount_tmpfs", "/tmp", NO_SYSTEM_CALL, Works),
            ("mount_bind", "/tmp", NO_SYSTEM_CALL, Works),
            ("remount_writable", "/", NO_SYSTEM_CALL, Works),
            ("unmount", "/dev/shm", NO_SYSTEM_CALL, Works),
            ("clone_tree", "/", NO_SYSTEM_CALL, Works),
            ("open_file_system", "tmpfs", NO_SYSTEM_CALL, Works),
        ],
        0,
    );
}

#[test]
fn proc_and_sys_tell_nothing_and_take_nothing() {
    let Some(arena) = Arena::new() else { return };
    arena.check(
        &[
            ("write_file", "/proc/sys/kernel/core_pattern", DENIED, NotTried),
            ("write_file", "/proc/sys/vm/drop_caches", DENIED, NotTried),
            ("write_file", "/proc/sys/kernel/hostname", DENIED, NotTried),
            ("write_file", "/proc/sys/net/ipv4/ip_forward", DENIED, NotTried),
            ("write_file", "/proc/irq/0/smp_affinity", ABSENT, NotTried),
            ("lower_own_oom_score", "", DENIED, NotTried),
            ("read_file", "/proc/cmdline", EMPTY, Works),
            ("read_file", "/proc/interrupts", EMPTY, Works),
            ("read_file", "/proc/kallsyms", EMPTY, NotTried),
            ("read_file", "/proc/keys", EMPTY, NotTried),
            ("read_file", "/proc/buddyinfo", EMPTY, Works),
            ("read_file", "/proc/partitions", EMPTY, Works),
            ("read_file", "/proc/locks", EMPTY, NotTried),
            ("read_file", "/proc/zoneinfo", EMPTY, Works),
            ("read_file", "/proc/sys/kernel/random/uuid", ABSENT, Works),
            ("read_file", "/proc/sys/kernel/random/boot_id", ABSENT, Works),
            ("read_file", "/proc/fs/ext4/vda/options", ABSENT, NotTried),
            ("read_file", "/sys/kernel/mm/transparent_hugepage/enabled", ABSENT, NotTried),
            ("create_file", "/sys/fs/cgroup/memory/escape", ABSENT, NotTried),
            ("write_file", "/sys/fs/cgroup/memory/release_agent", ABSENT, NotTried),
        ],
        0,
    );
}

#[test]
fn devices_cannot_be_made_or_opened() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("device");
    let Some(outside) = Arena::new() else { return };
    for trick in ["make_block_device", "make_memory_device"] {
        assert_eq!(outside.outside(trick, path.to_str().unwrap()), "works");
    }
    outside.check(
        &[
            ("make_block_device", "/tmp/device", NOT_PERMITTED, NotTried),
            ("make_memory_device", "/tmp/device", NOT_PERMITTED, NotTried),
            ("make_memory_device", "/dev/device", NOT_PERMITTED, NotTried),
            ("open_device", "/dev/mem", ABSENT, NotTried),
            ("open_device", "/dev/kmsg", ABSENT, NotTried),
            ("open_device", "/dev/kvm", ABSENT, NotTried),
            ("open_device", "/dev/vda", ABSENT, NotTried),
            ("open_device", "/dev/fuse", ABSENT, NotTried),
            ("open_device", "/dev/net/tun", ABSENT, NotTried),
            ("open_device", "/dev/tty", "No such device or address", NotTried),
        ],
        0,
    );
}

#[test]
fn rights_cannot_be_gained() {
    let Some(arena) = Arena::new() else { return };
    arena.check(
        &[
            ("take_capabilities", "", NOT_PERMITTED, NotTried),
            ("give_file_capabilities", "/tmp/file", NOT_PERMITTED, NotTried),
            ("change_owner", "/tmp/file", NOT_PERMITTED, NotTried),
            ("raise_priority", "", DENIED, Works),
            ("run_in_real_time", "", NOT_PERMITTED, Works),
            ("raise_files", "", NOT_PERMITTED, NotTried),
        ],
        0,
    );
    arena.check(
        &[
            ("become_root", "", NOT_PERMITTED, Works),
            ("run_set_user_id", "/set-user-id", DENIED, NotTried),
            ("create_file", "/dev/created", DENIED, NotTried),
        ],
        1000,
    );
}

#[test]
fn namespaces_cannot_be_made_or_joined() {
    let Some(arena) = Arena::new() else { return };
    arena.check(
        &[
            ("unshare_user", "", NO_SYSTEM_CALL, Works),
            ("unshare_mount", "", NO_SYSTEM_CALL, Works),
            ("unshare_net", "", NO_SYSTEM_CALL, Works),
            ("clone_user", "", NO_SYSTEM_CALL, Works),
            ("clone_pid", "", NO_SYSTEM_CALL, Works),
            ("clone_three", "", NO_SYSTEM_CALL, Works),
            ("join_namespace", "/proc/self/ns/net", NO_SYSTEM_CALL, Works),
            ("set_host_name", "elsewhere", NO_SYSTEM_CALL, NotTried),
        ],
        0,
    );
}

#[test]
fn other_processes_cannot_be_seen_or_touched() {
    let own = std::process::id().to_string();
    let Some(arena) = Arena::new() else { return };
    arena.check(
        &[
            ("see_processes", "", "No such process", Works),
            ("signal_process", &own, "No such process", Works),
            ("trace_child", "", NO_SYSTEM_CALL, Works),
            ("be_traced", "", NO_SYSTEM_CALL, Works),
            ("read_child_memory", "", NO_SYSTEM_CALL, Works),
            ("compare_with_child", "", NO_SYSTEM_CALL, NotTried),
            ("take_file_of_child", "", NO_SYSTEM_CALL, Works),
        ],
        0,
    );
}

#[test]
fn the_kernel_offers_no_more_than_it_must() {
    let Some(arena) = Arena::new() else { return };
    arena.check(
        &[
            ("load_bpf", "", NO_SYSTEM_CALL, NotTried),
            ("count_performance", "", NO_SYSTEM_CALL, NotTried),
            ("add_key", "", NO_SYSTEM_CALL, Works),
            ("request_key", "", NO_SYSTEM_CALL, NotTried),
            ("join_keyring", "", NO_SYSTEM_CALL, Works),
            ("handle_faults", "", NO_SYSTEM_CALL, NotTried),
            ("set_up_ring", "", NO_SYSTEM_CALL, NotTried),
            ("secret_memory", "", NO_SYSTEM_CALL, NotTried),
            ("watch_files", "", NO_SYSTEM_CALL, NotTried),
            ("load_module", "", NO_SYSTEM_CALL, NotTried),
            ("load_kernel", "", NO_SYSTEM_CALL, NotTried),
            ("disable_restart_keys", "", NO_SYSTEM_CALL, NotTried),
            ("swap_on", "/tmp/file", NO_SYSTEM_CALL, NotTried),
            ("account", "/tmp/file", NO_SYSTEM_CALL, NotTried),
            ("read_kernel_log", "", NO_SYSTEM_CALL, Works),
            ("execute_readable", "", NO_SYSTEM_CALL, Works),
            ("set_clock", "", NO_SYSTEM_CALL, NotTried),
            ("set_time_of_day", "", NO_SYSTEM_CALL, NotTried),
            ("adjust_clock", "", NO_SYSTEM_CALL, NotTried),
            ("message_queue", "", NO_SYSTEM_CALL, NotTried),
            ("type_into_terminal", "", NO_SYSTEM_CALL, NotTried),
            ("move_pages_of_all", "", NO_SYSTEM_CALL, NotTried),
        ],
        0,
    );
}

#[test]
fn calls_of_other_architectures_are_not_let_through() {
    let Some(arena) = Arena::new() else { return };
    arena.check(
        &[
            ("input_output_ports", "", NO_SYSTEM_CALL, NotTried),
            ("local_descriptors", "", NO_SYSTEM_CALL, NotTried),
            ("call_x32", "", NO_SYSTEM_CALL, NotTried),
            ("call_32_bit", "", "killed by signal 31", NotTried),
        ],
        0,
    );
}

#[test]
fn the_network_is_a_loopback_of_its_own() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = tcp.local_addr().unwrap().to_string();
    let name = format!("vouch-test-{}", std::process::id());
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _path = UnixListener::bind(&path).unwrap();
    let Some(arena) = Arena::new() else { return };
    // A listener takes one connection into its queue without anybody accepting it.
    arena.check(
        &[
            ("connect_tcp", "169.254.169.254:80", UNREACHABLE, NotTried),
            ("connect_tcp", "10.0.0.1:443", UNREACHABLE, NotTried),
            ("send_udp", "8.8.8.8:53", UNREACHABLE, NotTried),
            ("connect_tcp", &tcp, REFUSED, NotTried),
            ("connect_abstract", &name, REFUSED, Works),
            ("connect_path", path.to_str().unwrap(), ABSENT, Works),
            ("make_raw_socket", "", NO_SYSTEM_CALL, Works),
            ("make_packet_socket", "", NO_SYSTEM_CALL, Works),
            ("make_netlink_socket", "", NO_SYSTEM_CALL, Works),
            ("make_vsock_socket", "", NO_SYSTEM_CALL, NotTried),
            ("make_crypto_socket", "", NO_SYSTEM_CALL, NotTried),
        ],
        0,
    );
}

#[test]
fn shared_memory_of_the_host_is_not_found() {
    let Some(arena) = Arena::new() else { return };
    let key = (std::process::id() + 1_000_000).to_string();
    assert_eq!(arena.outside("make_shared_memory", &key), "works");
    let (outside, inside) = (arena.outside("find_shared_memory", &key), arena.inside("find_shared_memory", &key, 0));
    assert_eq!(arena.outside("remove_shared_memory", &key), "works");
    assert_eq!((outside.as_str(), inside.as_str()), ("works", ABSENT));
}

#[test]
fn containers_do_not_find_each_others_secrets() {
    let Some(arena) = Arena::new() else { return };
    let key = "4242";
    thread::scope(|scope| {
        let holder = scope.spawn(|| {
            arena.bench.run_with(&["hold_secrets", key], b"", |settings| {
                settings.args[0] = "/hostile".into();
                settings.limits.wall_millis = 3_000;
            })
        });
        until(holds_secret);
        for (trick, with, expected) in [
            ("read_file", "/tmp/secret", ABSENT),
            ("read_file", "/dev/shm/secret", ABSENT),
            ("connect_abstract", key, REFUSED),
            ("find_shared_memory", key, ABSENT),
            ("see_processes", "", "No such process"),
        ] {
            assert_eq!(arena.inside(trick, with, 0), expected, "{trick}");
        }
        assert!(holds_secret(), "the holder was there to be found all the time");
        assert!(matches!(holder.join().unwrap(), Err(Failure::WallClock { .. })));
    });
}

/// Whether a process of this host runs `hold_secrets` and has come to its end: root sees into its mounts.
fn holds_secret() -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()).map(|entry| entry.path());
    let holder = |process: &Path| {
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        command.starts_with(b"/hostile\0hold_secrets\0")
            && fs::read(process.join("root/tmp/secret")).is_ok_and(|secret| secret == b"secret")
    };
    processes.into_iter().any(|process| holder(&process))
}

#[test]
fn the_supervisors_executable_cannot_be_overwritten() {
    let (_compiled, interpreter) = compile("interpreter.c", &["-static", "-nostdlib", "-O1", "-fno-stack-protector"]);
    let interpreter = fs::read(interpreter).unwrap();
    let supervisor = Path::new(env!("CARGO_BIN_EXE_vouch-oci-supervisor"));
    let before = fs::metadata(supervisor).unwrap();
    let Some(bench) = Bench::new() else { return };
    bench.image.add("lib64/ld-linux-x86-64.so.2", &interpreter, 0o755);
    let outcome = bench.run_with(&[], b"", |settings| settings.args[0] = "/proc/self/exe".into()).unwrap();
    assert_eq!(String::from_utf8_lossy(&outcome.output), "refused", "{outcome:?}");
    let after = fs::metadata(supervisor).unwrap();
    assert_eq!((before.len(), before.permissions().mode()), (after.len(), after.permissions().mode()));
}

#[test]
fn an_executors_secrets_are_not_passed_on() {
    // The environment and the open files of this very process, which plays the executor.
    let mut secret = tempfile::tempfile().unwrap();
    secret.write_all(b"key").unwrap();
    let Some(bench) = Bench::new() else { return };
    let seen = bench.output(&["surroundings"], b"");
    assert!(!seen.contains("CARGO") && seen.matches("env ").count() == 1, "{seen}");
    assert_eq!(seen.matches("file ").count(), 3, "{seen}");
}

#[test]
fn an_image_is_not_changed_by_what_runs_in_it() {
    let Some(bench) = Bench::new() else { return };
    let image = Image::new();
    let listed = |path: &Path| {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        entries.sort();
        entries
    };
    let before = listed(image.root.path());
    let outcome = bench.run_with(&["surroundings"], b"", |settings| settings.layers = vec![image.root.path().into()]);
    assert_eq!(outcome.unwrap().status, Status::Ok);
    assert_eq!(listed(image.root.path()), before);
}

fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition did not come true within 30 s");
        thread::sleep(Duration::from_millis(1));
    }
}
