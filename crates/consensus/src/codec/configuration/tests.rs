//! What is set comes back from its bytes, and bytes that nobody wrote are refused.

use prost::Message as _;
use stint_core::{
    ActionOffer, CapacityMap, Command, CronId, CronPolicy, Firing, Incarnation, JobId, JobSpec,
    NewCron, NewJob, Parameters, Passed, Policy, Refusal, Registration, Span, State, WorkerId,
};

use super::super::at;
use super::super::samples::cron_policy;
use super::super::{
    decode_answer, decode_header, decode_job, decode_proposal, encode_answer, encode_chunks,
    encode_command, encode_header, encode_job, stamp,
};
use super::*;

fn age(text: &str) -> Option<Timeout> {
    Timeout::parse(text).unwrap()
}

fn spec_with(parameters: Option<Parameters>, capacity_map: Option<CapacityMap>) -> JobSpec {
    JobSpec {
        action: "scan".to_owned(),
        parameters,
        capacity_map,
        deadline: age("1.5h"),
        stop_timeout: None,
    }
}

fn some_cron(spec: JobSpec, time_zone: Option<&str>) -> NewCron {
    NewCron {
        id: CronId::from_bytes([7; 16]),
        spec,
        retries: 2,
        schedule: "57 54 3 * * *".to_owned(),
        time_zone: time_zone.map(str::to_owned),
        policy: if time_zone.is_some() { cron_policy() } else { CronPolicy::default() },
        anchor: at(1_000),
        next_run: at(2_000),
        undecided: None,
    }
}

fn some_config(parameters: Option<Parameters>) -> ActionConfig {
    let id = ActionConfigId::from_bytes([8; 16]);
    ActionConfig { id, action: "scan".to_owned(), parameters }
}

fn told() -> Parameters {
    Parameters::from([("depth".to_owned(), "1".to_owned())])
}

fn commands() -> Vec<Command> {
    let empty = spec_with(Some(Parameters::new()), Some(CapacityMap::default()));
    let full = spec_with(Some(told()), Some([("scan".to_owned(), 1)].into_iter().collect()));
    let crons = [
        some_cron(spec_with(None, None), None),
        some_cron(empty, Some("")),
        some_cron(full, Some("Europe/Berlin")),
    ];
    let mut commands: Vec<_> =
        crons.into_iter().map(|new| Command::PutCron(Box::new(new))).collect();
    for parameters in [None, Some(Parameters::new()), Some(told())] {
        commands.push(Command::PutActionConfig(some_config(parameters)));
    }
    commands.push(Command::DeleteCron { action: "scan".to_owned(), undecided: None });
    commands.push(Command::DeleteActionConfig { action: String::new() });
    for enabled in [Change::Keep, Change::To(false), Change::To(true)] {
        for to_keep in [Change::Keep, Change::To(None), Change::To(Some(0))] {
            for max_age in [Change::Keep, Change::To(None), Change::To(age("24h"))] {
                commands.push(Command::PutSettings(SettingsChange {
                    job_history_compaction_enabled: enabled,
                    job_history_to_keep: to_keep,
                    job_history_max_age: max_age,
                    compaction_cron: None,
                }));
            }
        }
    }
    commands.push(Command::PutSettings(SettingsChange {
        compaction_cron: Some(Box::new(some_cron(spec_with(None, None), None))),
        ..SettingsChange::default()
    }));
    commands
}

#[test]
fn each_command_comes_back_as_it_was_proposed() {
    for command in commands() {
        let entry = stamp(at(5), &encode_command(&command));
        assert_eq!(decode_proposal(&entry), Ok((at(5), command)));
    }
}

#[test]
fn each_refusal_comes_back_as_it_was_given() {
    for refusal in [
        Refusal::NoSuchCron("scan".to_owned()),
        Refusal::NoSuchActionConfig("scan".to_owned()),
        Refusal::TooManyCrons { limit: 3 },
        Refusal::TooManyActionConfigs { limit: 4 },
        Refusal::NextRunTooEarly { next_run: at(1), anchor: at(2) },
    ] {
        let answer = Err(refusal);
        assert_eq!(decode_answer(&encode_answer(&answer)), Ok(answer));
    }
}

/// A state that has all that can be set, and a job with a parameter of a config.
fn state() -> State {
    let mut state = State::default();
    let worker = WorkerId::new(1).unwrap();
    let register = Command::Register(Registration {
        worker,
        incarnation: Incarnation(1),
        capacity: CapacityMap::default(),
        actions: [("scan".to_owned(), ActionOffer::default())].into(),
        ttl: Span::from_ms(10_000),
    });
    let submit = Command::Submit(NewJob {
        id: JobId::from_bytes([9; 16]),
        drawn: 0,
        spec: spec_with(None, None),
        scheduled_at: None,
        retries: None,
        parent: None,
        policy: Policy::default(),
        retry_from: None,
    });
    let spec = JobSpec { action: "sleep".to_owned(), ..spec_with(None, None) };
    let other = Command::PutCron(Box::new(some_cron(spec, None)));
    let puts = commands().into_iter().filter(|command| {
        matches!(
            command,
            Command::PutCron(_) | Command::PutActionConfig(_) | Command::PutSettings(_)
        )
    });
    for command in [register].into_iter().chain(puts).chain([other, submit]) {
        let reply = state.apply(at(3_000), command).reply;
        assert!(reply.is_ok(), "{reply:?}");
    }
    state
}

fn restored(header: &[u8], chunks: impl Iterator<Item = Vec<u8>>) -> Decoded<State> {
    let (mut restored, _, _) = decode_header(header)?;
    for chunk in chunks {
        restored.add(&chunk)?;
    }
    restored.finish()
}

#[test]
fn a_checkpoint_brings_back_all_that_was_set() {
    let mut state = state();
    // One has fired and skipped, its schedule has ended, and it is paused.
    let generation = state.cron("scan").unwrap().generation;
    let passed = Some(Passed { last: at(3_000), count: 2 });
    let (action, mark, ticks) = ("scan".to_owned(), at(2_000), vec![at(4_000)]);
    let firing =
        Firing { action, generation, mark, passed, ticks, has_more: false, next_run: None };
    assert!(state.apply(at(200_000), Command::Fire(vec![firing])).reply.is_ok());
    let pause = Command::PauseCron { action: "scan".to_owned() };
    assert!(state.apply(at(200_000), pause).reply.is_ok());
    let parts = state.parts();
    let fired = parts.crons.iter().find(|cron| cron.spec.action == "scan").unwrap();
    assert_eq!((fired.history.counts.fired, fired.history.records.len()), (1, 2));
    assert!(
        fired.is_paused()
            && fired.next_run.is_none()
            && parts.jobs.iter().any(|job| job.cron.is_some())
    );
    assert_eq!(parts.settings.job_history_max_age, age("24h"));
    let submitted = parts.jobs.iter().find(|job| job.cron.is_none()).unwrap();
    assert_eq!(submitted.from_config.len(), 1);

    let header = encode_header(&parts, None, pb::StoredMembership::default());
    let state = restored(&header, encode_chunks(parts.clone())).unwrap();

    assert_eq!(state.parts(), parts);
}

#[test]
fn a_checkpoint_from_before_anything_could_be_set_is_still_one() {
    let mut parts = State::default().parts();
    parts.sequence = 7;
    let header = encode_header(&parts, None, pb::StoredMembership::default());
    let mut former = pb::Checkpoint::decode(header.as_slice()).unwrap();
    former.settings = None;

    let state = restored(&former.encode_to_vec(), std::iter::empty()).unwrap();

    assert_eq!(state.parts(), parts);
}

/// Two crons, each large enough to close a chunk.
#[test]
fn large_crons_are_spread_over_chunks() {
    let mut parts = state().parts();
    for (cron, name) in parts.crons.iter_mut().zip(["a", "b"]) {
        let value = "x".repeat(crate::limits::CHUNK_BYTES);
        std::sync::Arc::make_mut(cron).spec.parameters =
            Some(Parameters::from([(name.to_owned(), value)]));
    }
    let chunks: Vec<_> = encode_chunks(parts.clone()).collect();
    assert_eq!(chunks.len(), 3, "the first cron beside the job, the second, the config");
    let header = encode_header(&parts, None, pb::StoredMembership::default());
    assert_eq!(restored(&header, chunks.into_iter()).unwrap().parts(), parts);
}

/// A proposal of this command.
fn proposal(command: pb::proposal::Command) -> Vec<u8> {
    pb::Proposal { at_ms: 1, command: Some(command), origin: None, level: 0 }.encode_to_vec()
}

#[test]
fn what_no_encoder_wrote_is_garbled_and_says_where() {
    use pb::proposal::Command as Wire;
    let good = new_cron(&some_cron(spec_with(None, None), None));
    let config = action_config(&some_config(None));
    let max_age = Some(pb::MaxAge { age: "1 day".to_owned() });
    for (wire, what) in [
        (Wire::PutCron(pb::PutCron { cron: vec![7; 15], ..good.clone() }), "cron id"),
        (Wire::PutCron(pb::PutCron { spec: None, ..good }), "job spec"),
        (Wire::PutActionConfig(pb::ActionConfig { id: vec![], ..config }), "action config id"),
        (
            Wire::PutSettings(pb::PutSettings {
                job_history_max_age: max_age,
                ..pb::PutSettings::default()
            }),
            "duration",
        ),
    ] {
        let error = decode_proposal(&proposal(wire)).unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
}

#[test]
fn names_of_parameters_out_of_order_are_garbled() {
    let parts = state().parts();
    let bytes = encode_job(&parts.jobs[0]);
    assert_eq!(decode_job(&bytes).as_ref(), Ok(parts.jobs[0].as_ref()));
    for names in [["b", "a"], ["a", "a"]] {
        let mut wire = pb::Job::decode(bytes.as_slice()).unwrap();
        wire.from_config = names.map(str::to_owned).to_vec();
        let error = decode_job(&wire.encode_to_vec()).unwrap_err().to_string();
        assert!(error.contains("in order"), "{error}");
    }
}
