//! The life of jobs and workers in literal requests and answers.

use serde_json::{Value, json};

use crate::harness::{Answer, House, Puppet};
use tokio::io::AsyncWriteExt as _;

const JSON: &str = "application/json; charset=utf-8";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_from_submission_to_its_tombstone() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[("scan", 1)]).await;
    let answer = house
        .post(
            "/api/v0/jobs/",
            r#"{"action":"say","retries":0,"capacityMap":{"scan":1},"parameters":{"A":"b"},
                "deadline":"1h30m","stopTimeout":"1.50s","scheduledAt":"","futureField":[{}]}"#,
        )
        .await;
    assert_eq!((answer.status, answer.header("content-type")), (202, Some(JSON)));
    let job = answer.json();
    let id = job["id"].as_str().expect("an id").to_owned();
    assert_eq!(id.as_bytes()[14], b'7', "{id} is no UUID of version 7");
    assert_eq!(job["retryFromID"], id.as_str());
    let path = format!("/api/v0/jobs/{id}");
    let times = ["scheduledAt", "lastUpdated"].map(|name| job[name].as_str().unwrap().to_owned());
    assert!(times.iter().all(|time| time.ends_with('Z') && time.starts_with("20")), "{times:?}");
    let literal = |status: &str, rest: &str| {
        format!(
            "{{\"id\":\"{id}\",\"retryFromID\":\"{id}\",\"workerID\":\"\",\"status\":\"{status}\",\
             \"scheduledAt\":\"{}\",\"lastUpdated\":\"{}\",\"action\":\"say\",\"retriesLeft\":0,\
             \"retriesTotal\":0,\"capacityMap\":{{\"scan\":1}},\"parameters\":{{\"A\":\"b\"}},\
             \"deadline\":\"1h30m\",\"stopTimeout\":\"1.50s\",\"attempt\":0,\"attempts\":[],{rest},\"priority\":50}}",
            times[0], times[1],
        )
    };
    let rest =
        r#""waitReason":"it is about to be claimed","lineCount":0,"waitDetail":{"kind":"soon"}"#;
    let waiting = literal("waiting", rest);
    assert_eq!(answer.body, waiting);
    assert_eq!(house.get(&path).await.body, waiting);
    assert_eq!(house.get("/api/v0/jobs").await.body, format!(r#"{{"jobs":[{waiting}]}}"#));

    let id_parsed = id.parse().expect("an id");
    let lease = worker.claim(id_parsed).await;
    let running = house.get(&path).await.json();
    assert_eq!(running["status"], "running");
    assert_eq!(running["workerID"], worker.id.to_string());
    assert_eq!(running["attempts"][0].get("endedAt"), None);
    assert_eq!(running.get("waitReason"), None);
    assert_eq!(house.get("/api/v0/jobs?running=false").await.json(), json!({"jobs": []}));
    worker.print(id_parsed, lease, 0, &["one"]).await;
    worker.finish(id_parsed, lease, 0).await;
    let done = house.get(&path).await.json();
    assert_eq!(done["status"], "done");
    assert_eq!(done["attempts"][0]["exitCode"], 0);
    assert_eq!(done["lineCount"], 1);

    assert_eq!(house.post(&format!("{path}/cancel"), "").await.refusal().0, 409);
    for _ in 0..2 {
        let answer = house.delete(&format!("{path}/")).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    }
    assert_eq!(house.get(&path).await.json()["status"], "deleted");
    assert_eq!(house.get(&format!("{path}/logs")).await.body, "[]");
    assert_eq!(house.get(&format!("{path}/logs?stream=true")).await.body, "");
    assert_eq!(house.get("/api/v0/jobs?limit=0").await.body, r#"{"jobs":[]}"#);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_real_clients_send_is_enough_and_null_is_as_good_as_nothing() {
    let house = House::start().await;
    for body in [
        r#"{"action":"noop"}"#,
        r#"{"action":"noop","parameters":null,"retries":null,"capacityMap":null,"deadline":null,
            "stopTimeout":null,"scheduledAt":null}"#,
        // What a client in Go makes of a form in which nobody has set anything.
        r#"{"action":"noop","parameters":null,"retries":0,"capacityMap":null,"deadline":"",
            "stopTimeout":"","scheduledAt":"0001-01-01T00:00:00Z"}"#,
    ] {
        let answer = house.post("/api/v0/jobs", body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let job = answer.json();
        assert_eq!(job["scheduledAt"], job["lastUpdated"], "now");
        for (field, expected) in [
            ("workerID", json!("")),
            ("capacityMap", Value::Null),
            ("parameters", Value::Null),
            ("retriesLeft", json!(0)),
            ("retriesTotal", json!(0)),
            ("deadline", json!("")),
            ("stopTimeout", json!("")),
        ] {
            assert_eq!(job[field], expected, "{field} of {job}");
        }
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_job_is_canceled_at_once_and_a_running_one_by_request() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let later = r#"{"action":"say","scheduledAt":"2099-01-01T01:00:00.5+01:00"}"#;
    let waiting = house.submit(later).await;
    let path = format!("/api/v0/jobs/{waiting}");
    let job = house.get(&path).await.json();
    assert_eq!(job["scheduledAt"], "2099-01-01T00:00:00.5Z");
    assert_eq!(job["waitReason"], "it is scheduled for later");
    let canceled = house.post(&format!("{path}/cancel/"), "").await;
    assert_eq!((canceled.status, canceled.body.as_str()), (204, ""));
    assert_eq!(house.get(&path).await.json()["status"], "cancel");
    let again = house.post(&format!("{path}/cancel"), "").await;
    assert_eq!(again.refusal(), (409, "CONFLICT".to_owned()));
    assert!(again.body.contains("its status is cancel"), "{again:?}");

    let running = house.submit(r#"{"action":"say"}"#).await;
    worker.claim(running).await;
    let path = format!("/api/v0/jobs/{running}");
    for _ in 0..2 {
        assert_eq!(house.post(&format!("{path}/cancel"), "").await.status, 204);
    }
    assert_eq!(house.get(&path).await.json()["status"], "cancel_request");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_ten_jobs_long_and_a_thousand_at_most() {
    let house = House::start().await;
    let mut ids = Vec::new();
    for minute in 0..15 {
        let body = format!(r#"{{"action":"noop","scheduledAt":"2099-01-01T00:{minute:02}:00Z"}}"#);
        ids.push(house.submit(&body).await.to_string());
    }
    house.submit(r#"{"action":"sleep","scheduledAt":"2098-01-01T00:00:00Z"}"#).await;
    ids.reverse();
    let list = async |query: &str| -> Vec<String> {
        let json = house.get(&format!("/api/v0/jobs?{query}")).await.json();
        let jobs = json["jobs"].as_array().expect("a list").clone();
        jobs.iter().map(|job| job["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(list("").await, ids[..10]);
    assert_eq!(list("action=noop&limit=0").await, ids);
    assert_eq!(list("action=noop&start=12").await, ids[12..]);
    assert_eq!(list("action=noop&start=3&limit=2&running=F").await, ids[3..5]);
    assert_eq!(list("limit=0").await.len(), 16);
    assert_eq!(list("running=true").await.len(), 0);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_are_those_of_v0_and_their_capacity_can_be_set() {
    let house = House::start().await;
    assert_eq!(house.get("/api/v0/workers").await.body, r#"{"workers":[]}"#);
    let worker = Puppet::register(&house, &[("scan", 1), ("scanCheck", 1)]).await;
    let answer = house.get("/api/v0/workers/").await;
    let heartbeat = answer.json()["workers"][0]["heartbeatExpiration"].clone();
    assert_eq!(
        answer.body,
        format!(
            "{{\"workers\":[{{\"id\":\"000000000000\",\"status\":\"running\",\
             \"capacityMap\":{{\"scan\":1,\"scanCheck\":1}},\"heartbeatExpiration\":{heartbeat},\
             \"capacityInUse\":{{}},\"running\":0,\"actions\":[\"say\"],\"epoch\":1,\"draining\":false}}]}}"
        )
    );
    let path = "/api/v0/workers/000000000000/capacity";
    let answer = house.post(path, r#"{"capacityMap":{"scan":2}}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    assert_eq!(worker.capacity().amount("scan"), 2);
    assert_eq!(worker.capacity().amount("scanCheck"), 0);
    assert_eq!(house.post(path, r#"{"capacityMap":{}}"#).await.status, 202);
    let json = house.get("/api/v0/workers").await.json();
    assert_eq!(json["workers"][0]["capacityMap"], json!({}));
    for (body, code) in [
        (r#"{"capacityMap":{"scan":"2"}}"#, "INVALID_PARAMETERS"),
        (r#"{"capacityMap":{"scan":-2}}"#, "INVALID_PARAMETERS"),
        (r#"{"capacityMap":[]}"#, "INVALID_PARAMETERS"),
        ("", "INVALID_JSON"),
    ] {
        assert_eq!(house.post(path, body).await.refusal(), (400, code.to_owned()), "{body}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_says_what_it_is_and_how_it_is() {
    let house = House::start().await;
    let status = house.get("/api/v0/meta/cluster_status").await;
    let json = status.json();
    assert_eq!(json["replica_health"], json!({"000000000000": "OK"}));
    assert_eq!(json["replicaID"], "000000000000");
    assert_eq!(json["leaderID"], "000000000000");
    let member = &json["members"][0];
    assert_eq!((&member["isVoter"], &member["isLeader"]), (&json!(true), &json!(true)));
    assert_eq!(member["clientAddress"], house.address.to_string());
    assert!(json["appliedIndex"].as_u64() <= json["lastLogIndex"].as_u64(), "{json}");

    assert_eq!(house.get("/healthz").await.body, "ok\n");
    assert_eq!(house.get("/readyz/").await.body, "ready\n");
    let version = house.get("/version").await.json();
    assert_eq!(version, json!({"version": env!("CARGO_PKG_VERSION"), "apiVersion": "2.6.0"}));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_is_get_without_a_body() {
    let house = House::start().await;
    let mut stream = house.connect().await;
    for path in ["/api/v0/jobs", "/api/v0/workers/", "/healthz"] {
        let get = house.get(path).await;
        stream
            .write_all(format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            assert!(crate::harness::read_some(&mut stream, &mut bytes).await);
        }
        let head = String::from_utf8(bytes).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", get.body.len())), "{head}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_comes_back_or_is_drawn() {
    let house = House::start().await;
    let ask = async |header: &str| -> Answer {
        let head =
            format!("GET /api/v0/jobs HTTP/1.1\r\nHost: x\r\n{header}Connection: close\r\n\r\n");
        house.ask(head).await
    };
    let own = ask("X-Request-Id: build-42\r\n").await;
    assert_eq!(own.header("x-request-id"), Some("build-42"));
    let first = ask("").await.header("x-request-id").map(str::to_owned);
    let second =
        ask("X-Request-Id: not a token\r\n").await.header("x-request-id").map(str::to_owned);
    assert!(first.is_some() && second.is_some() && first != second, "{first:?} {second:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_large_jobs_is_whole_and_in_no_memory_as_a_whole() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let large = format!(r#"{{"action":"say","parameters":{{"P":"{}"}}}}"#, "x".repeat(200_000));
    let mut newest_first = Vec::new();
    for number in 0..24 {
        let job = house.submit(&large).await;
        // Some are over, and stand in history.
        if number < 12 {
            worker.run(job, &[], 0).await;
        }
        newest_first.insert(0, job.to_string());
    }
    let page = house.get("/api/v0/jobs?limit=0").await.json();
    let ids: Vec<_> = page["jobs"].as_array().expect("jobs").iter().map(|job| &job["id"]).collect();
    assert_eq!(ids, newest_first.iter().collect::<Vec<_>>());
    let empty = house.get("/api/v0/jobs?action=noop").await;
    assert_eq!(empty.body, r#"{"jobs":[]}"#);
    assert!(
        empty.header("content-length").is_some(),
        "what is small comes in one piece: {empty:?}"
    );

    let all = stint_consensus::List { limit: 1_000, ..Default::default() };
    let mut page = house.replica.page_jobs(&all).await.expect("a page");
    let (mut steps, mut count) = (0, 0);
    while !page.is_at_end() {
        let step = page.next().await.expect("jobs");
        assert!(step.len() <= 2, "{} jobs of 200 kB at a time", step.len());
        (steps, count) = (steps + 1, count + step.len());
    }
    assert!(count == 24 && steps >= 12, "{count} jobs in {steps} steps");
    house.stop().await;
}
