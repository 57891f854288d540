//! What clients write as text: whatever it is, it is refused in words or means one thing.

use crate::{Schedule, Timeout, Timestamp};

#[test]
fn a_cron_text_is_refused_or_has_ticks_that_go_forward() {
    bolero::check!().for_each(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (zone, text) = text.split_once('\n').unwrap_or(("", &text));
        let schedule = match Schedule::parse(text, Some(zone)) {
            Ok(schedule) => schedule,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        assert_eq!(schedule.text(), text);
        assert_eq!(Schedule::parse(text, Some(zone)).as_ref(), Ok(&schedule), "read again");
        let anchor = Timestamp::from_ms(1_700_000_000_123);
        let mut after = anchor;
        for _ in 0..5 {
            let Some(tick) = schedule.next_after(after, anchor) else { return };
            assert!(tick > after, "{tick:?} after {after:?}");
            let before = Timestamp::from_ms(tick.as_ms() - 1);
            assert_eq!(schedule.next_after(before, anchor), Some(tick), "no tick is jumped over");
            after = tick;
        }
    });
}

#[test]
fn a_duration_text_is_refused_or_means_the_same_when_read_again() {
    bolero::check!().for_each(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        match Timeout::parse(&text) {
            Ok(None) => assert!(text.is_empty()),
            Ok(Some(timeout)) => {
                assert_eq!(timeout.text(), text);
                let ms = format!("{}ms", timeout.span().as_ms());
                let again = Timeout::parse(&ms).map(|again| again.map(|again| again.span()));
                assert_eq!(again, Ok(Some(timeout.span())), "{text} is {ms}");
            }
            Err(error) => assert!(error.to_string().len() < 512, "{error}"),
        }
    });
}
