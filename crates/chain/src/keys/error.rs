use std::path::{Path, PathBuf};

/// Why a key could not be read or written. Every message names its file; none holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} is not the password of {}", .source_name, .path.display())]
    WrongPassword { path: PathBuf, source_name: String },
    #[error("{} is damaged or no keystore: {detail}", .path.display())]
    Corrupted { path: PathBuf, detail: String },
    #[error("{} uses {what}, which is not supported", .path.display())]
    Unsupported { path: PathBuf, what: String },
    #[error("{} exists already; a key is never overwritten", .path.display())]
    Exists { path: PathBuf },
    #[error("{} can be read by other users (mode {mode:o}); make it 600", .path.display())]
    TooOpen { path: PathBuf, mode: u32 },
    #[error("{} is larger than {bytes_max} bytes", .path.display())]
    TooLarge { path: PathBuf, bytes_max: u64 },
    #[error("cannot use {}", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the environment variable {name} is not set")]
    NoVariable { name: String },
    #[error("cannot ask for a password here: {detail}")]
    NoPrompt { detail: String },
    #[error("the password from {source_name} is empty or longer than {bytes_max} bytes")]
    InvalidPassword { source_name: String, bytes_max: usize },
}

impl Error {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn corrupted(path: &Path, detail: impl std::fmt::Display) -> Self {
        Self::Corrupted { path: path.to_owned(), detail: detail.to_string() }
    }

    pub(super) fn unsupported(path: &Path, what: impl std::fmt::Display) -> Self {
        Self::Unsupported { path: path.to_owned(), what: what.to_string() }
    }
}
