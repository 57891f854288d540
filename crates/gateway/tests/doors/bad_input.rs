//! Whatever comes in wrongly gets the error of the contract, whole and with its code.

use std::fmt::Write as _;

use serde_json::json;
use stint_gateway::Operation;

use crate::harness::House;

const UNKNOWN: &str = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_has_the_shape_of_v0_and_names_the_field() {
    let house = House::start().await;
    let answer = house.post("/api/v0/jobs", r#"{"action":"noop","retries":"1"}"#).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(
        answer.body,
        concat!(
            r#"{"errors":[{"code":"INVALID_PARAMETERS","message":"#,
            r#""retries: expected an integer from 0 to 1000, got the string \"1\"","detail":"#,
            r#"{"field":"retries","expected":"an integer from 0 to 1000","got":"the string \"1\""}}]}"#
        )
    );
    let answer = house.get("/api/v0/nothing").await;
    assert_eq!(
        answer.body,
        concat!(
            r#"{"errors":[{"code":"NOT_FOUND","#,
            r#""message":"/api/v0/nothing: there is nothing here","detail":null}]}"#
        )
    );
    let answer = house.get(&format!("/api/v0/jobs/{UNKNOWN}")).await;
    assert_eq!(
        answer.json(),
        json!({"errors": [{
            "code": "NO_SUCH_JOB",
            "message": format!("job {UNKNOWN}: no such job"),
            "detail": {"jobID": UNKNOWN},
        }]})
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_wrong_submission_has_its_code() {
    let house = House::start().await;
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let wide = format!(r#"{{"action":"noop","parameters":{{"P":"{}"}}}}"#, "x".repeat(300 << 10));
    let wider = format!(r#"{{"action":"{}"}}"#, "x".repeat(600 << 10));
    for (body, status, code) in [
        (r#"{"action":"unheard-of"}"#, 404, "NO_SUCH_ACTION"),
        (r#"{"action":""}"#, 400, "INVALID_PARAMETERS"),
        (r"{}", 400, "INVALID_PARAMETERS"),
        ("", 400, "INVALID_JSON"),
        ("null", 400, "INVALID_JSON"),
        (r#"{"action":"noop""#, 400, "INVALID_JSON"),
        (&deep, 400, "INVALID_JSON"),
        (r#"{"action":"noop","retries":1001}"#, 400, "INVALID_PARAMETERS"),
        (r#"{"action":"noop","capacityMap":{"scan":4294967297}}"#, 400, "INVALID_PARAMETERS"),
        (r#"{"action":"noop","scheduledAt":"1969-12-31T23:59:59Z"}"#, 400, "INVALID_PARAMETERS"),
        (&wide, 400, "INVALID_PARAMETERS"),
        (&wider, 400, "INVALID_PARAMETERS"),
    ] {
        let answer = house.post("/api/v0/jobs", body).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{shown}: {answer:?}");
    }
    let head = "POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 14";
    let answer = house.ask([head.as_bytes(), b"\r\n\r\n{\"action\":\"\xff\"}"].concat()).await;
    assert_eq!(answer.refusal(), (400, "INVALID_JSON".to_owned()));
    assert!(answer.body.contains("not UTF-8"), "{answer:?}");
    let head = "POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 17";
    let answer =
        house.ask(format!("{head}\r\nContent-Encoding: gzip\r\n\r\n{{\"action\":\"noop\"}}")).await;
    assert_eq!(answer.refusal(), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
    assert_eq!(house.get("/api/v0/jobs?limit=0").await.body, r#"{"jobs":[]}"#);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_a_mebibyte_is_too_large_however_it_is_sent() {
    let house = House::start().await;
    let body = |bytes: usize| format!(r#"{{"action":"noop","x":"{}"}}"#, "x".repeat(bytes));
    let limit = 1 << 20;
    let fits = body(limit - body(0).len());
    assert_eq!(house.post("/api/v0/jobs", &fits).await.status, 202);
    let over = body(limit + 1 - body(0).len());
    for large in [over, body(2 << 20), body(8 << 20)] {
        let answer = house.post("/api/v0/jobs", &large).await;
        assert_eq!(answer.refusal(), (413, "TOO_LARGE".to_owned()), "{} bytes", large.len());
        if large.len() > 4 << 20 {
            continue;
        }
        let mut chunks = String::new();
        for chunk in large.as_bytes().chunks(100_000) {
            let text = std::str::from_utf8(chunk).unwrap();
            write!(chunks, "{:x}\r\n{text}\r\n", chunk.len()).unwrap();
        }
        let answer = house
            .ask(format!(
                "POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                 Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
            ))
            .await;
        assert_eq!(answer.refusal(), (413, "TOO_LARGE".to_owned()), "{} bytes", large.len());
    }
    // Who asks first is told before it sends, and never hears "continue".
    let answer = house
        .ask(
            "POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\
             Content-Length: 1048577\r\n\r\n",
        )
        .await;
    assert_eq!(answer.refusal(), (413, "TOO_LARGE".to_owned()));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_are_read_as_go_reads_them() {
    let house = House::start().await;
    for query in [
        "",
        "action=any&worker=any&running=any&start=0&limit=10",
        "running=T&start=7&limit=1000000",
        "running=&start=&limit=&action=&worker=",
        "worker=nobody",
        "worker=00000000002A",
        "unknown=%20x&&=",
        "start=1000000",
    ] {
        let answer = house.get(&format!("/api/v0/jobs?{query}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"jobs":[]}"#), "{query}");
    }
    for query in [
        "limit=-1",
        "start=1000001",
        "start=18446744073709551615",
        "limit=ten",
        "start=1.5",
        "start=%2B1",
        "limit=18446744073709551616",
        "running=maybe",
        "running=yes",
        "action=%",
        "action=%zz",
        "action=%ff",
        "unknown=%c3%28",
    ] {
        let answer = house.get(&format!("/api/v0/jobs?{query}")).await;
        assert_eq!(answer.refusal(), (400, "INVALID_PARAMETERS".to_owned()), "{query}");
    }
    let logs = format!("/api/v0/jobs/{UNKNOWN}/logs?stream=perhaps");
    assert_eq!(house.get(&logs).await.refusal(), (400, "INVALID_PARAMETERS".to_owned()));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_id_names_nothing() {
    let house = House::start().await;
    let long = "x".repeat(10_000);
    for id in [
        "0",
        "any",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "%ff",
        "%e2%80%ae",
        "1FCF4C0F",
        "1fcf4c0fff3b471a88395dcb631b2f7b",
        "{1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b}",
        "'%20or%20'1'='1",
        UNKNOWN,
        &long,
    ] {
        let job = (404, "NO_SUCH_JOB".to_owned());
        let path = format!("/api/v0/jobs/{id}");
        assert_eq!(house.get(&path).await.refusal(), job, "{id}");
        assert_eq!(house.delete(&path).await.refusal(), job, "{id}");
        assert_eq!(house.get(&format!("{path}/logs/")).await.refusal(), job, "{id}");
        assert_eq!(house.get(&format!("{path}/logs?stream=1")).await.refusal(), job, "{id}");
        assert_eq!(house.post(&format!("{path}/cancel"), "").await.refusal(), job, "{id}");
        let worker = format!("/api/v0/workers/{id}/capacity");
        let answer = house.post(&worker, r#"{"capacityMap":{}}"#).await;
        assert_eq!(answer.refusal(), (404, "NO_SUCH_WORKER".to_owned()), "{id}");
        assert!(answer.body.len() < 500, "{} bytes", answer.body.len());
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_path_says_what_it_allows() {
    let house = House::start().await;
    let ask = async |method: &str, path: &str| {
        house.ask(format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    };
    for (method, path, allow) in [
        ("PUT", "/api/v0/jobs", "GET,HEAD,POST"),
        ("DELETE", "/api/v0/jobs/", "GET,HEAD,POST"),
        ("POST", "/api/v0/jobs/x", "DELETE,GET,HEAD"),
        ("GET", "/api/v0/jobs/x/cancel/", "POST"),
        ("PATCH", "/api/v0/workers", "GET,HEAD"),
        ("OPTIONS", "/api/v0/workers/x/capacity", "POST"),
        ("BREW", "/api/v0/meta/cluster_status", "GET,HEAD"),
        ("POST", "/healthz", "GET,HEAD"),
    ] {
        let answer = ask(method, path).await;
        assert_eq!(answer.refusal(), (405, "NOT_ALLOWED".to_owned()), "{method} {path}");
        let mut allowed: Vec<_> = answer.header("allow").unwrap_or_default().split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{method} {path}");
    }
    for path in ["/", "/api", "/api/v0", "/api/v1/jobs", "//api/v0/jobs", "/x"] {
        assert_eq!(ask("GET", path).await.refusal(), (404, "NOT_FOUND".to_owned()), "{path}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_types_matter_only_where_a_body_does() {
    let house = House::start().await;
    let post = async |path: &str, headers: &str, body: &str| {
        let length = body.len();
        house
            .ask(format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\
                 Content-Length: {length}\r\n\r\n{body}"
            ))
            .await
    };
    let noop = r#"{"action":"noop"}"#;
    for headers in ["", "Content-Type: application/json;charset=utf8\r\n", "Content-Type: \r\n"] {
        assert_eq!(post("/api/v0/jobs", headers, noop).await.status, 202, "{headers}");
    }
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let refused = (415, "UNSUPPORTED_MEDIA_TYPE".to_owned());
    assert_eq!(post("/api/v0/jobs", form, noop).await.refusal(), refused);
    let cancel = format!("/api/v0/jobs/{UNKNOWN}/cancel");
    let missing = (404, "NO_SUCH_JOB".to_owned());
    for (headers, body) in [("", ""), (form, ""), (form, "a=b"), ("", "not JSON")] {
        assert_eq!(post(&cancel, headers, body).await.refusal(), missing, "{headers}{body}");
    }
    let accept = "Accept: text/html\r\n";
    let refused = (406, "NOT_ACCEPTABLE".to_owned());
    assert_eq!(post("/api/v0/jobs", accept, noop).await.refusal(), refused);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_answers_with_and_without_a_slash_at_its_end() {
    let house = House::start().await;
    for operation in Operation::ALL {
        let (method, path) = operation.http();
        for slash in ["", "/"] {
            let mut path =
                format!("{}{}{slash}", Operation::BASE_PATH, path.replace("{id}", UNKNOWN));
            if operation == Operation::Watch {
                // An answer without an end is none that this test waits for.
                path.push_str("?kinds=none");
            }
            let answer = house
                .ask(format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
                .await;
            let is_answered = match answer.status {
                200 | 201 => true,
                400 | 404 => answer.refusal().1 != "NOT_FOUND",
                _ => false,
            };
            assert!(is_answered, "{method} {path}: {answer:?}");
        }
    }
    house.stop().await;
}
