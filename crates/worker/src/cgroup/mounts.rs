//! Where the kernel shows cgroups, and in which of them this process is.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Begins the name of every worker's directory.
pub(super) const PREFIX: &str = "stint-";
/// What a worker moves itself to, in its directory.
pub(super) const REPLICA: &str = "replica";

/// The hierarchies that are mounted.
#[derive(Debug)]
pub(super) struct Mounts {
    /// `/proc/self/mountinfo`
    mounts: String,
    /// `/proc/self/cgroup`
    own: String,
}

impl Mounts {
    pub(super) fn read() -> io::Result<Self> {
        Ok(Self {
            mounts: fs::read_to_string("/proc/self/mountinfo")?,
            own: fs::read_to_string("/proc/self/cgroup")?,
        })
    }

    /// The cgroup that this process was started in, of version 2.
    pub(super) fn unified(&self) -> Option<PathBuf> {
        self.find("", |kind, _| kind == "cgroup2")
    }

    /// The same of version 1, in the hierarchy of this controller.
    pub(super) fn controller(&self, name: &str) -> Option<PathBuf> {
        self.find(name, |kind, options| {
            kind == "cgroup" && options.split(',').any(|option| option == name)
        })
    }

    fn find(&self, controller: &str, is_it: impl Fn(&str, &str) -> bool) -> Option<PathBuf> {
        let path = self.own.lines().find_map(|line| {
            // number:controllers:path
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            controllers.split(',').any(|name| name == controller).then_some(path)
        })?;
        self.mounts.lines().find_map(|line| {
            // id parent device root point options... - kind source options
            let (place, rest) = line.split_once(" - ")?;
            let mut place = place.split(' ').skip(3);
            let (root, point) = (place.next()?, place.next()?);
            let mut rest = rest.split(' ');
            let (kind, _source, options) = (rest.next()?, rest.next()?, rest.next()?);
            let below = Path::new(path).strip_prefix(root).ok().filter(|_| is_it(kind, options))?;
            Some(Path::new(point).join(started_in(below)))
        })
    }
}

/// A worker may have moved this process already.
fn started_in(path: &Path) -> &Path {
    let is_moved = path.file_name().is_some_and(|name| name == REPLICA);
    let dir = path.parent().filter(|_| is_moved);
    let is_ours = |dir: &&Path| {
        matches!(dir.components().next_back(), Some(Component::Normal(name))
            if name.to_string_lossy().starts_with(PREFIX))
    };
    dir.filter(is_ours).and_then(Path::parent).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(mounts: &str, own: &str) -> Mounts {
        Mounts { mounts: mounts.to_owned(), own: own.to_owned() }
    }

    #[test]
    fn the_cgroup_of_a_service_is_found_in_each_version() {
        let unified = mounts(
            "25 1 0:22 / /proc rw - proc proc rw\n\
             30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
            "0::/system.slice/stint.service\n",
        );
        let expected = Path::new("/sys/fs/cgroup/system.slice/stint.service");
        assert_eq!(unified.unified().as_deref(), Some(expected));
        assert_eq!(unified.controller("memory"), None);
        let hybrid = mounts(
            "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
             32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             33 30 0:29 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n",
            "5:memory:/box\n4:cpu,cpuacct:/\n0::/\n",
        );
        assert_eq!(hybrid.unified().as_deref(), Some(Path::new("/sys/fs/cgroup/unified")));
        let memory = hybrid.controller("memory");
        assert_eq!(memory.as_deref(), Some(Path::new("/sys/fs/cgroup/memory/box")));
        let cpu = hybrid.controller("cpuacct");
        assert_eq!(cpu.as_deref(), Some(Path::new("/sys/fs/cgroup/cpu,cpuacct")));
        assert_eq!(hybrid.controller("pids"), None);
    }

    #[test]
    fn the_cgroup_of_a_container_is_found_though_it_is_not_the_root() {
        let inside = mounts(
            "40 30 0:26 /docker/7f /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
            "8:pids:/docker/7f/inner\n",
        );
        let found = inside.controller("pids");
        assert_eq!(found.as_deref(), Some(Path::new("/sys/fs/cgroup/pids/inner")));
        let outside = mounts(
            "40 30 0:26 /docker/7f /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
            "8:pids:/elsewhere\n",
        );
        assert_eq!(outside.controller("pids"), None, "it is in none that it can see");
    }

    #[test]
    fn a_process_that_a_worker_has_moved_is_where_it_was_started() {
        for (now, started) in [
            ("service/stint-1-2/replica", "service"),
            ("stint-1-2/replica", ""),
            ("service/replica", "service/replica"),
            ("replica", "replica"),
            ("", ""),
        ] {
            assert_eq!(started_in(Path::new(now)), Path::new(started), "{now}");
        }
    }
}
