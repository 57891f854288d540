//! How many connections one address has.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use stint_gateway::Config;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::encrypted::Encrypted;
use crate::harness::{Answer, House, read_some, soon, until};

/// Connections that one address may have here.
const EACH: u32 = 3;

fn narrow() -> Config {
    Config {
        connections_per_address: NonZeroU32::new(EACH).expect("some"),
        // Nobody is cut off for something else.
        handshake_timeout: Duration::from_mins(10),
        idle_timeout: Duration::from_mins(10),
        ..Config::default()
    }
}

/// A connection from another address of this machine than tests usually come from.
async fn connect_from_elsewhere(to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::new(127, 0, 0, 9), 0).into()).expect("an address");
    socket.connect(to).await.expect("a connection")
}

async fn get(mut stream: TcpStream, path: &str) -> (Answer, TcpStream) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    // Who is turned away is told so before it has asked.
    let _turned_away = stream.write_all(request.as_bytes()).await.is_err();
    (Answer::read(&mut stream).await, stream)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_so_many_connections_and_others_have_theirs() {
    let house = House::with(narrow()).await;
    let mut held = Vec::new();
    // Those by which the house was seen to be ready may be about to end.
    until("as many connections as one address may have", async || {
        let (answer, stream) = get(house.connect().await, "/healthz").await;
        if answer.status == 200 {
            held.push(stream);
        }
        held.len() == 3
    })
    .await;

    // An answer that nobody has asked for is there as soon as the connection is.
    let mut one_more = house.connect().await;
    let answer = Answer::read(&mut one_more).await;
    assert_eq!(answer.refusal(), (429, "TOO_MANY_REQUESTS".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(answer.body.contains("address 127.0.0.1: 3 connections"), "{answer:?}");
    assert!(answer.body.contains("limits.connections_per_address"), "{answer:?}");
    let mut rest = Vec::new();
    assert!(!soon("the end of it", read_some(&mut one_more, &mut rest)).await);

    let (metrics, _stream) = get(connect_from_elsewhere(house.address).await, "/metrics").await;
    assert_eq!(metrics.status, 200);
    let number = |name: &str| {
        let line = metrics.body.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a metric").trim().parse::<f64>().expect("a number")
    };
    assert!(number("stint_connections ") >= 4.0);
    assert!(number("stint_connections_refused_total ") >= 1.0);

    held.pop();
    until("the place that was given back", async || {
        get(house.connect().await, "/healthz").await.0.status == 200
    })
    .await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_encrypted_is_closed_before_its_handshake() {
    let encrypted = Encrypted::start(narrow()).await;
    let address = encrypted.house.address;
    // They are accepted in the order in which they come, and no handshake ends.
    let mut held = Vec::new();
    for _ in 0..EACH {
        held.push(TcpStream::connect(address).await.expect("a connection"));
    }
    let mut one_more = TcpStream::connect(address).await.expect("a connection");
    let mut said = Vec::new();
    assert!(!soon("the end of it", read_some(&mut one_more, &mut said)).await);
    let stream = encrypted.encrypt(connect_from_elsewhere(address).await).await;
    drop((held, stream));
    encrypted.house.stop().await;
}
