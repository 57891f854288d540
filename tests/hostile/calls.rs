//! Bad calls by gRPC, of every method that reflection knows.

use std::time::Duration;

use h2::client::SendRequest;
use http::{HeaderMap, Method, Request};
use prost::bytes::{BufMut as _, Bytes, BytesMut};

/// Longer than any of these calls takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// One bad call: the path, the literal bytes of its stream, its headers, and the codes allowed.
#[derive(Debug)]
pub(crate) struct Call {
    name: String,
    path: String,
    frame: Bytes,
    headers: Vec<(&'static str, &'static str)>,
    allowed: &'static [&'static str],
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A message as gRPC frames it.
pub(crate) fn framed(flag: u8, announced: usize, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(flag);
    frame.put_u32(u32::try_from(announced).expect("a length of gRPC"));
    frame.put_slice(message);
    frame.freeze()
}

const INVALID: &[&str] = &["3", "13"];
const UNIMPLEMENTED: &[&str] = &["12"];

/// All of them.
pub(crate) fn all(methods: &[String]) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut call = |name: &str, path: &str, frame: Bytes, headers: &[_], allowed| {
        let (name, path, headers) =
            (format!("{path} with {name}"), path.to_owned(), headers.to_vec());
        calls.push(Call { name, path, frame, headers, allowed });
    };
    for path in methods {
        let garbage = framed(0, 8, b"\xff\xff\xff\xff\xff\xff\xff\xff");
        call("garbage", path, garbage, &[], INVALID);
        call("no UTF-8", path, framed(0, 4, b"\x0a\x02\xff\xfe"), &[], &["0", "3", "13", "5"]);
        call("half a message", path, framed(0, 100, b"\x0a"), &[], &["3", "13", "14", "1"]);
        call("a compression nobody said", path, framed(1, 1, b"x"), &[], INVALID);
        call("a flag that is none", path, framed(7, 1, b"x"), &[], INVALID);
        let gzip = [("grpc-encoding", "gzip")];
        call("what is not gzip", path, framed(1, 4, b"nope"), &gzip, INVALID);
        let snappy = [("grpc-encoding", "snappy")];
        call("snappy", path, framed(1, 1, b"x"), &snappy, UNIMPLEMENTED);
        let large = vec![0; 5 << 20];
        call("5 MiB", path, framed(0, large.len(), &large), &[], &["8", "11"]);
        call("an announced 4 GiB", path, framed(0, 0xffff_ffff, b"x"), &[], &["8", "11"]);
        let past = [("grpc-timeout", "nonsense")];
        call("a timeout that is none", path, framed(0, 1, b"\xff"), &past, INVALID);
        call("another method", &format!("{path}X"), framed(0, 0, b""), &[], UNIMPLEMENTED);
    }
    calls
}

/// Makes all calls on one connection, and says what is wrong with their answers.
pub(crate) fn check(address: &str, calls: &[Call]) -> Vec<String> {
    runtime().block_on(async {
        let mut client = connect(address).await;
        let mut wrong = Vec::new();
        for call in calls {
            match tokio::time::timeout(PATIENCE, make(&mut client, call)).await {
                Ok(Ok(code)) if call.allowed.contains(&code.as_str()) => {}
                Ok(Ok(code)) => {
                    wrong.push(format!("{}: {code}, not {:?}", call.name, call.allowed));
                }
                Ok(Err(error)) => {
                    wrong.push(format!("{}: {error}", call.name));
                    client = connect(address).await;
                }
                Err(_) => wrong.push(format!("{}: no answer", call.name)),
            }
        }
        wrong
    })
}

pub(crate) async fn connect(address: &str) -> SendRequest<Bytes> {
    let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let (client, connection) = h2::client::handshake(stream).await.expect("a handshake");
    // It ends with the connection, and with the runtime of the test.
    drop(tokio::spawn(connection));
    client.ready().await.expect("a connection that is ready")
}

pub(crate) fn request(path: &str, headers: &[(&'static str, &'static str)]) -> Request<()> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://x{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

/// The `grpc-status` of the answer.
async fn make(client: &mut SendRequest<Bytes>, call: &Call) -> Result<String, h2::Error> {
    let (answer, mut body) = client.send_request(request(&call.path, &call.headers), false)?;
    let mut rest = call.frame.clone();
    while !rest.is_empty() {
        body.reserve_capacity(rest.len());
        let room = std::future::poll_fn(|context| body.poll_capacity(context)).await;
        // A server that refuses early closes the stream; what counts is the answer.
        let Some(Ok(room)) = room else { break };
        let piece = rest.split_to(room.min(rest.len()));
        if body.send_data(piece, false).is_err() {
            break;
        }
    }
    // The same.
    let _closed = body.send_data(Bytes::new(), true).is_err();
    let answer = answer.await?;
    if let Some(code) = status(answer.headers()) {
        return Ok(code);
    }
    let mut body = answer.into_body();
    while let Some(piece) = body.data().await {
        body.flow_control().release_capacity(piece?.len())?;
    }
    let trailers = body.trailers().await?.unwrap_or_default();
    Ok(status(&trailers).unwrap_or_default())
}

pub(crate) fn status(headers: &HeaderMap) -> Option<String> {
    headers.get("grpc-status").and_then(|code| code.to_str().ok()).map(str::to_owned)
}
