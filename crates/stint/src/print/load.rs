//! The figures of a measurement.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::table;

/// One figure: what it is, and how much.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// As JSON names it.
    pub(crate) name: &'static str,
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
}

impl Row {
    pub(crate) fn new(name: &'static str, what: impl Into<String>, value: Unit) -> Self {
        Self { name, what: what.into(), value }
    }
}

pub(super) fn table(rows: &[Row]) -> String {
    let mut table = table::new(&["figure", "value"]);
    for row in rows {
        let value = match row.value {
            Unit::Count(count) => count.to_string(),
            Unit::PerSecond(rate) => format!("{rate:.0}/s"),
            Unit::Took(time) => format!("{:.2} ms", ms(time)),
        };
        table.add_row([row.what.clone(), value]);
    }
    table::text(&table)
}

/// Times are in milliseconds, rates are per second.
pub(super) fn json(rows: &[Row]) -> Value {
    let field = |row: &Row| match row.value {
        Unit::Count(count) => (row.name.to_owned(), json!(count)),
        Unit::PerSecond(rate) => (format!("{}PerSecond", row.name), json!(rate)),
        Unit::Took(time) => (format!("{}Ms", row.name), json!(ms(time))),
    };
    Value::Object(rows.iter().map(field).collect::<Map<_, _>>())
}

/// Milliseconds, to the microsecond.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
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
        ];
        let shown = table(&rows);
        for text in ["7", "1234/s", "29.87 ms"] {
            assert!(shown.contains(text), "{shown}");
        }
        assert_eq!(
            json(&rows),
            json!({"accepted": 7, "submitPerSecond": 1_234.4, "submitP50Ms": 29.871})
        );
    }
}
