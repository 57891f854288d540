//! Both doors from outside: literal bytes on sockets, against a real replica that is a cluster of
//! its own.

mod access;
mod action_configs;
mod bad_input;
mod browsers;
mod connections;
mod cors;
mod crons;
mod crowd;
mod encrypted;
mod failed;
mod fair;
mod grpc;
#[cfg(test)]
mod harness;
mod idempotency;
mod jobs;
mod logs;
mod pages;
mod settings;
mod shutdown;
mod slow;
mod watch;
