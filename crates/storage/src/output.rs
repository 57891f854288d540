//! Job output: batches of lines by job and line number, one database per period.
//!
//! What lies here may be lost by a crash and is then reported, never silently missed: every replica
//! has the same lines, so they can be fetched again.

mod ledger;
mod mark;
mod period;
mod piece;
mod sweep;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use stint_failpoint::failpoint;

use crate::{
    Error,
    directory::{DirLock, check_reserve, create_dir, held, io_error, names},
    limits::{BATCH_BYTES_MAX, PERIODS_OPEN_MAX},
};

use self::{
    ledger::Ledger,
    period::{Harm, Period},
};

pub use self::{ledger::Loss, piece::Batch, sweep::Swept};

/// Where the databases are.
const DATA: &str = "output";

/// Where it is written which of them there must be.
const MARKS: &str = "periods";

/// How often an operation meets a damaged period, or one that was just replaced, before it gives
/// up: the next time, the period is new.
const TRIES: usize = 4;

/// The output of all jobs. Clones share it; all calls may run concurrently.
#[derive(Clone)]
pub struct Output {
    inner: Arc<Inner>,
}

struct Inner {
    ledger: Ledger,
    open: Mutex<Open>,
    /// What its files had when they were last looked at.
    bytes: AtomicU64,
    _lock: Arc<DirLock>,
}

/// The periods that are open.
#[derive(Default)]
struct Open {
    /// The last used comes last.
    periods: Vec<Arc<Period>>,
    /// Why nothing works any more.
    failure: Option<Error>,
}

impl Output {
    /// Creates what [`Output::open`] needs to find.
    pub(crate) fn create(dir: &Path) -> Result<(), Error> {
        create_dir(&dir.join(DATA))?;
        create_dir(&dir.join(MARKS))
    }

    /// Whether nothing was ever created, or nothing but the directories.
    pub(crate) fn is_blank(dir: &Path) -> Result<bool, Error> {
        let marks = dir.join(MARKS);
        Ok(!marks.is_dir() || names(&marks)?.is_empty())
    }

    /// Opens the newest periods at once, so that what a power cut has damaged is known early; the
    /// others when they are first used.
    pub(crate) fn open(dir: &Path, lock: Arc<DirLock>) -> Result<Self, Error> {
        let (data, marks) = (dir.join(DATA), dir.join(MARKS));
        if !marks.is_dir() {
            return Err(Error::Missing { path: marks });
        }
        // Without it, each period that has a mark is found to be lost.
        create_dir(&data)?;
        let ledger = Ledger::open(&data, &marks)?;
        let newest = ledger.periods()?.into_iter().rev().take(PERIODS_OPEN_MAX);
        let newest = newest.collect::<Vec<_>>();
        let (open, bytes) = (Mutex::default(), AtomicU64::new(0));
        let inner = Inner { ledger, open, bytes, _lock: lock };
        let output = Self { inner: Arc::new(inner) };
        for number in newest {
            output.period(number, Absent::Skip)?;
        }
        output.measure()?;
        Ok(output)
    }

    /// Bytes of all files, as of the last [`Output::measure`].
    pub fn bytes(&self) -> u64 {
        self.inner.bytes.load(Ordering::Relaxed)
    }

    /// Looks how large the files are. Costs some files of each period that is kept, and so nothing
    /// that is for each scrape.
    pub fn measure(&self) -> Result<(), Error> {
        let bytes = bytes_below(self.inner.ledger.data())?;
        self.inner.bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Keeps a batch of lines of a job. `period` is the day (since the epoch) under which the job
    /// is kept, `first_line` the number of the first of `line_count` lines. A batch that is there
    /// already is left as it is. Durable with the next [`Output::sync`].
    pub fn append(
        &self,
        period: u32,
        job: &[u8; 16],
        first_line: u64,
        line_count: u32,
        batch: &[u8],
    ) -> Result<(), Error> {
        if batch.len() > BATCH_BYTES_MAX {
            let (bytes, bytes_max) = (batch.len(), BATCH_BYTES_MAX);
            return Err(Error::TooLarge { what: "a batch of output", bytes, bytes_max });
        }
        check_reserve(self.inner.ledger.data())?;
        failpoint!("storage::output::append")?;
        self.on(period, Absent::Create, |period| {
            period.append(job, first_line, line_count, batch)
        })?;
        Ok(())
    }

    /// The batches of a job from the one that contains `from_line` on, contiguous, as many as fit
    /// `bytes_max` but at least one. Empty if that line is not here.
    pub fn read(
        &self,
        period: u32,
        job: &[u8; 16],
        from_line: u64,
        bytes_max: usize,
    ) -> Result<Vec<Batch>, Error> {
        let batches =
            self.on(period, Absent::Skip, |period| period.read(job, from_line, bytes_max))?;
        Ok(batches.unwrap_or_default())
    }

    /// The first line from `from_line` on with which a batch begins here. It tells where to go on behind
    /// lines that are not here.
    pub fn next_line(
        &self,
        period: u32,
        job: &[u8; 16],
        from_line: u64,
    ) -> Result<Option<u64>, Error> {
        let found = self.on(period, Absent::Skip, |period| period.next_line(job, from_line))?;
        Ok(found.flatten())
    }

    /// Removes the lines of a job. Works on the reserve of a full disk.
    pub fn delete(&self, period: u32, job: &[u8; 16]) -> Result<(), Error> {
        self.on(period, Absent::Skip, |period| period.delete(&[*job]))?;
        Ok(())
    }

    /// Removes a period with all its lines and losses, and gives its space back.
    pub fn drop_period(&self, period: u32) -> Result<(), Error> {
        {
            let mut open = self.opened()?;
            open.periods.retain(|one| one.number() != period);
            self.inner.ledger.retire(period)?;
        }
        // Nobody waits for it.
        self.inner.ledger.remove(period)
    }

    /// The periods that are kept, the oldest first.
    pub fn periods(&self) -> Result<Vec<u32>, Error> {
        self.inner.ledger.periods()
    }

    /// Makes all that was appended and deleted before durable.
    ///
    /// # Errors
    /// [`Error::DiskFull`] if a period could not be written; what it had not synced is then
    /// reported as a loss.
    pub fn sync(&self) -> Result<(), Error> {
        let periods = self.opened()?.periods.clone();
        for period in periods {
            if let Err(harm) = period.sync() {
                self.suffer(&period, harm)?;
            }
        }
        Ok(())
    }

    /// The periods that have lost lines since they were last reported whole, the oldest first.
    /// What was appended after the loss is there.
    pub fn losses(&self) -> Vec<Loss> {
        self.inner.ledger.losses()
    }

    /// Forgets a loss, when its lines have been fetched again, and removes what was set aside.
    pub fn recovered(&self, period: u32) -> Result<(), Error> {
        self.inner.ledger.forget(period)
    }

    /// Does something with a period. If it turns out to be damaged it is set aside and the work is
    /// done once more, on a new one.
    fn on<T>(
        &self,
        number: u32,
        absent: Absent,
        work: impl Fn(&Period) -> Result<T, Harm>,
    ) -> Result<Option<T>, Error> {
        for _ in 0..TRIES {
            let Some(period) = self.period(number, absent)? else { return Ok(None) };
            match work(&period) {
                Ok(value) => return Ok(Some(value)),
                Err(Harm::Replaced) => {}
                Err(harm) => self.suffer(&period, harm)?,
            }
        }
        Err(Error::Damaged {
            path: self.inner.ledger.period_dir(number),
            detail: "a new database was damaged at once, again and again".into(),
        })
    }

    /// The open period, opened or created if need be.
    fn period(&self, number: u32, absent: Absent) -> Result<Option<Arc<Period>>, Error> {
        let mut open = self.opened()?;
        if let Some(at) = open.periods.iter().position(|period| period.number() == number) {
            let period = open.periods.remove(at);
            open.periods.push(Arc::clone(&period));
            return Ok(Some(period));
        }
        let Some(period) = self.inner.ledger.open_period(number, absent == Absent::Create)? else {
            return Ok(None);
        };
        // One that is in use could be written to behind its last sync.
        let idle = |period: &Arc<Period>| Arc::strong_count(period) == 1;
        if open.periods.len() >= PERIODS_OPEN_MAX
            && let Some(at) = open.periods.iter().position(idle)
        {
            let oldest = open.periods.remove(at);
            if let Err(harm) = oldest.sync() {
                self.settle(&mut open, &oldest, harm)?;
            }
        }
        let period = Arc::new(period);
        open.periods.push(Arc::clone(&period));
        Ok(Some(period))
    }

    /// Takes a harmed period out of use. An error if its work cannot be done now; otherwise the
    /// work can be done again on a new period.
    fn suffer(&self, period: &Arc<Period>, harm: Harm) -> Result<(), Error> {
        let mut open = self.opened()?;
        let before = open.periods.len();
        open.periods.retain(|one| !Arc::ptr_eq(one, period));
        if open.periods.len() == before {
            // Another thread has met the same harm, and settled it.
            return Ok(());
        }
        self.settle(&mut open, period, harm)
    }

    fn settle(&self, open: &mut Open, period: &Period, harm: Harm) -> Result<(), Error> {
        let ledger = &self.inner.ledger;
        let path = ledger.period_dir(period.number());
        match harm {
            Harm::Damaged(reason) => ledger.set_aside(period.number(), &reason),
            Harm::Full => {
                if period.has_unsynced() {
                    ledger.note(period.number(), "the disk was full before it was written")?;
                }
                Err(Error::DiskFull { path })
            }
            // The successor is in its place already.
            Harm::Replaced => Ok(()),
            Harm::Broken(detail) => {
                tracing::error!(path = %path.display(), detail, "output failed");
                let error = Error::Failed { path, detail };
                open.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    fn opened(&self) -> Result<MutexGuard<'_, Open>, Error> {
        let open = held(&self.inner.open);
        match &open.failure {
            Some(error) => Err(error.clone()),
            None => Ok(open),
        }
    }
}

/// Bytes of the files in a directory and below it. What vanishes meanwhile has none.
fn bytes_below(dir: &Path) -> Result<u64, Error> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let look = |path: &Path| -> io::Result<u64> {
        let mut bytes = 0;
        let mut dirs = vec![path.to_owned()];
        while let Some(dir) = dirs.pop() {
            let entries = match fs::read_dir(&dir) {
                Err(error) if gone(&error) => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                match entry.metadata() {
                    Ok(found) if found.is_dir() => dirs.push(entry.path()),
                    Ok(found) => bytes += found.len(),
                    Err(error) if gone(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(bytes)
    };
    look(dir).map_err(|error| io_error("look at", dir, error))
}

/// What to do about a period that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absent {
    Create,
    Skip,
}
