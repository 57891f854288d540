//! Who calls, and what that user may do.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use stint_consensus::Origin;
use stint_core::limits::GENERATIONS_MAX;
use stint_core::{JobId, Parent, Role, State, Timestamp, Token, TokenHash, TokenId};
use subtle::ConstantTimeEq as _;

use super::{Api, ApiError};
use crate::clients::Client;
use crate::credentials::{Credentials, Sent};
use crate::limits::{self, TOKEN_LOOK_INTERVAL};
use crate::operation::Operation;

/// Why the token of a run lets nobody in.
pub(super) const RUN_IS_OVER: &str =
    "the token is not valid: it is that of a run that is over, or of none";

/// How far a run sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// What descends from its job, and its job.
    Itself,
    /// What descends from its job.
    Descendants,
}

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whence {
    /// The address of the client, or of what stands before it.
    pub(crate) remote: SocketAddr,
    /// The id of the request.
    pub(crate) request_id: String,
    /// The job that it is about, once that is known.
    pub(crate) subject: Arc<OnceLock<JobId>>,
}

/// Somebody who calls, as far as the cluster knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    whence: Whence,
    proof: Proof,
}

/// As whom the cluster takes a caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WhoCalls {
    /// Empty in an open cluster.
    pub(crate) user: String,
    /// What the caller may do; a run has no role.
    pub(crate) role: Option<Role>,
    /// `None` in an open cluster.
    pub(crate) token: Option<TokenId>,
    /// When the token ends.
    pub(crate) expires_at: Option<Timestamp>,
}

/// What lets a caller in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    /// None is needed.
    Open,
    /// A user's token.
    User(Arc<Token>),
    /// The token of a run of a job.
    Run(Run),
}

/// A run of a job that calls.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    parent: Parent,
    token: TokenId,
    /// What it is called where a user has a name. No user's name has a colon.
    name: String,
}

impl Caller {
    /// Notes which job the request is about, for the log and for its trace. The first one counts.
    pub(super) fn asks_about(&self, job: JobId) {
        if self.whence.subject.set(job).is_ok() {
            tracing::Span::current().record("job", tracing::field::display(job));
        }
    }

    /// What the audit log keeps.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            user: self.user().unwrap_or_default().to_owned(),
            token: match &self.proof {
                Proof::Open => None,
                Proof::User(token) => Some(token.id),
                Proof::Run(run) => Some(run.token),
            },
            remote: self.whence.remote.to_string(),
            request_id: self.whence.request_id.clone(),
        }
    }

    /// Whose token was sent: a user's name, which is never empty, or `job:` and the id of a job.
    pub(crate) fn user(&self) -> Option<&str> {
        match &self.proof {
            Proof::Open => None,
            Proof::User(token) => Some(&token.user),
            Proof::Run(run) => Some(&run.name),
        }
    }

    /// The role of the token, if one was sent that has one.
    pub(crate) fn role(&self) -> Option<Role> {
        if let Proof::User(token) = &self.proof { Some(token.role) } else { None }
    }

    /// As whom the cluster takes this caller.
    pub(crate) fn who(&self) -> WhoCalls {
        match &self.proof {
            Proof::User(token) => WhoCalls {
                user: token.user.clone(),
                role: Some(token.role),
                token: Some(token.id),
                expires_at: token.expires_at,
            },
            Proof::Open => WhoCalls { role: Some(Role::Admin), ..WhoCalls::default() },
            Proof::Run(run) => {
                WhoCalls { user: run.name.clone(), token: Some(run.token), ..WhoCalls::default() }
            }
        }
    }

    /// With whose requests this one is counted.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.user(), self.whence.remote.ip())
    }

    /// The run of a job whose process calls, if one does: what it submits are its children.
    pub(crate) fn parent(&self) -> Option<Parent> {
        if let Proof::Run(run) = &self.proof { Some(run.parent) } else { None }
    }

    /// Refuses what the role does not allow, or what is not a run's to do.
    pub(crate) fn may(&self, operation: Operation) -> Result<(), ApiError> {
        let needed = operation.role();
        let why = match &self.proof {
            Proof::Open => return Ok(()),
            Proof::User(token) if token.role >= needed => return Ok(()),
            Proof::Run(_) if operation.is_for_runs() => return Ok(()),
            Proof::User(token) => {
                let (user, role) = (&token.user, token.role);
                format!(
                    "user {user}: this takes the role {needed}, and the token has the role {role}"
                )
            }
            Proof::Run(run) => format!(
                "{}: the token of a run may submit jobs, and look at and cancel those that descend \
                 from it, and nothing else",
                run.name
            ),
        };
        Err(ApiError::NotAuthorized(why))
    }
}

impl Api {
    /// Whether callers need no token.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open && !self.replica.with_state(State::is_closed)
    }

    /// The caller, as far as this replica knows without asking the others.
    pub(crate) fn recognize(
        &self,
        whence: &Whence,
        credentials: Option<&Credentials>,
    ) -> Option<Caller> {
        let by = |proof| Caller { whence: whence.clone(), proof };
        // The process of a job says who it is in an open cluster, too: its jobs are its children.
        if let Some(Credentials { token: Sent::Run(hash), .. }) = credentials {
            return self.run_of(*hash).map(Proof::Run).map(by);
        }
        if self.is_open() {
            return Some(by(Proof::Open));
        }
        let Credentials { user, token: Sent::User(hash) } = credentials? else { return None };
        let token = self.token(TokenId::of(*hash)).filter(|token| {
            // The id has said as much already, with 122 bits of another hash; this is all of it.
            bool::from(token.hash.0.ct_eq(&hash.0))
                && token.is_valid_at(self.replica.now())
                && user.as_ref().is_none_or(|user| *user == token.user)
        })?;
        Some(by(Proof::User(token)))
    }

    /// The run whose token has this hash, if it goes on.
    fn run_of(&self, hash: TokenHash) -> Option<Run> {
        let token = TokenId::of(hash);
        let job = self.replica.with_state(|state| state.job_of_token(token).map(Arc::clone))?;
        let is_it = job.token.is_some_and(|known| bool::from(known.0.ct_eq(&hash.0)));
        let lease = job.lease().filter(|_| is_it)?;
        Some(Run { parent: Parent { job: job.id, lease }, token, name: format!("job:{}", job.id) })
    }

    /// Finds out who calls. What is said to those who are refused does not tell them why.
    pub(crate) async fn authenticate(
        &self,
        whence: Whence,
        credentials: Option<Credentials>,
    ) -> Result<Caller, ApiError> {
        let is_unknown = credentials.as_ref().is_some_and(|sent| match sent.token {
            Sent::User(hash) => self.token(TokenId::of(hash)).is_none(),
            Sent::Run(hash) => self.run_of(hash).is_none(),
        });
        if is_unknown {
            // It may just have been created elsewhere.
            self.catch_up().await?;
        }
        let why = match &credentials {
            None => {
                "a token is needed: send it as \"Authorization: Bearer stint_...\", or with its \
                 user by Basic"
            }
            Some(Credentials { token: Sent::User(_), .. }) => {
                "the token is not valid: it is not known, has been revoked, has expired, or is \
                 another user's"
            }
            Some(Credentials { token: Sent::Run(_), .. }) => RUN_IS_OVER,
        };
        self.recognize(&whence, credentials.as_ref()).ok_or(ApiError::NotAuthenticated(why))
    }

    /// Refuses a run what does not descend from its job. Its own record it may see.
    pub(super) async fn within_reach(
        &self,
        caller: &Caller,
        id: JobId,
        reach: Reach,
    ) -> Result<(), ApiError> {
        let Some(Parent { job: own, .. }) = caller.parent() else { return Ok(()) };
        let is_live = |state: &State| state.ancestors(id).any(|job| job.id == own);
        if reach == Reach::Itself && id == own || self.replica.with_state(is_live) {
            return Ok(());
        }
        // What is over may have parents that are over; no line is longer than this.
        let mut parent = self.existing(id).await?.parent;
        for _ in 0..GENERATIONS_MAX {
            let Some(id) = parent.filter(|id| *id != own) else { break };
            parent = self.existing(id).await?.parent;
        }
        if parent == Some(own) {
            return Ok(());
        }
        let message = format!("job {id}: it does not descend from job {own}, whose token this is");
        Err(ApiError::NotAuthorized(message))
    }

    /// The token of this id, if this replica knows it.
    fn token(&self, id: TokenId) -> Option<Arc<Token>> {
        self.replica.with_state(|state| state.token(id).map(Arc::clone))
    }

    /// Learns what others have applied, for as long as a caller may be kept waiting for that.
    async fn catch_up(&self) -> Result<(), ApiError> {
        let outcome = tokio::time::timeout(limits::UNKNOWN_TOKEN_WAIT, self.barrier()).await;
        outcome.unwrap_or_else(|_| {
            Err(ApiError::NoLeader(
                "this replica is behind, and cannot tell whether the token is valid".to_owned(),
            ))
        })
    }

    /// What comes next for a caller, if that comes while the caller may still have it.
    pub(crate) async fn while_welcome<T>(
        &self,
        caller: &Caller,
        next: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let mut next = pin!(next);
        loop {
            if !self.is_welcome(caller) {
                return Err(ApiError::NotAuthenticated(
                    "the answer ends here: the token with which it was asked for has been revoked \
                     or has expired, or one is needed now",
                ));
            }
            if let Ok(outcome) = tokio::time::timeout(TOKEN_LOOK_INTERVAL, next.as_mut()).await {
                return outcome;
            }
        }
    }

    /// Whether what let a caller in would still do so.
    fn is_welcome(&self, caller: &Caller) -> bool {
        match &caller.proof {
            Proof::Open => self.is_open(),
            Proof::User(token) => {
                token.is_valid_at(self.replica.now()) && self.token(token.id).is_some()
            }
            Proof::Run(run) => self.replica.with_state(|state| {
                let job = state.job_of_token(run.token);
                job.is_some_and(|job| job.lease() == Some(run.parent.lease))
            }),
        }
    }
}
