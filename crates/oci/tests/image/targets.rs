//! Fuzz targets: documents and layers of images that a stranger made. Their digests fit: those who make images make these too.

use std::fs;

use serde_json::{Value, json};
use tar::EntryType;
use vouch_oci::image::{Bounds, Digest, Layout, default_digest, inspect};

use crate::bench::{Bench, layer, zip};
use crate::fuzz;

fn small() -> Bench {
    let bounds = Bounds { unpacked_bytes: 1 << 20, files: 100, ..Bounds::default() };
    Bench { bounds, ..Bench::new() }
}

fn content() -> Vec<u8> {
    layer(&[
        (EntryType::Directory, "etc", ""),
        (EntryType::Regular, "etc/name", "a name"),
        (EntryType::Symlink, "link", "etc/name"),
        (EntryType::Regular, "etc/.wh.gone", ""),
    ])
}

/// The bytes of a blob of an image, and the image's digest.
fn document(bench: &Bench, of: impl Fn(&Value) -> Option<Digest>) -> Vec<u8> {
    let digest = bench.image(&[content()]);
    let manifest = fs::read(bench.blob_path(digest)).unwrap();
    let part = of(&serde_json::from_slice(&manifest).unwrap());
    part.map_or(manifest, |part| fs::read(bench.blob_path(part)).unwrap())
}

#[test]
fn image_manifests() {
    let bench = small();
    let seed = document(&bench, |_| None);
    fuzz!("image_manifests", vec![seed], |bytes| {
        let digest = bench.blob(bytes);
        let taken = inspect(&Layout::open(&bench.path("layout")).unwrap(), digest, &bench.bounds).is_ok();
        fs::remove_file(bench.blob_path(digest)).unwrap();
        taken
    });
}

#[test]
fn image_configurations() {
    let bench = small();
    let seed = document(&bench, |manifest| manifest["config"]["digest"].as_str()?.parse().ok());
    let manifest = document(&bench, |_| None);
    fuzz!("image_configurations", vec![seed], |bytes| {
        let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let config = bench.blob(bytes);
        manifest["config"]["digest"] = json!(config.to_string());
        manifest["config"]["size"] = json!(bytes.len());
        let digest = bench.blob(manifest.to_string().as_bytes());
        let found = inspect(&Layout::open(&bench.path("layout")).unwrap(), digest, &bench.bounds);
        for blob in [config, digest] {
            fs::remove_file(bench.blob_path(blob)).unwrap();
        }
        let Ok(process) = found else { return false };
        // What is started has a name, and no variable breaks out of its own.
        assert!(!process.args().is_empty());
        assert!(process.env.iter().all(|(name, _)| !name.contains('=')));
        true
    });
}

#[test]
fn image_indexes() {
    let bench = small();
    let digest = bench.image(&[content()]);
    let size = fs::metadata(bench.blob_path(digest)).unwrap().len();
    let media = "application/vnd.oci.image.manifest.v1+json";
    let index = json!({ "schemaVersion": 2, "manifests": [{ "mediaType": media, "digest": digest.to_string(), "size": size }] });
    fuzz!("image_indexes", vec![index.to_string().into_bytes()], |bytes| {
        fs::write(bench.path("layout/index.json"), bytes).unwrap();
        default_digest(&Layout::open(&bench.path("layout")).unwrap()).is_ok()
    });
}

/// Unpacks a layer; nothing outside the image's folder changes, and a refused one leaves nothing.
fn unpack(bench: &Bench, kind: &str, bytes: &[u8], unpacked: Digest) -> bool {
    let digest = bench.image_of(&[(kind, bytes, unpacked)]);
    let taken = match bench.unpack(digest) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(fs::read_dir(bench.path("cache")).unwrap().count(), 0, "left behind after: {error}");
            false
        }
    };
    assert_eq!(fs::read_to_string(bench.path("victim")).unwrap(), "untouched");
    let mut beside: Vec<_> =
        fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    beside.sort();
    assert_eq!(beside, ["cache", "layout", "victim"]);
    fs::remove_dir_all(bench.path("cache")).unwrap();
    for blob in fs::read_dir(bench.path("layout/blobs/sha256")).unwrap() {
        fs::remove_file(blob.unwrap().path()).unwrap();
    }
    taken
}

#[test]
fn image_layers() {
    let bench = small();
    fuzz!("image_layers", vec![content()], |bytes| unpack(&bench, "tar", bytes, Digest::of(bytes)));
}

#[test]
fn packed_image_layers() {
    let bench = small();
    let unpacked = Digest::of(&content());
    fuzz!("packed_image_layers", vec![zip(&content())], |bytes| {
        // What does not unpack to the same bytes is refused, whatever it is.
        unpack(&bench, "tar+gzip", bytes, unpacked)
    });
}

#[test]
fn zstd_image_layers() {
    let bench = small();
    // A frame of raw blocks: the magic number, a window of 8 MiB at most, one last raw block.
    let content = content();
    let size = u32::try_from(content.len()).unwrap();
    let header = (size << 3 | 1).to_le_bytes();
    let seed = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58][..], &header[..3], &content].concat();
    fuzz!("zstd_image_layers", vec![seed], |bytes| unpack(&bench, "tar+zstd", bytes, Digest::of(&content)));
}
