//! The stint command: one binary, a replica with `serve`, a client otherwise.
//!
//! Only this crate knows the whole. It reads the command line and the configuration, puts the parts
//! together, and prints. Start at [`main`], then `serve`, which is the whole program on one screen.
#![deny(missing_docs)]

#[cfg(all(feature = "next-level", not(debug_assertions)))]
compile_error!("next-level is for tests of upgrades: a build that is used must not have it");

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("failpoints are for tests: a build that is used must not have them");

mod args;
mod backup;
mod bench;
mod certificates;
mod command;
mod config;
mod dev;
mod exit;
mod first_token;
mod init;
mod inspect;
mod join;
mod limits;
mod logging;
mod ownership;
mod print;
mod reload;
mod repair;
mod reset_admin;
mod restore;
mod serve;
mod stops;
mod supervisor;
mod traces;

use std::process::ExitCode;

use args::{Cli, Command, token};
use exit::Exit;
use tikv_jemallocator::Jemalloc;

/// A replica allocates on many threads for months: this one gives freed pages back to the system
/// while it is idle, so that memory follows what is in use and not the busiest minute. How soon, and
/// how many arenas it has, says `allocator.c`.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Runs the program on the arguments of this process.
pub fn main() -> ExitCode {
    // A worker starts this program for each run, often: that takes the shortest way.
    if let Some(code) = stint_worker::role() {
        return code;
    }
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too; that nobody reads them is no failure.
            drop(error.print());
            return if error.exit_code() == 0 { Exit::Done } else { Exit::Usage }.into();
        }
    };
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(error) if is_closed(&error) => Exit::Done.into(),
        Err(error) => {
            print::error(&error);
            Exit::of_error(&error).into()
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    let Cli { global, command } = cli;
    let caller = || command::Caller::new(&global);
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Config(args) => inspect::run(args),
        Command::Action(args::action::Command::Check(args)) => {
            command::action::check(args, global.output)
        }
        Command::Action(args) => {
            command::runtime()?.block_on(command::action::run(&caller()?, args))
        }
        Command::Dev(args) => command::runtime()?.block_on(dev::run(args)),
        Command::Job(args) => command::runtime()?.block_on(command::job::run(&caller()?, args)),
        Command::Queue(args) => command::runtime()?.block_on(command::queue::run(&caller()?, args)),
        Command::Worker(args) => {
            command::runtime()?.block_on(command::worker::run(&caller()?, args))
        }
        Command::Cron(args) => command::runtime()?.block_on(command::cron::run(&caller()?, args)),
        Command::ActionConfig(args) => {
            command::runtime()?.block_on(command::action_config::run(&caller()?, args))
        }
        Command::Settings(args) => {
            command::runtime()?.block_on(command::settings::run(&caller()?, args))
        }
        Command::Cluster(args::cluster::Command::Join(args)) => join::run(&args),
        Command::Cluster(args) => {
            command::runtime()?.block_on(command::cluster::run(&caller()?, args))
        }
        Command::Debug(args) => command::runtime()?.block_on(command::debug::run(&caller()?, args)),
        Command::Watch(args) => command::runtime()?.block_on(command::watch::run(&caller()?, args)),
        Command::Top(args) => command::runtime()?.block_on(command::top::run(&global, &args)),
        Command::Token(token::Command::ResetAdmin(args)) => reset_admin::run(&args),
        Command::Token(args) => command::runtime()?.block_on(command::token::run(&caller()?, args)),
        Command::Audit(args) => command::runtime()?.block_on(command::audit::run(&caller()?, args)),
        Command::Backup(args) if args.check => backup::check(&args, global.output),
        Command::Backup(args) => command::runtime()?.block_on(backup::run(&caller()?, &args)),
        Command::Restore(args) => restore::run(&args),
        Command::Repair(args) => repair::run(&args),
        Command::Bench(args) => bench::run(&global, args),
    }
}

/// Whoever read the output has seen enough.
fn is_closed(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(print::Error::Closed))
}
