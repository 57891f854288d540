//! The program of guardians, and nothing else.

fn main() -> std::process::ExitCode {
    stint_worker::role().unwrap_or(std::process::ExitCode::FAILURE)
}
