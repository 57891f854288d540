//! The bytes that stand on disks, against the files that say which they are; and the way back.

use std::collections::BTreeMap;

use prost::Message as _;
use stint_core::{Command, Level, Timestamp};
use stint_proto::log::v1 as pb;

use super::samples;
use super::{
    Garbled, decode_answer, decode_header, decode_job, decode_lines, decode_proposal,
    encode_answer, encode_command, encode_header, encode_job, level_of, stamp,
};

const COMMANDS: &str = include_str!("../../tests/golden/commands.hex");
const JOB: &str = include_str!("../../tests/golden/job.hex");
const CHECKPOINT: &str = include_str!("../../tests/golden/checkpoint.hex");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(digit).collect()
}

fn digit(number: u8) -> char {
    char::from_digit(u32::from(number), 16).expect("below 16")
}

/// Lines of a name and bytes.
fn golden(file: &str) -> BTreeMap<&str, &str> {
    file.lines().filter_map(|line| line.split_once(' ')).collect()
}

/// Compares with a file; on failure shows the file as it would have to be.
fn assert_golden(file: &str, encoded: &[(&str, Vec<u8>)]) {
    let lines = encoded.iter().map(|(name, bytes)| format!("{name} {}\n", hex(bytes)));
    let found: BTreeMap<_, _> = encoded.iter().map(|(name, bytes)| (*name, hex(bytes))).collect();
    let is_same = golden(file).into_iter().eq(found.iter().map(|(n, bytes)| (*n, bytes.as_str())));
    assert!(is_same, "the format is now\n{}", lines.collect::<String>());
}

fn header() -> Vec<u8> {
    let applied = pb::LogId { leader: Some(pb::LeaderId { term: 4, replica: 2 }), index: 99 };
    let node = pb::Node { peer_address: "a:1".into(), client_address: "a:2".into() };
    let membership = pb::Membership {
        configs: vec![pb::VoterSet { replicas: vec![1, 2, 3] }],
        nodes: [(2, node)].into(),
    };
    let stored = pb::StoredMembership { log_id: Some(applied), membership: Some(membership) };
    encode_header(&samples::parts(), Some(applied), stored)
}

#[test]
fn every_command_is_encoded_as_the_golden_file_says() {
    let at = Timestamp::from_ms(1_700_000_000_000);
    let commands = samples::commands();
    let encoded: Vec<_> = commands
        .iter()
        .map(|one| (samples::command_name(one), stamp(at, &encode_command(one)).to_vec()))
        .collect();
    assert_golden(COMMANDS, &encoded);
    assert_eq!(golden(COMMANDS).len(), samples::COMMANDS, "one of each");
    for (command, (name, bytes)) in commands.into_iter().zip(encoded) {
        assert_eq!(decode_proposal(&bytes), Ok((at, command)), "{name}");
    }
}

#[test]
fn a_cron_that_goes_without_its_ticks_has_the_bytes_of_before_they_were_named() {
    let at = Timestamp::from_ms(1_700_000_000_000);
    let delete = Command::DeleteCron { action: "encode".to_owned(), undecided: None };
    let bytes = stamp(at, &encode_command(&delete)).to_vec();
    assert_eq!(hex(&bytes), "0880d095ffbc318201080a06656e636f6465");
    assert_eq!(decode_proposal(&bytes), Ok((at, delete)));
}

/// What a later version could have sent: a proposal that needs a level which is not known here.
fn too_new() -> (Level, Vec<u8>) {
    let level = Level::new(Level::NEWEST.get() + 1);
    let raise = pb::proposal::Command::RaiseLevel(pb::RaiseLevel { to: level.get() });
    let proposal =
        pb::Proposal { at_ms: 5, command: Some(raise), level: level.get(), origin: None };
    (level, proposal.encode_to_vec())
}

#[test]
fn a_proposal_that_hides_the_level_that_it_needs_is_refused() {
    // Found by libFuzzer: a rise to level 3 that does not say that it needs it.
    let hides = [0xd2, 0x0a, 0x03, 0xd0, 0x0a, 0x03];
    let refused = decode_proposal(&hides).unwrap_err();
    assert!(matches!(refused, Garbled::TooNew { .. }), "{refused}");
}

#[test]
fn an_entry_of_a_later_level_is_told_from_damage_and_never_taken_for_another() {
    let (level, bytes) = too_new();
    assert_eq!(level_of(&bytes), Ok(level));
    let refused = decode_proposal(&bytes).unwrap_err();
    assert_eq!(refused, Garbled::TooNew { what: "proposal", level });
    assert!(refused.to_string().contains("feature level"), "{refused}");
    // What raises the level says itself what it needs.
    let raise = encode_command(&Command::RaiseLevel { to: level });
    assert_eq!(level_of(&raise), Ok(level));
    // All of today's commands need no level but the first.
    for command in samples::commands() {
        assert_eq!(level_of(&encode_command(&command)), Ok(Level::FIRST));
        assert_eq!(command.needs_level(), Level::FIRST);
    }
}

/// A field of which this version knows nothing, with a byte in it: number 1,000.
const UNKNOWN_FIELD: [u8; 3] = [0xc0, 0x3e, 1];

#[test]
fn a_field_that_is_not_known_is_never_passed_over() {
    for command in samples::commands() {
        let name = samples::command_name(&command);
        let whole = stamp(Timestamp::from_ms(5), &encode_command(&command)).to_vec();
        let bytes = [whole.as_slice(), &UNKNOWN_FIELD].concat();
        let refused = decode_proposal(&bytes).unwrap_err().to_string();
        assert!(refused.contains("mean something"), "{name}: {refused}");
    }
    // Inside of the command, where an older version is most easily wrong.
    let job = [pb::JobRef { job: vec![1; 16] }.encode_to_vec(), UNKNOWN_FIELD.to_vec()].concat();
    let cancel = [&[0x22, u8::try_from(job.len()).expect("short")], job.as_slice()].concat();
    let refused = decode_proposal(&cancel).unwrap_err().to_string();
    assert!(refused.contains("mean something"), "{refused}");
    let (what, known) = ([header(), UNKNOWN_FIELD.to_vec()].concat(), header());
    assert!(decode_header(&known).is_ok());
    assert!(decode_header(&what).is_err());
    let (mut restored, _, _) = decode_header(&known).expect("a header");
    assert!(restored.add(&UNKNOWN_FIELD).is_err());
}

#[test]
fn a_checkpoint_of_a_later_level_is_told_from_damage() {
    let level = Level::new(Level::NEWEST.get() + 1);
    let parts = stint_core::Parts { level, ..samples::parts() };
    let bytes = encode_header(&parts, None, pb::StoredMembership::default());
    let refused = decode_header(&bytes).unwrap_err();
    assert_eq!(refused, Garbled::TooNew { what: "checkpoint", level });
}

#[test]
fn a_job_is_encoded_as_the_golden_file_says() {
    let job = samples::job();
    let encoded = encode_job(&job);
    assert_golden(JOB, &[("job", encoded.clone())]);
    assert_eq!(decode_job(&encoded), Ok(job));
}

#[test]
fn a_job_of_each_status_comes_back_as_it_was() {
    for status in stint_core::Status::ALL {
        let job = stint_core::Job { status, ..samples::job() };
        assert_eq!(decode_job(&encode_job(&job)), Ok(job));
    }
}

#[test]
fn the_header_of_a_checkpoint_is_encoded_as_the_golden_file_says() {
    let encoded = header();
    assert_golden(CHECKPOINT, &[("header", encoded.clone())]);
    let (restored, applied, stored) = decode_header(&encoded).expect("a header");
    let again = encode_header(&restored.parts(), applied, stored);
    assert_eq!(again, encoded);
}

#[test]
fn every_reply_and_every_refusal_comes_back_as_it_was() {
    let replies = samples::replies();
    let numbers = replies.iter().map(samples::reply_number);
    assert!(numbers.eq(0..samples::REPLIES), "one of each");
    let refusals = samples::refusals();
    let numbers = refusals.iter().map(samples::refusal_number);
    assert!(numbers.eq(0..samples::REFUSALS), "one of each");
    for answer in replies.into_iter().map(Ok).chain(refusals.into_iter().map(Err)) {
        assert_eq!(decode_answer(&encode_answer(&answer)), Ok(answer));
    }
}

/// A small generator with a seed (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 32).expect("32 bits") % end
    }
}

#[test]
fn bytes_that_no_encoder_wrote_are_an_error_and_never_a_panic() {
    let mut whole: Vec<Vec<u8>> =
        samples::commands().iter().map(|one| encode_command(one).to_vec()).collect();
    whole.extend(samples::replies().into_iter().map(|reply| encode_answer(&Ok(reply))));
    whole.extend([encode_job(&samples::job()), header(), vec![0; 64]]);
    let mut random = Random(0x5712_u64);
    for round in 0..20_000 {
        let mut bytes = whole[round % whole.len()].clone();
        for _ in 0..=random.below(4) {
            if !bytes.is_empty() {
                let place = random.below(bytes.len());
                bytes[place] = random.byte();
            }
        }
        bytes.truncate(random.below(2 * bytes.len() + 1));
        // What they say does not matter; that they say it does.
        drop(decode_proposal(&bytes));
        drop(super::check_unstamped(&bytes));
        drop(decode_answer(&bytes));
        drop(decode_job(&bytes));
        drop(decode_lines(&bytes));
        if let Ok((mut restored, _, _)) = decode_header(&bytes) {
            drop(restored.add(&bytes));
            drop(restored.finish());
        }
    }
}
