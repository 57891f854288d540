//! Nobody holds a connection for nothing, and nobody but the slow is cut off.

use std::time::{Duration, Instant};

use stint_gateway::Config;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::harness::{Answer, House, Puppet, read_some, soon, until};

fn impatient() -> Config {
    Config {
        head_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(900),
        write_timeout: Duration::from_millis(300),
        ..Config::default()
    }
}

/// How long it takes until the server closes, with what it said before.
async fn until_closed(stream: &mut TcpStream) -> (Duration, String) {
    let start = Instant::now();
    let mut said = Vec::new();
    soon("the end of the connection", async { while read_some(stream, &mut said).await {} }).await;
    (start.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_come_to_its_end_is_cut_off_though_bytes_trickle() {
    let house = House::with(impatient()).await;
    let mut stream = house.connect().await;
    let start = Instant::now();
    let is_closed = async {
        while stream.write_all(b"G").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("the slow sender to be cut off", is_closed).await;
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(5), "{took:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_head_on_a_kept_connection_has_the_same_time() {
    let idle_timeout = Duration::from_mins(5);
    let house = House::with(Config { idle_timeout, ..impatient() }).await;
    let mut stream = house.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(Answer::read(&mut stream).await.status, 200);
    stream.write_all(b"GET /healthz HT").await.unwrap();
    let (_, said) = until_closed(&mut stream).await;
    assert_eq!(said, "");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_answered_with_408() {
    let house = House::with(impatient()).await;
    let mut stream = house.connect().await;
    let head = "POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"action\":";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = Answer::read(&mut stream).await;
    assert_eq!(answer.refusal(), (408, "REQUEST_TIMEOUT".to_owned()));
    until_closed(&mut stream).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_requests_is_closed_and_one_with_some_is_kept() {
    let idle_timeout = Duration::from_secs(2);
    let house = House::with(Config { idle_timeout, ..impatient() }).await;
    let mut silent = house.connect().await;
    let mut kept = house.connect().await;
    let start = Instant::now();
    while start.elapsed() < idle_timeout + Duration::from_secs(1) {
        kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert_eq!(Answer::read(&mut kept).await.status, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, said) = until_closed(&mut silent).await;
    assert_eq!(said, "");
    until_closed(&mut kept).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_there_are_places_wait_for_one() {
    let config = Config { connections_max: 1, ..Config::default() };
    let house = House::with(config).await;
    let mut first = house.connect().await;
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(Answer::read(&mut first).await.status, 200);
    let mut second = house.connect().await;
    second.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    let early = tokio::time::timeout(Duration::from_millis(200), read_some(&mut second, &mut said));
    assert!(early.await.is_err(), "the second was served beside the first");
    drop(first);
    assert_eq!(Answer::read(&mut second).await.status, 200);
    drop(second);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_there_is_no_room_for_requests_they_are_refused_and_life_is_still_shown() {
    let house = House::with(Config { requests_max: 1, ..Config::default() }).await;
    let head = "POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
    let mut holder = house.connect().await;
    until("the only place to be taken", async || {
        // Who asks may have had the place when the holder came, and that one was refused.
        holder = house.connect().await;
        holder.write_all(head.as_bytes()).await.unwrap();
        let answer = house.get("/version").await;
        let is_refused = answer.status == 429;
        if is_refused {
            assert_eq!(answer.refusal().1, "TOO_MANY_REQUESTS");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        is_refused
    })
    .await;
    assert_eq!(house.get("/healthz").await.body, "ok\n");
    drop(holder);
    until("the place to be free", async || house.get("/version").await.status == 200).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_are_bounded() {
    let house = House::start().await;
    let long = "x".repeat(64 << 10);
    for head in [
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: y\r\n".repeat(101)),
    ] {
        let mut stream = house.connect().await;
        let _refused = stream.write_all(head.as_bytes()).await.is_err();
        let (_, said) = until_closed(&mut stream).await;
        let status = said.split(' ').nth(1).unwrap_or("none");
        assert!(["431", "414", "400", "none"].contains(&status), "{said}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let house = House::with(Config { requests_max: 1, ..impatient() }).await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(r#"{"action":"say"}"#).await;
    let lease = worker.claim(job).await;
    let line = "x".repeat(10_000);
    // More than the buffers of both ends of a connection hold.
    for batch in 0..24 {
        worker.print(job, lease, batch * 50, &[line.as_str(); 50]).await;
    }
    let head = format!("GET /api/v0/jobs/{job}/logs HTTP/1.1\r\nHost: x\r\n\r\n");
    // Whoever asked before may still have the only place. Nobody else asks until it is taken.
    let (mut stream, mut said) = soon("the only place", async {
        loop {
            let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
            socket.set_recv_buffer_size(8_192).expect("a small buffer");
            let mut stream = socket.connect(house.address).await.expect("a connection");
            stream.write_all(head.as_bytes()).await.expect("a request");
            let mut said = Vec::new();
            while said.len() < 12 && read_some(&mut stream, &mut said).await {}
            if said.starts_with(b"HTTP/1.1 200") {
                return (stream, said);
            }
            assert!(said.starts_with(b"HTTP/1.1 429"), "{}", String::from_utf8_lossy(&said));
        }
    })
    .await;
    until("the place to be free", async || house.get("/version").await.status == 200).await;
    soon("the end of the connection", async { while read_some(&mut stream, &mut said).await {} })
        .await;
    let said = String::from_utf8_lossy(&said);
    assert!(!said.ends_with("]\r\n0\r\n\r\n"), "all {} bytes were kept for it", said.len());
    house.stop().await;
}
