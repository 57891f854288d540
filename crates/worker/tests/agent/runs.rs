//! Jobs that run to their own end.

use std::time::Duration;

use stint_core::{AttemptEnd, Event, JobSpec, Status, Stream};

use crate::harness::{
    Bench, action, capacity, end, eventually, job_when, lines, next, over, shell, spec, spec_with,
    stop, submit, texts,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_and_its_output_is_kept_line_by_line() {
    let script = "echo one; echo two >&2; printf 'caf\\351\\nlast'";
    let (bench, worker) = Bench::with(&[("talk", script)]).await;
    let job = submit(&bench.replica, spec("talk"), 0).await;
    let job = over(&bench.replica, job).await;
    assert_eq!(job.status, Status::Done);
    assert_eq!(end(&job), AttemptEnd::Exited(0));
    // Two pipes have no order between them, but each has one of its own.
    let lines = lines(&bench.replica, &job).await;
    let of = |stream| -> Vec<_> {
        let lines = lines.iter().filter(|line| line.stream == stream);
        lines.map(|line| line.text.as_str()).collect()
    };
    assert_eq!(of(Stream::Out), ["one", r"caf\xe9", "last"]);
    assert_eq!(of(Stream::Err), ["two"]);
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_told_its_run_and_its_parameters_and_nothing_else() {
    let bench = Bench::new().await;
    let mut config = bench.site.config(&[]);
    let mut print = action(&["sh", "-c", "env; pwd; echo \"$@\"", "print", "<{param:who}>"]);
    print.environment.insert("GREETING".to_owned(), "hello".to_owned());
    print.working_dir = Some("/tmp".into());
    config.actions.insert("print".to_owned(), print);
    let worker = bench.work(config);
    let spec = spec_with("print", &[("who", "you; exit 9")]);
    let job = submit(&bench.replica, spec, 0).await;
    let job = over(&bench.replica, job).await;
    assert_eq!(end(&job), AttemptEnd::Exited(0));
    let texts = texts(&bench.replica, &job).await;
    let attempt = job.attempts.last().expect("an attempt");
    for expected in [
        "GREETING=hello".to_owned(),
        "STINT_ACTION=print".to_owned(),
        "STINT_ATTEMPT=1".to_owned(),
        format!("STINT_JOB_ID={}", job.id),
        format!("STINT_LEASE={}", attempt.lease),
        "STINT_PARAM_WHO=you; exit 9".to_owned(),
        "STINT_WORKER_ID=000000000001".to_owned(),
        "/tmp".to_owned(),
        "<you; exit 9>".to_owned(),
    ] {
        assert!(texts.contains(&expected), "{expected} is not in {texts:?}");
    }
    // The shell adds PWD and the like; of the worker's own variables it has heard nothing.
    assert!(!texts.iter().any(|text| text.starts_with("CARGO")), "{texts:?}");
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_an_error_and_is_retried() {
    let (bench, worker) = Bench::with(&[("fail", "exit 3"), ("die", "kill -9 $$")]).await;
    let first = submit(&bench.replica, spec("fail"), 1).await;
    let first = over(&bench.replica, first).await;
    assert_eq!((first.status, end(&first)), (Status::Error, AttemptEnd::Exited(3)));
    let filter = stint_core::Filter { action: Some("fail".to_owned()), ..Default::default() };
    let all = stint_consensus::List { filter, limit: 10, ..Default::default() };
    let retry = eventually("the retry is over", || async {
        let (jobs, _) = bench.replica.list_jobs(&all).await.expect("a list");
        jobs.into_iter().find(|job| job.id != first.id && job.status == Status::Error)
    });
    let retry = retry.await;
    assert_eq!((retry.retry_from, retry.retries_left), (first.id, 0));

    let killed = submit(&bench.replica, spec("die"), 0).await;
    let killed = over(&bench.replica, killed).await;
    assert_eq!((killed.status, end(&killed)), (Status::Error, AttemptEnd::Signaled(9)));
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_says_why() {
    let bench = Bench::new().await;
    let mut config = bench.site.config(&[]);
    config.actions.insert("absent".to_owned(), action(&["no-such-program"]));
    config.actions.insert("greet".to_owned(), action(&["echo", "{param:who}"]));
    let worker = bench.work(config);
    for (spec, expected) in [
        (spec("absent"), "cannot start \"no-such-program\": no such program in the PATH"),
        (
            spec_with("greet", &[("who", "-n")]),
            "the parameter \"who\": its value begins with \"-\"",
        ),
        (spec_with("sleep", &[("seconds", "x")]), "the parameter \"seconds\" is \"x\""),
    ] {
        let job = submit(&bench.replica, spec, 0).await;
        let job = over(&bench.replica, job).await;
        let AttemptEnd::CouldNotStart(reason) = end(&job) else { panic!("{job:?}") };
        assert!(reason.starts_with(expected), "{reason}");
        assert_eq!(job.status, Status::Error);
    }
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn built_in_actions_need_no_configuration() {
    let (bench, worker) = Bench::with(&[]).await;
    for (spec, status, expected) in [
        (spec("noop"), Status::Done, AttemptEnd::Exited(0)),
        (spec("false"), Status::Error, AttemptEnd::Exited(1)),
        (spec_with("sleep", &[("seconds", "0.1")]), Status::Done, AttemptEnd::Exited(0)),
    ] {
        let job = submit(&bench.replica, spec, 0).await;
        let job = over(&bench.replica, job).await;
        assert_eq!((job.status, end(&job)), (status, expected));
    }
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_share_the_capacity_of_their_worker() {
    let bench = Bench::new().await;
    let mut config = bench.site.config(&[("scan", "echo $$; sleep 0.1")]);
    config.capacity = capacity(&[("scan", 1)]);
    let worker = bench.work(config);
    let mut jobs = Vec::new();
    for _ in 0..4 {
        let need = Some(capacity(&[("scan", 1)]));
        let spec = JobSpec { capacity_map: need, ..spec("scan") };
        jobs.push(submit(&bench.replica, spec, 0).await);
    }
    let mut spans = Vec::new();
    for job in jobs {
        let job = over(&bench.replica, job).await;
        let attempt = job.attempts.last().expect("an attempt");
        spans.push((attempt.started_at, attempt.end.as_ref().expect("its end").0));
    }
    spans.sort();
    for pair in spans.windows(2) {
        let [(_, end), (start, _)] = pair else { panic!("a window of two") };
        assert!(end <= start, "two ran at once: {spans:?}");
    }
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_run_at_once_than_the_worker_allows() {
    let bench = Bench::new().await;
    // A third one at once finds no place.
    let script = format!(
        "cd {}; for place in a b; do mkdir $place && sleep 0.2 && rmdir $place && exit 0; done; \
         exit 9",
        bench.site.dir.path().display()
    );
    let mut config = bench.site.config(&[("wait", &script)]);
    config.runs_max = 2;
    let worker = bench.work(config);
    let mut jobs = Vec::new();
    for _ in 0..8 {
        jobs.push(submit(&bench.replica, spec("wait"), 0).await);
    }
    for job in jobs {
        let job = over(&bench.replica, job).await;
        assert_eq!(end(&job), AttemptEnd::Exited(0));
    }
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chatty_job_loses_no_line() {
    let (bench, worker) = Bench::with(&[("count", "seq 1 20000")]).await;
    let job = submit(&bench.replica, spec("count"), 0).await;
    let job = over(&bench.replica, job).await;
    let expected: Vec<_> = (1..=20_000).map(|number| number.to_string()).collect();
    assert!(texts(&bench.replica, &job).await == expected, "lines are missing or out of order");
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_output_ends_in_a_note() {
    let bench = Bench::new().await;
    let mut config = bench.site.config(&[]);
    let mut count = shell("seq 1 1000");
    count.output.lines_max = 3;
    config.actions.insert("count".to_owned(), count);
    let worker = bench.work(config);
    let job = submit(&bench.replica, spec("count"), 0).await;
    let job = over(&bench.replica, job).await;
    assert_eq!(job.status, Status::Done);
    let note = "the output has reached its limit of 3 lines; the rest is dropped";
    assert_eq!(texts(&bench.replica, &job).await, ["1", "2", "3", note]);
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_is_woken_by_a_job() {
    let bench = Bench::new().await;
    let mut config = bench.site.config(&[]);
    // With this lease nothing else wakes it for three minutes: no renewal is due.
    config.ttl = Duration::from_mins(10);
    let worker = bench.work(config);
    for _ in 0..20 {
        let job = submit(&bench.replica, spec("noop"), 0).await;
        assert_eq!(over(&bench.replica, job).await.status, Status::Done);
    }
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_wait_are_claimed_and_reported_in_one_entry_each() {
    const JOBS: usize = 100;
    let bench = Bench::new().await;
    let go = bench.site.dir.path().join("go");
    let script = format!("while [ ! -e {} ]; do sleep 0.01; done", go.display());
    let mut config = bench.site.config(&[("hold", &script)]);
    config.capacity = capacity(&[("slot", 100)]);
    let worker = bench.work(config);
    let needs = |action, amount| JobSpec {
        capacity_map: Some(capacity(&[("slot", amount)])),
        ..spec(action)
    };
    let hold = submit(&bench.replica, needs("hold", 100), 0).await;
    job_when(&bench.replica, hold, |job| job.status == Status::Running).await;
    for _ in 0..JOBS {
        submit(&bench.replica, needs("noop", 1), 0).await;
    }
    let mut events = bench.replica.subscribe();
    std::fs::write(&go, "").expect("a file");
    let (mut claimed, mut ended) = (Vec::new(), Vec::new());
    while ended.iter().sum::<usize>() < 1 + JOBS {
        let events = next(&mut events).await;
        let count =
            |is_one: fn(&Event) -> bool| events.iter().filter(|event| is_one(event)).count();
        claimed.push(count(|event| matches!(event, Event::Claimed(_))));
        ended.push(count(|event| matches!(event, Event::Ended(_))));
    }
    claimed.retain(|count| *count > 0);
    ended.retain(|count| *count > 0);
    assert_eq!((claimed, ended), (vec![JOBS], vec![1, JOBS]));
    stop(worker).await;
}
