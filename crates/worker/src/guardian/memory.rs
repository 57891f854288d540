//! Staying in memory.
//!
//! A guardian does nothing for hours, and then has to kill at once: in code that it may never have
//! run, of files that the kernel has long dropped, on a machine whose disk hangs. A page that is not
//! there would be waited for until the disk is back.

use rustix::mm::{MlockAllFlags, mlockall};

/// How a guardian ends that has had nothing to do, and was not allowed to stay in memory.
pub(super) const NOT_KEPT: u8 = 75;

/// Reads all that this process is made of, and keeps it in memory, as well as what it has written so
/// far; says whether that is allowed (`RLIMIT_MEMLOCK`).
///
/// Not what it will allocate: beyond the limit that would fail, and a guardian must not. That is memory
/// of its own, which only swapping takes away. Neither its first process nor the job's program inherits
/// it; that first process is of the same file, which is in memory then.
pub(super) fn keep() -> bool {
    mlockall(MlockAllFlags::CURRENT).is_ok()
}
