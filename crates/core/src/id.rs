//! The names of things: jobs, crons, action configs, tokens, workers, epochs and leases.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use uuid::Uuid;

use crate::time::Timestamp;
use crate::token::TokenHash;

/// A job's name: a UUID, drawn by the gateway before it proposes, so that a proposal that is sent
/// twice is the same job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Uuid);

impl JobId {
    /// The job with these 16 bytes as its UUID.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes of the UUID.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id of a job that the state itself creates at `at` because of this one.
    ///
    /// It is laid out as a UUID version 7 (RFC 9562), so that ids stay in the order of their
    /// creation, with bits derived from this id and `why` where that version has random ones:
    /// every replica derives the same id.
    #[must_use]
    pub fn derive(self, at: Timestamp, why: &str) -> Self {
        let digest = Uuid::new_v5(&self.0, why.as_bytes());
        let low = digest.as_u128() & ((1 << 80) - 1);
        let mut id = (u128::from(at.as_ms()) & ((1 << 48) - 1)) << 80 | low;
        id = id & !(0xf << 76) | 0x7 << 76;
        id = id & !(0x3 << 62) | 0x2 << 62;
        Self(Uuid::from_u128(id))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_hyphenated())
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for JobId {
    type Err = ParseIdError;

    /// Reads the hyphenated form only: an id has one spelling.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != 36 {
            return Err(ParseIdError::Job);
        }
        text.parse().map(Self).map_err(|_| ParseIdError::Job)
    }
}

/// A cron's name: a UUID, drawn by the gateway before it proposes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CronId(Uuid);

impl CronId {
    /// A number that follows from the name of an action, spread over all numbers.
    pub(crate) fn share_of(action: &str) -> u64 {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, action.as_bytes()).as_u64_pair().0
    }

    /// The cron with these 16 bytes as its UUID.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes of the UUID.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

impl FromStr for CronId {
    type Err = ParseIdError;

    /// Reads the hyphenated form only, as that of a job.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse::<JobId>().map(|id| Self::from_bytes(id.to_bytes()))
    }
}

impl fmt::Display for CronId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_hyphenated())
    }
}

impl fmt::Debug for CronId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An action config's name: a UUID, drawn by the gateway before it proposes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionConfigId(Uuid);

impl ActionConfigId {
    /// The action config with these 16 bytes as its UUID.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes of the UUID.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

impl fmt::Display for ActionConfigId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_hyphenated())
    }
}

impl fmt::Debug for ActionConfigId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A token's name, derived from its hash: who has the secret has the name, and finds the record
/// without comparing secrets; who has the name alone has nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(Uuid);

impl TokenId {
    /// The name of the token with this hash.
    pub fn of(hash: TokenHash) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_OID, &hash.0))
    }

    /// The token with these 16 bytes as its UUID.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes of the UUID.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_hyphenated())
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TokenId {
    type Err = ParseIdError;

    /// Reads the hyphenated form only: an id has one spelling.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != 36 {
            return Err(ParseIdError::Token);
        }
        text.parse().map(Self).map_err(|_| ParseIdError::Token)
    }
}

/// A worker's name, which is its replica's: 48 bits, written as 12 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(u64);

impl WorkerId {
    /// The largest number that 12 hexadecimal digits can say.
    pub const MAX: u64 = (1 << 48) - 1;

    /// The worker of this number; nothing if it needs more than 48 bits.
    pub const fn new(number: u64) -> Option<Self> {
        if number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for WorkerId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 12 || !text.bytes().all(is_digit) {
            return Err(ParseIdError::Worker);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| ParseIdError::Worker)
    }
}

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseIdError {
    /// Not a UUID.
    #[error("a job id is a UUID like 1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b")]
    Job,
    /// Not a UUID.
    #[error("a token id is a UUID like 1fcf4c0f-ff3b-571a-8839-5dcb631b2f7b")]
    Token,
    /// Not 12 digits.
    #[error("a worker id is 12 lower-case hexadecimal digits like 00000000002a")]
    Worker,
}

/// One life of a worker, from its registration to its death or goodbye; later lives are larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

/// The number of a cron among all that ever were. The one counter of the cluster gives it, so that
/// a cron that takes another's place, or comes back after it was deleted, is told from the former.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(pub u64);

impl Generation {
    /// The one after this.
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A random number that a worker draws for each registration, so that a registration that is
/// proposed twice is the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Incarnation(pub u64);

/// The right to run a job once: the fencing token.
///
/// Numbers come from one counter of the cluster, so a later lease is always a larger number
/// (Kleppmann, "How to do distributed locking", 2016).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LeaseId(pub u64);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_id_has_one_spelling() {
        assert_eq!("00000000002a".parse(), Ok(WorkerId(42)));
        assert_eq!(WorkerId(42).to_string(), "00000000002a");
        for text in ["", "2a", "00000000002A", "+0000000002a", "0000000000002a", "00000000002g"] {
            assert_eq!(text.parse::<WorkerId>(), Err(ParseIdError::Worker), "{text}");
        }
    }

    #[test]
    fn a_job_id_has_one_spelling() {
        let id = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b";
        assert_eq!(id.parse::<JobId>().unwrap().to_string(), id);
        for text in ["", "1fcf4c0fff3b471a88395dcb631b2f7b", "../../etc/passwd"] {
            assert_eq!(text.parse::<JobId>(), Err(ParseIdError::Job), "{text}");
        }
    }

    #[test]
    fn a_derived_id_is_a_uuid_of_version_7_in_the_order_of_time() {
        let parent = JobId::from_bytes([7; 16]);
        let early = parent.derive(Timestamp::from_ms(1_000), "retry");
        let late = parent.derive(Timestamp::from_ms(1_001), "retry");
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
        assert_eq!(early.0.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(early, parent.derive(Timestamp::from_ms(1_000), "retry"));
        assert_ne!(early, parent.derive(Timestamp::from_ms(1_000), "other"));
    }
}
