//! Makes an image layout from folders: the same folder gives the same digest everywhere.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

pub use super::layout::BLOBS;
use super::{Bounds, Digest, Error, Layout, Process, error::failed};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What goes where: a file or a folder of the host, and its absolute path in the image.
#[derive(Clone, Debug)]
pub struct Source {
    /// On the host.
    pub from: PathBuf,
    /// In the image.
    pub to: PathBuf,
}

/// Writes a layout of one image for linux/amd64 to a folder that must not exist yet; returns its manifest's digest.
/// Owners and times are dropped, and entries sorted; of the permissions only whether a file can be executed is kept.
pub fn pack(sources: &[Source], process: &Process, layout: &Path) -> Result<Digest, Error> {
    let blobs = layout.join(BLOBS);
    fs::create_dir(layout).map_err(failed("make", layout))?;
    let made = write(sources, process, layout, &blobs);
    if made.is_err() {
        fs::remove_dir_all(layout).map_err(failed("remove", layout))?;
    }
    made
}

fn write(sources: &[Source], process: &Process, layout: &Path, blobs: &Path) -> Result<Digest, Error> {
    if process.args().is_empty() {
        return Err(Error::NoEntrypoint);
    }
    fs::create_dir_all(blobs).map_err(failed("make", blobs))?;
    let (layer, layer_size) = write_layer(sources, blobs)?;
    let env: Vec<String> = process.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let execution = json!({ "Entrypoint": process.entrypoint, "Cmd": process.cmd, "Env": env,
        "WorkingDir": process.cwd, "User": process.user });
    let config = json!({ "architecture": "amd64", "os": "linux", "config": execution,
        "rootfs": { "type": "layers", "diff_ids": [layer.to_string()] } });
    let (config, config_size) = write_blob(blobs, config.to_string().as_bytes())?;
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST,
        "config": { "mediaType": CONFIGURATION, "digest": config.to_string(), "size": config_size },
        "layers": [{ "mediaType": LAYER, "digest": layer.to_string(), "size": layer_size }] });
    let (manifest, size) = write_blob(blobs, manifest.to_string().as_bytes())?;
    let entry = json!({ "mediaType": MANIFEST, "digest": manifest.to_string(), "size": size,
        "platform": { "os": "linux", "architecture": "amd64" } });
    write_index(layout, &entry)?;
    Ok(manifest)
}

/// Makes a layout of a folder whose [`BLOBS`] are those of one image.
pub fn describe(layout: &Path, digest: Digest) -> Result<(), Error> {
    let blobs = Layout::blobs(&layout.join(BLOBS))?;
    let bytes = blobs.document(digest, None, &Bounds::default())?;
    let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let media_type = document["mediaType"].as_str().unwrap_or(MANIFEST);
    write_index(layout, &json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() }))
}

fn write_index(layout: &Path, entry: &Value) -> Result<(), Error> {
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    for (name, text) in [("index.json", index.to_string()), ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#.into())]
    {
        fs::write(layout.join(name), text).map_err(failed("write", layout))?;
    }
    Ok(())
}

/// Writes a layout's folder to an archive that must not exist yet; the same layout gives the same bytes.
pub fn archive(layout: &Path, archive: &Path) -> Result<(), Error> {
    let file = File::create_new(archive).map_err(failed("write", archive))?;
    let mut builder = Builder::new(file);
    let written = add(&mut builder, layout, Path::new("")).and_then(|()| builder.into_inner()?.sync_all());
    if written.is_err() {
        fs::remove_file(archive).map_err(failed("remove", archive))?;
    }
    written.map_err(failed("write", archive))
}

fn write_blob(blobs: &Path, bytes: &[u8]) -> Result<(Digest, usize), Error> {
    let digest = Digest::of(bytes);
    let path = blobs.join(digest.to_hex());
    fs::write(&path, bytes).map_err(failed("write", &path))?;
    Ok((digest, bytes.len()))
}

fn write_layer(sources: &[Source], blobs: &Path) -> Result<(Digest, u64), Error> {
    let path = blobs.join("layer");
    let mut builder = Builder::new(File::create(&path).map_err(failed("write", &path))?);
    let mut sources = sources.to_vec();
    sources.sort_by(|one, other| one.to.cmp(&other.to));
    for source in &sources {
        let to = source.to.strip_prefix("/").unwrap_or(&source.to);
        add(&mut builder, &source.from, to).map_err(failed("pack", &source.from))?;
    }
    builder.into_inner().map_err(failed("write", &path))?;
    let reader = super::digest::Hashing::new(File::open(&path).map_err(failed("read", &path))?);
    let (digest, size) = reader.finish().map_err(failed("read", &path))?;
    fs::rename(&path, blobs.join(digest.to_hex())).map_err(failed("name", &path))?;
    Ok((digest, size))
}

fn add(builder: &mut Builder<File>, from: &Path, to: &Path) -> io::Result<()> {
    let metadata = from.symlink_metadata()?;
    let executable = metadata.is_dir() || metadata.permissions().mode() & 0o111 != 0;
    let mut header = Header::new_gnu();
    header.set_mode(if executable { 0o755 } else { 0o644 });
    header.set_size(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    if metadata.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        builder.append_link(&mut header, to, fs::read_link(from)?)
    } else if metadata.is_file() {
        header.set_size(metadata.len());
        builder.append_data(&mut header, to, File::open(from)?)
    } else if metadata.is_dir() {
        add_folder(builder, &mut header, from, to)
    } else {
        Err(io::Error::other(format!("`{}` is neither file, folder nor link", from.display())))
    }
}

fn add_folder(builder: &mut Builder<File>, header: &mut Header, from: &Path, to: &Path) -> io::Result<()> {
    if to.as_os_str() != "" {
        header.set_entry_type(EntryType::Directory);
        builder.append_data(header, to, io::empty())?;
    }
    let mut names = fs::read_dir(from)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    names.iter().try_for_each(|name| add(builder, &from.join(name), &to.join(name)))
}
