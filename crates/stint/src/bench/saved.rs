//! The figures of one run in a file, and those of another one beside them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::exit::Usage;
use crate::print::{Better, Compared, Row};

/// A run, as it is saved.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Saved {
    /// Which measurement: `submit`, `life` and so on.
    load: String,
    version: String,
    /// When it ended, in seconds since 1970.
    at: u64,
    /// By their names, with the unit at the end of each.
    figures: BTreeMap<String, f64>,
}

impl Saved {
    pub(super) fn of(load: &str, rows: &[Row]) -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            load: load.to_owned(),
            version: stint_consensus::VERSION.to_owned(),
            at: at.as_secs(),
            figures: rows.iter().map(Row::figure).collect(),
        }
    }

    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let bad = |error: String| {
            Usage(format!(
                "{}: {error}; `stint bench ... --json FILE` writes such files",
                path.display()
            ))
        };
        let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
        Ok(serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?)
    }

    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// What is in this run and in `rows`, in their order.
    pub(super) fn compare(&self, load: &str, rows: &[Row]) -> anyhow::Result<Vec<Compared>> {
        if self.load != load {
            bail!(Usage(format!("the saved run is one of `{}`, this one of `{load}`", self.load)));
        }
        let compared = rows.iter().filter_map(|row| {
            let (name, now) = row.figure();
            let before = *self.figures.get(&name)?;
            Some(compared(name, row.better(), before, now))
        });
        Ok(compared.collect())
    }
}

fn compared(name: String, better: Option<Better>, before: f64, now: f64) -> Compared {
    let ratio = |over: f64, under: f64| if under > 0.0 { over / under } else { 1.0 };
    // The longest of many times is one time: it says little about the next run.
    let worse = match better.filter(|_| !name.contains("Longest")) {
        Some(Better::More) => ratio(before, now),
        Some(Better::Less) => ratio(now, before),
        None => 1.0,
    };
    Compared { name, before, ratio: ratio(now, before), worse }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::print::Unit;

    fn rows(a_second: f64, ms: u64) -> Vec<Row> {
        let took = Unit::Took(Duration::from_millis(ms));
        vec![
            Row::new("submit", "", Unit::PerSecond(a_second)),
            Row::new("submitP50", "", took),
            Row::new("submitLongest", "", took),
            Row::new("clients", "", Unit::Count(ms)),
        ]
    }

    #[test]
    fn what_got_worse_is_told_from_what_got_better() {
        let before = Saved::of("submit", &rows(1_000.0, 10));
        let worse = |rows: &[Row]| -> Vec<String> {
            let compared = before.compare("submit", rows).expect("the same load");
            compared
                .iter()
                .filter(|one| one.is_worse_than(1.2))
                .map(|one| one.name.clone())
                .collect()
        };
        assert!(worse(&rows(900.0, 11)).is_empty());
        assert!(worse(&rows(5_000.0, 1)).is_empty());
        assert_eq!(worse(&rows(500.0, 20)), ["submitPerSecond", "submitP50Ms"]);
    }

    #[test]
    fn a_saved_run_is_read_back_and_another_load_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("run.json");
        Saved::of("submit", &rows(1_000.0, 10)).write(&path).expect("it can be written");
        let read = Saved::read(&path).expect("it can be read");
        assert_eq!(read.figures["submitPerSecond"].to_string(), "1000");
        let error = read.compare("life", &rows(1.0, 1)).expect_err("another load");
        assert!(error.to_string().contains("`submit`"), "{error}");
        std::fs::write(&path, "{}").expect("it can be written");
        let error = Saved::read(&path).expect_err("no run");
        assert!(error.to_string().contains("--json FILE"), "{error}");
    }
}
