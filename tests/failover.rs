//! What stint promises when things die.

mod leader_killed;
mod worker_lost;
