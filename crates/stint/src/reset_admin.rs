//! `stint token reset-admin`: the way back into a closed cluster when the secrets of all its
//! administrators are lost. Whoever can write into a replica's data directory can do it.
//!
//! The hash of a new token is laid beside the replica's data. At its next start the replica proposes
//! it, and takes it away once it is in the log.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use stint_consensus::{AuditFilter, Error, Origin, Replica};
use stint_core::{Command, TokenHash, TokenId};

use crate::args::token::ResetAdmin;
use crate::config::Config;
use crate::exit::Exit;
use crate::first_token::{self, RETRY_INTERVAL};
use crate::{init, ownership, print};

/// What the audit log says instead of a request id.
const REQUEST_ID: &str = "reset-admin";

/// The name of the command in the audit log.
const OPERATION: &str = "ResetAdmin";

/// Records of the audit log that are looked through at a time.
const AUDIT_PAGE: usize = 10_000;

pub(crate) fn run(args: &ResetAdmin) -> anyhow::Result<Exit> {
    let config = Config::load(&args.layered.layers()?)?;
    let (id, dir) = (config.id, &config.data_dir);
    ownership::may_write(dir)?;
    match init::owner(dir)? {
        Some(owner) if owner == config.identity() => {}
        Some(owner) => bail!(
            "{}: it is the data of replica {:012x} of cluster {}, and {} is of replica {id} of \
             cluster {}; nothing was changed",
            dir.display(),
            owner.replica,
            init::hex(owner.cluster),
            args.layered.config.display(),
            init::hex(config.cluster)
        ),
        None => bail!("{}: there is no data of replica {id}; nothing was changed", dir.display()),
    }
    let secret = first_token::draw_secret(&args.admin_token_file)?;
    first_token::write_hash(&path(dir), secret.hash())?;
    print::note(&format!(
        "restart replica {id}: it brings the token {} into the cluster, as one of the user {}, as soon \
         as there is a leader. Revoke the tokens that are lost: stint token list, stint token revoke ID",
        TokenId::of(secret.hash()),
        stint_core::FIRST_USER
    ));
    Ok(Exit::Done)
}

/// The hash that waits beside the data, if one does.
pub(crate) fn waiting(data_dir: &Path) -> anyhow::Result<Option<TokenHash>> {
    first_token::read_hash(&path(data_dir))
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin_token_reset")
}

/// Brings the token into the cluster, as soon as there is a leader, and then takes its hash away: it
/// must not come back at a later start, when it may have been revoked. Does not return.
pub(crate) async fn carry_out(
    replica: &Replica,
    data_dir: &Path,
    hash: Option<TokenHash>,
) -> anyhow::Result<Infallible> {
    let Some(hash) = hash else { return std::future::pending().await };
    let origin = Origin {
        remote: format!("replica {}", replica.id()),
        request_id: REQUEST_ID.to_owned(),
        ..Origin::default()
    };
    let id = TokenId::of(hash);
    loop {
        let outcome = match was_brought(replica, id).await {
            // This replica was killed between the entry and the removal of the file.
            Ok(true) => break,
            Ok(false) => replica.propose_for(&origin, Command::ResetAdmin { hash }).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(Ok(_)) => {
                tracing::warn!(%id, "a token of an administrator was drawn on this machine, and is good from now on");
                break;
            }
            Ok(Err(refusal)) => {
                tracing::error!(%refusal, "the token that was drawn on this machine is not taken");
                break;
            }
            Err(error) => {
                tracing::debug!(%error, "the token that was drawn on this machine is not in the log yet");
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        }
    }
    let file = path(data_dir);
    fs::remove_file(&file)
        .and_then(|()| fs::File::open(data_dir)?.sync_all())
        .with_context(|| format!("{}: cannot be removed, and must not stay", file.display()))?;
    std::future::pending().await
}

/// Whether the token has been brought into the cluster by an earlier life of this replica. It may have
/// been revoked since.
async fn was_brought(replica: &Replica, id: TokenId) -> Result<bool, Error> {
    let id = id.to_string();
    // Nobody asked for it, by name.
    let mut filter = AuditFilter { user: Some(String::new()), ..AuditFilter::default() };
    loop {
        let page = replica.audit(&filter, 0, AUDIT_PAGE).await?;
        let mut records = page.records.iter();
        if records.any(|record| {
            record.operation == OPERATION && record.object == id && record.refusal.is_none()
        }) {
            return Ok(true);
        }
        if page.rest.is_none() {
            return Ok(false);
        }
        filter.before = page.rest;
    }
}
