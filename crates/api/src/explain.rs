use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The fewest digits of an id that are looked for: fewer would find anything.
pub const PREFIX_DIGITS_MIN: usize = 8;

/// What is looked for: an id, its first digits, or a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Ids from the first to the last, both included. An address stands for the ids that begin with it.
    Ids { text: String, ids: RangeInclusive<B256> },
    /// `LANE/SEQUENCE`, or `APP/LANE/SEQUENCE` with the first digits of the app.
    Slot { text: String, apps: RangeInclusive<B256>, lane: u32, sequence: u64 },
}

/// What is neither an id nor a slot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWanted {
    #[error("`{0}` is no id: expected 0x and 8 to 64 hexadecimal digits, LANE/SEQUENCE or APP/LANE/SEQUENCE")]
    Form(String),
}

impl FromStr for Wanted {
    type Err = InvalidWanted;

    fn from_str(text: &str) -> Result<Self, InvalidWanted> {
        let invalid = || InvalidWanted::Form(text.chars().take(80).collect());
        let parts: Vec<&str> = text.splitn(4, '/').collect();
        let slot = |apps, lane: &str, sequence: &str| {
            let (lane, sequence) = (lane.parse().map_err(|_| invalid())?, sequence.parse().map_err(|_| invalid())?);
            Ok(Self::Slot { text: text.to_owned(), apps, lane, sequence })
        };
        match parts.as_slice() {
            [id] => Ok(Self::Ids { text: text.to_owned(), ids: ids(id).ok_or_else(invalid)? }),
            [lane, sequence] => slot(B256::ZERO..=B256::repeat_byte(0xff), lane, sequence),
            [app, lane, sequence] => slot(ids(app).ok_or_else(invalid)?, lane, sequence),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Ids { text, .. } | Self::Slot { text, .. }) = self;
        f.write_str(text)
    }
}

impl Wanted {
    /// An id in full.
    #[must_use]
    pub fn id(id: B256) -> Self {
        Self::Ids { text: id.to_string(), ids: id..=id }
    }

    /// Whether an entry is about it.
    #[must_use]
    pub fn is_in(&self, entry: &JournalEntry) -> bool {
        match self {
            Self::Ids { ids, .. } => {
                let named = [entry.request, entry.batch, entry.app, entry.program, entry.operator, entry.transaction];
                named.into_iter().flatten().any(|id| ids.contains(&id))
            }
            Self::Slot { apps, lane, sequence, .. } => {
                entry.app.is_some_and(|app| apps.contains(&app))
                    && (entry.lane, entry.sequence) == (Some(*lane), Some(*sequence))
            }
        }
    }

    /// Whether an address is meant by it.
    #[must_use]
    pub fn names(&self, address: Address) -> bool {
        matches!(self, Self::Ids { ids, .. } if ids.contains(&address_id(address)))
    }
}

/// An address in the place of an id: its bytes first, so that its first digits find it.
#[must_use]
pub fn address_id(address: Address) -> B256 {
    let mut id = B256::ZERO;
    id[..20].copy_from_slice(address.as_slice());
    id
}

/// All ids that begin with these digits.
fn ids(text: &str) -> Option<RangeInclusive<B256>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if !(PREFIX_DIGITS_MIN..=64).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let end = |fill: &str| format!("{digits}{}", fill.repeat(64 - digits.len())).parse::<B256>().ok();
    Some(end("0")?..=end("f")?)
}

/// Something that a node remembers, with the ids that it is about. The names are those of the log's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JournalEntry {
    /// By the node's own clock, Unix milliseconds.
    pub at_ms: u64,
    /// What happened, as the log names it.
    #[schema(value_type = String)]
    pub event: Cow<'static, str>,
    /// More about it, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub said: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub request: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub batch: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub app: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub program: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The id of the operator's BLS key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub operator: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub transaction: Option<B256>,
}

/// A batch that a node keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptBatch {
    #[schema(value_type = String)]
    pub batch: B256,
    #[schema(value_type = String)]
    pub app: B256,
    #[schema(value_type = String)]
    pub program: B256,
    pub lane: u32,
    pub sequence: u64,
    pub exchange_count: u32,
    pub reference_timestamp: u32,
    /// In the order of the leaves; empty where they are not kept beside the batch data.
    #[schema(value_type = Vec<String>)]
    pub requests: Vec<B256>,
    /// The operators whose signatures make its certificate, by key id; absent while it has none here.
    #[schema(value_type = Option<Vec<String>>)]
    pub signers: Option<Vec<B256>>,
}

/// `GET /v1/explain`: what this node knows of an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub roles: Vec<String>,
    #[schema(value_type = String)]
    pub address: Address,
    /// What was looked through.
    pub searched: Searched,
    /// Oldest first.
    pub entries: Vec<JournalEntry>,
    pub batches: Vec<KeptBatch>,
}

/// How far a node's memory reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Searched {
    pub journal_entries: u64,
    /// The time of the oldest entry, Unix milliseconds; zero if there is none.
    pub journal_since_ms: u64,
    /// The stores, by their role.
    pub stores: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_by_its_first_digits_and_an_address_too() {
        let id: B256 = "0x12345678ab000000000000000000000000000000000000000000000000000000".parse().unwrap();
        let entry = JournalEntry { request: Some(id), ..JournalEntry::default() };
        for text in ["0x12345678", "12345678aB", &id.to_string()] {
            assert!(text.parse::<Wanted>().unwrap().is_in(&entry), "{text}");
        }
        assert!(!"0x12345679".parse::<Wanted>().unwrap().is_in(&entry));
        let address = Address::repeat_byte(0x5a);
        assert!(address.to_string().parse::<Wanted>().unwrap().names(address));
        assert!("0x5a5a5a5a5".parse::<Wanted>().unwrap().names(address));
    }

    #[test]
    fn a_slot_is_found_in_any_app_or_in_the_named_one() {
        let app = Some(B256::repeat_byte(7));
        let entry = JournalEntry { app, lane: Some(1), sequence: Some(42), ..JournalEntry::default() };
        for (text, expected) in
            [("1/42", true), ("0x07070707/1/42", true), ("2/42", false), ("1/43", false), ("0x08080808/1/42", false)]
        {
            assert_eq!(text.parse::<Wanted>().unwrap().is_in(&entry), expected, "{text}");
        }
    }

    #[test]
    fn what_is_too_short_or_no_id_is_refused_with_what_is_expected() {
        let long = "1".repeat(65);
        for text in ["", "0x1234567", "zz345678", "1/", "a/b/c/d", "0x12345678/1", "1/2/3", &long] {
            let error = text.parse::<Wanted>().unwrap_err().to_string();
            assert!(error.contains("expected 0x and 8 to 64"), "{error}");
        }
    }
}
