//! Kills and power cuts, against a real process on a real file system: what was acknowledged is
//! there. `child` is the process, `verify` the judge, `kill` and `power_cut` the ways to die.
//! `disk_full` is the other thing that takes a file system of its own.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise, wherever it happens")]

mod child;
mod disk;
mod disk_full;
mod kill;
mod power_cut;
mod run;
mod verify;
