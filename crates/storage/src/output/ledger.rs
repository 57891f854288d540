//! Which periods there are, which were lost, what was set aside.
//!
//! Two directories, so that the loss of all data is known from the other one. `output/N` is the
//! database of period N, or `output/N.G` once it was written anew G times; `output/N.damaged` what
//! was set aside of it. `periods/N.synced` tells a period that is new from one that was lost, and
//! which G it is; `periods/N.next` is the same for one that is not in force yet. `periods/N.lost` says
//! why lines of the period are missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Mutex,
};

use crate::{
    Error,
    directory::{held, io_error, names, remove_dir, remove_file, rename, sync_dir, write_file},
};

use super::mark::Mark;
use super::period::{Harm, Period};

/// A period that has lost lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The period, in days since the epoch.
    pub period: u32,
    /// What happened.
    pub reason: String,
    /// Where the damaged files were set aside, if there are any.
    pub set_aside: Option<PathBuf>,
}

/// What the names in both directories say.
pub(super) struct Ledger {
    /// Databases.
    data: PathBuf,
    /// Marks and losses.
    marks: PathBuf,
    /// How often periods were written anew, where that is not never.
    generations: Mutex<BTreeMap<u32, u32>>,
    losses: Mutex<BTreeMap<u32, Loss>>,
    /// Periods that were set aside and not replaced yet.
    to_salvage: Mutex<BTreeSet<u32>>,
}

impl Ledger {
    /// Finishes what was interrupted, and reads which losses are still to be made good.
    pub(super) fn open(data: &Path, marks: &Path) -> Result<Self, Error> {
        let (data, marks) = (data.to_owned(), marks.to_owned());
        let ledger = Self {
            data,
            marks,
            generations: Mutex::default(),
            losses: Mutex::default(),
            to_salvage: Mutex::default(),
        };
        ledger.find_generations()?;
        for (number, kind, path) in numbered(&ledger.data)? {
            // Creation was interrupted before anything was acknowledged, or removal was.
            let is_left_over = match generation_of(&kind) {
                Some(_) => !ledger.mark(number).is_file() || path != ledger.period_dir(number),
                None => kind == "dropped",
            };
            if is_left_over {
                remove_dir(&path)?;
            }
        }
        for (number, kind, path) in numbered(&ledger.marks)? {
            if kind == "next" {
                remove_file(&path)?;
            }
            if kind == "lost" {
                let reason = std::fs::read_to_string(&path)
                    .map_err(|error| io_error("read", &path, error))?;
                ledger.remember(number, &reason);
            }
        }
        for number in ledger.periods()? {
            if !ledger.period_dir(number).is_dir() {
                ledger.set_aside(number, "its directory is gone")?;
            }
        }
        Ok(ledger)
    }

    /// Where the databases are.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn period_dir(&self, number: u32) -> PathBuf {
        let generation = held(&self.generations).get(&number).copied().unwrap_or(0);
        self.generation_dir(number, generation)
    }

    fn generation_dir(&self, number: u32, generation: u32) -> PathBuf {
        match generation {
            0 => self.data.join(number.to_string()),
            generation => self.data.join(format!("{number}.{generation}")),
        }
    }

    /// Reads of each period which of its directories is in force.
    fn find_generations(&self) -> Result<(), Error> {
        let mut generations = held(&self.generations);
        for (number, kind, path) in numbered(&self.marks)? {
            if kind != "synced" {
                continue;
            }
            if let Some(generation) = Mark::generation(&path)? {
                generations.insert(number, generation);
                continue;
            }
            // Of two, the older one is whole.
            let dirs = numbered(&self.data)?.into_iter().filter(|(one, _, _)| *one == number);
            if let Some(least) = dirs.filter_map(|(_, kind, _)| generation_of(&kind)).min() {
                generations.insert(number, least);
            }
        }
        Ok(())
    }

    /// Creates an empty successor of a period, which is not in force.
    pub(super) fn create_next(&self, period: &Period) -> Result<Period, Error> {
        let (number, generation) = (period.number(), period.generation() + 1);
        self.discard_next((number, period.generation()))?;
        let dir = self.generation_dir(number, generation);
        Period::create((number, generation), &dir, &self.next_mark(number))
    }

    /// Puts the successor of a period in its place: whole, since its mark takes the place of the
    /// former one. The former directory is left over.
    pub(super) fn put_in_force(&self, successor: &Period) -> Result<(), Error> {
        let number = successor.number();
        rename(&self.next_mark(number), &self.mark(number))?;
        held(&self.generations).insert(number, successor.generation());
        Ok(())
    }

    /// Removes what there is of the successor of this generation of a period.
    pub(super) fn discard_next(&self, (number, generation): (u32, u32)) -> Result<(), Error> {
        remove_file(&self.next_mark(number))?;
        self.remove_generation((number, generation + 1))
    }

    /// Removes the directory of a generation of a period that is not in force.
    pub(super) fn remove_generation(&self, (number, generation): (u32, u32)) -> Result<(), Error> {
        remove_dir(&self.generation_dir(number, generation))
    }

    /// The periods that were created, in order.
    pub(super) fn periods(&self) -> Result<Vec<u32>, Error> {
        let marks = numbered(&self.marks)?.into_iter();
        let mut numbers = marks
            .filter_map(|(number, kind, _)| (kind == "synced").then_some(number))
            .collect::<Vec<_>>();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Opens a period. One that is damaged is set aside, and what can be read of it is kept; one
    /// that is not there is created if that is asked for.
    pub(super) fn open_period(
        &self,
        number: u32,
        may_create: bool,
    ) -> Result<Option<Period>, Error> {
        let (dir, mark) = (self.period_dir(number), self.mark(number));
        if mark.is_file() {
            match Period::open(number, &dir, &mark)? {
                Ok(period) => return Ok(Some(period)),
                Err(Harm::Damaged(reason)) => self.set_aside(number, &reason)?,
                Err(Harm::Full) => return Err(Error::DiskFull { path: dir }),
                Err(Harm::Replaced) => unreachable!("what was just opened has no successor"),
                Err(Harm::Broken(detail)) => return Err(Error::Failed { path: dir, detail }),
            }
        }
        let is_salvage = held(&self.to_salvage).remove(&number);
        if !may_create && !is_salvage {
            return Ok(None);
        }
        remove_dir(&dir)?;
        let generation = held(&self.generations).get(&number).copied().unwrap_or(0);
        let period = Period::create((number, generation), &dir, &mark)?;
        if is_salvage {
            match period.salvage(&self.aside(number)) {
                Ok(pieces) => tracing::warn!(period = number, pieces, "kept what can be read"),
                Err(harm) => tracing::warn!(period = number, ?harm, "the rest cannot be read"),
            }
        }
        Ok(Some(period))
    }

    /// Moves a damaged period out of the way and remembers that it was lost. A crash between the
    /// steps leaves a period that is found damaged again, and a loss that is known already.
    pub(super) fn set_aside(&self, number: u32, reason: &str) -> Result<(), Error> {
        self.note(number, reason)?;
        let (dir, aside) = (self.period_dir(number), self.aside(number));
        if dir.is_dir() {
            remove_dir(&aside)?;
            rename(&dir, &aside)?;
            held(&self.to_salvage).insert(number);
        }
        remove_file(&self.mark(number))?;
        sync_dir(&self.marks)?;
        self.remember(number, reason);
        Ok(())
    }

    /// Remembers that lines of a period were lost, also after a restart.
    pub(super) fn note(&self, number: u32, reason: &str) -> Result<(), Error> {
        tracing::warn!(period = number, reason, "job output was lost");
        self.remember(number, reason);
        write_file(&self.marks.join(format!("{number}.lost")), reason.as_bytes())
    }

    pub(super) fn losses(&self) -> Vec<Loss> {
        held(&self.losses).values().cloned().collect()
    }

    pub(super) fn forget(&self, number: u32) -> Result<(), Error> {
        held(&self.to_salvage).remove(&number);
        remove_dir(&self.aside(number))?;
        remove_file(&self.marks.join(format!("{number}.lost")))?;
        sync_dir(&self.marks)?;
        held(&self.losses).remove(&number);
        Ok(())
    }

    /// Takes a period out of force. The mark goes first: after a crash, what is left is no loss.
    pub(super) fn retire(&self, number: u32) -> Result<(), Error> {
        remove_file(&self.mark(number))?;
        sync_dir(&self.marks)?;
        let dropped = self.dropped(number);
        remove_dir(&dropped)?;
        if self.period_dir(number).is_dir() {
            rename(&self.period_dir(number), &dropped)?;
        }
        held(&self.generations).remove(&number);
        Ok(())
    }

    /// Removes what is left of a period that is out of force.
    pub(super) fn remove(&self, number: u32) -> Result<(), Error> {
        remove_dir(&self.dropped(number))?;
        self.forget(number)
    }

    fn dropped(&self, number: u32) -> PathBuf {
        self.data.join(format!("{number}.dropped"))
    }

    fn next_mark(&self, number: u32) -> PathBuf {
        self.marks.join(format!("{number}.next"))
    }

    fn remember(&self, number: u32, reason: &str) {
        let set_aside = Some(self.aside(number)).filter(|aside| aside.is_dir());
        let loss = Loss { period: number, reason: reason.into(), set_aside };
        held(&self.losses).insert(number, loss);
    }

    fn mark(&self, number: u32) -> PathBuf {
        self.marks.join(format!("{number}.synced"))
    }

    fn aside(&self, number: u32) -> PathBuf {
        self.data.join(format!("{number}.damaged"))
    }
}

/// The generation that a directory of this kind has, if it is a database.
fn generation_of(kind: &str) -> Option<u32> {
    if kind.is_empty() { Some(0) } else { kind.parse().ok() }
}

/// The entries of a directory whose names start with a period's number, with what follows the dot.
fn numbered(dir: &Path) -> Result<Vec<(u32, String, PathBuf)>, Error> {
    let parse = |name: &String| {
        let (number, kind) = name.split_once('.').unwrap_or((name, ""));
        Some((number.parse().ok()?, kind.to_owned(), dir.join(name)))
    };
    Ok(names(dir)?.iter().filter_map(parse).collect())
}
