//! Families of numbers as a page in the text format of Prometheus.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use stint_measure::Distribution;

/// How the page is to be read.
pub(crate) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// One family: its name, what it says, and its numbers by label. It is on the page even if it has
/// none, so that whoever looks for it by name finds it.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    numbers: Numbers,
}

type Labels = Vec<(&'static str, String)>;

#[derive(Debug)]
enum Numbers {
    /// They go up and down.
    Gauges(Vec<(Labels, f64)>),
    /// They only grow.
    Counters(Vec<(Labels, f64)>),
    /// They are spread.
    Times(Vec<(Labels, Distribution)>),
}

impl Family {
    /// One number that goes up and down; none if it is not known.
    pub(super) fn gauge(
        name: &'static str,
        help: &'static str,
        value: impl Into<Option<f64>>,
    ) -> Self {
        let numbers = value.into().map(|value| (Labels::new(), value));
        Self { name, help, numbers: Numbers::Gauges(numbers.into_iter().collect()) }
    }

    /// One for each value of a label.
    pub(super) fn gauges(
        name: &'static str,
        help: &'static str,
        label: &'static str,
        numbers: impl IntoIterator<Item = (String, f64)>,
    ) -> Self {
        let numbers = numbers.into_iter().map(|(value, number)| (vec![(label, value)], number));
        Self { name, help, numbers: Numbers::Gauges(numbers.collect()) }
    }

    /// One number that only grows. Its name gets `_total` at its end.
    pub(super) fn counter(
        name: &'static str,
        help: &'static str,
        value: impl Into<Option<f64>>,
    ) -> Self {
        let numbers = value.into().map(|value| (Labels::new(), value));
        Self { name, help, numbers: Numbers::Counters(numbers.into_iter().collect()) }
    }

    /// Likewise by labels.
    pub(super) fn counters(
        name: &'static str,
        help: &'static str,
        numbers: impl IntoIterator<Item = (Labels, f64)>,
    ) -> Self {
        Self { name, help, numbers: Numbers::Counters(numbers.into_iter().collect()) }
    }

    /// How long something took, by labels.
    pub(super) fn times(
        name: &'static str,
        help: &'static str,
        times: impl IntoIterator<Item = (Labels, Distribution)>,
    ) -> Self {
        Self { name, help, numbers: Numbers::Times(times.into_iter().collect()) }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.numbers {
            Numbers::Gauges(_) => MetricType::Gauge,
            Numbers::Counters(_) => MetricType::Counter,
            Numbers::Times(_) => MetricType::Histogram,
        };
        let mut family = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        match &self.numbers {
            Numbers::Gauges(numbers) => {
                for (labels, number) in numbers {
                    family.encode_family(labels)?.encode_gauge(number)?;
                }
            }
            Numbers::Counters(numbers) => {
                for (labels, number) in numbers {
                    let mut metric = family.encode_family(labels)?;
                    metric.encode_counter::<NoLabelSet, f64, f64>(number, None)?;
                }
            }
            Numbers::Times(numbers) => {
                for (labels, times) in numbers {
                    let mut metric = family.encode_family(labels)?;
                    let buckets: Vec<_> =
                        times.buckets.iter().map(|(bound, n)| (bound.min(f64::MAX), *n)).collect();
                    metric.encode_histogram::<NoLabelSet>(
                        times.sum,
                        times.count,
                        &buckets,
                        None,
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// All families of one scrape.
#[derive(Debug)]
struct Page(Vec<Family>);

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

/// The page with these families.
pub(super) fn text(families: Vec<Family>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(families)));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).expect("a String takes whatever is written");
    text
}

#[cfg(test)]
mod tests {
    use stint_measure::Times;

    use super::*;

    #[test]
    fn a_page_is_in_the_format_of_prometheus() {
        let times = Times::default();
        times.note(std::time::Duration::from_micros(100));
        let labels = |value: &str| vec![("action", value.to_owned())];
        let page = text(vec![
            Family::gauge("a", "Says a", 1.5),
            Family::gauge("unknown", "Says nothing", None),
            Family::counters("b", "Says b", [(labels("with \"quotes\"\n"), 2.0)]),
            Family::times("c_seconds", "Says c", [(labels("x"), times.read())]),
        ]);
        let expected = "# HELP a Says a\n# TYPE a gauge\na 1.5\n\
            # HELP unknown Says nothing\n# TYPE unknown gauge\n\
            # HELP b_total Says b\n# TYPE b_total counter\n\
            b_total{action=\"with \\\"quotes\\\"\\n\"} 2.0\n\
            # HELP c_seconds Says c\n# TYPE c_seconds histogram\n\
            c_seconds_bucket{action=\"x\",le=\"0.00025\"} 1\n";
        assert!(page.starts_with(expected), "{page}");
        let end = "c_seconds_bucket{action=\"x\",le=\"+Inf\"} 1\n\
            c_seconds_sum{action=\"x\"} 0.0001\nc_seconds_count{action=\"x\"} 1\n";
        assert!(page.ends_with(end), "{page}");
    }
}
