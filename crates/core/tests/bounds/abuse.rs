//! What a client may send and nobody would: none of it may harm the cluster.

use stint_core::{Command, Event, Job, JobSpec, NewJob, Refusal, Timeout, Timestamp, limits};

use super::cluster::{Cluster, exit, job, needing, new_job, spec};

fn retry_of(events: &[Event]) -> &Job {
    let mut jobs =
        events.iter().filter_map(|e| if let Event::Submitted(job) = e { Some(job) } else { None });
    jobs.next().expect("a retry")
}

#[test]
fn jobs_that_need_nothing_of_a_capacity_are_counted_rightly() {
    let mut cluster = Cluster::with_worker(&[("scan", 5)]);
    for (number, need) in [(1, 0), (2, 0), (3, 5), (4, 0)] {
        cluster.submit(needing(number, &[("scan", need)]));
    }
    for run in cluster.claim(10) {
        cluster.check();
        cluster.finish(&run, exit(0));
        cluster.check();
    }
}

#[test]
fn a_job_with_the_id_that_a_retry_would_get_does_no_harm() {
    let mut cluster = Cluster::with_worker(&[]);
    cluster.submit(NewJob { retries: Some(3), ..new_job(1) });
    let run = cluster.claim(1).remove(0);
    // The id that is derived now, on a state that does not go on.
    let mut other = Cluster { state: cluster.state.clone(), now_ms: cluster.now_ms };
    let taken = retry_of(&other.finish(&run, exit(1))).id;

    cluster.submit(NewJob { id: taken, ..new_job(2) });
    let events = cluster.finish(&run, exit(1));

    let retry = retry_of(&events);
    assert_ne!(retry.id, taken);
    assert_eq!(retry.retry_from, job(1));
    cluster.check();
}

#[test]
fn a_job_scheduled_for_later_is_one_of_the_capacity_maps_that_are_bounded() {
    let mut cluster = Cluster::with_worker(&[]);
    let later = Timestamp::from_ms(cluster.now_ms + 1_000);
    let shapes = u64::try_from(limits::SHAPES_PER_ACTION_MAX).expect("a small number");
    for number in 0..shapes {
        let new = needing(number, &[("scan", number)]);
        cluster.submit(NewJob { scheduled_at: Some(later), ..new });
    }
    let outcome = cluster.apply(Command::Submit(needing(shapes, &[("scan", shapes)])));
    assert!(matches!(outcome.reply, Err(Refusal::TooManyShapes { .. })), "{outcome:?}");
    // A map that is known already is no new one.
    cluster.submit(needing(shapes + 1, &[("scan", 7)]));
    cluster.check();
}

#[test]
fn a_running_job_is_one_of_the_capacity_maps_that_are_bounded() {
    let mut cluster = Cluster::with_worker(&[("scan", 1 << 32)]);
    let shapes = u64::try_from(limits::SHAPES_PER_ACTION_MAX).expect("a small number");
    for number in 0..shapes {
        cluster.submit(needing(number, &[("scan", number)]));
    }
    let runs = cluster.claim(1);
    let new = || Command::Submit(needing(shapes, &[("scan", shapes)]));
    // The run can come back to the queue when its worker dies.
    let outcome = cluster.apply(new());
    assert!(matches!(outcome.reply, Err(Refusal::TooManyShapes { .. })), "{outcome:?}");
    cluster.finish(&runs[0], exit(0));
    cluster.ok(new());
    cluster.check();
}

#[test]
fn the_text_of_a_timeout_is_bounded() {
    let mut cluster = Cluster::with_worker(&[]);
    let timeout = |bytes: usize| Timeout::parse(&format!("{:0>bytes$}", "1s")).expect("a duration");
    let most = limits::TIMEOUT_BYTES_MAX;
    for (number, bytes, is_refused) in [(1, most, false), (3, most + 1, true)] {
        let specs = [
            JobSpec { deadline: timeout(bytes), ..spec(None) },
            JobSpec { stop_timeout: timeout(bytes), ..spec(None) },
        ];
        for (number, spec) in (number..).zip(specs) {
            let reply = cluster.apply(Command::Submit(NewJob { spec, ..new_job(number) })).reply;
            let was_refused = matches!(reply, Err(Refusal::OverLimit { .. }));
            assert_eq!(was_refused, is_refused, "{bytes} bytes: {reply:?}");
        }
    }
}
