//! Heartbeats over one stream, for as long as each of them is answered.
//!
//! A call of its own for each costs more than all else that an idle cluster does: its headers, its task
//! at the peer, its end.

use stint_proto::peer::v1 as pb;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::peers::Client;

/// A stream of heartbeats, of which each is answered before the next is sent.
pub(crate) struct Session {
    requests: mpsc::Sender<pb::AppendEntriesRequest>,
    answers: Streaming<pb::AppendEntriesResponse>,
}

impl Session {
    /// Begins a stream with its first heartbeat.
    pub(crate) async fn begin(
        mut client: Client,
        first: pb::AppendEntriesRequest,
    ) -> Result<(Self, pb::AppendEntriesResponse), Status> {
        let (requests, to_send) = mpsc::channel(1);
        send(&requests, first)?;
        let answers = client.append_entries(ReceiverStream::new(to_send)).await?.into_inner();
        let mut session = Self { requests, answers };
        let answer = session.answer().await?;
        Ok((session, answer))
    }

    /// Sends the next heartbeat. After an error the stream is of no more use.
    pub(crate) async fn ask(
        &mut self,
        request: pb::AppendEntriesRequest,
    ) -> Result<pb::AppendEntriesResponse, Status> {
        send(&self.requests, request)?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<pb::AppendEntriesResponse, Status> {
        let answer = self.answers.message().await?;
        answer.ok_or_else(|| Status::unavailable("no answer to a heartbeat"))
    }
}

/// There is room: the heartbeat before it was answered.
fn send(
    requests: &mpsc::Sender<pb::AppendEntriesRequest>,
    request: pb::AppendEntriesRequest,
) -> Result<(), Status> {
    let sent = requests.try_send(request);
    sent.map_err(|_| Status::unavailable("the stream of heartbeats has ended"))
}
