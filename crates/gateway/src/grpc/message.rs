//! The message of a request, read before it is decoded. To decode a large one, or one that may have been
//! made small, takes as long as to make a page: it is done when it is the caller's turn, and where nobody
//! waits for it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use hyper::body::{Frame, SizeHint};
use stint_consensus::in_place;
use tower::Service as _;

use crate::api::{Api, ApiError, Caller};
use crate::clients::Turn;
use crate::inbound;
use crate::limits;

/// What stands before a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// A message that is all there, and the turn of whoever has sent it. The turn is over as soon as the
/// message is decoded, which is when nobody has this any more.
struct Whole {
    bytes: Option<Bytes>,
    _turn: Turn,
}

/// Passes on a request that has one message.
pub(crate) async fn pass_on(
    api: &Api,
    caller: &Caller,
    request: Request<Body>,
    mut router: Router,
) -> Result<Response<Body>, ApiError> {
    let may_be_packed = may_be_packed(request.headers());
    let (head, body) = request.into_parts();
    let bytes = read(body).await?;
    if bytes.len() <= limits::SMALL_BODY_BYTES_MAX && !may_be_packed {
        let answer = router.call(Request::from_parts(head, Body::from(bytes))).await;
        return Ok(answer.unwrap_or_else(|never| match never {}));
    }
    let turn = api.turn_to_page(caller).await?;
    let whole = Body::new(Whole { bytes: Some(bytes), _turn: turn });
    let mut answer = pin!(router.call(Request::from_parts(head, whole)));
    let answer = poll_fn(|cx| in_place(|| answer.as_mut().poll(cx))).await;
    Ok(answer.unwrap_or_else(|never| match never {}))
}

/// Whether the message may be longer than what has come of it.
fn may_be_packed(headers: &HeaderMap) -> bool {
    headers.get("grpc-encoding").is_some_and(|encoding| encoding != "identity")
}

/// All of the body, or enough of it to see that it is too long: whoever decodes it says so.
async fn read(mut body: Body) -> Result<Bytes, ApiError> {
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|error| inbound::refusal(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.is_empty() && joined.is_empty() {
            // Most messages are one frame, which needs no copy.
            first = data;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&data);
        }
        if is_too_long(if joined.is_empty() { &first } else { &joined }) {
            break;
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// Whether what has come of a body has more than a message may have, or says that it will.
fn is_too_long(bytes: &[u8]) -> bool {
    let max = limits::GRPC_MESSAGE_BYTES_MAX;
    let announced = bytes.get(1..PREFIX_BYTES).and_then(|length| length.try_into().ok());
    let announced = announced.map_or(0, u32::from_be_bytes);
    bytes.len() > max + PREFIX_BYTES || usize::try_from(announced).is_ok_and(|length| length > max)
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.bytes.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(left).unwrap_or(u64::MAX))
    }
}
