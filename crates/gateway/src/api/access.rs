//! Who calls, and what that user may do.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use stint_consensus::Origin;
use stint_core::{Role, Token, TokenId};
use subtle::ConstantTimeEq as _;

use super::{Api, ApiError};
use crate::credentials::Credentials;
use crate::limits::{self, TOKEN_LOOK_INTERVAL};
use crate::operation::Operation;

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whence {
    /// The address of the client, or of what stands before it.
    pub(crate) remote: SocketAddr,
    /// The id of the request.
    pub(crate) request_id: String,
}

/// Somebody who calls, as far as the cluster knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    whence: Whence,
    /// The token that was sent; `None` where none is needed.
    token: Option<Arc<Token>>,
}

impl Caller {
    /// What the audit log keeps.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            user: self.user().unwrap_or_default().to_owned(),
            token: self.token.as_ref().map(|token| token.id),
            remote: self.whence.remote.to_string(),
            request_id: self.whence.request_id.clone(),
        }
    }

    /// The user of the token that was sent; no user has the empty name.
    pub(crate) fn user(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.user.as_str())
    }

    /// What the caller may do.
    fn role(&self) -> Role {
        self.token.as_ref().map_or(Role::Admin, |token| token.role)
    }

    /// Refuses what the role does not allow.
    pub(crate) fn may(&self, operation: Operation) -> Result<(), ApiError> {
        let (role, needed) = (self.role(), operation.role());
        if role >= needed {
            return Ok(());
        }
        let user = self.user().unwrap_or_default();
        Err(ApiError::NotAuthorized(format!(
            "user {user}: this takes the role {needed}, and the token has the role {role}"
        )))
    }
}

impl Api {
    /// Whether callers need no token.
    fn is_open(&self) -> bool {
        self.is_open && !self.replica.with_state(stint_core::State::is_closed)
    }

    /// The caller, as far as this replica knows without asking the others.
    pub(crate) fn recognize(
        &self,
        whence: &Whence,
        credentials: Option<&Credentials>,
    ) -> Option<Caller> {
        if self.is_open() {
            return Some(Caller { whence: whence.clone(), token: None });
        }
        let Credentials { user, secret } = credentials?;
        let hash = secret.hash();
        let token = self.token(TokenId::of(hash)).filter(|token| {
            // The id has said as much already, with 122 bits of another hash; this is all of it.
            bool::from(token.hash.0.ct_eq(&hash.0))
                && token.is_valid_at(self.replica.now())
                && user.as_ref().is_none_or(|user| *user == token.user)
        })?;
        Some(Caller { whence: whence.clone(), token: Some(token) })
    }

    /// Finds out who calls. What is said to those who are refused does not tell them why.
    pub(crate) async fn authenticate(
        &self,
        whence: Whence,
        credentials: Option<Credentials>,
    ) -> Result<Caller, ApiError> {
        if let Some(sent) = &credentials
            && self.token(TokenId::of(sent.secret.hash())).is_none()
        {
            // It may just have been created elsewhere.
            self.catch_up().await?;
        }
        let why = if credentials.is_none() {
            "a token is needed: send it as \"Authorization: Bearer stint_...\", or with its user by \
             Basic"
        } else {
            "the token is not valid: it is not known, has been revoked, has expired, or is another \
             user's"
        };
        self.recognize(&whence, credentials.as_ref()).ok_or(ApiError::NotAuthenticated(why))
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
        caller.token.as_ref().map_or_else(
            || self.is_open(),
            |token| token.is_valid_at(self.replica.now()) && self.token(token.id).is_some(),
        )
    }
}
