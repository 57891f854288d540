//! The program under test: `stint` itself.

fn main() -> std::process::ExitCode {
    stint::main()
}
