//! One cell of the matrix: load, fault, healing, rest, verdict.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::crons::counted::has_each_tick_once;
use crate::fencing::beats::Beats;
use crate::harness::dice::Dice;
use crate::harness::program::STINT;
use crate::harness::wait_for;

use super::commits::{Commits, is_gap};
use super::history::{Outcome, summary};
use super::inflict::Inflicted;
use super::load::{Door, Load};
use super::matrix::{Cell, Target, name_of};
use super::site::Site;
use super::verdict::{self, Found};

/// How long a fault lasts: longer than leases and elections.
const HOLD: Duration = Duration::from_secs(4);

/// How many jobs beat meanwhile.
const BEATS: usize = 3;

/// Of how many jobs the output is compared on all replicas.
const OUTPUTS: usize = 8;

/// A cluster that serves one cell after the other.
pub(super) struct Stage {
    site: Site,
    beats: Beats,
    commits: Commits,
    crons: Vec<Value>,
    _dir: tempfile::TempDir,
}

/// What the membership is to become while the fault lasts.
enum Change {
    /// With the invitation, once there is one.
    Join(Option<String>),
    Leave,
}

impl Stage {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let beats = Beats::new(dir.path());
        let site = Site::found(&beats);
        let commits = Commits::watch(Door::of(&site).client());
        let put = |(action, missed): (&str, &str)| {
            let body = json!({"action": action, "schedule": "@every 1s", "missed": missed});
            let answer = site.cluster.post(0, "/api/v0/crons", &body.to_string());
            let answer = answer.expect("an answer");
            assert_eq!(answer.status, 202, "{answer:?}");
            answer.json()
        };
        let crons = [("tick", "all"), ("tock", "one")].map(put).into();
        Self { site, beats, commits, crons, _dir: dir }
    }

    /// Plays a cell, and gives what was seen of it.
    pub(super) fn play(&mut self, cell: Cell, seed: u64) -> String {
        let mut dice = Dice::new(seed);
        let door = Door::of(&self.site);
        let name = format!("{}.{seed}", name_of(cell));
        let body = format!(
            r#"{{"action":"beat","capacityMap":{{"slots":1}},"parameters":{{"CELL":"{name}"}}}}"#
        );
        let beat = |n| door.submit(&format!("beat-{n}-{name}"), &body);
        let beating: Vec<_> = (0..BEATS).map(beat).collect();
        for id in &beating {
            self.site.cluster.wait_for_status(0, id, "running");
        }
        let mut load = Load::start(&door, &name, seed);
        wait_for("the clients to be served", || match load.history.known().len() {
            0..5 => Err("not yet"),
            _ => Ok(()),
        });

        let inflicted = Inflicted::new(&mut self.site, cell, &mut dice);
        let until = Instant::now() + HOLD;
        let victims = inflicted.victims.clone();
        let change = self.change_members(&door, until);
        thread::sleep(until.saturating_duration_since(Instant::now()));
        inflicted.heal(&mut self.site);
        let healed = Instant::now();
        writes_again(&door);
        let silence = healed.elapsed();

        self.settle_members(&door, &change);
        self.site.cluster.wait_until_whole();
        load.end();
        self.end_beats(&beating);
        let found = self.find((&load, &door), &name, cell);
        let wrong = verdict::reach(&found);
        let shown: Vec<_> = wrong.iter().take(20).map(String::as_str).collect();
        assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), shown.join("\n"));
        for id in &beating {
            self.beats.never_overlap(id);
            assert_eq!(self.beats.alive(id), Vec::<String>::new(), "{id} is over");
        }
        for cron in &self.crons {
            has_each_tick_once(&self.site.cluster, cron);
        }
        let change = match change {
            Change::Join(_) => "one joined",
            Change::Leave => "one left",
        };
        format!(
            "victims {victims:?}, {change}, {}, writes after {:.1} s, {} events with {} gaps",
            summary(&found.operations),
            silence.as_secs_f32(),
            found.events.len(),
            found.events.iter().filter(|event| is_gap(event)).count(),
        )
    }

    pub(super) fn end(self) {
        self.commits.end();
    }

    /// Tries, while the fault lasts, to have a fourth replica join, or the one that there is leave.
    fn change_members(&mut self, door: &Door, until: Instant) -> Change {
        if self.site.count() == 4 {
            let path = format!("/api/v0/meta/members/{}", self.site.cluster.replicas[3].id);
            door.until(until, ("DELETE", &path), "");
            return Change::Leave;
        }
        self.site.add_outsider();
        let invitation = invite(door, until).ok();
        if let Some(invitation) = &invitation {
            let mut join = self.join(invitation);
            while Instant::now() < until && matches!(join.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(10));
            }
            join.kill().expect("a signal can be sent");
            join.wait().expect("it ends");
        }
        Change::Join(invitation)
    }

    fn join(&self, invitation: &str) -> Child {
        let mut join = Command::new(STINT);
        join.args(["cluster", "join", "--invitation", invitation, "--config"]);
        join.arg(&self.site.cluster.replicas[3].config);
        join.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
    }

    /// Ends what was begun.
    fn settle_members(&mut self, door: &Door, change: &Change) {
        match change {
            Change::Leave => self.site.remove_fourth(),
            Change::Join(invitation) => {
                let again = || wait_for("an invitation", || invite(door, Instant::now()));
                let invitation = invitation.clone().unwrap_or_else(again);
                wait_for("the fourth to be invited in", || {
                    let joined = self.site.cluster.join(3, &invitation);
                    if joined.code == Some(0) { Ok(()) } else { Err(joined) }
                });
                self.site.cluster.starts_voting(0, 3);
            }
        }
    }

    /// Cancels the jobs that beat, and waits until they are over.
    fn end_beats(&self, beating: &[String]) {
        for id in beating {
            wait_for("a job that beats to be over", || {
                let job = self.site.cluster.job(0, id);
                if is_over(&job) {
                    return Ok(());
                }
                let path = format!("/api/v0/jobs/{id}/cancel");
                self.site.cluster.post(0, &path, "").map_err(Value::from)?;
                Err(job)
            });
        }
    }

    /// Waits until nothing of this cell goes on, and reads everything.
    fn find(&self, (load, door): (&Load, &Door), name: &str, cell: Cell) -> Found {
        let cluster = &self.site.cluster;
        let query = format!("text={name}");
        wait_for("all jobs of the cell to be over", || {
            let jobs = cluster.list(0, &query)?;
            let live: Vec<_> = jobs.iter().filter(|job| !is_over(job)).collect();
            if live.is_empty() { Ok(()) } else { Err(format!("{live:?}")) }
        });
        let marker = door.submit(&format!("marker-{name}"), r#"{"action":"noop"}"#);
        wait_for("the watch to have come as far", || {
            if self.commits.has_ended(&marker) { Ok(()) } else { Err(self.commits.seen().len()) }
        });
        // Replicas apply one after the other; in the end all have the same.
        let listed = wait_for("all replicas to have the same", || {
            let of = |i| cluster.list(i, &query);
            let all: Vec<_> = (0..self.site.count()).map(of).collect::<Result<_, _>>()?;
            if all.iter().all(|one| one.len() == all[0].len() && one == &all[0]) {
                Ok(all)
            } else {
                Err(differences(&all))
            }
        });
        let operations = load.history.operations();
        let in_list = |id: &str| listed[0].iter().any(|job| job["id"] == id);
        let unlisted = load.history.known().into_iter().filter(|id| !in_list(id));
        let unlisted: Vec<_> = unlisted.collect();
        let read = |id: &String| {
            let answer = cluster.get(0, &format!("/api/v0/jobs/{id}")).ok()?;
            (answer.status == 200).then(|| (id.clone(), answer.json()))
        };
        let unlisted: BTreeMap<_, _> = unlisted.iter().filter_map(read).collect();
        let followed = load.history.lines();
        let say = listed[0].iter().filter(|job| job["action"] == "say");
        let say = say.filter_map(|job| job["id"].as_str());
        let mut with_output: Vec<_> = say.take(OUTPUTS).map(str::to_owned).collect();
        with_output.extend(followed.keys().filter(|id| in_list(id)).cloned());
        let lines = (0..self.site.count()).map(|i| self.lines(i, &with_output)).collect();
        let may_fail = cell.1 == Target::Worker;
        let events = self.commits.seen();
        Found { operations, events, listed, unlisted, lines, followed, may_fail }
    }

    /// The output of these jobs, as replica `i` has it.
    fn lines(&self, i: usize, ids: &[String]) -> BTreeMap<String, Vec<(u64, String)>> {
        let read = |id: &String| {
            let lines = wait_for("output", || {
                let answer = self.site.cluster.get(i, &format!("/api/v0/jobs/{id}/logs"))?;
                if answer.status == 200 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
            });
            let line = |line: &Value| {
                let data = line["data"].as_str().unwrap_or_default().to_owned();
                (line["lineNum"].as_u64().unwrap_or(u64::MAX), data)
            };
            (id.clone(), lines.as_array().into_iter().flatten().map(line).collect())
        };
        ids.iter().map(read).collect()
    }
}

/// Waits until some replica accepts a job.
fn writes_again(door: &Door) {
    wait_for("writes to go on", || {
        match door.until(Instant::now(), ("POST", "/api/v0/jobs"), r#"{"action":"noop"}"#) {
            Outcome::Done(_) => Ok(()),
            other @ (Outcome::Refused(..) | Outcome::Unknown(_)) => Err(other),
        }
    });
}

/// Asks one replica after the other for an invitation, until then.
fn invite(door: &Door, until: Instant) -> Result<String, Outcome> {
    let asked = ("POST", "/api/v0/meta/invitations");
    match door.until(until, asked, r#"{"expiresIn":"10m"}"#) {
        Outcome::Done(answer) => {
            Ok(answer["invitation"].as_str().expect("an invitation").to_owned())
        }
        other @ (Outcome::Refused(..) | Outcome::Unknown(_)) => Err(other),
    }
}

fn is_over(job: &Value) -> bool {
    ["done", "error", "cancel", "deleted"].iter().any(|status| job["status"] == *status)
}

/// Where the lists of replicas differ.
fn differences(all: &[Vec<Value>]) -> String {
    let lengths: Vec<_> = all.iter().map(Vec::len).collect();
    let other = all.iter().find(|one| *one != &all[0]);
    let pairs = other.into_iter().flat_map(|other| all[0].iter().zip(other));
    let first = pairs.into_iter().find(|(one, other)| one != other);
    format!("{lengths:?} jobs, first {first:?}")
}
