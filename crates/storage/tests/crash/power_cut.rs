//! The power goes: a file system is shut down without writing what it has in memory.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    disk::Disk,
    run::{Dice, Victim, rounds, wanted},
    verify::Acknowledged,
};

/// Room for a store and some hundred rounds.
const DISK_BYTES: u64 = 512 << 20;

#[test]
#[ignore = "needs root and loop devices; run with --ignored"]
fn what_was_acknowledged_survives_a_power_cut() {
    let dir = TempDir::new().unwrap();
    let mut disk = Disk::new(dir.path(), DISK_BYTES);
    let data = disk.mount.join("data");
    let mut acknowledged = Acknowledged::default();
    let mut dice = Dice::new(3);
    for round in 1..=rounds(15) {
        let mut victim = Victim::start("write", &data, round);
        let mut lines = victim.acknowledged_until(wanted(round), 1 + dice.below(300));
        // Nobody lives on after a power cut to be told lies: a sync that is under way when the
        // file system is shut down may return success, though its journal is gone.
        victim.stop_after(Duration::from_micros(dice.below(10_000)));
        disk.cut_power();
        lines.extend(victim.bury());
        disk.unmount();
        disk.mount();
        acknowledged.add(&lines);
        acknowledged.verify(&data, &format!("round {round}"));
        // What the judge has found is what the next life starts from: it must be on the disk.
        disk.unmount();
        disk.mount();
    }
    let Acknowledged { sweeps, shrinks, losses, .. } = &acknowledged;
    let mut out = io::stdout().lock();
    writeln!(out, "{sweeps} sweeps of output, {shrinks} new files of the state").unwrap();
    writeln!(out, "output lost, and reported: {losses:#?}").unwrap();
    assert!(*sweeps > 0 && *shrinks > 0, "nothing was swept or written anew");
}
