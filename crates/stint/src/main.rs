//! The `stint` program.

fn main() -> std::process::ExitCode {
    stint::main()
}
