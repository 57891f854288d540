//! Crons in literal requests and answers, by both doors.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Datelike as _, Timelike as _, Utc, Weekday};
use serde_json::{Value, json};
use stint_proto::v0;
use stint_proto::v0::crons_client::CronsClient;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::grpc::{channel, reason};
use crate::harness::House;

/// What a cron that nobody said more of has after the fields of v0, before its first tick.
const OURS: &str = "\"missed\":\"one\",\"missedWindow\":\"10s\",\"overlap\":\"allow\",\
    \"jitter\":\"\",\"isPaused\":false,\"fired\":0,\"skipped\":{}}";

const DAY: Duration = Duration::from_hours(24);

fn next_run(cron: &Value) -> DateTime<Utc> {
    let text = cron["nextRun"].as_str().expect("a time");
    assert!(text.ends_with('Z'), "{text}");
    DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cron_from_its_first_put_to_its_deletion() {
    let house = House::start().await;
    assert_eq!(house.get("/api/v0/crons").await.body, r#"{"crons":[]}"#);
    let before = now();
    let answer = house
        .post(
            "/api/v0/crons/",
            r#"{"action":"noop","schedule":"57 54 3 * * *","retries":2,"capacityMap":null,
                "parameters":null,"deadline":"","stopTimeout":"","futureField":[{}]}"#,
        )
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let cron = answer.json();
    let id = cron["id"].as_str().expect("an id").to_owned();
    assert_eq!(id.as_bytes()[14], b'7', "{id} is no UUID of version 7");
    let next = next_run(&cron);
    assert_eq!((next.hour(), next.minute(), next.second(), next.nanosecond()), (3, 54, 57, 0));
    assert!(next > before && next <= now() + DAY, "{next} is not the next 03:54:57");
    let literal = format!(
        "{{\"id\":\"{id}\",\"action\":\"noop\",\"schedule\":\"57 54 3 * * *\",\"retries\":2,\
         \"capacityMap\":null,\"parameters\":null,\"deadline\":\"\",\"stopTimeout\":\"\",\
         \"nextRun\":\"{}T03:54:57Z\",{OURS}",
        next.date_naive(),
    );
    assert_eq!(answer.body, literal);
    assert_eq!(house.get("/api/v0/crons/noop").await.body, literal);
    assert_eq!(house.get("/api/v0/crons").await.body, format!(r#"{{"crons":[{literal}]}}"#));

    // Another one takes its place, and keeps nothing of it.
    let answer = house
        .post(
            "/api/v0/crons",
            r#"{"action":"noop","schedule":"@every 1h30m","capacityMap":{"scan":1},
                "parameters":{"A":"b"},"deadline":"1h30m","stopTimeout":"1.50s",
                "timeZone":"Europe/Berlin"}"#,
        )
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let second = answer.json();
    assert_ne!(second["id"], id.as_str());
    let expected = json!({
        "id": second["id"], "action": "noop", "schedule": "@every 1h30m", "retries": 0,
        "capacityMap": {"scan": 1}, "parameters": {"A": "b"}, "deadline": "1h30m",
        "stopTimeout": "1.50s", "nextRun": second["nextRun"], "timeZone": "Europe/Berlin",
        "missed": "one", "missedWindow": "10s", "overlap": "allow", "jitter": "",
        "isPaused": false, "fired": 0, "skipped": {},
    });
    assert_eq!(second, expected);
    assert_eq!(house.get("/api/v0/crons").await.json(), json!({"crons": [second]}));

    let answer = house.delete("/api/v0/crons/noop/").await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let gone = house.get("/api/v0/crons/noop").await;
    assert_eq!(
        (gone.status, gone.json()),
        (
            404,
            json!({"errors": [{
                "code": "NO_SUCH_CRON",
                "message": "action \"noop\": it has no cron",
                "detail": {"action": "noop"},
            }]})
        )
    );
    assert_eq!(house.delete("/api/v0/crons/noop").await.body, gone.body);
    assert_eq!(house.get("/api/v0/crons/").await.body, r#"{"crons":[]}"#);
    house.stop().await;
}

type IsRight = fn(DateTime<Utc>) -> bool;

/// What clients write, how many days it may take to come, and what it is to be.
const WRITTEN: [(&str, u32, IsRight); 9] = [
    ("0 0 1 * * 0", 7, |next| next.weekday() == Weekday::Sun && next.hour() == 1),
    ("0 0 1 * * 7", 7, |next| next.weekday() == Weekday::Sun && next.hour() == 1),
    ("0 0 1 * * SUN", 7, |next| next.weekday() == Weekday::Sun && next.hour() == 1),
    ("0 0 3 * * *", 1, |next| (next.hour(), next.minute()) == (3, 0)),
    ("15 3 * * *", 1, |next| (next.hour(), next.minute()) == (3, 15)),
    ("@daily", 1, |next| (next.hour(), next.minute()) == (0, 0)),
    ("@weekly", 7, |next| next.weekday() == Weekday::Sun && next.hour() == 0),
    ("@monthly", 31, |next| next.day() == 1 && next.hour() == 0),
    ("@yearly", 366, |next| next.ordinal() == 1 && next.hour() == 0),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_real_clients_write_means_what_they_mean() {
    let house = House::start().await;
    for (schedule, days_max, is_right) in WRITTEN {
        let before = now();
        let body = json!({"action": "noop", "schedule": schedule}).to_string();
        let answer = house.post("/api/v0/crons", &body).await;
        assert_eq!(answer.status, 202, "{schedule}: {answer:?}");
        let next = next_run(&answer.json());
        assert!(is_right(next), "{schedule}: {next}");
        assert!(next > before && next <= before + days_max * DAY, "{schedule}: {next}");
        assert_eq!((next.second(), next.nanosecond()), (0, 0), "{schedule}: {next}");
    }
    let count = house.get("/api/v0/crons").await.json()["crons"].as_array().map(Vec::len);
    assert_eq!(count, Some(1), "one for each action");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_schedule_is_told_field_and_problem_alike_by_both_doors() {
    let house = House::start().await;
    let mut crons = CronsClient::new(channel(&house).await);
    for (schedule, time_zone, field, problem) in [
        ("", "", "schedule", "the schedule has 0 fields: write six"),
        ("* * *", "", "schedule", "the schedule has 3 fields: write six"),
        ("0 0 25 * * *", "", "schedule", "the hours field \"25\": 25 is outside of 0 to 23"),
        ("0 0 22-2 * * *", "", "schedule", "runs backwards"),
        ("0 0 0 30 2 *", "", "schedule", "the schedule would never fire"),
        ("@sometimes", "", "schedule", "\"@sometimes\" is not a schedule"),
        ("@every", "", "schedule", "@every needs a duration"),
        ("@every 1ms", "", "schedule", "write a duration from 1s"),
        ("\0", "", "schedule", "remove it"),
        (&"1,".repeat(200), "", "schedule", "the schedule has 400 bytes"),
        ("@daily", "Mars/Olympus", "timeZone", "no time zone \"Mars/Olympus\""),
        ("@daily", &"x".repeat(100_000), "timeZone", "no time zone \"xxx"),
    ] {
        let body = json!({"action": "noop", "schedule": schedule, "timeZone": time_zone});
        let answer = house.post("/api/v0/crons", &body.to_string()).await;
        assert_eq!(answer.refusal(), (400, "INVALID_PARAMETERS".to_owned()), "{schedule}");
        let error = answer.json()["errors"][0].clone();
        let message = error["message"].as_str().expect("a text").to_owned();
        assert!(message.starts_with(&format!("{field}: ")), "{message}");
        assert!(message.contains(problem) && message.len() < 300, "{message}");
        assert_eq!(error["detail"]["field"], field, "{error}");
        let request = v0::PutCronRequest {
            action: "noop".to_owned(),
            schedule: schedule.to_owned(),
            time_zone: time_zone.to_owned(),
            ..v0::PutCronRequest::default()
        };
        let status = crons.put_cron(request).await.expect_err("a refusal");
        assert_eq!(reason(&status), (Code::InvalidArgument, "INVALID_PARAMETERS".to_owned()));
        assert_eq!(status.message(), message);
        let violations = status.get_details_bad_request().expect("a field").field_violations;
        assert_eq!(violations[0].field, field);
    }
    assert_eq!(house.get("/api/v0/crons").await.body, r#"{"crons":[]}"#);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_wrong_cron_has_its_code() {
    let house = House::start().await;
    let wide =
        json!({"action": "noop", "schedule": "@daily", "parameters": {"P": "x".repeat(300 << 10)}});
    let wider =
        json!({"action": "noop", "schedule": "@daily", "parameters": {"P": "x".repeat(600 << 10)}});
    for (body, status, code) in [
        (r#"{"action":"unheard-of","schedule":"@daily"}"#, 404, "NO_SUCH_ACTION"),
        (r#"{"schedule":"@daily"}"#, 400, "INVALID_PARAMETERS"),
        (r#"{"action":"noop"}"#, 400, "INVALID_PARAMETERS"),
        (r#"{"action":"noop","schedule":null}"#, 400, "INVALID_PARAMETERS"),
        (r#"{"action":"noop","schedule":7}"#, 400, "INVALID_PARAMETERS"),
        (r#"{"action":"noop","schedule":"@daily","retries":1001}"#, 400, "INVALID_PARAMETERS"),
        (r#"{"action":"noop","schedule":"@daily","deadline":"5"}"#, 400, "INVALID_PARAMETERS"),
        (r#"{"action":"noop","schedule":"@daily","timeZone":1}"#, 400, "INVALID_PARAMETERS"),
        ("", 400, "INVALID_JSON"),
        ("[]", 400, "INVALID_JSON"),
        (&wide.to_string(), 400, "INVALID_PARAMETERS"),
        (&wider.to_string(), 400, "INVALID_PARAMETERS"),
    ] {
        let answer = house.post("/api/v0/crons", body).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{shown}: {answer:?}");
    }
    let long = "x".repeat(10_000);
    for action in ["noop", "..%2f..%2fetc%2fpasswd", "%00", "%ff", "any", &long] {
        let path = format!("/api/v0/crons/{action}");
        let missing = (404, "NO_SUCH_CRON".to_owned());
        for answer in [house.get(&path).await, house.delete(&path).await] {
            assert_eq!(answer.refusal(), missing, "{action}");
            assert!(answer.body.len() < 500, "{} bytes", answer.body.len());
        }
    }
    assert_eq!(house.get("/api/v0/crons").await.body, r#"{"crons":[]}"#);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cron_that_came_by_one_door_reads_alike_by_both() {
    let house = House::start().await;
    let mut crons = CronsClient::new(channel(&house).await);
    let put = crons
        .put_cron(v0::PutCronRequest {
            action: "sleep".to_owned(),
            schedule: "0 0 3 * * *".to_owned(),
            retries: 1,
            capacity_map: Some(v0::CapacityMap { entries: [("scan".to_owned(), 1)].into() }),
            parameters: Some(v0::StringMap::default()),
            deadline: "1m".to_owned(),
            time_zone: "Asia/Tokyo".to_owned(),
            ..v0::PutCronRequest::default()
        })
        .await
        .expect("a cron")
        .into_inner();
    let get = v0::GetCronRequest { action: "sleep".to_owned() };
    assert_eq!(crons.get_cron(get.clone()).await.expect("a cron").into_inner(), put);
    let list =
        crons.list_crons(v0::ListCronsRequest::default()).await.expect("a list").into_inner();
    assert_eq!(list.crons, std::slice::from_ref(&put));
    let json = house.get("/api/v0/crons/sleep").await.json();
    let next = put.next_run.expect("a time");
    assert_eq!(next_run(&json).timestamp(), next.seconds);
    assert_eq!((next_run(&json).hour(), next.nanos), (18, 0), "03:00 in Tokyo");
    let expected = json!({
        "id": put.id, "action": "sleep", "schedule": "0 0 3 * * *", "retries": 1,
        "capacityMap": {"scan": 1}, "parameters": {}, "deadline": "1m", "stopTimeout": "",
        "nextRun": json["nextRun"], "timeZone": "Asia/Tokyo", "missed": "one",
        "missedWindow": "10s", "overlap": "allow", "jitter": "", "isPaused": false, "fired": 0,
        "skipped": {},
    });
    assert_eq!(json, expected);
    let request = v0::DeleteCronRequest { action: "sleep".to_owned() };
    crons.delete_cron(request.clone()).await.expect("a deletion");
    for status in [
        crons.delete_cron(request).await.expect_err("a refusal"),
        crons.get_cron(get).await.expect_err("a refusal"),
    ] {
        assert_eq!(reason(&status), (Code::NotFound, "NO_SUCH_CRON".to_owned()));
        assert_eq!(status.message(), "action \"sleep\": it has no cron");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crons_too_large_for_one_message_come_in_several_and_in_json_piece_by_piece() {
    let house = House::start().await;
    let mut crons = CronsClient::new(channel(&house).await);
    let actions: Vec<_> = (0..20).map(|i| format!("wide-{i:02}")).collect();
    let worker = house.replica.id();
    let registration = stint_core::Registration {
        worker,
        incarnation: stint_core::Incarnation(1),
        capacity: stint_core::CapacityMap::default(),
        actions: actions
            .iter()
            .map(|action| (action.clone(), stint_core::ActionOffer::default()))
            .collect(),
        ttl: stint_core::Span::from_ms(60_000),
    };
    let registered = house.replica.propose(stint_core::Command::Register(registration)).await;
    registered.expect("an outcome").expect("a registration");
    for action in &actions {
        let parameters = json!({"P": "x".repeat(250 << 10)});
        let body = json!({"action": action, "schedule": "@daily", "parameters": parameters});
        assert_eq!(house.post("/api/v0/crons", &body.to_string()).await.status, 202);
    }
    let list = house.get("/api/v0/crons").await;
    assert_eq!(list.header("transfer-encoding"), Some("chunked"));
    let listed = list.json()["crons"].as_array().expect("a list").clone();
    let names: Vec<_> =
        listed.iter().map(|cron| cron["action"].as_str().expect("a name")).collect();
    assert_eq!(names, actions);
    let (mut after, mut names, mut messages) = (String::new(), Vec::new(), 0);
    loop {
        let part = crons.list_crons(v0::ListCronsRequest { after }).await.expect("a list");
        let part = part.into_inner();
        assert!(!part.crons.is_empty());
        names.extend(part.crons.into_iter().map(|cron| cron.action));
        messages += 1;
        if part.next.is_empty() {
            break;
        }
        after = part.next;
    }
    assert_eq!((names, messages), (actions, 2));
    let behind = house.get("/api/v0/crons?after=wide-17").await.json();
    assert_eq!(behind["crons"].as_array().map(Vec::len), Some(2), "wide-18 and wide-19");
    house.stop().await;
}
