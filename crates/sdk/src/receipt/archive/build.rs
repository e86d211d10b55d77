//! Whether code is the build of a contract that this program was made with.

use alloy_primitives::{B256, keccak256};
use vouch_chain::artifacts::Artifact;

use super::{ArchiveLie, CODE_BYTES_MAX};

/// The instruction whose 32 zero bytes stand for a value that is fixed when the contract is created.
const PUSH32: u8 = 0x7f;
const WORD: usize = 32;

/// The hash of `code`, which must be `expected` or else that of the known build of `artifact`.
pub(super) fn check(
    artifact: &Artifact,
    contract: &'static str,
    code: &[u8],
    expected: Option<B256>,
) -> Result<B256, ArchiveLie> {
    if code.len() > CODE_BYTES_MAX {
        return Err(ArchiveLie::TooLarge { what: "a contract's code", found: code.len(), max: CODE_BYTES_MAX });
    }
    let found = keccak256(code);
    match expected {
        Some(expected) if expected == found => Ok(found),
        Some(expected) => Err(ArchiveLie::AnotherCode { contract, expected, found }),
        None if is_build(code, &artifact.bytecode()) => Ok(found),
        None => Err(ArchiveLie::UnknownBuild { contract, found }),
    }
}

/// Whether `code` is what `creation` leaves on a chain, whatever the values that are fixed at creation: the code that
/// creates a contract ends with the contract's, which has zeros in their places.
pub(super) fn is_build(code: &[u8], creation: &[u8]) -> bool {
    if code.is_empty() || code.len() >= creation.len() {
        return false;
    }
    let template = &creation[creation.len() - code.len()..];
    let mut at = 0;
    while at < code.len() {
        if template[at] != code[at] {
            return false;
        }
        at += if is_hole(template, at) { 1 + WORD } else { 1 };
    }
    true
}

fn is_hole(template: &[u8], at: usize) -> bool {
    let word = template.get(at + 1..at + 1 + WORD);
    template[at] == PUSH32 && word.is_some_and(|word| word.iter().all(|byte| *byte == 0))
}
