//! Makes images, good and bad.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::json;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;
use vouch_oci::image::{Bounds, Cache, Digest, Error, Layout, Unpacked};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";

/// A layout, a cache, and a file beside them that nobody may touch.
pub struct Bench {
    pub folder: TempDir,
    pub bounds: Bounds,
    pub architecture: &'static str,
    pub entrypoint: Vec<&'static str>,
}

impl Bench {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("layout/blobs/sha256")).unwrap();
        fs::write(folder.path().join("victim"), "untouched").unwrap();
        Self { folder, bounds: Bounds::default(), architecture: "amd64", entrypoint: vec!["/program"] }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn blob_path(&self, digest: Digest) -> PathBuf {
        self.path("layout/blobs/sha256").join(digest.to_hex())
    }

    pub fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        fs::write(self.blob_path(digest), bytes).unwrap();
        digest
    }

    /// An image of these unpacked archives, each packed with gzip.
    pub fn image(&self, layers: &[Vec<u8>]) -> Digest {
        let packed: Vec<_> = layers.iter().map(|layer| (zip(layer), Digest::of(layer))).collect();
        self.image_of(&packed.iter().map(|(bytes, id)| ("tar+gzip", &bytes[..], *id)).collect::<Vec<_>>())
    }

    /// An image of layers as they are: type, bytes, and the digest of the unpacked archive.
    pub fn image_of(&self, layers: &[(&str, &[u8], Digest)]) -> Digest {
        let ids: Vec<_> = layers.iter().map(|(_, _, id)| id.to_string()).collect();
        let config = json!({ "os": "linux", "architecture": self.architecture, "rootfs": { "diff_ids": ids },
            "config": { "Entrypoint": self.entrypoint } })
        .to_string();
        let descriptor = |(kind, bytes, _): &(&str, &[u8], Digest)| {
            json!({ "digest": self.blob(bytes).to_string(), "size": bytes.len(),
                "mediaType": format!("application/vnd.oci.image.layer.v1.{kind}") })
        };
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "layers": layers.iter().map(descriptor).collect::<Vec<_>>(),
            "config": { "mediaType": CONFIGURATION, "digest": self.blob(config.as_bytes()).to_string(),
                "size": config.len() } });
        self.blob(manifest.to_string().as_bytes())
    }

    pub fn unpack(&self, digest: Digest) -> Result<Unpacked, Error> {
        let layout = Layout::open(&self.path("layout"))?;
        Cache::open(&self.path("cache"), self.bounds.clone())?.unpack(&layout, digest)
    }

    /// Unpacks, expects a failure, and that nothing is left of it, inside or outside.
    #[track_caller]
    pub fn refused(&self, digest: Digest) -> Error {
        let error = self.unpack(digest).unwrap_err();
        assert_eq!(fs::read_dir(self.path("cache")).unwrap().count(), 0, "left behind after: {error}");
        assert_eq!(fs::read_to_string(self.path("victim")).unwrap(), "untouched");
        error
    }

    #[track_caller]
    pub fn layers_refused(&self, layers: &[Vec<u8>]) -> Error {
        self.refused(self.image(layers))
    }
}

pub fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes names as they are, which the builder's own functions refuse.
pub fn entry(layer: &mut Builder<Vec<u8>>, kind: EntryType, path: &str, target: &str, content: &[u8]) {
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

pub fn layer(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, path, target) in entries {
        let content: &[u8] = if *kind == EntryType::Regular { target.as_bytes() } else { b"" };
        let target = if *kind == EntryType::Regular { "" } else { target };
        entry(&mut builder, *kind, path, target, content);
    }
    builder.into_inner().unwrap()
}

/// A tar archive of a folder.
pub fn archive_of(layout: &Path, archive: &Path) {
    let mut builder = Builder::new(File::create(archive).unwrap());
    builder.append_dir_all(".", layout).unwrap();
    builder.finish().unwrap();
}
