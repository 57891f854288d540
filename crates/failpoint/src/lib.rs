//! Places where a test has a replica crash, fail or stop for a while.
//!
//! A place is one line, `failpoint!("crate::step::moment")`, whose value is `Ok` unless a test wants
//! an error there; what that means is up to the one who has the line. Without the feature
//! `failpoints` a place is the constant `Ok(())`, and not even its name is in the program. Start at
//! [`failpoint!`]; `tests/failpoints` has the list of all places, and reaches each of them.
#![deny(missing_docs)]

use std::fmt;
use std::io;

#[cfg(feature = "failpoints")]
mod asked;

#[cfg(feature = "failpoints")]
pub use asked::reached;

/// What an error of a place says: that it was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Injected {
    /// The place.
    pub place: &'static str,
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failpoint {}", self.place)
    }
}

impl std::error::Error for Injected {}

impl From<Injected> for io::Error {
    fn from(injected: Injected) -> Self {
        Self::other(injected)
    }
}

/// A place of this name: `Ok` unless a test wants an [`Injected`] error here. It may not return at
/// all, or only after a while.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! failpoint {
    ($place:literal) => {
        $crate::reached($place)
    };
}

/// A place of this name: nothing, in a build without the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! failpoint {
    ($place:literal) => {
        ::core::result::Result::<(), $crate::Injected>::Ok(())
    };
}
