//! A disk that may lose what was not synced, and refuse to write.
//!
//! The files are real, so that the engines are. What is simulated is what becomes of them: each
//! change is kept with what was there before, until a sync. When the power is cut, changes since the
//! last sync are there, or not, or in part: sector by sector.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stint_storage::{Disk, Pace, Room, Tap, Turn};

use crate::dice::Dice;

const SECTOR: usize = 512;
/// What is free on a disk that is not full.
const PLENTY: u64 = 1 << 40;
/// How often a frozen one is looked at.
const THAW_LOOK: Duration = Duration::from_millis(10);

/// The disk of one replica. Clones are the same disk.
#[derive(Debug, Clone)]
pub(crate) struct Medium(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    /// Nothing is written any more: the replica is dying.
    is_dead: AtomicBool,
    /// Syncs fail from now on, until the replica has started anew.
    sync_fails: AtomicBool,
    /// The bytes that are free.
    free_bytes: AtomicU64,
    /// It has not done what it was asked for, in this life.
    has_refused: AtomicBool,
    /// Where the disk fills up in the middle of a write.
    short: Mutex<Short>,
    /// Nothing is written for now: the machine stands still.
    is_frozen: AtomicBool,
    /// How long the log waits for the disk, at the least and at the most.
    slowest_ms: AtomicU64,
    dice: Mutex<Dice>,
    files: Mutex<Vec<Arc<Watched>>>,
}

/// What fits on the disk before it is full for a while.
#[derive(Debug, Default)]
struct Short {
    bytes: u64,
    /// How many writes find no room. None: there is room.
    refusals: u64,
}

/// One file, with what has happened to it since its last sync.
#[derive(Debug)]
struct Watched {
    file: File,
    inode: u64,
    changes: Mutex<Vec<Change>>,
    medium: Medium,
}

#[derive(Debug)]
enum Change {
    Write { offset: u64, before: Vec<u8>, after: Vec<u8> },
    SetLen { before: u64, after: u64 },
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Medium {
    pub(crate) fn new(dir: &Path, dice: Dice) -> Self {
        Self(Arc::new(Inner {
            dir: dir.to_owned(),
            is_dead: AtomicBool::new(false),
            sync_fails: AtomicBool::new(false),
            free_bytes: AtomicU64::new(PLENTY),
            has_refused: AtomicBool::new(false),
            short: Mutex::default(),
            is_frozen: AtomicBool::new(false),
            slowest_ms: AtomicU64::new(3),
            dice: Mutex::new(dice),
            files: Mutex::default(),
        }))
    }

    /// What a store is opened on.
    pub(crate) fn disk(&self) -> Disk {
        let all = Arc::new(Root(self.clone()));
        let (tap, pace) = (Arc::clone(&all), Arc::clone(&all));
        Disk { tap: Some(tap), pace: Some(pace), room: Some(all) }
    }

    /// Where the replica keeps its data.
    pub(crate) fn dir(&self) -> PathBuf {
        self.0.dir.join("data")
    }

    /// From now on the log waits for so long for each sync, at the most.
    pub(crate) fn set_slowest(&self, slowest_ms: u64) {
        self.0.slowest_ms.store(slowest_ms, Ordering::Relaxed);
    }

    /// From now on so many bytes are free; plenty if nobody says how many.
    pub(crate) fn set_free(&self, bytes: Option<u64>) {
        self.0.free_bytes.store(bytes.unwrap_or(PLENTY), Ordering::Relaxed);
    }

    /// So many bytes can be written, and then so many writes are cut short, before there is room again.
    pub(crate) fn cut_short(&self, bytes: u64, refusals: u64) {
        *lock(&self.0.short) = Short { bytes, refusals };
    }

    /// Whether it has not done what it was asked for, in this life.
    pub(crate) fn has_refused(&self) -> bool {
        self.0.has_refused.load(Ordering::Relaxed)
    }

    /// How much of so many bytes there is room for, if it is not for all.
    fn room_for(&self, bytes: u64) -> Option<u64> {
        let mut short = lock(&self.0.short);
        if short.refusals == 0 {
            return None;
        }
        if bytes <= short.bytes {
            short.bytes -= bytes;
            return None;
        }
        short.refusals -= 1;
        self.0.has_refused.store(true, Ordering::Relaxed);
        Some(std::mem::take(&mut short.bytes))
    }

    /// From now on what is written waits, or does so no more.
    pub(crate) fn set_frozen(&self, is_frozen: bool) {
        self.0.is_frozen.store(is_frozen, Ordering::Relaxed);
    }

    /// The next sync fails, and so does all that follows.
    pub(crate) fn break_syncs(&self) {
        self.0.sync_fails.store(true, Ordering::Relaxed);
    }

    /// What follows does not reach the disk. To be called before the replica is torn down: that
    /// closes its files, which a process that dies does not.
    pub(crate) fn die(&self) -> io::Result<()> {
        self.0.is_dead.store(true, Ordering::Relaxed);
        for name in ["output", "periods"] {
            let aside = self.0.dir.join(name);
            remove(&aside)?;
            copy(&self.dir().join(name), &aside)?;
        }
        Ok(())
    }

    /// Puts the disk into the state in which the next start finds it. With `is_power_cut`, what was
    /// not synced is at stake; otherwise only the process has died.
    pub(crate) fn come_back(&self, is_power_cut: bool) -> io::Result<()> {
        for name in ["output", "periods"] {
            let (aside, place) = (self.0.dir.join(name), self.dir().join(name));
            if aside.is_dir() {
                remove(&place)?;
                fs::rename(&aside, &place)?;
            }
        }
        for file in lock(&self.0.files).drain(..) {
            if is_power_cut {
                file.cut(&mut lock(&self.0.dice))?;
            }
        }
        self.0.is_dead.store(false, Ordering::Relaxed);
        self.0.sync_fails.store(false, Ordering::Relaxed);
        self.cut_short(0, 0);
        self.0.has_refused.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        if self.0.is_dead.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Root(Medium);

impl Tap for Root {
    fn write(&self, _offset: u64, _data: &[u8]) -> io::Result<()> {
        self.0.check()
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        self.0.check()
    }

    fn sync(&self) -> io::Result<()> {
        self.0.check()
    }

    fn of(&self, path: &Path) -> Option<Arc<dyn Tap>> {
        let file = File::options().read(true).write(true).open(path).ok()?;
        let inode = file.metadata().ok()?.ino();
        let mut files = lock(&self.0.0.files);
        // Whoever opens a file again has no sync of what was written before.
        if let Some(same) = files.iter().find(|watched| watched.inode == inode) {
            let same: Arc<dyn Tap> = Arc::<Watched>::clone(same);
            return Some(same);
        }
        let watched = Watched { file, inode, changes: Mutex::default(), medium: self.0.clone() };
        let watched = Arc::new(watched);
        files.push(Arc::clone(&watched));
        Some(watched)
    }
}

impl Pace for Root {
    fn queued(&self, turn: Turn) {
        let slowest = self.0.0.slowest_ms.load(Ordering::Relaxed);
        let delay = Duration::from_micros(lock(&self.0.0.dice).below(slowest * 1_000 + 1));
        let medium = self.0.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            while medium.0.is_frozen.load(Ordering::Relaxed) {
                tokio::time::sleep(THAW_LOOK).await;
            }
            turn.write();
        });
    }
}

impl Room for Root {
    fn free_bytes(&self) -> u64 {
        self.0.0.free_bytes.load(Ordering::Relaxed)
    }
}

impl Tap for Watched {
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.medium.check()?;
        if let Some(room) = self.medium.room_for(u64::try_from(data.len()).unwrap_or(u64::MAX)) {
            let part = data.get(..at(room)).unwrap_or(data);
            self.note(offset, part)?;
            self.file.write_all_at(part, offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.note(offset, data)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.medium.check()?;
        let before = self.file.metadata()?.len();
        if len < before {
            // What is cut off comes back if this is lost.
            let mut tail = vec![0; usize::try_from(before - len).unwrap_or(0)];
            self.file.read_exact_at(&mut tail, len)?;
            let after = tail.clone();
            lock(&self.changes).push(Change::Write { offset: len, before: tail, after });
        }
        lock(&self.changes).push(Change::SetLen { before, after: len });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.medium.check()?;
        if self.medium.0.sync_fails.load(Ordering::Relaxed) {
            self.medium.0.has_refused.store(true, Ordering::Relaxed);
            return Err(io::Error::from_raw_os_error(5));
        }
        lock(&self.changes).clear();
        Ok(())
    }
}

impl Watched {
    /// Keeps what is there before it is written over.
    fn note(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let len = self.file.metadata()?.len();
        let there = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut before = vec![0; data.len().min(there)];
        self.file.read_exact_at(&mut before, offset)?;
        lock(&self.changes).push(Change::Write { offset, before, after: data.to_vec() });
        Ok(())
    }

    /// Takes away changes since the last sync, as a power cut may.
    fn cut(&self, dice: &mut Dice) -> io::Result<()> {
        let changes = std::mem::take(&mut *lock(&self.changes));
        let mut image = vec![0; usize::try_from(self.file.metadata()?.len()).unwrap_or(0)];
        self.file.read_exact_at(&mut image, 0)?;
        for change in changes.iter().rev() {
            undo(&mut image, change);
        }
        let mood = dice.below(4);
        for change in &changes {
            match (mood, dice.below(3)) {
                (0, _) | (2 | 3, 0) => {}
                (1, _) | (2 | 3, 1) => redo(&mut image, change, |_| true),
                _ => redo(&mut image, change, |_| dice.one_in(2)),
            }
        }
        self.file.set_len(u64::try_from(image.len()).unwrap_or(0))?;
        self.file.write_all_at(&image, 0)
    }
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).expect("simulated files are small")
}

fn undo(image: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, before, after } => {
            let end = (at(*offset) + after.len()).min(image.len());
            // What was written behind the end of the file made it longer.
            if before.len() < after.len() && end == image.len() {
                image.truncate(at(*offset) + before.len());
            }
            if let Some(place) = image.get_mut(at(*offset)..at(*offset) + before.len()) {
                place.copy_from_slice(before);
            }
        }
        Change::SetLen { before, .. } => image.resize(at(*before), 0),
    }
}

fn redo(image: &mut Vec<u8>, change: &Change, mut keeps: impl FnMut(usize) -> bool) {
    match change {
        Change::Write { offset, after, .. } => {
            let end = at(*offset) + after.len();
            image.resize(image.len().max(end), 0);
            for (number, sector) in after.chunks(SECTOR).enumerate() {
                let start = at(*offset) + number * SECTOR;
                if keeps(number)
                    && let Some(place) = image.get_mut(start..start + sector.len())
                {
                    place.copy_from_slice(sector);
                }
            }
        }
        Change::SetLen { after, .. } => {
            if keeps(0) {
                image.resize(at(*after), 0);
            }
        }
    }
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}
