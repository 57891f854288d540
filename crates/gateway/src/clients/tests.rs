//! Who is counted, and who is forgotten.

use std::num::NonZeroU32;

use super::*;

fn clients(per_second: u32, at_once: u32) -> Arc<Clients> {
    Arc::new(Clients::new(&Config {
        requests_per_second: NonZeroU32::new(per_second).unwrap(),
        requests_at_once: NonZeroU32::new(at_once).unwrap(),
        ..Config::default()
    }))
}

fn user(name: &str) -> Client {
    Client::User(name.to_owned())
}

/// The `n`th of many made-up addresses.
fn made_up(n: u32) -> Client {
    Client::new(None, IpAddr::V4(n.into()))
}

fn sizes(clients: &Clients) -> (usize, usize) {
    let table = clients.table();
    (table.known.len(), table.idle.len())
}

/// One request, with its place.
fn ask(clients: &Arc<Clients>, client: Client, now: Instant) -> Result<Place, ApiError> {
    let place = clients.admit(client, now)?;
    place.pay(now).map(|()| place)
}

#[test]
fn the_table_stays_bounded_and_keeps_who_is_busy_under_a_flood_of_addresses() {
    let clients = clients(1, 1);
    let now = Instant::now();
    let busy = ask(&clients, user("ann"), now).unwrap();
    for n in 0..100_000 {
        assert!(ask(&clients, made_up(n), now).is_ok(), "{n}");
    }
    let max = limits::CLIENTS_REMEMBERED_MAX;
    assert_eq!(sizes(&clients), (max, max - 1));
    assert!(ask(&clients, user("ann"), now).is_err(), "what is under way is not forgotten");
    drop(busy);
    assert_eq!(sizes(&clients), (max, max));
}

#[test]
fn who_comes_again_and_again_is_not_forgotten_though_he_is_refused() {
    let clients = clients(1, 1);
    let now = Instant::now();
    while ask(&clients, user("ann"), now).is_ok() {}
    for n in 0..100_000 {
        drop(ask(&clients, made_up(n), now));
        if n % 10_000 == 0 {
            assert!(ask(&clients, user("ann"), now).is_err(), "a new bucket after {n} others");
        }
    }
}

#[test]
fn a_table_full_of_busy_clients_refuses_newcomers_and_serves_those_it_knows() {
    let clients = clients(100, 2);
    let now = Instant::now();
    let max = u32::try_from(limits::CLIENTS_REMEMBERED_MAX).unwrap();
    let mut places: Vec<_> = (0..max).map(|n| ask(&clients, made_up(n), now).unwrap()).collect();
    assert_eq!(ask(&clients, made_up(max), now).unwrap_err().code(), "TOO_MANY_REQUESTS");
    assert!(ask(&clients, made_up(0), now).is_ok());
    places.pop();
    assert!(ask(&clients, made_up(max), now).is_ok());
}

#[test]
fn one_client_may_not_have_more_under_way_than_its_share_and_others_have_theirs() {
    let clients = clients(100, 2);
    let now = Instant::now();
    let _first = ask(&clients, user("ann"), now).unwrap();
    let second = ask(&clients, user("ann"), now).unwrap();
    let why = ask(&clients, user("ann"), now).unwrap_err().to_string();
    assert!(why.contains("user ann") && why.contains("limits.requests_at_once"), "{why}");
    assert!(ask(&clients, user("bob"), now).is_ok());
    drop(second);
    assert!(ask(&clients, user("ann"), now).is_ok());
}

#[test]
fn one_client_may_not_ask_faster_than_its_share_and_may_again_after_the_wait_it_was_told() {
    let clients = clients(1, 100);
    let now = Instant::now();
    for _ in 0..limits::BURST_SECONDS {
        ask(&clients, user("ann"), now).unwrap();
    }
    let why = ask(&clients, user("ann"), now).unwrap_err().to_string();
    assert!(why.contains("user ann") && why.contains("limits.requests_per_second"), "{why}");
    assert!(ask(&clients, user("bob"), now).is_ok());
    assert!(ask(&clients, user("ann"), now + limits::RETRY_AFTER).is_ok());
}

#[test]
fn addresses_are_counted_by_what_one_person_has() {
    let of = |address: &str| Client::new(None, address.parse().unwrap());
    for (one, other, is_same) in [
        ("10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false),
        ("10.0.0.1", "::ffff:10.0.0.1", true),
        ("2001:db8::1", "2001:db8::ffff:0:1", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
    ] {
        assert_eq!(of(one) == of(other), is_same, "{one} and {other}");
    }
    assert_eq!(of("2001:db8::1").to_string(), "network 2001:db8::/64");
    let there = "10.0.0.1".parse().unwrap();
    assert_ne!(Client::new(Some("10.0.0.1"), there), Client::new(None, there));
}
