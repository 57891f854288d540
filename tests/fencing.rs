//! Runs are fenced: whatever befalls a worker, its jobs' processes are gone before anybody else
//! starts those jobs.

pub(crate) mod beats;
mod faults;
mod hung;
mod repeated;
mod stopped;
