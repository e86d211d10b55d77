//! Layouts, archives and folders of blobs, and what is in them.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
};

use serde_json::{Value, json};
use tar::EntryType::Regular as F;
use vouch_oci::image::{Bounds, Cache, Digest, Error, Layout, Process, closure, default_digest, inspect, pack};

use crate::bench::{Bench, archive_of, layer};

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

fn missing(layout: &Layout, digest: Digest) -> Vec<Digest> {
    match closure(layout, digest, &Bounds::default()) {
        Err(Error::Missing { digests }) => digests,
        other => panic!("nothing is missing: {other:?}"),
    }
}

/// A node that has nothing asks again and again until it has everything, and is told no more than it can know.
#[test]
fn what_is_missing_is_known_from_the_top() {
    let bench = Bench::new();
    let manifest = bench.image(&[layer(&[(F, "a", "1")]), layer(&[(F, "b", "2")])]);
    let size = fs::metadata(bench.blob_path(manifest)).unwrap().len();
    let index = json!({ "manifests": [
        { "digest": Digest::of(b"arm").to_string(), "size": 3, "platform": { "os": "linux", "architecture": "arm64" } },
        { "digest": manifest.to_string(), "size": size, "platform": { "os": "linux", "architecture": "amd64" } } ] });
    let index = bench.blob(index.to_string().as_bytes());
    let folder = bench.path("blobs");
    fs::create_dir(&folder).unwrap();
    let layout = Layout::blobs(&folder).unwrap();
    let fetch = |digest: Digest| fs::copy(bench.blob_path(digest), folder.join(digest.to_hex())).unwrap();
    assert_eq!(missing(&layout, index), [index]);
    fetch(index);
    assert_eq!(missing(&layout, index), [manifest]);
    fetch(manifest);
    let rest = missing(&layout, index);
    assert_eq!(rest.len(), 3, "a configuration and two layers");
    for digest in &rest[1..] {
        fetch(*digest);
    }
    assert_eq!(missing(&layout, index), rest[..1]);
    fetch(rest[0]);
    let blobs = closure(&layout, index, &Bounds::default()).unwrap();
    let sizes: Vec<_> =
        blobs.iter().map(|blob| fs::metadata(folder.join(blob.digest.to_hex())).unwrap().len()).collect();
    assert_eq!(blobs.iter().map(|blob| blob.size).collect::<Vec<_>>(), sizes);
    assert_eq!(blobs[..2].iter().map(|blob| blob.digest).collect::<Vec<_>>(), [index, manifest]);
    let opened = Layout::open(&folder).unwrap();
    assert_eq!(inspect(&opened, index, &Bounds::default()).unwrap().entrypoint, ["/program"]);
}

#[test]
fn what_an_image_needs_is_bounded_before_anything_is_fetched() {
    let bench = Bench::new();
    let named = |size: u64| json!({ "digest": Digest::of(b"x").to_string(), "size": size });
    let refused = |manifest: Value| {
        let digest = bench.blob(manifest.to_string().as_bytes());
        closure(&Layout::open(&bench.path("layout")).unwrap(), digest, &Bounds::default()).unwrap_err()
    };
    for manifest in [
        json!({ "config": named(5 << 20), "layers": [] }),
        json!({ "config": named(1), "layers": [named(9 << 30)] }),
        json!({ "config": named(1), "layers": [named(u64::MAX), named(2)] }),
        json!({ "config": named(1), "layers": vec![named(1); 128] }),
    ] {
        assert!(matches!(refused(manifest), Error::TooLarge { .. }));
    }
    assert!(matches!(refused(json!({ "layers": [] })), Error::Document { .. }));
}

#[test]
fn a_layout_says_which_image_it_is_for() {
    let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
    let of = |digest: Digest, platform: Value| json!({ "digest": digest.to_string(), "size": 1, "platform": platform });
    let named = |digest: Digest| {
        json!({ "digest": digest.to_string(), "size": 1,
        "annotations": { "org.opencontainers.image.ref.name": "app:1" } })
    };
    let amd = json!({ "os": "linux", "architecture": "amd64" });
    let unknown = json!({ "os": "unknown", "architecture": "unknown" });
    let choose = |manifests: &[Value]| {
        let bench = Bench::new();
        fs::write(bench.path("layout/index.json"), json!({ "manifests": manifests }).to_string()).unwrap();
        default_digest(&Layout::open(&bench.path("layout")).unwrap())
    };
    assert_eq!(choose(&[named(one)]).unwrap(), one);
    assert_eq!(choose(&[of(one, amd.clone()), of(two, unknown.clone())]).unwrap(), one);
    assert_eq!(choose(&[named(one), named(one)]).unwrap(), one, "one image, two tags");
    for several in [
        &[named(one), named(two)][..],
        &[of(one, amd.clone()), of(two, amd)],
        &[of(one, unknown.clone()), of(two, unknown)],
    ] {
        let error = choose(several).unwrap_err();
        assert!(matches!(error, Error::Choices { .. }), "{error}");
        assert!([one, two].iter().all(|digest| error.to_string().contains(&digest.to_string())), "{error}");
    }
    assert!(choose(&[]).unwrap_err().to_string().contains("it is empty"));
}

/// Writes a tar archive of these files.
fn archive(bench: &Bench, files: &[(&str, &[u8])]) -> std::path::PathBuf {
    let path = bench.path("archive.tar");
    let mut builder = tar::Builder::new(File::create(&path).unwrap());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.finish().unwrap();
    path
}

/// As `docker save` writes them: before 25 without blobs, since then with blobs and both lists.
#[test]
fn archives_of_docker_open_where_they_hold_blobs() {
    let bench = Bench::new();
    let old = archive(&bench, &[("manifest.json", b"[]"), ("abc/layer.tar", b"x"), ("abc.json", b"{}")]);
    let error = Layout::open(&old).unwrap_err().to_string();
    assert!(error.contains("Docker 25") && error.contains("skopeo copy"), "{error}");

    let digest = bench.image(&[layer(&[(F, "program", "x")])]);
    let blobs: Vec<_> =
        fs::read_dir(bench.path("layout/blobs/sha256")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut files: Vec<(String, Vec<u8>)> = blobs
        .iter()
        .map(|path| (format!("blobs/sha256/{}", path.file_name().unwrap().to_str().unwrap()), fs::read(path).unwrap()))
        .collect();
    files.push(("manifest.json".into(), b"[]".to_vec()));
    let open = |files: &[(String, Vec<u8>)]| {
        let files: Vec<_> = files.iter().map(|(name, content)| (name.as_str(), &content[..])).collect();
        Layout::open(&archive(&bench, &files)).unwrap()
    };
    let layout = open(&files);
    assert_eq!(inspect(&layout, digest, &Bounds::default()).unwrap().entrypoint, ["/program"]);
    let error = default_digest(&layout).unwrap_err().to_string();
    assert!(error.contains("name the image by its digest"), "{error}");
    let index = json!({ "manifests": [{ "digest": digest.to_string(), "size": 1 }] }).to_string();
    files.push(("index.json".into(), index.into_bytes()));
    assert_eq!(default_digest(&open(&files)).unwrap(), digest);
}

#[test]
fn what_is_no_archive_of_a_layout_is_refused_with_advice() {
    let bench = Bench::new();
    let error = Layout::open(&archive(&bench, &[("readme", b"x")])).unwrap_err().to_string();
    assert!(error.contains("blobs/sha256"), "{error}");
    for start in [&[0x1f, 0x8b, 8, 0][..], &[0x28, 0xb5, 0x2f, 0xfd]] {
        fs::write(bench.path("packed"), start).unwrap();
        let error = Layout::open(&bench.path("packed")).unwrap_err().to_string();
        assert!(error.contains("unpack it first"), "{error}");
    }
}
