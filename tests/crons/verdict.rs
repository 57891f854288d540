//! Due ticks against what the cluster told, against its jobs, against the files that those wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::plan::{Put, ms_of, now_ms};
use super::witness::{Told, Witness};
use crate::harness::cluster::Cluster;
use crate::harness::wait_for;

/// All that is known of one cron in the end.
struct Case<'a> {
    put: &'a Put,
    due: BTreeSet<u64>,
    told: Vec<Told>,
    /// By id.
    jobs: BTreeMap<String, Value>,
}

/// How late things were, in milliseconds.
#[derive(Default)]
struct Lateness {
    decided: Vec<u64>,
    started: Vec<u64>,
}

/// What the judged ticks became.
pub(crate) struct Verdict {
    /// How many became none, by the reason.
    pub(crate) skipped: BTreeMap<String, u64>,
    /// How late those were decided that became jobs, in milliseconds.
    pub(crate) late_ms: Vec<u64>,
}

/// Waits until all ticks up to now are decided and their jobs are over, and judges. The clocks of
/// most replicas were ahead of ours by so much at most.
pub(crate) fn reach(
    cluster: &Cluster,
    crons: &[Put],
    witness: Witness,
    out: &Path,
    ahead_ms: u64,
) -> Verdict {
    let end_ms = now_ms();
    for put in crons {
        let due = put.due(end_ms);
        let Some(last) = due.last() else { continue };
        wait_for(&format!("{}: its ticks to be decided", put.action), || {
            let told = witness.told();
            let own = told.iter().filter(|told| told.action == put.action);
            let latest = own.map(|told| told.last_ms).max();
            if latest >= Some(*last) { Ok(()) } else { Err((latest, *last)) }
        });
    }
    wait_for("all jobs of these ticks to be over", || {
        let answer = cluster.get(0, "/api/v0/jobs?limit=1000")?;
        let jobs = answer.json();
        let jobs = jobs["jobs"].as_array().ok_or("no jobs")?;
        let lives = jobs.iter().filter(|job| is_live(job) && tick_of(job) <= Some(end_ms)).count();
        if lives == 0 { Ok(()) } else { Err(format!("{lives} are not")) }
    });
    let told = witness.told();
    witness.end();
    let mut wrong = Vec::new();
    let mut late = Lateness::default();
    let (mut fired, mut skipped) = (0, BTreeMap::<String, u64>::new());
    let traces = traces(out);
    for put in crons {
        let case = Case {
            put,
            due: put.due(end_ms),
            told: told.iter().filter(|told| told.action == put.action).cloned().collect(),
            jobs: jobs_of(cluster, &put.action),
        };
        case.judge((end_ms, ahead_ms), &traces, &mut wrong, &mut late);
        check_next_run(cluster, put, &mut wrong);
        for told in case.told.iter().filter(|told| told.last_ms + put.share_ms <= end_ms) {
            if told.reason.is_empty() {
                fired += 1;
            } else {
                *skipped.entry(told.reason.clone()).or_default() += told.count;
            }
        }
    }
    let due: usize = crons.iter().map(|put| put.due(end_ms).len()).sum();
    let decided = quantiles(&mut late.decided);
    let started = quantiles(&mut late.started);
    #[expect(clippy::print_stderr, reason = "a long check says what it has seen")]
    {
        eprintln!(
            "{due} ticks were due, {fired} became jobs, {skipped:?} were skipped; {} are wrong\n\
             decided late by: {decided}\nstarted late by: {started}",
            wrong.len()
        );
    }
    let shown: Vec<_> = wrong.iter().take(40).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} ticks are wrong:\n{}", wrong.len(), shown.join("\n"));
    assert!(fired > 0 && due > 0, "nothing was tested");
    Verdict { skipped, late_ms: late.decided }
}

impl Case<'_> {
    fn judge(
        &self,
        (end_ms, ahead_ms): (u64, u64),
        traces: &BTreeMap<String, Vec<u64>>,
        wrong: &mut Vec<String>,
        late: &mut Lateness,
    ) {
        let action = &self.put.action;
        let mut fates: BTreeMap<u64, &Told> = BTreeMap::new();
        for told in &self.told {
            let named: Vec<u64> = std::iter::successors(Some(told.first_ms), |tick| {
                Some(self.put.after(*tick)).filter(|next| *next <= told.last_ms)
            })
            .collect();
            if named.len() != usize::try_from(told.count).unwrap_or(0)
                || named.last() != Some(&told.last_ms)
            {
                wrong.push(format!("{action}: {told:?} counts wrongly: {named:?}"));
            }
            for tick in named {
                if let Some(other) = fates.insert(tick, told) {
                    wrong.push(format!("{action}: {tick} twice: {told:?}, {other:?}"));
                }
            }
        }
        let in_time = |tick: &u64| *tick + self.put.share_ms <= end_ms;
        let decided: BTreeSet<_> = fates.keys().copied().filter(in_time).collect();
        for tick in self.due.difference(&decided) {
            wrong.push(format!("{action}: {tick} was missed without a word"));
        }
        for tick in decided.difference(&self.due) {
            wrong.push(format!("{action}: {tick} is no tick: {:?}", fates.get(tick)));
        }
        let mut of_ticks = BTreeSet::new();
        for told in &self.told {
            if told.reason.is_empty() {
                of_ticks.insert(told.job.as_str());
                self.judge_fired(told, (end_ms, ahead_ms), traces, wrong, late);
            } else {
                self.judge_skipped(told, wrong);
            }
        }
        // Jobs of later ticks come while this is read.
        let is_late =
            |job: &Value| tick_of(job).map(|tick| tick + self.put.share_ms) > Some(end_ms);
        for (id, job) in self.jobs.iter().filter(|(_, job)| !is_late(job)) {
            let is_first = job["retryFromID"] == id.as_str();
            if !is_first || job["cronID"] != self.put.id.as_str() || !of_ticks.contains(id.as_str())
            {
                wrong.push(format!("{action}: job {id} is of no tick: {job}"));
            }
        }
        let own = traces.keys().filter(|file| file.starts_with(&format!("{action}.")));
        for file in own {
            let id = file.split_once('.').map_or("", |(_, id)| id);
            if !self.jobs.contains_key(id) {
                wrong.push(format!("{action}: {file} was written by no job"));
            }
        }
    }

    fn judge_fired(
        &self,
        told: &Told,
        (end_ms, ahead_ms): (u64, u64),
        traces: &BTreeMap<String, Vec<u64>>,
        wrong: &mut Vec<String>,
        late: &mut Lateness,
    ) {
        let due_ms = told.first_ms + self.put.share_ms;
        let Some(job) = self.jobs.get(&told.job) else {
            return wrong.push(format!("{told:?}: there is no such job"));
        };
        if tick_of(job) != Some(told.first_ms) {
            wrong.push(format!("{told:?}: its job is of another tick: {job}"));
        }
        if told.decided_ms < due_ms {
            wrong.push(format!("{told:?}: it was decided before it was due at {due_ms}"));
        }
        late.decided.push(told.decided_ms.saturating_sub(due_ms));
        if due_ms > end_ms {
            // It may run yet.
            return;
        }
        let trace = traces.get(&format!("{}.{}", self.put.action, told.job));
        let runs = trace.map_or(0, Vec::len);
        let attempts = usize::try_from(job["attempt"].as_u64().unwrap_or(0)).unwrap_or(0);
        if job["status"] == "done" && runs == 0 || runs > attempts {
            wrong.push(format!("{told:?}: {runs} traces of {attempts} attempts: {job}"));
        }
        if let Some(first) = trace.and_then(|trace| trace.iter().min()) {
            // `date` cuts off, and clocks that are within a second of each other are one.
            if first + 1_000 + ahead_ms < due_ms {
                wrong.push(format!("{told:?}: it ran at {first}, before it was due at {due_ms}"));
            }
            late.started.push(first.saturating_sub(due_ms));
        }
    }

    fn judge_skipped(&self, told: &Told, wrong: &mut Vec<String>) {
        let is_true = match told.reason.as_str() {
            "missed" => told.decided_ms > told.last_ms + self.put.share_ms + self.put.window_ms,
            "overlap" => self.jobs.get(&told.job).is_some_and(|job| {
                is_live(job) || job["lastUpdated"].as_str().map(ms_of) >= Some(told.decided_ms)
            }),
            _ => false,
        };
        if !is_true {
            wrong.push(format!("{told:?}: that is no reason; {:?}", self.jobs.get(&told.job)));
        }
    }
}

/// On every replica, the next run is the tick after the last one that was decided.
fn check_next_run(cluster: &Cluster, put: &Put, wrong: &mut Vec<String>) {
    for i in 0..cluster.replicas.len() {
        let cron = wait_for("a cron", || {
            let answer = cluster.get(i, &format!("/api/v0/crons/{}", put.action))?;
            if answer.status == 200 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
        });
        let at = |name: &str| cron[name].as_str().map(ms_of);
        let next = at("lastTick").map_or(put.first_ms, |last| put.after(last));
        let expected = next + put.share_ms;
        if at("nextRun") != Some(expected) {
            wrong.push(format!("{} at replica {i}: not {expected:?}: {cron}", put.action));
        }
    }
}

fn jobs_of(cluster: &Cluster, action: &str) -> BTreeMap<String, Value> {
    let mut jobs = BTreeMap::new();
    loop {
        let path = format!("/api/v0/jobs?action={action}&limit=1000&start={}", jobs.len());
        let page = wait_for("a page of jobs", || {
            let answer = cluster.get(0, &path)?;
            if answer.status == 200 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
        });
        let page = page["jobs"].as_array().cloned().unwrap_or_default();
        let before = jobs.len();
        jobs.extend(page.into_iter().map(|job| (id_of(&job), job)));
        if jobs.len() == before {
            return jobs;
        }
    }
}

fn id_of(job: &Value) -> String {
    job["id"].as_str().unwrap_or_default().to_owned()
}

fn is_live(job: &Value) -> bool {
    !["done", "error", "cancel", "deleted"].contains(&job["status"].as_str().unwrap_or_default())
}

fn tick_of(job: &Value) -> Option<u64> {
    job["cronTick"].as_str().map(ms_of)
}

/// By file, when each run began.
fn traces(out: &Path) -> BTreeMap<String, Vec<u64>> {
    let files = fs::read_dir(out).expect("the directory of the traces");
    files
        .map(|file| {
            let file = file.expect("a file");
            let text = fs::read_to_string(file.path()).expect("a trace");
            let times = text.lines().map(|line| line.parse().expect("milliseconds"));
            (file.file_name().to_string_lossy().into_owned(), times.collect())
        })
        .collect()
}

fn quantiles(all: &mut [u64]) -> String {
    all.sort_unstable();
    let at = |percent: usize| {
        all.get((all.len() * percent / 100).min(all.len().saturating_sub(1))).copied().unwrap_or(0)
    };
    format!("p50 {} ms, p99 {} ms, at most {} ms", at(50), at(99), at(100))
}
