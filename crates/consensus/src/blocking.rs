//! Work that may wait for the disk, kept off the threads that must not wait.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinError, block_in_place, spawn_blocking};

/// Whether there is a thread that can be kept waiting. A runtime of one thread has none: there the
/// work is done at once and in place, so that what happens after what depends on no other thread.
/// That is how whole replicas are simulated.
pub(crate) fn has_threads() -> bool {
    let runtime = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    // Whoever calls from elsewhere is a thread by itself.
    !matches!(runtime, Ok(RuntimeFlavor::CurrentThread))
}

/// Does `work` where it may wait, or may take long.
///
/// # Errors
/// If it has panicked, or the runtime ends before it begins.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if has_threads() { spawn_blocking(work).await } else { Ok(work()) }
}

/// The same for work that has to stay with the task: the thread's other tasks go elsewhere.
pub fn in_place<T>(work: impl FnOnce() -> T) -> T {
    if has_threads() { block_in_place(work) } else { work() }
}
