//! What benches measure of the inside; nobody else is to use it.

use bytes::Bytes;
use stint_core::{Command, Timestamp};

use crate::codec::{check_unstamped, decode_audited, encode_command, stamp};

/// A command as its proposer encodes it.
#[must_use]
pub fn encode(command: &Command) -> Bytes {
    encode_command(command)
}

/// The entry that a leader makes of it.
#[must_use]
pub fn stamped(at: Timestamp, command: &Bytes) -> Bytes {
    stamp(at, command)
}

/// An entry, as every replica decodes it.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn decode(entry: &[u8]) -> Command {
    decode_audited(entry).expect("an entry").1
}

/// What a follower has sent, as its leader judges it.
///
/// # Panics
/// If it is refused.
#[must_use]
pub fn judge(command: &[u8]) -> Command {
    check_unstamped(command).expect("a command")
}
