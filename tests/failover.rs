//! What stint promises when things die.

mod followers;
mod leader_killed;
mod logs;
mod repeated;
mod ring;
mod silence;
mod watch;
mod worker_lost;
