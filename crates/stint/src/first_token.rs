//! The first token of a cluster: drawn by `stint init`, brought into the log by `stint serve`.
//!
//! The replica that was prepared with it keeps its hash beside its data, or has it in its
//! configuration, and proposes it until the cluster is closed. The others need not know it.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use stint_consensus::Replica;
use stint_core::{Command, State, TokenHash, TokenId};
use stint_gateway::Secret;

use crate::config::{AdminTokenHash, Config};
use crate::print;

/// How soon closing the cluster is tried again when there is no leader.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Draws the token, writes it where `file` says, and its hash beside the data in `data_dir`.
pub(crate) fn draw(file: &Path, data_dir: &Path) -> anyhow::Result<()> {
    let secret = draw_secret(file)?;
    write_hash(&hash_path(data_dir), secret.hash())
}

/// Draws a token, and writes it where `file` says; `-` is standard output.
pub(crate) fn draw_secret(file: &Path) -> anyhow::Result<Secret> {
    let secret = Secret::draw().map_err(|error| anyhow!("no random number: {error}"))?;
    if file == Path::new("-") {
        print::line(&secret.reveal())?;
        return Ok(secret);
    }
    // For its owner alone; a file that is there is somebody's.
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut file| {
            writeln!(file, "{}", secret.reveal())?;
            file.sync_all()
        })
        .with_context(|| format!("{}: the token cannot be written", file.display()))?;
    Ok(secret)
}

/// Writes the hash of a token to a file, in place of another.
pub(crate) fn write_hash(path: &Path, hash: TokenHash) -> anyhow::Result<()> {
    let digits = hash.0.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    File::create(path)
        .and_then(|mut file| {
            writeln!(file, "{digits}")?;
            file.sync_all()
        })
        .with_context(|| format!("{}: cannot be written", path.display()))
}

/// The hash that this replica brings to its cluster, if it brings one.
pub(crate) fn hash(config: &Config) -> anyhow::Result<Option<TokenHash>> {
    if config.admin_token_hash.is_some() {
        return Ok(config.admin_token_hash);
    }
    read_hash(&hash_path(&config.data_dir))
}

/// The hash of a token in a file, if there is one.
pub(crate) fn read_hash(path: &Path) -> anyhow::Result<Option<TokenHash>> {
    match fs::read_to_string(path) {
        Ok(text) => match AdminTokenHash::try_from(text.trim().to_owned()) {
            Ok(AdminTokenHash(hash)) => Ok(Some(hash)),
            Err(why) => Err(anyhow!("{}: {why}", path.display())),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{}: cannot be read", path.display())),
    }
}

fn hash_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin_token_hash")
}

/// Closes the cluster, as soon as it has a leader. Does not return.
pub(crate) async fn close(replica: &Replica, hash: Option<TokenHash>) -> anyhow::Error {
    if let Some(hash) = hash {
        while !replica.with_state(State::is_closed) {
            // The answer is always yes; if there is none, the next look shows why.
            let answer = replica.propose(Command::Close { hash }).await;
            if let Err(error) = answer {
                tracing::debug!(%error, "the cluster is not closed yet");
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        }
        let id = TokenId::of(hash);
        if replica.with_state(|state| state.token(id).is_none()) {
            tracing::info!(%id, "the first token of this replica is not in use: it was revoked, or another was first");
        }
    }
    std::future::pending().await
}
