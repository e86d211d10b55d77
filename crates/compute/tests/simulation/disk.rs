//! Files that survive a process, and at a power loss forget, keep or tear what was not synchronised.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use redb::{Database, StorageBackend};
use vouch_compute::machine::Files;

use crate::scheduler::{Process, Scheduler};

/// What a disk writes whole or not at all, bytes.
const SECTOR: usize = 512;

/// The files of one node, over all its lives.
pub struct Disk {
    scheduler: Scheduler,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, File>,
    /// The life that may use them.
    owner: Process,
    /// The power goes at this synchronisation, counted down; then whether just before or just after it.
    power_loss: Option<(u64, bool)>,
}

/// All files of a node at one moment.
pub type Image = BTreeMap<PathBuf, Vec<u8>>;

#[derive(Default)]
struct File {
    /// As the process sees it.
    content: Vec<u8>,
    /// As it was at the last synchronisation.
    durable: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write(offset, data) => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }

    /// What of it a power loss leaves: all, nothing, or its first sectors. Lengths are kept in order, as a journal does.
    fn torn(&self, random: &mut ChaCha8Rng) -> Option<Self> {
        match self {
            Self::Length(_) => Some(self.clone()),
            Self::Write(offset, data) => match random.gen_range(0..3) {
                0 => None,
                1 => Some(self.clone()),
                _ => {
                    let sectors = random.gen_range(0..=data.len() / SECTOR);
                    Some(Self::Write(*offset, data[..sectors * SECTOR].to_vec()))
                }
            },
        }
    }
}

impl Disk {
    pub fn new(scheduler: &Scheduler) -> Arc<Self> {
        Arc::new(Self { scheduler: scheduler.clone(), state: Mutex::default() })
    }

    /// Hands the files to a new life; older ones can do nothing to them any more.
    pub fn mount(self: &Arc<Self>, process: Process) -> Arc<dyn Files> {
        let mut state = self.lock();
        state.owner = process;
        state.power_loss = None;
        Arc::new(Mounted { disk: Arc::clone(self), process })
    }

    /// Takes the files from the life that has them, as `kill -9` does: what was written stays.
    pub fn unmount(&self) {
        self.lock().owner = Process::MAX;
    }

    /// Takes the files away in the middle of everything: what was not synchronised is lost, kept or torn.
    pub fn lose_power(&self) {
        let mut state = self.lock();
        self.lose(&mut state);
    }

    /// Loses power at the `syncs`-th synchronisation from now on.
    pub fn lose_power_at(&self, syncs: u64, after: bool) {
        self.lock().power_loss = Some((syncs, after));
    }

    pub fn disarm(&self) {
        self.lock().power_loss = None;
    }

    /// A copy of everything, as at this moment.
    pub fn image(&self) -> Image {
        self.lock().files.iter().map(|(path, file)| (path.clone(), file.content.clone())).collect()
    }

    /// Puts a copy in the place of everything.
    pub fn restore(&self, image: &Image) {
        let file = |content: &Vec<u8>| File { content: content.clone(), durable: content.clone(), since: Vec::new() };
        self.lock().files = image.iter().map(|(path, content)| (path.clone(), file(content))).collect();
    }

    fn lose(&self, state: &mut State) {
        state.owner = Process::MAX;
        state.power_loss = None;
        let fate = self.scheduler.range(0..3);
        for file in state.files.values_mut() {
            let since = std::mem::take(&mut file.since);
            let left: Vec<Change> = match fate {
                0 => Vec::new(),
                1 => since,
                _ => self.scheduler.random(|random| since.iter().filter_map(|change| change.torn(random)).collect()),
            };
            left.iter().for_each(|change| change.apply(&mut file.durable));
            file.content.clone_from(&file.durable);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

struct Mounted {
    disk: Arc<Disk>,
    process: Process,
}

impl Files for Mounted {
    fn open(&self, path: &Path) -> Result<Database, redb::Error> {
        self.disk.lock().files.entry(path.to_owned()).or_default();
        let backend = Backend { disk: Arc::clone(&self.disk), process: self.process, path: path.to_owned() };
        Ok(Database::builder().create_with_backend(backend)?)
    }
}

/// One file in the hands of one life.
struct Backend {
    disk: Arc<Disk>,
    process: Process,
    path: PathBuf,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Backend").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Backend {
    fn file<T>(&self, work: impl FnOnce(&mut File) -> T) -> Result<T, io::Error> {
        let mut state = self.disk.lock();
        if state.owner != self.process {
            return Err(gone());
        }
        state.files.get_mut(&self.path).map(work).ok_or_else(gone)
    }

    fn change(&self, change: Change) -> Result<(), io::Error> {
        self.file(|file| {
            change.apply(&mut file.content);
            file.since.push(change);
        })
    }

    /// Whether the power goes at this synchronisation: before it (false) or after it (true).
    fn power_loss(&self) -> Option<bool> {
        let mut state = self.disk.lock();
        let (left, after) = state.power_loss?;
        state.power_loss = left.checked_sub(1).map(|left| (left, after));
        (left == 0).then_some(after)
    }

    fn lose_power(&self) -> io::Error {
        self.disk.scheduler.doom(self.process);
        self.disk.lose_power();
        gone()
    }
}

fn gone() -> io::Error {
    io::Error::other("the power is gone")
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, io::Error> {
        self.file(|file| file.content.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let start = offset as usize;
        self.file(|file| match file.content.get(start..start + out.len()) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        })?
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.change(Change::Length(len as usize))
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let power_loss = self.power_loss();
        if power_loss == Some(false) {
            return Err(self.lose_power());
        }
        self.file(|file| {
            let since = std::mem::take(&mut file.since);
            since.iter().for_each(|change| change.apply(&mut file.durable));
        })?;
        if power_loss == Some(true) { Err(self.lose_power()) } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.change(Change::Write(offset as usize, data.to_vec()))
    }
}
