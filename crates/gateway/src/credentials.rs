//! What a request says of its sender: the header `authorization`, the same at both doors.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, header};

use stint_core::TokenHash;

use crate::token::{Secret, run_token_hash};

/// Who somebody says to be, and the token that is to prove it.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// The user, where the way in which it is said has one.
    pub(crate) user: Option<String>,
    pub(crate) token: Sent,
}

/// What was sent as a token, of which no more than the hash is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sent {
    /// A user's.
    User(TokenHash),
    /// That of a run of a job.
    Run(TokenHash),
}

impl Sent {
    /// Reads the text of one; `None` if it is none.
    fn parse(text: &str) -> Option<Self> {
        let of_user = || Secret::parse(text).map(|secret| Self::User(secret.hash()));
        run_token_hash(text).map(Self::Run).or_else(of_user)
    }
}

impl Credentials {
    /// `Bearer TOKEN`, or `Basic` with the user and the token (RFC 6750, RFC 7617). Anything else,
    /// and more than one, is nobody.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (value, more) = (values.next()?, values.next());
        let (way, rest) = value.to_str().ok().filter(|_| more.is_none())?.split_once(' ')?;
        let rest = rest.trim();
        if way.eq_ignore_ascii_case("bearer") {
            return Some(Self { user: None, token: Sent::parse(rest)? });
        }
        if !way.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
        let (user, token) = pair.split_once(':')?;
        Some(Self { user: Some(user.to_owned()), token: Sent::parse(token)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The user, `-` if only a token is said; `None` if it is nobody.
    fn user(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        Credentials::of(&headers).map(|credentials| credentials.user.unwrap_or("-".to_owned()))
    }

    #[test]
    fn a_token_comes_as_bearer_or_behind_a_user() {
        let token = Secret::draw().unwrap().reveal();
        let basic = |pair: String| format!("Basic {}", BASE64_STANDARD.encode(pair));
        let ann = basic(format!("ann:{token}"));
        let (bearer, other) = (format!("Bearer {token}"), format!("Token {token}"));
        for (value, expected) in [
            (bearer.as_str(), "-"),
            (&format!("bearer  {token} "), "-"),
            (&ann, "ann"),
            (&ann.replacen("Basic", "basic", 1), "ann"),
        ] {
            assert_eq!(user(&[value]).as_deref(), Some(expected), "{value}");
        }
        let wrong = ["", &token, "Bearer", "Bearer secret", &other, "Basic !", "Basic"];
        for value in wrong
            .into_iter()
            .chain([&basic(token.clone()), &basic("ann:a".to_owned())].map(String::as_str))
        {
            assert_eq!(user(&[value]), None, "{value}");
        }
        assert_eq!(user(&[]), None);
        assert_eq!(user(&[&bearer, &ann]), None, "two are one too many");
    }
}
