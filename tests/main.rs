//! What stint promises, proven on real processes, sockets, signals and disks.
//!
//! `README.md` beside this file says how to run them, and which need root.

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a place that is not there fails the test, as it should"
)]

mod access;
mod actions;
mod alike;
mod api_v0;
mod bad_input;
mod bench;
mod cli;
mod cluster;
mod crons;
mod disaster;
mod disk;
mod failover;
mod failpoints;
mod fencing;
mod figures;
mod harness;
mod hostile;
mod life;
mod lists;
mod members;
mod nemesis;
mod operations;
mod policies;
mod power;
mod retention;
mod tidy;
mod top;
mod upgrade;
