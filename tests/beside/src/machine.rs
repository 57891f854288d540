//! What the processors of this machine do, and for whom.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

/// The kernel's own threads are children of this one.
const KERNEL_THREADS: u32 = 2;

/// The processor time of everybody, at one instant.
#[derive(Debug)]
pub(crate) struct Usage {
    at: Instant,
    /// All that was not idle, but for interrupts, which come of our own traffic.
    busy: u64,
    /// What the host has given to others.
    stolen: u64,
    kernel: u64,
    ours: u64,
}

/// A process, as the kernel tells of it.
struct Process {
    pid: u32,
    parent: u32,
    /// Its own ticks.
    own: u64,
    /// Those of its children that have ended.
    of_ended: u64,
}

fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses, and may have blanks; what comes behind it is counted from 3.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Process {
        pid,
        parent: u32::try_from(field(4)?).ok()?,
        own: field(14)? + field(15)?,
        of_ended: field(16)? + field(17)?,
    })
}

fn processes() -> Vec<Process> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(process).collect()
}

impl Usage {
    /// Reads it. What descends from this process is ours.
    pub(crate) fn read() -> Self {
        let all = processes();
        let mut ours = BTreeSet::from([std::process::id()]);
        // A child has nearly always a higher number than its parent; the others take another turn.
        loop {
            let count = ours.len();
            for process in &all {
                if ours.contains(&process.parent) {
                    ours.insert(process.pid);
                }
            }
            if ours.len() == count {
                break;
            }
        }
        let ticks = |which: &dyn Fn(&Process) -> bool| -> u64 {
            all.iter().filter(|process| which(process)).map(|process| process.own).sum()
        };
        let ended: u64 =
            all.iter().filter(|one| ours.contains(&one.pid)).map(|one| one.of_ended).sum();
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let cpu: Vec<u64> = stat
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .filter_map(|field| field.parse().ok())
            .collect();
        // user, nice, system, idle, iowait, irq, softirq, steal
        let field = |i: usize| cpu.get(i).copied().unwrap_or(0);
        Self {
            at: Instant::now(),
            busy: field(0) + field(1) + field(2),
            stolen: field(7),
            kernel: ticks(&|process| process.parent == KERNEL_THREADS),
            ours: ticks(&|process| ours.contains(&process.pid)) + ended,
        }
    }

    /// How many percent of all processors others had since then.
    pub(crate) fn disturbed_percent_since(&self, before: &Self) -> f64 {
        let known = (self.ours + self.kernel).saturating_sub(before.ours + before.kernel);
        let busy = (self.busy + self.stolen).saturating_sub(before.busy + before.stolen);
        let passed = self.at.saturating_duration_since(before.at).as_secs_f64();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let whole = passed * number(ticks_a_second()) * number(processors);
        if whole > 0.0 { number(busy.saturating_sub(known)) / whole * 100.0 } else { 0.0 }
    }
}

/// The processor time of these processes together.
pub(crate) fn processor_time(pids: &[u32]) -> Duration {
    let ticks: u64 = pids.iter().filter_map(|pid| process(*pid)).map(|one| one.own).sum();
    Duration::from_millis(ticks * 1_000 / ticks_a_second())
}

/// The bytes that these processes gave to the disk.
pub(crate) fn written(pids: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let io = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
        io.lines().find_map(|line| line.strip_prefix("write_bytes:")?.trim().parse::<u64>().ok())
    };
    pids.iter().filter_map(of).sum()
}

/// The processor time of this process.
pub(crate) fn own() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The machine in a few words.
pub(crate) fn described() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("a processor", |text| text.trim_start_matches([' ', '\t', ':']));
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{count} × {model}, Linux {}", kernel.trim())
}

fn ticks_a_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "ticks and counts of one session are far below 2^53"
)]
pub(crate) fn number(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_burns_is_ours() {
        let before = Usage::read();
        let began = Instant::now();
        while processor_time(&[std::process::id()]) < Duration::from_millis(300)
            && began.elapsed() < Duration::from_mins(1)
        {
            std::hint::spin_loop();
        }
        let after = Usage::read();
        assert!(after.ours >= before.ours + 20, "{before:?} {after:?}");
        let disturbed = after.disturbed_percent_since(&before);
        assert!((0.0..=101.0).contains(&disturbed), "{disturbed}");
    }
}
