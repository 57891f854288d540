//! When an answer wants to be asked again.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};

use crate::limits::WEBHOOK_RETRY_AFTER_MAX;

/// The wait that the answer asks for: a number of seconds, or a date, which is understood by the
/// clock of whoever has answered if the answer tells it. Nothing if it says nothing, or nonsense.
pub(super) fn of(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let asked = text(RETRY_AFTER)?.trim();
    let wait = if asked.bytes().all(|byte| byte.is_ascii_digit()) && !asked.is_empty() {
        // More digits than a number holds are a long wait all the same.
        Duration::from_secs(asked.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(asked).ok()?;
        let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok());
        // What has passed is no wait.
        until.duration_since(now.unwrap_or_else(SystemTime::now)).unwrap_or_default()
    };
    Some(wait.min(WEBHOOK_RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(retry_after: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        of(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_and_bounded() {
        assert_eq!(of(&HeaderMap::new()), None);
        let now = Some("Fri, 31 Dec 1999 23:59:00 GMT");
        for (asked, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("3601", Some(3_600)),
            ("99999999999999999999999999", Some(3_600)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(59)),
            ("Friday, 31-Dec-99 23:59:59 GMT", Some(59)),
            ("Fri, 31 Dec 1999 23:00:00 GMT", Some(0)),
            ("Sat, 01 Jan 2050 00:00:00 GMT", Some(3_600)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(wait(asked, now), expected, "{asked:?}");
        }
        // Without a date of its own, by our clock.
        assert_eq!(wait("Fri, 31 Dec 1999 23:59:59 GMT", None), Some(0));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!((90..=100).contains(&wait(&soon, None).unwrap()));
    }
}
