//! The ring keeps the latest entries whole, within its bounds.

use stint_core::{
    Command, Incarnation, JobId, NewJob, Policy, Registration, Settings, Span, State, WorkerId,
};

use super::*;

fn at(index: u64) -> Mark {
    Mark { index, at: Timestamp::from_ms(1_000 + index) }
}

/// The event of a job that was created with so many bytes of parameters.
fn submitted(bytes: usize) -> Event {
    let spec = JobSpec {
        action: "noop".to_owned(),
        parameters: Some([("a".to_owned(), "x".repeat(bytes))].into()),
        capacity_map: None,
        deadline: None,
        stop_timeout: None,
    };
    let id = JobId::from_bytes([7; 16]);
    let new = NewJob {
        id,
        drawn: 0,
        spec,
        scheduled_at: None,
        retries: None,
        policy: Policy::default(),
        retry_from: None,
        parent: None,
    };
    let outcome = State::default().apply(Timestamp::from_ms(1_000), Command::Submit(new));
    let is_submission = |event: &Event| matches!(event, Event::Submitted(_));
    outcome.events.into_iter().find(is_submission).expect("the job is taken")
}

fn indexes(recent: &Recent, from: u64) -> Vec<u64> {
    let (batch, _) = recent.from(from).unwrap();
    batch.iter().map(|occurrence| occurrence.index).collect()
}

fn deleted() -> Event {
    Event::Deleted(JobId::from_bytes([7; 16]))
}

#[test]
fn what_happened_is_given_from_any_index_on_and_then_nothing() {
    let mut recent = Recent::after(Some(at(10)));
    assert!(recent.add(at(11), &[deleted()]));
    assert!(!recent.add(at(12), &[]));
    assert!(recent.add(at(13), &[deleted(), deleted()]));
    assert_eq!(indexes(&recent, 11), [11, 13, 13]);
    assert_eq!(indexes(&recent, 12), [13, 13]);
    let (batch, next) = recent.from(13).unwrap();
    assert_eq!(batch.iter().map(|occurrence| occurrence.number).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(batch.first().map(|occurrence| occurrence.at), Some(at(13).at));
    assert_eq!(next, 14);
    assert_eq!((recent.next(), recent.at()), (14, at(13).at));
}

#[test]
fn the_log_begins_with_entry_0() {
    let mut recent = Recent::after(None);
    recent.add(at(0), &[deleted()]);
    assert_eq!(indexes(&recent, 0), [0]);
}

#[test]
fn an_index_in_the_future_stays_where_it_is() {
    let mut recent = Recent::after(Some(at(10)));
    recent.add(at(11), &[deleted()]);
    let (batch, next) = recent.from(100).unwrap();
    assert_eq!((batch.len(), next), (0, 100));
}

#[test]
fn what_was_before_the_beginning_or_a_jump_is_too_old() {
    let recent = Recent::after(Some(at(10)));
    assert_eq!(recent.from(10).unwrap_err(), TooOld { oldest: 11 });
    assert_eq!(recent.from(11).unwrap().1, 11);
}

#[test]
fn what_nobody_watches_is_not_kept_and_takes_no_number() {
    let events = [Event::SettingsChanged(Settings::default()), deleted()];
    let mut recent = Recent::after(None);
    recent.add(at(1), &events);
    let (batch, _) = recent.from(1).unwrap();
    assert_eq!(batch.iter().map(|occurrence| occurrence.number).collect::<Vec<_>>(), [0]);
}

#[test]
fn too_many_occurrences_push_out_the_oldest_entries_whole() {
    let mut recent = Recent::after(None);
    recent.add(at(1), &[deleted(), deleted(), deleted()]);
    for index in 2..u64::try_from(WATCH_OCCURRENCES_MAX).unwrap() {
        recent.add(at(index), &[deleted()]);
    }
    assert_eq!(recent.from(1).unwrap_err(), TooOld { oldest: 2 });
    assert_eq!(recent.kept.len(), WATCH_OCCURRENCES_MAX - 2);
    assert_eq!(recent.from(2).unwrap().0.first().map(|first| first.index), Some(2));
}

#[test]
fn large_jobs_push_out_others_by_their_bytes() {
    let mut recent = Recent::after(None);
    let large = submitted(200 * 1024);
    for index in 1..=100 {
        recent.add(at(index), std::slice::from_ref(&large));
    }
    let most = WATCH_BYTES_MAX / (200 * 1024);
    let kept = recent.kept.len();
    assert!((most * 3 / 4..=most).contains(&kept), "{kept} are kept of {most} that would fit");
    assert!(recent.bytes <= WATCH_BYTES_MAX, "{} bytes", recent.bytes);
    while !recent.kept.is_empty() {
        recent.forget_first_entry();
    }
    assert_eq!((recent.bytes, recent.oldest), (0, 101));
}

#[test]
fn a_batch_has_whole_entries_and_goes_on_where_it_ended() {
    let mut recent = Recent::after(None);
    let large = submitted(200 * 1024);
    for index in 1..=5 {
        recent.add(at(index), &[large.clone(), large.clone()]);
    }
    let mut next = 1;
    let mut seen = Vec::new();
    while next <= 5 {
        let (batch, after) = recent.from(next).unwrap();
        assert_eq!(batch.len(), 2, "{batch:?}");
        seen.extend(batch.iter().map(|occurrence| (occurrence.index, occurrence.number)));
        next = after;
    }
    assert_eq!(seen, (1..=5).flat_map(|index| [(index, 0), (index, 1)]).collect::<Vec<_>>());
}

#[test]
fn the_bytes_of_a_worker_grow_with_what_it_says_of_itself() {
    let bytes = |capacities: usize| {
        let registration = Registration {
            worker: WorkerId::new(1).unwrap(),
            incarnation: Incarnation(1),
            capacity: (0..capacities).map(|i| (format!("capacity {i}"), 1)).collect(),
            actions: [].into(),
            ttl: Span::from_ms(10_000),
        };
        let at = Timestamp::from_ms(1_000);
        let outcome = State::default().apply(at, Command::Register(registration));
        outcome.events.iter().map(bytes_of).sum::<usize>()
    };
    assert!(bytes(50) >= bytes(0) + 50 * "capacity 0".len());
}
