//! Compiles /proto with a compiler written in Rust, so that no system protoc is needed.

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
    let descriptors = protox::compile(files, ["../../proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    // What clients may see by reflection: the public packages only.
    let mut public = descriptors.clone();
    public.file.retain(|file| matches!(file.package(), "stint.v0" | "google.protobuf"));
    std::fs::write(out.join("public.bin"), prost::Message::encode_to_vec(&public))?;
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
