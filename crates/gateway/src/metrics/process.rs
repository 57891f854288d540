//! This process, as the kernel sees it.

use std::fs;

/// What there is to know of it; parts that cannot be read are not shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<f64>,
    pub(super) start_seconds: Option<f64>,
    pub(super) open_files: Option<f64>,
    pub(super) open_files_max: Option<f64>,
}

impl Process {
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name of the program is in parentheses, and may have blanks.
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |number: usize| {
            // The manual counts from 1, and the first after the name is the third.
            fields.get(number - 3)?.parse::<f64>().ok()
        };
        let ticks =
            f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100));
        let page = f64::from(u32::try_from(rustix::param::page_size()).unwrap_or(4_096));
        let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
        let boot = boot.lines().find_map(|line| line.strip_prefix("btime ")?.parse::<f64>().ok());
        let both = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Self {
            cpu_seconds: both(field(14), field(15)).map(|total| total / ticks),
            resident_bytes: field(24).map(|pages| pages * page),
            start_seconds: both(boot, field(22).map(|since_boot| since_boot / ticks)),
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| number(files.count())),
            open_files_max: limit.and_then(|limit| u32::try_from(limit).ok()).map(f64::from),
        }
    }
}

/// A count as Prometheus has numbers.
pub(super) fn number(count: impl TryInto<u64>) -> f64 {
    let count = count.try_into().unwrap_or(u64::MAX);
    let (high, low) = (count >> 32, count & u64::from(u32::MAX));
    let half = |part: u64| f64::from(u32::try_from(part).unwrap_or(u32::MAX));
    half(high) * 4_294_967_296.0 + half(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        let process = Process::read();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 1e6), "{process:?}");
        assert!(process.open_files.is_some_and(|count| count >= 3.0), "{process:?}");
        assert!(process.cpu_seconds.is_some(), "{process:?}");
        // After 2020.
        assert!(process.start_seconds.is_some_and(|at| at > 1.6e9), "{process:?}");
        assert!((number(u64::from(u32::MAX) + 2) - 4_294_967_297.0).abs() < 0.5);
    }
}
