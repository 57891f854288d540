//! `stint repair`: after the loss of a majority for good, one replica that is left goes on alone; or one
//! whose state is damaged gets it from the others.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use stint_consensus::{Member, Recovered, Recovering, Survivor};
use stint_core::Timestamp;

use crate::args::disaster::Repair;
use crate::certificates::Certificates;
use crate::config::Config;
use crate::exit::Exit;
use crate::{backup, command, init, ownership, print};

pub(crate) fn run(args: &Repair) -> anyhow::Result<Exit> {
    let config = Config::load(&args.layered.layers()?)?;
    let dir = config.data_dir.as_path();
    if !args.look {
        ownership::may_write(dir)?;
    }
    if args.from_peers {
        return from_peers(args, &config);
    }
    let own = stint_consensus::examine(dir)
        .with_context(|| format!("{}: it cannot be repaired", dir.display()))?;
    if own.identity != config.identity() {
        bail!(
            "{}: it is the data of replica {:012x} of cluster {}, and the configuration is of replica \
             {} of cluster {}",
            dir.display(),
            own.identity.replica,
            init::hex(own.identity.cluster),
            config.id,
            init::hex(config.cluster)
        );
    }
    print::text(&found(dir, &own))?;
    let newer = compare(&own, &args.also)?;
    if args.look {
        return Ok(Exit::Done);
    }
    if let Some(newer) = newer {
        bail!("{newer} has newer entries: repair that one. Nothing was changed");
    }
    print::text(&consequences(&own))?;
    if !is_confirmed(args.confirm, &own)? {
        bail!("nothing was changed");
    }
    let copy = copied(dir, args.copy_to.as_deref())?;
    let alone = config.founders.get(&config.id).cloned();
    let alone = alone.or_else(|| member(&own)).context("no address of this replica is known")?;
    stint_consensus::repair(dir, config.id, &alone, now())
        .with_context(|| format!("{}: it is not repaired", dir.display()))?;
    print::note(&format!(
        "replica {} is the only member of its cluster now; a copy of its data as it was is in {}. Start it \
         with: stint serve --config {}. The lost replicas must not come back with their old data: wipe \
         them, and let new ones join (stint cluster invite)",
        config.id,
        copy.display(),
        args.layered.config.display()
    ));
    Ok(Exit::Done)
}

/// Has a replica whose checkpoint or history is damaged get both from another one.
fn from_peers(args: &Repair, config: &Config) -> anyhow::Result<Exit> {
    let founders = config.founders.iter();
    let founders = founders.map(|(id, member)| (*id, member.peer_address.clone()));
    let recovering = Recovering {
        dir: config.data_dir.clone(),
        identity: config.identity(),
        peers: args.peer.iter().cloned().chain(founders).collect(),
        peer_tls: Certificates::load(config)?.peers,
    };
    let recovered = command::runtime()?.block_on(stint_consensus::recover(recovering));
    let dir = config.data_dir.display();
    let Recovered { from, index, last, kept } =
        recovered.with_context(|| format!("{dir}: it is not repaired"))?;
    let kept = kept.map_or_else(String::new, |kept| {
        format!(" The damaged file is kept as {}, and can be deleted.", kept.display())
    });
    print::note(&format!(
        "replica {} has state and history from replica {from} as of entry {index}, and its own log up to \
         entry {last}.{kept} Start it with: stint serve --config {}",
        config.id,
        args.layered.config.display()
    ));
    Ok(Exit::Done)
}

fn found(dir: &Path, of: &Survivor) -> String {
    let (term, index) = of.last;
    let at = of.last_at.map_or_else(|| "an unknown time".to_owned(), backup::rfc3339);
    let mut text = format!(
        "{}: replica {:012x} of cluster {}\n\
         \x20 its last entry is {index} of term {term}, stamped at {at}; the last term that it knows is {}\n\
         \x20 it knows that the entries up to {} are committed; of {} more it cannot say whether they are\n\
         \x20 members, as it knows them:",
        dir.display(),
        of.identity.replica,
        init::hex(of.identity.cluster),
        of.term,
        of.committed,
        of.uncertain(),
    );
    for (id, member, is_voter) in &of.members {
        let kind = if *is_voter { "" } else { " (without a vote)" };
        let _never = write!(text, " {id:012x} at {}{kind}", member.peer_address);
    }
    text.push('\n');
    text
}

/// Says who knows most; the directory of one that is newer than ours, if there is one.
fn compare(own: &Survivor, also: &[PathBuf]) -> anyhow::Result<Option<String>> {
    let mut newest = (own.last, None);
    for dir in also {
        let other = stint_consensus::examine(dir)
            .with_context(|| format!("{}: it cannot be compared", dir.display()))?;
        if other.identity.cluster != own.identity.cluster {
            bail!("{}: it is of another cluster", dir.display());
        }
        print::text(&found(dir, &other))?;
        if other.last > newest.0 {
            newest = (other.last, Some(dir.display().to_string()));
        }
    }
    if !also.is_empty() {
        let name = newest.1.as_deref().unwrap_or("the first of them");
        print::line(&format!("the newest is {name}"))?;
    }
    Ok(newest.1)
}

fn consequences(own: &Survivor) -> String {
    let majority = own.voters() / 2 + 1;
    format!(
        "\n\
         This is for a cluster that has lost {majority} or more of its {} voters for good. If so many of \
         them can be started again, start them: nothing is lost then.\n\
         What may be lost: whatever the others committed after entry {}, jobs that were answered with 202 \
         and results among it. Nobody can say whether there was anything.\n\
         What stays: all entries up to {}, also those {} that may never have been committed.\n\
         All jobs that ran lose their workers, and run again unless their action says otherwise; a run that \
         goes on elsewhere is not fenced from them. Of other replicas that are left, repair the newest \
         only (--look, --also).\n\n",
        own.voters(),
        own.last.1,
        own.last.1,
        own.uncertain(),
    )
}

fn is_confirmed(given: Option<u64>, own: &Survivor) -> anyhow::Result<bool> {
    let expected = own.last.1;
    if let Some(given) = given {
        if given != expected {
            bail!("--confirm {given}: the last entry is {expected}; nothing was changed");
        }
        return Ok(true);
    }
    print::note(&format!("To go on, write the index of the last entry ({expected}):"));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("the answer cannot be read")?;
    Ok(answer.trim() == expected.to_string())
}

/// The address of the replica as the log has it, where the configuration names no founders any more.
fn member(own: &Survivor) -> Option<Member> {
    let id = own.identity.replica;
    own.members.iter().find(|(member, _, _)| *member == id).map(|(_, member, _)| member.clone())
}

/// Copies the data directory beside itself, or to another place.
fn copied(dir: &Path, place: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(place) = place
        && fs::canonicalize(place)
            .with_context(|| format!("--copy-to {}; nothing was changed", place.display()))?
            .starts_with(fs::canonicalize(dir)?)
    {
        bail!(
            "--copy-to {}: it is in the data directory itself; nothing was changed",
            place.display()
        );
    }
    let mut name = dir.file_name().context("the data directory has no name")?.to_owned();
    name.push(format!(".before-repair-{}", now().as_ms()));
    let to = place.or_else(|| dir.parent()).unwrap_or_else(|| Path::new("")).join(name);
    copy(dir, &to).with_context(|| {
        format!(
            "{}: no copy of the data can be made; nothing was changed. Name a directory that has room, and \
             that this user may write to, by --copy-to",
            to.display()
        )
    })?;
    Ok(to)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    // It has what the data directory has, and whoever reads that may not read this.
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &to)?;
            fs::File::open(&to)?.sync_all()?;
        }
    }
    fs::File::open(to)?.sync_all()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
