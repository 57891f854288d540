//! Alerts, dashboard and documentation speak of metrics that exist, and the documentation of all.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::metrics::text;
use crate::harness::{Cluster, Options};

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of metrics in a text.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_name = |word: &&str| word.starts_with("stint_") || word.starts_with("process_");
    words.filter(is_name).map(str::to_owned).collect()
}

/// The names that the page has, as queries use them.
fn names_on_page(page: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let families: BTreeSet<_> = types.clone().map(|(name, _)| name.to_owned()).collect();
    let histograms = types.filter(|(_, kind)| *kind == "histogram");
    let parts = histograms
        .flat_map(|(name, _)| ["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
    (families.clone(), parts.chain(families).collect())
}

#[test]
fn alerts_dashboard_and_documentation_name_metrics_that_exist() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let (families, queryable) = names_on_page(&text(&cluster, 0));
    let documentation = read("docs/operations.md");
    let documented = names_in(&documentation);
    for (file, at_least) in [
        ("deploy/prometheus/alerts.yml", 10),
        ("deploy/grafana/stint.json", 20),
        ("docs/operations.md", families.len()),
    ] {
        let named = names_in(&read(file));
        let unknown: Vec<_> = named.difference(&queryable).collect();
        assert!(unknown.is_empty(), "{file} names what is not on the page: {unknown:?}");
        assert!(named.len() >= at_least, "{file} names only {named:?}");
    }
    let silent: Vec<_> = families.difference(&documented).collect();
    assert!(silent.is_empty(), "docs/operations.md says nothing of {silent:?}");
}

#[test]
fn the_dashboard_is_one() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("deploy/grafana/stint.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let graphs: Vec<_> = panels.iter().filter(|panel| panel["type"] == "timeseries").collect();
    assert!(graphs.len() > 15, "{} graphs", graphs.len());
    for panel in graphs {
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty() && panel["title"].is_string(), "{panel}");
        for target in targets {
            let names = names_in(target["expr"].as_str().expect("a query"));
            assert!(!names.is_empty(), "{panel}: a query without a metric");
        }
    }
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].to_string()).collect();
    assert_eq!(ids.len(), panels.len(), "ids are there twice");
}
