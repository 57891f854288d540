//! How each fault is made, and how it is made good again.

use std::fs;

use crate::harness::dice::Dice;
use crate::harness::freezer::{Frozen, freezers};
use crate::harness::wait_for;

use super::matrix::{Cell, Fault, Target};
use super::site::Site;

/// A fault that was made, and what it takes to end it.
pub(super) struct Inflicted {
    fault: Fault,
    /// The places of the replicas that it has befallen.
    pub(super) victims: Vec<usize>,
    frozen: Vec<Frozen>,
    stopped: Vec<u32>,
    is_of_worker: bool,
}

/// By how much a clock jumps of which the others know that it is wrong.
const ONE_JUMPS: i64 = 3_600;

/// By how much most clocks jump: that is the time, and it stands still for so long afterwards.
const MOST_JUMP: i64 = 5;

/// Whom a target means now.
pub(super) fn victims(site: &Site, target: Target, dice: &mut Dice) -> Vec<usize> {
    let leader = site.cluster.leader();
    let others: Vec<_> = (0..site.count()).filter(|i| *i != leader).collect();
    let other = others[dice.index(others.len())];
    match target {
        Target::Leader => vec![leader],
        Target::Follower => vec![other],
        // Of three replicas two, of four as well.
        Target::Majority => vec![leader, other],
        Target::All => (0..site.count()).collect(),
        Target::Worker => vec![runner(site).unwrap_or(other)],
    }
}

/// Some replica that runs something.
fn runner(site: &Site) -> Option<usize> {
    let listed = site.cluster.get(0, "/api/v0/jobs?action=beat&running=true&limit=10").ok()?.json();
    let worker = listed["jobs"][0]["workerID"].as_str()?.to_owned();
    site.cluster.replicas.iter().position(|replica| replica.id == worker)
}

impl Inflicted {
    pub(super) fn new(site: &mut Site, (fault, target): Cell, dice: &mut Dice) -> Self {
        let victims = victims(site, target, dice);
        let is_of_worker = target == Target::Worker;
        let mut made =
            Self { fault, victims, frozen: Vec::new(), stopped: Vec::new(), is_of_worker };
        if is_of_worker {
            made.befall_worker(site);
        } else {
            made.befall(site);
        }
        made
    }

    fn befall(&mut self, site: &mut Site) {
        let all: Vec<_> = (0..site.count()).collect();
        for &i in &self.victims {
            let others = all.iter().copied().filter(|other| *other != i);
            match self.fault {
                Fault::Kill | Fault::Restart => {}
                Fault::Stop => site.cluster.pause(i),
                Fault::Freeze => self.frozen.push(Frozen::new(&freezers()[0], site.cluster.pid(i))),
                Fault::Partition => {
                    for other in others {
                        site.cluster.hosts().deafen(i, other);
                        site.cluster.hosts().deafen(other, i);
                    }
                }
                Fault::OneWay => others.for_each(|other| site.cluster.hosts().deafen(i, other)),
                Fault::Bridge => {
                    for one in others.clone() {
                        let apart = others.clone().filter(|other| *other != one);
                        apart.for_each(|other| site.cluster.hosts().deafen(one, other));
                    }
                }
                Fault::Loss => site.cluster.hosts().lose(i, "0.3"),
                Fault::Clock => {
                    let by = if self.victims.len() == 1 { ONE_JUMPS } else { MOST_JUMP };
                    site.cluster.hosts().set_clock(i, by);
                }
                Fault::Full => site.disks[i].fill(20 << 20),
                Fault::Eio => site.disks[i].fail(),
                Fault::Wipe => {
                    site.cluster.kill(i);
                    site.empty(i);
                }
            }
        }
        // These at once, and not one after the other.
        if self.fault == Fault::Kill {
            self.victims.iter().for_each(|i| site.cluster.kill(*i));
        }
        if self.fault == Fault::Restart {
            self.victims.iter().for_each(|i| site.cluster.begin_to_stop(*i));
            for &i in &self.victims {
                site.cluster.wait_until_ended(i);
            }
        }
    }

    fn befall_worker(&mut self, site: &Site) {
        let i = self.victims[0];
        let guardians = children(site.cluster.pid(i));
        match self.fault {
            Fault::Kill => signal(&guardians, rustix::process::Signal::KILL),
            Fault::Stop => {
                signal(&guardians, rustix::process::Signal::STOP);
                self.stopped = guardians;
            }
            Fault::Freeze => {
                let freezer = &freezers()[0];
                self.frozen = guardians.iter().map(|pid| Frozen::new(freezer, *pid)).collect();
            }
            Fault::Restart => worker(site, i, "drain", r#"{"limit":"1s"}"#),
            Fault::Partition
            | Fault::OneWay
            | Fault::Bridge
            | Fault::Loss
            | Fault::Clock
            | Fault::Full
            | Fault::Eio
            | Fault::Wipe => panic!("no worker has {} for itself", self.fault),
        }
    }

    /// Ends it, and starts what it has ended.
    pub(super) fn heal(mut self, site: &mut Site) {
        self.frozen.clear();
        if self.is_of_worker {
            signal(&self.stopped, rustix::process::Signal::CONT);
            if self.fault == Fault::Restart {
                worker(site, self.victims[0], "resume", "");
            }
            return;
        }
        for &i in &self.victims {
            match self.fault {
                Fault::Kill | Fault::Restart => site.cluster.spawn(i),
                Fault::Stop => site.cluster.resume(i),
                Fault::Freeze => {}
                Fault::Partition | Fault::OneWay | Fault::Bridge | Fault::Loss => {
                    (0..site.count()).for_each(|i| site.cluster.hosts().hear(i));
                }
                Fault::Clock => site.cluster.hosts().set_clock(i, 0),
                Fault::Full => site.disks[i].clear(),
                Fault::Eio => {
                    // It has stopped by itself, or nothing has been written since.
                    site.cluster.kill(i);
                    wait_for("the disk to be free", || site.disks[i].try_unmount());
                    site.disks[i].recover();
                    site.cluster.spawn(i);
                }
                Fault::Wipe => site.replace_wiped(i),
            }
        }
    }
}

/// Asks until it is done.
fn worker(site: &Site, i: usize, what: &str, body: &str) {
    let path = format!("/api/v0/workers/{}/{what}", site.cluster.replicas[i].id);
    wait_for(what, || {
        let answer = site.cluster.post(i, &path, body)?;
        if answer.status == 202 { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}

/// The processes that have this one as their parent: the guardians of a replica's runs.
fn children(parent: u32) -> Vec<u32> {
    let is_child = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned());
        let of = after_name.and_then(|rest| rest.split(' ').nth(1)?.parse::<u32>().ok());
        of == Some(parent)
    };
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_child).collect()
}

fn signal(pids: &[u32], signal: rustix::process::Signal) {
    for pid in pids {
        let pid = i32::try_from(*pid).ok().and_then(rustix::process::Pid::from_raw);
        // It may have ended meanwhile.
        rustix::process::kill_process(pid.expect("a pid"), signal).ok();
    }
}
