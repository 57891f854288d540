//! `stint backup`: all that the cluster keeps, in one file that is whole or not there.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Serialize;
use stint_consensus::BackupInfo;

use crate::args::Output;
use crate::args::disaster::Backup;
use crate::command::Caller;
use crate::exit::Exit;
use crate::{init, print};

/// Takes a backup into a file beside its own name, checks what is on the disk, and then names it.
pub(crate) async fn run(caller: &Caller, args: &Backup) -> anyhow::Result<Exit> {
    let file = args.file.as_path();
    if file.exists() {
        bail!("{}: it is there already, and stays as it is; name another file", file.display());
    }
    let partial = partial(file);
    let taken = take(caller, &partial).await;
    let info = match taken.and_then(|()| Ok(stint_consensus::read_backup(&partial)?)) {
        Ok(info) => info,
        Err(error) => {
            // What is there is no backup. That it cannot be removed changes nothing about that.
            drop(fs::remove_file(&partial));
            return Err(error);
        }
    };
    fs::rename(&partial, file)
        .and_then(|()| File::open(directory(file))?.sync_all())
        .with_context(|| format!("{}: the backup cannot get its name", file.display()))?;
    say(&info, caller.printer.0)?;
    Ok(Exit::Done)
}

/// Reads a backup to its end, and says what is in it.
pub(crate) fn check(args: &Backup, output: Output) -> anyhow::Result<Exit> {
    let info = stint_consensus::read_backup(&args.file)
        .with_context(|| args.file.display().to_string())?;
    say(&info, output)?;
    Ok(Exit::Done)
}

async fn take(caller: &Caller, file: &Path) -> anyhow::Result<()> {
    let mut backup = caller.client.backup().await?;
    let written = || format!("{}: the backup cannot be written", file.display());
    // It has the parameters and the output of all jobs: for its owner alone.
    let opened = File::options().write(true).create(true).truncate(true).mode(0o600).open(file);
    let mut to = BufWriter::new(opened.with_context(written)?);
    while let Some(piece) = backup.next().await? {
        to.write_all(&piece).with_context(written)?;
    }
    let to = to.into_inner().map_err(std::io::IntoInnerError::into_error);
    to.and_then(|file| file.sync_all()).with_context(written)
}

fn partial(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn directory(file: &Path) -> &Path {
    file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What is in a backup, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape<'a> {
    cluster_id: String,
    #[serde(rename = "replicaID")]
    replica_id: String,
    version: &'a str,
    at: String,
    index: u64,
    term: u64,
    jobs_live: u64,
    jobs_over: u64,
    lines: u64,
    lines_missing: u64,
    bytes: u64,
}

fn say(info: &BackupInfo, output: Output) -> Result<(), print::Error> {
    match output {
        Output::Table => print::text(&text(info)),
        Output::Json => print::json(&Shape {
            cluster_id: init::hex(info.cluster),
            replica_id: format!("{:012x}", info.replica),
            version: &info.version,
            at: time(info),
            index: info.index,
            term: info.term,
            jobs_live: info.jobs_live,
            jobs_over: info.jobs_over,
            lines: info.lines,
            lines_missing: info.lines_missing,
            bytes: info.bytes,
        }),
    }
}

/// What is in a backup, for people.
pub(crate) fn text(info: &BackupInfo) -> String {
    let missing = match info.lines_missing {
        0 => String::new(),
        1 => "1 line of output is missing: no replica that answered had it\n".to_owned(),
        lines => {
            format!("{lines} lines of output are missing: no replica that answered had them\n")
        }
    };
    format!(
        "cluster {} at {}, as of entry {} of the log, by replica {:012x} with stint {}\n\
         {} not over, {} of the history, {} of output, {} bytes; all checksums match\n{}",
        init::hex(info.cluster),
        time(info),
        info.index,
        info.replica,
        info.version,
        print::counted(info.jobs_live, "job"),
        info.jobs_over,
        print::counted(info.lines, "line"),
        info.bytes,
        missing,
    )
}

fn time(info: &BackupInfo) -> String {
    rfc3339(info.at)
}

/// An instant as people and programs read it.
pub(crate) fn rfc3339(at: stint_core::Timestamp) -> String {
    let (seconds, ms) = (at.as_ms() / 1_000, at.as_ms() % 1_000);
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let nanos = i32::try_from(ms * 1_000_000).unwrap_or(0);
    stint_client::Timestamp { seconds, nanos }.to_string()
}
