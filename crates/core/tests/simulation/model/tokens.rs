//! Who may call: the tokens. A list in no order.

use std::sync::Arc;

use stint_core::{
    Event, FIRST_USER, NewToken, Refusal, Reply, Role, Timestamp, Token, TokenHash, TokenId, limits,
};

use super::{Answer, Model, over_limit};

#[derive(Default)]
pub(crate) struct Tokens {
    pub(crate) all: Vec<Token>,
    pub(crate) is_closed: bool,
}

impl Tokens {
    pub(crate) fn of(&self, hash: TokenHash) -> Option<usize> {
        self.all.iter().position(|token| token.hash == hash)
    }
}

impl Model {
    pub(super) fn close_cluster(&mut self, hash: TokenHash) -> Reply {
        if !self.tokens.is_closed {
            self.tokens.is_closed = true;
            self.give(&NewToken {
                user: FIRST_USER.to_owned(),
                role: Role::Admin,
                hash,
                expires_at: None,
                description: "the first token of the cluster".to_owned(),
            });
        }
        Reply::Ok
    }

    pub(super) fn reset_admin(&mut self, hash: TokenHash) -> Answer {
        if let Some(t) = self.tokens.of(hash) {
            let token = &self.tokens.all[t];
            let is_same = token.role == Role::Admin && token.expires_at.is_none();
            return if is_same { Ok(Reply::Ok) } else { Err(Refusal::TokenTaken(token.id)) };
        }
        self.tokens.is_closed = true;
        self.give(&NewToken {
            user: FIRST_USER.to_owned(),
            role: Role::Admin,
            hash,
            expires_at: None,
            description: "drawn on the machine of a replica".to_owned(),
        });
        Ok(Reply::Ok)
    }

    pub(super) fn create_token(&mut self, new: &NewToken) -> Answer {
        if let Some(t) = self.tokens.of(new.hash) {
            let Token { id, user, role, hash, created_at: _, expires_at, description } =
                self.tokens.all[t].clone();
            let former = NewToken { user, role, hash, expires_at, description };
            return if former == *new { Ok(Reply::Ok) } else { Err(Refusal::TokenTaken(id)) };
        }
        if !self.tokens.is_closed {
            return Err(Refusal::ClusterIsOpen);
        }
        let bytes = |text: &str| u64::try_from(text.len()).expect("few");
        over_limit(bytes(&new.user), u64::try_from(limits::NAME_BYTES_MAX).expect("few"))?;
        if new.user.is_empty() || new.user.contains(':') {
            return Err(Refusal::BadUser(new.user.clone()));
        }
        let now = Timestamp::from_ms(self.now);
        if let Some(expires_at) = new.expires_at.filter(|end| *end <= now) {
            return Err(Refusal::TokenExpiresTooEarly { expires_at, now });
        }
        self.give(new);
        Ok(Reply::Ok)
    }

    fn give(&mut self, new: &NewToken) {
        let NewToken { user, role, hash, expires_at, description } = new.clone();
        let created_at = Timestamp::from_ms(self.now);
        let id = TokenId::of(hash);
        let token = Token { id, user, role, hash, created_at, expires_at, description };
        self.tokens.all.push(token.clone());
        self.events.push(Event::TokenCreated(Arc::new(token)));
    }

    pub(super) fn revoke_token(&mut self, id: TokenId) -> Answer {
        let t = self.tokens.all.iter().position(|token| token.id == id);
        let t = t.ok_or(Refusal::NoSuchToken(id))?;
        let is_lasting = |token: &Token| token.role == Role::Admin && token.expires_at.is_none();
        let mut others = self.tokens.all.iter().enumerate().filter(|(other, _)| *other != t);
        if is_lasting(&self.tokens.all[t]) && !others.any(|(_, token)| is_lasting(token)) {
            return Err(Refusal::LastAdmin(id));
        }
        let token = self.tokens.all.remove(t);
        self.events.push(Event::TokenRevoked(Arc::new(token)));
        Ok(Reply::Ok)
    }
}
