//! Images as an adversary makes them: each is refused for its own reason and leaves nothing behind. Needs root, as
//! containers do, because files are given to the container's users.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use serde_json::json;
use tar::EntryType::{Directory as D, Link as H, Regular as F, Symlink as S};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;
use vouch_oci::{
    container::ID_BASE,
    image::{Bounds, Cache, Digest, Error, Layout, Process, Unpacked, pack},
};

struct Bench {
    folder: TempDir,
    bounds: Bounds,
    architecture: &'static str,
    entrypoint: Vec<&'static str>,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("layout/blobs/sha256")).unwrap();
        fs::write(folder.path().join("victim"), "untouched").unwrap();
        Self { folder, bounds: Bounds::default(), architecture: "amd64", entrypoint: vec!["/program"] }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn blob_path(&self, digest: Digest) -> PathBuf {
        self.path("layout/blobs/sha256").join(digest.to_hex())
    }

    fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        fs::write(self.blob_path(digest), bytes).unwrap();
        digest
    }

    fn image(&self, layers: &[Vec<u8>]) -> Digest {
        let gzip: Vec<_> = layers.iter().map(|layer| zip(layer)).collect();
        let ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        let config = json!({ "os": "linux", "architecture": self.architecture, "rootfs": { "diff_ids": ids },
            "config": { "Entrypoint": self.entrypoint } })
        .to_string();
        let descriptors: Vec<_> = gzip
            .iter()
            .map(|bytes| {
                json!({ "digest": self.blob(bytes).to_string(),
            "size": bytes.len(), "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip" })
            })
            .collect();
        let manifest = json!({ "layers": descriptors,
            "config": { "digest": self.blob(config.as_bytes()).to_string(), "size": config.len() } });
        self.blob(manifest.to_string().as_bytes())
    }

    fn unpack(&self, digest: Digest) -> Result<Unpacked, Error> {
        let layout = Layout::open(&self.path("layout"))?;
        Cache::open(&self.path("cache"), self.bounds.clone())?.unpack(&layout, digest)
    }

    /// Unpacks, expects a failure, and that nothing is left of it, inside or outside.
    #[track_caller]
    fn refused(&self, digest: Digest) -> Error {
        let error = self.unpack(digest).unwrap_err();
        assert_eq!(fs::read_dir(self.path("cache")).unwrap().count(), 0, "left behind after: {error}");
        assert_eq!(fs::read_to_string(self.path("victim")).unwrap(), "untouched");
        error
    }

    #[track_caller]
    fn layers_refused(&self, layers: &[Vec<u8>]) -> Error {
        self.refused(self.image(layers))
    }
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes names as they are, which the builder's own functions refuse.
fn entry(layer: &mut Builder<Vec<u8>>, kind: EntryType, path: &str, target: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o6755);
    header.set_uid(7);
    header.set_gid(8);
    header.set_mtime(1_000);
    header.set_cksum();
    layer.append(&header, content).unwrap();
}

fn layer(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, path, target) in entries {
        let content: &[u8] = if *kind == EntryType::Regular { target.as_bytes() } else { b"" };
        let target = if *kind == EntryType::Regular { "" } else { target };
        entry(&mut builder, *kind, path, target, content);
    }
    builder.into_inner().unwrap()
}

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

#[test]
fn what_a_killed_process_left_is_discarded() {
    let bench = Bench::new();
    let digest = bench.image(&[layer(&[(F, "program", "x")])]);
    let partial = bench.path("cache").join(format!("{}.partial", digest.to_hex()));
    fs::create_dir_all(partial.join("root/half")).unwrap();
    let root = bench.unpack(digest).unwrap().root;
    assert!(!root.join("half").exists() && !partial.exists() && root.join("program").exists());
}

#[test]
fn packing_is_reproducible_and_archives_open() {
    let bench = Bench::new();
    let process = Process {
        entrypoint: vec!["/app/run".into()],
        cmd: vec![],
        env: vec![("A".into(), "1".into())],
        cwd: "/".into(),
        user: String::new(),
    };
    let make = |name: &str, files: &[&str]| {
        let from = bench.path(name);
        fs::create_dir(&from).unwrap();
        files.iter().for_each(|file| fs::write(from.join(file), file).unwrap());
        symlink("run", from.join("link")).unwrap();
        let to = bench.path(&format!("{name}.layout"));
        (pack::pack(&[pack::Source { from, to: "/app".into() }], &process, &to).unwrap(), to)
    };
    let ((one, layout), (two, _)) = (make("one", &["run", "b"]), make("two", &["b", "run"]));
    assert_eq!(one, two);
    let archive = bench.path("archive.tar");
    archive_of(&layout, &archive);
    let unpacked = Cache::open(&bench.path("cache"), Bounds::default())
        .unwrap()
        .unpack(&Layout::open(&archive).unwrap(), one)
        .unwrap();
    assert_eq!(
        (unpacked.process, fs::read_to_string(unpacked.root.join("app/link")).unwrap()),
        (process, "run".into())
    );
}

fn archive_of(layout: &Path, archive: &Path) {
    let mut builder = Builder::new(File::create(archive).unwrap());
    builder.append_dir_all(".", layout).unwrap();
    builder.finish().unwrap();
}
