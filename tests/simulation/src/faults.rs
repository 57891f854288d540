//! What goes wrong, and when: drawn from the seed, one thing after the other, each with its end.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use turmoil::Sim;

use crate::dice::Dice;
use crate::replica::Host;
use crate::trace::Trace;

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is killed, or the power of its machine is cut.
    Crash { hosts: Vec<usize>, is_power_cut: bool },
    /// No message passes between these two.
    Cut(usize, usize),
    /// No message passes from the one to the other; the way back is open.
    CutOneWay(usize, usize),
    /// Nobody reaches the host, clients neither, and it reaches nobody.
    Isolate(usize),
    /// Messages between these two wait, and then come all at once.
    Hold(usize, usize),
    /// Messages take up to so many milliseconds.
    SlowNetwork(u64),
    /// A sync takes up to so many milliseconds.
    SlowDisk(usize, u64),
    /// The next sync fails. Whoever looks after the replica starts it anew after a while.
    BadSync(usize),
    /// The wall clocks of these jump.
    Jump { hosts: Vec<usize>, by_ms: i64 },
}

impl Fault {
    fn draw(dice: &mut Dice, hosts: u64) -> Self {
        let index = |number: u64| usize::try_from(number).unwrap_or(0);
        let one = dice.below(hosts);
        let other = (one + dice.between(1, hosts - 1)) % hosts;
        let (one, other) = (index(one), index(other));
        match dice.below(14) {
            0..3 => {
                let is_power_cut = !dice.one_in(3);
                let all = (0..index(hosts)).collect();
                let hosts = match dice.below(5) {
                    0 => all,
                    1 => vec![one, other],
                    _ => vec![one],
                };
                Self::Crash { hosts, is_power_cut }
            }
            3 => Self::Cut(one, other),
            4 => Self::CutOneWay(one, other),
            5..7 => Self::Isolate(one),
            7 => Self::Hold(one, other),
            8 => Self::SlowNetwork(dice.between(20, 300)),
            9..11 => Self::SlowDisk(one, dice.between(50, 1_500)),
            11 => Self::BadSync(one),
            _ => {
                let far = i64::try_from(dice.between(200, 3_600_000)).unwrap_or(0);
                let by_ms = if dice.one_in(2) { far } else { -far };
                let hosts = if dice.one_in(4) { (0..index(hosts)).collect() } else { vec![one] };
                Self::Jump { hosts, by_ms }
            }
        }
    }
}

/// The hand that breaks things, and mends them.
pub(crate) struct Hand {
    dice: Dice,
    hosts: Vec<Host>,
    /// Who has nothing but a network.
    others: Vec<String>,
    trace: Trace,
    next: Duration,
    /// What is broken, and until when. Some may be broken twice.
    broken: Vec<(Duration, Fault)>,
    /// How often each kind has happened.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

pub(crate) const LATENCY_MAX: Duration = Duration::from_millis(8);
const SLOWEST_SYNC_MS: u64 = 3;

impl Hand {
    pub(crate) fn new(dice: Dice, hosts: Vec<Host>, others: Vec<String>, trace: Trace) -> Self {
        let next = Duration::from_secs(3);
        Self { dice, hosts, others, trace, next, broken: Vec::new(), counts: BTreeMap::new() }
    }

    /// Does what is due.
    pub(crate) fn act(&mut self, sim: &mut Sim<'_>, now: Duration) -> io::Result<()> {
        let (over, broken) =
            std::mem::take(&mut self.broken).into_iter().partition(|(end, _)| *end <= now);
        self.broken = broken;
        for (_, fault) in over {
            self.mend(sim, now, &fault)?;
        }
        if now >= self.next {
            self.next = now + self.dice.ms(300, 3_000);
            let fault = Fault::draw(&mut self.dice, u64::try_from(self.hosts.len()).unwrap_or(3));
            self.strike(sim, now, fault)?;
        }
        Ok(())
    }

    /// Mends all that is broken.
    pub(crate) fn mend_all(&mut self, sim: &mut Sim<'_>, now: Duration) -> io::Result<()> {
        for (_, fault) in std::mem::take(&mut self.broken) {
            self.mend(sim, now, &fault)?;
        }
        for host in &self.hosts {
            host.skew_ms.store(0, Ordering::Relaxed);
        }
        Ok(())
    }

    fn is_down(&self, host: usize) -> bool {
        self.broken.iter().any(|(_, fault)| match fault {
            Fault::Crash { hosts, .. } => hosts.contains(&host),
            Fault::BadSync(one) => *one == host,
            _ => false,
        })
    }

    fn strike(&mut self, sim: &mut Sim<'_>, now: Duration, fault: Fault) -> io::Result<()> {
        let name =
            |at: &usize| self.hosts.get(*at).map(|host| host.name.clone()).unwrap_or_default();
        let mut length = self.dice.ms(200, 6_000);
        let kind = match &fault {
            Fault::Crash { hosts, is_power_cut } => {
                if hosts.iter().any(|host| self.is_down(*host)) {
                    return Ok(());
                }
                for host in hosts {
                    self.crash(sim, *host, *is_power_cut)?;
                }
                if *is_power_cut { "power cut" } else { "kill" }
            }
            Fault::Cut(one, other) => {
                sim.partition(name(one), name(other));
                "cut"
            }
            Fault::CutOneWay(from, to) => {
                sim.partition_oneway(name(from), name(to));
                "one-way cut"
            }
            Fault::Isolate(one) => {
                length = self.dice.ms(1_000, 9_000);
                for other in self.all_but(*one) {
                    sim.partition(name(one), other);
                }
                "isolation"
            }
            Fault::Hold(one, other) => {
                sim.hold(name(one), name(other));
                "hold"
            }
            Fault::SlowNetwork(ms) => {
                sim.set_max_message_latency(Duration::from_millis(*ms));
                "slow network"
            }
            Fault::SlowDisk(one, ms) => {
                if let Some(host) = self.hosts.get(*one) {
                    host.medium.set_slowest(*ms);
                }
                "slow disk"
            }
            Fault::BadSync(one) => {
                if self.is_down(*one) {
                    return Ok(());
                }
                if let Some(host) = self.hosts.get(*one) {
                    host.medium.break_syncs();
                }
                "bad sync"
            }
            Fault::Jump { hosts, by_ms } => {
                for host in hosts.iter().filter_map(|at| self.hosts.get(*at)) {
                    host.skew_ms.store(*by_ms, Ordering::Relaxed);
                }
                "clock jump"
            }
        };
        *self.counts.entry(kind).or_insert(0) += 1;
        self.trace.say(now, "FAULT", &format!("{fault:?} for {} ms", length.as_millis()));
        self.broken.push((now + length, fault));
        Ok(())
    }

    fn crash(&self, sim: &mut Sim<'_>, at: usize, is_power_cut: bool) -> io::Result<()> {
        let Some(host) = self.hosts.get(at) else { return Ok(()) };
        host.medium.die()?;
        sim.crash(host.name.as_str());
        host.medium.come_back(is_power_cut)
    }

    fn mend(&mut self, sim: &mut Sim<'_>, now: Duration, fault: &Fault) -> io::Result<()> {
        self.trace.say(now, "FAULT", &format!("over: {fault:?}"));
        let name =
            |at: &usize| self.hosts.get(*at).map(|host| host.name.clone()).unwrap_or_default();
        match fault {
            Fault::Crash { hosts, .. } => hosts.iter().for_each(|host| sim.bounce(name(host))),
            Fault::Cut(one, other) => sim.repair(name(one), name(other)),
            Fault::CutOneWay(from, to) => sim.repair_oneway(name(from), name(to)),
            Fault::Isolate(one) => {
                for other in self.all_but(*one) {
                    sim.repair(name(one), other);
                }
            }
            Fault::Hold(one, other) => sim.release(name(one), name(other)),
            Fault::SlowNetwork(_) => sim.set_max_message_latency(LATENCY_MAX),
            Fault::SlowDisk(one, _) => {
                if let Some(host) = self.hosts.get(*one) {
                    host.medium.set_slowest(SLOWEST_SYNC_MS);
                }
            }
            Fault::BadSync(one) => {
                self.crash(sim, *one, true)?;
                sim.bounce(name(one));
            }
            Fault::Jump { hosts, .. } => {
                for host in hosts.iter().filter_map(|at| self.hosts.get(*at)) {
                    host.skew_ms.store(0, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    fn all_but(&self, at: usize) -> Vec<String> {
        let hosts = self.hosts.iter().enumerate().filter(|(other, _)| *other != at);
        let hosts = hosts.map(|(_, host)| host.name.clone());
        hosts.chain(self.others.iter().cloned()).collect()
    }
}
