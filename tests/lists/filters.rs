//! Filters against a naive oracle: all jobs, and a look at each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::program::stint;
use crate::harness::{Cluster, Options, wait_for};

const SEED: u64 = 20_261_126;

const FILTERS: usize = 120;

/// A little generator (Marsaglia, "Xorshift RNGs", 2003): the same jobs and filters each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).expect("few")).expect("few")
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.next(all.len())]
    }
}

fn job(dice: &mut Dice, number: usize) -> Value {
    let action = *dice.of(&["noop", "noop", "false", "sleep", "say"]);
    let mut job = json!({"action": action, "priority": dice.of(&[0, 50, 50, 90])});
    if action == "sleep" {
        job["parameters"] = json!({"SECONDS": "3600"});
    }
    if dice.next(3) == 0 {
        job["parameters"] = json!({"FILE": format!("photo{}.jpg", number % 7), "SECONDS": "3600"});
    }
    if dice.next(4) == 0 {
        let day = 1 + dice.next(9);
        job["scheduledAt"] = json!(format!("2199-01-0{day}T00:00:00Z"));
    }
    if dice.next(4) == 0 {
        job["retries"] = json!(1);
    }
    if dice.next(9) == 0 {
        job["uniqueKey"] = json!(format!("key {number}"));
    }
    job
}

/// A filter as the query says it, with what it says of a job.
fn filter(dice: &mut Dice, jobs: &[Value]) -> Vec<(&'static str, String)> {
    let some = dice.of(jobs).clone();
    let text = |name: &str| some[name].as_str().unwrap_or_default().to_owned();
    let mut pairs = Vec::new();
    for _ in 0..=dice.next(3) {
        let pair = match dice.next(13) {
            0 => ("action", text("action")),
            1 => ("status", text("status")),
            2 => ("status", "error,cancel,running".to_owned()),
            3 => ("worker", text("workerID")),
            4 => ("running", (*dice.of(&["true", "false"])).to_owned()),
            5 => ("since", text("scheduledAt")),
            6 => ("until", text("scheduledAt")),
            7 => ("text", (*dice.of(&["photo3", "FILE", "3600", "nothing"])).to_owned()),
            8 => ("priority", some["priority"].to_string()),
            9 => ("failed", "true".to_owned()),
            10 => ("startedSince", started(&some).unwrap_or_default()),
            11 => ("endedUntil", text("lastUpdated")),
            _ => ("cron", text("cronID")),
        };
        if !pair.1.is_empty() && pairs.iter().all(|(name, _)| *name != pair.0) {
            pairs.push(pair);
        }
    }
    pairs
}

fn started(job: &Value) -> Option<String> {
    job["attempts"].as_array()?.last()?["startedAt"].as_str().map(str::to_owned)
}

/// All times are of one form but for their fractions, which are left out where they are zero.
fn instant(text: &str) -> String {
    let text = text.strip_suffix('Z').expect("UTC");
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{seconds}.{fraction:0<3}")
}

/// What a filter says, in the simplest words.
fn matches(job: &Value, (name, value): &(&'static str, String)) -> bool {
    let text = |name: &str| job[name].as_str().unwrap_or_default();
    let status = text("status");
    let is_over = ["done", "error", "cancel"].contains(&status);
    match *name {
        "action" => text("action") == value,
        "status" => value.split(',').any(|one| one == status),
        "worker" => text("workerID") == value,
        "running" => (status == "running" || status == "cancel_request") == (value == "true"),
        "since" => instant(text("scheduledAt")) >= instant(value),
        "until" => instant(text("scheduledAt")) <= instant(value),
        "text" => job["parameters"].as_object().is_some_and(|all| {
            all.iter().any(|(name, of)| {
                name.contains(value.as_str()) || of.as_str().is_some_and(|of| of.contains(value))
            })
        }),
        "priority" => job["priority"].as_u64() == value.parse().ok(),
        "failed" => status == "error" && job["retriedByID"].is_null(),
        "startedSince" => started(job).is_some_and(|at| instant(&at) >= instant(value)),
        "endedUntil" => is_over && instant(text("lastUpdated")) <= instant(value),
        "cron" => text("cronID") == value,
        other => panic!("what is {other}?"),
    }
}

fn ids(jobs: &[Value]) -> Vec<String> {
    jobs.iter().map(|job| job["id"].as_str().expect("an id").to_owned()).collect()
}

/// The whole list, in pages of `limit` each.
fn by_http(cluster: &Cluster, i: usize, pairs: &[(&str, String)], limit: usize) -> Vec<String> {
    let query = pairs.iter().map(|(name, value)| format!("&{name}={}", value.replace(' ', "+")));
    let (query, mut after, mut all) = (query.collect::<String>(), String::new(), Vec::new());
    loop {
        let path = format!("/api/v0/jobs?limit={limit}&after={after}{query}");
        let page = cluster.get(i, &path).expect("an answer").json();
        all.extend(ids(page["jobs"].as_array().unwrap_or_else(|| panic!("{path}: {page}"))));
        let Some(next) = page["next"].as_str() else { return all };
        next.clone_into(&mut after);
    }
}

/// The same by gRPC, as the command line asks for it.
fn by_grpc(cluster: &Cluster, pairs: &[(&str, String)], start: usize, limit: usize) -> Vec<String> {
    let (start, limit) = (start.to_string(), limit.to_string());
    let address = &cluster.addresses();
    let mut args = vec!["--address", address, "--output", "json", "job", "list"];
    args.extend(["--start", &start, "--limit", &limit]);
    let options: Vec<_> = pairs
        .iter()
        .flat_map(|(name, value)| match *name {
            "failed" => vec!["--failed".to_owned()],
            "startedSince" => vec!["--started-since".to_owned(), value.clone()],
            "endedUntil" => vec!["--ended-until".to_owned(), value.clone()],
            name => vec![format!("--{name}"), value.clone()],
        })
        .collect();
    args.extend(options.iter().map(String::as_str));
    let run = stint(&args);
    assert_eq!(run.code, Some(0), "{run:?}");
    let list: Value = serde_json::from_str(&run.out).expect("JSON");
    ids(list["jobs"].as_array().expect("jobs"))
}

/// Random jobs that change no more: over, running for an hour, or waiting for two centuries.
fn settled(cluster: &Cluster, dice: &mut Dice) -> Vec<Value> {
    let cron = r#"{"action":"noop","schedule":"@yearly"}"#;
    cluster.post(0, "/api/v0/crons", cron).expect("an answer");
    for number in 0..150 {
        let id = cluster.submit(number % 3, &job(dice, number).to_string());
        match dice.next(12) {
            0 => drop(cluster.post(0, &format!("/api/v0/jobs/{id}/cancel"), "")),
            1 => drop(cluster.delete(0, &format!("/api/v0/jobs/{id}"))),
            2 => drop(cluster.post(1, "/api/v0/crons/noop/run", "")),
            _ => {}
        }
    }
    wait_for("all jobs to be settled", || {
        let all = cluster.get(0, "/api/v0/jobs?limit=0").expect("an answer").json();
        let jobs = all["jobs"].as_array().cloned().unwrap_or_default();
        let is_on_its_way = |job: &&Value| {
            let is_due = !job["scheduledAt"].as_str().unwrap_or_default().starts_with("2199");
            let (status, action) = (&job["status"], &job["action"]);
            status == "cancel_request"
                || is_due && status == "waiting"
                || status == "running" && action != "sleep"
        };
        let rest: Vec<_> = jobs.iter().filter(is_on_its_way).cloned().collect();
        if rest.is_empty() { Ok(jobs) } else { Err(rest) }
    })
}

#[test]
fn a_filtered_list_is_what_a_look_at_each_job_would_be_by_both_doors_page_by_page() {
    let say = "[actions.say]\ncommand = [\"echo\", \"word\"]\n";
    let mut cluster = Cluster::start(&Options { actions: say, ..Options::default() });
    let mut dice = Dice(SEED);
    let jobs = settled(&cluster, &mut dice);
    for i in 0..3 {
        are_counted(&cluster, i);
    }
    let mut found = 0;
    for number in 0..FILTERS {
        let mut pairs = filter(&mut dice, &jobs);
        let all: Vec<_> = jobs
            .iter()
            .filter(|job| pairs.iter().all(|pair| matches(job, pair)))
            .cloned()
            .collect();
        let mut expected = ids(&all);
        if number % 3 > 0 {
            expected.reverse();
            pairs.push(("order", "oldest".to_owned()));
        } else {
            pairs.push(("order", "newest".to_owned()));
        }
        found += usize::from(!expected.is_empty());
        let limit = 1 + dice.next(40);
        let seen = by_http(&cluster, number % 3, &pairs, limit);
        assert_eq!(seen, expected, "seed {SEED}: {pairs:?} in pages of {limit}");
        let (start, limit) = (dice.next(5), 1 + dice.next(40));
        let expected: Vec<_> = expected.into_iter().skip(start).take(limit).collect();
        let seen = by_grpc(&cluster, &pairs, start, limit);
        assert_eq!(seen, expected, "seed {SEED}: {pairs:?} from {start}, {limit} of them");
    }
    assert!(found > FILTERS / 2, "only {found} of {FILTERS} filters found anything");
    // What was counted is on disk, with what has not been written down before.
    for i in 0..3 {
        cluster.kill(i);
    }
    for i in 0..3 {
        cluster.spawn(i);
    }
    for i in 0..3 {
        are_counted(&cluster, i);
    }
}

/// How many jobs there are by status is what a look at each job says. Some change between the two looks:
/// workers that were away come back.
fn are_counted(cluster: &Cluster, i: usize) {
    wait_for("the counts", || {
        let mut expected = BTreeMap::<String, u64>::new();
        let list = cluster.get(i, "/api/v0/jobs?limit=0")?.json();
        for job in list["jobs"].as_array().ok_or_else(|| list.to_string())? {
            *expected.entry(job["status"].as_str().expect("a status").to_owned()).or_default() += 1;
        }
        let answer = cluster.get(i, "/api/v0/statistics")?.json();
        let counts = answer["jobs"].as_object().ok_or_else(|| answer.to_string())?;
        let counts: BTreeMap<_, _> = counts
            .iter()
            .filter_map(|(status, count)| {
                Some((status.clone(), count.as_u64().filter(|count| *count > 0)?))
            })
            .collect();
        if counts == expected { Ok(()) } else { Err(format!("{counts:?}, and not {expected:?}")) }
    });
}
