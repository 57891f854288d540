//! The doors close: nobody new comes in, who is inside is let go.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::harness::{Answer, House, Puppet, read_some, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_is_answered_idle_connections_close_and_followers_are_cut() {
    let mut house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(r#"{"action":"say"}"#).await;
    let lease = worker.claim(job).await;
    worker.print(job, lease, 0, &["one"]).await;

    let mut idle = house.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(Answer::read(&mut idle).await.status, 200);
    let mut follower = house.connect().await;
    let head = format!("GET /api/v0/jobs/{job}/logs?stream=true HTTP/1.1\r\nHost: x\r\n\r\n");
    follower.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("one") {
        assert!(read_some(&mut follower, &mut seen).await, "the answer ended");
    }
    let mut busy = house.connect().await;
    let body = r#"{"action":"noop"}"#;
    let head =
        format!("POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    busy.write_all(head.as_bytes()).await.unwrap();
    busy.write_all(&body.as_bytes()[..5]).await.unwrap();
    // The head has come in once the server has taken a request that was sent after it.
    assert_eq!(house.get("/healthz").await.status, 200);

    let address = house.address;
    let start = Instant::now();
    let (closed, ()) = tokio::join!(house.shut_doors(), async {
        soon("the follower to be cut", async {
            while read_some(&mut follower, &mut seen).await {}
        })
        .await;
        busy.write_all(&body.as_bytes()[5..]).await.unwrap();
        assert_eq!(Answer::read(&mut busy).await.status, 202);
    });
    let () = closed;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(!seen.ends_with(b"\r\n0\r\n\r\n"), "that looks like the end of the job");
    let mut rest = Vec::new();
    assert!(!read_some(&mut idle, &mut rest).await, "{rest:?}");
    assert!(TcpStream::connect(address).await.is_err(), "somebody still listens");
    house.replica.shutdown().await.expect("a clean end");
}
