//! A log without a thread of its own: somebody else says when it is written.

use std::{
    fmt::{self, Debug, Formatter},
    sync::{Arc, Weak},
};

use super::writer::Shared;

/// Says when what is queued is written, where that is not the writer thread's business: where a disk
/// is simulated, what happens between an append and its sync must be the same each time.
pub trait Pace: Debug + Send + Sync {
    /// Something is queued. Nothing of it is written before [`Turn::write`], unless somebody waits
    /// for it; nothing more is said until then.
    fn queued(&self, turn: Turn);
}

/// The right to write what is queued, once.
pub struct Turn(Weak<Shared>);

impl Turn {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::downgrade(shared))
    }

    /// Writes what fits one commit, and calls whoever waits for it.
    pub fn write(self) {
        if let Some(shared) = self.0.upgrade() {
            shared.take_turn();
        }
    }
}

impl Debug for Turn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}
