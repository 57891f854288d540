//! What an operator allows a process to be, and how much it may use.

use std::time::Duration;

/// What a process may be, and how much it may use. `None` leaves what the worker itself has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confinement {
    /// The user that it runs as, by name or number.
    pub user: Option<String>,
    /// The group that it runs as, by name or number; `None` is the user's own.
    pub group: Option<String>,
    /// The permissions that files it creates do not get.
    pub umask: Option<u32>,
    /// Its priority, from -20, the first to be run, to 19, the last.
    pub nice: Option<i32>,
    /// Memory of all its processes together.
    pub memory_bytes: Option<u64>,
    /// Its processes and threads at a time.
    pub pids: Option<u64>,
    /// Time that one process of it may compute.
    pub cpu_time: Option<Duration>,
    /// Files that one process of it may have open.
    pub open_files: Option<u64>,
}
