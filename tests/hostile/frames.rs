//! Clients that are slow, that stop halfway, that take everything back, and that shout.

use std::io::Write as _;
use std::net::TcpStream;

use prost::bytes::Bytes;

use super::calls::{connect, request, runtime};
use super::wire;

/// Connections that a slow client holds open.
const SLOW: usize = 200;

/// Streams that are opened and reset at once, on each of a few connections.
const RESETS: usize = 2_000;
const RESETTING: usize = 4;

const SUBMIT: &str = "/stint.v0.Jobs/SubmitJob";

/// Sends a part of a request on each connection, and leaves it at that.
pub(crate) fn slow_senders(address: &str) -> Vec<TcpStream> {
    let parts = [
        "P",
        "POST /api/v0/jobs HTTP/1.1\r\nHo",
        "POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"act",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    (0..SLOW)
        .zip(parts.iter().cycle())
        .map(|(_, part)| {
            let mut stream = wire::connect(address);
            stream.write_all(part.as_bytes()).expect("a part is taken");
            stream
        })
        .collect()
}

/// Ends its half of the connection in the middle of a request, and of a call.
pub(crate) fn half_closed(address: &str) {
    for part in ["POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", "GET /"] {
        let mut stream = wire::connect(address);
        stream.write_all(part.as_bytes()).expect("a part is taken");
        stream.shutdown(std::net::Shutdown::Write).expect("half a connection");
        let mut rest = Vec::new();
        // It is closed, with an answer or without.
        let _reset = std::io::Read::read_to_end(&mut stream, &mut rest).is_err();
    }
    runtime().block_on(async {
        let mut client = connect(address).await;
        let (answer, mut body) =
            client.send_request(request(SUBMIT, &[]), false).expect("a stream");
        body.send_data(Bytes::from_static(&[0, 0, 0]), true).expect("half a head");
        let answer = answer.await.expect("an answer");
        assert!(answer.headers().contains_key("grpc-status"), "{answer:?}");
    });
}

/// CVE-2023-44487: streams are opened and taken back faster than they can be answered.
pub(crate) fn rapid_resets(address: &str) {
    runtime().block_on(async {
        for _ in 0..RESETTING {
            let mut client = connect(address).await;
            for _ in 0..RESETS {
                // A server may well hang up on such a client.
                let Ok(ready) = client.clone().ready().await else { break };
                client = ready;
                let Ok((answer, mut body)) = client.send_request(request(SUBMIT, &[]), false)
                else {
                    break;
                };
                body.send_reset(h2::Reason::CANCEL);
                drop(answer);
            }
        }
    });
}

/// Announces 4 GiB and sends zeros until it is told to stop.
pub(crate) fn giant_messages(address: &str) {
    runtime().block_on(async {
        for _ in 0..8 {
            let mut client = connect(address).await;
            let (answer, mut body) =
                client.send_request(request(SUBMIT, &[]), false).expect("a stream");
            body.send_data(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]), false)
                .expect("a head");
            for _ in 0..1_024 {
                body.reserve_capacity(64 << 10);
                let room = std::future::poll_fn(|context| body.poll_capacity(context)).await;
                let Some(Ok(room)) = room else { break };
                if body.send_data(Bytes::from(vec![0; room]), false).is_err() {
                    break;
                }
            }
            let answer = answer.await.expect("an answer");
            assert!(answer.headers().contains_key("grpc-status"), "{answer:?}");
        }
    });
}
