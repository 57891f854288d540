//! Tokens on their way through the log and through checkpoints.

use prost::Message as _;
use stint_core::{Command, Refusal, State};

use super::super::{
    decode_answer, decode_header, decode_proposal, encode_answer, encode_chunks, encode_command,
    encode_header, stamp,
};
use super::*;

fn hash(byte: u8) -> TokenHash {
    TokenHash([byte; 32])
}

fn commands() -> Vec<Command> {
    let mut commands =
        vec![Command::Close { hash: hash(1) }, Command::ResetAdmin { hash: hash(9) }];
    for (number, role) in (2..).zip(Role::ALL) {
        for expires_at in [None, Some(at(9_000))] {
            let hash = TokenHash([if expires_at.is_some() { number } else { number + 10 }; 32]);
            commands.push(Command::CreateToken(Box::new(NewToken {
                user: "J\u{fc}rgen".to_owned(),
                role,
                hash,
                expires_at,
                description: "backups".to_owned(),
            })));
        }
    }
    commands
}

#[test]
fn each_command_comes_back_as_it_was_proposed() {
    let revoke = Command::RevokeToken { id: TokenId::of(hash(1)) };
    for command in commands().into_iter().chain([revoke]) {
        let entry = stamp(at(5), &encode_command(&command));
        assert_eq!(decode_proposal(&entry), Ok((at(5), command)));
    }
}

#[test]
fn each_refusal_comes_back_as_it_was_given() {
    let id = TokenId::of(hash(1));
    for refusal in [
        Refusal::NoSuchToken(id),
        Refusal::TokenTaken(id),
        Refusal::TooManyTokens { limit: 3 },
        Refusal::LastAdmin(id),
        Refusal::TokenExpiresTooEarly { expires_at: at(1), now: at(2) },
        Refusal::BadUser("a:b".to_owned()),
        Refusal::ClusterIsOpen,
    ] {
        let answer = Err(refusal);
        assert_eq!(decode_answer(&encode_answer(&answer)), Ok(answer));
    }
}

#[test]
fn a_checkpoint_brings_back_all_tokens_and_that_the_cluster_is_closed() {
    let mut state = State::default();
    for command in commands() {
        let reply = state.apply(at(3_000), command).reply;
        assert!(reply.is_ok(), "{reply:?}");
    }
    let parts = state.parts();
    let header = encode_header(&parts, None, pb::StoredMembership::default());
    let (mut restored, _, _) = decode_header(&header).unwrap();
    for chunk in encode_chunks(parts.clone()) {
        restored.add(&chunk).unwrap();
    }
    assert_eq!(restored.finish().unwrap().parts(), parts);
    assert_eq!(parts.tokens.len(), 8);
}

#[test]
fn what_no_encoder_wrote_is_garbled_and_says_where() {
    use pb::proposal::Command as Wire;
    let good = pb::CreateToken { role: 1, hash: vec![7; 32], ..pb::CreateToken::default() };
    for (wire, what) in [
        (Wire::Close(pb::Close { hash: vec![7; 31] }), "hash of a token"),
        (Wire::ResetAdmin(pb::ResetAdmin { hash: vec![7; 33] }), "hash of a token"),
        (Wire::CreateToken(pb::CreateToken { role: 0, ..good.clone() }), "role of a token"),
        (Wire::CreateToken(pb::CreateToken { hash: vec![], ..good }), "hash of a token"),
        (Wire::RevokeToken(pb::TokenRef { token: vec![7; 32] }), "token id"),
    ] {
        let bytes = pb::Proposal { at_ms: 1, command: Some(wire), ..pb::Proposal::default() }
            .encode_to_vec();
        let error = decode_proposal(&bytes).unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
}
