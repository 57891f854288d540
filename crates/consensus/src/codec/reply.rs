//! Replies and refusals, on their way from the leader to the replica that was asked.

use std::sync::Arc;

use prost::Message as _;
use stint_core::{Epoch, JobId, Refusal, Reply, Timestamp, TokenId};
use stint_proto::peer::v1 as pb;
use stint_proto::peer::v1::answer::Answer as Wire;

use super::job::{from_wire, to_wire};
use super::token::token_id;
use super::{Decoded, Garbled, decode, job_bytes, job_id, lease, members, missing, worker_id};

pub(crate) fn encode_answer(answer: &Result<Reply, Refusal>) -> Vec<u8> {
    let answer = match answer {
        Ok(Reply::Ok) => Wire::Done(true),
        Ok(Reply::Submitted(job)) => Wire::Submitted(to_wire(job)),
        Ok(Reply::SubmittedBefore(id)) => Wire::SubmittedBefore(job_bytes(*id)),
        Ok(Reply::Registered { epoch }) => Wire::Registered(epoch.0),
        Ok(Reply::Claimed { count }) => Wire::Claimed(*count),
        Ok(Reply::LinesAppended { line_count }) => Wire::LinesAppended(*line_count),
        Ok(Reply::Finished(runs)) => Wire::Finished(pb::FinishAnswers {
            runs: runs
                .iter()
                .map(|run| pb::FinishAnswer { refusal: run.as_ref().err().map(refusal) })
                .collect(),
        }),
        Ok(Reply::Bulk(jobs)) => {
            Wire::Bulk(pb::BulkAnswers { jobs: jobs.iter().map(bulk_answer).collect() })
        }
        Err(no) => Wire::Refusal(refusal(no)),
    };
    pb::Answer { answer: Some(answer) }.encode_to_vec()
}

pub(crate) fn decode_answer(bytes: &[u8]) -> Decoded<Result<Reply, Refusal>> {
    let answer: pb::Answer = decode("answer", bytes)?;
    Ok(Ok(match answer.answer.ok_or_else(|| missing("answer"))? {
        Wire::Done(_) => Reply::Ok,
        Wire::Submitted(job) => Reply::Submitted(Arc::new(from_wire(job)?)),
        Wire::SubmittedBefore(id) => Reply::SubmittedBefore(job_id(&id)?),
        Wire::Registered(epoch) => Reply::Registered { epoch: Epoch(epoch) },
        Wire::Claimed(count) => Reply::Claimed { count },
        Wire::LinesAppended(line_count) => Reply::LinesAppended { line_count },
        Wire::Finished(answers) => {
            let one = |run: pb::FinishAnswer| match run.refusal {
                None => Ok(Ok(())),
                Some(no) => refusal_of(no).map(Err),
            };
            Reply::Finished(answers.runs.into_iter().map(one).collect::<Decoded<_>>()?)
        }
        Wire::Bulk(answers) => {
            Reply::Bulk(answers.jobs.into_iter().map(bulk_answer_of).collect::<Decoded<_>>()?)
        }
        Wire::Refusal(no) => return refusal_of(no).map(Err),
    }))
}

fn bulk_answer(answer: &Result<JobId, Refusal>) -> pb::BulkAnswer {
    match answer {
        Ok(job) => pb::BulkAnswer { job: job_bytes(*job), refusal: None },
        Err(no) => pb::BulkAnswer { job: Vec::new(), refusal: Some(refusal(no)) },
    }
}

fn bulk_answer_of(answer: pb::BulkAnswer) -> Decoded<Result<JobId, Refusal>> {
    match answer.refusal {
        None => job_id(&answer.job).map(Ok),
        Some(no) => refusal_of(no).map(Err),
    }
}

/// A refusal alone, as the audit log keeps it.
pub(super) fn encode_refusal(no: &Refusal) -> Vec<u8> {
    refusal(no).encode_to_vec()
}

pub(super) fn decode_refusal(bytes: &[u8]) -> Decoded<Refusal> {
    refusal_of(decode("refusal", bytes)?)
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Of what there is no more than so many.
fn limited(kind: u32, limit: usize) -> pb::Refusal {
    pb::Refusal { kind, a: number(limit), ..pb::Refusal::default() }
}

/// Of what has this name.
fn about(kind: u32, name: &str) -> pb::Refusal {
    pb::Refusal { kind, text: name.to_owned(), ..pb::Refusal::default() }
}

fn refusal(no: &Refusal) -> pb::Refusal {
    let empty = pb::Refusal::default();
    match no {
        Refusal::NoSuchJob(id) => pb::Refusal { kind: 1, job: job_bytes(*id), ..empty },
        Refusal::NoSuchWorker(id) => pb::Refusal { kind: 2, worker: id.get(), ..empty },
        Refusal::NoSuchAction(name) => pb::Refusal { kind: 3, text: name.clone(), ..empty },
        Refusal::BadParameter { action, parameter, problem } => pb::Refusal {
            kind: 60,
            text: action.clone(),
            texts: vec![parameter.clone(), problem.clone()],
            ..empty
        },
        Refusal::IdTaken(id) => pb::Refusal { kind: 4, job: job_bytes(*id), ..empty },
        Refusal::SubmitTooLate(id) => pb::Refusal { kind: 5, job: job_bytes(*id), ..empty },
        Refusal::QueueFull { limit } => pb::Refusal { kind: 6, a: number(*limit), ..empty },
        Refusal::TooManyShapes { action, limit } => {
            pb::Refusal { kind: 7, text: action.clone(), a: number(*limit), ..empty }
        }
        Refusal::OverLimit { what, got, limit } => {
            pb::Refusal { kind: 8, text: what.to_string(), a: *got, b: *limit, ..empty }
        }
        Refusal::LeaseTooShort { got, limit } => {
            pb::Refusal { kind: 9, a: *got, b: *limit, ..empty }
        }
        Refusal::StaleLease { job, lease } => {
            pb::Refusal { kind: 10, job: job_bytes(*job), a: lease.0, ..empty }
        }
        Refusal::StaleEpoch { worker, epoch } => {
            pb::Refusal { kind: 11, worker: worker.get(), a: epoch.0, ..empty }
        }
        Refusal::Renewed { worker, renewal } => {
            pb::Refusal { kind: 12, worker: worker.get(), a: *renewal, ..empty }
        }
        Refusal::NotConfirmed(id) => pb::Refusal { kind: 13, worker: id.get(), ..empty },
        Refusal::TooManyWorkers { limit } => pb::Refusal { kind: 14, a: number(*limit), ..empty },
        Refusal::LineGap { job, expected, got } => {
            pb::Refusal { kind: 15, job: job_bytes(*job), a: *expected, b: *got, ..empty }
        }
        Refusal::TooManyLines { job } => pb::Refusal { kind: 16, job: job_bytes(*job), ..empty },
        Refusal::NoSuchCron(action) => about(17, action),
        Refusal::NoSuchActionConfig(action) => about(18, action),
        Refusal::TooManyCrons { limit } => pb::Refusal { kind: 19, a: number(*limit), ..empty },
        Refusal::TooManyActionConfigs { limit } => limited(20, *limit),
        Refusal::NextRunTooEarly { next_run, anchor } => {
            pb::Refusal { kind: 21, a: next_run.as_ms(), b: anchor.as_ms(), ..empty }
        }
        Refusal::NoMoreChildren(id) => pb::Refusal { kind: 50, job: job_bytes(*id), ..empty },
        Refusal::TooManyChildren { root, limit } => {
            pb::Refusal { kind: 51, job: job_bytes(*root), a: number(*limit), ..empty }
        }
        Refusal::NoSuchToken(id) => pb::Refusal { kind: 30, token: token_bytes(*id), ..empty },
        Refusal::TokenTaken(id) => pb::Refusal { kind: 31, token: token_bytes(*id), ..empty },
        Refusal::TooManyTokens { limit } => pb::Refusal { kind: 32, a: number(*limit), ..empty },
        Refusal::LastAdmin(id) => pb::Refusal { kind: 33, token: token_bytes(*id), ..empty },
        Refusal::TokenExpiresTooEarly { expires_at, now } => {
            pb::Refusal { kind: 34, a: expires_at.as_ms(), b: now.as_ms(), ..empty }
        }
        Refusal::BadUser(user) => pb::Refusal { kind: 35, text: user.clone(), ..empty },
        Refusal::ClusterIsOpen => pb::Refusal { kind: 36, ..empty },
        Refusal::QueueTooLarge { limit } => pb::Refusal { kind: 37, a: *limit, ..empty },
        Refusal::OtherRetention => pb::Refusal { kind: 90, ..empty },
        Refusal::OtherTicks(action) => about(250, action),
        Refusal::ExpiresTooEarly { job, expires_at, due_at } => {
            let (a, b) = (expires_at.as_ms(), due_at.as_ms());
            pb::Refusal { kind: 80, job: job_bytes(*job), a, b, ..empty }
        }
        Refusal::NotOver(id) => pb::Refusal { kind: 81, job: job_bytes(*id), ..empty },
        Refusal::TooManyPausedQueues { limit } => limited(82, *limit),
        Refusal::Members(no) => members::refusal(no),
    }
}

fn token_bytes(id: TokenId) -> Vec<u8> {
    id.to_bytes().to_vec()
}

fn refusal_of(no: pb::Refusal) -> Decoded<Refusal> {
    let job = || job_id(&no.job);
    let worker = || worker_id(no.worker);
    let token = || token_id(&no.token);
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Ok(match no.kind {
        1 => Refusal::NoSuchJob(job()?),
        2 => Refusal::NoSuchWorker(worker()?),
        3 => Refusal::NoSuchAction(no.text),
        4 => Refusal::IdTaken(job()?),
        5 => Refusal::SubmitTooLate(job()?),
        6 => Refusal::QueueFull { limit: size(no.a) },
        7 => Refusal::TooManyShapes { action: no.text, limit: size(no.a) },
        8 => Refusal::OverLimit { what: no.text.into(), got: no.a, limit: no.b },
        9 => Refusal::LeaseTooShort { got: no.a, limit: no.b },
        10 => Refusal::StaleLease { job: job()?, lease: lease(no.a) },
        11 => Refusal::StaleEpoch { worker: worker()?, epoch: Epoch(no.a) },
        12 => Refusal::Renewed { worker: worker()?, renewal: no.a },
        13 => Refusal::NotConfirmed(worker()?),
        14 => Refusal::TooManyWorkers { limit: size(no.a) },
        15 => Refusal::LineGap { job: job()?, expected: no.a, got: no.b },
        16 => Refusal::TooManyLines { job: job()? },
        17 => Refusal::NoSuchCron(no.text),
        18 => Refusal::NoSuchActionConfig(no.text),
        19 => Refusal::TooManyCrons { limit: size(no.a) },
        20 => Refusal::TooManyActionConfigs { limit: size(no.a) },
        21 => Refusal::NextRunTooEarly {
            next_run: Timestamp::from_ms(no.a),
            anchor: Timestamp::from_ms(no.b),
        },
        30 => Refusal::NoSuchToken(token()?),
        31 => Refusal::TokenTaken(token()?),
        32 => Refusal::TooManyTokens { limit: size(no.a) },
        33 => Refusal::LastAdmin(token()?),
        34 => Refusal::TokenExpiresTooEarly {
            expires_at: Timestamp::from_ms(no.a),
            now: Timestamp::from_ms(no.b),
        },
        35 => Refusal::BadUser(no.text),
        36 => Refusal::ClusterIsOpen,
        50 => Refusal::NoMoreChildren(job()?),
        51 => Refusal::TooManyChildren { root: job()?, limit: size(no.a) },
        37 => Refusal::QueueTooLarge { limit: no.a },
        60 => {
            let [parameter, problem] = <[String; 2]>::try_from(no.texts)
                .map_err(|texts| Garbled::new("refusal", format!("{} texts", texts.len())))?;
            Refusal::BadParameter { action: no.text, parameter, problem }
        }
        90 => Refusal::OtherRetention,
        80 => Refusal::ExpiresTooEarly {
            job: job()?,
            expires_at: Timestamp::from_ms(no.a),
            due_at: Timestamp::from_ms(no.b),
        },
        81 => Refusal::NotOver(job()?),
        82 => Refusal::TooManyPausedQueues { limit: size(no.a) },
        250 => Refusal::OtherTicks(no.text),
        140..=149 | 225..=229 => members::refusal_of(&no)?.into(),
        other => return Err(Garbled::new("refusal", other)),
    })
}
