//! Who calls, and what that user may do.

use std::net::SocketAddr;
use std::sync::Arc;

use stint_consensus::Origin;
use stint_core::{Role, Token, TokenId};
use subtle::ConstantTimeEq as _;

use super::{Api, ApiError};
use crate::credentials::Credentials;
use crate::limits;
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
    /// The user; empty where no token is needed, and no user is called so.
    pub(crate) fn user(&self) -> &str {
        self.token.as_ref().map_or("", |token| &token.user)
    }

    /// What the audit log keeps.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            user: self.user().to_owned(),
            token: self.token.as_ref().map(|token| token.id),
            remote: self.whence.remote.to_string(),
            request_id: self.whence.request_id.clone(),
        }
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
        let user = self.user();
        Err(ApiError::NotAuthorized(format!(
            "user {user}: this takes the role {needed}, and the token has the role {role}"
        )))
    }
}

impl Api {
    /// Finds out who calls. What is said to those who are refused does not tell them why.
    pub(crate) async fn authenticate(
        &self,
        whence: Whence,
        credentials: Option<Credentials>,
    ) -> Result<Caller, ApiError> {
        if self.is_open && !self.replica.with_state(stint_core::State::is_closed) {
            return Ok(Caller { whence, token: None });
        }
        let Some(Credentials { user, secret }) = credentials else {
            return Err(ApiError::NotAuthenticated(
                "a token is needed: send it as \"Authorization: Bearer stint_...\", or with its \
                 user by Basic",
            ));
        };
        let hash = secret.hash();
        let token = self.token(TokenId::of(hash)).await?.filter(|token| {
            // The id has said as much already, with 122 bits of another hash; this is all of it.
            bool::from(token.hash.0.ct_eq(&hash.0))
                && token.is_valid_at(self.replica.now())
                && user.is_none_or(|user| user == token.user)
        });
        token.map(|token| Caller { whence, token: Some(token) }).ok_or(ApiError::NotAuthenticated(
            "the token is not valid: it is not known, has been revoked, has expired, or is \
             another user's",
        ))
    }

    /// The token of this id. One that is not known here may just have been created elsewhere.
    async fn token(&self, id: TokenId) -> Result<Option<Arc<Token>>, ApiError> {
        let look = || self.replica.with_state(|state| state.token(id).map(Arc::clone));
        if let Some(token) = look() {
            return Ok(Some(token));
        }
        match tokio::time::timeout(limits::UNKNOWN_TOKEN_WAIT, self.barrier()).await {
            Ok(Ok(())) => Ok(look()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ApiError::NoLeader(
                "this replica is behind, and cannot tell whether the token is valid".to_owned(),
            )),
        }
    }
}
