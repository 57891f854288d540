//! Each thing that is to be said is said, and nothing is said of a cluster that is well.

use stint_consensus::{Build, Member};
use stint_core::{
    ActionTraits, Command, Epoch, Incarnation, JobId, JobSpec, Level, NewJob, Policy, Registration,
    Span, Timestamp, WorkerId,
};

use super::*;

const NOTHING: [&str; 0] = [];

fn id(number: u64) -> WorkerId {
    WorkerId::new(number).unwrap()
}

fn build(version: &str) -> Build {
    Build { newest_level: Level::FIRST, version: version.to_owned() }
}

/// A voter that is well, as its leader knows it.
fn member(number: u64) -> MemberStatus {
    MemberStatus {
        id: id(number),
        member: Member { peer_address: String::new(), client_address: String::new() },
        is_voter: true,
        lag: Some(3),
        is_reachable: Some(true),
        heard_ago: Some(Duration::from_millis(50)),
        learner_for: None,
        clock_ahead_ms: None,
        build: Some(build("0.1.0")),
        condition: None,
    }
}

/// A cluster of so many, led by the first, which is asked.
fn cluster(voters: u64) -> ClusterStatus {
    ClusterStatus {
        id: id(1),
        leader: Some(id(1)),
        silence: None,
        term: 3,
        level: Level::FIRST,
        level_warnings: Vec::new(),
        last_log_index: 7,
        committed_index: 7,
        applied_index: 7,
        members: (1..=voters).map(member).collect(),
        disk: None,
        warnings: Vec::new(),
    }
}

/// What is said of this cluster, in which no work is.
fn said(of_what: &ClusterStatus) -> Vec<String> {
    of(of_what, &State::default())
}

/// The one thing that is said once this was done to a cluster of three.
fn once(change: impl FnOnce(&mut ClusterStatus)) -> String {
    let mut cluster = cluster(3);
    change(&mut cluster);
    let mut all = said(&cluster);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn nothing_is_said_of_a_cluster_that_is_well() {
    assert_eq!(said(&cluster(3)), NOTHING);
    assert_eq!(said(&cluster(5)), NOTHING);
    // Who follows does not know who is heard of.
    let mut follower = ClusterStatus { id: id(2), ..cluster(3) };
    for member in &mut follower.members {
        (member.lag, member.heard_ago) = (None, None);
        member.is_reachable = (member.id == id(2)).then_some(true);
    }
    assert_eq!(said(&follower), NOTHING);
}

#[test]
fn a_member_that_is_silent_is_told_with_since_when_and_what_that_means() {
    let mut cluster = cluster(3);
    cluster.members[2].is_reachable = Some(false);
    cluster.members[2].heard_ago = Some(Duration::from_mins(5));
    let all = said(&cluster);
    assert_eq!(
        all[0],
        "of 3 replicas that vote 2 are heard of, and 2 are needed: one more loss stops all writes"
    );
    assert_eq!(all[1], "replica 000000000003 has not been heard of for 5 min");
    cluster.members[2].heard_ago = None;
    let never = "replica 000000000003 has not been heard of since replica 000000000001 leads";
    assert_eq!(said(&cluster)[1], never);
}

#[test]
fn of_five_one_may_be_gone_and_then_there_is_still_a_margin() {
    let mut cluster = cluster(5);
    cluster.members[4].is_reachable = Some(false);
    assert_eq!(said(&cluster).len(), 1, "{:?}", said(&cluster));
    cluster.members[3].is_reachable = Some(false);
    assert!(said(&cluster)[0].contains("one more loss stops"), "{:?}", said(&cluster));
}

#[test]
fn what_only_members_know_is_said() {
    let words = once(|cluster| cluster.leader = None);
    assert!(words.starts_with("no leader is known"), "{words}");
    let words = once(|cluster| cluster.members[1].lag = Some(10_001));
    assert_eq!(words, "replica 000000000002 lags: it is 10001 entries behind");
    let words = once(|cluster| cluster.members[1].clock_ahead_ms = Some(-3_600_000 * 25));
    assert!(words.contains("000000000002 is 25 h behind that of the cluster"), "{words}");
    let words = once(|cluster| cluster.members[1].clock_ahead_ms = Some(1_500));
    assert!(words.contains("is 1 s ahead of that of the cluster"), "{words}");
    let words = once(|cluster| cluster.members[2].build = Some(build("0.2.0")));
    assert!(words.contains("000000000003 runs 0.2.0"), "{words}");
}

#[test]
fn even_and_single_voters_are_told() {
    assert!(said(&cluster(4))[0].starts_with("4 replicas vote"), "{:?}", said(&cluster(4)));
    assert!(said(&cluster(1))[0].starts_with("one replica votes"), "{:?}", said(&cluster(1)));
}

#[test]
fn a_learner_has_a_minute_before_it_is_told() {
    let mut cluster = cluster(3);
    let since = |seconds| Some(Duration::from_secs(seconds));
    cluster.members.push(MemberStatus {
        is_voter: false,
        lag: Some(1_000_000),
        learner_for: since(59),
        ..member(4)
    });
    assert_eq!(said(&cluster), NOTHING);
    cluster.members[3].learner_for = since(180);
    let all = said(&cluster);
    let words = "replica 000000000004 follows without a vote for 3 min and has not caught up: it is \
                 1000000 entries behind";
    assert!(all.len() == 1 && all[0].starts_with(words), "{all:?}");
}

/// A state with the worker 1, which offers `scan` and has one of it.
fn work() -> State {
    let mut state = State::default();
    let registration = Registration {
        worker: id(1),
        incarnation: Incarnation(1),
        capacity: [("scan".to_owned(), 1)].into_iter().collect(),
        actions: [("scan".to_owned(), ActionTraits::default().into())].into(),
        ttl: Span::from_ms(10_000),
    };
    apply(&mut state, Command::Register(registration));
    apply(&mut state, Command::Confirm { worker: id(1), epoch: Epoch(1) });
    state
}

fn apply(state: &mut State, command: Command) {
    let outcome = state.apply(Timestamp::from_ms(1_000), command);
    outcome.reply.expect("it is carried out");
}

fn submit(state: &mut State, number: u8, need: (&str, u64)) {
    let spec = JobSpec {
        action: "scan".to_owned(),
        parameters: None,
        capacity_map: Some([(need.0.to_owned(), need.1)].into_iter().collect()),
        deadline: None,
        stop_timeout: None,
    };
    let new = NewJob {
        id: JobId::from_bytes([number; 16]),
        drawn: 0,
        spec,
        scheduled_at: None,
        retries: None,
        policy: Policy::default(),
        retry_from: None,
        parent: None,
    };
    apply(state, Command::Submit(new));
}

#[test]
fn jobs_that_fit_nowhere_are_counted_and_those_that_only_wait_are_not() {
    let mut state = work();
    for number in 1..4 {
        submit(&mut state, number, ("scan", 1));
    }
    assert_eq!(of(&cluster(3), &state), NOTHING);
    submit(&mut state, 4, ("gpu", 1));
    submit(&mut state, 5, ("gpu", 1));
    submit(&mut state, 6, ("gpu", 2));
    let words = "3 jobs of the action \"scan\" fit nowhere: no live worker has the capacity";
    let all = of(&cluster(3), &state);
    assert!(all.len() == 1 && all[0].starts_with(words), "{all:?}");
    // Whoever has paused a queue knows why its jobs wait.
    let pause = |reason: &str| Command::PauseQueue {
        action: "scan".to_owned(),
        by: "ann".to_owned(),
        reason: reason.to_owned(),
    };
    apply(&mut state, pause("disk"));
    let words =
        "the queue of the action \"scan\" is paused by ann (disk): none of its jobs is claimed";
    assert_eq!(of(&cluster(3), &state), [words]);
}

#[test]
fn workers_that_take_nothing_are_told() {
    let mut state = work();
    apply(&mut state, Command::Drain { worker: id(1), limit: None });
    let all = of(&cluster(3), &state);
    assert!(all[0].starts_with("worker 000000000001 is draining"), "{all:?}");
    let renewal = state.worker(id(1)).unwrap().renewal;
    apply(&mut state, Command::Expire { worker: id(1), epoch: Epoch(1), renewal });
    let all = of(&cluster(3), &state);
    assert!(all.len() == 1 && all[0].starts_with("worker 000000000001 is dead"), "{all:?}");
    // Of one whose replica is none any more nobody wants to hear.
    let others = ClusterStatus { members: (2..=4).map(member).collect(), ..cluster(3) };
    let others = ClusterStatus { id: id(2), leader: Some(id(2)), ..others };
    assert_eq!(of(&others, &state), NOTHING);
}

#[test]
fn much_of_one_kind_is_told_by_number() {
    let mut cluster = cluster(21);
    for member in &mut cluster.members {
        member.clock_ahead_ms = Some(2_000);
    }
    let all = said(&cluster);
    assert_eq!((all.len(), all[8].as_str()), (9, "and 13 more of these"));
}
