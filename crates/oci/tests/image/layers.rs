//! Hostile layers.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    time::{Duration, Instant},
};

use tar::EntryType::{Directory as D, Link as H, Regular as F, Symlink as S};
use tar::{Builder, EntryType};
use vouch_oci::{
    container::ID_BASE,
    image::{Digest, Error},
};

use crate::bench::{Bench, entry, layer, zip};

#[test]
fn layers_are_merged_and_set_user_id_is_dropped() {
    let bench = Bench::new();
    let lower = layer(&[
        (D, "usr/", ""),
        (F, "usr/a", "a"),
        (F, "usr/b", "b"),
        (S, "bin", "/usr"),
        (F, "gone", "x"),
        (F, "old/x", "x"),
    ]);
    let upper = layer(&[
        (F, "old/new", "n"),
        (F, "old/.wh..wh..opq", ""),
        (F, ".wh.gone", ""),
        (F, "bin/a", "A"),
        (H, "hard", "bin/b"),
    ]);
    let digest = bench.image(&[lower, upper]);
    let root = bench.unpack(digest).unwrap().root;
    let read = |name: &str| fs::read_to_string(root.join(name)).ok();
    assert_eq!(
        ["usr/a", "hard", "old/new", "gone", "old/x"].map(read),
        [Some("A".into()), Some("b".into()), Some("n".into()), None, None]
    );
    let file = root.join("usr/a").metadata().unwrap();
    assert_eq!(
        (file.uid(), file.gid(), file.mtime(), file.permissions().mode() & 0o7777),
        (ID_BASE + 7, ID_BASE + 8, 1_000, 0o755)
    );
    fs::remove_dir_all(bench.path("layout/blobs")).unwrap();
    assert_eq!(bench.unpack(digest).unwrap().root, root, "the second time nothing is read");
}

#[test]
fn no_path_leads_out() {
    let victim = |bench: &Bench| bench.path("victim").to_str().unwrap().to_owned();
    for (kind, path, target) in [
        (F, "../victim", "x"),
        (F, "/victim", "x"),
        (F, "a/../../victim", "x"),
        (H, "a", "../victim"),
        (H, "a", "/etc/passwd"),
        (F, "../.wh.victim", ""),
        (F, "a/.wh...", ""),
        (F, "a/.wh.", ""),
    ] {
        let error = Bench::new().layers_refused(&[layer(&[(kind, path, target)])]);
        assert!(matches!(error, Error::Escape { .. }), "{path}: {error}");
    }
    // Links may say what they like, but lead nowhere outside, neither for writing nor for a whiteout or a hard link.
    let bench = Bench::new();
    let folder = bench.folder.path().to_str().unwrap().to_owned();
    let lower = layer(&[(S, "out", &folder)]);
    assert!(
        bench.layers_refused(&[lower.clone(), layer(&[(F, "out/victim", "x")])]).to_string().contains("out/victim")
    );
    assert!(
        bench.layers_refused(&[lower.clone(), layer(&[(F, "out/.wh.victim", "")])]).to_string().contains("out/victim")
    );
    assert!(bench.layers_refused(&[lower, layer(&[(H, "stolen", "out/victim")])]).to_string().contains("stolen"));
    let up = layer(&[(S, "up", "../../../.."), (F, "up/inside", "x")]);
    let root = bench.unpack(bench.image(&[up])).unwrap().root;
    assert!(root.join("inside").exists() && !victim(&bench).is_empty());
}

#[test]
fn only_files_folders_and_links() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::GNUSparse] {
        assert!(matches!(
            Bench::new().layers_refused(&[layer(&[(kind, "x", "")])]),
            Error::Kind { .. } | Error::Layer { .. }
        ));
    }
}

#[test]
fn bombs_are_refused() {
    let mut bench = Bench::new();
    (bench.bounds.files, bench.bounds.unpacked_bytes, bench.bounds.layers) = (10, 1 << 20, 3);
    let many: Vec<_> = (0..11).map(|i| format!("f{i}")).collect();
    let files = layer(&many.iter().map(|name| (F, name.as_str(), "x")).collect::<Vec<_>>());
    assert!(matches!(bench.layers_refused(&[files]), Error::TooLarge { what: "files", .. }));
    let mut big = Builder::new(Vec::new());
    entry(&mut big, F, "big", "", &vec![0; 2 << 20]);
    assert!(matches!(
        bench.layers_refused(&[big.into_inner().unwrap()]),
        Error::TooLarge { what: "unpacked bytes", .. }
    ));
    assert!(matches!(bench.layers_refused(&vec![layer(&[]); 4]), Error::TooLarge { what: "layers", .. }));
    let deep = vec!["d"; 40].join("/");
    bench.bounds.depth = 20;
    assert!(bench.layers_refused(&[layer(&[(D, &deep, "")])]).to_string().contains("folders deep"));
    bench.bounds.path_bytes = 30;
    assert!(matches!(bench.layers_refused(&[layer(&[(D, &deep, "")])]), Error::TooLarge { .. }));
}

#[test]
fn what_is_damaged_or_not_for_here_is_refused() {
    let bench = Bench::new();
    let good = layer(&[(F, "program", "x")]);
    let digest = bench.image(std::slice::from_ref(&good));
    let blob = bench.blob_path(Digest::of(&zip(&good)));
    let bytes = fs::read(&blob).unwrap();
    fs::write(&blob, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(bench.refused(digest), Error::Size { .. }), "truncated");
    let mut changed = bytes.clone();
    changed[20] ^= 1;
    fs::write(&blob, changed).unwrap();
    assert!(matches!(bench.refused(digest), Error::Content { .. }), "changed");
    fs::remove_file(&blob).unwrap();
    assert!(matches!(bench.refused(digest), Error::Missing { .. }), "missing");
    fs::write(bench.blob_path(digest), "{}").unwrap();
    assert!(matches!(bench.refused(digest), Error::Content { .. }), "manifest");
    let other = Bench { architecture: "arm64", ..Bench::new() };
    assert!(matches!(other.layers_refused(std::slice::from_ref(&good)), Error::Platform { .. }));
    let empty = Bench { entrypoint: vec![], ..Bench::new() };
    assert!(matches!(empty.layers_refused(&[good]), Error::NoEntrypoint));
}

/// A start and so many zeros, packed in pieces, of which a gzip file may have many.
fn zipped_zeros(start: &[u8], count: u64) -> Vec<u8> {
    const PIECE: u64 = 16 << 20;
    let piece = zip(&vec![0; PIECE as usize]);
    let pieces = std::iter::repeat_n(piece, (count / PIECE) as usize);
    std::iter::once(zip(start)).chain(pieces).flatten().collect()
}

/// Some megabytes that unpack to more than an image may have are refused at the default bounds, before any
/// of it is written.
#[test]
fn a_bomb_of_real_size_is_refused_before_it_fills_the_disk() {
    let bench = Bench::new();
    let bytes = bench.bounds.unpacked_bytes + (1 << 30);
    let mut header = tar::Header::new_gnu();
    header.set_path("bomb").unwrap();
    header.set_size(bytes);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_mode(0o644);
    header.set_cksum();
    let bomb = zipped_zeros(header.as_bytes(), bytes);
    let digest = bench.image_of(&[("tar+gzip", &bomb, Digest::of(b"whatever"))]);
    let free = || rustix::fs::statvfs(bench.folder.path()).map(|stat| stat.f_bavail * stat.f_frsize).unwrap();
    let (before, started) = (free(), Instant::now());
    let error = bench.refused(digest);
    assert!(matches!(error, Error::TooLarge { what: "unpacked bytes", .. }), "{error}");
    assert!(before.saturating_sub(free()) < 1 << 30, "it was written");
    println!("{} bytes that unpack to {bytes} were refused after {:?}", bomb.len(), started.elapsed());
}

#[test]
fn a_million_files_are_refused() {
    let bench = Bench::new();
    let mut builder = Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_mode(0o644);
    for number in 0..1_000_000 {
        header.set_path(format!("{number}")).unwrap();
        header.set_cksum();
        builder.append(&header, std::io::empty()).unwrap();
    }
    let packed = builder.into_inner().unwrap().finish().unwrap();
    let digest = bench.image_of(&[("tar+gzip", &packed, Digest::of(b"whatever"))]);
    let started = Instant::now();
    assert!(matches!(bench.refused(digest), Error::TooLarge { what: "files", max: 500_000 }));
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
}

#[test]
fn layers_may_be_plain_or_packed_either_way() {
    let content = layer(&[(F, "file", "content")]);
    let id = Digest::of(&content);
    let zstd = ruzstd::encoding::compress_to_vec(&content[..], ruzstd::encoding::CompressionLevel::Fastest);
    for (kind, bytes) in [("tar", content.clone()), ("tar+gzip", zip(&content)), ("tar+zstd", zstd)] {
        let bench = Bench::new();
        let root = bench.unpack(bench.image_of(&[(kind, &bytes, id)])).unwrap().root;
        assert_eq!(fs::read_to_string(root.join("file")).unwrap(), "content", "{kind}");
        // Half of it, with a descriptor that fits: the archive itself is broken.
        let half = &bytes[..bytes.len() / 2];
        let bench = Bench::new();
        let error = bench.refused(bench.image_of(&[(kind, half, id)]));
        assert!(matches!(error, Error::Layer { .. } | Error::Entry { .. } | Error::Content { .. }), "{kind}: {error}");
        // Whole, but another one than the configuration names.
        let error = bench.refused(bench.image_of(&[(kind, &bytes, Digest::of(b"other"))]));
        assert!(matches!(error, Error::Content { .. }), "{kind}: {error}");
    }
    let bench = Bench::new();
    let error = bench.refused(bench.image_of(&[("tar+xz", &zip(&content), id)]));
    assert!(error.to_string().contains("expected tar, tar+gzip or tar+zstd"), "{error}");
    let error = bench.refused(bench.image_of(&[("tar+gzip", &content, id)]));
    assert!(matches!(error, Error::Layer { .. }), "{error}");
}
