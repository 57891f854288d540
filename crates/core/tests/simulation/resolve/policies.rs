//! Who goes first, of what there is one, until when; and the same for several jobs.

use stint_core::{Bulk, Command, NewJob, Policy, Priority, Timestamp};

use super::{action, job_id, numbered, pick, spec};
use crate::simulation::model::Model;
use crate::simulation::script::{Op, Whose};

/// The command; nothing if the step is of another kind.
pub(super) fn resolve(op: &Op, model: &Model) -> Option<Command> {
    Some(match op {
        Op::Retry { whose, id } => Command::Submit(retry(model, *whose, *id)),
        Op::Bulk { kind, id, jobs } => {
            let ids = || jobs.iter().map(|whose| job_id(model, *whose)).collect();
            Command::Bulk(Box::new(match kind % 3 {
                0 => Bulk::Cancel(ids()),
                1 => Bulk::Delete(ids()),
                _ => {
                    let numbered = jobs.iter().zip(*id..);
                    Bulk::Retry(numbered.map(|(whose, id)| retry(model, *whose, id)).collect())
                }
            }))
        }
        Op::PauseQueue(number) => Command::PauseQueue {
            action: action(*number).to_owned(),
            by: "ann".to_owned(),
            reason: format!("reason {}", number % 7),
        },
        Op::ResumeQueue(number) => Command::ResumeQueue { action: action(*number).to_owned() },
        _ => return None,
    })
}

pub(super) fn policy(model: &Model, number: u64) -> Policy {
    let level = [50, 50, 50, 0, 49, 51, 100][pick(number, 7)];
    let expires_at = number.is_multiple_of(6).then(|| model.now + number / 6 % 300);
    let key = match number % 4 {
        0 => Some(["a", "b"][pick(number / 4, 2)].to_owned()),
        1 if number.is_multiple_of(31) => Some("k".repeat(129)),
        _ => None,
    };
    Policy {
        priority: Priority::new(level).expect("a level"),
        unique_key: key,
        expires_at: expires_at.map(Timestamp::from_ms),
    }
}

/// As the gateway would ask for it, from the record of the job.
fn retry(model: &Model, whose: Whose, id: u64) -> NewJob {
    let of = job_id(model, whose);
    let job = model.jobs.iter().rev().map(|entry| &entry.job).find(|job| job.id == of);
    let (spec, policy, retries) = match job {
        Some(job) => {
            let policy = Policy { expires_at: None, ..job.policy.clone() };
            (job.spec.clone(), policy, job.retries_total)
        }
        None => (spec(0, 0), Policy::default(), 0),
    };
    NewJob {
        id: numbered(id),
        drawn: model.sequence,
        spec,
        scheduled_at: None,
        retries: Some(retries),
        policy,
        retry_from: Some(of),
        parent: None,
    }
}
