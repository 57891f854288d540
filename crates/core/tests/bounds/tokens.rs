//! What bounds tokens, each at its edge, and what a checkpoint of them may not be.

use std::sync::Arc;

use stint_core::invariant::Violation;
use stint_core::{
    Command, Event, FIRST_USER, MembersChange, MembersRefusal, NewToken, Parts, Refusal, Reply,
    Role, State, Timestamp, Token, TokenHash, TokenId, WorkerId, limits,
};

use super::cluster::Cluster;

fn hash(number: u64) -> TokenHash {
    let mut hash = [0; 32];
    hash[24..].copy_from_slice(&number.to_be_bytes());
    TokenHash(hash)
}

fn new_token(number: u64) -> NewToken {
    NewToken {
        user: "ann".to_owned(),
        role: Role::Operator,
        hash: hash(number),
        expires_at: None,
        description: String::new(),
    }
}

fn create(new: NewToken) -> Command {
    Command::CreateToken(Box::new(new))
}

/// A cluster whose first token is number 0.
fn closed() -> Cluster {
    let mut cluster = Cluster::with_worker(&[]);
    cluster.ok(Command::Close { hash: hash(0) });
    cluster
}

#[test]
fn the_first_token_is_an_administrators_for_ever_and_closes_the_cluster() {
    let mut cluster = Cluster::with_worker(&[]);
    assert!(!cluster.state.is_closed());
    let open = cluster.apply(create(new_token(1))).reply;
    assert_eq!(open, Err(Refusal::ClusterIsOpen));

    let (_, events) = cluster.ok(Command::Close { hash: hash(0) });
    let again = cluster.ok(Command::Close { hash: hash(1) });

    let [Event::TokenCreated(first)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        (first.user.as_str(), first.role, first.expires_at),
        (FIRST_USER, Role::Admin, None)
    );
    assert_eq!(first.id, TokenId::of(hash(0)));
    assert_eq!(again, (Reply::Ok, Vec::new()));
    assert!(cluster.state.is_closed());
    cluster.check();
}

#[test]
fn a_token_may_be_as_large_as_each_limit_and_no_larger() {
    let user = |bytes| NewToken { user: "a".repeat(bytes), ..new_token(1) };
    let described = |bytes| NewToken { description: "a".repeat(bytes), ..new_token(1) };
    let (name, text) = (limits::NAME_BYTES_MAX, limits::DESCRIPTION_BYTES_MAX);
    for (what, fits, is_too_large) in [
        ("name of the user", user(name), user(name + 1)),
        ("description", described(text), described(text + 1)),
    ] {
        let mut cluster = closed();
        cluster.refused_over(what, create(is_too_large));
        cluster.ok(create(fits));
        cluster.check();
    }
}

#[test]
fn a_user_has_a_name_that_basic_authentication_can_say() {
    for user in ["", ":", "a:b", "a\nb", "a\u{7f}"] {
        let reply =
            closed().apply(create(NewToken { user: user.to_owned(), ..new_token(1) })).reply;
        assert_eq!(reply, Err(Refusal::BadUser(user.to_owned())));
    }
    for user in ["a", "ann@example.org", "J\u{fc}rgen", "two words"] {
        closed().ok(create(NewToken { user: user.to_owned(), ..new_token(1) }));
    }
}

#[test]
fn a_token_is_valid_until_just_before_it_expires() {
    let mut cluster = closed();
    let now = Timestamp::from_ms(cluster.now_ms);
    let expires_at = |ms| NewToken { expires_at: Some(Timestamp::from_ms(ms)), ..new_token(1) };
    let reply = cluster.apply(create(expires_at(cluster.now_ms))).reply;
    assert_eq!(reply, Err(Refusal::TokenExpiresTooEarly { expires_at: now, now }));
    cluster.ok(create(expires_at(cluster.now_ms + 1)));
    let token = cluster.state.token(TokenId::of(hash(1))).expect("it was created");
    assert!(token.is_valid_at(now));
    assert!(!token.is_valid_at(Timestamp::from_ms(cluster.now_ms + 1)));
}

#[test]
fn so_many_tokens_there_are_and_no_more() {
    let mut cluster = closed();
    let limit = limits::TOKENS_MAX;
    let last = u64::try_from(limit).expect("few");
    (1..last).for_each(|number| drop(cluster.ok(create(new_token(number)))));
    let reply = cluster.apply(create(new_token(last))).reply;
    assert_eq!(reply, Err(Refusal::TooManyTokens { limit }));
    cluster.ok(Command::RevokeToken { id: TokenId::of(hash(1)) });
    cluster.ok(create(new_token(last)));
    assert_eq!(cluster.state.tokens().len(), limit);
    cluster.check();

    let reset = |number| Command::ResetAdmin { hash: hash(number) };
    let full = limit + limits::TOKENS_RESERVED;
    let end = u64::try_from(full).expect("few") + 1;
    (last + 1..end).for_each(|number| drop(cluster.ok(reset(number))));
    cluster.check();
    assert_eq!(cluster.apply(reset(end)).reply, Err(Refusal::TooManyTokens { limit: full }));
    let reply = cluster.apply(create(new_token(end))).reply;
    assert_eq!(reply, Err(Refusal::TooManyTokens { limit }), "the reserve is for administrators");
}

#[test]
fn who_has_the_machine_of_a_replica_gets_an_administrators_token_once_for_each_that_is_drawn() {
    let mut cluster = Cluster::with_worker(&[]);
    let reset = Command::ResetAdmin { hash: hash(1) };

    let (_, events) = cluster.ok(reset.clone());
    let again = cluster.ok(reset);

    let [Event::TokenCreated(token)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        (token.user.as_str(), token.role, token.expires_at),
        (FIRST_USER, Role::Admin, None)
    );
    assert_eq!(again, (Reply::Ok, Vec::new()), "a proposal may come twice");
    assert!(cluster.state.is_closed(), "also a cluster that was open");
    cluster.ok(create(new_token(2)));
    let refused = cluster.apply(Command::ResetAdmin { hash: hash(2) }).reply;
    assert_eq!(refused, Err(Refusal::TokenTaken(TokenId::of(hash(2)))));
    cluster.check();
}

/// Spoils parts that have one token.
type Spoil = fn(&mut Parts) -> Violation;

fn token(parts: &mut Parts) -> &mut Token {
    Arc::make_mut(parts.tokens.first_mut().expect("a token"))
}

#[test]
fn a_checkpoint_with_tokens_that_cannot_be_is_an_error() {
    let spoils: [Spoil; 6] = [
        |parts| {
            let twin = Arc::clone(&parts.tokens[0]);
            parts.tokens.push(twin);
            Violation::Token(parts.tokens[0].id)
        },
        |parts| {
            token(parts).hash = hash(1);
            Violation::Token(parts.tokens[0].id)
        },
        |parts| {
            token(parts).role = Role::Operator;
            Violation::Tokens { tokens: 1 }
        },
        |parts| {
            token(parts).expires_at = Some(Timestamp::from_ms(u64::MAX));
            Violation::Tokens { tokens: 1 }
        },
        |parts| {
            parts.tokens.clear();
            Violation::Tokens { tokens: 0 }
        },
        |parts| {
            parts.is_closed = false;
            Violation::Tokens { tokens: 1 }
        },
    ];
    for spoil in spoils {
        let mut parts = closed().state.parts();
        let violation = spoil(&mut parts);
        assert_eq!(State::from_parts(parts).err(), Some(violation));
    }
}

#[test]
fn as_many_replicas_may_be_invited_at_a_time_as_are_remembered_and_old_ones_make_room() {
    let mut cluster = Cluster::default();
    let invite = |number: u64, at: u64| {
        let expires_at = Timestamp::from_ms(at);
        Command::Members(Box::new(MembersChange::Invite { hash: hash(number), expires_at }))
    };
    let end = cluster.now_ms + 1_000;
    let limit = limits::INVITATIONS_MAX;
    for number in 0..u64::try_from(limit).expect("few") {
        cluster.ok(invite(number, end));
    }
    let refused = cluster.apply(invite(1_000, end)).reply;
    assert_eq!(refused, Err(MembersRefusal::TooManyInvitations { limit }.into()));
    cluster.check();
    cluster.now_ms = end;
    cluster.ok(invite(1_000, end + 1));
    assert_eq!(cluster.state.invitations().count(), 1, "expired ones make room");
    cluster.check();
}

#[test]
fn of_very_many_removed_replicas_the_latest_are_remembered() {
    let mut cluster = Cluster::default();
    let limit = u64::try_from(limits::REPLICAS_REMOVED_MAX).expect("few");
    for number in 1..=limit + 1 {
        let replica = WorkerId::new(number).expect("not zero");
        cluster.ok(Command::Members(Box::new(MembersChange::Remove { replica })));
    }
    cluster.check();
    let is_removed = |number| cluster.state.is_removed(WorkerId::new(number).expect("not zero"));
    assert!(!is_removed(1) && is_removed(2) && is_removed(limit + 1));
}
