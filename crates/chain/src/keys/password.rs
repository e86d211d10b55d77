use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::error::Error;
use super::file;

/// The most bytes that a password may have.
const PASSWORD_BYTES_MAX: usize = 1_024;

/// A password and where it came from. Wiped when dropped; its `Debug` shows the source alone.
pub struct Password {
    bytes: Zeroizing<Vec<u8>>,
    source_name: String,
}

impl Password {
    fn new(bytes: Zeroizing<Vec<u8>>, source_name: String) -> Result<Self, Error> {
        if bytes.is_empty() || bytes.len() > PASSWORD_BYTES_MAX {
            return Err(Error::InvalidPassword { source_name, bytes_max: PASSWORD_BYTES_MAX });
        }
        Ok(Self { bytes, source_name })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn source_name(&self) -> &str {
        &self.source_name
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Password from {}", self.source_name)
    }
}

/// Where a password comes from. There is deliberately no way to give one as an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// The first line of a file that only its owner can read.
    File(PathBuf),
    /// An environment variable's value.
    Environment(String),
    /// The terminal, with this question.
    Prompt(String),
}

impl PasswordSource {
    /// Fetches the password.
    ///
    /// # Errors
    /// Names the file, the variable or why nobody could be asked; refuses an empty password.
    pub fn read(&self) -> Result<Password, Error> {
        match self {
            Self::File(path) => {
                let content = Zeroizing::new(file::read_private(path)?);
                let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                Password::new(Zeroizing::new(line.to_vec()), path.display().to_string())
            }
            Self::Environment(name) => {
                let value = std::env::var(name).map_err(|_| Error::NoVariable { name: name.clone() })?;
                Password::new(Zeroizing::new(value.into_bytes()), format!("the variable {name}"))
            }
            Self::Prompt(question) => {
                let answer = rpassword::prompt_password(format!("{question}: "))
                    .map_err(|source| Error::NoPrompt { detail: source.to_string() })?;
                Password::new(Zeroizing::new(answer.into_bytes()), "the prompt".to_owned())
            }
        }
    }
}
