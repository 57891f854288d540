//! What the process of a job needs to submit children: where the cluster is, and a token that is
//! worth something for as long as this run lasts, and not a moment longer.

use std::fmt;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use stint_consensus::{Error, Replica};
use stint_core::{Attempt, Command, JobId, RUN_TOKEN_PREFIX, TokenHash};
use tokio::sync::watch;

use crate::limits::PAUSE_MIN;
use crate::orders::{self, Orders};

/// Bytes of the randomness of a token: nobody finds one by trying.
const SECRET_BYTES: usize = 32;

/// Where the cluster is, and what lets a process in.
pub(crate) struct Access {
    addresses: String,
    token: String,
    /// By what it knows the cluster, if connections are encrypted.
    ca: Option<String>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access")
    }
}

/// What came of giving a run access.
pub(crate) enum Given {
    /// The cluster knows its token.
    Access(Access),
    /// The lease is lost.
    Lost,
    /// The run is to end before it has begun.
    NotWanted(Orders),
    /// There is no token to be had.
    Failed(String),
}

impl Access {
    /// The same for a cluster that is known by the authority in this file.
    pub(crate) fn by(self, ca: Option<&Path>) -> Self {
        Self { ca: ca.map(|file| file.display().to_string()), ..self }
    }

    /// The variables that tell a process.
    pub(crate) fn variables(self) -> impl Iterator<Item = (String, String)> {
        let Self { addresses, token, ca } = self;
        let told =
            [("STINT_ADDRESS", Some(addresses)), ("STINT_TOKEN", Some(token)), ("STINT_CA", ca)];
        told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)))
    }
}

/// Draws a token for a run and has the cluster know it. It costs an entry of the log, so only
/// actions that say so have one.
pub(crate) async fn give(
    replica: &Replica,
    job: JobId,
    attempt: &Attempt,
    orders: &mut watch::Receiver<Orders>,
) -> Given {
    let mut secret = [0; SECRET_BYTES];
    if let Err(error) = getrandom::fill(&mut secret) {
        return Given::Failed(format!("the system gives no randomness for its token: {error}"));
    }
    let digit = |bits| char::from_digit(u32::from(bits), 16).expect("four bits are a digit");
    let digits: String =
        secret.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(digit).collect();
    let token = format!("{RUN_TOKEN_PREFIX}{digits}");
    let command = Command::GiveToken {
        worker: attempt.worker,
        epoch: attempt.epoch,
        job,
        lease: attempt.lease,
        hash: TokenHash(Sha256::digest(&token).into()),
    };
    loop {
        let answer = tokio::select! {
            answer = replica.propose(command.clone()) => answer,
            new = orders::next(orders) => return Given::NotWanted(new),
        };
        match answer {
            Ok(Ok(_)) => break,
            Ok(Err(refusal)) => {
                tracing::debug!(%job, %refusal, "a run gets no token");
                return Given::Lost;
            }
            Err(Error::ShuttingDown) => return Given::Lost,
            Err(error) => tracing::debug!(%job, %error, "a run has no token yet; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE_MIN) => {}
            new = orders::next(orders) => return Given::NotWanted(new),
        }
    }
    Given::Access(Access { addresses: addresses(replica), token, ca: None })
}

/// The doors of all replicas, this one's first: a process on the same machine reaches it if any.
fn addresses(replica: &Replica) -> String {
    let status = replica.status();
    let mut members: Vec<_> = status.members.iter().collect();
    members.sort_by_key(|member| member.id != status.id);
    let addresses = members.into_iter().map(|member| member.member.client_address.as_str());
    addresses.collect::<Vec<_>>().join(",")
}
