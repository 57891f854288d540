//! From a command to its entry: stamped here if this replica leads, else sent to the one that does.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use openraft::errors::ClientWriteError;
use stint_core::{Command, Refusal, Reply};
use stint_failpoint::failpoint;
use stint_proto::peer::v1 as pb;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::audit::Origin;
use crate::codec::{
    check_unstamped, decode_answer, encode_answer, encode_command, stamp, with_origin,
};
use crate::error::Error;
use crate::gather::{PACE, gather};
use crate::inner::Inner;
use crate::limits::{FORWARD_BYTES_MAX, LEADER_PAUSE, PROPOSAL_BYTES_MAX};
use crate::peers::Lane;
use crate::room::Need;
use crate::types::Payload;

/// What became of one proposal.
#[derive(Debug, Clone)]
pub(crate) enum Proposed {
    /// It is in the log, at this index, and applied by the leader.
    Answered(u64, Result<Reply, Refusal>),
    /// It is not in the log: this replica does not lead.
    NotLeader,
    /// It is not in the log, for this reason.
    Refused(Error),
    /// It may be in the log.
    Unknown(String),
}

/// A proposal that waits to be made, here or by the leader.
pub(crate) struct Forward {
    command: Bytes,
    answer: oneshot::Sender<Proposed>,
}

/// Whether proposing it again cannot do anything twice: ids, lease numbers and line numbers see to
/// that. A claim asks for more each time; of two deletions the second would say that there was
/// nothing, or delete what was put in between; a token that is created twice may have been revoked
/// in between; a job that was compacted may have been submitted anew under its key.
fn may_be_repeated(command: &Command) -> bool {
    match command {
        Command::Claim { .. }
        | Command::DeleteCron { .. }
        | Command::DeleteActionConfig { .. }
        | Command::CreateToken(_)
        | Command::RevokeToken { .. }
        | Command::Compact(_) => false,
        Command::Tick
        | Command::Submit(_)
        | Command::Cancel { .. }
        | Command::Delete { .. }
        | Command::Bulk(_)
        | Command::PauseQueue { .. }
        | Command::ResumeQueue { .. }
        | Command::SetCapacity { .. }
        | Command::Drain { .. }
        | Command::Resume { .. }
        | Command::GiveToken { .. }
        | Command::Register(_)
        | Command::Offer(_)
        | Command::Confirm { .. }
        | Command::Heartbeat { .. }
        | Command::AppendLines { .. }
        | Command::Finish { .. }
        | Command::Leave { .. }
        | Command::Expire { .. }
        | Command::PutCron(_)
        | Command::Fire(_)
        | Command::PauseCron { .. }
        | Command::ResumeCron { .. }
        | Command::RunCron { .. }
        | Command::PutActionConfig(_)
        | Command::PutSettings(_)
        | Command::Members(_)
        | Command::Close { .. }
        | Command::ResetAdmin { .. }
        | Command::Refound
        | Command::RaiseLevel { .. } => true,
        #[cfg(feature = "next-level")]
        Command::Notch => false,
    }
}

impl Inner {
    /// Has the command carried out, wherever the leader is, within the time of a request.
    pub(crate) async fn propose(
        &self,
        command: Command,
        origin: Option<&Origin>,
    ) -> Result<Result<Reply, Refusal>, Error> {
        let began = Instant::now();
        let outcome = self.propose_until_answered(command, origin).await;
        if outcome.is_ok() {
            self.counts.proposals.note(began.elapsed());
        } else {
            self.counts.proposals_failed.add_one();
        }
        outcome
    }

    async fn propose_until_answered(
        &self,
        command: Command,
        origin: Option<&Origin>,
    ) -> Result<Result<Reply, Refusal>, Error> {
        let need = Need::of(&command, &self.applied.read().state);
        self.room_for(need)?;
        self.is_level_for(&command).await?;
        let repeatable = may_be_repeated(&command);
        let mut command = encode_command(&command);
        if let Some(origin) = origin {
            command = with_origin(&command, origin);
        }
        if command.len() > PROPOSAL_BYTES_MAX {
            // An entry that storage cannot take would be the end of every leader in turn.
            let what = "a command, in bytes,".into();
            let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
            let (got, limit) = (number(command.len()), number(PROPOSAL_BYTES_MAX));
            return Ok(Err(Refusal::OverLimit { what, got, limit }));
        }
        let end = Instant::now() + self.timing.request;
        let mut unknown = None;
        loop {
            if let Some(error) = self.failure.seen() {
                return Err(error);
            }
            if let Err(error) = self.has_word() {
                return Err(unknown.map_or(error, Error::Unknown));
            }
            let attempt = self.propose_once(command.clone());
            let left = end.saturating_duration_since(Instant::now());
            let outcome = match tokio::time::timeout(left, attempt).await {
                Ok(outcome) => outcome,
                Err(_) => Proposed::Unknown("no answer came in time".to_owned()),
            };
            let why = match outcome {
                Proposed::Answered(index, answer) => {
                    self.wait_applied(index, end).await?;
                    return Ok(answer);
                }
                Proposed::NotLeader => "none is known".to_owned(),
                Proposed::Refused(error) => return Err(error),
                Proposed::Unknown(why) if repeatable => {
                    unknown = Some(why.clone());
                    why
                }
                Proposed::Unknown(why) => return Err(Error::Unknown(why)),
            };
            if Instant::now() + LEADER_PAUSE >= end {
                return Err(match unknown {
                    Some(why) => Error::Unknown(why),
                    None => Error::NoLeader(why),
                });
            }
            tokio::time::sleep(LEADER_PAUSE).await;
        }
    }

    async fn propose_once(&self, command: Bytes) -> Proposed {
        let (answer, answered) = oneshot::channel();
        if self.forwards.send(Forward { command, answer }).await.is_err() {
            return Proposed::Refused(Error::ShuttingDown);
        }
        answered.await.unwrap_or(Proposed::Refused(Error::ShuttingDown))
    }

    /// Proposes what a peer has sent. Nothing that could not be applied may get into the log: it
    /// would stop every replica.
    pub(crate) async fn propose_for_peer(&self, commands: Vec<Bytes>) -> Vec<Proposed> {
        if failpoint!("consensus::forward::heard").is_err() {
            return vec![Proposed::NotLeader; commands.len()];
        }
        let decoded = commands.iter().map(|bytes| check_unstamped(bytes));
        match decoded.collect::<Result<Vec<_>, _>>() {
            Ok(decoded) => {
                if let Some(error) =
                    decoded.iter().find_map(|command| self.level_for(command).err())
                {
                    return vec![Proposed::Refused(error); commands.len()];
                }
                self.propose_with_room(commands, &decoded).await
            }
            Err(garbled) => {
                tracing::warn!(%garbled, "a peer's proposals were refused");
                vec![Proposed::Refused(Error::Unavailable(garbled.to_string())); commands.len()]
            }
        }
    }

    /// Proposes those for which there is room here.
    async fn propose_with_room(&self, commands: Vec<Bytes>, decoded: &[Command]) -> Vec<Proposed> {
        let Err(error) = self.room() else { return self.propose_here(commands).await };
        let needs: Vec<_> = {
            let view = self.applied.read();
            decoded.iter().map(|command| Need::of(command, &view.state)).collect()
        };
        let is_upkeep = |(_, need): &(Bytes, &Need)| **need == Need::Upkeep;
        let fit = commands.into_iter().zip(&needs).filter(is_upkeep).map(|(bytes, _)| bytes);
        let mut answers = self.propose_here(fit.collect()).await.into_iter();
        let answer = |need: &Need| match need {
            Need::Work => Proposed::Refused(error.clone()),
            Need::Upkeep => answers.next().unwrap_or(Proposed::NotLeader),
        };
        needs.iter().map(answer).collect()
    }

    /// Proposes as the leader, in one message to Raft, and waits for all the answers.
    pub(crate) async fn propose_here(&self, commands: Vec<Bytes>) -> Vec<Proposed> {
        let count = commands.len();
        if count == 0 {
            return Vec::new();
        }
        if self.silence().is_some() {
            // It would be in this replica's log, and its outcome unknown for as long as that lasts.
            return vec![Proposed::NotLeader; count];
        }
        if let Err(error) = self.room_for(Need::Upkeep) {
            return vec![Proposed::Refused(error); count];
        }
        let Some(at) = self.clock.wait(self.timing.request).await else {
            let why = "the clocks of most replicas are not known yet".to_owned();
            return vec![Proposed::Refused(Error::Unavailable(why)); count];
        };
        if let Err(why) = failpoint!("consensus::propose::begin") {
            return vec![Proposed::Refused(Error::Unavailable(why.to_string())); count];
        }
        let entries: Vec<_> =
            commands.into_iter().map(|command| Payload(stamp(at, &command))).collect();
        let Ok(mut answers) = self.raft.client_write_many(entries).await else {
            // Raft has not taken it. Why it has stopped is kept in `failure`; another may lead.
            return vec![Proposed::NotLeader; count];
        };
        let mut outcomes = Vec::with_capacity(count);
        while let Some(answer) = answers.next().await {
            outcomes.push(match answer {
                Ok(Ok(written)) => match written.response {
                    Some(answer) => Proposed::Answered(written.log_id.index, answer),
                    None => Proposed::Unknown("the entry has no answer".to_owned()),
                },
                Ok(Err(ClientWriteError::ForwardToLeader(_))) => Proposed::NotLeader,
                Ok(Err(error)) => Proposed::Unknown(error.to_string()),
                Err(fatal) => Proposed::Unknown(fatal.to_string()),
            });
        }
        outcomes.resize(count, Proposed::Unknown("the leader stopped".to_owned()));
        if let Err(why) = failpoint!("consensus::propose::answered") {
            return vec![Proposed::Unknown(why.to_string()); count];
        }
        outcomes
    }

    /// Proposes what callers here want, wherever the leader is.
    pub(crate) async fn forward(self: Arc<Self>, queue: mpsc::Receiver<Forward>) {
        gather(PACE, queue, |gathered| {
            // Whoever has given up is not proposed for: he has been told that it may be in the log.
            gathered.retain(|forward| !forward.answer.is_closed());
            (!gathered.is_empty()).then(|| self.send_forwards(one_message(gathered)))
        })
        .await;
    }

    async fn send_forwards(&self, batch: Vec<Forward>) {
        let count = batch.len();
        let (commands, waiting): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|forward| (forward.command, forward.answer)).unzip();
        let mut outcomes = self.ask_leader(commands).await;
        outcomes.resize(count, Proposed::Unknown("the leader's answer was cut short".to_owned()));
        for (waiting, outcome) in waiting.into_iter().zip(outcomes) {
            // Whoever asked may have given up.
            drop(waiting.send(outcome));
        }
    }

    async fn ask_leader(&self, commands: Vec<Bytes>) -> Vec<Proposed> {
        let count = commands.len();
        if self.raft.is_leader() {
            // Whoever waits for it waits no longer either.
            let answers = self.propose_here(commands);
            let why = "no answer came in time".to_owned();
            let answers = tokio::time::timeout(self.timing.request, answers).await;
            return answers.unwrap_or_else(|_| vec![Proposed::Unknown(why); count]);
        }
        let Some((leader, address)) = self.leader() else {
            return vec![Proposed::NotLeader; count];
        };
        let Ok(mut client) = self.peers.client(leader, &address, Lane::Request) else {
            return vec![Proposed::NotLeader; count];
        };
        let message = pb::ProposeRequest { cluster: self.cluster.to_vec(), proposals: commands };
        let mut request = tonic::Request::new(message);
        request.set_timeout(self.timing.request);
        if failpoint!("consensus::forward::send").is_err() {
            return vec![Proposed::NotLeader; count];
        }
        let answer = client.propose(request).await;
        if let Err(why) = failpoint!("consensus::forward::answered") {
            return vec![Proposed::Unknown(why.to_string()); count];
        }
        match answer {
            Ok(answer) => answer.into_inner().results.into_iter().map(of_wire).collect(),
            Err(status) if was_not_sent(&status) => vec![Proposed::NotLeader; count],
            Err(status) => vec![Proposed::Unknown(status.to_string()); count],
        }
    }
}

/// Takes from the front what goes into one message: at least one, and then up to a bound.
fn one_message(batch: &mut Vec<Forward>) -> Vec<Forward> {
    let mut bytes = 0;
    let fits = |forward: &&Forward| {
        let is_first = bytes == 0;
        bytes += forward.command.len();
        is_first || bytes <= FORWARD_BYTES_MAX
    };
    let count = batch.iter().take_while(fits).count();
    let rest = batch.split_off(count);
    std::mem::replace(batch, rest)
}

/// Whether the peer cannot have seen the call: there was no connection, or it was not the one that
/// was meant, which says so before it looks any further.
fn was_not_sent(status: &tonic::Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        source = error.source();
    }
    matches!(status.code(), tonic::Code::FailedPrecondition | tonic::Code::PermissionDenied)
}

/// The outcome as the peer service tells it.
pub(crate) fn to_wire(outcome: Proposed) -> pb::ProposeResult {
    use pb::propose_result::Result as Wire;
    let result = match outcome {
        Proposed::Answered(index, answer) => {
            Wire::Answered(pb::Answered { index, answer: encode_answer(&answer).into() })
        }
        Proposed::NotLeader => Wire::NotLeader(true),
        Proposed::Refused(Error::DiskFull(why)) => Wire::DiskFull(why),
        Proposed::Refused(error) => Wire::Unavailable(error.to_string()),
        Proposed::Unknown(why) => Wire::Unknown(why),
    };
    pb::ProposeResult { result: Some(result) }
}

fn of_wire(result: pb::ProposeResult) -> Proposed {
    use pb::propose_result::Result as Wire;
    match result.result {
        Some(Wire::Answered(answered)) => match decode_answer(&answered.answer) {
            Ok(answer) => Proposed::Answered(answered.index, answer),
            Err(garbled) => Proposed::Unknown(garbled.to_string()),
        },
        Some(Wire::NotLeader(_)) => Proposed::NotLeader,
        Some(Wire::Unavailable(why)) => Proposed::Refused(Error::Unavailable(why)),
        Some(Wire::DiskFull(why)) => Proposed::Refused(Error::DiskFull(why)),
        Some(Wire::Unknown(why)) => Proposed::Unknown(why),
        None => Proposed::Unknown("the leader's answer is empty".to_owned()),
    }
}
