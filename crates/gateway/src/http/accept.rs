//! What kinds of answers a client takes.

use http::{HeaderMap, header};

use crate::api::ApiError;

/// Refuses a request whose `Accept` headers exclude JSON. What cannot be read excludes nothing.
pub(super) fn check(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut best = None;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            best = best.max(judge(range));
        }
    }
    match best {
        Some((_, false)) => Err(ApiError::NotAcceptable),
        Some((_, true)) | None => Ok(()),
    }
}

/// How exactly a media range speaks of JSON (not at all is 0), and whether it takes it. The most
/// exact range decides (RFC 9110, 12.5.1).
fn judge(range: &str) -> Option<(u8, bool)> {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().filter(|kind| kind.contains('/'))?.to_ascii_lowercase();
    let weighs_nothing = parts
        .filter_map(|part| part.split_once('='))
        .any(|(name, value)| name.trim().eq_ignore_ascii_case("q") && is_zero(value.trim()));
    let exactness = match kind.as_str() {
        "application/json" => 3,
        "application/*" => 2,
        "*/*" => 1,
        _ => 0,
    };
    Some((exactness, exactness > 0 && !weighs_nothing))
}

fn is_zero(weight: &str) -> bool {
    weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes_json(accept: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        check(&headers).is_ok()
    }

    #[test]
    fn json_is_taken_unless_it_is_excluded() {
        for accept in [
            &[][..],
            &[""],
            &["*/*"],
            &["application/json"],
            &["Application/JSON; charset=utf-8"],
            &["text/html, application/*;q=0.5"],
            &["text/html", "application/json;q=0.1"],
            &["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"],
            &["nonsense"],
            &["*/*;q=0, application/json"],
        ] {
            assert!(takes_json(accept), "{accept:?}");
        }
        for accept in [
            &["text/html"][..],
            &["application/xml, text/*"],
            &["application/json;q=0"],
            &["application/json; q=0.000, */*"],
            &["*/*;q=0"],
        ] {
            assert!(!takes_json(accept), "{accept:?}");
        }
    }
}
