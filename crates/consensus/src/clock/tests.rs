//! Which time it is when clocks disagree.

use super::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A clock that is off by so much, seen from the machine's own.
fn off(by: i64) -> Offset {
    offset_of(WallClock::default().now(), Duration::ZERO) + by
}

fn distance(clock: &Clock, by: i64) -> i64 {
    let now = i64::try_from(clock.now().unwrap().as_ms()).unwrap();
    let wall = i64::try_from(WallClock::default().now().as_ms()).unwrap();
    now - wall - by
}

fn learned(members: &[u64], heard: &[(u64, i64)], floor: i64) -> Clock {
    let clock = Clock::new(WallClock::default());
    let heard: Vec<_> = heard.iter().map(|(peer, by)| (*peer, off(*by))).collect();
    let floor = u64::try_from(off(floor)).unwrap();
    clock.learn(members, &heard, Timestamp::from_ms(floor));
    clock
}

#[test]
fn without_most_of_the_clocks_it_is_no_time_at_all() {
    assert_eq!(Clock::new(WallClock::default()).now(), None);
    assert_eq!(learned(&[2, 3], &[], 0).now(), None);
    assert_eq!(learned(&[2, 3, 4, 5], &[(2, 0)], 0).now(), None);
    assert!(learned(&[], &[], 0).now().is_some(), "a replica alone is most of its cluster");
    assert!(learned(&[2, 3], &[(2, 0)], 0).now().is_some());
    assert!(learned(&[2, 3, 4, 5], &[(2, 0), (5, 0)], 0).now().is_some());
    assert_eq!(learned(&[2, 3], &[(9, 0)], 0).now(), None, "a stranger's clock is none");
}

#[test]
fn one_clock_that_is_off_changes_nothing_whosever_it_is() {
    for by in [DAY, -2 * HOUR, 5_000] {
        let of_a_peer = learned(&[2, 3], &[(2, by), (3, 20)], 0);
        assert!(distance(&of_a_peer, 0).abs() < 100, "a peer's clock is off by {by}");
        let own = learned(&[2, 3], &[(2, by), (3, by + 20)], 0);
        assert!(distance(&own, by).abs() < 100, "the own clock is off by {by}");
    }
}

#[test]
fn of_two_clocks_the_one_that_the_log_speaks_for_is_right() {
    for (peer, expected) in [(DAY, 0), (-2 * HOUR, 0), (500, 0), (-500, 0)] {
        let clock = learned(&[2, 3], &[(2, peer)], -1_000);
        assert!(distance(&clock, expected).abs() < 100, "the peer is off by {peer}");
    }
    // The own clock has gone back.
    let clock = learned(&[2, 3], &[(2, 2 * HOUR)], 2 * HOUR - 1_000);
    assert!(distance(&clock, 2 * HOUR).abs() < 100);
    // The own clock has gone forward, and the log was written a while ago.
    let clock = learned(&[2, 3], &[(2, -DAY)], -DAY - HOUR);
    assert!(distance(&clock, -DAY).abs() < 100);
}

#[test]
fn who_is_not_heard_of_any_more_is_still_believed() {
    let clock = learned(&[2, 3], &[(2, 0), (3, 0)], 0);
    let floor = Timestamp::from_ms(u64::try_from(off(0)).unwrap());
    clock.learn(&[2, 3], &[(3, off(DAY))], floor);
    assert!(distance(&clock, 0).abs() < 100);
}

#[tokio::test]
async fn who_waits_for_the_time_gets_it_when_it_is_known() {
    let clock = Arc::new(Clock::new(WallClock::default()));
    assert_eq!(clock.wait(Duration::from_millis(1)).await, None);
    let waiting = tokio::spawn({
        let clock = Arc::clone(&clock);
        async move { clock.wait(Duration::from_mins(1)).await }
    });
    clock.learn(&[], &[], Timestamp::ZERO);
    assert!(waiting.await.unwrap().is_some());
}
