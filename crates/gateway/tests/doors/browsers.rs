//! The page for browsers: who gets it, how one signs in, and who cannot use a session.

use stint_core::{Command, Role, TokenId};
use stint_gateway::Secret;

use crate::access::give;
use crate::harness::{Answer, House, propose};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
const OWN: &str = "Sec-Fetch-Site: same-origin\r\n";
const OURS: &str = "Sec-Fetch-Site: same-origin\r\nX-Stint-Page: 1\r\n";

async fn ask(house: &House, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    house
        .ask(format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        ))
        .await
}

async fn sign_in(house: &House, secret: &str, next: &str) -> Answer {
    let form = format!("token={secret}&next={next}");
    let headers = format!("{BROWSER}{OWN}Content-Type: application/x-www-form-urlencoded\r\n");
    ask(house, "POST", "/login", &headers, &form).await
}

/// The session of this token, as the header that a browser sends with it.
fn cookie(secret: &Secret) -> String {
    format!("Cookie: stint={}\r\n", secret.reveal())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_ask_for_html_gets_what_there_ever_was() {
    let (house, _) = House::closed().await;
    for headers in ["", "Accept: */*\r\n", "Accept: application/json\r\n"] {
        for path in ["/", "/crons", "/login", "/jobs/x"] {
            let answer = ask(&house, "GET", path, headers, "").await;
            assert_eq!(answer.refusal(), (401, "NOT_AUTHENTICATED".to_owned()), "{path}");
        }
    }
    let answer = ask(&house, "GET", "/api/v0/jobs", BROWSER, "").await;
    assert_eq!(answer.refusal(), (401, "NOT_AUTHENTICATED".to_owned()));
    house.stop().await;
    let house = House::start().await;
    assert_eq!(house.get("/").await.refusal(), (404, "NOT_FOUND".to_owned()));
    let answer = ask(&house, "GET", "/", BROWSER, "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("open: anybody may do anything"), "{answer:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signs_in_with_a_token_and_is_out_when_it_is_revoked() {
    let (house, _) = House::closed().await;
    let ann = give(&house, "ann", Role::Viewer, None).await;
    let stranger = ask(&house, "GET", "/crons?x=1", BROWSER, "").await;
    assert_eq!(stranger.status, 303);
    assert_eq!(stranger.header("location"), Some("/login?next=/crons%3Fx%3D1"));
    for wrong in ["", "stint_", &Secret::draw().expect("a secret").reveal()] {
        let answer = sign_in(&house, wrong, "/").await;
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(answer.body.contains("role=\"alert\""), "{answer:?}");
        assert_eq!(answer.header("set-cookie"), None);
    }

    let answer = sign_in(&house, &ann.reveal(), "/crons").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/crons")));
    let set = answer.header("set-cookie").expect("a cookie");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
    let session = format!("Cookie: {}\r\n", set.split(';').next().unwrap_or_default());
    let page = ask(&house, "GET", "/crons", &format!("{BROWSER}{session}"), "").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("data-user=\"ann\"") && page.body.contains("data-role=\"viewer\""));
    assert!(page.body.contains("ListJobs") && !page.body.contains("SubmitJob"), "{page:?}");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let read = ask(&house, "GET", "/api/v0/jobs", &format!("{OWN}{session}"), "").await;
    assert_eq!(read.status, 200);

    propose(&house, Command::RevokeToken { id: TokenId::of(ann.hash()) }).await;

    let read = ask(&house, "GET", "/api/v0/jobs", &format!("{OWN}{session}"), "").await;
    assert_eq!(read.status, 401);
    let page = ask(&house, "GET", "/crons", &format!("{BROWSER}{session}"), "").await;
    assert_eq!(page.status, 303);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_elsewhere_can_use_no_session() {
    let (house, _) = House::closed().await;
    let bob = cookie(&give(&house, "bob", Role::Operator, None).await);
    let job = r#"{"action":"noop"}"#;
    let submit = async |headers: &str| {
        ask(&house, "POST", "/api/v0/jobs", &format!("{bob}{headers}"), job).await.status
    };
    assert_eq!(submit(OURS).await, 202);
    assert_eq!(submit("Origin: http://x\r\nX-Stint-Page: 1\r\n").await, 202);
    for forged in [
        "",
        OWN,
        "X-Stint-Page: 1\r\n",
        "Origin: http://x\r\n",
        "Sec-Fetch-Site: cross-site\r\nX-Stint-Page: 1\r\n",
        "Sec-Fetch-Site: same-site\r\nX-Stint-Page: 1\r\n",
        "Origin: http://evil.example\r\nX-Stint-Page: 1\r\n",
        "Origin: null\r\nX-Stint-Page: 1\r\n",
    ] {
        assert_eq!(submit(forged).await, 403, "{forged}");
    }
    let read = format!("{bob}Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(ask(&house, "GET", "/api/v0/jobs", &read, "").await.status, 403);
    // Neither does a cookie make a token wrong, nor right.
    let both = format!("{bob}Authorization: Bearer stint_x\r\n");
    assert_eq!(ask(&house, "GET", "/api/v0/jobs", &both, "").await.status, 401);
    let leave = format!("{BROWSER}{bob}Content-Type: application/x-www-form-urlencoded\r\n");
    let forged = format!("{leave}Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(ask(&house, "POST", "/logout", &forged, "").await.header("set-cookie"), None);
    let left = ask(&house, "POST", "/logout", &format!("{leave}{OWN}"), "").await;
    assert!(left.header("set-cookie").is_some_and(|set| set.contains("Max-Age=0")), "{left:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_cluster_takes_no_change_from_a_page_of_elsewhere() {
    let house = House::start().await;
    let job = r#"{"action":"noop"}"#;
    for (headers, status) in [
        ("", 202),
        ("Origin: http://x\r\n", 202),
        (OURS, 202),
        ("Origin: http://evil.example\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
    ] {
        assert_eq!(ask(&house, "POST", "/api/v0/jobs", headers, job).await.status, status);
    }
    assert_eq!(ask(&house, "GET", "/api/v0/jobs", "Origin: http://e\r\n", "").await.status, 200);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_may_be_kept_as_long_as_their_address_is_that_of_this_build() {
    let (house, _) = House::closed().await;
    let page = ask(&house, "GET", "/login", BROWSER, "").await;
    let path = page.body.split('"').find(|text| text.ends_with("/style.css")).expect("a sheet");
    let sheet = house.get(path).await;
    assert_eq!(
        (sheet.status, sheet.header("content-type")),
        (200, Some("text/css; charset=utf-8"))
    );
    assert!(sheet.header("cache-control").is_some_and(|age| age.contains("immutable")));
    let other = house.get("/assets/0000000000000000/style.css").await;
    assert_eq!((other.status, other.header("cache-control")), (200, Some("no-cache")));
    assert_eq!(other.body, sheet.body);
    assert_eq!(house.get("/assets/x/..%2fstyle.css").await.status, 401);
    house.stop().await;
}
