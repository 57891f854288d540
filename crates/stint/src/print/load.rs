//! The figures of a measurement.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::table;

/// One figure: what it is, and how much.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// As JSON names it.
    pub(crate) name: Cow<'static, str>,
    /// As people read it.
    pub(crate) what: String,
    pub(crate) value: Unit,
}

/// How much of what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    /// So many.
    Count(u64),
    /// So many a second.
    PerSecond(f64),
    /// So long.
    Took(Duration),
    /// So much of a processor's time.
    Processor(Duration),
    /// So many bytes.
    Bytes(u64),
}

/// Which way a figure gets better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

/// A figure beside the one of another run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compared {
    /// As JSON names it, with its unit.
    pub(crate) name: String,
    pub(crate) before: f64,
    /// This run's in terms of the other's.
    pub(crate) ratio: f64,
    /// How many times worse it is than before; below 1 it is better.
    pub(crate) worse: f64,
}

impl Compared {
    pub(crate) fn is_worse_than(&self, ratio: f64) -> bool {
        self.worse > ratio
    }
}

impl Row {
    pub(crate) fn new(
        name: impl Into<Cow<'static, str>>,
        what: impl Into<String>,
        value: Unit,
    ) -> Self {
        Self { name: name.into(), what: what.into(), value }
    }

    /// Its name in JSON, which ends with its unit, and its number. Times are in milliseconds, rates
    /// are per second.
    pub(crate) fn figure(&self) -> (String, f64) {
        let name = &self.name;
        match self.value {
            Unit::Count(count) => (name.to_string(), number(count)),
            Unit::PerSecond(rate) => (format!("{name}PerSecond"), rate),
            Unit::Took(time) | Unit::Processor(time) => (format!("{name}Ms"), ms(time)),
            Unit::Bytes(bytes) => (format!("{name}Bytes"), number(bytes)),
        }
    }

    /// Which way it gets better; nothing if it is neither good nor bad.
    pub(crate) fn better(&self) -> Option<Better> {
        match self.value {
            Unit::Count(_) => None,
            Unit::PerSecond(_) => Some(Better::More),
            Unit::Took(_) | Unit::Processor(_) | Unit::Bytes(_) => Some(Better::Less),
        }
    }
}

pub(super) fn table(rows: &[Row], compared: Option<&[Compared]>) -> String {
    let Some(compared) = compared else {
        let mut table = table::new(&["figure", "value"]);
        table.add_rows(rows.iter().map(|row| [row.what.clone(), text(row.value)]));
        return table::text(&table);
    };
    let mut table = table::new(&["figure", "value", "before", "ratio"]);
    for row in rows {
        let name = row.figure().0;
        let beside = compared.iter().find(|one| one.name == name);
        let (before, ratio) = match beside {
            Some(one) => (like(row.value, one.before), format!("{:.2}", one.ratio)),
            None => (String::new(), String::new()),
        };
        table.add_row([row.what.clone(), text(row.value), before, ratio]);
    }
    table::text(&table)
}

pub(super) fn json(rows: &[Row], compared: Option<&[Compared]>) -> Value {
    let field = |row: &Row| {
        let (name, number) = row.figure();
        match row.value {
            Unit::Count(count) | Unit::Bytes(count) => (name, json!(count)),
            Unit::PerSecond(_) | Unit::Took(_) | Unit::Processor(_) => (name, json!(number)),
        }
    };
    let mut all = rows.iter().map(field).collect::<Map<_, _>>();
    if let Some(compared) = compared {
        let ratios = compared.iter().map(|one| (one.name.clone(), json!(one.ratio)));
        all.insert("ratios".to_owned(), Value::Object(ratios.collect()));
    }
    Value::Object(all)
}

fn text(value: Unit) -> String {
    match value {
        Unit::Count(count) => count.to_string(),
        Unit::PerSecond(rate) => format!("{rate:.0}/s"),
        Unit::Took(time) => format!("{:.2} ms", ms(time)),
        Unit::Processor(time) => format!("{:.4} ms", ms(time)),
        Unit::Bytes(bytes) => format!("{bytes} B"),
    }
}

/// A number of the same unit.
fn like(unit: Unit, number: f64) -> String {
    match unit {
        Unit::Count(_) => format!("{number:.0}"),
        Unit::PerSecond(_) => format!("{number:.0}/s"),
        Unit::Took(_) => format!("{number:.2} ms"),
        Unit::Processor(_) => format!("{number:.4} ms"),
        Unit::Bytes(_) => format!("{number:.0} B"),
    }
}

/// Milliseconds, to a tenth of a microsecond.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000_000.0).round() / 10_000.0
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "no count of a measurement is near 2^53"
)]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_units_in_both_formats() {
        let rows = [
            Row::new("accepted", "accepted", Unit::Count(7)),
            Row::new("submit", "submissions", Unit::PerSecond(1_234.4)),
            Row::new("submitP50", "median", Unit::Took(Duration::from_micros(29_871))),
            Row::new("cpu", "processor time", Unit::Processor(Duration::from_micros(182))),
            Row::new("written", "bytes", Unit::Bytes(812)),
        ];
        let shown = table(&rows, None);
        for text in ["7", "1234/s", "29.87 ms", "0.1820 ms", "812 B"] {
            assert!(shown.contains(text), "{shown}");
        }
        assert_eq!(
            json(&rows, None),
            json!({
                "accepted": 7, "submitPerSecond": 1_234.4, "submitP50Ms": 29.871,
                "cpuMs": 0.182, "writtenBytes": 812,
            })
        );
    }

    #[test]
    fn a_figure_stands_beside_the_one_of_another_run() {
        let rows = [Row::new("submit", "submissions", Unit::PerSecond(500.0))];
        let name = "submitPerSecond".to_owned();
        let compared = [Compared { name, before: 1_000.0, ratio: 0.5, worse: 2.0 }];
        let shown = table(&rows, Some(&compared));
        for text in ["500/s", "1000/s", "0.50", "BEFORE"] {
            assert!(shown.contains(text), "{shown}");
        }
        let json = json(&rows, Some(&compared));
        assert_eq!(json["ratios"]["submitPerSecond"], 0.5);
    }
}
