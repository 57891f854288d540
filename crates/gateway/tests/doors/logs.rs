//! Output: pages, and lines as they come.

use serde_json::{Value, json};
use stint_core::JobId;
use stint_gateway::Config;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::harness::{Answer, House, Puppet, read_some, soon, until};

const SAY: &str = r#"{"action":"say"}"#;

async fn ask_to_follow(house: &House, job: JobId, query: &str) -> TcpStream {
    let mut stream = house.connect().await;
    let head = format!(
        "GET /api/v0/jobs/{job}/logs?stream=true{query} HTTP/1.1\r\nHost: x\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("a request");
    stream
}

fn objects(body: &str) -> Vec<Value> {
    body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_output_of_a_job_is_an_array_of_lines() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    let path = format!("/api/v0/jobs/{job}/logs");
    assert_eq!(house.get(&path).await.body, "[]");
    let lease = worker.claim(job).await;
    worker.print(job, lease, 0, &["one", "a \"two\"", ""]).await;
    let literal = concat!(
        r#"[{"data":"one","lineNum":0,"source":"stdout"},"#,
        r#"{"data":"a \"two\"","lineNum":1,"source":"stdout"},"#,
        r#"{"data":"","lineNum":2,"source":"stdout"}]"#
    );
    let answer = house.get(&path).await;
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.body, literal);
    worker.finish(job, lease, 0).await;
    assert_eq!(house.get(&path).await.body, literal);
    assert_eq!(house.get(&format!("{path}?offset=0&limit=0&stream=false")).await.body, literal);
    let second = house.get(&format!("{path}/?offset=1&limit=1")).await.json();
    assert_eq!(second, json!([{"data": "a \"two\"", "lineNum": 1, "source": "stdout"}]));
    for offset in ["3", "18446744073709551615"] {
        assert_eq!(house.get(&format!("{path}?offset={offset}")).await.body, "[]");
        assert_eq!(house.get(&format!("{path}?stream=1&offset={offset}")).await.body, "");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_output_comes_whole_and_in_order() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    let lease = worker.claim(job).await;
    let count = 5_500;
    let texts: Vec<String> = (0..count).map(|i| format!("{i} {}", "x".repeat(i % 300))).collect();
    for (i, batch) in texts.chunks(500).enumerate() {
        let batch: Vec<_> = batch.iter().map(String::as_str).collect();
        worker.print(job, lease, u64::try_from(i * 500).unwrap(), &batch).await;
    }
    worker.finish(job, lease, 0).await;
    let path = format!("/api/v0/jobs/{job}/logs");
    let all = house.get(&path).await;
    assert!(all.is_whole);
    let all = all.json().as_array().expect("a list").clone();
    assert_eq!(all.len(), count);
    for (i, line) in all.iter().enumerate() {
        assert_eq!((&line["lineNum"], &line["data"]), (&json!(i), &json!(texts[i])));
    }
    let followed = house.get(&format!("{path}?stream=true")).await;
    assert_eq!(objects(&followed.body), all);
    let part = house.get(&format!("{path}?offset=999&limit=2002")).await.json();
    assert_eq!(part.as_array().expect("a list")[..], all[999..3001]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_sent_as_they_are_committed_until_the_job_ends() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    let mut follower = ask_to_follow(&house, job, "").await;
    let mut part = ask_to_follow(&house, job, "&offset=1&limit=1").await;
    let lease = worker.claim(job).await;
    let mut seen = Vec::new();
    for (i, text) in ["one", "two", "three"].into_iter().enumerate() {
        worker.print(job, lease, u64::try_from(i).unwrap(), &[text]).await;
        let line = format!(r#"{{"data":"{text}","lineNum":{i},"source":"stdout"}}"#);
        soon("the line", async {
            while !String::from_utf8_lossy(&seen).contains(&line) {
                assert!(read_some(&mut follower, &mut seen).await, "the answer ended");
            }
        })
        .await;
    }
    let answer = Answer::read(&mut part).await;
    assert_eq!(answer.body, "{\"data\":\"two\",\"lineNum\":1,\"source\":\"stdout\"}\n");
    worker.finish(job, lease, 1).await;
    soon("the end", async { while read_some(&mut follower, &mut seen).await {} }).await;
    assert!(seen.ends_with(b"\r\n0\r\n\r\n"), "{}", String::from_utf8_lossy(&seen));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_ends_the_answer() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    let lease = worker.claim(job).await;
    worker.print(job, lease, 0, &["one"]).await;
    let mut follower = ask_to_follow(&house, job, "").await;
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("one") {
        assert!(read_some(&mut follower, &mut seen).await, "the answer ended");
    }
    assert_eq!(house.delete(&format!("/api/v0/jobs/{job}")).await.status, 204);
    worker.finish(job, lease, 0).await;
    soon("the end", async { while read_some(&mut follower, &mut seen).await {} }).await;
    assert!(seen.ends_with(b"0\r\n\r\n"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_are_few_and_one_that_hangs_up_makes_room() {
    let house = House::with(Config { followers_max: 1, ..Config::default() }).await;
    Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    let mut first = ask_to_follow(&house, job, "").await;
    let mut head = Vec::new();
    // The head does not wait for the first line.
    assert!(soon("the head of an answer", read_some(&mut first, &mut head)).await);
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    let path = format!("/api/v0/jobs/{job}/logs");
    let second = house.get(&format!("{path}?stream=true")).await;
    assert_eq!(second.refusal(), (429, "TOO_MANY_REQUESTS".to_owned()));
    assert_eq!(house.get(&path).await.body, "[]", "to look is not to follow");
    drop(first);
    assert_eq!(house.post(&format!("/api/v0/jobs/{job}/cancel"), "").await.status, 204);
    until("the place to be free", async || {
        house.get(&format!("{path}?stream=true")).await.status == 200
    })
    .await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_follow_one_job_and_all_see_the_same() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    let mut followers = Vec::new();
    for _ in 0..50 {
        followers.push(ask_to_follow(&house, job, "").await);
    }
    let lease = worker.claim(job).await;
    for i in 0..100_u64 {
        worker.print(job, lease, i, &[&format!("line {i}")]).await;
    }
    worker.finish(job, lease, 0).await;
    for follower in &mut followers {
        let answer = Answer::read(follower).await;
        let lines = objects(&answer.body);
        assert_eq!(lines.len(), 100);
        assert!(lines.iter().enumerate().all(|(i, line)| line["lineNum"] == json!(i)));
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_that_no_replica_has_any_more_is_said_to_be_missing() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    worker.run(job, &["one", "two"], 0).await;
    let path = format!("/api/v0/jobs/{job}/logs");
    assert_eq!(house.get(&path).await.json().as_array().expect("a list").len(), 2);
    house.lose_output_but(job, &[]).await;
    let text = "line 1 is missing: no replica that answers has the output";
    let line = json!({"data": text, "lineNum": 1, "source": "stint"});
    assert_eq!(house.get(&format!("{path}?offset=1")).await.json(), json!([line]));
    let followed = house.get(&format!("{path}?stream=true&offset=1")).await;
    assert_eq!(objects(&followed.body), [line]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_behind_a_gap_are_shown_while_a_job_runs_and_when_it_is_over() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    let lease = worker.claim(job).await;
    for (first, texts) in [(0, ["a", "b"]), (2, ["c", "d"]), (4, ["e", "f"]), (6, ["g", "h"])] {
        worker.print(job, lease, first, &texts).await;
    }
    house.lose_output_but(job, &[4]).await;
    let path = format!("/api/v0/jobs/{job}/logs");
    let note = |lines: &str, number: u64| {
        let text = format!("{lines} missing: no replica that answers has the output");
        json!({"data": text, "lineNum": number, "source": "stint"})
    };
    let line =
        |text: &str, number: u64| json!({"data": text, "lineNum": number, "source": "stdout"});
    let expected = [
        note("the lines 0 to 3 are", 3),
        line("e", 4),
        line("f", 5),
        note("the lines 6 to 7 are", 7),
    ];
    let all = house.get(&path).await.json();
    assert_eq!(all, json!(expected));
    assert_eq!(
        house.get(&format!("{path}?offset=2&limit=3")).await.json(),
        json!([note("the lines 2 to 3 are", 3), line("e", 4),])
    );
    assert_eq!(house.get(&format!("{path}?limit=1")).await.json(), json!([note("line 0 is", 0)]));

    let following = tokio::spawn({
        let (address, path) = (house.address, format!("{path}?stream=true"));
        async move { House::get_at(address, &path).await }
    });
    worker.print(job, lease, 8, &["i"]).await;
    worker.finish(job, lease, 0).await;
    let followed = following.await.expect("an answer");
    let expected = [&expected[..], &[line("i", 8)]].concat();
    assert_eq!(objects(&followed.body), expected);
    assert_eq!(house.get(&path).await.json(), json!(expected));
    // Who comes back behind the gap does not hear of it again.
    assert_eq!(house.get(&format!("{path}?offset=8")).await.json(), json!([line("i", 8)]));
    house.stop().await;
}

/// The answer as events, to a client that has seen the line of this id last.
async fn events(house: &House, job: JobId, query: &str, last_id: &str) -> Answer {
    let last_id =
        if last_id.is_empty() { String::new() } else { format!("Last-Event-ID: {last_id}\r\n") };
    house
        .ask(format!(
            "GET /api/v0/jobs/{job}/logs?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Accept: text/event-stream\r\n{last_id}\r\n"
        ))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_come_as_events_and_go_on_behind_the_last_id() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(SAY).await;
    let lease = worker.claim(job).await;
    worker.print(job, lease, 0, &["one", "two", "three"]).await;
    let event = |number: usize, text: &str| {
        format!(
            "id: {number}\nevent: line\n\
             data: {{\"data\":\"{text}\",\"lineNum\":{number},\"source\":\"stdout\"}}\n\n"
        )
    };
    let end = "event: end\ndata: {}\n\n";
    let (followed, ()) = tokio::join!(events(&house, job, "stream=true&offset=1", ""), async {
        worker.print(job, lease, 3, &["four"]).await;
        worker.finish(job, lease, 0).await;
    });
    assert_eq!(followed.status, 200);
    assert_eq!(followed.header("content-type"), Some("text/event-stream"));
    let expected = [event(1, "two"), event(2, "three"), event(3, "four"), end.to_owned()];
    assert_eq!(followed.body, expected.concat());

    let again = events(&house, job, "stream=true&offset=1", "2").await;
    assert_eq!(again.body, [event(3, "four"), end.to_owned()].concat());
    let part = events(&house, job, "offset=0&limit=2", "0").await;
    assert_eq!(part.body, [event(1, "two"), end.to_owned()].concat(), "the limit counts all");
    for (query, last_id) in [("stream=true", "3"), ("limit=2", "1"), ("stream=true", "99")] {
        let answer = events(&house, job, query, last_id).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{query} after {last_id}");
    }
    let wrong = events(&house, job, "stream=true", "two").await;
    assert_eq!(wrong.refusal(), (400, "INVALID_PARAMETERS".to_owned()));
    let none = events(&house, JobId::from_bytes([9; 16]), "stream=true", "").await;
    assert_eq!(none.refusal(), (404, "NO_SUCH_JOB".to_owned()));
    house.stop().await;
}
