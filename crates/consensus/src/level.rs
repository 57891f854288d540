//! Which feature levels the members know, and the leader's part in raising that of the cluster.
//!
//! Each replica hears from the others, with their clocks, which version they run. The leader does not
//! go by that: before it proposes a higher level it asks every member once more, so that one that is
//! away, or was taken back to an older version, holds the level where it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use stint_core::{Command, Level, WorkerId};
use stint_failpoint::failpoint;
use stint_storage::Store;

use crate::clock;
use crate::error::Error;
use crate::inner::Inner;
use crate::limits::{LEVEL_LOOK, VERSION_BYTES_MAX};

/// The version of this program.
pub const VERSION: &str = if cfg!(feature = "next-level") {
    concat!(env!("CARGO_PKG_VERSION"), "-next-level")
} else {
    env!("CARGO_PKG_VERSION")
};

/// A program, as the replica that runs it names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The newest feature level that it knows.
    pub newest_level: Level,
    /// Its version.
    pub version: String,
}

impl Build {
    /// This program.
    pub fn own() -> Self {
        Self { newest_level: Level::NEWEST, version: VERSION.to_owned() }
    }

    /// What a peer says of its own. The version is for people, and is kept as far as it can be shown.
    pub(crate) fn of_wire(newest_level: u32, version: &str) -> Self {
        let shown = version.chars().filter(|c| !c.is_control());
        let mut kept = String::new();
        for c in shown {
            if kept.len() + c.len_utf8() > VERSION_BYTES_MAX {
                break;
            }
            kept.push(c);
        }
        Self { newest_level: Level::new(newest_level), version: kept }
    }
}

/// Why this program can do nothing with what has this level, and what to do.
pub(crate) fn too_new(level: Level) -> String {
    format!(
        "feature level {level} is needed, and this program, version {VERSION}, knows levels up to {}: run \
         the version that the other replicas of the cluster run, or a later one",
        Level::NEWEST
    )
}

/// Refuses a data directory that needs a level which this program does not know, before anything in it
/// is opened.
///
/// # Errors
/// [`Error::TooOld`]; [`Error::Storage`] if it cannot be told.
pub fn check_level(dir: &Path) -> Result<(), Error> {
    let level = Level::new(Store::level_of(dir)?);
    if level > Level::NEWEST {
        return Err(Error::TooOld { what: dir.display().to_string(), level });
    }
    Ok(())
}

/// The programs of the other members, as they named them last.
#[derive(Debug, Default)]
pub(crate) struct Builds(Mutex<BTreeMap<u64, Build>>);

impl Builds {
    fn known(&self) -> MutexGuard<'_, BTreeMap<u64, Build>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, peer: u64, build: Build) {
        self.known().insert(peer, build);
    }

    /// Forgets those who are no members.
    pub(crate) fn retain(&self, members: &[u64]) {
        self.known().retain(|peer, _| members.contains(peer));
    }

    pub(crate) fn of(&self, peer: u64) -> Option<Build> {
        self.known().get(&peer).cloned()
    }
}

/// A member, what it runs if that is known, and whether it is away.
pub(crate) struct Known {
    pub(crate) id: WorkerId,
    pub(crate) build: Option<Build>,
    pub(crate) is_away: bool,
}

/// What is to be said of members that do not all know the same level.
pub(crate) fn warnings(level: Level, members: &[Known]) -> Vec<String> {
    let mut warnings = Vec::new();
    let newest = members.iter().filter_map(|member| member.build.as_ref());
    let newest = newest.map(|build| build.newest_level).max().unwrap_or(level);
    let in_the_way: Vec<_> =
        members.iter().filter_map(|member| in_the_way(member, level, newest)).collect();
    if newest > level && !in_the_way.is_empty() {
        warnings.push(format!(
            "the feature level stays at {level}, and {newest} is known: {}",
            in_the_way.join(", ")
        ));
    }
    for Known { id, build, .. } in members {
        if let Some(build) = build.as_ref().filter(|build| build.newest_level < level) {
            warnings.push(format!(
                "replica {id} runs version {}, which knows feature levels up to {}, and the cluster \
                 has {level}: it takes no part until it runs a later version",
                build.version, build.newest_level
            ));
        }
    }
    warnings
}

/// Why a member keeps the cluster from rising above `level`, if it does.
fn in_the_way(member: &Known, level: Level, newest: Level) -> Option<String> {
    let Known { id, build, is_away } = member;
    match build {
        Some(build) if build.newest_level <= level && level < newest => Some(format!(
            "replica {id} runs version {}, which knows levels up to {}",
            build.version, build.newest_level
        )),
        _ if *is_away => Some(format!("replica {id} is away")),
        None => Some(format!("replica {id} has not said yet which it knows")),
        Some(_) => None,
    }
}

impl Inner {
    /// Refuses what the cluster's level does not have yet. A level that has risen may not be known
    /// here yet, so that the leader is asked before somebody is told so.
    pub(crate) async fn is_level_for(&self, command: &Command) -> Result<(), Error> {
        if self.level_for(command).is_ok() {
            return Ok(());
        }
        self.barrier().await?;
        self.level_for(command)
    }

    /// The same, as far as this replica has applied the log. What is refused by a leader that is behind
    /// can be proposed again; what is let through has the level for ever.
    pub(crate) fn level_for(&self, command: &Command) -> Result<(), Error> {
        let needs = command.needs_level();
        if needs == Level::FIRST {
            return Ok(());
        }
        let has = self.applied.read().state.level();
        if needs <= has { Ok(()) } else { Err(Error::LevelTooLow { needs, has }) }
    }

    /// The level that all members know, if it is higher than the cluster's. Each of them is asked now.
    async fn known_to_all(self: &Arc<Self>) -> Option<Level> {
        let level = self.applied.read().state.level();
        if level >= Level::NEWEST {
            return None;
        }
        let others = self.other_nodes();
        let asks = others.iter().map(|(id, address)| clock::ask(self, *id, address));
        let mut all = Level::NEWEST;
        for answer in join_all(asks).await {
            all = all.min(answer?.build.newest_level);
        }
        (all > level).then_some(all)
    }
}

/// Raises the level of the cluster, as the leader, until the replica stops.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        tokio::time::sleep(LEVEL_LOOK).await;
        if !inner.raft.is_leader() {
            continue;
        }
        let Some(to) = inner.known_to_all().await else { continue };
        if failpoint!("consensus::level::raise").is_err() {
            continue;
        }
        match inner.propose(Command::RaiseLevel { to }, None).await {
            Ok(Err(refusal)) => {
                tracing::warn!(%refusal, level = to.get(), "the feature level stays");
            }
            Ok(Ok(_)) => {
                tracing::info!(level = to.get(), "the feature level of the cluster has risen");
            }
            Err(error) => tracing::warn!(%error, level = to.get(), "the feature level stays"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: u64, newest_level: u32, version: &str, is_away: bool) -> Known {
        let build = (newest_level > 0).then(|| Build::of_wire(newest_level, version));
        Known { id: WorkerId::new(id).expect("an id"), build, is_away }
    }

    #[test]
    fn members_that_run_the_same_are_no_news() {
        let two = Level::new(2);
        assert!(
            warnings(two, &[known(1, 2, "0.2.0", false), known(2, 2, "0.2.0", true)]).is_empty()
        );
        // One that has not been heard of since the start is told elsewhere.
        assert!(warnings(two, &[known(1, 2, "0.2.0", false), known(2, 0, "", true)]).is_empty());
    }

    #[test]
    fn whoever_keeps_the_level_where_it_is_is_named_with_the_reason() {
        let members = [
            known(1, 2, "0.2.0", false),
            known(2, 1, "0.1.0", false),
            known(3, 0, "", true),
            known(4, 0, "", false),
        ];
        let [level] = <[String; 1]>::try_from(warnings(Level::FIRST, &members)).unwrap();
        assert_eq!(
            level,
            "the feature level stays at 1, and 2 is known: replica 000000000002 runs version 0.1.0, \
             which knows levels up to 1, replica 000000000003 is away, replica 000000000004 has not \
             said yet which it knows"
        );
    }

    #[test]
    fn a_member_whose_program_is_too_old_is_named() {
        let members = [known(1, 2, "0.2.0", false), known(2, 1, "0.1.0", false)];
        let said = warnings(Level::new(2), &members);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("000000000002 runs version 0.1.0"), "{said:?}");
    }

    #[test]
    fn what_a_peer_says_of_its_version_can_be_shown() {
        let build = Build::of_wire(0, &format!("0.2.0\u{7}\n{}", "ä".repeat(100)));
        assert_eq!(build.newest_level, Level::FIRST);
        assert!(build.version.starts_with("0.2.0ä") && build.version.len() <= VERSION_BYTES_MAX);
    }
}
