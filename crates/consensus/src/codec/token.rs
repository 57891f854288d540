//! Who may call: tokens.

use stint_core::{NewToken, Role, Timestamp, Token, TokenHash, TokenId};
use stint_proto::log::v1 as pb;

use super::{Decoded, Garbled, at, uuid};

pub(super) fn new_token(new: &NewToken) -> pb::CreateToken {
    pb::CreateToken {
        user: new.user.clone(),
        role: role(new.role),
        hash: new.hash.0.to_vec(),
        expires_at_ms: new.expires_at.map(Timestamp::as_ms),
        description: new.description.clone(),
    }
}

pub(super) fn new_token_of(new: pb::CreateToken) -> Decoded<NewToken> {
    Ok(NewToken {
        user: new.user,
        role: role_of(new.role)?,
        hash: hash_of(&new.hash)?,
        expires_at: new.expires_at_ms.map(at),
        description: new.description,
    })
}

pub(super) fn token(token: &Token) -> pb::Token {
    pb::Token {
        user: token.user.clone(),
        role: role(token.role),
        hash: token.hash.0.to_vec(),
        created_at_ms: token.created_at.as_ms(),
        expires_at_ms: token.expires_at.map(Timestamp::as_ms),
        description: token.description.clone(),
    }
}

pub(super) fn token_of(token: pb::Token) -> Decoded<Token> {
    let hash = hash_of(&token.hash)?;
    Ok(Token {
        id: TokenId::of(hash),
        user: token.user,
        role: role_of(token.role)?,
        hash,
        created_at: at(token.created_at_ms),
        expires_at: token.expires_at_ms.map(at),
        description: token.description,
    })
}

pub(super) fn hash_of(bytes: &[u8]) -> Decoded<TokenHash> {
    let wrong = |_| Garbled::new("hash of a token", format!("{} bytes, not 32", bytes.len()));
    <[u8; 32]>::try_from(bytes).map(TokenHash).map_err(wrong)
}

pub(super) fn token_ref(id: TokenId) -> pb::TokenRef {
    pb::TokenRef { token: id.to_bytes().to_vec() }
}

pub(super) fn token_id(bytes: &[u8]) -> Decoded<TokenId> {
    uuid("token id", bytes).map(TokenId::from_bytes)
}

/// No role is 0: a message that lost its role must not be somebody's.
const fn role(role: Role) -> u32 {
    match role {
        Role::Viewer => 1,
        Role::Operator => 2,
        Role::Admin => 3,
    }
}

fn role_of(number: u32) -> Decoded<Role> {
    match number {
        1 => Ok(Role::Viewer),
        2 => Ok(Role::Operator),
        3 => Ok(Role::Admin),
        other => Err(Garbled::new("role of a token", other)),
    }
}

#[cfg(test)]
mod tests;
