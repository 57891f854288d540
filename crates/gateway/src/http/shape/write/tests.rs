//! Answers against the literal JSON of the v0 documentation.

use std::sync::Arc;

use stint_core::{
    ActionTraits, Attempt as CoreAttempt, Epoch, Job as CoreJob, JobSpec, LeaseId, Policy, Status,
    Stream, Timestamp, WaitReason,
};

use super::*;

fn finished() -> CoreJob {
    let id = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b".parse().unwrap();
    let worker = "000000000000".parse().unwrap();
    let sum = "1bacd3c8ccb1f15609a10bd4a403831d0ec0b354438ddbf644c95c5d54f8eb13";
    CoreJob {
        id,
        retry_from: id,
        spec: JobSpec {
            action: "scan_check_single".to_owned(),
            parameters: Some([("SHA256SUM".to_owned(), sum.to_owned())].into()),
            capacity_map: Some([("scan".to_owned(), 1)].into_iter().collect()),
            deadline: None,
            stop_timeout: None,
        },
        status: Status::Done,
        sequence: 1,
        created_at: Timestamp::from_ms(1_487_293_787_771),
        scheduled_at: Timestamp::from_ms(1_487_293_787_771),
        last_updated: Timestamp::from_ms(1_487_293_814_117),
        retries_left: 0,
        retries_total: 0,
        worker: Some(worker),
        delete_requested: false,
        cancel_requested: false,
        reclaims: 0,
        attempt_count: 1,
        attempts: vec![CoreAttempt {
            number: 1,
            worker,
            epoch: Epoch(1),
            lease: LeaseId(7),
            traits: ActionTraits::default(),
            started_at: Timestamp::from_ms(1_487_293_788_000),
            end: Some((Timestamp::from_ms(1_487_293_814_117), AttemptEnd::Exited(0))),
        }],
        line_count: 3,
        policy: Policy::default(),
        is_expired: false,
        retried_by: None,
        from_config: std::collections::BTreeSet::new(),
        parent: None,
        children: stint_core::Children::default(),
        ending: None,
        token: None,
        left_out: std::collections::BTreeSet::new(),
        cron: None,
    }
}

fn json(job: CoreJob, wait_reason: Option<WaitReason>) -> String {
    let view = JobView { wait_reason, ..JobView::of(Arc::new(job)) };
    serde_json::to_string(&Job::of(&view)).unwrap()
}

#[test]
fn a_finished_job_is_the_one_of_the_documentation_and_then_ours() {
    let documented = concat!(
        r#"{"id":"1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b","#,
        r#""retryFromID":"1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b","#,
        r#""workerID":"000000000000","status":"done","scheduledAt":"2017-02-17T01:09:47.771Z","#,
        r#""lastUpdated":"2017-02-17T01:10:14.117Z","action":"scan_check_single","retriesLeft":0,"#,
        r#""retriesTotal":0,"capacityMap":{"scan":1},"parameters":{"SHA256SUM":"#,
        r#""1bacd3c8ccb1f15609a10bd4a403831d0ec0b354438ddbf644c95c5d54f8eb13"},"#,
        r#""deadline":"","stopTimeout":"","#,
    );
    let ours = concat!(
        r#""attempt":1,"attempts":[{"number":1,"workerID":"000000000000","lease":7,"#,
        r#""startedAt":"2017-02-17T01:09:48Z","endedAt":"2017-02-17T01:10:14.117Z","#,
        r#""end":"exited","exitCode":0,"reason":"it exited with code 0"}],"lineCount":3,"#,
        r#""priority":50}"#,
    );
    assert_eq!(json(finished(), None), format!("{documented}{ours}"));
}

#[test]
fn a_waiting_job_has_no_worker_no_maps_and_a_reason() {
    let mut job = finished();
    job.status = Status::Waiting;
    job.worker = None;
    job.attempts.clear();
    job.attempt_count = 0;
    job.spec.parameters = None;
    job.spec.capacity_map = None;
    job.spec.deadline = Timeout::parse("1.50h").unwrap();
    let json = json(job, Some(WaitReason::Soon));
    for part in [
        r#""workerID":"","status":"waiting""#,
        r#""capacityMap":null,"parameters":null,"deadline":"1.50h","stopTimeout":"""#,
        r#""attempt":0,"attempts":[],"waitReason":"it is about to be claimed","lineCount":3"#,
    ] {
        assert!(json.contains(part), "{part} is not in {json}");
    }
}

#[test]
fn a_run_that_goes_on_has_no_time_of_its_end() {
    let mut job = finished();
    job.status = Status::Running;
    job.spec.capacity_map = Some(CapacityMap::default());
    for attempt in &mut job.attempts {
        attempt.end = None;
    }
    let json = json(job, None);
    let attempt = r#""startedAt":"2017-02-17T01:09:48Z","end":"","reason":""}"#;
    assert!(json.contains(attempt), "{json}");
    assert!(json.contains(r#""capacityMap":{}"#), "{json}");
}

#[test]
fn every_end_of_an_attempt_has_its_words() {
    for (end, expected) in [
        (AttemptEnd::Exited(3), r#""end":"exited","exitCode":3,"reason":"it exited with code 3""#),
        (AttemptEnd::Signaled(9), r#""end":"signaled","signal":9,"reason":"signal 9 ended it""#),
        (
            AttemptEnd::DeadlineExceeded,
            r#""end":"deadline","reason":"it ran longer than its deadline""#,
        ),
        (AttemptEnd::Canceled, r#""end":"canceled","reason":"it was canceled""#),
        (
            AttemptEnd::CouldNotStart("no such file".to_owned()),
            r#""end":"could_not_start","reason":"it could not be started: no such file""#,
        ),
        (AttemptEnd::WorkerDead, r#""end":"worker_dead","reason":"its worker was declared dead""#),
        (
            AttemptEnd::WorkerShutdown,
            r#""end":"worker_shutdown","reason":"its worker was stopped""#,
        ),
    ] {
        let mut job = finished();
        for attempt in &mut job.attempts {
            attempt.end = Some((Timestamp::ZERO, end.clone()));
        }
        let json = json(job, None);
        assert!(json.contains(expected), "{expected} is not in {json}");
    }
}

#[test]
fn a_line_says_where_it_came_from() {
    for (stream, source) in
        [(Stream::Out, "stdout"), (Stream::Err, "stderr"), (Stream::Note, "stint")]
    {
        let line = Line { stream, text: "a \"word\"\u{1b}".to_owned() };
        assert_eq!(
            serde_json::to_string(&LogLine::of(7, &line)).unwrap(),
            format!(r#"{{"data":"a \"word\"\u001b","lineNum":7,"source":"{source}"}}"#)
        );
    }
}
