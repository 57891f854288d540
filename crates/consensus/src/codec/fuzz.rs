//! Bytes from disks and from peers: whatever they are, they are garbled or mean one thing, and no
//! command that can be read panics where it is applied.

use std::sync::LazyLock;

use bytes::Bytes;
use stint_core::{State, Timestamp};

use super::{
    Decoded, check_unstamped, decode_answer, decode_audit, decode_audited, decode_header,
    decode_job, decode_lines, encode_answer, encode_audit, encode_chunks, encode_command,
    encode_header, encode_job, encode_lines, samples, stamp,
};
use crate::types::{decode_entry, encode_entry};

/// The first byte chooses among the formats, the rest are the bytes.
fn chosen(bytes: &[u8]) -> Option<(u8, &[u8])> {
    bytes.split_first().map(|(choice, rest)| (*choice, rest))
}

/// What was read, written and read again is the same.
fn comes_back<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Decoded<T>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    let Ok(first) = read(bytes) else { return };
    let again = read(&write(&first));
    assert_eq!(again.as_ref(), Ok(&first));
}

#[test]
fn a_record_of_the_log_or_of_history_is_garbled_or_comes_back_as_it_was() {
    bolero::check!().for_each(|bytes| {
        let Some((choice, rest)) = chosen(bytes) else { return };
        match choice % 6 {
            0 => comes_back(
                rest,
                |bytes| decode_audited(bytes).map(|(at, command, _)| (at, command)),
                |(at, command)| stamp(*at, &encode_command(command)).to_vec(),
            ),
            1 => comes_back(rest, decode_job, encode_job),
            2 => comes_back(rest, decode_lines, |lines| encode_lines(lines)),
            3 => comes_back(rest, decode_answer, encode_answer),
            4 => comes_back(rest, |bytes| decode_audit(7, bytes), encode_audit),
            _ => {
                comes_back(rest, |bytes| decode_entry(Bytes::copy_from_slice(bytes)), encode_entry);
            }
        }
    });
}

/// Splits bytes into pieces: each has its length before it, in two bytes.
fn pieces(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (piece, after) = rest.split_at(length);
        pieces.push(piece);
        bytes = after;
    }
    pieces
}

/// The inverse of [`pieces`].
fn joined(pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let with_length = |piece: Vec<u8>| {
        let length = u16::try_from(piece.len()).expect("samples are small");
        [length.to_le_bytes().to_vec(), piece].concat()
    };
    pieces.into_iter().flat_map(with_length).collect()
}

#[test]
fn a_snapshot_is_garbled_or_a_state_that_can_be_and_comes_back_as_it_was() {
    bolero::check!().for_each(|bytes| drop(restore(bytes)));
}

fn restore(bytes: &[u8]) -> Option<State> {
    let pieces = pieces(bytes);
    let (header, chunks) = pieces.split_first()?;
    let (mut restored, applied, membership) = decode_header(header).ok()?;
    for chunk in chunks {
        restored.add(chunk).ok()?;
    }
    let state = restored.finish().ok()?;
    let parts = state.parts();
    let header = encode_header(&parts, applied, membership);
    let (mut again, ..) = decode_header(&header).expect("what we wrote");
    for chunk in encode_chunks(parts.clone()) {
        again.add(&chunk).expect("what we wrote");
    }
    assert_eq!(again.finish().expect("what could be").parts(), parts);
    Some(state)
}

static LIVED: LazyLock<State> = LazyLock::new(|| lived().0);

/// A state that has been through the life of the samples, and how many of them changed it.
fn lived() -> (State, usize) {
    let mut state = State::default();
    let mut changed = 0;
    for (second, command) in (0_u64..).zip(samples::commands()) {
        let at = Timestamp::from_ms(1_700_000_000_000 + second * 1_000);
        changed += usize::from(state.apply(at, command).reply.is_ok());
    }
    (state, changed)
}

#[test]
fn no_command_that_can_be_read_breaks_the_state_that_it_is_applied_to() {
    bolero::check!().for_each(|bytes| {
        let mut state = LIVED.clone();
        let mut now = state.now();
        for piece in pieces(bytes).into_iter().take(16) {
            let Some((step, command)) = chosen(piece) else { continue };
            let Ok(command) = check_unstamped(command) else { continue };
            now = Timestamp::from_ms(now.as_ms().saturating_add(u64::from(step) * 1_000));
            let _outcome = state.apply(now, command);
            stint_core::invariant::check(&state).expect("no invariant is broken");
        }
    });
}

const SNAPSHOTS: &str = "a_snapshot_is_garbled_or_a_state_that_can_be_and_comes_back_as_it_was";
const COMMANDS: &str = "no_command_that_can_be_read_breaks_the_state_that_it_is_applied_to";
const RECORDS: &str = "a_record_of_the_log_or_of_history_is_garbled_or_comes_back_as_it_was";

/// Where inputs that fuzzing starts from are written, if anywhere.
const CORPUS: &str = "STINT_CORPUS";

#[test]
fn the_samples_are_inputs_that_fuzzing_can_start_from() {
    let (state, changed) = lived();
    assert!(changed >= 15, "only {changed} samples change a state that has nothing else");
    let snapshot = {
        let parts = state.parts();
        let header = encode_header(&parts, None, stint_proto::log::v1::StoredMembership::default());
        joined(std::iter::once(header).chain(encode_chunks(parts)))
    };
    assert!(restore(&snapshot).is_some(), "the sample of a snapshot can be restored");
    let Some(corpus) = std::env::var_os(CORPUS) else { return };
    let put = |target: &str, name: &str, bytes: &[u8]| {
        let dir = std::path::Path::new(&corpus).join(format!("codec::fuzz::{target}"));
        std::fs::create_dir_all(&dir).expect("a directory");
        std::fs::write(dir.join(name), bytes).expect("a file");
    };
    put(SNAPSHOTS, "lived", &snapshot);
    for command in samples::commands() {
        let encoded = encode_command(&command).to_vec();
        let step = [vec![1], encoded.clone()].concat();
        put(COMMANDS, samples::command_name(&command), &joined([step]));
        put(RECORDS, samples::command_name(&command), &[vec![0], encoded].concat());
    }
    put(RECORDS, "job", &[vec![1], encode_job(&samples::job())].concat());
}
