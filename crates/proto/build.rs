//! Compiles /proto with a compiler written in Rust, so that no system protoc is needed.

use std::fs;
use std::path::{Path, PathBuf};

/// Stands before what only builds have that know one level more.
const NEXT_LEVEL: &str = "//next-level: ";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../proto");
    let files = [
        "stint/v0/jobs.proto",
        "stint/v0/workers.proto",
        "stint/v0/actions.proto",
        "stint/v0/cluster.proto",
        "stint/v0/watch.proto",
        "stint/v0/tokens.proto",
        "stint/v0/audit.proto",
        "stint/v0/crons.proto",
        "stint/v0/action_configs.proto",
        "stint/v0/settings.proto",
        "stint/v0/queues.proto",
        "stint/log/v1/log.proto",
        "stint/peer/v1/peer.proto",
    ];
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut root = PathBuf::from("../../proto");
    if std::env::var_os("CARGO_FEATURE_NEXT_LEVEL").is_some() {
        root = with_next_level(&root, &out, &files)?;
    }
    let descriptors = protox::compile(files, [root])?;
    // What clients may see by reflection: the public packages only.
    let mut public = descriptors.clone();
    public.file.retain(|file| matches!(file.package(), "stint.v0" | "google.protobuf"));
    fs::write(out.join("public.bin"), prost::Message::encode_to_vec(&public))?;
    tonic_prost_build::configure()
        .btree_map(".")
        .bytes(".stint.log.v1.Entry.proposal")
        .bytes(".stint.v0.BackupResponse.data")
        .bytes(".stint.peer.v1.AppendEntriesRequest.entries")
        .bytes(".stint.peer.v1.ProposeRequest.proposals")
        .bytes(".stint.peer.v1.Answered.answer")
        .bytes(".stint.peer.v1.OutputBatch.batch")
        .bytes(".stint.peer.v1.SnapshotFrame.data")
        .compile_fds(descriptors)?;
    Ok(())
}

/// Copies the files, and takes the mark away from what the next level has.
fn with_next_level(from: &Path, out: &Path, files: &[&str]) -> std::io::Result<PathBuf> {
    let root = out.join("next-level");
    for file in files {
        let text = fs::read_to_string(from.join(file))?.replace(NEXT_LEVEL, "");
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap_or(&root))?;
        fs::write(path, text)?;
    }
    Ok(root)
}
