//! What goes wrong, and when: drawn from the seed, one thing after the other, each with its end.

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
    /// The wall clock of this one is a little wrong.
    Skew(usize, i64),
    /// Of what is sent between these two, some is lost, and so is all that is on its way then.
    Loss(usize, usize),
    /// The machine stands still: what it sends and is sent waits, and so does what it writes. Then all
    /// of it comes at once.
    Freeze(usize),
    /// All that the machine does takes up to so many milliseconds longer.
    SlowReplica(usize, u64),
    /// So many bytes are left on its disk.
    FullDisk(usize, u64),
    /// Its disk takes so many more bytes, and then, so many times, only a part of what is written.
    ShortWrite { host: usize, bytes: u64, refusals: u64 },
}

/// How often each of the faults is drawn, in their order, where a seed has no taste of its own.
const WEIGHTS: [u64; 15] = [3, 1, 4, 2, 2, 1, 2, 1, 1, 2, 3, 2, 2, 2, 3];

/// What one seed has a taste for: some faults are rare where all may happen at once.
#[derive(Debug)]
struct Mood {
    weights: [u64; WEIGHTS.len()],
    /// Between two faults, at the least and at the most, in milliseconds.
    pause_ms: (u64, u64),
    /// Whose clock is the only one that is ever wrong, in some seeds.
    wrong_clock: Option<usize>,
    /// How long a message takes at the most, and a sync, where nothing is wrong: some clusters are slow.
    latency_ms: u64,
    sync_ms: u64,
}

impl Mood {
    fn draw(dice: &mut Dice) -> Self {
        let mut weights = WEIGHTS.map(|weight| weight * *dice.of(&[0_u64, 1, 1, 3]));
        if weights.iter().all(|weight| *weight == 0) {
            weights = WEIGHTS;
        }
        let pause_ms = *dice.of(&[(300, 3_000), (300, 3_000), (150, 1_200), (1_000, 5_000)]);
        let wrong_clock = [Some(0), Some(1), Some(2), None, None, None];
        let wrong_clock = *dice.of(&wrong_clock);
        let latency_ms = *dice.of(&[LATENCY_MS, LATENCY_MS, 40, 100]);
        let sync_ms = *dice.of(&[SYNC_MS, SYNC_MS, 30, 200]);
        Self { weights, pause_ms, wrong_clock, latency_ms, sync_ms }
    }

    /// The place of the fault that is next.
    fn next(&self, dice: &mut Dice) -> usize {
        let mut left = dice.below(self.weights.iter().sum());
        let is_it = |weight: &u64| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        };
        self.weights.iter().position(is_it).expect("it is below the sum")
    }
}

impl Fault {
    fn draw(dice: &mut Dice, mood: &Mood, hosts: u64) -> Self {
        let index = |number: u64| usize::try_from(number).unwrap_or(0);
        let one = dice.below(hosts);
        let other = (one + dice.between(1, hosts - 1)) % hosts;
        let (one, other) = (index(one), index(other));
        match mood.next(dice) {
            0 => {
                let is_power_cut = !dice.one_in(3);
                let all = (0..index(hosts)).collect();
                let hosts = match dice.below(5) {
                    0 => all,
                    1 => vec![one, other],
                    _ => vec![one],
                };
                Self::Crash { hosts, is_power_cut }
            }
            1 => Self::Cut(one, other),
            2 => Self::CutOneWay(one, other),
            3 => Self::Isolate(one),
            4 => Self::Hold(one, other),
            5 => Self::SlowNetwork(dice.between(20, 300)),
            6 => Self::SlowDisk(one, dice.between(50, 1_500)),
            7 => Self::BadSync(one),
            8 => {
                let by = i64::try_from(dice.between(5, 900)).unwrap_or(0);
                let one = mood.wrong_clock.unwrap_or(one);
                Self::Skew(one, if dice.one_in(2) { by } else { -by })
            }
            9 => Self::Loss(one, other),
            10 => Self::Freeze(one),
            11 => Self::SlowReplica(one, dice.between(30, 400)),
            // Nothing new is taken with less than 64 MiB, and nothing at all with less than 32.
            12 => Self::FullDisk(one, dice.of(&[48, 20]) << 20),
            13 => {
                let (bytes, refusals) = (dice.below(1 << 16), dice.between(1, 4));
                Self::ShortWrite { host: one, bytes, refusals }
            }
            _ => {
                let far = i64::try_from(dice.between(200, 3_600_000)).unwrap_or(0);
                let by_ms = if dice.one_in(2) { far } else { -far };
                let hosts = match mood.wrong_clock {
                    Some(only) => vec![only],
                    None if dice.one_in(4) => (0..index(hosts)).collect(),
                    None => vec![one],
                };
                Self::Jump { hosts, by_ms }
            }
        }
    }

    /// How long it lasts.
    fn length(&self, dice: &mut Dice) -> Duration {
        match self {
            // Questions get through, and answers are lost.
            Self::CutOneWay(..) if !dice.one_in(3) => dice.ms(30, 600),
            // What a worker has sent comes when its lease is over.
            Self::Hold(..) | Self::Freeze(_) if dice.one_in(2) => dice.ms(3_500, 5_000),
            // It is back when its lease is over, or nearly.
            Self::Cut(..) | Self::CutOneWay(..) | Self::Isolate(_) if dice.one_in(3) => {
                dice.ms(2_900, 4_300)
            }
            Self::Isolate(_) => dice.ms(1_000, 9_000),
            _ => dice.ms(200, 6_000),
        }
    }
}

/// All that happens to replicas, also what operators and clients do: whatever is never drawn proves
/// nothing.
pub(crate) const KINDS: [&str; 22] = [
    "power cut",
    "kill",
    "cut",
    "one-way cut",
    "isolation",
    "hold",
    "slow network",
    "slow disk",
    "bad sync",
    "clock jump",
    "clock skew",
    "loss",
    "freeze",
    "slow replica",
    "full disk",
    "short write",
    "drain",
    "leader transfer",
    "member joined",
    "member removed",
    "travelling snapshot",
    "repeated submission",
];

/// What it is counted as.
fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Crash { is_power_cut: true, .. } => "power cut",
        Fault::Crash { is_power_cut: false, .. } => "kill",
        Fault::Cut(..) => "cut",
        Fault::CutOneWay(..) => "one-way cut",
        Fault::Isolate(_) => "isolation",
        Fault::Hold(..) => "hold",
        Fault::SlowNetwork(_) => "slow network",
        Fault::SlowDisk(..) => "slow disk",
        Fault::BadSync(_) => "bad sync",
        Fault::Jump { .. } => "clock jump",
        Fault::Skew(..) => "clock skew",
        Fault::Loss(..) => "loss",
        Fault::Freeze(_) => "freeze",
        Fault::SlowReplica(..) => "slow replica",
        Fault::FullDisk(..) => "full disk",
        Fault::ShortWrite { .. } => "short write",
    }
}

/// The hand that breaks things, and mends them.
pub(crate) struct Hand {
    dice: Dice,
    mood: Mood,
    hosts: Vec<Host>,
    /// Who has nothing but a network.
    others: Vec<String>,
    trace: Trace,
    next: Duration,
    /// What is broken, and until when. Some may be broken twice.
    broken: Vec<(Duration, Fault)>,
}

/// How long a message takes at the most, and a sync, where nothing is slow.
pub(crate) const LATENCY_MS: u64 = 8;
const SYNC_MS: u64 = 3;
/// How much of what is sent is lost, where some is.
const LOSS: f64 = 0.03;

impl Hand {
    pub(crate) fn new(mut dice: Dice, hosts: Vec<Host>, others: Vec<String>, trace: Trace) -> Self {
        let (mood, next) = (Mood::draw(&mut dice), Duration::from_secs(3));
        Self { dice, mood, hosts, others, trace, next, broken: Vec::new() }
    }

    /// Sets the pace at which all goes where nothing is wrong.
    fn set_pace(&self, sim: &Sim<'_>) {
        sim.set_max_message_latency(Duration::from_millis(self.mood.latency_ms));
        self.hosts.iter().for_each(|host| host.medium.set_slowest(self.mood.sync_ms));
    }

    /// Does what is due.
    pub(crate) fn act(&mut self, sim: &mut Sim<'_>, now: Duration) -> io::Result<()> {
        if now.is_zero() {
            self.set_pace(sim);
        }
        let (over, broken) =
            std::mem::take(&mut self.broken).into_iter().partition(|(end, _)| *end <= now);
        self.broken = broken;
        for (_, fault) in over {
            self.mend(sim, now, &fault)?;
        }
        if now >= self.next {
            let (soonest, latest) = self.mood.pause_ms;
            self.next = now + self.dice.ms(soonest, latest);
            let hosts = u64::try_from(self.hosts.len()).unwrap_or(3);
            let fault = Fault::draw(&mut self.dice, &self.mood, hosts);
            self.strike(sim, now, fault)?;
        }
        Ok(())
    }

    /// Mends all that is broken.
    pub(crate) fn mend_all(&mut self, sim: &mut Sim<'_>, now: Duration) -> io::Result<()> {
        (self.mood.latency_ms, self.mood.sync_ms) = (LATENCY_MS, SYNC_MS);
        for (_, fault) in std::mem::take(&mut self.broken) {
            self.mend(sim, now, &fault)?;
        }
        self.set_pace(sim);
        for host in &self.hosts {
            host.skew_ms.store(0, Ordering::Relaxed);
        }
        Ok(())
    }

    fn at(&self, host: usize) -> Option<&Host> {
        self.hosts.get(host)
    }

    fn is_down(&self, host: usize) -> bool {
        self.broken.iter().any(|(_, fault)| match fault {
            Fault::Crash { hosts, .. } => hosts.contains(&host),
            Fault::BadSync(one) => *one == host,
            _ => false,
        })
    }

    fn name(&self, at: usize) -> String {
        self.at(at).map(|host| host.name.clone()).unwrap_or_default()
    }

    fn strike(&mut self, sim: &mut Sim<'_>, now: Duration, fault: Fault) -> io::Result<()> {
        let length = fault.length(&mut self.dice);
        let down = match &fault {
            Fault::Crash { hosts, .. } => hosts.iter().any(|host| self.is_down(*host)),
            Fault::BadSync(one) | Fault::ShortWrite { host: one, .. } => self.is_down(*one),
            _ => false,
        };
        if down {
            return Ok(());
        }
        self.trace.count(kind(&fault));
        self.trace.say(now, "FAULT", &format!("{fault:?} for {} ms", length.as_millis()));
        match &fault {
            Fault::Crash { hosts, is_power_cut } => {
                for host in hosts {
                    self.crash(sim, *host, *is_power_cut)?;
                }
            }
            Fault::Cut(one, other) => sim.partition(self.name(*one), self.name(*other)),
            Fault::CutOneWay(from, to) => sim.partition_oneway(self.name(*from), self.name(*to)),
            Fault::Isolate(one) => {
                for other in self.all_but(*one) {
                    sim.partition(self.name(*one), other);
                }
            }
            Fault::Hold(one, other) => sim.hold(self.name(*one), self.name(*other)),
            Fault::Loss(one, other) => {
                sim.set_link_fail_rate(self.name(*one), self.name(*other), LOSS);
            }
            Fault::SlowNetwork(ms) => sim.set_max_message_latency(Duration::from_millis(*ms)),
            Fault::Freeze(one) => self.freeze(sim, *one, true),
            Fault::SlowReplica(one, ms) => self.slow_down(sim, *one, *ms),
            Fault::SlowDisk(..)
            | Fault::FullDisk(..)
            | Fault::ShortWrite { .. }
            | Fault::BadSync(_) => {
                self.strike_disk(&fault);
            }
            Fault::Jump { hosts, by_ms } => self.set_clocks(hosts, *by_ms),
            Fault::Skew(one, by_ms) => self.set_clocks(&[*one], *by_ms),
        }
        self.broken.push((now + length, fault));
        Ok(())
    }

    fn strike_disk(&self, fault: &Fault) {
        match fault {
            Fault::SlowDisk(one, ms) => {
                self.at(*one).inspect(|host| host.medium.set_slowest(*ms));
            }
            Fault::FullDisk(one, left) => {
                self.at(*one).inspect(|host| host.medium.set_free(Some(*left)));
            }
            Fault::ShortWrite { host, bytes, refusals } => {
                self.at(*host).inspect(|host| host.medium.cut_short(*bytes, *refusals));
            }
            Fault::BadSync(one) => {
                self.at(*one).inspect(|host| host.medium.break_syncs());
            }
            _ => {}
        }
    }

    fn freeze(&self, sim: &Sim<'_>, at: usize, is_frozen: bool) {
        let Some(host) = self.at(at) else { return };
        host.medium.set_frozen(is_frozen);
        for other in self.all_but(at) {
            if is_frozen {
                sim.hold(host.name.as_str(), other);
            } else {
                sim.release(host.name.as_str(), other);
            }
        }
    }

    fn slow_down(&self, sim: &Sim<'_>, at: usize, ms: u64) {
        let Some(host) = self.at(at) else { return };
        host.medium.set_slowest(ms);
        for other in self.all_but(at) {
            sim.set_link_max_message_latency(host.name.as_str(), other, Duration::from_millis(ms));
        }
    }

    fn set_clocks(&self, hosts: &[usize], by_ms: i64) {
        for host in hosts.iter().filter_map(|at| self.at(*at)) {
            self.trace.seen().astray.insert(host.name.clone());
            host.skew_ms.store(by_ms, Ordering::Relaxed);
        }
    }

    fn crash(&self, sim: &mut Sim<'_>, at: usize, is_power_cut: bool) -> io::Result<()> {
        let Some(host) = self.hosts.get(at) else { return Ok(()) };
        host.medium.die()?;
        sim.crash(host.name.as_str());
        host.medium.come_back(is_power_cut)
    }

    fn mend(&mut self, sim: &mut Sim<'_>, now: Duration, fault: &Fault) -> io::Result<()> {
        self.trace.say(now, "FAULT", &format!("over: {fault:?}"));
        match fault {
            Fault::Crash { hosts, .. } => {
                for host in hosts {
                    sim.bounce(self.name(*host));
                }
            }
            Fault::Cut(one, other) => sim.repair(self.name(*one), self.name(*other)),
            Fault::CutOneWay(from, to) => sim.repair_oneway(self.name(*from), self.name(*to)),
            Fault::Isolate(one) => {
                for other in self.all_but(*one) {
                    sim.repair(self.name(*one), other);
                }
            }
            Fault::Hold(one, other) => sim.release(self.name(*one), self.name(*other)),
            Fault::Loss(one, other) => {
                sim.set_link_fail_rate(self.name(*one), self.name(*other), 0.0);
                sim.repair(self.name(*one), self.name(*other));
            }
            Fault::SlowNetwork(_) => {
                sim.set_max_message_latency(Duration::from_millis(self.mood.latency_ms));
            }
            Fault::Freeze(one) => self.freeze(sim, *one, false),
            Fault::SlowReplica(one, _) => {
                self.slow_down(sim, *one, self.mood.latency_ms);
                self.at(*one).inspect(|host| host.medium.set_slowest(self.mood.sync_ms));
            }
            Fault::SlowDisk(one, _) => {
                self.at(*one).inspect(|host| host.medium.set_slowest(self.mood.sync_ms));
            }
            Fault::FullDisk(one, _) => {
                self.at(*one).inspect(|host| host.medium.set_free(None));
            }
            Fault::BadSync(one) => {
                self.crash(sim, *one, true)?;
                sim.bounce(self.name(*one));
            }
            Fault::ShortWrite { host, .. } => {
                let has_failed = |at: usize| {
                    self.at(at).is_some_and(|host| host.has_failed.load(Ordering::Relaxed))
                };
                self.at(*host).inspect(|host| host.medium.cut_short(0, 0));
                if has_failed(*host) && !self.is_down(*host) {
                    self.crash(sim, *host, false)?;
                    sim.bounce(self.name(*host));
                }
            }
            Fault::Jump { hosts, .. } => self.set_clocks(hosts, 0),
            Fault::Skew(one, _) => self.set_clocks(&[*one], 0),
        }
        Ok(())
    }

    fn all_but(&self, at: usize) -> Vec<String> {
        let hosts = self.hosts.iter().enumerate().filter(|(other, _)| *other != at);
        let hosts = hosts.map(|(_, host)| host.name.clone());
        hosts.chain(self.others.iter().cloned()).collect()
    }
}
