use std::{
    io,
    path::{Path, PathBuf},
};

use super::Digest;

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a digest.
    #[error("`{text}` is not a digest; expected `sha256:` and 64 lower-case hexadecimal digits")]
    Digest {
        /// What was given.
        text: String,
    },
    /// Blobs are not in the layout. There may be more: what a missing document names is not known yet.
    #[error("the layout has no blob {}; copy the whole image, with the blobs of this platform", list(digests))]
    Missing {
        /// All that are known to be missing, at least one.
        digests: Vec<Digest>,
    },
    /// The layout says not which of its images is meant.
    #[error("the layout holds no image for linux/amd64, or several; name one by its digest: {}", none_or(choices))]
    Choices {
        /// What it holds.
        choices: Vec<String>,
    },
    /// Not a layout.
    #[error("`{path}` is no OCI image layout: {reason}")]
    NotLayout {
        /// What was opened.
        path: PathBuf,
        /// What it is instead, and what to do.
        reason: &'static str,
    },
    /// Somebody else is at it.
    #[error("blob {digest} is being fetched by another process; wait for it and try again")]
    Busy {
        /// The blob.
        digest: Digest,
    },
    /// Other images, which are in use, leave no room in the cache.
    #[error(
        "the image needs {needed} bytes, the cache has room for {max} and its other images are in use; raise its size"
    )]
    CacheFull {
        /// Bytes that it and the images in use need.
        needed: u64,
        /// Bytes that the cache may have.
        max: u64,
    },
    /// A blob's content is another than its digest says.
    #[error("blob {expected} has the digest {found}; it is damaged or was changed, so fetch the image again")]
    Content {
        /// By what it was asked for.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// A blob's size is another than its descriptor says.
    #[error(
        "blob {digest} has {found} bytes, its descriptor says {expected}; it is truncated or was changed, so fetch the image again"
    )]
    Size {
        /// The blob.
        digest: Digest,
        /// What the descriptor says.
        expected: u64,
        /// Its bytes.
        found: u64,
    },
    /// A bound is exceeded.
    #[error("the image has more than {max} {what}; make it smaller")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The most there may be.
        max: u64,
    },
    /// A document cannot be understood.
    #[error("{what} cannot be understood: {reason}")]
    Document {
        /// Which document.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not for this platform.
    #[error("the image is for {found}, expected linux/amd64; build it for that platform")]
    Platform {
        /// What it is for.
        found: String,
    },
    /// Nothing to run.
    #[error("the image has neither an entrypoint nor a command; set one when it is built")]
    NoEntrypoint,
    /// An entry names something outside the root.
    #[error("the layer's entry `{path}` leaves the root ({reason}); rebuild the image with paths below its root")]
    Escape {
        /// The entry's path.
        path: String,
        /// How.
        reason: &'static str,
    },
    /// An entry is of a kind that no image may bring.
    #[error("the layer's entry `{path}` is {kind}; only files, folders and links can be unpacked")]
    Kind {
        /// The entry's path.
        path: String,
        /// What it is.
        kind: String,
    },
    /// An entry is damaged, or means nothing.
    #[error("the layer's entry `{path}` is invalid: {reason}")]
    Entry {
        /// The entry's path.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A layer is not an archive of the kind it is said to be.
    #[error("layer {digest} cannot be read: {source}")]
    Layer {
        /// The layer.
        digest: Digest,
        /// What happened.
        source: io::Error,
    },
    /// This host failed.
    #[error("cannot {action} `{path}`: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

fn list(digests: &[Digest]) -> String {
    digests.iter().map(Digest::to_string).collect::<Vec<_>>().join(", ")
}

fn none_or(choices: &[String]) -> String {
    if choices.is_empty() { "it is empty".into() } else { choices.join(", ") }
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}
