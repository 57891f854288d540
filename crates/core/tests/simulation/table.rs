//! The table of the design: how a job's status may change, and by what. Written down a second
//! time, so that a change of the code's table does not change the test's.

use stint_core::Status::{
    self, Cancel, CancelRequest, Deleted, Done, Error, Running, Waiting, WorkerDead,
    WorkerResurrection, WorkerShutdown,
};

/// From, to, by.
pub(crate) const ROWS: [(Status, Status, &str); 25] = [
    (Waiting, Running, "a claim"),
    (Waiting, Cancel, "cancel"),
    (Waiting, Deleted, "delete"),
    (Running, Done, "exit 0"),
    (Running, Error, "any other end"),
    (Running, CancelRequest, "cancel, delete"),
    (Running, WorkerDead, "its worker's lease expired"),
    (Running, WorkerShutdown, "its worker was drained"),
    (CancelRequest, WorkerDead, "its worker's lease expired"),
    (CancelRequest, WorkerShutdown, "its worker was drained"),
    (CancelRequest, Cancel, "its worker has ended it"),
    (CancelRequest, Done, "its own exit before SIGTERM"),
    (CancelRequest, Error, "its own exit before SIGTERM"),
    (WorkerDead, Running, "another claim"),
    (WorkerDead, WorkerResurrection, "its worker is back"),
    (WorkerDead, Cancel, "cancel, or it had been asked for"),
    (WorkerDead, Deleted, "delete"),
    (WorkerShutdown, Running, "another claim"),
    (WorkerShutdown, Cancel, "cancel, or it had been asked for"),
    (WorkerShutdown, Deleted, "delete"),
    (WorkerResurrection, Waiting, "its worker has confirmed"),
    (WorkerResurrection, Cancel, "its worker has confirmed, and cancel had been asked for"),
    (Done, Deleted, "delete"),
    (Error, Deleted, "delete"),
    (Cancel, Deleted, "delete"),
];

/// Rows that one entry takes one after the other, so that an onlooker sees them as one.
pub(crate) const IN_ONE_ENTRY: [(Status, Status, &str); 5] = [
    (Running, Cancel, "cancel, and all that it waited for were waiting children"),
    (Running, Deleted, "delete, and all that it waited for were waiting children"),
    (Running, WorkerResurrection, "its worker is back before its lease expired"),
    (CancelRequest, Deleted, "its worker has ended it, and delete had been asked for"),
    (WorkerResurrection, Deleted, "its worker has confirmed, and delete had been asked for"),
];

/// Rows that are told as one: nobody can look at what is between.
pub(crate) const IN_ONE_EVENT: [(Status, Status, &str); 2] = [
    (CancelRequest, Deleted, "it has ended, and delete had been asked for"),
    (WorkerResurrection, Deleted, "its worker has confirmed, and delete had been asked for"),
];

/// Whether the design has this change.
pub(crate) fn has_row(from: Status, to: Status) -> bool {
    ROWS.iter().any(|(f, t, _)| (*f, *t) == (from, to))
}

/// Whether one event may tell of this change.
pub(crate) fn may_be_told(from: Status, to: Status) -> bool {
    has_row(from, to) || IN_ONE_EVENT.iter().any(|(f, t, _)| (*f, *t) == (from, to))
}

/// Whether an onlooker may see this change from one entry to the next.
pub(crate) fn may_be_seen(from: Status, to: Status) -> bool {
    has_row(from, to) || IN_ONE_ENTRY.iter().any(|(f, t, _)| (*f, *t) == (from, to))
}
