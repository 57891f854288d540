//! Killing what has left the process group of its run, however it did.
//!
//! A guardian is the subreaper of its run: whose parent has ended becomes its child. So all that
//! descends from the run descends from the guardian, whatever session, group, environment or
//! cgroup it has given itself; and once the guardian has no child, nothing of the run is left.

use std::io;

use rustix::process::{Pid, Signal, getpid};

use crate::limits::HUNT_PASSES_MAX;
use crate::proc::{self, Stat};

/// Kills all that descends from this process.
///
/// They are stopped first, until a look finds none that runs: whoever is stopped forks no more,
/// and does not make room for others to fork as one would that is killed.
pub(super) fn kill_descendants() -> io::Result<()> {
    let me = getpid();
    for _ in 0..HUNT_PASSES_MAX {
        let running = living(me)?.into_iter().filter(|process| !process.is_stopped);
        if running.filter(|process| proc::signal(process, Signal::STOP)).count() == 0 {
            break;
        }
    }
    for process in living(me)? {
        proc::signal(&process, Signal::KILL);
    }
    Ok(())
}

fn living(ancestor: Pid) -> io::Result<Vec<Stat>> {
    let found = proc::descendants(&proc::all()?, ancestor);
    Ok(found.into_iter().filter(|process| !process.is_zombie).collect())
}
