//! The feature level: what all replicas of the cluster have agreed to understand.
//!
//! Replicas of different versions live together while a cluster is upgraded, and have to make the same
//! state of the same log. So what an older version does not know, or would understand otherwise, must
//! not be in the log before every replica knows it. A cluster has a level, which is a part of its
//! state; a version knows all levels up to its newest ([`Level::NEWEST`]). The level rises by an entry
//! ([`crate::Command::RaiseLevel`]), which the leader proposes once all members know the next one, and
//! it never falls.
//!
//! A new level is needed for a new command, for a new field of what stands in the log or in a
//! checkpoint, and where a command is to do something else than before. Whoever adds one
//!
//! 1. adds a line to [`LEVELS`], and with that raises [`Level::NEWEST`];
//! 2. names it in [`crate::Command::needs_level`], or asks [`crate::State::level`] where the state behaves otherwise.

use std::fmt;

use crate::members;
use crate::outcome::{Refusal, Reply};
use crate::state::State;

/// What each level has brought, from level 1 on. A line that was released is never changed.
pub const LEVELS: &[&str] = &[
    "all that the first release has",
    #[cfg(feature = "next-level")]
    "a counter that nobody needs, by which tests see a cluster rise to another level",
];

/// A feature level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u32);

impl Level {
    /// The level of a cluster that has just been founded by the first release.
    pub const FIRST: Self = Self(1);

    /// The newest level that this version knows.
    pub const NEWEST: Self = Self(if cfg!(feature = "next-level") { 2 } else { 1 });

    /// The level of this number; there is none below the first.
    pub const fn new(number: u32) -> Self {
        if number < Self::FIRST.0 { Self::FIRST } else { Self(number) }
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::FIRST
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl State {
    /// What all replicas have agreed to understand.
    pub fn level(&self) -> Level {
        self.level
    }

    /// How many notches there are.
    #[cfg(feature = "next-level")]
    pub fn notches(&self) -> u64 {
        self.notches
    }
}

/// Raises the level. Void if it is as high already, so that proposing it twice is no matter. The leader
/// has asked all members whether they know it, and this entry is in the same log as the one by which a
/// replica becomes another: whichever comes first, the other one is refused.
pub(crate) fn raise(state: &mut State, to: Level) -> Result<Reply, Refusal> {
    if to > state.level {
        members::check_known_to_takers(state, to)?;
        state.level = to;
    }
    Ok(Reply::Ok)
}

#[cfg(feature = "next-level")]
pub(crate) fn notch(state: &mut State) -> Reply {
    state.notches += 1;
    Reply::Ok
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, MembersChange, MembersRefusal, Timestamp, TokenHash, WorkerId, limits};

    #[test]
    fn the_newest_level_is_the_last_of_the_table() {
        assert_eq!(usize::try_from(Level::NEWEST.get()), Ok(LEVELS.len()));
    }

    const HASH: TokenHash = TokenHash([7; 32]);

    fn apply(state: &mut State, at: u64, command: Command) -> Result<Reply, Refusal> {
        state.apply(Timestamp::from_ms(at), command).reply
    }

    fn invited() -> State {
        let mut state = State::default();
        let expires_at = Timestamp::from_ms(1_000_000);
        let invite = MembersChange::Invite { hash: HASH, expires_at };
        assert_eq!(apply(&mut state, 1, Command::Members(Box::new(invite))), Ok(Reply::Ok));
        state
    }

    fn join(knows: u32) -> Command {
        let (replica, knows) = (WorkerId::new(4).expect("an id"), Level::new(knows));
        let join = MembersChange::Join { hash: HASH, replica, disk: [1; 16], knows };
        Command::Members(Box::new(join))
    }

    fn raise(to: u32) -> Command {
        Command::RaiseLevel { to: Level::new(to) }
    }

    #[test]
    fn of_a_join_and_a_raise_that_do_not_go_together_the_later_entry_is_refused() {
        let replica = WorkerId::new(4).expect("an id");
        let mut state = invited();
        assert_eq!(apply(&mut state, 2, raise(2)), Ok(Reply::Ok));
        let too_old =
            MembersRefusal::TooOld { replica, knows: Level::new(1), level: Level::new(2) };
        assert_eq!(apply(&mut state, 3, join(1)), Err(too_old.into()));
        assert_eq!(
            apply(&mut state, 4, join(2)),
            Ok(Reply::Ok),
            "the invitation is as good as before"
        );

        let mut state = invited();
        assert_eq!(apply(&mut state, 2, join(1)), Ok(Reply::Ok));
        let meanwhile = MembersRefusal::JoinsMeanwhile { replica, knows: Level::new(1) };
        assert_eq!(apply(&mut state, 3, raise(2)), Err(meanwhile.clone().into()));
        assert_eq!(state.level(), Level::FIRST);
        let still = 1 + limits::JOIN_LASTS.as_ms();
        assert_eq!(apply(&mut state, still, raise(2)), Err(meanwhile.into()));
        // By then it is a member that the leader has asked, or it has to ask again.
        assert_eq!(apply(&mut state, still + 1, raise(2)), Ok(Reply::Ok));
        assert!(apply(&mut state, still + 2, join(1)).is_err());

        let mut state = invited();
        assert_eq!(apply(&mut state, 2, join(1)), Ok(Reply::Ok));
        assert_eq!(apply(&mut state, 3, join(2)), Ok(Reply::Ok), "it runs a later version now");
        assert_eq!(apply(&mut state, 4, raise(2)), Ok(Reply::Ok));
    }

    #[test]
    fn a_level_rises_and_never_falls() {
        let mut state = State::default();
        let seen = [1, 3, 2, 3, 0, 4].map(|to| {
            let outcome =
                state.apply(Timestamp::from_ms(0), Command::RaiseLevel { to: Level::new(to) });
            assert_eq!(outcome.reply, Ok(Reply::Ok));
            state.level().get()
        });
        assert_eq!(seen, [1, 3, 3, 3, 3, 4]);
    }
}
