//! What stint promises when things die.

mod followers;
mod leader_killed;
mod watch;
mod worker_lost;
