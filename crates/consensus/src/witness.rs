//! Who sees each entry as it is applied: the judge, where whole replicas are simulated. A replica that
//! serves has none.

use std::fmt::Debug;

use stint_core::{Event, State};

/// One entry that has just been applied, with what it has led to.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Its place in the log.
    pub index: u64,
    /// The term of the leader that has put it there.
    pub term: u64,
    /// Its bytes as they stand in the log; `None` if it is not a command.
    pub command: Option<&'a [u8]>,
    /// What it made happen.
    pub events: &'a [Event],
    /// All that holds after it.
    pub state: &'a State,
}

/// Sees each entry as it is applied, before anybody else does.
pub trait Witness: Debug + Send + Sync {
    /// Looks. The replica waits meanwhile, and must not be asked anything.
    fn applied(&self, seen: Seen<'_>);

    /// The state has become that of a snapshot, which this entry was the last of.
    fn installed(&self, index: u64, state: &State);
}
