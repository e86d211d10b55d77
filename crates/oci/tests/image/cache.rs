//! What stays in a cache, and for how long.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tar::{Builder, EntryType::Regular as F};
use vouch_oci::image::{Bounds, Cache, Digest, Error, Layout, Unpacked};

use crate::bench::{Bench, entry, layer};

/// Set for a process of this very program that unpacks and is killed: the bench's folder and the image.
const FOLDER: &str = "VOUCH_OCI_TEST_FOLDER";
const IMAGE: &str = "VOUCH_OCI_TEST_IMAGE";

/// An image of about a megabyte, another one for each byte.
fn image(bench: &Bench, byte: u8) -> Digest {
    let mut builder = Builder::new(Vec::new());
    entry(&mut builder, F, "file", "", &vec![byte; 1 << 20]);
    bench.image(&[builder.into_inner().unwrap()])
}

fn cache(bench: &Bench, images: u64) -> impl Fn(Digest) -> Result<Unpacked, Error> {
    // Room for so many and a half.
    let capacity = images * (1 << 20) + (1 << 19);
    let cache = Cache::open(&bench.path("cache"), Bounds::default()).unwrap().with_capacity(capacity);
    let layout = Layout::open(&bench.path("layout")).unwrap();
    move |digest| cache.unpack(&layout, digest)
}

#[test]
fn the_least_recently_used_makes_room() {
    let bench = Bench::new();
    let unpack = cache(&bench, 2);
    let [a, b, c] = [1, 2, 3].map(|byte| image(&bench, byte));
    let is_there = |digest: Digest| bench.path("cache").join(digest.to_hex()).exists();
    unpack(a).unwrap();
    unpack(b).unwrap();
    unpack(a).unwrap();
    unpack(c).unwrap();
    assert_eq!([a, b, c].map(is_there), [true, false, true]);
    let names = fs::read_dir(bench.path("cache")).unwrap().count();
    assert_eq!(names, 2, "nothing else is left");
}

#[test]
fn what_is_in_use_stays() {
    let bench = Bench::new();
    let (unpack, other) = (cache(&bench, 2), cache(&bench, 2));
    let [a, b, c] = [1, 2, 3].map(|byte| image(&bench, byte));
    let (first, second) = (unpack(a).unwrap(), other(b).unwrap());
    let error = unpack(c).unwrap_err();
    assert!(matches!(error, Error::CacheFull { .. }), "{error}");
    assert!(first.root.join("file").exists() && second.root.join("file").exists());
    assert_eq!(fs::read_dir(bench.path("cache")).unwrap().count(), 2, "the one that does not fit leaves nothing");
    let clone = first.clone();
    drop((first, second));
    let third = unpack(c).unwrap();
    assert!(clone.root.join("file").exists() && third.root.join("file").exists());
    assert!(!bench.path("cache").join(b.to_hex()).exists());
}

#[test]
fn one_that_is_asked_for_by_many_is_unpacked_once() {
    let bench = Bench::new();
    let digest = image(&bench, 1);
    let roots: Vec<_> = thread::scope(|scope| {
        let unpack = || cache(&bench, 4)(digest).unwrap().root;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(unpack)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(roots.iter().all(|root| *root == roots[0] && root.join("file").exists()));
    assert_eq!(fs::read_dir(bench.path("cache")).unwrap().count(), 1);
}

/// Not a test of its own: what the process that is killed does.
#[test]
fn unpacks_until_it_is_killed() {
    let (Some(folder), Ok(digest)) = (env::var_os(FOLDER), env::var(IMAGE)) else { return };
    let folder = Path::new(&folder);
    let layout = Layout::open(&folder.join("layout")).unwrap();
    let cache = Cache::open(&folder.join("cache"), Bounds::default()).unwrap();
    cache.unpack(&layout, digest.parse().unwrap()).unwrap();
}

#[test]
fn what_a_killed_process_leaves_is_swept() {
    let bench = Bench::new();
    let mut builder = Builder::new(Vec::new());
    for number in 0..20 {
        entry(&mut builder, F, &format!("file{number}"), "", &vec![number; 8 << 20]);
    }
    let digest = bench.image(&[builder.into_inner().unwrap()]);
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "cache::unpacks_until_it_is_killed"])
        .env(FOLDER, bench.folder.path())
        .env(IMAGE, digest.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let partial = bench.path("cache").join(format!("{}.partial", digest.to_hex()));
    let started = Instant::now();
    while !partial.join("root/file0").exists() {
        assert!(started.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        thread::sleep(Duration::from_millis(1));
    }
    // Whoever opens the cache meanwhile leaves alone what somebody is at work on.
    Cache::open(&bench.path("cache"), Bounds::default()).unwrap();
    assert!(partial.join("root").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(partial.exists(), "it was killed too late");
    Cache::open(&bench.path("cache"), Bounds::default()).unwrap();
    assert_eq!(fs::read_dir(bench.path("cache")).unwrap().count(), 0);
    assert!(bench.unpack(digest).unwrap().root.join("file19").exists());
}

/// The time that a node's first request to an image of this size waits for.
#[test]
fn a_large_image_is_unpacked_in_seconds() {
    const FILES: u64 = 50;
    let bench = Bench::new();
    let mut builder = Builder::new(Vec::new());
    let mut state = 1_u64;
    let mut noise = |_| {
        // Half of it repeats, as in real programs.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if state >> 63 == 0 { 0 } else { (state >> 33) as u8 }
    };
    let content: Vec<u8> = (0..10_u64 << 20).map(&mut noise).collect();
    for number in 0..FILES {
        entry(&mut builder, F, &format!("file{number}"), "", &content);
    }
    let digest = bench.image(&[builder.into_inner().unwrap()]);
    let started = Instant::now();
    bench.unpack(digest).unwrap();
    let cold = started.elapsed();
    let started = Instant::now();
    bench.unpack(digest).unwrap();
    println!("{} MiB: cold {cold:?}, again {:?}", FILES * 10, started.elapsed());
    assert!(cold < Duration::from_secs(120) && started.elapsed() < Duration::from_secs(1));
}

#[test]
fn an_older_caches_image_is_unpacked_anew() {
    let bench = Bench::new();
    let digest = bench.image(&[layer(&[(F, "program", "x")])]);
    let done = bench.path("cache").join(digest.to_hex());
    fs::create_dir_all(done.join("root/other")).unwrap();
    let root = bench.unpack(digest).unwrap().root;
    assert!(root.join("program").exists() && !root.join("other").exists());
}
