//! Agreement: turns a proposal on any replica into one entry that is applied on all.
//!
//! The rest of the program sees only [`Replica`]. It knows no HTTP and starts no process; what a
//! command means is `stint-core`'s, what stands on disk is `stint-storage`'s. Start at [`Replica`].
#![deny(missing_docs)]

mod audit;
mod backlog;
mod backup;
mod blocking;
mod clock;
mod codec;
mod compaction;
mod condition;
mod consequences;
mod damage;
mod disks;
mod error;
mod failure;
mod gather;
mod handover;
mod heartbeat;
mod inbound;
mod inner;
mod join;
mod level;
mod limits;
mod log_store;
#[doc(hidden)]
pub mod measured;
mod measures;
mod members;
mod network;
mod page;
mod peer_service;
mod peers;
mod propose;
mod pulse;
mod raft;
mod read;
mod recent;
mod recover;
mod refill;
mod repair;
mod replica;
mod restore;
mod restored;
mod room;
mod silence;
mod snapshot;
mod state_machine;
mod status;
mod sweep;
mod ticker;
mod troubles;
mod types;
mod upkeep;
mod watch;
mod witness;

pub use audit::{AuditFilter, AuditPage, AuditRecord, Origin};
pub use backup::Backup;
pub use blocking::{blocking, in_place};
pub use clock::WallClock;
pub use compaction::Outdated;
pub use condition::Condition;
pub use damage::in_words as damage_in_words;
pub use error::Error;
pub use join::{Joining, join, join_over};
pub use level::{Build, VERSION, check_level};
pub use measures::Measures;
pub use members::even_voters;
pub use page::{JobPage, List, Place};
pub use recent::Occurrence;
pub use recover::{Recovered, Recovering, recover};
pub use repair::{Survivor, examine, repair};
pub use replica::{Config, Events, Happening, Keep, Member, Replica, Timing};
pub use restore::{BackupInfo, read_backup, restore};
pub use silence::Silence;
pub use status::{ClusterStatus, MemberStatus};
pub use watch::Watcher;
pub use witness::{Seen, Witness};
