//! What a guardian is told to start: everything about one process, as bytes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use stint_core::LeaseId;

use crate::account::{self, Account};
use crate::cgroup::{Cgroups, Group, Lacking, Member};
use crate::clock::Boottime;
use crate::confinement::Confinement;
use crate::invocation::Invocation;

/// One process to be started, with nothing left to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// When the lease ends, if it is not renewed.
    pub(crate) until: Boottime,
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) working_dir: PathBuf,
    /// Whom it becomes; `None` stays who the worker is.
    pub(crate) account: Option<Account>,
    pub(crate) limits: Limits,
    pub(crate) cgroup: Group,
}

/// What a process limits itself to before it becomes the job's program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) umask: Option<u64>,
    /// From 0, the first to be run, to 39, the last: the nice value and 20.
    pub(crate) nice: Option<u64>,
    pub(crate) address_space: Option<u64>,
    pub(crate) processes: Option<u64>,
    pub(crate) cpu_seconds: Option<u64>,
    pub(crate) open_files: Option<u64>,
}

impl Limits {
    /// What the process has to see to itself, because no cgroup does.
    fn new(confinement: &Confinement, lacking: Lacking) -> Self {
        let Confinement { umask, nice, memory_bytes, pids, cpu_time, open_files, .. } =
            *confinement;
        Self {
            umask: umask.map(u64::from),
            nice: nice.map(|nice| u64::try_from(nice.clamp(-20, 19) + 20).unwrap_or_default()),
            address_space: memory_bytes.filter(|_| lacking.memory),
            processes: pids.filter(|_| lacking.pids),
            // The kernel counts whole seconds here.
            cpu_seconds: cpu_time
                .map(|time| time.as_millis().div_ceil(1_000))
                .map(|seconds| u64::try_from(seconds).unwrap_or(u64::MAX).max(1)),
            open_files,
        }
    }
}

impl Launch {
    /// What is to be started for a run, or why it cannot be. Asks the system's user database.
    pub(crate) fn new(
        invocation: Invocation,
        until: Boottime,
        lease: LeaseId,
        cgroups: &Cgroups,
    ) -> Result<Self, String> {
        let Invocation { name, program, arguments, environment, working_dir, confinement } =
            invocation;
        let account = account::resolve(&confinement)
            .map_err(|reason| format!("cannot start \"{name}\": {reason}"))?;
        let limits = Limits::new(&confinement, cgroups.lacking(&confinement));
        let cgroup = cgroups.group(lease, &confinement);
        Ok(Self {
            until,
            name,
            program,
            arguments,
            environment,
            working_dir,
            account,
            limits,
            cgroup,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self {
            until,
            name,
            program,
            arguments,
            environment,
            working_dir,
            account,
            limits,
            cgroup,
        } = self;
        let mut to = Writer(Vec::new());
        to.number(until.nanoseconds());
        to.text(name);
        to.path(program);
        to.list(arguments, |to, argument| to.text(argument));
        to.list(environment, |to, (name, value)| {
            to.text(name);
            to.text(value);
        });
        to.path(working_dir);
        to.list(account, |to, Account { uid, gid, groups, label }| {
            to.number(u64::from(*uid));
            to.number(u64::from(*gid));
            to.list(groups, |to, group| to.number(u64::from(*group)));
            to.text(label);
        });
        let Limits { umask, nice, address_space, processes, cpu_seconds, open_files } = limits;
        for limit in [umask, nice, address_space, processes, cpu_seconds, open_files] {
            to.list(limit, |to, limit| to.number(*limit));
        }
        to.list(&cgroup.homes, |to, home| to.path(home));
        to.list(&cgroup.members, |to, member| {
            to.path(&member.dir);
            to.number(u64::from(member.is_unified));
        });
        to.list(&cgroup.settings, |to, (file, value)| {
            to.path(file);
            to.text(value);
        });
        to.0
    }

    /// `None` if that is not what [`Launch::encode`] gives.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let from = &mut Reader(bytes);
        let launch = Self {
            until: Boottime::from_nanoseconds(from.number()?),
            name: from.text()?,
            program: from.path()?,
            arguments: from.list(Reader::text)?,
            environment: from.list(|from| Some((from.text()?, from.text()?)))?,
            working_dir: from.path()?,
            account: from
                .list::<_, Vec<_>>(|from| {
                    Some(Account {
                        uid: from.small()?,
                        gid: from.small()?,
                        groups: from.list(Reader::small)?,
                        label: from.text()?,
                    })
                })?
                .pop(),
            limits: Limits {
                umask: from.list::<_, Vec<_>>(Reader::number)?.pop(),
                nice: from.list::<_, Vec<_>>(Reader::number)?.pop(),
                address_space: from.list::<_, Vec<_>>(Reader::number)?.pop(),
                processes: from.list::<_, Vec<_>>(Reader::number)?.pop(),
                cpu_seconds: from.list::<_, Vec<_>>(Reader::number)?.pop(),
                open_files: from.list::<_, Vec<_>>(Reader::number)?.pop(),
            },
            cgroup: Group {
                homes: from.list(Reader::path)?,
                members: from.list(|from| {
                    Some(Member { dir: from.path()?, is_unified: from.number()? == 1 })
                })?,
                settings: from.list(|from| Some((from.path()?, from.text()?)))?,
            },
        };
        from.0.is_empty().then_some(launch)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn path(&mut self, path: &std::path::Path) {
        self.bytes(path.as_os_str().as_bytes());
    }

    /// Anything that has some of something; an option has one or none.
    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut put: impl FnMut(&mut Self, T)) {
        for item in items {
            self.0.push(1);
            put(self, item);
        }
        self.0.push(0);
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let count = usize::try_from(self.number()?).ok()?;
        self.take(count).map(<[u8]>::to_vec)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    fn path(&mut self) -> Option<PathBuf> {
        self.bytes().map(|bytes| PathBuf::from(OsString::from_vec(bytes)))
    }

    fn list<T, L: FromIterator<T>>(
        &mut self,
        mut take: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<L> {
        let mut items = Vec::new();
        while self.take(1)? == [1] {
            items.push(take(self)?);
        }
        Some(items.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_is_the_same_after_its_way_to_the_guardian() {
        let plain = Launch {
            until: Boottime::now(),
            name: "sh".to_owned(),
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), String::new(), "é\n".to_owned()],
            environment: BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]),
            working_dir: OsString::from_vec(vec![b'/', 0xff]).into(),
            account: None,
            limits: Limits::default(),
            cgroup: Group::default(),
        };
        let full = Launch {
            account: Some(Account {
                uid: 1,
                gid: 2,
                groups: vec![2, 3],
                label: "user \"x\"".to_owned(),
            }),
            limits: Limits { umask: Some(0o27), nice: Some(39), ..Limits::default() },
            cgroup: Group {
                homes: vec!["/g".into()],
                members: vec![
                    Member { dir: "/a".into(), is_unified: true },
                    Member { dir: "/b".into(), is_unified: false },
                ],
                settings: vec![("/a/pids.max".into(), "5".to_owned())],
            },
            ..plain.clone()
        };
        for launch in [plain, full] {
            let bytes = launch.encode();
            assert_eq!(Launch::decode(&bytes), Some(launch));
            for length in 0..bytes.len() {
                assert_eq!(Launch::decode(&bytes[..length]), None, "{length} bytes of it");
            }
        }
    }
}
