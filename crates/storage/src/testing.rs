//! What the tests of this crate share: a disk that records, breaks and loses power, and dice.

use std::{
    fmt::Debug,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tempfile::TempDir;

use crate::{
    directory::{DirLock, held},
    disk::Tap,
};

/// Seeded dice (xorshift64*).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(u64::try_from(bound).unwrap())).unwrap()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// A directory of its own, with its lock.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) lock: Arc<DirLock>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let lock = DirLock::take(dir.path()).unwrap();
        Self { dir, lock }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// One thing that happened to a file, or that the test noted in between.
#[derive(Debug, Clone)]
enum Event<N> {
    Write { offset: u64, data: Vec<u8> },
    SetLen(u64),
    Sync,
    Note(N),
}

/// A file that records all that is done to it, and fails on demand.
#[derive(Debug)]
pub(crate) struct Recorder<N> {
    base: Vec<u8>,
    events: Mutex<Vec<Event<N>>>,
    is_full: AtomicBool,
    sync_fails: AtomicBool,
}

impl<N: Debug + Clone + Send + 'static> Recorder<N> {
    /// Records from the present content of `path` on.
    pub(crate) fn new(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            base: fs::read(path).unwrap(),
            events: Mutex::default(),
            is_full: AtomicBool::new(false),
            sync_fails: AtomicBool::new(false),
        })
    }

    /// This, as a part of a database.
    pub(crate) fn tap(self: &Arc<Self>) -> Arc<dyn Tap> {
        Arc::<Self>::clone(self)
    }

    pub(crate) fn note(&self, note: N) {
        held(&self.events).push(Event::Note(note));
    }

    /// From now on there is no room for any write, or there is again.
    pub(crate) fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::SeqCst);
    }

    /// From now on syncs fail, or succeed again.
    pub(crate) fn set_sync_fails(&self, fails: bool) {
        self.sync_fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn len(&self) -> usize {
        held(&self.events).len()
    }

    /// The number of syncs so far.
    pub(crate) fn syncs(&self) -> usize {
        held(&self.events).iter().filter(|event| matches!(event, Event::Sync)).count()
    }

    /// What the disk may hold when the power is cut after `len` events, and what was noted before.
    /// All that came before the last sync is there; of what came after it, each 512-byte sector is
    /// there or not.
    pub(crate) fn cut(&self, len: usize, dice: &mut Dice) -> (Vec<u8>, Vec<N>) {
        let mut image = self.base.clone();
        let mut notes = Vec::new();
        let mut pending = Vec::new();
        let events = held(&self.events);
        for event in &events[..len] {
            match event {
                Event::Sync => {
                    for event in pending.drain(..) {
                        apply(&mut image, event, |_| true);
                    }
                }
                Event::Note(note) => notes.push(note.clone()),
                Event::Write { .. } | Event::SetLen(_) => pending.push(event),
            }
        }
        let mood = dice.below(4);
        for event in pending {
            match (mood, dice.below(3)) {
                (0, _) | (2 | 3, 0) => {}
                (1, _) | (2 | 3, 1) => apply(&mut image, event, |_| true),
                _ => apply(&mut image, event, |_| dice.below(2) == 0),
            }
        }
        (image, notes)
    }
}

fn apply<N>(image: &mut Vec<u8>, event: &Event<N>, mut keeps: impl FnMut(usize) -> bool) {
    const SECTOR: usize = 512;
    match event {
        Event::Write { offset, data } => {
            let start = usize::try_from(*offset).unwrap();
            let end = start + data.len();
            image.resize(image.len().max(end), 0);
            for (number, sector) in data.chunks(SECTOR).enumerate() {
                if keeps(number) {
                    let at = start + number * SECTOR;
                    image[at..at + sector.len()].copy_from_slice(sector);
                }
            }
        }
        Event::SetLen(len) => {
            if keeps(0) {
                image.resize(usize::try_from(*len).unwrap(), 0);
            }
        }
        Event::Sync | Event::Note(_) => {}
    }
}

impl<N: Debug + Clone + Send + 'static> Tap for Recorder<N> {
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check_room()?;
        held(&self.events).push(Event::Write { offset, data: data.to_vec() });
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_room()?;
        held(&self.events).push(Event::SetLen(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if self.sync_fails.load(Ordering::SeqCst) {
            return Err(rustix::io::Errno::IO.into());
        }
        held(&self.events).push(Event::Sync);
        Ok(())
    }
}

impl<N> Recorder<N> {
    fn check_room(&self) -> io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        Ok(())
    }
}
