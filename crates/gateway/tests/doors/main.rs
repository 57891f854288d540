//! Both doors from outside: literal bytes on sockets, against a real replica that is a cluster of
//! its own.

mod access;
mod bad_input;
mod grpc;
#[cfg(test)]
mod harness;
mod jobs;
mod logs;
mod shutdown;
mod slow;
