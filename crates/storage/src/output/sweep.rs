//! Lines of jobs that are gone go, and their room comes back.

use std::{sync::Arc, thread, time::Instant};

use stint_failpoint::failpoint;

use super::{Absent, Output, period::Harm, period::Period};
use crate::{
    Error, Gone,
    directory::check_reserve,
    limits::{SWEEP_ANEW_PART, SWEEP_JOBS},
};

/// What became of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// Lines of so many jobs were deleted one by one; there may have been none.
    Deleted(u64),
    /// It was written anew, with nothing but the lines of so many jobs.
    Anew(u64),
    /// It is not there, or not any more.
    Gone,
    /// It was damaged, or it was time to stop: to be looked at again.
    Interrupted,
}

/// Which of some jobs are kept; nothing if it is time to stop.
type Keeps<'a> = dyn Fn(&[[u8; 16]]) -> Result<Option<Vec<bool>>, Error> + 'a;

/// Whose the place of a period has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Successors,
    Nobodys,
}

/// How many jobs of a period stay, and how many are gone.
#[derive(Debug, Default)]
struct Survey {
    kept: u64,
    gone: u64,
}

impl Output {
    /// Removes the lines of all jobs that `keeps` does not want kept, in the period that was `seen` to
    /// have some. A period without jobs is removed, if it `may_end`: if no new job will have its
    /// output there. It ends early where `keeps` has no answer. Whoever appends meanwhile waits for some milliseconds at most.
    pub fn sweep(
        &self,
        seen: Gone,
        may_end: bool,
        keeps: impl Fn(&[[u8; 16]]) -> Result<Option<Vec<bool>>, Error>,
    ) -> Result<Swept, Error> {
        let Some(period) = self.period(seen.period, Absent::Skip)? else { return Ok(Swept::Gone) };
        failpoint!("storage::output::sweep")?;
        let Some(survey) = self.survey(&period, &keeps)? else { return Ok(Swept::Interrupted) };
        let gone = survey.gone.max(seen.unswept) + seen.swept;
        if gone > 0 && gone >= survey.kept / SWEEP_ANEW_PART {
            return self.write_anew(period, may_end, &keeps);
        }
        if survey.gone > 0 {
            self.delete_gone(&period, &keeps)?;
        }
        Ok(Swept::Deleted(survey.gone))
    }

    fn survey(&self, period: &Arc<Period>, keeps: &Keeps<'_>) -> Result<Option<Survey>, Error> {
        let mut survey = Survey::default();
        let whole = self.for_all(period, keeps, |_, kept, gone| {
            survey.kept += count(kept);
            survey.gone += count(gone);
            Ok(true)
        })?;
        Ok(whole.then_some(survey))
    }

    fn delete_gone(&self, period: &Arc<Period>, keeps: &Keeps<'_>) -> Result<(), Error> {
        self.for_all(period, keeps, |period, _, gone| {
            period.delete(gone)?;
            Ok(true)
        })?;
        Ok(())
    }

    fn write_anew(
        &self,
        period: Arc<Period>,
        may_end: bool,
        keeps: &Keeps<'_>,
    ) -> Result<Swept, Error> {
        let ledger = &self.inner.ledger;
        check_reserve(ledger.data())?;
        let successor = Arc::new(ledger.create_next(&period)?);
        let mut kept = 0;
        let copied = match period.begin_anew(&successor) {
            Ok(()) => self.for_all(&period, keeps, |period, jobs, _| {
                kept += count(jobs);
                for job in jobs {
                    if !period.copy(job)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }),
            Err(harm) => self.suffer(&period, harm).map(|()| false),
        };
        let copied = failpoint!("storage::output::anew").map_err(Error::from).and(copied);
        let replaced = match copied {
            Ok(true) => self.replace(&period, &successor, may_end),
            other => other.map(|_| None),
        };
        period.stay();
        drop(successor);
        let former = (period.number(), period.generation());
        // It closes its files before they are removed, unless somebody still reads.
        drop(period);
        match replaced {
            Ok(Some(Place::Successors)) => {
                ledger.remove_generation(former)?;
                Ok(Swept::Anew(kept))
            }
            Ok(Some(Place::Nobodys)) => {
                ledger.discard_next(former)?;
                ledger.remove(former.0)?;
                Ok(Swept::Gone)
            }
            Ok(None) => {
                ledger.discard_next(former)?;
                Ok(Swept::Interrupted)
            }
            Err(error) => {
                // The next start removes it at the latest.
                drop(ledger.discard_next(former));
                Err(error)
            }
        }
    }

    /// Puts the successor in the place of the period, or nothing if it is empty and may be. `None`
    /// if that could not be done.
    fn replace(
        &self,
        period: &Arc<Period>,
        successor: &Arc<Period>,
        may_end: bool,
    ) -> Result<Option<Place>, Error> {
        // Most of it, before anybody waits.
        if successor.sync().is_err() {
            return Ok(None);
        }
        let mut open = self.opened()?;
        let Some(at) = open.periods.iter().position(|one| Arc::ptr_eq(one, period)) else {
            return Ok(None);
        };
        let ledger = &self.inner.ledger;
        let replaced = period.replace(|is_empty| {
            if is_empty && may_end {
                ledger.retire(period.number())?;
                return Ok(Place::Nobodys);
            }
            ledger.put_in_force(successor)?;
            Ok(Place::Successors)
        });
        match replaced {
            Ok(Some(place)) => {
                let place = place?;
                open.periods.remove(at);
                if place == Place::Successors {
                    open.periods.push(Arc::clone(successor));
                }
                Ok(Some(place))
            }
            Ok(None) => Ok(None),
            Err(harm) => {
                drop(open);
                self.suffer(period, harm).map(|()| None)
            }
        }
    }

    /// Goes through the jobs of a period, some at a time, and has `work` hear which are kept and
    /// which are gone, until one of them says that it is enough. `false` then, or if the period was
    /// harmed.
    fn for_all(
        &self,
        period: &Arc<Period>,
        keeps: &Keeps<'_>,
        mut work: impl FnMut(&Period, &[[u8; 16]], &[[u8; 16]]) -> Result<bool, Harm>,
    ) -> Result<bool, Error> {
        let mut after = None;
        loop {
            let start = Instant::now();
            let jobs = match period.jobs(after, SWEEP_JOBS) {
                Ok(jobs) => jobs,
                Err(harm) => return self.suffer(period, harm).map(|()| false),
            };
            let Some(last) = jobs.last() else { return Ok(true) };
            after = Some(*last);
            let Some(kept) = keeps(&jobs)? else { return Ok(false) };
            let (mut stay, mut go) = (Vec::new(), Vec::new());
            for (job, is_kept) in jobs.iter().zip(kept) {
                if is_kept { stay.push(*job) } else { go.push(*job) }
            }
            match work(period, &stay, &go) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(harm) => return self.suffer(period, harm).map(|()| false),
            }
            // Others use the same disk and the same cores.
            thread::sleep(start.elapsed());
        }
    }
}

fn count(jobs: &[[u8; 16]]) -> u64 {
    u64::try_from(jobs.len()).unwrap_or(u64::MAX)
}
