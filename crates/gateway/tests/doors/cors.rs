//! Pages in browsers: which of them may read answers.

use stint_core::Role;
use stint_gateway::{Config, Origin};

use crate::access::{bearer, give};
use crate::harness::{Answer, House};

const PAGE: &str = "https://console.example.org";

fn config() -> Config {
    let page: Origin = PAGE.parse().expect("an origin");
    let other = "http://localhost:3000".parse().expect("an origin");
    Config { allowed_origins: [other, page].into(), ..Config::default() }
}

async fn ask(house: &House, method: &str, path: &str, headers: &str) -> Answer {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    house.ask(format!("{head}{headers}Content-Length: 0\r\n\r\n")).await
}

fn from(origin: &str) -> String {
    format!("Origin: {origin}\r\n")
}

fn preflight(origin: &str) -> String {
    format!(
        "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: authorization,content-type\r\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_may_read_answers_unless_its_origin_is_listed() {
    let house = House::start().await;
    for headers in [from(PAGE), preflight(PAGE)] {
        let answer = ask(&house, "GET", "/api/v0/jobs", &headers).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("vary"), None);
    }
    let answer = ask(&house, "OPTIONS", "/api/v0/jobs", &preflight(PAGE)).await;
    assert_eq!(answer.refusal(), (405, "NOT_ALLOWED".to_owned()));
    house.stop().await;

    let house = House::with(config()).await;
    for origin in ["https://evil.example", "null", "https://console.example.org.evil.example", "*"]
    {
        let answer = ask(&house, "GET", "/api/v0/jobs", &from(origin)).await;
        assert_eq!(answer.status, 200, "it is asked, and the page does not see the answer");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        assert_eq!(answer.header("vary"), Some("origin"), "{origin}");
        let answer = ask(&house, "OPTIONS", "/api/v0/jobs", &preflight(origin)).await;
        assert_eq!(answer.refusal(), (405, "NOT_ALLOWED".to_owned()), "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
    let twice = format!("{}{}", preflight(PAGE), from("https://evil.example"));
    let answer = ask(&house, "OPTIONS", "/api/v0/jobs", &twice).await;
    assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_listed_origin_may_ask_and_read_everything_even_why_it_was_refused() {
    let (house, _) = House::closed_with(config()).await;
    let ann = bearer(&give(&house, "ann", Role::Viewer, None).await);
    // A preflight carries no token, and asks about every path alike.
    for path in ["/api/v0/jobs", "/api/v0/jobs/x/cancel", "/api/v0/docs.json"] {
        let answer = ask(&house, "OPTIONS", path, &preflight(PAGE)).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        assert_eq!(answer.header("access-control-allow-methods"), Some("DELETE, GET, POST"));
        let allowed = answer.header("access-control-allow-headers").expect("headers");
        for name in ["authorization", "content-type", "idempotency-key", "last-event-id"] {
            assert!(allowed.contains(name), "{allowed}");
        }
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
        assert!(answer.header("vary").is_some_and(|vary| vary.starts_with("origin,")));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
    let with_token = format!("{}Authorization: {ann}\r\n", from(PAGE));
    for (method, headers, status) in
        [("GET", from(PAGE), 401), ("GET", with_token.clone(), 200), ("PUT", with_token, 405)]
    {
        let answer = ask(&house, method, "/api/v0/jobs", &headers).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE), "{status}");
        assert_eq!(answer.header("vary"), Some("origin"), "{status}");
        let exposed = answer.header("access-control-expose-headers").expect("headers");
        assert!(exposed.contains("x-request-id") && exposed.contains("retry-after"), "{exposed}");
    }
    // OPTIONS that no browser has sent is what it was.
    let answer = ask(&house, "OPTIONS", "/api/v0/jobs", &from(PAGE)).await;
    assert_eq!(answer.refusal(), (401, "NOT_AUTHENTICATED".to_owned()));
    house.stop().await;
}
