//! Who may call: the tokens; and who is to be a replica.

use stint_core::{Command, NewToken, Role, Timestamp, Token, TokenHash, TokenId};

use super::pick;
use crate::simulation::model::Model;
use crate::simulation::script::Op;

/// The command; nothing if the step is of another kind, or asks for what is not there.
pub(super) fn resolve(op: &Op, model: &Model) -> Option<Command> {
    Some(match op {
        Op::Close(number) => Command::Close { hash: hash(*number) },
        Op::ResetAdmin(number) => Command::ResetAdmin { hash: hash(*number) },
        Op::CreateToken { secret, user, role, expires } => {
            let at = |ms: u64| Timestamp::from_ms((model.now + ms).saturating_sub(20));
            Command::CreateToken(Box::new(NewToken {
                user: user_named(*user),
                role: Role::ALL[pick(*role, 3)],
                hash: hash(*secret),
                expires_at: expires.map(at),
                description: ["", "backups"][pick(*user, 2)].to_owned(),
            }))
        }
        Op::CreateTokenAgain { number, is_altered } => {
            let Token { user, role, hash, expires_at, mut description, .. } =
                known(model, *number)?;
            if *is_altered {
                description.push('!');
            }
            let new = NewToken { user, role, hash, expires_at, description };
            Command::CreateToken(Box::new(new))
        }
        Op::RevokeToken(number) => {
            let known = known(model, *number).filter(|_| !number.is_multiple_of(7));
            let id = known.map_or(TokenId::of(hash(*number)), |token| token.id);
            Command::RevokeToken { id }
        }
        _ => return super::members::resolve(op, model),
    })
}

fn known(model: &Model, number: u64) -> Option<Token> {
    let all = &model.tokens.all;
    all.get(pick(number, all.len().max(1))).cloned()
}

pub(super) fn hash(number: u64) -> TokenHash {
    let mut hash = [0; 32];
    hash[24..].copy_from_slice(&number.to_be_bytes());
    TokenHash(hash)
}

fn user_named(number: u64) -> String {
    match number % 23 {
        0 => "a".repeat(129),
        1 => String::new(),
        2 => "a:b".to_owned(),
        other => ["ann", "bob", "admin"][pick(other, 3)].to_owned(),
    }
}
