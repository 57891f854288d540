//! What has to be true after a cut: what was accepted is there, and what was over is as it was.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::crons::counted::has_each_tick_once;
use crate::harness::dice::Dice;
use crate::harness::{Cluster, http, wait_for};

use super::load::{Accepted, Load};

/// How many jobs of earlier rounds are looked at again after a cut.
const SAMPLE: usize = 25;

/// How many jobs are submitted once more.
const AGAIN: usize = 8;

const CRONS: [(&str, &str); 2] = [("tick", "all"), ("tock", "one")];

/// What was seen before, and has to stay so.
#[derive(Default)]
pub(super) struct Ledger {
    /// How many of the accepted jobs were looked at.
    seen: usize,
    /// The records of jobs that are over.
    over: BTreeMap<String, Value>,
    /// Each cron as it was when it was put.
    crons: Vec<Value>,
    /// How many jobs the clients had when writes went on last.
    accepted: usize,
}

impl Ledger {
    /// Waits until the clients have something accepted since the last cut.
    pub(super) fn is_written_on(&mut self, cluster: &Cluster, load: &Load) {
        self.accepted = wait_for("writes to go on", || {
            let now = load.accepted().len();
            let said = || (0..3).map(|i| cluster.log_tail(i)).collect::<Vec<_>>();
            if now > self.accepted { Ok(now) } else { Err(said()) }
        });
    }

    pub(super) fn put_crons(&mut self, cluster: &Cluster) {
        if !self.crons.is_empty() {
            return;
        }
        let put = |(action, missed): (&str, &str)| {
            let body = json!({"action": action, "schedule": "@every 1s", "missed": missed});
            wait_for("a cron to be put", || {
                let answer = cluster.post(0, "/api/v0/crons", &body.to_string())?;
                if answer.status == 202 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
            })
        };
        self.crons = CRONS.map(put).into();
    }

    /// All jobs since the last look, some older ones (the last time all), each at some replica.
    pub(super) fn is_kept(
        &mut self,
        cluster: &Cluster,
        load: &Load,
        dice: &mut Dice,
        is_last: bool,
    ) {
        let all = load.accepted().clone();
        let old = self.seen.min(all.len());
        let mut looked_at: Vec<_> = all[old..].iter().collect();
        if is_last {
            looked_at = all.iter().collect();
        } else if old > 0 {
            looked_at.extend((0..SAMPLE).map(|_| &all[dice.index(old)]));
        }
        for accepted in looked_at {
            let job = cluster.job(dice.index(3), &accepted.id);
            self.is_as_it_was(accepted, &job);
        }
        for _ in 0..AGAIN {
            is_the_same_again(cluster, &all[dice.index(all.len())], dice.index(3));
        }
        self.seen = all.len();
    }

    fn is_as_it_was(&mut self, accepted: &Accepted, job: &Value) {
        assert_eq!(job["id"], accepted.id.as_str(), "{job}");
        assert_eq!(job["parameters"]["N"], accepted.number.as_str(), "{accepted:?} became {job}");
        if let Some(before) = self.over.get(&accepted.id) {
            assert_eq!(job, before, "a job that was over is another now");
        }
        let status = job["status"].as_str().expect("a status");
        assert!(!["cancel", "deleted", "error"].contains(&status), "nobody has wanted that: {job}");
        if status == "done" {
            self.over.insert(accepted.id.clone(), job.clone());
        }
    }

    pub(super) fn has_each_tick_once(&self, cluster: &Cluster) {
        for cron in &self.crons {
            has_each_tick_once(cluster, cron);
        }
    }
}

/// The same submission under the same key is the same job.
fn is_the_same_again(cluster: &Cluster, accepted: &Accepted, by: usize) {
    let address = &cluster.replicas[by].address;
    let answer = wait_for("a submission to be answered", || {
        let answer = http::submit_once(address, &accepted.key, &accepted.body)?;
        if answer.status == 503 { Err(format!("{answer:?}")) } else { Ok(answer) }
    });
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["id"], accepted.id.as_str(), "{accepted:?} was forgotten");
}
