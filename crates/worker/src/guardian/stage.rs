//! The last stage before a job's program: the process makes itself what the job may be, and
//! becomes it.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::sys::signal::SigSet;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Gid, Resource, Rlimit, Uid, setpriority_process, setrlimit, umask};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

use super::control;
use super::launch::{Launch, Limits};
use super::wire::{self, Order, Report};
use crate::account::Account;

/// After the first SIGXCPU a process has so long to end by itself.
const CPU_GRACE_SECONDS: u64 = 1;

/// Becomes the program that comes in by standard input, or says there why not. That the socket
/// closes without a word says that it has become it.
pub(super) fn run() -> ExitCode {
    let Ok(socket) = control() else { return ExitCode::FAILURE };
    let mut bytes = Vec::new();
    let launch = loop {
        let packet = wire::take(&socket, true);
        match packet.ok().flatten().as_deref().and_then(Order::decode) {
            Some(Order::Launch(part)) => bytes.extend(part),
            Some(Order::Start) => break Launch::decode(&bytes),
            Some(Order::Renew(_) | Order::Terminate | Order::Kill) | None => {
                // Whoever has started this is gone.
                return ExitCode::FAILURE;
            }
        }
    };
    let reason = match launch {
        Some(launch) => become_it(&launch),
        None => "cannot start: its guardian has sent nonsense, which is a bug".to_owned(),
    };
    // If nobody listens any more, nobody wants to know.
    wire::put(&socket, &Report::Failed(reason).encode(), true).ok();
    ExitCode::FAILURE
}

/// Returns only if it cannot, with why.
fn become_it(launch: &Launch) -> String {
    let name = &launch.name;
    match prepare(launch) {
        Ok(mut command) => format!("cannot start \"{name}\": {}", command.exec()),
        Err(reason) => reason,
    }
}

fn prepare(launch: &Launch) -> Result<Command, String> {
    let dir = &launch.working_dir;
    let mut command = Command::new(&launch.program);
    command.arg0(&launch.name).args(&launch.arguments).env_clear().envs(&launch.environment);
    launch.cgroup.join().map_err(|error| format!("cannot join its cgroup: {error}"))?;
    limit(launch.limits)?;
    if let Some(account) = &launch.account {
        change_to(account).map_err(|error| format!("cannot become {}: {error}", account.label))?;
    }
    std::env::set_current_dir(dir).map_err(|error| {
        let is_there =
            !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        let why = if is_there { error.to_string() } else { "there is no such directory".into() };
        format!("cannot start in {}: {why}", dir.display())
    })?;
    quieten().map_err(|error| format!("cannot take away its standard input: {error}"))?;
    // What its guardian ignores is not the job's to ignore.
    SigSet::empty()
        .thread_set_mask()
        .map_err(|error| format!("cannot let it have signals: {error}"))?;
    if let Some(bytes) = launch.limits.address_space {
        // Last of all: from here on this process itself may run out.
        bound(Resource::As, bytes, bytes)?;
    }
    Ok(command)
}

fn limit(limits: Limits) -> Result<(), String> {
    let Limits { umask: mask, nice, address_space: _, processes, cpu_seconds, open_files } = limits;
    if let Some(mask) = mask.and_then(|mask| u32::try_from(mask).ok()) {
        umask(Mode::from_raw_mode(mask));
    }
    if let Some(nice) = nice.and_then(|nice| i32::try_from(nice).ok()) {
        let nice = nice - 20;
        setpriority_process(None, nice)
            .map_err(|error| format!("cannot have the nice value {nice}: {}", words(error)))?;
    }
    if let Some(count) = processes {
        bound(Resource::Nproc, count, count)?;
    }
    if let Some(seconds) = cpu_seconds {
        bound(Resource::Cpu, seconds, seconds.saturating_add(CPU_GRACE_SECONDS))?;
    }
    if let Some(count) = open_files {
        bound(Resource::Nofile, count, count)?;
    }
    Ok(())
}

fn bound(resource: Resource, soft: u64, hard: u64) -> Result<(), String> {
    let limit = Rlimit { current: Some(soft), maximum: Some(hard) };
    setrlimit(resource, limit)
        .map_err(|error| format!("cannot have the limit {resource:?} of {soft}: {}", words(error)))
}

/// The program gets what holds for the thread that becomes it.
fn change_to(account: &Account) -> io::Result<()> {
    let groups: Vec<_> = account.groups.iter().map(|group| Gid::from_raw(*group)).collect();
    set_thread_groups(&groups)?;
    set_thread_gid(Gid::from_raw(account.gid))?;
    set_thread_uid(Uid::from_raw(account.uid))?;
    Ok(())
}

fn quieten() -> io::Result<()> {
    let nothing = rustix::fs::open("/dev/null", OFlags::RDONLY, Mode::empty())?;
    rustix::stdio::dup2_stdin(nothing.as_fd())?;
    Ok(())
}

fn words(error: rustix::io::Errno) -> io::Error {
    error.into()
}
