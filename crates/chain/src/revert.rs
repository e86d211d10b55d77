//! Why a contract refused: the custom errors of all our contracts by name.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use alloy::json_abi::JsonAbi;
use alloy::rpc::json_rpc::ErrorPayload;
use alloy_primitives::{Bytes, hex};
use alloy_sol_types::{Panic, Revert as RevertString, SolError};

use crate::artifacts;
use crate::error::shown;

/// The most bytes of revert data that are kept.
const DATA_BYTES_MAX: usize = 16 * 1024;

/// The data with which a call reverted, and what it means if we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revert {
    data: Bytes,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    /// A custom error of one of our contracts, as `name(type,...)`.
    Custom {
        name: String,
        signature: String,
    },
    /// A reason in words.
    Text(String),
    /// A failed assertion, an overflow, an index out of bounds.
    Panic(String),
    Unknown,
}

impl Revert {
    /// What `data` says.
    #[must_use]
    pub fn of_data(data: &[u8]) -> Self {
        let data = Bytes::copy_from_slice(&data[..data.len().min(DATA_BYTES_MAX)]);
        let reason = explain(&data);
        Self { data, reason }
    }

    /// The revert in a JSON-RPC error, if it is one.
    pub(crate) fn of_payload(payload: &ErrorPayload) -> Option<Self> {
        if let Some(data) = payload.as_revert_data() {
            return Some(Self::of_data(&data));
        }
        let reverted = payload.code == 3 || payload.message.to_ascii_lowercase().contains("revert");
        reverted.then(|| Self::of_data(&[]))
    }

    /// The custom error's name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.reason {
            Reason::Custom { name, .. } => Some(name),
            _ => None,
        }
    }

    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The arguments of the error `E`, if that is what the contract reverted with.
    #[must_use]
    pub fn decode<E: SolError>(&self) -> Option<E> {
        E::abi_decode(&self.data).ok()
    }
}

impl fmt::Display for Revert {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Custom { signature, .. } if self.data.len() > 4 => {
                write!(formatter, "{signature} with {}", shorten(&self.data[4..]))
            }
            Reason::Custom { signature, .. } => formatter.write_str(signature),
            Reason::Text(text) => write!(formatter, "\"{}\"", shown(text)),
            Reason::Panic(text) => write!(formatter, "panic: {text}"),
            Reason::Unknown if self.data.is_empty() => formatter.write_str("without a reason"),
            Reason::Unknown => write!(formatter, "unknown error {}", shorten(&self.data)),
        }
    }
}

fn shorten(data: &[u8]) -> String {
    let shown = &data[..data.len().min(96)];
    let dots = if shown.len() < data.len() { "..." } else { "" };
    format!("0x{}{dots}", hex::encode(shown))
}

fn explain(data: &[u8]) -> Reason {
    if let Ok(text) = RevertString::abi_decode(data) {
        return Reason::Text(text.reason);
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return Reason::Panic(panic.to_string());
    }
    let known = data.get(..4).and_then(|selector| CUSTOM_ERRORS.get(selector));
    known.map_or(Reason::Unknown, |(name, signature)| Reason::Custom {
        name: name.clone(),
        signature: signature.clone(),
    })
}

/// Name and signature by selector.
static CUSTOM_ERRORS: LazyLock<HashMap<[u8; 4], (String, String)>> = LazyLock::new(|| {
    let abis = artifacts::ALL.iter().map(artifacts::Artifact::abi);
    abis.flat_map(|abi: JsonAbi| abi.errors.into_values().flatten())
        .map(|error| (error.selector().0, (error.name.clone(), error.signature())))
        .collect()
});

#[cfg(test)]
mod tests {
    use alloy_sol_types::SolValue;

    use super::*;

    #[test]
    fn our_errors_are_named() {
        let data = alloy_primitives::keccak256("NotModule(address)")[..4].to_vec();
        let revert = Revert::of_data(&[data, alloy_primitives::Address::ZERO.abi_encode()].concat());
        assert_eq!(revert.name(), Some("NotModule"));
        assert!(revert.to_string().starts_with("NotModule(address) with 0x00"));
    }

    #[test]
    fn words_panics_and_nonsense_are_told_apart() {
        assert_eq!(Revert::of_data(&RevertString::from("no").abi_encode()).to_string(), "\"no\"");
        assert!(Revert::of_data(&Panic::from(0x11).abi_encode()).to_string().starts_with("panic: "));
        assert_eq!(Revert::of_data(&[]).to_string(), "without a reason");
        assert_eq!(Revert::of_data(&[1, 2, 3]).to_string(), "unknown error 0x010203");
        assert_eq!(Revert::of_data(&[0xee; 200]).name(), None);
    }

    #[test]
    fn a_reason_in_words_is_shown_short_and_on_one_line() {
        let reason = format!("\u{1b}[2Jlost\r\n{}", "x".repeat(10_000));
        let shown = Revert::of_data(&RevertString::from(reason).abi_encode()).to_string();
        assert!(shown.len() < 600 && shown.contains("lost") && !shown.contains(char::is_control), "{shown:?}");
    }
}
