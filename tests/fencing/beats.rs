//! A job that shows when it runs: each attempt writes its lease into one file again and again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Cluster, wait_for};

/// Each attempt beats every 100 ms, by a process that can be found and by one that hides: it has
/// left its group, its session and its environment. The first attempt beats until it is ended, each
/// later one a few times. Before the first beat an attempt looks whether a process of an earlier
/// one still lives. One that was killed and waits in the kernel for a disk that hangs does not: it
/// never acts again, and nobody can end it sooner.
const SCRIPT: &str = r#"
here="$1/$STINT_JOB_ID"
started() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null; }
state() { cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null; }
is_killed() {
    flags=$(cut -d' ' -f9 "/proc/$1/stat" 2>/dev/null)
    [ $((${flags:-4} & 4)) -ne 0 ] || grep -q '^SigPnd:.*[13579bdf]..$' "/proc/$1/status" 2>/dev/null
}
while read -r pid start; do
    if ! is_killed "$pid" && [ "$(state "$pid")" != Z ] && [ "$(started "$pid")" = "$start" ]; then
        state="$(state "$pid") $(cat "/proc/$pid/wchan")"
        echo "lease $STINT_LEASE: process $pid of an earlier attempt lives: $state" >> "$here.faults"
    fi
done < "$here.pids" 2>/dev/null
echo "$$ $(started $$)" >> "$here.pids"
(env -i PATH="$PATH" setsid sh -c '
    echo "$$ $(cut -d" " -f22 /proc/$$/stat)" >> "$1.pids"
    while :; do echo "$2" >> "$1"; sleep 0.1; done
' hidden "$here" "$STINT_LEASE" < /dev/null > /dev/null 2>&1 &)
beats=100000
[ "$STINT_ATTEMPT" -gt 1 ] && beats=5
while [ "$beats" -gt 0 ]; do echo "$STINT_LEASE" >> "$here"; beats=$((beats - 1)); sleep 0.1; done
"#;

/// Among the flags of a process: the kernel is taking it apart.
const ENDING: u32 = 4;

/// Whether a SIGKILL waits for it to leave the kernel.
fn is_killed(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = status.lines().find_map(|line| line.strip_prefix("SigPnd:"));
    pending
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 << 8 != 0)
}

/// Where the beats of a cluster's jobs are.
pub(crate) struct Beats {
    dir: PathBuf,
}

impl Beats {
    pub(crate) fn new(dir: &Path) -> Self {
        fs::write(dir.join("beat.sh"), SCRIPT).expect("a file");
        Self { dir: dir.to_owned() }
    }

    /// The table of the action `beat`.
    pub(crate) fn action(&self) -> String {
        let dir = self.dir.display();
        format!("[actions.beat]\ncommand = [\"sh\", \"{dir}/beat.sh\", \"{dir}\"]\n")
    }

    /// Starts a job that beats, waits until it does, and says which replica runs it.
    pub(crate) fn start(&self, cluster: &Cluster, body: &str) -> (String, usize) {
        let id = cluster.submit(0, body);
        let job = cluster.wait_for_status(0, &id, "running");
        wait_for("beats of both processes", || {
            let (beats, pids) = (self.leases(&id).len(), self.read(&id, ".pids").lines().count());
            if beats >= 4 && pids >= 2 { Ok(()) } else { Err((beats, pids)) }
        });
        (id, index_of(cluster, &job))
    }

    /// The leases in the order in which they beat.
    pub(crate) fn leases(&self, id: &str) -> Vec<u64> {
        self.read(id, "").lines().map(|line| line.parse().expect("a lease")).collect()
    }

    /// The last beat of each attempt was before the first of the next, and there were several.
    pub(crate) fn are_fenced(&self, job: &Value) {
        let id = job["id"].as_str().expect("an id");
        let leases = self.leases(id);
        assert!(leases.is_sorted(), "an older run wrote after a newer one: {leases:?} {job}");
        let attempts: BTreeSet<_> = leases.iter().collect();
        assert!(attempts.len() >= 2, "only {attempts:?} beat: {job}");
        let faults = self.read(id, ".faults");
        assert_eq!(faults, "", "{job}");
    }

    /// No attempt has beaten after a later one, nor found a process of an earlier one.
    pub(crate) fn never_overlap(&self, id: &str) {
        let leases = self.leases(id);
        assert!(leases.is_sorted(), "an older run of {id} wrote after a newer one: {leases:?}");
        assert_eq!(self.read(id, ".faults"), "", "{id}");
    }

    /// The processes of all attempts that live.
    pub(crate) fn alive(&self, id: &str) -> Vec<String> {
        let is_alive = |line: &&str| {
            let Some((pid, started)) = line.split_once(' ') else { return false };
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields: Vec<_> = stat.split(' ').collect();
            let flags: u32 = fields.get(8).and_then(|flags| flags.parse().ok()).unwrap_or_default();
            let is_ending = flags & ENDING != 0 || fields.get(2) == Some(&"Z");
            fields.get(21) == Some(&started) && !is_ending && !is_killed(pid)
        };
        self.read(id, ".pids").lines().filter(is_alive).map(str::to_owned).collect()
    }

    fn read(&self, id: &str, suffix: &str) -> String {
        fs::read_to_string(self.dir.join(format!("{id}{suffix}"))).unwrap_or_default()
    }
}

/// Which replica runs the job, or did last.
pub(crate) fn index_of(cluster: &Cluster, job: &Value) -> usize {
    let worker = job["workerID"].as_str().expect("a worker");
    cluster.replicas.iter().position(|replica| replica.id == worker).expect("a worker of ours")
}
