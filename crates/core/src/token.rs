//! A token: the right of a user to call the cluster. Users exist through their tokens.
//!
//! A cluster is open until it gets its first token, and closed from then on: for ever, and on every
//! replica, whatever the configuration of one of them says.

use std::fmt;
use std::sync::Arc;

use crate::id::TokenId;
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::submit::{at_most, count, shown};
use crate::time::Timestamp;

/// The user of the first token.
pub const FIRST_USER: &str = "admin";

/// How the secret of the token of a run begins; behind it stand 64 hexadecimal digits. No user's
/// token has as many.
pub const RUN_TOKEN_PREFIX: &str = "stint_job_";

/// What a token allows; each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Has work done: jobs, capacities, crons, action configs.
    Operator,
    /// Decides who may do what: tokens, settings, the audit log.
    Admin,
}

impl Role {
    /// Every role, the weakest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The SHA-256 of a token's secret. The secret has 256 random bits, so that nobody finds it from
/// its hash by trying, and a slow hash would protect nothing more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    /// Logs do not need it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

/// A token that an administrator wants to give to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Whose it is.
    pub user: String,
    /// What it allows.
    pub role: Role,
    /// By which it is known again, and named: [`TokenId::of`].
    pub hash: TokenHash,
    /// From when on it is good for nothing; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// What it is for, in the administrator's words.
    pub description: String,
}

/// A token as it stands in the log. The secret itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name.
    pub id: TokenId,
    /// Whose it is.
    pub user: String,
    /// What it allows.
    pub role: Role,
    /// By which it is known again.
    pub hash: TokenHash,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it is good for nothing; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// What it is for.
    pub description: String,
}

impl Token {
    fn new(new: NewToken, created_at: Timestamp) -> Self {
        let NewToken { user, role, hash, expires_at, description } = new;
        Self { id: TokenId::of(hash), user, role, hash, created_at, expires_at, description }
    }

    /// Whether it is of use at this instant.
    pub fn is_valid_at(&self, instant: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| instant < end)
    }

    /// Whether it can be used to manage tokens for ever: of these there is always one.
    pub(crate) fn is_lasting_admin(&self) -> bool {
        self.role == Role::Admin && self.expires_at.is_none()
    }

    /// Whether this is the token that an equal command has created before.
    fn is_created_by(&self, new: &NewToken) -> bool {
        *self == Self::new(new.clone(), self.created_at)
    }
}

/// Creates the first token, an administrator's, if there has never been one. Every founder of the
/// cluster proposes it, whenever it starts.
pub(crate) fn close(state: &mut State, transition: &mut Transition, hash: TokenHash) -> Reply {
    if state.is_closed {
        return Reply::Ok;
    }
    state.is_closed = true;
    let description = "the first token of the cluster".to_owned();
    insert(state, transition, lasting_admin(hash, description));
    Reply::Ok
}

/// Creates a token.
pub(crate) fn create(
    state: &mut State,
    transition: &mut Transition,
    new: NewToken,
) -> Result<Reply, Refusal> {
    let id = TokenId::of(new.hash);
    if let Some(former) = state.tokens.get(&id) {
        let is_same = former.is_created_by(&new);
        return if is_same { Ok(Reply::Ok) } else { Err(Refusal::TokenTaken(id)) };
    }
    if !state.is_closed {
        return Err(Refusal::ClusterIsOpen);
    }
    at_most("name of the user", count(new.user.len()), count(limits::NAME_BYTES_MAX))?;
    if !is_user(&new.user) {
        return Err(Refusal::BadUser(shown(&new.user)));
    }
    let bytes = count(new.description.len());
    at_most("description", bytes, count(limits::DESCRIPTION_BYTES_MAX))?;
    if let Some(expires_at) = new.expires_at
        && expires_at <= state.now
    {
        return Err(Refusal::TokenExpiresTooEarly { expires_at, now: state.now });
    }
    if state.tokens.len() >= limits::TOKENS_MAX {
        return Err(Refusal::TooManyTokens { limit: limits::TOKENS_MAX });
    }
    insert(state, transition, new);
    Ok(Reply::Ok)
}

/// Creates an administrator's token that was drawn beside the data of a replica: the way back when
/// the secrets of all others are lost. Whoever can write there could change anything as it is. It
/// closes a cluster that was open. There is room for some of them when there is none for others.
pub(crate) fn reset_admin(
    state: &mut State,
    transition: &mut Transition,
    hash: TokenHash,
) -> Result<Reply, Refusal> {
    let id = TokenId::of(hash);
    if let Some(former) = state.tokens.get(&id) {
        let is_same = former.is_lasting_admin();
        return if is_same { Ok(Reply::Ok) } else { Err(Refusal::TokenTaken(id)) };
    }
    let limit = limits::TOKENS_MAX + limits::TOKENS_RESERVED;
    if state.tokens.len() >= limit {
        return Err(Refusal::TooManyTokens { limit });
    }
    state.is_closed = true;
    let description = "drawn on the machine of a replica".to_owned();
    insert(state, transition, lasting_admin(hash, description));
    Ok(Reply::Ok)
}

/// A token that manages tokens for ever, of the first user.
fn lasting_admin(hash: TokenHash, description: String) -> NewToken {
    let user = FIRST_USER.to_owned();
    NewToken { user, role: Role::Admin, hash, expires_at: None, description }
}

/// Removes a token: whoever has it is a stranger from now on.
pub(crate) fn revoke(
    state: &mut State,
    transition: &mut Transition,
    id: TokenId,
) -> Result<Reply, Refusal> {
    let token = state.tokens.get(&id).ok_or(Refusal::NoSuchToken(id))?;
    let is_lasting = |token: &&Arc<Token>| token.is_lasting_admin();
    if token.is_lasting_admin() && state.tokens.values().filter(is_lasting).count() == 1 {
        return Err(Refusal::LastAdmin(id));
    }
    if let Some(token) = state.tokens.remove(&id) {
        transition.announce(Event::TokenRevoked(token));
    }
    Ok(Reply::Ok)
}

fn insert(state: &mut State, transition: &mut Transition, new: NewToken) {
    let token = Arc::new(Token::new(new, state.now));
    state.tokens.insert(token.id, Arc::clone(&token));
    transition.announce(Event::TokenCreated(token));
}

/// Whether it can stand before the colon of HTTP's Basic (RFC 7617), and in one line of a log.
fn is_user(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == ':' || c.is_control())
}
