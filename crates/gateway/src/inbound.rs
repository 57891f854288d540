//! The body of a request on its way in: bounded in time, and in how much of all bodies is held.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use thiserror::Error;
use tokio::time::Sleep;
use tonic::Status;

use crate::api::ApiError;
use crate::clients::{Share, Shares, Taken};
use crate::connection::InFlight;
use crate::grpc;
use crate::limits;

/// A body that ends in time, or in an error.
pub(crate) struct Inbound {
    incoming: Incoming,
    timeout: Duration,
    /// Made when the client is first waited for: most bodies come together with their head.
    timer: Option<Pin<Box<Sleep>>>,
    bytes: usize,
    /// Whether it has been looked at before.
    is_begun: bool,
    /// Whether it has room as a large one, or was refused it.
    is_large: bool,
    large_bodies: Arc<Shares>,
    in_flight: Arc<InFlight>,
}

/// The right to hold a large body, for as long as its request is under way.
pub(crate) type LargeBody = Share;

/// Why a body did not come in whole. The gRPC door finds its status as the source.
#[derive(Debug, Error)]
#[error("{message}")]
pub(crate) struct InboundError {
    message: String,
    /// `None` if the connection broke, and then nobody reads the answer.
    refusal: Option<ApiError>,
    #[source]
    status: Option<Box<Status>>,
}

impl InboundError {
    fn refused(refusal: ApiError) -> Self {
        let status = Box::new(grpc::status(&refusal));
        Self { message: refusal.to_string(), refusal: Some(refusal), status: Some(status) }
    }

    fn broken(error: &hyper::Error) -> Self {
        Self { message: format!("the body broke off: {error}"), refusal: None, status: None }
    }
}

impl Inbound {
    /// Reads `incoming` for at most `timeout` from the first look at it on.
    pub(crate) fn new(
        incoming: Incoming,
        timeout: Duration,
        large_bodies: Arc<Shares>,
        in_flight: Arc<InFlight>,
    ) -> Self {
        Self {
            incoming,
            timeout,
            timer: None,
            bytes: 0,
            is_begun: false,
            is_large: false,
            large_bodies,
            in_flight,
        }
    }

    /// Asks for room before anything is read, if the client says that it sends a large body.
    fn begin(&mut self) -> Result<(), InboundError> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Ok(());
        }
        let declared = usize::try_from(self.incoming.size_hint().lower()).unwrap_or(usize::MAX);
        if declared <= limits::SMALL_BODY_BYTES_MAX {
            return Ok(());
        }
        self.is_large = true;
        self.take_room()
    }

    /// Counts what came in, and asks for room when the body turns out to be a large one.
    fn count(&mut self, bytes: usize) -> Result<(), InboundError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.is_large || self.bytes <= limits::SMALL_BODY_BYTES_MAX {
            return Ok(());
        }
        self.is_large = true;
        self.take_room()
    }

    fn take_room(&mut self) -> Result<(), InboundError> {
        let client = self.in_flight.client();
        let permit = self.large_bodies.take(client.clone()).map_err(|taken| {
            let message = match taken {
                Taken::All => "too many large requests are under way; try again".to_owned(),
                Taken::Own(each) => format!(
                    "{client}: {each} large requests are under way on this replica, which is all \
                     that one client may have; try again when one has ended"
                ),
            };
            InboundError::refused(ApiError::TooManyRequests(message))
        })?;
        self.in_flight.keep(permit);
        Ok(())
    }
}

/// Why a body did not come in: what [`InboundError`] says, somewhere below axum's own error.
pub(crate) fn refusal(error: &axum::Error) -> ApiError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref().and_then(|e: &InboundError| e.refusal.clone()) {
            return refusal;
        }
        cause = error.source();
    }
    ApiError::InvalidJson(error.to_string())
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = InboundError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InboundError>>> {
        let this = &mut *self;
        if let Err(refusal) = this.begin() {
            return Poll::Ready(Some(Err(refusal)));
        }
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(this.count(bytes).map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(InboundError::broken(&error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let timeout = this.timeout;
                let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
                timer.as_mut().poll(cx).map(|()| {
                    let slow = ApiError::TooSlow(timeout.as_secs());
                    Some(Err(InboundError::refused(slow)))
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
