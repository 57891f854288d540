//! The small program of guardians, as `stint-guardian` is it.

fn main() -> std::process::ExitCode {
    stint_worker::guardian()
}
