//! Waiting for a condition, with a deadline and a report of what was seen instead.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long a test waits for what should happen at once. Slow machines may need it all.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// Looks until `look` gives a value, and returns it. When patience is over, the test fails with
/// what was seen last.
pub(crate) fn wait_for<T, E: Debug>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) => {
                assert!(Instant::now() < end, "waited {PATIENCE:?} for {what}, but saw {seen:?}");
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
