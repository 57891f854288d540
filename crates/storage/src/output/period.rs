//! One sled database and the rules that sled needs to keep its word.
//!
//! sled never calls fsync, writes a start-up snapshot that it cannot open if it is killed meanwhile,
//! and may come back from a power cut damaged, with pages missing, or empty as if new. So:
//! unfinished snapshots are removed before it opens; we sync its file ourselves, before much is
//! unsynced; a mark outside of it knows which pieces each sync has covered, and after a crash they
//! are counted; every call into it may panic and is caught.

mod anew;
mod sled_file;

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use stint_failpoint::failpoint;

use crate::{
    Error,
    directory::{create_dir, held, io_error, names, remove_file, sync_dir},
    limits::{OUTPUT_UNSYNCED_BYTES_MAX, OUTPUT_UNSYNCED_DELETES_MAX},
};

use super::{
    mark::{Mark, Synced, Tally},
    piece::{Assembly, Batch, Piece, cut, key, parse},
};

use self::sled_file::{Db, caught, is_unfinished_snapshot, one_by_one};

pub(super) use self::sled_file::Harm;
#[cfg(test)]
pub(super) use self::sled_file::lose_piece;

/// The key that holds the number of the last sync. No piece has so short a key.
const SYNCED: &[u8] = b"synced";

/// An open period.
pub(super) struct Period {
    number: u32,
    generation: u32,
    /// Taken when the period is dropped.
    db: Option<Db>,
    /// Our own handle of sled's file, to sync it.
    file: File,
    mark: Mark,
    progress: Mutex<Progress>,
    has_unsynced: AtomicBool,
}

/// What has been written, and how much of it since the last sync.
struct Progress {
    /// The number of the last sync.
    synced: u64,
    /// All pieces, those not synced included.
    tally: Tally,
    bytes: usize,
    deletes: usize,
    /// The period as it is being written anew: it gets all that this one gets.
    successor: Option<Arc<Period>>,
    /// The successor is in force: nothing more may be written here.
    is_replaced: bool,
}

impl Period {
    /// Creates a database in a directory that is not there, and its mark.
    pub(super) fn create(
        (number, generation): (u32, u32),
        dir: &Path,
        mark: &Path,
    ) -> Result<Self, Error> {
        create_dir(dir)?;
        let made = sled_file::open(dir).and_then(|db| {
            caught(|| {
                db.insert(SYNCED, &1_u64.to_le_bytes())?;
                db.flush()?;
                Ok(db)
            })
        });
        let db = made.map_err(|harm| match harm {
            Harm::Full => Error::DiskFull { path: dir.to_owned() },
            Harm::Damaged(detail) | Harm::Broken(detail) => {
                Error::Failed { path: dir.to_owned(), detail }
            }
            Harm::Replaced => unreachable!("a new database has no successor"),
        })?;
        for name in names(dir)? {
            let path = dir.join(name);
            File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(|error| io_error("sync", &path, error))?;
        }
        sync_dir(dir)?;
        let synced = Synced { number: 1, tally: Tally::default(), is_closed: false, generation };
        let mark = Mark::create(mark, synced)?;
        Self::around(number, dir, mark, db, synced)
    }

    /// Opens a database that was created, and checks that all is there.
    pub(super) fn open(number: u32, dir: &Path, mark: &Path) -> Result<Result<Self, Harm>, Error> {
        let (mark, synced) = Mark::open(mark)?;
        let Some(synced) = synced else {
            return Ok(Err(Harm::Damaged("its mark cannot be read".into())));
        };
        if !dir.join("db").is_file() {
            return Ok(Err(Harm::Damaged("its files are gone".into())));
        }
        for name in names(dir)?.iter().filter(|name| is_unfinished_snapshot(name)) {
            tracing::warn!(period = number, name, "removed an unfinished snapshot of sled");
            remove_file(&dir.join(name))?;
        }
        // sled writes as soon as it opens.
        let opened = mark
            .write(Synced { is_closed: false, ..synced })
            .and_then(|()| sled_file::open(dir))
            .and_then(|db| Ok((check(&db, synced)?, db)));
        match opened {
            Ok((found, db)) => {
                let period = Self::around(number, dir, mark, db, found)?;
                // What a crash has left beyond the last sync is there, and not durable yet.
                period.has_unsynced.store(found.tally != synced.tally, Ordering::Release);
                Ok(Ok(period))
            }
            Err(harm) => Ok(Err(harm)),
        }
    }

    fn around(number: u32, dir: &Path, mark: Mark, db: Db, synced: Synced) -> Result<Self, Error> {
        let path = dir.join("db");
        let file = File::open(&path).map_err(|error| io_error("open", &path, error))?;
        let progress = Progress {
            synced: synced.number,
            tally: synced.tally,
            bytes: 0,
            deletes: 0,
            successor: None,
            is_replaced: false,
        };
        Ok(Self {
            number,
            generation: synced.generation,
            db: Some(db),
            file,
            mark,
            progress: Mutex::new(progress),
            has_unsynced: AtomicBool::new(false),
        })
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Whether something was written that no sync has covered.
    pub(super) fn has_unsynced(&self) -> bool {
        self.has_unsynced.load(Ordering::Acquire)
    }

    pub(super) fn append(
        &self,
        job: &[u8; 16],
        first_line: u64,
        line_count: u32,
        batch: &[u8],
    ) -> Result<(), Harm> {
        let mut progress = self.writable()?;
        for piece in cut(first_line, line_count, batch) {
            self.put(&mut progress, &key(job, first_line, piece.number), piece)?;
        }
        progress.hand_on(|successor| successor.append(job, first_line, line_count, batch));
        Ok(())
    }

    /// Takes over all pieces that can still be read from a database that was set aside; how many.
    pub(super) fn salvage(&self, aside: &Path) -> Result<u64, Harm> {
        let db = sled_file::open(aside)?;
        let mut progress = held(&self.progress);
        let mut count = 0;
        let mut last = Vec::new();
        let mut entries = db.iter();
        // What cannot be read, or goes round in a circle, ends it: it is damaged, after all.
        while let Ok(Some((key, value))) = caught(|| Ok(entries.next().transpose()?))
            && key.as_ref() > last.as_slice()
        {
            last = key.to_vec();
            if let Some(piece) = parse(&key, &value) {
                self.put(&mut progress, &key, piece)?;
                count += 1;
            }
        }
        self.sync_all(&mut progress)?;
        Ok(count)
    }

    fn writable(&self) -> Result<MutexGuard<'_, Progress>, Harm> {
        let progress = held(&self.progress);
        if progress.is_replaced { Err(Harm::Replaced) } else { Ok(progress) }
    }

    fn put(&self, progress: &mut Progress, key: &[u8], piece: Piece) -> Result<(), Harm> {
        let stored = self.caught(|db| Ok(db.get(key)?))?;
        if stored.and_then(|value| parse(key, &value)).is_some_and(|stored| stored.says(&piece)) {
            return Ok(());
        }
        let value = Piece { sync: progress.synced + 1, ..piece }.value(key);
        self.has_unsynced.store(true, Ordering::Release);
        progress.bytes += key.len() + value.len();
        if let Some(former) = self.caught(|db| Ok(db.insert(key, value.as_slice())?))? {
            progress.tally.remove(key, &former);
        }
        progress.tally.add(key, &value);
        if progress.bytes >= OUTPUT_UNSYNCED_BYTES_MAX {
            self.sync_all(progress)?;
        }
        Ok(())
    }

    pub(super) fn read(
        &self,
        job: &[u8; 16],
        from_line: u64,
        bytes_max: usize,
    ) -> Result<Vec<Batch>, Harm> {
        self.caught(|db| {
            let behind = key(job, from_line, u16::MAX);
            let Some(found) = db.range(key(job, 0, 0)..=behind).next_back() else {
                return Ok(Vec::new());
            };
            let (found, value) = found?;
            let first_line = sound(&found, &value)?.first_line;
            let mut batches: Vec<Batch> = Vec::new();
            let mut bytes = 0;
            let mut assembly = Assembly::default();
            for entry in one_by_one(db, key(job, first_line, 0), key(job, u64::MAX, u16::MAX)) {
                let (key, value) = entry?;
                let Ok(whole) = assembly.add(&sound(&key, &value)?) else { break };
                let Some(batch) = whole else { continue };
                let follows = match batches.last() {
                    Some(last) => end_of(last) == batch.first_line,
                    // A batch without lines is its own first line, so that it can be read back.
                    None => from_line < end_of(&batch).max(first_line.saturating_add(1)),
                };
                bytes += batch.bytes.len();
                if !follows || (bytes > bytes_max && !batches.is_empty()) {
                    break;
                }
                batches.push(batch);
            }
            Ok(batches)
        })
    }

    pub(super) fn next_line(&self, job: &[u8; 16], from_line: u64) -> Result<Option<u64>, Harm> {
        self.caught(|db| {
            let found = db.range(key(job, from_line, 0)..=key(job, u64::MAX, u16::MAX)).next();
            let Some(found) = found else { return Ok(None) };
            let (key, value) = found?;
            Ok(Some(sound(&key, &value)?.first_line))
        })
    }

    /// Removes all pieces of these jobs.
    pub(super) fn delete(&self, jobs: &[[u8; 16]]) -> Result<(), Harm> {
        let mut progress = self.writable()?;
        for job in jobs {
            self.delete_one(&mut progress, job)?;
        }
        progress.hand_on(|successor| successor.delete(jobs));
        // A crash before it would look like a loss.
        if progress.deletes > 0 { self.sync_all(&mut progress) } else { Ok(()) }
    }

    fn delete_one(&self, progress: &mut Progress, job: &[u8; 16]) -> Result<(), Harm> {
        loop {
            let found = self.caught(|db| {
                let keys = db.scan_prefix(job).keys().take(OUTPUT_UNSYNCED_DELETES_MAX);
                Ok(keys.collect::<Result<Vec<_>, _>>()?)
            })?;
            for key in &found {
                self.has_unsynced.store(true, Ordering::Release);
                progress.deletes += 1;
                if let Some(former) = self.caught(|db| Ok(db.remove(key)?))? {
                    progress.tally.remove(key, &former);
                }
                if progress.deletes >= OUTPUT_UNSYNCED_DELETES_MAX {
                    self.sync_all(progress)?;
                }
            }
            if found.len() < OUTPUT_UNSYNCED_DELETES_MAX {
                return Ok(());
            }
        }
    }

    pub(super) fn sync(&self) -> Result<(), Harm> {
        let mut progress = held(&self.progress);
        if self.has_unsynced() { self.sync_all(&mut progress) } else { Ok(()) }
    }

    fn sync_all(&self, progress: &mut Progress) -> Result<(), Harm> {
        failpoint!("storage::output::sync").map_err(|why| Harm::Broken(why.to_string()))?;
        let number = progress.synced + 1;
        self.caught(|db| {
            db.insert(SYNCED, &number.to_le_bytes())?;
            db.flush()?;
            Ok(())
        })?;
        self.file.sync_data().map_err(|error| Harm::Broken(format!("sync: {error}")))?;
        failpoint!("storage::output::synced").map_err(|why| Harm::Broken(why.to_string()))?;
        self.mark.write(self.synced(progress, number, false))?;
        (progress.synced, progress.bytes, progress.deletes) = (number, 0, 0);
        self.has_unsynced.store(false, Ordering::Release);
        Ok(())
    }

    fn synced(&self, progress: &Progress, number: u64, is_closed: bool) -> Synced {
        Synced { number, tally: progress.tally, is_closed, generation: self.generation }
    }

    fn caught<T>(&self, work: impl FnOnce(&Db) -> Result<T, Harm>) -> Result<T, Harm> {
        let db = self.db.as_ref().expect("only drop takes it");
        caught(|| work(db))
    }

    fn close(&mut self) -> Result<(), Harm> {
        self.sync()?;
        let db = self.db.take();
        caught(|| {
            drop(db);
            Ok(())
        })?;
        self.file.sync_data().map_err(|error| Harm::Broken(format!("sync: {error}")))?;
        let progress = held(&self.progress);
        self.mark.write(self.synced(&progress, progress.synced, true))
    }
}

impl Drop for Period {
    fn drop(&mut self) {
        // A period that was set aside cannot be closed in good order; any other is checked when
        // it is opened again.
        if let Err(harm) = self.close() {
            tracing::warn!(period = self.number, ?harm, "output was not closed in good order");
        }
        let db = self.db.take();
        let _dropped = caught(|| {
            drop(db);
            Ok(())
        });
    }
}

/// Checks that a database has all pieces that the last sync has covered; those of the next one
/// may be there too.
fn check(db: &Db, synced: Synced) -> Result<Synced, Harm> {
    caught(|| {
        let number = db.get(SYNCED)?.and_then(|bytes| bytes.as_ref().try_into().ok());
        let mut number = number.map_or(0, u64::from_le_bytes);
        if number < synced.number {
            let expected = synced.number;
            return Err(Harm::Damaged(format!("it came back at sync {number}, not {expected}")));
        }
        if synced.is_closed {
            return Ok(synced);
        }
        let (mut covered, mut tally) = (Tally::default(), Tally::default());
        let mut last = Vec::new();
        for entry in db.iter() {
            let (key, value) = entry?;
            if key.as_ref() <= last.as_slice() {
                return Err(Harm::Damaged("its keys are out of order".into()));
            }
            last = key.to_vec();
            if key == SYNCED {
                continue;
            }
            let piece = sound(&key, &value)?;
            number = number.max(piece.sync);
            tally.add(&key, &value);
            if piece.sync <= synced.number {
                covered.add(&key, &value);
            }
        }
        if covered != synced.tally {
            let (found, expected) = (covered, synced.tally);
            return Err(Harm::Damaged(format!("of its pieces {expected:?}, it has {found:?}")));
        }
        // Without pieces of its own, a sync that no mark knows may be counted anew.
        let number = if tally == covered { synced.number } else { number };
        Ok(Synced { number, tally, is_closed: false, generation: synced.generation })
    })
}

fn sound(key: &[u8], value: &[u8]) -> Result<Piece, Harm> {
    parse(key, value).ok_or_else(|| Harm::Damaged("a piece does not match its checksum".into()))
}

fn end_of(batch: &Batch) -> u64 {
    batch.first_line.saturating_add(u64::from(batch.line_count))
}
