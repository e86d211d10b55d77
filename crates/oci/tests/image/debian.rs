//! A whole distribution's Python, unchanged: made of Debian's packages, packed, unpacked, run.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use vouch_oci::{
    container::{Input, Prepared, Status},
    image::{Bounds, Cache, Layout, Process, pack},
    limits::Limits,
};

use crate::support::{self, Bench};

/// Set where this test must not be passed over.
const REQUIRED: &str = "VOUCH_REQUIRE_PACKAGES";
/// What the image is made of, beside what the first depends on.
const PACKAGES: [&str; 2] = ["python3-minimal", "base-files"];
/// Time, randomness, addresses and the order of a set of strings: whatever differs from run to run.
const SCRIPT: &str = "
import os, random, sys, time
words = {'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'}
print(open('/etc/os-release').readline().strip(), sys.version_info.major)
print('time', int(time.time()), time.localtime().tm_year)
print('random', random.random(), os.urandom(4).hex(), random.SystemRandom().random())
print('order', *words, hash('word'), id(object()))
print('input', sys.stdin.read())
";

/// The packages, fetched once and kept beside what is built; none where they cannot be had, which is said.
fn packages() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian-python");
    if folder.join("complete").exists() {
        return Some(folder);
    }
    match download(&folder) {
        Ok(()) => Some(folder),
        Err(reason) if std::env::var_os(REQUIRED).is_none() => {
            eprintln!("not run: Debian's packages cannot be had ({reason})");
            None
        }
        Err(reason) => panic!("{REQUIRED} is set, but {reason}"),
    }
}

fn download(folder: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let only =
        ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map(|kind| format!("--no-{kind}"));
    let mut depends = Command::new("apt-cache");
    let listed = output(depends.args(["depends", "--recurse"]).args(only).arg(PACKAGES[0]))?;
    let named = listed.lines().filter(|line| line.bytes().next().is_some_and(|first| first.is_ascii_lowercase()));
    let names: BTreeSet<_> = named.chain(PACKAGES).collect();
    output(Command::new("apt-get").current_dir(folder).args(["--quiet", "download"]).args(names))?;
    fs::write(folder.join("complete"), "").map_err(|error| error.to_string())
}

fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn root_of(packages: &Path, root: &Path) {
    for entry in fs::read_dir(packages).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            let status = Command::new("dpkg-deb").arg("--extract").args([&path, root]).status().unwrap();
            assert!(status.success(), "{}", path.display());
        }
    }
}

fn run(prepared: &Prepared, seed: u8) -> Vec<String> {
    let input = Input { payload: b"hello", time: 1_700_000_000, seed: [seed; 32] };
    let outcome = prepared.run(&input).unwrap();
    assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
    String::from_utf8(outcome.output).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn python_of_debian_depends_on_the_request_alone() {
    let (Some(packages), Some(bench)) = (packages(), Bench::new()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (root, layout) = (folder.path().join("root"), folder.path().join("layout"));
    root_of(&packages, &root);
    let process = Process {
        entrypoint: vec!["/usr/bin/python3".into(), "-c".into(), SCRIPT.into()],
        cmd: Vec::new(),
        env: vec![("LANG".into(), "C.UTF-8".into())],
        cwd: "/".into(),
        user: "nobody".into(),
    };
    fs::write(root.join("etc/passwd"), "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n").unwrap();
    let digest = pack::pack(&[pack::Source { from: root, to: "/".into() }], &process, &layout).unwrap();
    let cache = Cache::open(&folder.path().join("cache"), Bounds::default()).unwrap();
    let image = cache.unpack(&Layout::open(&layout).unwrap(), digest).unwrap();
    let user = image.user().unwrap();
    let mut settings = support::settings(&image.root, &[]);
    settings.args = image.process.args();
    settings.env = image.environment(&user);
    (settings.user, settings.group, settings.groups) = (user.uid, user.gid, user.groups);
    settings.limits = Limits { memory_bytes: 256 << 20, wall_millis: 60_000, ..Limits::default() };
    let prepared = bench.runtime.prepare(settings).unwrap();
    let (one, same, other) = (run(&prepared, 7), run(&prepared, 7), run(&prepared, 8));
    println!("{}", one.join("\n"));
    assert_eq!(one, same);
    assert!(one[0].contains("Debian") && one[0].ends_with(" 3"), "{}", one[0]);
    assert_eq!(one[1], "time 1700000000 2023");
    assert_eq!(one[4], "input hello");
    assert_eq!(one[..2], other[..2]);
    assert_ne!(one[2], other[2], "randomness");
    assert_ne!(one[3], other[3], "the order of strings");
}
