//! Another process's memory.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

/// The memory of a process as it was when opened: if its number goes to another process, this does not.
///
/// Writes reach private pages that the process itself may only read: that is how code is replaced.
#[derive(Debug)]
pub(super) struct Memory(File);

impl Memory {
    /// The memory that a process or thread has now; not what it will have after its next exec.
    pub fn of(tid: i32) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).open(format!("/proc/{tid}/mem")).map(Self)
    }

    pub fn read(&self, address: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(bytes, address)
    }

    pub fn write(&self, address: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, address)
    }

    /// Consecutive 64-bit numbers.
    pub fn read_words<const COUNT: usize>(&self, address: u64) -> io::Result<[i64; COUNT]> {
        let mut words = [0; COUNT];
        for (index, word) in words.iter_mut().enumerate() {
            let mut bytes = [0; 8];
            self.read(address.wrapping_add(8 * index as u64), &mut bytes)?;
            *word = i64::from_le_bytes(bytes);
        }
        Ok(words)
    }

    /// Writes consecutive 64-bit numbers.
    pub fn write_words(&self, address: u64, words: &[i64]) -> io::Result<()> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.write(address, &bytes)
    }
}
