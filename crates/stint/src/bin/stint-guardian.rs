//! The program that a worker starts for each of its runs, and nothing else.
//!
//! `stint` can do the same, and does where this is missing: this one is small, since there is one
//! for every job that runs. It names nothing of `stint` itself, not even its allocator.

fn main() -> std::process::ExitCode {
    stint_worker::guardian()
}
