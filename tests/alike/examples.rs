//! How each operation is asked, by examples: what is answered, and what is refused.
//!
//! An example is asked by HTTP first, and then by gRPC. What can be done only once is done to two
//! things that are alike.

use serde_json::{Value, json};

use crate::harness::{Cluster, wait_for};

/// One thing to ask.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) by_http: Asked,
    pub(super) by_grpc: Asked,
    /// The code of the "no" that is the right answer, if it is one.
    pub(super) refusal: Option<&'static str>,
    /// Fields of answers that cannot be the same twice.
    pub(super) differs: &'static [&'static str],
    /// How many messages of a stream are looked at.
    pub(super) count_max: usize,
}

/// A request, in the words of HTTP. gRPC has all of it as fields of one message.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// What it is about, where the path says so.
    pub(super) id: Option<String>,
    pub(super) query: Vec<(&'static str, &'static str)>,
    pub(super) body: Option<Value>,
}

/// Asked without anything.
fn plain() -> Asked {
    Asked::default()
}

/// Asked about this.
fn about(id: impl Into<String>) -> Asked {
    Asked { id: Some(id.into()), ..Asked::default() }
}

/// Asked with this query.
fn query<const N: usize>(query: [(&'static str, &'static str); N]) -> Asked {
    Asked { query: query.to_vec(), ..Asked::default() }
}

/// Asked with this body.
fn body(body: Value) -> Asked {
    Asked { body: Some(body), ..Asked::default() }
}

impl Asked {
    fn with_query<const N: usize>(self, query: [(&'static str, &'static str); N]) -> Self {
        Self { query: query.to_vec(), ..self }
    }

    fn with_body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

/// The same by both doors.
fn same(asked: Asked) -> Example {
    each(asked.clone(), asked)
}

/// By HTTP, and by gRPC about something that is alike.
fn each(by_http: Asked, by_grpc: Asked) -> Example {
    Example { by_http, by_grpc, refusal: None, differs: &[], count_max: 10_000 }
}

impl Example {
    /// The right answer is this "no".
    fn refused(self, code: &'static str) -> Self {
        Self { refusal: Some(code), ..self }
    }

    /// These fields of the answers are only looked for.
    fn but(self, differs: &'static [&'static str]) -> Self {
        Self { differs, ..self }
    }

    /// Only so many messages are awaited.
    fn first(self, count_max: usize) -> Self {
        Self { count_max, ..self }
    }
}

/// What nothing has as its id.
const NOBODY: &str = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b";

/// Far enough in the future that a job waits for as long as a test runs.
const LATER: &str = "2199-01-02T03:04:05.678Z";

const WORKER: &str = "000000000001";

/// How this operation is asked.
pub(super) fn of(operation: &str, cluster: &Cluster) -> Vec<Example> {
    match operation {
        "ListJobs" => list_jobs(cluster),
        "SubmitJob" => submit_job(),
        "GetJob" => vec![
            same(about(ended(cluster))),
            same(about(waiting(cluster))),
            same(about(NOBODY)).refused("NO_SUCH_JOB"),
            same(about("x")).refused("NO_SUCH_JOB"),
        ],
        "DeleteJob" => vec![
            each(about(waiting(cluster)), about(waiting(cluster))),
            each(about(ended(cluster)), about(ended(cluster))),
            same(about(NOBODY)).refused("NO_SUCH_JOB"),
        ],
        "CancelJob" => vec![
            each(about(waiting(cluster)), about(waiting(cluster))),
            same(about(ended(cluster))).refused("CONFLICT"),
            same(about(NOBODY)).refused("NO_SUCH_JOB"),
        ],
        "GetJobLogs" => get_job_logs(cluster),
        "ListJobAttempts" => vec![
            same(about(ended(cluster))),
            same(about(waiting(cluster))),
            same(about(NOBODY)).refused("NO_SUCH_JOB"),
        ],
        "ListWorkers" => vec![same(plain()).but(&["heartbeatExpiration"])],
        "SetWorkerCapacity" => vec![
            same(about(WORKER).with_body(json!({"capacityMap": {"scan": 3}}))),
            same(about(WORKER).with_body(json!({}))),
            same(about(WORKER).with_body(json!({"capacityMap": {"scan": -1}})))
                .refused("INVALID_PARAMETERS"),
            same(about("00000000ffff").with_body(json!({"capacityMap": {}})))
                .refused("NO_SUCH_WORKER"),
        ],
        "DrainWorker" => vec![
            same(about(WORKER).with_body(json!({"limit": "soon"}))).refused("INVALID_PARAMETERS"),
            same(about("00000000ffff").with_body(json!({}))).refused("NO_SUCH_WORKER"),
            same(about(WORKER).with_body(json!({"limit": "1h"}))),
            same(about(WORKER).with_body(json!({}))),
        ],
        "ResumeWorker" => {
            vec![same(about(WORKER)), same(about("00000000ffff")).refused("NO_SUCH_WORKER")]
        }
        "Watch" => watch(cluster),
        "GetClusterStatus" | "GetDiagnostics" | "GetStatistics" | "InviteReplica"
        | "RemoveReplica" | "TransferLeader" => of_members(operation),
        "GetSettings" => vec![same(plain())],
        "ChangeSettings" => vec![
            same(body(json!({}))),
            same(body(json!({
                "jobHistoryCompactionEnabled": false,
                "jobHistoryToKeep": 1_000_000,
                "jobHistoryMaxAge": "48h",
            }))),
            same(body(json!({"jobHistoryMaxAge": "soon"}))).refused("INVALID_PARAMETERS"),
        ],
        other => of_retries_and_queues(other, cluster),
    }
}

fn of_retries_and_queues(operation: &str, cluster: &Cluster) -> Vec<Example> {
    match operation {
        "RetryJob" => {
            let drawn = &[
                "id",
                "lastUpdated",
                "scheduledAt",
                "retryFromID",
                "status",
                "workerID",
                "attempt",
                "attempts",
                "lineCount",
                "waitReason",
                "waitDetail",
            ];
            vec![
                each(about(ended(cluster)), about(ended(cluster))).but(drawn),
                same(about(waiting(cluster))).refused("CONFLICT"),
                same(about(NOBODY)).refused("NO_SUCH_JOB"),
                same(about("x")).refused("NO_SUCH_JOB"),
            ]
        }
        "BulkJobs" => bulk_jobs(cluster),
        "ListQueues" => {
            let pause = r#"{"reason":"the disk is full"}"#;
            cluster.post(0, "/api/v0/queues/noop/pause", pause).expect("an answer");
            wait_for("nothing to run", || {
                let running = cluster.get(0, "/api/v0/jobs?running=true").expect("an answer");
                let running = running.json();
                if running["jobs"] == json!([]) { Ok(()) } else { Err(running) }
            });
            vec![same(plain())]
        }
        "PauseQueue" => vec![
            same(about("noop").with_body(json!({"reason": "why not"}))),
            same(about("noop")),
            same(about("noop").with_body(json!({"reason": "x".repeat(257)})))
                .refused("INVALID_PARAMETERS"),
            same(about("x")).refused("NO_SUCH_ACTION"),
        ],
        "ResumeQueue" => {
            cluster.post(0, "/api/v0/queues/noop/pause", "").expect("an answer");
            vec![same(about("noop")), same(about("x")).refused("NO_SUCH_ACTION")]
        }
        other => of_crons_and_configs(other, cluster),
    }
}

fn of_members(operation: &str) -> Vec<Example> {
    match operation {
        // A step may end in between.
        "GetStatistics" => {
            vec![
                same(plain()).but(&["samples", "jobs"]),
                same(query([("since", LATER)])).but(&["jobs"]),
            ]
        }
        "GetClusterStatus" => {
            // Others write to the same disk.
            vec![same(plain()).but(&[
                "lastLogIndex",
                "committedIndex",
                "appliedIndex",
                "freeBytes",
                "logBytes",
                "stateBytes",
                "outputBytes",
                "lag?",
            ])]
        }
        "GetDiagnostics" => {
            vec![same(plain()).but(&["at", "log", "logLinesBefore", "metrics", "machine"])]
        }
        "InviteReplica" => vec![
            same(body(json!({"expiresIn": "2h"}))).but(&["invitation", "expiresAt"]),
            same(body(json!({}))).but(&["invitation", "expiresAt"]),
            same(body(json!({"expiresIn": "169h"}))).refused("INVALID_PARAMETERS"),
            same(body(json!({"expiresIn": "soon"}))).refused("INVALID_PARAMETERS"),
        ],
        _ => vec![
            same(about("00000000ffff")).refused("NO_SUCH_MEMBER"),
            same(about("x")).refused("NO_SUCH_MEMBER"),
        ],
    }
}

fn of_crons_and_configs(operation: &str, cluster: &Cluster) -> Vec<Example> {
    match operation {
        "PutCron" => put_cron(),
        "ListCrons" | "ListActionConfigs" | "ListActions" => {
            vec![same(plain()), same(query([("after", "o")]))]
        }
        "GetAction" => vec![same(about("say")), same(about("x")).refused("NO_SUCH_ACTION")],
        "DeleteCron" => {
            for action in ["noop", "say"] {
                let cron = YEARLY.replace("noop", action);
                cluster.post(0, "/api/v0/crons", &cron).expect("an answer");
            }
            vec![each(about("noop"), about("say")), same(about("noop")).refused("NO_SUCH_CRON")]
        }
        "GetCron" | "PauseCron" | "ResumeCron" | "GetCronHistory" => {
            cluster.post(0, "/api/v0/crons", YEARLY).expect("an answer");
            vec![same(about("noop")), same(about("x")).refused("NO_SUCH_CRON")]
        }
        "RunCron" => {
            let cron = r#"{"action":"noop","schedule":"@yearly","capacityMap":{"none":1}}"#;
            cluster.post(0, "/api/v0/crons", cron).expect("an answer");
            let drawn = &["id", "retryFromID", "lastUpdated", "scheduledAt"];
            vec![same(about("noop")).but(drawn), same(about("x")).refused("NO_SUCH_CRON")]
        }
        "PreviewSchedule" => {
            cluster.post(0, "/api/v0/crons", YEARLY).expect("an answer");
            vec![
                same(query([("schedule", "@yearly"), ("timeZone", "Europe/Berlin")])),
                same(query([("action", "noop"), ("n", "2")])),
                same(plain()).refused("INVALID_PARAMETERS"),
                same(query([("schedule", "@never")])).refused("INVALID_PARAMETERS"),
                same(query([("schedule", "@daily"), ("n", "0")])).refused("INVALID_PARAMETERS"),
                same(query([("schedule", "@daily"), ("action", "noop")]))
                    .refused("INVALID_PARAMETERS"),
                same(query([("action", "x")])).refused("NO_SUCH_CRON"),
            ]
        }
        "PutActionConfig" => vec![
            same(body(json!({"action": "noop", "parameters": {"A": "b"}}))).but(&["id"]),
            same(body(json!({"action": "noop"}))).but(&["id"]),
            same(body(json!({"parameters": {"A": "b"}}))).refused("INVALID_PARAMETERS"),
            same(body(json!({"action": "unheard-of"}))).refused("NO_SUCH_ACTION"),
        ],
        "GetActionConfig" => {
            let config = r#"{"action":"say","parameters":{"A":"b"}}"#;
            cluster.post(0, "/api/v0/action_configs", config).expect("an answer");
            vec![same(about("say")), same(about("x")).refused("NO_SUCH_ACTION_CONFIG")]
        }
        "DeleteActionConfig" => {
            for action in ["noop", "say"] {
                let config = format!(r#"{{"action":"{action}","parameters":{{}}}}"#);
                cluster.post(0, "/api/v0/action_configs", &config).expect("an answer");
            }
            vec![
                each(about("noop"), about("say")),
                same(about("noop")).refused("NO_SUCH_ACTION_CONFIG"),
            ]
        }
        other => of_access(other, cluster),
    }
}

fn of_access(operation: &str, cluster: &Cluster) -> Vec<Example> {
    match operation {
        "ListTokens" | "GetCaller" => vec![same(plain())],
        "CreateToken" => {
            let user = json!({"user": "ann", "role": "viewer", "expiresIn": "1h",
                              "description": "to look"});
            vec![
                same(body(user)).but(&["id", "secret", "createdAt", "expiresAt"]),
                same(body(json!({"user": "ann", "role": "king"}))).refused("INVALID_PARAMETERS"),
                same(body(json!({"role": "viewer"}))).refused("INVALID_PARAMETERS"),
                same(body(json!({"user": "a:b", "role": "viewer"}))).refused("INVALID_PARAMETERS"),
            ]
        }
        "RevokeToken" => {
            let first = cluster.get(0, "/api/v0/tokens").expect("an answer").json();
            let first = first["tokens"][0]["id"].as_str().expect("an id").to_owned();
            vec![
                each(about(token(cluster)), about(token(cluster))),
                same(about(first)).refused("CONFLICT"),
                same(about(NOBODY)).refused("NO_SUCH_TOKEN"),
            ]
        }
        "ListAudit" => vec![
            same(plain()),
            same(query([("start", "1"), ("limit", "2"), ("user", "admin")])),
            same(query([("user", "nobody")])),
            same(query([("since", "2026-01-01T00:00:00Z")])),
            same(query([("since", LATER)])),
            same(query([("start", "1000001")])).refused("INVALID_PARAMETERS"),
        ],
        other => panic!("{other}: say in tests/alike/examples.rs how it is asked"),
    }
}

fn list_jobs(cluster: &Cluster) -> Vec<Example> {
    ended(cluster);
    waiting(cluster);
    let filters = [("action", "say"), ("worker", WORKER), ("running", "false")];
    vec![
        same(plain()),
        same(query(filters)),
        same(query([("action", "any"), ("worker", "any"), ("running", "any")])),
        same(query([("start", "1"), ("limit", "1")])),
        same(query([("limit", "0")])),
        same(query([("worker", "nobody")])),
        same(query([("running", "maybe")])).refused("INVALID_PARAMETERS"),
        same(query([("status", "waiting,done"), ("limit", "2")])),
        same(query([("status", "deleted")])).refused("INVALID_PARAMETERS"),
        same(query([("parent", NOBODY), ("cron", NOBODY)])),
        same(query([("parent", "me")])).refused("INVALID_PARAMETERS"),
        same(query([("text", "nothing"), ("failed", "true")])),
        same(query([("since", LATER), ("until", LATER)])),
        same(query([("startedSince", LATER)])),
        same(query([("endedUntil", "2026-01-01T00:00:00Z")])),
        same(query([("priority", "50"), ("limit", "2")])),
        same(query([("priority", "101")])).refused("INVALID_PARAMETERS"),
        same(query([("order", "oldest"), ("limit", "3")])),
        same(query([("order", "newest"), ("limit", "3")])),
        same(query([("order", "up")])).refused("INVALID_PARAMETERS"),
        same(query([("after", "here")])).refused("INVALID_PARAMETERS"),
        same(query([("start", "1000001")])).refused("INVALID_PARAMETERS"),
    ]
}

fn bulk_jobs(cluster: &Cluster) -> Vec<Example> {
    waiting(cluster);
    ended(cluster);
    let bulk = |operation: &str, filter: Value| json!({"operation": operation, "filter": filter, "dryRun": true});
    vec![
        same(body(bulk("cancel", json!({"status": "waiting", "action": "noop"})))),
        same(body(bulk("retry", json!({"failed": true})))),
        same(body(json!({"operation": "delete", "filter": {"text": "nothing", "failed": true}}))),
        same(body(json!({"operation": "delete", "all": true, "dryRun": true}))),
        same(body(json!({"operation": "delete"}))).refused("INVALID_PARAMETERS"),
        same(body(bulk("burn", json!({"failed": true})))).refused("INVALID_PARAMETERS"),
        same(body(bulk("cancel", json!({"status": "sad"})))).refused("INVALID_PARAMETERS"),
        same(body(json!({"operation": "cancel", "all": true, "next": "there"})))
            .refused("INVALID_PARAMETERS"),
    ]
}

fn submit_job() -> Vec<Example> {
    const DRAWN: &[&str] = &["id", "retryFromID", "lastUpdated"];
    let full = json!({
        "action": "say", "parameters": {"A": "b", "": "é"}, "retries": 3,
        "capacityMap": {"scan": 1}, "deadline": "1h30m", "stopTimeout": "1.5h",
        "scheduledAt": LATER,
    });
    let with = |field: &str, value: Value| {
        let mut body = json!({"action": "noop", "scheduledAt": LATER});
        body[field] = value;
        Asked { body: Some(body), ..Asked::default() }
    };
    vec![
        same(body(full)).but(DRAWN),
        same(with("capacityMap", json!({}))).but(DRAWN),
        same(body(json!({}))).refused("INVALID_PARAMETERS"),
        same(with("action", json!("unheard-of"))).refused("NO_SUCH_ACTION"),
        same(with("retries", json!(1_001))).refused("INVALID_PARAMETERS"),
        same(with("deadline", json!("soon"))).refused("INVALID_PARAMETERS"),
        same(with("stopTimeout", json!("-1s"))).refused("INVALID_PARAMETERS"),
        same(with("capacityMap", json!({"scan": -1}))).refused("INVALID_PARAMETERS"),
        same(with("parameters", json!({"A": "x".repeat(300_000)}))).refused("INVALID_PARAMETERS"),
        same(with("parameters", json!({"A": "x".repeat(600_000)}))).refused("INVALID_PARAMETERS"),
    ]
}

fn get_job_logs(cluster: &Cluster) -> Vec<Example> {
    let job = ended(cluster);
    let with = |query: &[(&'static str, &'static str)]| Asked {
        query: query.to_vec(),
        ..about(job.clone())
    };
    vec![
        same(with(&[])),
        same(with(&[("stream", "true")])),
        same(with(&[("offset", "1"), ("limit", "1")])),
        same(with(&[("offset", "1000")])),
        same(about(NOBODY)).refused("NO_SUCH_JOB"),
        same(about(NOBODY).with_query([("stream", "true")])).refused("NO_SUCH_JOB"),
    ]
}

const YEARLY: &str = r#"{"action":"noop","schedule":"@yearly","retries":2,"deadline":"1h"}"#;

fn put_cron() -> Vec<Example> {
    let full = json!({
        "action": "say", "schedule": "0 0 3 1 1 *", "retries": 2, "capacityMap": {"scan": 1},
        "parameters": {"A": "b"}, "deadline": "1h", "stopTimeout": "30s",
        "timeZone": "Europe/Berlin", "missed": "all", "missedWindow": "1m", "overlap": "skip",
        "jitter": "1.5m",
    });
    let with = |field: &str, value: Value| {
        let mut body = json!({"action": "noop", "schedule": "@yearly"});
        body[field] = value;
        Asked { body: Some(body), ..Asked::default() }
    };
    vec![
        same(body(full)).but(&["id"]),
        same(with("capacityMap", json!({}))).but(&["id"]),
        same(with("schedule", json!("99 * * * *"))).refused("INVALID_PARAMETERS"),
        same(with("schedule", json!(""))).refused("INVALID_PARAMETERS"),
        same(with("timeZone", json!("Europe/Atlantis"))).refused("INVALID_PARAMETERS"),
        same(with("missed", json!("some"))).refused("INVALID_PARAMETERS"),
        same(with("missedWindow", json!("25h"))).refused("INVALID_PARAMETERS"),
        same(with("overlap", json!("ALLOW"))).refused("INVALID_PARAMETERS"),
        same(with("jitter", json!("-1s"))).refused("INVALID_PARAMETERS"),
        same(with("action", json!("unheard-of"))).refused("NO_SUCH_ACTION"),
    ]
}

fn watch(cluster: &Cluster) -> Vec<Example> {
    // What has happened so far is the same whenever it is read, and ends with what comes last here.
    cluster.post(0, "/api/v0/crons", YEARLY).expect("an answer");
    ended(cluster);
    vec![
        same(query([("from", "0")])).first(12),
        same(query([("from", "0"), ("kinds", "jobs")])).first(6),
        same(query([("from", "0"), ("kinds", "crons,workers")])).first(3),
        same(query([("kinds", "jobs,stars")])).refused("INVALID_PARAMETERS"),
    ]
}

/// A job that waits for as long as the test runs.
fn waiting(cluster: &Cluster) -> String {
    cluster.submit(0, &format!(r#"{{"action":"noop","scheduledAt":"{LATER}"}}"#))
}

/// A job that is over, and has output.
fn ended(cluster: &Cluster) -> String {
    let id = cluster.submit(0, r#"{"action":"say"}"#);
    cluster.wait_for_status(0, &id, "done");
    id
}

/// The id of a token of its own.
fn token(cluster: &Cluster) -> String {
    let body = r#"{"user":"bob","role":"viewer"}"#;
    let created = cluster.post(0, "/api/v0/tokens", body).expect("an answer").json();
    created["token"]["id"].as_str().expect("an id").to_owned()
}
