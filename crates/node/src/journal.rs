//! The last of what a node did, in memory, for whoever asks what became of an id.
//!
//! What was refused lies apart from what was accepted, so that a flood of requests that nobody signed pushes out none that
//! somebody did. Both are bounded; what lies further back is in the stores and in the log.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use vouch_api::{JournalEntry, Searched, Wanted};

/// Entries that are kept of what was accepted: at about 300 bytes each, 5 MB.
const ACCEPTED_MAX: usize = 16_384;
/// Entries that are kept of what was refused.
const REFUSED_MAX: usize = 4_096;
/// Bytes of what an entry says for people.
const SAID_BYTES_MAX: usize = 512;
/// The most entries that one search finds.
pub const FOUND_MAX: usize = 1_024;

/// A node's memory of what happened.
#[derive(Debug, Default)]
pub struct Journal {
    accepted: Mutex<VecDeque<JournalEntry>>,
    refused: Mutex<VecDeque<JournalEntry>>,
}

impl Journal {
    /// Notes what was done.
    pub fn note(&self, entry: JournalEntry) {
        push(&self.accepted, entry, ACCEPTED_MAX);
    }

    /// Notes what was refused.
    pub fn note_refused(&self, entry: JournalEntry) {
        push(&self.refused, entry, REFUSED_MAX);
    }

    /// What is about `wanted`, oldest first and the newest [`FOUND_MAX`] at most, and how far back was looked.
    pub fn find(&self, wanted: &Wanted) -> (Vec<JournalEntry>, Searched) {
        let (mut found, mut searched) = (Vec::new(), Searched::default());
        for ring in [&self.accepted, &self.refused] {
            let ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
            searched.journal_entries += ring.len() as u64;
            let oldest = ring.front().map_or(0, |entry| entry.at_ms);
            let since = [searched.journal_since_ms, oldest].into_iter().filter(|at| *at > 0).min();
            searched.journal_since_ms = since.unwrap_or_default();
            let newest: Vec<_> = ring.iter().rev().filter(|entry| wanted.is_in(entry)).take(FOUND_MAX).collect();
            found.extend(newest.into_iter().rev().cloned());
        }
        found.sort_by_key(|entry| entry.at_ms);
        found.drain(..found.len().saturating_sub(FOUND_MAX));
        (found, searched)
    }
}

fn push(ring: &Mutex<VecDeque<JournalEntry>>, mut entry: JournalEntry, max: usize) {
    entry.at_ms = now_ms();
    truncate(&mut entry.said);
    let mut ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
    if ring.len() >= max {
        ring.pop_front();
    }
    ring.push_back(entry);
}

fn truncate(said: &mut String) {
    if said.len() > SAID_BYTES_MAX {
        let end = (0..=SAID_BYTES_MAX).rev().find(|at| said.is_char_boundary(*at)).unwrap_or_default();
        said.truncate(end);
        said.push('…');
    }
}

/// By this machine's clock, for people to read; nothing is decided by it.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    fn entry(request: u8) -> JournalEntry {
        JournalEntry { request: Some(B256::repeat_byte(request)), ..JournalEntry::default() }
    }

    fn count(journal: &Journal, request: u8) -> usize {
        journal.find(&Wanted::id(B256::repeat_byte(request))).0.len()
    }

    #[test]
    fn the_oldest_goes_first_and_refusals_push_out_refusals_only() {
        let journal = Journal::default();
        journal.note(entry(1));
        journal.note_refused(entry(2));
        for _ in 0..REFUSED_MAX {
            journal.note_refused(entry(3));
        }
        assert_eq!((count(&journal, 1), count(&journal, 2), count(&journal, 3)), (1, 0, FOUND_MAX));
        for _ in 0..ACCEPTED_MAX {
            journal.note(entry(4));
        }
        assert_eq!(count(&journal, 1), 0);
        let (_, searched) = journal.find(&Wanted::id(B256::ZERO));
        assert_eq!(searched.journal_entries, (ACCEPTED_MAX + REFUSED_MAX) as u64);
        assert!(searched.journal_since_ms > 0);
    }

    #[test]
    fn what_is_said_is_bounded_between_letters() {
        let journal = Journal::default();
        journal.note(JournalEntry { said: "é".repeat(SAID_BYTES_MAX), ..entry(1) });
        let (found, _) = journal.find(&Wanted::id(B256::repeat_byte(1)));
        assert_eq!(found[0].said.chars().count(), SAID_BYTES_MAX / 2 + 1);
    }
}
