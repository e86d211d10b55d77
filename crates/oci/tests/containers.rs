//! Containers run for real: needs root, control groups and a C compiler.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::{fs, os::unix::fs::symlink, time::Instant};

use support::{Bench, groups_left, mounts_left};
use vouch_oci::container::{Failure, Input, Status};

#[test]
fn every_check_passes() {
    let Some(bench) = Bench::new() else { return };
    for check in bench.runtime.check() {
        assert_eq!(check.result, Ok(()), "{}", check.name);
    }
}

#[test]
fn a_payload_goes_in_and_comes_out() {
    let Some(bench) = Bench::new() else { return };
    let payload: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).take(1 << 20).collect();
    for bytes in [0, 1, 65_536, 1 << 20] {
        let outcome = bench.run(&["cat"], &payload[..bytes]).unwrap();
        assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
        assert!(outcome.output == payload[..bytes], "{bytes} bytes came back as {}", outcome.output.len());
        assert!(outcome.usage.memory_peak_bytes > 0 && outcome.usage.memory_kills == 0);
    }
    assert_eq!(bench.output(&["ignore-input"], &payload), "ignored\n");
    let refused = bench.run_with(&["cat"], &payload, |settings| settings.limits.payload_bytes = 9).unwrap_err();
    assert!(matches!(refused, Failure::PayloadTooLarge { bytes: 1_048_576, max: 9 }), "{refused}");
}

#[test]
fn a_program_sees_its_settings_and_nothing_of_its_host() {
    let Some(bench) = Bench::new() else { return };
    // As `nohup` starts an executor; the disposition would live on into the program.
    // SAFETY: sets dispositions without a handler; nobody in this process waits for these signals.
    let before = unsafe { [libc::SIGHUP, libc::SIGUSR2].map(|signal| libc::signal(signal, libc::SIG_IGN)) };
    assert!(!before.contains(&libc::SIG_ERR));
    let outcome = bench.run_with(&["surroundings", "two words"], b"", |settings| {
        settings.env = [("Z", "1"), ("A", "2"), ("EMPTY", "")].map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec();
        settings.cwd = "/tmp".into();
        (settings.user, settings.group, settings.groups) = (1000, 100, vec![7, 9]);
    });
    let expected = "arg /program\narg surroundings\narg two words\nenv Z=1\nenv A=2\nenv EMPTY=\ncwd /tmp\n\
        user 1000 1000 100 100 groups 2 7 9\npid 1 host vouch mask 22\nfile 0\nfile 1\nfile 2\n";
    assert_eq!(String::from_utf8(outcome.unwrap().output).unwrap(), expected);
}

#[test]
fn the_executors_groups_do_not_stay_with_the_program() {
    // Of this thread, which the supervisor is started from.
    let Some(bench) = Bench::new() else { return };
    rustix::thread::set_thread_groups(&[4, 7].map(rustix::process::Gid::from_raw)).unwrap();
    assert!(bench.output(&["surroundings"], b"").contains("user 0 0 0 0 groups 0\n"));
}

#[test]
fn proc_tells_of_the_limits_and_not_of_the_host() {
    let Some(bench) = Bench::new() else { return };
    let shown = |path: &str| {
        let outcome = bench.run_with(&["show", path], b"", |settings| {
            (settings.limits.memory_bytes, settings.limits.cpu_millis) = (48 << 20, 1_500);
        });
        String::from_utf8(outcome.unwrap().output).unwrap()
    };
    assert!(shown("/proc/meminfo").starts_with("MemTotal:          49152 kB\nMemFree:"));
    assert_eq!(shown("/proc/cpuinfo").matches("processor\t:").count(), 2);
    assert_eq!(shown("/proc/stat").matches("\ncpu").count(), 2);
    assert_eq!(shown("/proc/uptime"), "1.00 1.00\n");
    assert_eq!(shown("/proc/loadavg"), "0.00 0.00 0.00 1/1 1\n");
    assert_eq!((shown("/proc/diskstats").len(), shown("/proc/swaps").lines().count()), (0, 1));
}

#[test]
fn every_mount_is_bounded_and_harmless() {
    let Some(bench) = Bench::new() else { return };
    let mounts = bench.output(&["show", "/proc/self/mountinfo"], b"");
    let mut bounded = 0;
    for mount in mounts.lines() {
        let (before, after) = mount.split_once(" - ").unwrap();
        let fields: Vec<&str> = before.split(' ').collect();
        let (path, options) = (fields[4], fields[5]);
        assert!(options.contains("nosuid") || path.starts_with("/dev/") || path.starts_with("/proc/"), "{mount}");
        match path {
            "/" => assert!(options.starts_with("ro,nosuid,nodev"), "{mount}"),
            "/tmp" | "/dev/shm" | "/dev" => {
                assert!(after.contains("size=") && after.contains("nr_inodes="), "{mount}");
                bounded += 1;
            }
            _ => {}
        }
    }
    assert_eq!(bounded, 3, "{mounts}");
    let host = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let devices = host.lines().find(|line| line.contains(" /dev ")).and_then(|line| line.split(" - ").nth(1));
    assert!(!mounts.contains(devices.unwrap()), "the host's /dev: {mounts}");
}

#[test]
fn time_and_randomness_are_the_requests() {
    let Some(bench) = Bench::new() else { return };
    let prepared = bench.runtime.prepare(bench.image.settings(&["moment"])).unwrap();
    let seen = |time, seed| {
        let outcome = prepared.run(&Input { payload: b"", time, seed: [seed; 32] }).unwrap();
        assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
        String::from_utf8(outcome.output).unwrap()
    };
    let first = seen(2_000_000_000, 1);
    assert!(first.starts_with("time 2000000000 2000000000."), "{first}");
    assert!(first.contains(" cpus 1\n") && first.contains("an hour later 200000360"), "{first}");
    assert_eq!(first, seen(2_000_000_000, 1));
    let (line, other) = (|text: &str| text.lines().nth(1).unwrap().to_owned(), seen(2_000_000_000, 2));
    assert_ne!(line(&first), line(&other));
    assert!(seen(1_000_000_000, 1).starts_with("time 1000000000 "));
}

#[test]
fn dynamic_programs_of_this_host_give_the_same_answer_twice() {
    let Some(bench) = Bench::new() else { return };
    const PYTHON: &str = "import os, random, time, threading, tempfile, hashlib, sys
t = threading.Thread(target=lambda: print('thread', time.time())); t.start(); t.join()
print(time.time(), random.random(), hash('a'), os.urandom(4), {'a', 'b', 'c'}, os.cpu_count(), id(t))
tempfile.TemporaryFile().write(b'x')
print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())";
    for args in [
        &["/bin/sh", "-c", "date; date; ls /; ls -ln /bin/; echo $$ $PPID; cat"][..],
        &["/usr/bin/python3", "-c", PYTHON],
    ] {
        if !std::path::Path::new(args[0]).exists() {
            eprintln!("not run: this host has no {}", args[0]);
            continue;
        }
        let mut settings = bench.image.settings(&[]);
        settings.layers = vec!["/".into()];
        settings.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        settings.limits.memory_bytes = 256 << 20;
        let prepared = bench.runtime.prepare(settings).unwrap();
        let seen = || prepared.run(&Input { payload: b"payload", time: 2_000_000_000, seed: [3; 32] }).unwrap();
        let (first, second) = (seen(), seen());
        assert_eq!(first.status, Status::Ok, "{first:?}");
        assert_eq!(String::from_utf8_lossy(&first.output), String::from_utf8_lossy(&second.output));
        assert!(first.output.len() > 100, "{first:?}");
    }
}

#[test]
fn the_root_is_the_image_under_a_skeleton() {
    let Some(bench) = Bench::new() else { return };
    let listed = |path: &str| {
        let mut names: Vec<String> = bench.output(&["list", path], b"").lines().map(str::to_owned).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(listed("/"), "dev etc proc program sys tmp");
    assert_eq!(listed("/sys"), "");
    assert_eq!(listed("/dev"), "fd full null ptmx random shm stderr stdin stdout tty urandom zero");
    assert_eq!(bench.output(&["show", "/etc/hosts"], b""), "127.0.0.1 localhost\n::1 localhost\n");
    let mine = bench.image.add("etc/passwd", b"root:x:0:0::/:\n", 0o600);
    assert_eq!(bench.output(&["show", "/etc/passwd"], b""), "root:x:0:0::/:\n");
    fs::remove_file(mine).unwrap();
    assert_eq!(listed("/etc"), "hosts");
}

#[test]
fn upper_layers_hide_lower_ones() {
    let Some(bench) = Bench::new() else { return };
    let upper = support::Image::new();
    upper.add("data/name", b"upper", 0o644);
    bench.image.add("data/name", b"lower", 0o644);
    bench.image.add("data/other", b"below", 0o644);
    for (path, expected) in [("/data/name", "upper"), ("/data/other", "below")] {
        let outcome = bench.run_with(&["show", path], b"", |settings| {
            settings.layers.insert(0, upper.root.path().to_owned());
        });
        assert_eq!(String::from_utf8(outcome.unwrap().output).unwrap(), expected);
    }
}

#[test]
fn standard_files_can_be_opened_again() {
    let Some(bench) = Bench::new() else { return };
    for user in [0, 1000] {
        let outcome = bench.run_with(&["reopen"], b"", |settings| settings.user = user).unwrap();
        assert_eq!((outcome.status, outcome.output), (Status::Ok, b"reopened".to_vec()));
    }
}

#[test]
fn failing_programs_trap_and_their_words_are_kept() {
    let Some(bench) = Bench::new() else { return };
    for (args, expected) in [
        (&["exit", "3"][..], "exited with code 3; it said: leaving with 3"),
        (&["exit", "255"], "exited with code 255; it said: leaving with 255"),
        (&["crash"], "killed by signal 11"),
        (&["abort"], "killed by signal"),
        (&["nonsense"], "unknown behaviour `nonsense`"),
    ] {
        let outcome = bench.run(args, b"").unwrap();
        assert_eq!((outcome.status, outcome.output.len()), (Status::Trap, 0));
        assert!(outcome.message.as_deref().unwrap().contains(expected), "{outcome:?}");
    }
}

#[test]
fn what_cannot_be_run_is_a_trap_with_a_reason() {
    let Some(bench) = Bench::new() else { return };
    bench.image.add("text", b"no program", 0o755);
    bench.image.add("arm", &foreign_program(), 0o755);
    bench.image.add("plain", b"", 0o644);
    bench.image.add("script", b"#!/missing/shell\n", 0o755);
    for (program, expected) in [
        ("/absent", "has no program `/absent`"),
        ("absent", "has no program `absent`"),
        ("/text", "no program for this machine's architecture"),
        ("/arm", "no program for this machine's architecture"),
        ("plain", "not executable"),
        ("/script", "the interpreter it names"),
        ("/tmp", "not executable"),
    ] {
        let outcome = bench.run_with(&[], b"", |settings| settings.args = vec![program.to_owned()]).unwrap();
        assert_eq!(outcome.status, Status::Trap);
        assert!(outcome.message.as_deref().unwrap().contains(expected), "{program}: {outcome:?}");
    }
}

#[test]
fn a_working_directory_must_be_in_the_image() {
    let Some(bench) = Bench::new() else { return };
    let open_files = (0..64).map(|file| format!("/proc/self/fd/{file}"));
    for cwd in ["/absent".to_owned(), "/program".to_owned()].into_iter().chain(open_files) {
        let outcome = bench.run_with(&["surroundings"], b"", |settings| settings.cwd = (&cwd).into()).unwrap();
        assert_eq!(outcome.status, Status::Trap, "{cwd}: {outcome:?}");
        assert!(outcome.message.as_deref().unwrap().contains(&format!("the working directory {cwd}: ")), "{outcome:?}");
    }
}

/// This program, as if it had been built for another processor.
fn foreign_program() -> Vec<u8> {
    let mut program = fs::read(support::program()).unwrap();
    program[18] = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    program
}

#[test]
fn a_name_is_looked_up_in_the_path() {
    let Some(bench) = Bench::new() else { return };
    let outcome = bench.run_with(&["write", "1"], b"", |settings| settings.args[0] = "program".into()).unwrap();
    assert_eq!(outcome.output, b"x");
}

#[test]
fn output_counts_to_the_byte() {
    let Some(bench) = Bench::new() else { return };
    for (bytes, status) in [("9999", Status::Ok), ("10000", Status::Ok), ("10001", Status::OutputTooLarge)] {
        let outcome = bench.run_with(&["write", bytes], b"", |settings| settings.limits.output_bytes = 10_000).unwrap();
        assert_eq!(outcome.status, status, "{bytes}");
        assert_eq!(outcome.output.len().to_string(), if status == Status::Ok { bytes } else { "0" });
    }
}

#[test]
fn the_deadline_ends_a_run_that_would_not() {
    let Some(bench) = Bench::new() else { return };
    let started = Instant::now();
    let failure = bench.run_with(&["sleep"], b"", |settings| settings.limits.wall_millis = 100).unwrap_err();
    assert!(matches!(failure, Failure::WallClock { limit_ms: 100 }), "{failure}");
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    let Some(bench) = Bench::new() else { return };
    assert_eq!(bench.output(&["linger"], b""), "done\n");
    assert_eq!(groups_left(bench.state.path()), Vec::<std::path::PathBuf>::new());
    assert_eq!(mounts_left(), Vec::<String>::new());
}

#[test]
fn many_run_at_once_without_seeing_each_other() {
    let Some(bench) = Bench::new() else { return };
    std::thread::scope(|scope| {
        for number in 0..16u8 {
            let bench = &bench;
            scope.spawn(move || {
                let payload = vec![number; 100_000];
                let outcome = bench.run(&["cat"], &payload).unwrap();
                assert!(outcome.output == payload, "{:?}", outcome.message);
            });
        }
    });
    assert_eq!(groups_left(bench.state.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_image_cannot_lead_mounts_elsewhere() {
    let Some(bench) = Bench::new() else { return };
    for name in ["proc", "dev", "sys", "tmp", "etc"] {
        symlink("/program", bench.image.root.path().join(name)).unwrap();
    }
    assert_eq!(bench.output(&["list", "/sys"], b""), "");
    assert!(bench.output(&["show", "/proc/self/status"], b"").contains("Name:\tprogram"));
}

#[test]
fn settings_out_of_bounds_are_refused_before_anything_starts() {
    let Some(bench) = Bench::new() else { return };
    let refused = |change: fn(&mut vouch_oci::container::Settings)| {
        let mut settings = bench.image.settings(&[]);
        change(&mut settings);
        bench.runtime.prepare(settings).unwrap_err()
    };
    for (error, expected) in [
        (refused(|settings| settings.args.clear()), "`args` is empty"),
        (refused(|settings| settings.args.push("a\0b".into())), "zero byte"),
        (refused(|settings| settings.args.push("a".repeat(5_000))), "above 4096 bytes"),
        (refused(|settings| settings.env.push(("A=B".into(), String::new()))), "invalid name `A=B`"),
        (refused(|settings| settings.cwd = "relative".into()), "absolute path"),
        (refused(|settings| settings.layers.clear()), "0 folders"),
        (refused(|settings| settings.layers.push("/no/such".into())), "/no/such, which is not a folder"),
        (refused(|settings| settings.user = 65_536), "below 65536"),
        (refused(|settings| settings.limits.memory_bytes = 1), "limit `memory_bytes` is 1"),
        (refused(|settings| settings.limits.processes = 0), "limit `processes` is 0"),
        (refused(|settings| settings.limits.cpu_millis = 0), "limit `cpu_millis` is 0"),
        (refused(|settings| settings.limits.tmp_files = 1), "limit `tmp_files` is 1"),
    ] {
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_wrong_supervisor_is_an_error_of_this_host() {
    let Some(bench) = Bench::new() else { return };
    let mut config = support::config(bench.state.path());
    config.program = "/bin/true".into();
    let runtime = vouch_oci::container::Runtime::open(config).unwrap();
    let prepared = runtime.prepare(bench.image.settings(&["cat"])).unwrap();
    let failure = prepared.run(&Input { payload: b"", time: 0, seed: [0; 32] }).unwrap_err();
    assert!(matches!(failure, Failure::Killed(_) | Failure::Io { .. }), "{failure}");
}
