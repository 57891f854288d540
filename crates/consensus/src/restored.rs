//! The state of a replica as it was when it stopped.

use std::sync::Arc;

use stint_storage::Store;

use crate::blocking::blocking;
use crate::error::Error;
use crate::failure::Failure;
use crate::state_machine::Applied;
use crate::witness::Witness;

/// The state as it was, once the log is known to be whole.
pub(crate) async fn restored(
    store: Arc<Store>,
    failure: Failure,
    witness: Option<Arc<dyn Witness>>,
) -> Result<Applied, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Failed(error.to_string());
    let restoring = blocking(move || {
        store.log.check().map_err(std::io::Error::other)?;
        Applied::restore(store, failure, witness)
    });
    restoring.await.map_err(|error| failed(&error))?.map_err(|error| {
        let source = error.get_ref().and_then(|source| source.downcast_ref());
        source.map_or_else(
            || failed(&error),
            |source: &stint_storage::Error| Error::Storage(source.clone()),
        )
    })
}
