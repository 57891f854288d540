//! The program of guardians, and nothing else.

fn main() -> std::process::ExitCode {
    stint_worker::guardian()
}
