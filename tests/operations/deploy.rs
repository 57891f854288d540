//! The configurations in deploy/ are such that a replica can start with them, told as they are told.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::harness::certificates::Authority;
use crate::harness::program::STINT;

const HASH: &str = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
const CLUSTER: &str = "000102030405060708090a0b0c0d0e0f";

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `stint config check` says of this configuration, told by these variables, with certificates
/// for this replica where they are looked for.
fn check(text: &str, variables: &[(String, String)], id: &str) {
    let dir = TempDir::new().expect("a directory");
    let authority = Authority::new(dir.path());
    authority.sign("localhost", &dir.path().join("client"));
    authority.sign(&format!("{id}.{CLUSTER}.stint"), &dir.path().join("peer"));
    fs::copy(&authority.certificate, dir.path().join("peer-ca.pem")).expect("a file");
    let at = |path: &str| path.replace("/etc/stint/tls/", &format!("{}/", dir.path().display()));
    let text = text.replace("\"tls/", &format!("\"{}/", dir.path().display()));
    let file = dir.path().join("stint.toml");
    fs::write(&file, text).expect("a file");
    let run = Command::new(STINT)
        .args(["config", "check"])
        .env("STINT_CONFIG", &file)
        .env("STINT_CLUSTER__ID", CLUSTER)
        .env("STINT_CLUSTER__ADMIN_TOKEN_HASH", HASH)
        .envs(variables.iter().map(|(name, value)| (name, at(value))))
        .stdin(Stdio::null())
        .output()
        .expect("the program under test starts");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(said.contains(&format!("replica {id} can start")), "{id}: {run:?}");
}

#[test]
fn the_replicas_of_the_compose_file_can_start() {
    let compose = read("deploy/docker/compose.yaml");
    let ids: Vec<_> = compose
        .lines()
        .filter_map(|line| line.trim().strip_prefix("STINT_REPLICA__ID: "))
        .collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    for id in ids {
        assert!(compose.contains(&format!("./files/{id}:/etc/stint/tls:ro")), "{id}");
        let variable = ("STINT_REPLICA__ID".to_owned(), id.to_owned());
        check(&read("deploy/docker/stint.toml"), &[variable], id);
    }
}

/// The variables of the first container in a manifest that are written out, for pod `number`.
fn variables(manifest: &str, number: usize) -> Vec<(String, String)> {
    let lines = manifest.lines().filter_map(|line| {
        let line = line.trim().strip_prefix("- { name: ")?.strip_suffix("\" }")?;
        let (name, value) = line.split_once(", value: \"")?;
        Some((name.to_owned(), value.replace("$(NUMBER)", &number.to_string())))
    });
    lines.collect()
}

#[test]
fn the_pods_of_kubernetes_can_start() {
    let map = read("deploy/kubernetes/base/configuration.yaml");
    let (_, text) = map.split_once("stint.toml: |\n").expect("the configuration");
    let text: Vec<_> = text.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    for manifest in ["base/replicas.yaml", "found/prepare.yaml"] {
        let manifest = read(&format!("deploy/kubernetes/{manifest}"));
        for number in 0..3 {
            let mut variables = variables(&manifest, number);
            assert!(variables.len() >= 2, "{variables:?}");
            for (_, value) in &mut variables {
                *value = value.replace(&format!("peer-{number}."), "peer.");
            }
            check(&text.join("\n"), &variables, &format!("00000000001{number}"));
        }
    }
}
