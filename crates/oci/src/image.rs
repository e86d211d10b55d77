//! Images: from an OCI layout to a root that a container can be given, verified byte by byte and bounded everywhere.
//!
//! - [`Layout`] reads a layout, from a folder or a tar archive of one, by digest; [`closure`] says what an image consists of.
//! - [`Cache`] unpacks an image once per digest; the result is complete or absent, and only read afterwards.
//! - [`registry`] fetches an image from where it was published.
//! - [`pack`] makes an image from folders, the same bytes every time.
//!
//! Nothing in an image is trusted: every blob is compared with its digest and size, every path is resolved by the kernel
//! within the root that is being built, and whatever a program does not need (device nodes, sockets, set-user-id bits,
//! extended attributes) is refused or dropped. A layer is read twice: once to verify and to count it, so that a layer that
//! is too large is refused before a byte of it is written, and once to write it and to compare what was written.

mod cache;
mod contents;
mod digest;
mod document;
mod error;
mod layer;
mod layout;
mod lock;
pub mod pack;
mod partial;
pub mod registry;
mod tree;
mod user;

pub use cache::{Cache, Unpacked};
pub use contents::{Blob, closure};
pub use digest::Digest;
pub use document::{Process, default_digest, inspect};
pub use error::Error;
pub use layout::Layout;
pub use user::User;

/// What an image may use; everything above is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of an index, a manifest or a configuration, each.
    pub document_bytes: u64,
    /// Layers of an image.
    pub layers: usize,
    /// Bytes of all layers' unpacked archives together, headers included.
    pub unpacked_bytes: u64,
    /// Entries of all layers together.
    pub files: u64,
    /// Bytes of a path or of a link's target.
    pub path_bytes: usize,
    /// Folders within folders.
    pub depth: usize,
}

impl Default for Bounds {
    /// Room for images of a few gigabytes.
    fn default() -> Self {
        Self {
            document_bytes: 4 << 20,
            layers: 127,
            unpacked_bytes: 8 << 30,
            files: 500_000,
            path_bytes: 1_024,
            depth: 64,
        }
    }
}
