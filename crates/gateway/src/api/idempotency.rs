//! Submissions that may be made twice: the client names them by a key.
//!
//! There is no table of keys. A key is another spelling of its job's id, and whether there is a job
//! of that id the state and history know already, on every replica.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use stint_core::{Command, Job, JobId, NewJob, Refusal, Reply, Status};
use uuid::Builder;

use super::jobs::{impossible, of_child};
use super::{Api, ApiError, Caller};
use crate::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::parse::quoted;

/// What is hashed first, so that this hash is none of another kind.
const PURPOSE: &[u8] = b"stint idempotency key";

/// A key as a client chose it: visible ASCII characters, within [`IDEMPOTENCY_KEY_BYTES_MAX`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(Vec<u8>);

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl IdempotencyKey {
    /// Reads a key that came in `field`.
    pub(crate) fn parse(field: &str, bytes: &[u8]) -> Result<Self, ApiError> {
        let length = 1..=IDEMPOTENCY_KEY_BYTES_MAX;
        if length.contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic) {
            return Ok(Self(bytes.to_owned()));
        }
        let expected = format!("1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters");
        let got = quoted(&String::from_utf8_lossy(bytes));
        Err(ApiError::field(field, expected, format!("{got} ({} bytes)", bytes.len())))
    }

    /// The job that this key is for, if `user` says it: a UUID of version 8 (RFC 9562), of the
    /// first bits of a SHA-256. Others cannot find a key of theirs that names the same job.
    pub(crate) fn job_of(&self, user: &str) -> JobId {
        let mut hash = Sha256::new();
        for part in [PURPOSE, user.as_bytes(), &self.0] {
            // With its length before it no part runs on into the next one.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let (first, _) = hash.split_first_chunk().expect("a SHA-256 has more than 16 bytes");
        JobId::from_bytes(Builder::from_custom_bytes(*first).into_uuid().into_bytes())
    }
}

impl Api {
    /// Schedules a job whose id is that of its key, unless it has been scheduled; the job in both
    /// cases. `new` has been drawn before, so that no job that ends after the look is forgotten
    /// unnoticed: the state refuses a submission that is older than its memory.
    pub(super) async fn submit_once(
        &self,
        caller: &Caller,
        new: NewJob,
    ) -> Result<Arc<Job>, ApiError> {
        // The state forgets a job some time after its end. History does not.
        if let Some(job) = self.replica.job(new.id).await.map_err(ApiError::of_read)? {
            return repeated(job, &new);
        }
        let reply = self.propose(caller, Command::Submit(new.clone())).await;
        match reply.map_err(|error| ApiError::of_submission(error, new.id))? {
            // It may have been another one of the same key, just now.
            Ok(Reply::Submitted(job)) if job.id != new.id => Ok(job),
            Ok(Reply::Submitted(job)) => repeated(job, &new),
            Ok(Reply::SubmittedBefore(id)) => {
                match self.replica.job(id).await.map_err(ApiError::of_read)? {
                    Some(job) => repeated(job, &new),
                    None => Err(conflict(id, "which is over and not kept any more")),
                }
            }
            Ok(reply) => Err(impossible("a submission", &reply)),
            Err(Refusal::IdTaken(id)) => Err(other(id)),
            Err(refusal) => Err(of_child(refusal)),
        }
    }
}

/// The job of a key, if `new` asks for it once more.
fn repeated(job: Arc<Job>, new: &NewJob) -> Result<Arc<Job>, ApiError> {
    if job.status == Status::Deleted || job.delete_requested {
        Err(conflict(job.id, "which is deleted"))
    } else if job.is_asked_for_by(new) {
        Ok(job)
    } else {
        Err(other(job.id))
    }
}

fn other(job: JobId) -> ApiError {
    conflict(job, "which was submitted differently")
}

fn conflict(job: JobId, why: &str) -> ApiError {
    let advice = "use another key for another submission";
    ApiError::Conflict(format!("the idempotency key is that of job {job}, {why}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::parse("key", text.as_bytes()).unwrap()
    }

    #[test]
    fn a_key_is_1_to_255_visible_ascii_characters() {
        for text in ["a", "!~", "\"8e03978e-40d5\"", &"x".repeat(255)] {
            assert_eq!(key(text).0, text.as_bytes());
        }
        for text in ["", "a b", "a\n", "\u{7f}", "schl\u{fc}ssel", &"x".repeat(256)] {
            let error = IdempotencyKey::parse("key", text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "INVALID_PARAMETERS", "{text:?}");
            assert!(error.to_string().starts_with("key: expected 1 to 255 visible"), "{error}");
        }
        assert!(IdempotencyKey::parse("key", b"\xff").is_err());
    }

    #[test]
    fn the_job_of_a_key_is_the_same_in_every_version_and_each_users_own() {
        // A change of this id is a change of format: keys that are in use would name other jobs.
        let id = key("build-42").job_of("ann");
        assert_eq!(id.to_string(), "5aee23a9-c2ea-8af1-95fb-f48781685530");
        for (user, text) in [("", "build-42"), ("ann", "build-43"), ("annb", "uild-42")] {
            assert_ne!(key(text).job_of(user), id, "{text} of {user}");
        }
    }
}
