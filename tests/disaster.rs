//! What is left after the worst: backups, clusters that are made of them, and replicas that are left
//! of a cluster.

mod backup;
mod damaged;
mod memory;
mod repair;
mod returned;
mod state;

use std::path::Path;

use crate::harness::{Cluster, Options};

/// A closed cluster whose jobs print, run and wait.
fn options() -> Options {
    Options {
        is_closed: true,
        capacity: "{ slot = 4 }",
        actions: "[actions.say]\ncommand = [\"seq\", \"1\", \"{param:LINES}\"]\n\
                  parameters.LINES = { default = \"3\" }\n\
                  [actions.long]\ncommand = [\"sleep\", \"3600\"]\n",
        ..Options::default()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// Asks the cluster for a backup, by the command line.
fn back_up(cluster: &Cluster, file: &Path) {
    let addresses = cluster.addresses();
    let mut args = vec!["--address", &addresses, "backup", text(file)];
    args.extend(cluster.admin.iter().flat_map(|token| ["--token", token]));
    let run = crate::harness::program::stint(&args);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("all checksums match"), "{run:?}");
}
