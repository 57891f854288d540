//! What only builds for tests of upgrades have: something that needs the next feature level.

use stint_core::{Command, State};

use super::{Api, ApiError};

impl Api {
    /// Cuts one, and tells how many there are.
    pub(crate) async fn notch(&self) -> Result<u64, ApiError> {
        self.replica.propose(Command::Notch).await??;
        self.notches().await
    }

    /// How many there are.
    pub(crate) async fn notches(&self) -> Result<u64, ApiError> {
        self.replica.barrier().await?;
        Ok(self.replica.with_state(State::notches))
    }
}
