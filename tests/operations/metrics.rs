//! `/metrics`: what a real cluster has done is on the pages of its replicas, once.

use std::collections::{BTreeMap, BTreeSet};

use stint_client::Timestamp;

use crate::harness::{Cluster, Options, http, wait_for};

const ACTIONS: &str = "[actions.fine]\ncommand = [\"echo\", \"one\"]\n\
                       [actions.bad]\ncommand = [\"false\"]\n";

/// The numbers of a page, by name with labels.
type Page = BTreeMap<String, f64>;

/// The text of the page of replica `i`.
pub(super) fn text(cluster: &Cluster, i: usize) -> String {
    let answer = cluster.get(i, "/metrics").expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version"))
    );
    answer.body
}

/// Reads a page as Prometheus does, and checks that it is one.
fn parse(text: &str) -> Page {
    let mut page = Page::new();
    let mut families = BTreeSet::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("# TYPE ") {
            let (name, kind) = line.split_once(' ').expect("a name and a type");
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            assert!(families.insert(name.to_owned()), "{name} is there twice");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            let family = name.split('{').next().expect("a name");
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| family.strip_suffix(end).filter(|name| families.contains(*name)))
                .unwrap_or(family);
            assert!(families.contains(family), "{line} has no type");
            let value = value.parse().expect(line);
            assert_eq!(page.insert(name.to_owned(), value), None, "{line} is there twice");
        }
    }
    page
}

/// The sum of a number over all replicas.
fn sum(pages: &[Page], name: &str) -> f64 {
    pages.iter().filter_map(|page| page.get(name)).sum()
}

fn pages(cluster: &Cluster) -> Vec<Page> {
    (0..cluster.replicas.len()).map(|i| parse(&text(cluster, i))).collect()
}

/// Waits until the replicas have counted all this, added up.
fn wait_for_sums(cluster: &Cluster, expected: &[(&str, f64)]) -> Vec<Page> {
    wait_for("the numbers to add up", || {
        let pages = pages(cluster);
        let wrong = expected.iter().find(|(name, value)| (sum(&pages, name) - value).abs() > 1e-9);
        match wrong {
            None => Ok(pages),
            Some((name, value)) => {
                Err(format!("{name}: {} instead of {value}: {pages:#?}", sum(&pages, name)))
            }
        }
    })
}

#[test]
fn what_the_cluster_has_done_is_counted_once_over_all_replicas() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let fine: Vec<_> = (0..6).map(|i| cluster.submit(i % 3, r#"{"action":"fine"}"#)).collect();
    let bad = cluster.submit(1, r#"{"action":"bad","retries":1}"#);
    for id in &fine {
        cluster.wait_for_status(0, id, "done");
    }
    cluster.wait_for_status(0, &bad, "error");
    let refused = cluster.post(2, "/api/v0/jobs", r#"{"action":"unheard-of"}"#).expect("an answer");
    assert_eq!(refused.status, 404);

    let pages = wait_for_sums(
        &cluster,
        &[
            ("stint_jobs_submitted_total{action=\"fine\"}", 6.0),
            ("stint_jobs_submitted_total{action=\"bad\"}", 1.0),
            ("stint_jobs_retried_total{action=\"bad\"}", 1.0),
            ("stint_jobs_ended_total{action=\"fine\",status=\"done\"}", 6.0),
            ("stint_jobs_ended_total{action=\"bad\",status=\"error\"}", 2.0),
            ("stint_claims_total{action=\"fine\"}", 6.0),
            ("stint_runs_total{action=\"fine\",end=\"exited\"}", 6.0),
            ("stint_run_seconds_count{action=\"fine\"}", 6.0),
            ("stint_claim_wait_seconds_count{action=\"fine\"}", 6.0),
            ("stint_output_lines_total{action=\"fine\"}", 6.0),
            ("stint_requests_total{route=\"SubmitJob\",code=\"202\"}", 7.0),
            ("stint_requests_total{route=\"SubmitJob\",code=\"404\"}", 1.0),
            ("stint_raft_is_leader", 1.0),
            ("stint_events_missed_total", 0.0),
        ],
    );
    for page in &pages {
        for (name, least) in [
            ("stint_log_commit_seconds_count", 7.0),
            ("stint_log_commit_seconds_bucket{le=\"+Inf\"}", 7.0),
            ("stint_log_applied_index", 10.0),
            ("stint_raft_voters", 3.0),
            ("stint_workers{status=\"running\"}", 3.0),
            ("stint_worker_lease_seconds", 0.1),
            ("stint_disk_free_bytes", 1e6),
            ("stint_disk_file_bytes{file=\"log\"}", 1e3),
            ("process_resident_memory_bytes", 1e6),
            ("process_open_fds", 5.0),
        ] {
            let value = page.get(name).copied().unwrap_or_else(|| panic!("no {name}: {page:#?}"));
            assert!(value >= least, "{name} is {value}");
        }
    }
}

#[test]
fn a_queue_is_seen_with_its_age_and_a_dead_worker_by_who_leads_then() {
    let mut cluster = Cluster::start(&Options { capacity: "{ a = 1 }", ..Options::default() });
    let long = r#"{"action":"sleep","parameters":{"seconds":"600"},"capacityMap":{"a":1}}"#;
    let running: Vec<_> = (0..3).map(|_| cluster.submit(0, long)).collect();
    for id in &running {
        cluster.wait_for_status(0, id, "running");
    }
    let waiting = cluster.submit(0, long);
    let at = cluster.job(0, &waiting)["scheduledAt"].as_str().expect("a time").to_owned();
    let at = std::time::SystemTime::try_from(at.parse::<Timestamp>().expect("a time"));
    let age = wait_for("the age of the queue", || {
        let pages = pages(&cluster);
        let all = pages.iter().map(|page| page.get("stint_jobs_due{action=\"sleep\"}").copied());
        let ages = pages.iter().map(|page| page["stint_jobs_due_age_seconds{action=\"sleep\"}"]);
        let age = ages.fold(f64::INFINITY, f64::min);
        let is_seen = all.clone().all(|count| count == Some(1.0)) && age > 0.0;
        if is_seen { Ok(age) } else { Err((all.collect::<Vec<_>>(), age)) }
    });
    let real = at.expect("a time since 1970").elapsed().expect("a time before now").as_secs_f64();
    assert!(age <= real + 0.01, "{age} s of {real} s");

    let leader = wait_for("a leader", || {
        let leads = |i: &usize| parse(&text(&cluster, *i))["stint_raft_is_leader"] > 0.5;
        (0..3).find(leads).ok_or("none")
    });
    let dies = (leader + 1) % 3;
    cluster.kill(dies);
    let lost = wait_for("the lost run to be counted", || {
        let pages: Vec<_> =
            (0..3).filter(|i| *i != dies).map(|i| parse(&text(&cluster, i))).collect();
        let lost = sum(&pages, "stint_runs_total{action=\"sleep\",end=\"worker_dead\"}");
        if lost > 0.5 { Ok(lost) } else { Err(lost) }
    });
    assert!((lost - 1.0).abs() < 0.5, "{lost} runs were lost");
}

#[test]
fn ticks_of_crons_are_counted_as_their_crons_count_them() {
    let cluster = Cluster::start(&Options::default());
    let form = r#"{"action":"sleep","schedule":"@every 1s","overlap":"skip","parameters":{"seconds":"600"}}"#;
    assert_eq!(cluster.post(1, "/api/v0/crons", form).expect("an answer").status, 202);
    let cron = || cluster.get(2, "/api/v0/crons/sleep").expect("an answer").json();
    wait_for("ticks that are skipped", || {
        let cron = cron();
        if cron["skipped"]["overlap"].as_u64() >= Some(2) { Ok(()) } else { Err(cron) }
    });
    let paused = cluster.post(0, "/api/v0/crons/sleep/pause", "").expect("an answer").json();
    let skipped = paused["skipped"]["overlap"].as_u64().expect("a number");
    let skipped = f64::from(u32::try_from(skipped).expect("a few"));
    assert_eq!(paused["fired"], 1, "{paused}");
    let pages = wait_for_sums(
        &cluster,
        &[
            ("stint_cron_ticks_fired_total{action=\"sleep\"}", 1.0),
            ("stint_cron_ticks_skipped_total{action=\"sleep\",reason=\"overlap\"}", skipped),
            ("stint_cron_lateness_seconds_count{action=\"sleep\"}", 1.0),
            ("stint_jobs_submitted_total{action=\"sleep\"}", 1.0),
        ],
    );
    let late = sum(&pages, "stint_cron_lateness_seconds_sum{action=\"sleep\"}");
    assert!((0.0..60.0).contains(&late), "{late} s");
}

#[test]
fn a_closed_cluster_shows_its_numbers_to_whoever_has_a_token() {
    let cluster = Cluster::start(&Options { replicas: 1, is_closed: true, ..Options::default() });
    let stranger = http::get(&cluster.replicas[0].address, "/metrics").expect("an answer");
    assert_eq!((stranger.status, stranger.error_code().as_str()), (401, "NOT_AUTHENTICATED"));
    let form = r#"{"user":"prometheus","role":"viewer"}"#;
    let created = cluster.post(0, "/api/v0/tokens", form).expect("an answer").json();
    let bearer = format!("Bearer {}", created["secret"].as_str().expect("a secret"));
    let ask = |path| http::ask(&cluster.replicas[0].address, "GET", path, Some(&bearer), None);
    let answer = ask("/metrics").expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(parse(&answer.body)["stint_raft_is_leader"] > 0.5, "{answer:?}");
    assert_eq!(ask("/metrics/").expect("an answer").status, 200);
}
