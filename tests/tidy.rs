//! The architecture as a test: who may import whom, who may name what, and how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One crate: its directory, which of ours it may import, and which foreign crates only it names.
struct Room {
    dir: &'static str,
    ours: &'static [&'static str],
    alone: &'static [&'static str],
}

/// The house. A change here is a change of the design: ARCHITECTURE.md draws the same picture.
const HOUSE: &[Room] = &[
    Room { dir: "core", ours: &[], alone: &["cron", "chrono-tz"] },
    Room { dir: "proto", ours: &[], alone: &["protox", "tonic-prost-build"] },
    Room { dir: "measure", ours: &[], alone: &[] },
    Room { dir: "failpoint", ours: &[], alone: &["fail"] },
    Room { dir: "storage", ours: &["core", "failpoint", "measure"], alone: &["redb", "sled"] },
    Room {
        dir: "trace",
        ours: &["core"],
        alone: &["opentelemetry", "opentelemetry_sdk", "opentelemetry-otlp"],
    },
    Room { dir: "tls", ours: &[], alone: &["rustls", "tokio-rustls", "webpki"] },
    Room {
        dir: "consensus",
        ours: &["core", "failpoint", "measure", "proto", "storage", "tls"],
        alone: &["openraft"],
    },
    Room { dir: "worker", ours: &["core", "consensus", "failpoint", "tls"], alone: &["nix"] },
    Room {
        dir: "gateway",
        ours: &["core", "failpoint", "measure", "proto", "consensus", "tls", "trace", "web"],
        alone: &["axum", "prometheus-client"],
    },
    Room { dir: "web", ours: &[], alone: &["askama"] },
    Room { dir: "client", ours: &["proto"], alone: &[] },
    Room { dir: "top", ours: &["client"], alone: &["ratatui", "crossterm"] },
    Room {
        dir: "stint",
        ours: &[
            "core",
            "failpoint",
            "storage",
            "tls",
            "trace",
            "consensus",
            "worker",
            "gateway",
            "client",
            "top",
        ],
        alone: &["clap", "anyhow"],
    },
];

/// What the specification may lean on. No runtime, no clock, no randomness, no file. (`cron` turns
/// on the clock of `chrono`: `core_is_pure` looks that nobody reads it.)
const CORE_MAY_NAME: &[&str] = &["chrono", "chrono-tz", "cron", "thiserror", "uuid"];

const FILE_LINES_MAX: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn manifest(dir: &str) -> toml::Table {
    let path = root().join("crates").join(dir).join("Cargo.toml");
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.into_iter().flat_map(toml::Table::keys).cloned().collect()
}

fn package(dir: &str) -> String {
    if dir == "stint" { dir.to_owned() } else { format!("stint-{dir}") }
}

#[test]
fn each_crate_imports_only_what_the_table_allows() {
    let ours: BTreeMap<_, _> = HOUSE.iter().map(|room| (package(room.dir), room.dir)).collect();
    for room in HOUSE {
        let manifest = manifest(room.dir);
        for name in names(&manifest, "dependencies") {
            if let Some(dir) = ours.get(&name) {
                let may = room.ours.contains(dir);
                assert!(
                    may,
                    "crates/{} must not import {name}: see HOUSE in tests/tidy.rs",
                    room.dir
                );
            }
        }
    }
}

#[test]
fn the_table_names_every_crate_there_is() {
    let dirs: BTreeSet<_> = fs::read_dir(root().join("crates"))
        .expect("crates")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    let table: BTreeSet<_> = HOUSE.iter().map(|room| room.dir.to_owned()).collect();
    assert_eq!(dirs, table);
}

#[test]
fn a_foreign_engine_is_named_by_one_crate() {
    for room in HOUSE {
        let manifest = manifest(room.dir);
        let mut used = names(&manifest, "dependencies");
        used.extend(names(&manifest, "build-dependencies"));
        for other in HOUSE.iter().filter(|other| other.dir != room.dir) {
            for name in other.alone {
                let owner = other.dir;
                assert!(
                    !used.contains(*name),
                    "crates/{} must not name {name}: {owner} does",
                    room.dir
                );
            }
        }
    }
}

#[test]
fn each_engine_of_storage_is_named_in_few_files() {
    // redb's errors and tables run through the store; sled stays in one module.
    let sled: Vec<_> = sources(&root().join("crates/storage/src"))
        .into_iter()
        .filter(|path| fs::read_to_string(path).expect("a source").contains("sled::"))
        .collect();
    assert!(sled.len() <= 1, "sled is named in {sled:?}");
    assert!(!sled.is_empty(), "sled is named nowhere");
}

#[test]
fn core_is_pure() {
    let used = names(&manifest("core"), "dependencies");
    for name in &used {
        let may = CORE_MAY_NAME.contains(&name.as_str());
        assert!(may, "crates/core must not name {name}: it is a function of the log");
    }
    for path in sources(&root().join("crates/core/src")) {
        let text = fs::read_to_string(&path).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in [
            "std::fs",
            "std::net",
            "std::thread",
            "std::env",
            "std::process",
            "SystemTime",
            "Instant::",
            "HashMap",
            "HashSet",
            "Mutex",
            "RwLock",
            "Atomic",
            "async ",
            "f32",
            "f64",
            "Utc::now",
            "Local::now",
            "upcoming",
        ] {
            assert!(!code.contains(word), "{path:?} names {word}: core is pure");
        }
    }
}

#[test]
fn lints_and_versions_stand_in_the_workspace_table() {
    for room in HOUSE {
        let manifest = manifest(room.dir);
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        let is_generated = room.dir == "proto";
        assert!(is_generated || inherits == Some(&true.into()), "crates/{}: no lints", room.dir);
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(section).and_then(toml::Value::as_table);
            for (name, value) in table.into_iter().flatten() {
                let is_shared = value.get("workspace") == Some(&true.into());
                assert!(is_shared, "crates/{}: {name} has a version of its own", room.dir);
            }
        }
    }
}

#[test]
fn files_stay_readable_in_one_sitting() {
    let mut all = sources(&root().join("crates"));
    all.extend(sources(&root().join("tests")));
    assert!(all.len() > 100, "only {} sources were found", all.len());
    for path in all {
        let text = fs::read_to_string(&path).expect("a source");
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{path:?} has {lines} lines, more than {FILE_LINES_MAX}");
        assert!(!path.ends_with("mod.rs"), "{path:?}: modules are foo.rs and foo/");
        let is_main = path.ends_with("main.rs");
        assert!(is_main || text.starts_with("//!"), "{path:?} does not say what it is for");
    }
}

/// What is not a call but the way on from one, in whose example it stands.
const NO_CALLS: &[&str] = &["next"];

#[test]
fn each_call_of_the_client_has_an_example() {
    let mut calls = 0;
    for path in sources(&root().join("crates/client/src")) {
        let text = fs::read_to_string(&path).expect("a source");
        let mut has_example = false;
        for line in text.lines().map(str::trim) {
            if let Some((name, _)) =
                line.strip_prefix("pub async fn ").and_then(|f| f.split_once('('))
            {
                let is_shown = has_example || NO_CALLS.contains(&name);
                assert!(
                    is_shown,
                    "{name} in {} has no example in its documentation",
                    path.display()
                );
                calls += 1;
            }
            has_example = line.starts_with("#[") && has_example
                || line.starts_with("///") && (has_example || line.contains("```"));
        }
    }
    assert!(calls > 40, "only {calls} calls were found");
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
