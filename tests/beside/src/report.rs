//! What a session came to: medians, ratios, and all that they come from.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use crate::machine;
use crate::round::{Load, Round, Side, ms};

pub(crate) struct Report {
    disturbed_above: f64,
    pub(crate) rounds: Vec<Round>,
    pub(crate) outages: Vec<(Side, Duration)>,
    /// What `stint bench` says of the rest, by its name.
    pub(crate) rest: Vec<(String, BTreeMap<String, f64>)>,
}

/// One figure of the comparison.
pub(crate) struct Line {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    digits: usize,
    of: fn(&Round) -> f64,
}

pub(crate) const LINES: [Line; 6] = [
    Line { what: "rate", unit: "/s", digits: 0, of: |round| round.per_second },
    Line { what: "p50", unit: " ms", digits: 2, of: |round| round.p50_ms },
    Line { what: "p99", unit: " ms", digits: 2, of: |round| round.p99_ms },
    Line {
        what: "processor time of all members, each",
        unit: " ms",
        digits: 3,
        of: |round| round.members_cpu_ms,
    },
    Line {
        what: "processor time of the load, each",
        unit: " ms",
        digits: 3,
        of: |round| round.load_cpu_ms,
    },
    Line {
        what: "bytes written by all members, each",
        unit: "",
        digits: 0,
        of: |round| round.written_bytes,
    },
];

impl Line {
    pub(crate) fn of(&self) -> fn(&Round) -> f64 {
        self.of
    }

    pub(crate) fn digits(&self) -> usize {
        self.digits
    }
}

impl Report {
    pub(crate) fn new(disturbed_above: f64) -> Self {
        Self { disturbed_above, rounds: Vec::new(), outages: Vec::new(), rest: Vec::new() }
    }

    fn is_good(&self, round: &Round) -> bool {
        round.disturbed_percent <= self.disturbed_above
    }

    /// Whether figures of a load are of undisturbed rounds of both.
    pub(crate) fn is_quiet(&self, load: Load) -> bool {
        let has = |side| {
            self.rounds.iter().any(|one| one.load == load && one.side == side && self.is_good(one))
        };
        Side::BOTH.into_iter().all(has)
    }

    /// The rounds that count: the undisturbed ones, or all if the machine was never quiet.
    pub(crate) fn counted(&self, load: Load, side: Side) -> Vec<&Round> {
        let is_quiet = self.is_quiet(load);
        let is_meant = |round: &&Round| round.load == load && round.side == side;
        let counts = |round: &&Round| !is_quiet || self.is_good(round);
        self.rounds.iter().filter(is_meant).filter(counts).collect()
    }

    pub(crate) fn median(&self, load: Load, side: Side, line: &Line) -> f64 {
        median(self.counted(load, side).into_iter().map(line.of).collect())
    }

    fn outage(&self, side: Side) -> (f64, usize) {
        let times: Vec<_> = self
            .outages
            .iter()
            .filter(|(who, _)| *who == side)
            .map(|(_, took)| ms(*took))
            .collect();
        let count = times.len();
        (median(times), count)
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let outages: Vec<_> = self
            .outages
            .iter()
            .map(|(side, took)| json!({"side": side, "ms": ms(*took)}))
            .collect();
        let rest: BTreeMap<_, _> = self.rest.iter().cloned().collect();
        let all = json!({
            "machine": machine::described(),
            "disturbedAbovePercent": self.disturbed_above,
            "rounds": self.rounds,
            "outages": outages,
            "stint": rest,
        });
        let text = serde_json::to_string_pretty(&all)? + "\n";
        std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// As the documentation has it.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("On {}.\n", machine::described());
        for load in Load::BOTH {
            let counts = Side::BOTH.map(|side| self.counted(load, side).len());
            let [theirs, own] = counts;
            let quiet = if self.is_quiet(load) { "" } else { ", all of them disturbed by others" };
            let about = format!("medians of {theirs} and {own} rounds{quiet}");
            write!(
                text,
                "\n| {} ({about}) | etcd | stint | ratio |\n|---|---|---|---|\n",
                load.name()
            )
            .expect("a text takes all");
            for line in &LINES {
                let [theirs, own] = Side::BOTH.map(|side| self.median(load, side, line));
                let (digits, unit) = (line.digits, line.unit);
                writeln!(
                    text,
                    "| {} | {theirs:.digits$}{unit} | {own:.digits$}{unit} | {:.2} |",
                    line.what,
                    own / theirs
                )
                .expect("a text takes all");
            }
        }
        let [(theirs, count), (own, _)] = Side::BOTH.map(|side| self.outage(side));
        if count > 0 {
            write!(
                text,
                "\n| `kill -9` of the leader to the next write, median of {count} | etcd | stint | ratio |\n\
                 |---|---|---|---|\n| | {theirs:.0} ms | {own:.0} ms | {:.2} |\n",
                own / theirs
            ).expect("a text takes all");
        }
        text.push_str("\n| stint alone | figure | value |\n|---|---|---|\n");
        for (name, figures) in &self.rest {
            for (figure, value) in figures {
                writeln!(text, "| {name} | {figure} | {value:.3} |").expect("a text takes all");
            }
        }
        text
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied();
    let lower = values.get(values.len().saturating_sub(1) / 2).copied();
    lower.zip(upper).map_or(f64::NAN, |(lower, upper)| f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(side: Side, per_second: f64, disturbed_percent: f64) -> Round {
        Round {
            load: Load::Write,
            side,
            per_second,
            p50_ms: 1.0,
            p99_ms: 2.0,
            members_cpu_ms: 0.1,
            load_cpu_ms: 0.1,
            written_bytes: 9.0,
            disturbed_percent,
        }
    }

    #[test]
    fn disturbed_rounds_do_not_count_and_ratios_are_of_medians() {
        let mut report = Report::new(5.0);
        for per_second in [10.0, 11.0, 12.0] {
            report.rounds.push(round(Side::Etcd, per_second, 1.0));
            report.rounds.push(round(Side::Stint, 3.0 * per_second, 1.0));
        }
        report.rounds.push(round(Side::Stint, 1.0, 50.0));
        let [rate, ..] = &LINES;
        assert_eq!(report.median(Load::Write, Side::Stint, rate).to_string(), "33");
        let text = report.markdown();
        assert!(text.contains("| rate | 11/s | 33/s | 3.00 |"), "{text}");
    }

    #[test]
    fn a_machine_that_was_never_quiet_is_told() {
        let mut report = Report::new(5.0);
        report.rounds.push(round(Side::Etcd, 10.0, 60.0));
        report.rounds.push(round(Side::Stint, 20.0, 1.0));
        assert!(report.markdown().contains("disturbed by others"));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]).to_string(), "2.5");
    }
}
