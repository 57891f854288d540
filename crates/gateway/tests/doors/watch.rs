//! What happens in the cluster, as those who watch it are told.

use serde_json::{Value, json};
use stint_gateway::Config;
use stint_proto::v0;
use stint_proto::v0::events_client::EventsClient;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use crate::harness::{Answer, House, Puppet, read_some, soon, until};

const SAY: &str = r#"{"action":"say"}"#;

/// A stream of lines in chunks, as they come.
struct Lines {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Lines {
    async fn ask(house: &House, query: &str, headers: &str) -> Self {
        let mut stream = house.connect().await;
        // HTTP/1.0 answers have no chunks: what comes are the lines themselves.
        let head = format!("GET /api/v0/watch{query} HTTP/1.0\r\nHost: x\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.expect("a request");
        let mut lines = Self { stream, bytes: Vec::new() };
        let status = lines.next().await.expect("a status line");
        assert!(status.contains(" 200 "), "{status}");
        while lines.next().await.is_some_and(|header| !header.trim().is_empty()) {}
        lines
    }

    /// The next line; `None` at the end of the answer.
    async fn next(&mut self) -> Option<String> {
        soon("a line", async {
            loop {
                if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = self.bytes.drain(..=end).collect();
                    return Some(String::from_utf8(line).expect("UTF-8").trim_end().to_owned());
                }
                if !read_some(&mut self.stream, &mut self.bytes).await {
                    return None;
                }
            }
        })
        .await
    }

    async fn json(&mut self) -> Value {
        let line = self.next().await.expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// All up to the first of this kind.
    async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            seen.push(self.json().await);
            if seen.last().is_some_and(|last| last["kind"] == kind) {
                return seen;
            }
        }
    }
}

fn kinds(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["kind"].as_str().expect("a kind")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_tells_all_from_an_index_on_and_the_same_again_from_each_next() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let mut live = Lines::ask(&house, "?from=0", "").await;
    let job = house.submit(SAY).await;
    worker.run(job, &["one"], 0).await;
    let seen = live.until("job_ended").await;
    // It registers, and confirms that nothing of it runs.
    let of_worker = ["worker_changed", "worker_changed"];
    let of_job = ["job_submitted", "job_due", "job_claimed", "job_ended"];
    assert_eq!(kinds(&seen), [&of_worker[..], &of_job].concat());
    let [_, _, submitted, due, _, ended] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(submitted["name"], job.to_string());
    assert_eq!(submitted["job"]["status"], "waiting");
    assert_eq!((&submitted["number"], &due["number"]), (&json!(0), &json!(1)));
    assert_eq!(submitted["index"], submitted["next"], "more of its entry follows");
    assert_eq!(due["next"].as_u64(), due["index"].as_u64().map(|index| index + 1));
    assert_eq!((&ended["job"]["status"], &ended["job"]["lineCount"]), (&json!("done"), &json!(1)));
    for (place, message) in seen.iter().enumerate() {
        let next = message["next"].as_u64().expect("a number");
        let rest: Vec<_> = seen.iter().filter(|m| m["index"].as_u64() >= Some(next)).collect();
        if place + 1 < seen.len() {
            let mut again = Lines::ask(&house, &format!("?from={next}"), "").await;
            assert_eq!(again.until("job_ended").await.iter().collect::<Vec<_>>(), rest);
        }
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_from_now_on_begins_with_a_bookmark() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    house.submit(SAY).await;
    let mut live = Lines::ask(&house, "?kinds=jobs", "").await;
    let bookmark = live.json().await;
    assert_eq!(bookmark["kind"], "bookmark");
    assert_eq!(bookmark["next"].as_u64(), bookmark["index"].as_u64().map(|index| index + 1));
    let job = house.submit(SAY).await;
    let first = live.json().await;
    assert_eq!(
        (&first["kind"], &first["name"]),
        (&json!("job_submitted"), &json!(job.to_string()))
    );
    assert!(first["index"].as_u64() >= bookmark["next"].as_u64(), "{bookmark} {first}");

    let mut workers = Lines::ask(&house, "?kinds=workers,crons", "").await;
    workers.json().await;
    let path = format!("/api/v0/workers/{}/capacity", worker.id);
    assert_eq!(house.post(&path, r#"{"capacityMap":{"scan":3}}"#).await.status, 202);
    let changed = workers.json().await;
    assert_eq!(changed["kind"], "worker_changed");
    assert_eq!(changed["worker"]["capacityMap"], json!({"scan": 3}));
    let body = r#"{"action":"say","schedule":"@yearly","retries":2}"#;
    let put = house.post("/api/v0/crons", body).await.json();
    assert_eq!(house.delete("/api/v0/crons/say").await.status, 204);
    for kind in ["cron_changed", "cron_deleted"] {
        let event = workers.json().await;
        assert_eq!((&event["kind"], &event["name"]), (&json!(kind), &json!("say")));
        assert_eq!(event["cron"], put, "the whole cron, as whoever has put it was told");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_in_the_future_is_waited_for() {
    let house = House::start().await;
    Puppet::register(&house, &[]).await;
    let now = Lines::ask(&house, "", "").await.json().await["next"].as_u64().expect("a number");
    let mut live = Lines::ask(&house, &format!("?from={}", now + 2), "").await;
    for _ in 0..4 {
        house.submit(SAY).await;
    }
    let first = live.json().await;
    assert!(first["index"].as_u64() >= Some(now + 2), "{first} before {now} + 2");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_have_ids_to_come_back_with() {
    let house = House::start().await;
    Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    let accept = "Accept: text/event-stream\r\n";
    let mut live = Lines::ask(&house, "?from=0&kinds=jobs", accept).await;
    let mut events = Vec::new();
    for _ in 0..2 {
        let mut event = Vec::new();
        while let Some(line) = live.next().await.filter(|line| !line.is_empty()) {
            event.push(line);
        }
        events.push(event);
    }
    assert_eq!(events[0][1], "event: job_submitted");
    assert!(events[0][0].ends_with(".0"), "the first of two in an entry: {events:?}");
    assert!(events[0][2].starts_with("data: {\"index\":"), "{events:?}");
    assert!(!events[1][0].contains('.'), "an entry is complete: {events:?}");
    let id = events[0][0].strip_prefix("id: ").expect("an id");
    // A browser asks for the same address again.
    let headers = format!("{accept}Last-Event-ID: {id}\r\n");
    let mut again = Lines::ask(&house, "?from=0&kinds=jobs", &headers).await;
    for line in &events[1] {
        assert_eq!(again.next().await.as_ref(), Some(line), "the rest of the entry for {job}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_watched_is_refused() {
    let house = House::start().await;
    for query in ["?from=x", "?from=-1", "?kinds=dogs", "?kinds=jobs,Workers"] {
        let answer = house.get(&format!("/api/v0/watch{query}")).await;
        assert_eq!(answer.refusal(), (400, "INVALID_PARAMETERS".to_owned()), "{query}");
    }
    let ask = "GET /api/v0/watch HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let answer = house.ask(format!("{ask}Accept: text/event-stream\r\nLast-Event-ID: x\r\n\r\n"));
    assert_eq!(answer.await.refusal(), (400, "INVALID_PARAMETERS".to_owned()));
    let answer = house.ask(format!("{ask}Accept: text/html\r\n\r\n")).await;
    assert_eq!(answer.refusal(), (406, "NOT_ACCEPTABLE".to_owned()));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_watch_are_few_and_are_let_go_at_the_end() {
    let mut house = House::with(Config { followers_max: 1, ..Config::default() }).await;
    let mut first = Lines::ask(&house, "", "").await;
    assert_eq!(first.json().await["kind"], "bookmark");
    let second = house.get("/api/v0/watch").await;
    assert_eq!(second.refusal(), (429, "TOO_MANY_REQUESTS".to_owned()));
    drop(first);
    let mut stream = house.connect().await;
    until("the place to be free", async || {
        stream = house.connect().await;
        let head = "GET /api/v0/watch HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("a request");
        let mut head = Vec::new();
        read_some(&mut stream, &mut head).await && head.starts_with(b"HTTP/1.1 200")
    })
    .await;
    let mut rest = Vec::new();
    tokio::join!(house.shut_doors(), async {
        soon("the end", async { while read_some(&mut stream, &mut rest).await {} }).await;
    });
    assert!(rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
    house.replica.shutdown().await.expect("a clean end");
}

/// Submits so many jobs with as much in them as they may have.
async fn submit_large(house: &House, count: usize) {
    let body = json!({"action": "say", "parameters": {"a": "x".repeat(250 * 1024)}}).to_string();
    for _ in 0..count {
        house.submit(&body).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_kept_any_more_is_gone_and_the_oldest_index_is_said() {
    let house = House::start().await;
    Puppet::register(&house, &[]).await;
    let mut slow = Lines::ask(&house, "?from=0", "").await;
    // More than the ring and all buffers between here and there.
    submit_large(&house, 60).await;
    let answer = house.get("/api/v0/watch?from=1").await;
    assert_eq!(answer.refusal(), (410, "COMPACTED".to_owned()));
    let oldest = answer.json()["errors"][0]["detail"]["oldest"].clone();
    let oldest = oldest.as_str().expect("a text").to_owned();
    let mut rest = Lines::ask(&house, &format!("?from={oldest}"), "").await;
    assert_eq!(rest.json().await["kind"], "job_submitted");

    // Who reads too slowly gets what it was sent, and then the same words.
    let mut last = slow.json().await;
    while let Some(line) = slow.next().await {
        last = serde_json::from_str(&line).expect("JSON");
    }
    assert_eq!(last["errors"][0]["code"], "COMPACTED", "{last}");

    let endpoint = Channel::from_shared(format!("http://{}", house.address)).expect("an endpoint");
    let mut events = EventsClient::new(endpoint.connect().await.expect("a connection"));
    let request = v0::WatchRequest { from: Some(1), kinds: Vec::new() };
    let status = events.watch(request).await.expect_err("it is too late");
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!((status.code(), info.reason.as_str()), (Code::OutOfRange, "COMPACTED"));
    assert_eq!(info.metadata.get("oldest"), Some(&oldest));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_doors_tell_the_same() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    worker.run(job, &[], 3).await;
    assert_eq!(house.delete(&format!("/api/v0/jobs/{job}")).await.status, 204);
    let seen = Lines::ask(&house, "?from=0", "").await.until("job_deleted").await;
    let endpoint = Channel::from_shared(format!("http://{}", house.address)).expect("an endpoint");
    let mut events = EventsClient::new(endpoint.connect().await.expect("a connection"));
    let request = v0::WatchRequest { from: Some(0), kinds: Vec::new() };
    let mut stream = events.watch(request).await.expect("a stream").into_inner();
    for json in seen {
        let message = soon("a message", stream.message()).await.expect("no error").expect("more");
        assert_eq!(json["index"], message.index);
        assert_eq!(json["number"], message.number);
        assert_eq!(json["next"], message.next);
        assert_eq!(json["kind"], message.kind.as_str());
        assert_eq!(json["name"], message.name.as_str());
        let job = message.job.as_ref().map(|job| json!(job.status));
        assert_eq!(json["job"]["status"], job.unwrap_or_default());
        let worker = message.worker.as_ref().map(|worker| json!(worker.status));
        assert_eq!(json["worker"]["status"], worker.unwrap_or_default());
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_is_no_answer_to_a_post() {
    let house = House::start().await;
    let mut stream = house.connect().await;
    let head = "POST /api/v0/watch HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("a request");
    assert_eq!(Answer::read(&mut stream).await.refusal(), (405, "NOT_ALLOWED".to_owned()));
    house.stop().await;
}

/// The instant that a tick names, in seconds.
fn second(text: &Value) -> i64 {
    let text = text.as_str().expect("a time");
    chrono::DateTime::parse_from_rfc3339(text).expect("a time").timestamp()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tick_that_goes_with_its_cron_is_told_from_the_first_to_the_last() {
    let house = House::start().await;
    let every_second = r#"{"action":"noop","schedule":"* * * * * *"}"#;
    let put = house.post("/api/v0/crons", every_second).await;
    assert_eq!(put.status, 202, "{put:?}");
    assert_eq!(house.post("/api/v0/crons/noop/pause", "").await.status, 202);
    let mut watch = Lines::ask(&house, "?kinds=crons", "").await;
    for replaced in [true, false] {
        // Its ticks are the only thing that happens, so it is the clock that is waited for.
        let begun = house.replica.now();
        until("three ticks", async || house.replica.now().as_ms() > begun.as_ms() + 3_000).await;
        let (answer, reason) = if replaced {
            (house.post("/api/v0/crons", every_second).await, "replaced")
        } else {
            (house.delete("/api/v0/crons/noop").await, "deleted")
        };
        assert!(answer.status < 300, "{answer:?}");
        let told = watch.until("cron_skipped").await;
        let tick = &told.last().expect("what was waited for")["tick"];
        assert_eq!(tick["skipReason"], reason, "{tick}");
        let (first, last) = (second(&tick["first"]), second(&tick["last"]));
        let at = second(&tick["decidedAt"]);
        assert_eq!(tick["count"], last - first + 1, "{tick}");
        assert!(last - first >= 2, "{tick}");
        assert!(last == at, "each second has a tick, and this was decided at {at}: {tick}");
        if replaced {
            assert_eq!(house.post("/api/v0/crons/noop/pause", "").await.status, 202);
        }
    }
    house.stop().await;
}
