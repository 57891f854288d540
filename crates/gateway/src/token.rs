//! The text of a token: what a user keeps secret, and what the cluster keeps of it.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use stint_core::{RUN_TOKEN_PREFIX, TokenHash};

/// The secret of a token: 256 random bits. The cluster keeps its SHA-256 and nothing else; so many
/// random bits need no slow hash and no salt, since nobody can try them all.
#[derive(Clone, Copy)]
pub struct Secret([u8; 32]);

impl Secret {
    /// How the text of each begins, so that people and scanners know one when they see one.
    pub const PREFIX: &str = "stint_";

    /// Draws a new one from the randomness of the operating system.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads the text of one, which has one spelling; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(Self::PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The text, which whoever has it can call with. Not `Display`, so that it is never written by
    /// accident.
    pub fn reveal(&self) -> String {
        format!("{}{}", Self::PREFIX, BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }

    /// What the cluster keeps: the SHA-256 of the text.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.reveal()).into())
    }
}

/// What the cluster keeps of the token of a run, which its worker has drawn: the SHA-256 of the text,
/// which has one spelling; `None` if it is none.
pub(crate) fn run_token_hash(text: &str) -> Option<TokenHash> {
    let digits = text.strip_prefix(RUN_TOKEN_PREFIX)?.as_bytes();
    let is_one = digits.len() == RUN_TOKEN_DIGITS
        && digits.iter().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit));
    is_one.then(|| TokenHash(Sha256::digest(text).into()))
}

/// 256 random bits, four to a digit.
const RUN_TOKEN_DIGITS: usize = 64;

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_one_text_and_that_text_has_one_hash() {
        let secret = Secret([0xff; 32]);
        let text = secret.reveal();
        assert_eq!(text, format!("stint_{}8", "_".repeat(42)));
        assert_eq!(Secret::parse(&text).unwrap().0, secret.0);
        let hash = [0x07, 0xf5, 0x46, 0x73, 0x24, 0xa3, 0x1a, 0xb4];
        assert_eq!(secret.hash().0.first_chunk(), Some(&hash), "printf %s TEXT | sha256sum");
    }

    #[test]
    fn a_runs_token_is_no_users_and_has_one_text() {
        let text = format!("{RUN_TOKEN_PREFIX}{}", "0f".repeat(32));
        assert!(run_token_hash(&text).is_some());
        assert!(Secret::parse(&text).is_none());
        let users = Secret([7; 32]).reveal();
        let short = format!("{RUN_TOKEN_PREFIX}{}", "0f".repeat(31));
        for text in [&text.to_uppercase(), &format!("{text}0"), &short, &users] {
            assert!(run_token_hash(text).is_none(), "{text}");
        }
    }

    #[test]
    fn no_two_draws_are_alike() {
        assert_ne!(Secret::draw().unwrap().reveal(), Secret::draw().unwrap().reveal());
    }

    #[test]
    fn what_is_not_the_one_text_of_a_secret_is_none() {
        let good = Secret([7; 32]).reveal();
        let bare = good.strip_prefix("stint_").unwrap();
        for text in [
            String::new(),
            "stint_".to_owned(),
            bare.to_owned(),
            format!("STINT_{bare}"),
            format!(" {good}"),
            format!("{good}="),
            format!("{good}A"),
            good.get(..good.len() - 1).unwrap().to_owned(),
            // The last letter has two bits that say nothing, and have to be zero.
            format!("stint_{}9", "_".repeat(42)),
        ] {
            assert!(Secret::parse(&text).is_none(), "{text}");
        }
        assert_eq!(format!("{:?}", Secret([7; 32])), "Secret");
    }
}
