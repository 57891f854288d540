//! Has one replica of a cluster come by a place, and looks what comes of it.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Cluster, Options, PATIENCE, wait_for};

use super::failing;
use super::newcomer::Newcomer;
use super::places::{At, By, Place, Then};

/// How often something is done so that the place is reached.
const STIR: Duration = Duration::from_millis(300);

/// How long that gets before it is done from the beginning.
const AGAIN: Duration = Duration::from_secs(5);

/// All that may happen at a place.
const ALL: [&str; 3] = ["pause", "error", "crash"];

/// A checkpoint is due, whatever has been written.
const CHECKPOINT: &str = "consensus::upkeep::checkpoint=return(error)\n";
/// The log is cut behind the last checkpoint.
const PURGE: &str = "consensus::upkeep::purge=return(error)\n";

/// A cluster, one of whose replicas fails.
pub(super) struct Drive {
    pub(super) cluster: Cluster,
    pub(super) options: Options,
    stirred: Option<Instant>,
    begun: Option<Instant>,
    /// The replica was told to stop. A second time would end it at once.
    is_stopping: bool,
    silent: Option<usize>,
    backup: Option<Child>,
    count: usize,
    pub(super) newcomer: Option<Newcomer>,
    pub(super) numbers: usize,
}

impl Drop for Drive {
    fn drop(&mut self) {
        self.let_backup_end();
    }
}

impl Drive {
    /// A cluster of the failing program, of which nothing runs yet.
    pub(super) fn prepare(options: Options) -> Self {
        let mut cluster = Cluster::prepare(&options);
        for replica in &mut cluster.replicas {
            replica.program = failing();
        }
        Self {
            cluster,
            options,
            stirred: None,
            begun: None,
            is_stopping: false,
            silent: None,
            backup: None,
            count: 0,
            newcomer: None,
            numbers: 3,
        }
    }

    /// The same, at work.
    pub(super) fn start(options: Options) -> Self {
        let mut drive = Self::prepare(options);
        for i in 0..3 {
            drive.cluster.spawn(i);
        }
        drive.cluster.wait_until_whole();
        drive
    }

    /// Starts the cluster, whose level rises then: once, so that each replica meets something else.
    pub(super) fn rise(mut self, [raised, proposed]: [&str; 2]) {
        // Whoever only stops for a while goes on, and then there is nothing left to rise.
        let first = format!("{proposed}=1*return(error)->1*return(crash)\n");
        let proposes_last = format!("{proposed}=1*return(pause)\n");
        for (i, action) in ALL.iter().enumerate() {
            self.ask(i, &format!("{first}{raised}=1*return({action})\n"));
            self.cluster.spawn(i);
        }
        let end = Instant::now() + PATIENCE;
        let has = |log: &str, place: &str, action: &str| {
            log.contains(&format!("failpoint {place}: {action}"))
        };
        let mut ends = [0; 3];
        loop {
            for (i, ends) in ends.iter_mut().enumerate() {
                let Some(ended) = self.cluster.try_wait(i) else { continue };
                *ends += 1;
                let log = self.cluster.log(i);
                let crashed = has(&log, proposed, "crash") || has(&log, raised, "crash");
                let failed = has(&log, raised, "error") && !ended.success();
                assert!(crashed || failed, "replica {i} ended with {ended}: {log}");
                // It may have crashed as a leader, and meet the level only now.
                let is_met = has(&log, raised, ALL[i]);
                let left = format!("{raised}=1*return({})\n", ALL[i]);
                let left = if is_met { "" } else { left.as_str() };
                self.ask(i, &format!("{proposes_last}{left}"));
                self.cluster.spawn(i);
            }
            let logs: Vec<_> = (0..3).map(|i| self.cluster.log(i)).collect();
            let met = logs.iter().zip(ALL).all(|(log, action)| has(log, raised, action));
            let led = ALL.iter().all(|action| logs.iter().any(|log| has(log, proposed, action)));
            if met && led && ends[1] > 0 && ends[2] > 0 {
                break;
            }
            assert!(Instant::now() < end, "{met} {led} {ends:?}: {logs:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        for i in 0..3 {
            self.ask(i, "");
            self.wait_until_ready(i);
        }
        for i in 0..3 {
            wait_for("the level", || {
                let status = self.cluster.get(i, "/api/v0/meta/cluster_status")?;
                if status.json()["featureLevel"] == 2 { Ok(()) } else { Err(status.body) }
            });
        }
        self.works();
    }

    /// Has a replica stop for a while, fail and crash at the place, in this order.
    pub(super) fn reach(&mut self, place: &Place) {
        let target = match place.at {
            At::Leader => self.cluster.leader().min(2),
            At::Follower => (self.cluster.leader() + 1) % 3,
            At::First => 0,
        };
        let mark = self.cluster.log(target).len();
        let rounds: &[&[&str]] = match place.error {
            Then::GoesOn => &[&ALL],
            // It might crash before it has stopped.
            Then::Stops | Then::Either => &[&["pause", "error"], &["crash"]],
        };
        let mut wanted = 0;
        for round in rounds {
            if wanted > 0 && place.error == Then::Either {
                // It may be about to stop, or not; what comes next is for another process.
                self.cluster.kill(target);
                self.ask(target, "");
                self.cluster.spawn(target);
            }
            wanted += round.len();
            self.round(place, (target, mark), wanted);
        }
        self.ask(target, "");
        self.settle(place);
        self.wait_until_ready(target);
    }

    /// Until that much has happened at the place.
    fn round(&mut self, place: &Place, (target, mark): (usize, usize), wanted: usize) {
        let end = Instant::now() + PATIENCE;
        (self.stirred, self.begun, self.is_stopping) = (None, None, false);
        let mut has_stopped = false;
        self.ask_for(target, place, mark, wanted);
        loop {
            if let Some(ended) = self.cluster.try_wait(target) {
                let hits = self.hits(target, place, mark);
                has_stopped = self.may_end(place, target, ended.code(), hits) && hits >= wanted;
                self.ask_for(target, place, mark, wanted);
                self.cluster.spawn(target);
                self.is_stopping = false;
            }
            let hits = self.hits(target, place, mark);
            let last = ALL[wanted - 1];
            let is_to_end = last == "crash" || (last == "error" && place.error == Then::Stops);
            if hits >= wanted && (!is_to_end || has_stopped) {
                return;
            }
            assert!(
                Instant::now() < end,
                "{}: {hits} of {wanted} things happened: {}",
                place.name,
                self.cluster.log_tail(target)
            );
            if self.stirred.is_none_or(|at| at.elapsed() >= STIR) {
                self.stir(place, target, (mark, wanted));
                self.stirred = Some(Instant::now());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether a replica may have ended like that: it has by the last thing that happened.
    fn may_end(&self, place: &Place, target: usize, code: Option<i32>, hits: usize) -> bool {
        let last = hits.checked_sub(1).map(|last| ALL[last]);
        let may = match (last, code) {
            (Some("crash"), None) => true,
            (Some("error"), Some(code)) if code != 0 => place.error != Then::GoesOn,
            (_, Some(0)) if place.by == By::Stop => return false,
            _ => false,
        };
        let (name, tail) = (place.name, self.cluster.log_tail(target));
        assert!(may, "{name}: after {last:?} the replica ended with {code:?}: {tail}");
        true
    }

    /// Writes what is left to happen at the place, and what leads there.
    fn ask_for(&self, target: usize, place: &Place, mark: usize, wanted: usize) {
        let hits = self.hits(target, place, mark);
        let left: Vec<_> = ALL.get(hits..wanted).unwrap_or_default().to_vec();
        let left: Vec<_> = left.iter().map(|action| format!("1*return({action})")).collect();
        let mut text = format!("{}={}\n", place.name, left.join("->"));
        if left.is_empty() {
            text.clear();
        }
        if matches!(place.by, By::Checkpoint | By::Purge) {
            text.push_str(CHECKPOINT);
        }
        if place.by == By::Purge {
            text.push_str(PURGE);
        }
        self.ask(target, &text);
    }

    /// Replaces what is asked of a replica.
    pub(super) fn ask(&self, i: usize, text: &str) {
        let path = self.cluster.replicas[i].config.with_extension("failpoints");
        let beside = path.with_extension("failpoints.new");
        fs::write(&beside, text).expect("a file");
        fs::rename(&beside, &path).expect("a file");
    }

    /// How much has happened at the place, in the order in which it was asked for.
    fn hits(&self, target: usize, place: &Place, mark: usize) -> usize {
        let log = self.cluster.log(target);
        let said = format!("failpoint {}: ", place.name);
        let lines = log[mark..].lines().filter_map(|line| line.split_once(&said));
        let mut hits = 0;
        for (_, action) in lines {
            if ALL.get(hits) == Some(&action.trim()) {
                hits += 1;
            }
        }
        hits
    }

    /// Does what leads to the place.
    fn stir(&mut self, place: &Place, target: usize, at: (usize, usize)) {
        if place.at == At::Leader && place.by != By::Transfer {
            self.have_lead(target);
        }
        if place.at == At::Follower && !matches!(place.by, By::Transfer | By::Snapshot) {
            self.have_follow(target);
        }
        let is_time = self.begun.is_none_or(|begun| begun.elapsed() >= AGAIN);
        match place.by {
            By::Transfer => self.transfer(place, target),
            By::Silence => self.silence(target, is_time),
            By::Backup => self.back_up(target),
            By::Compaction if is_time => {
                self.begun = Some(Instant::now());
                self.compact((target + 1) % 3);
            }
            By::HangUp => self.cluster.hang_up(target),
            By::Stop if !self.is_stopping && self.is_ready(target).is_ok() => {
                self.is_stopping = true;
                self.cluster.begin_to_stop(target);
            }
            By::Snapshot if is_time => {
                self.be_behind(place, target, at);
                self.begun = Some(Instant::now());
            }
            By::Load | By::Checkpoint | By::Purge | By::Compaction | By::Stop | By::Snapshot => {}
            By::Join => self.come_and_go(target),
        }
    }

    /// Asks that replica `to` leads, by way of another one. Somebody may be dead.
    fn ask_to_lead(&self, by: usize, to: usize) {
        let id = &self.cluster.replicas[to].id;
        drop(self.cluster.post(by, &format!("/api/v0/meta/members/{id}/lead"), ""));
    }

    fn have_lead(&self, target: usize) {
        if let Some(leader) = self.known_leader()
            && leader != target
        {
            self.ask_to_lead(leader, target);
        }
    }

    fn have_follow(&self, target: usize) {
        if self.known_leader() == Some(target) {
            self.ask_to_lead((target + 1) % 3, (target + 2) % 3);
        }
    }

    fn known_leader(&self) -> Option<usize> {
        let replicas = self.cluster.replicas.iter().enumerate();
        // One that is stopped takes a question, and answers it much later.
        let mut asked =
            replicas.filter(|(i, replica)| replica.is_running() && self.silent != Some(*i));
        asked.find_map(|(i, replica)| {
            let answer = self.cluster.get(i, "/api/v0/meta/cluster_status").ok()?;
            (answer.status == 200 && answer.json()["leaderID"] == replica.id.as_str()).then_some(i)
        })
    }

    fn transfer(&self, place: &Place, target: usize) {
        let Some(leader) = self.known_leader() else { return };
        let other = (0..3).find(|i| *i != leader && *i != target);
        if place.at == At::Leader && leader != target {
            self.ask_to_lead(leader, target);
        } else {
            self.ask_to_lead(leader, other.unwrap_or((leader + 1) % 3));
        }
    }

    /// Has the worker of another replica be silent for longer than its lease, and then come back.
    fn silence(&mut self, target: usize, is_time: bool) {
        if !is_time {
            return;
        }
        self.begun = Some(Instant::now());
        if let Some(silent) = self.silent.take() {
            self.cluster.resume(silent);
        } else {
            let silent = (target + 1) % 3;
            self.cluster.pause(silent);
            self.silent = Some(silent);
        }
    }

    fn back_up(&mut self, target: usize) {
        let is_busy = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        if self.backup.as_mut().is_some_and(is_busy) {
            return;
        }
        self.count += 1;
        let file = self.cluster.dir().join(format!("{}.backup", self.count));
        let child = Command::new(failing())
            .arg("backup")
            .arg(file)
            .args(["--address", &self.cluster.replicas[target].address])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.backup = Some(child.expect("the failing program starts"));
    }

    fn let_backup_end(&mut self) {
        if let Some(mut child) = self.backup.take() {
            // It has ended already, or is of no use.
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Has jobs run, and then their history made short.
    fn compact(&self, by: usize) {
        for _ in 0..8 {
            drop(self.cluster.post(by, "/api/v0/jobs", r#"{"action":"say","retries":5}"#));
        }
        let settings = r#"{"jobHistoryCompactionEnabled":true,"jobHistoryToKeep":3}"#;
        drop(self.cluster.post(by, "/api/v0/meta/settings", settings));
        std::thread::sleep(STIR);
        drop(self.cluster.post(by, "/api/v0/jobs", r#"{"action":"onlinegc_joblogs"}"#));
    }

    /// Has a follower miss entries that the others do not have any more, and then come back.
    fn be_behind(&mut self, place: &Place, target: usize, (mark, wanted): (usize, usize)) {
        let behind = if place.at == At::Follower {
            target
        } else {
            (0..3).find(|i| *i != target && self.known_leader() != Some(*i)).unwrap_or(0)
        };
        let others: Vec<_> = (0..3).filter(|i| *i != behind).collect();
        if self.cluster.is_over(behind) {
            // By the place: that is for whoever looks for it.
            return;
        }
        self.cluster.kill(behind);
        let index = |i: usize, name: &str| {
            let page = self.cluster.get(i, "/metrics")?.body;
            let value = page.lines().find_map(|line| line.strip_prefix(name)?.parse().ok());
            value.ok_or(page)
        };
        let missed: f64 = wait_for("an index that it does not have", || {
            let ends = others.iter().map(|i| index(*i, "stint_log_last_index "));
            ends.collect::<Result<Vec<f64>, String>>().map(|ends| ends[0].max(ends[1]) + 1.0)
        });
        for i in &others {
            self.ask(*i, &format!("{CHECKPOINT}{PURGE}"));
        }
        for i in &others {
            wait_for("the log to be cut", || match index(*i, "stint_log_purged_index ") {
                Ok(purged) if purged >= missed => Ok(()),
                other => Err(format!("{other:?} of {missed}")),
            });
            self.ask(*i, "");
        }
        self.ask_for(target, place, mark, wanted);
        self.cluster.spawn(behind);
    }

    /// Ends what was begun so that the place is reached.
    fn settle(&mut self, place: &Place) {
        if let Some(silent) = self.silent.take() {
            self.cluster.resume(silent);
        }
        self.let_backup_end();
        if place.by == By::Join {
            self.part_with_newcomer();
        }
    }

    pub(super) fn wait_until_ready(&self, i: usize) {
        wait_for(&format!("replica {i} to be ready"), || {
            self.is_ready(i).map_err(|why| format!("{why}\n{}", self.cluster.log_tail(i)))
        });
    }

    fn is_ready(&self, i: usize) -> Result<(), String> {
        let answer = self.cluster.get(i, "/readyz")?;
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    }

    /// The cluster takes a job by each replica, and carries it out.
    pub(super) fn works(&self) {
        for i in 0..3 {
            let id = wait_for("a job to be accepted", || {
                let body = r#"{"action":"noop","retries":5}"#;
                match self.cluster.post(i, "/api/v0/jobs", body) {
                    Ok(answer) if answer.status == 202 => {
                        Ok(answer.json()["id"].as_str().unwrap_or_default().to_owned())
                    }
                    other => Err(format!("{other:?}")),
                }
            });
            self.cluster.wait_for_status((i + 1) % 3, &id, "done");
        }
    }
}
