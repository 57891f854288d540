//! The operations on tokens.

use std::sync::Arc;

use stint_core::{Command, NewToken, Role, Timeout, Token, TokenId};

use super::jobs::done;
use super::{Api, ApiError, Caller};
use crate::token::Secret;

/// A token that an administrator wants to give to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRequest {
    /// Whose it is.
    pub(crate) user: String,
    /// What it allows.
    pub(crate) role: Role,
    /// How long it is good for; `None` is for ever.
    pub(crate) expires_in: Option<Timeout>,
    /// What it is for.
    pub(crate) description: String,
}

impl Api {
    /// All tokens, expired ones too, in the order of their creation.
    pub(crate) async fn list_tokens(&self, caller: &Caller) -> Result<Vec<Arc<Token>>, ApiError> {
        self.barrier().await?;
        let _turn = self.turn_to_page(caller).await?;
        let mut tokens: Vec<_> =
            self.replica.with_state(|state| state.tokens().map(Arc::clone).collect());
        tokens.sort_by_key(|token| (token.created_at, token.id));
        Ok(tokens)
    }

    /// Creates a token, and tells its secret: nobody ever can again.
    pub(crate) async fn create_token(
        &self,
        caller: &Caller,
        new: TokenRequest,
    ) -> Result<(Arc<Token>, Secret), ApiError> {
        let secret = Secret::draw()
            .map_err(|error| ApiError::internal(&format!("no random number: {error}")))?;
        let TokenRequest { user, role, expires_in, description } = new;
        let expires_at = expires_in.map(|timeout| self.replica.now().plus(timeout.span()));
        let hash = secret.hash();
        let id = TokenId::of(hash);
        let new = NewToken { user, role, hash, expires_at, description };
        let reply = self.propose(caller, Command::CreateToken(Box::new(new))).await??;
        done("the creation of a token", &reply)?;
        let token = self.replica.with_state(|state| state.token(id).map(Arc::clone));
        // Somebody else may have seen it in the list, and have revoked it, meanwhile.
        let token = token.ok_or_else(|| ApiError::NoSuchToken(id.to_string()))?;
        Ok((token, secret))
    }

    /// Makes a token worthless, at once and everywhere.
    pub(crate) async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<(), ApiError> {
        let reply = self.propose(caller, Command::RevokeToken { id }).await??;
        done("a revocation", &reply)
    }
}
