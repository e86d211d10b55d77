//! Which blobs an image consists of, and which of them are not there.

use super::{Bounds, Digest, Error, Layout, document};

/// One blob of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its SHA-256.
    pub digest: Digest,
    /// Bytes, as whatever names it says.
    pub size: u64,
}

/// Every blob that running the image takes, from the top: indexes, manifest, configuration, layers.
///
/// # Errors
/// [`Error::Missing`] with all blobs that are known to be missing: fetch them and ask again.
pub fn closure(layout: &Layout, digest: Digest, bounds: &Bounds) -> Result<Vec<Blob>, Error> {
    let contents = contents(layout, digest, bounds)?;
    let digests: Vec<_> = contents.missing.iter().map(|wanted| wanted.digest).collect();
    if digests.is_empty() { Ok(contents.blobs) } else { Err(Error::Missing { digests }) }
}

/// A blob that is missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub digest: Digest,
    /// Bytes; unknown of the image's topmost document.
    pub size: Option<u64>,
    /// Whether it is an index or a manifest, which registries serve apart.
    pub is_manifest: bool,
}

/// What is known of an image so far.
pub(super) struct Contents {
    /// What it consists of, whether it is there or not.
    pub blobs: Vec<Blob>,
    pub missing: Vec<Wanted>,
}

pub(super) fn contents(layout: &Layout, digest: Digest, bounds: &Bounds) -> Result<Contents, Error> {
    let mut path = Vec::new();
    let manifest = match document::walk(layout, digest, bounds, |digest, size| path.push((digest, size))) {
        Err(Error::Missing { .. }) => {
            let missing = path.pop().map(|(digest, size)| Wanted { digest, size, is_manifest: true });
            return Ok(Contents { blobs: sizes(layout, &path)?, missing: missing.into_iter().collect() });
        }
        walked => walked?,
    };
    let mut blobs = sizes(layout, &path)?;
    let documents = blobs.len();
    let (config, layers) = manifest.parts(digest, bounds)?;
    if config.size > bounds.document_bytes {
        return Err(Error::TooLarge { what: "bytes in a manifest or configuration", max: bounds.document_bytes });
    }
    // A packed layer may be somewhat larger than what is in it, but not by so much that the bound would be another.
    let bytes = layers.iter().try_fold(0_u64, |sum, layer| sum.checked_add(layer.size));
    if bytes.is_none_or(|bytes| bytes > bounds.unpacked_bytes) {
        return Err(Error::TooLarge { what: "bytes in its layers", max: bounds.unpacked_bytes });
    }
    for descriptor in [config].iter().chain(&layers) {
        blobs.push(Blob { digest: descriptor.digest()?, size: descriptor.size });
    }
    let absent = |blob: &&Blob| !layout.has(blob.digest);
    let wanted = |blob: &Blob| Wanted { digest: blob.digest, size: Some(blob.size), is_manifest: false };
    let mut missing: Vec<_> = blobs[documents..].iter().filter(absent).map(wanted).collect();
    // An empty layer is often named several times.
    missing.sort_by_key(|wanted| wanted.digest);
    missing.dedup_by_key(|wanted| wanted.digest);
    Ok(Contents { blobs, missing })
}

fn sizes(layout: &Layout, path: &[(Digest, Option<u64>)]) -> Result<Vec<Blob>, Error> {
    path.iter().map(|(digest, _)| Ok(Blob { digest: *digest, size: layout.blob(*digest)?.1 })).collect()
}
