//! What is read from literal bodies, and what is said of wrong ones.

use stint_core::Timestamp;

use super::*;

fn read(body: &str) -> Result<Submission, ApiError> {
    submission(Fields::parse(body.as_bytes())?)
}

#[test]
fn what_real_clients_send_is_enough() {
    let all_default = read(r#"{"action":"poll_mirror"}"#).unwrap();
    assert_eq!(all_default.spec.action, "poll_mirror");
    assert_eq!(all_default.spec.parameters, None);
    assert_eq!(all_default.spec.capacity_map, None);
    assert_eq!(all_default.spec.deadline, None);
    assert_eq!(all_default.spec.stop_timeout, None);
    assert_eq!((all_default.retries, all_default.scheduled_at), (None, None));
    let with_nulls = r#"{"action":"poll_mirror","parameters":null,"retries":null,
        "capacityMap":null,"deadline":null,"stopTimeout":null,"scheduledAt":null,
        "unknown":{"deeper":[1,2]}}"#;
    assert_eq!(read(with_nulls).unwrap(), all_default);
    let with_empty = r#"{"action":"poll_mirror","deadline":"","stopTimeout":"","scheduledAt":""}"#;
    assert_eq!(read(with_empty).unwrap(), all_default);
}

#[test]
fn every_field_is_read() {
    let submission = read(
        r#"{"action":"scan_check_single","retries":2,"capacityMap":{"scan":1},
            "parameters":{"SHA256SUM":"1bac","Empty":null},"deadline":"1h30m","stopTimeout":"1.5s",
            "scheduledAt":"2017-02-17T03:09:47.771+02:00"}"#,
    )
    .unwrap();
    assert_eq!(submission.spec.action, "scan_check_single");
    assert_eq!(submission.retries, Some(2));
    let capacity = submission.spec.capacity_map.unwrap();
    assert_eq!(capacity.iter().collect::<Vec<_>>(), [("scan", 1)]);
    let parameters = submission.spec.parameters.unwrap();
    assert_eq!(parameters["SHA256SUM"], "1bac");
    assert_eq!(parameters["Empty"], "");
    assert_eq!(submission.spec.deadline.unwrap().text(), "1h30m");
    assert_eq!(submission.spec.stop_timeout.unwrap().span().as_ms(), 1_500);
    assert_eq!(submission.scheduled_at, Some(Timestamp::from_ms(1_487_293_787_771)));
}

#[test]
fn a_map_that_somebody_set_to_nothing_is_not_one_that_nobody_set() {
    let submission = read(r#"{"action":"a","capacityMap":{},"parameters":{}}"#).unwrap();
    assert_eq!(submission.spec.capacity_map, Some(CapacityMap::default()));
    assert_eq!(submission.spec.parameters, Some(Parameters::new()));
}

#[test]
fn a_wrong_type_is_named_with_what_came() {
    for (field, expected, got) in [
        (r#""action":7"#, "a string", "the number 7"),
        (r#""action":["a"]"#, "a string", "an array"),
        (r#""parameters":"A=b""#, "an object of strings", r#"the string "A=b""#),
        (r#""parameters":[]"#, "an object of strings", "an array"),
        (r#""retries":"1""#, "an integer from 0 to 1000", r#"the string "1""#),
        (r#""retries":-1"#, "an integer from 0 to 1000", "the number -1"),
        (r#""retries":1.5"#, "an integer from 0 to 1000", "the number 1.5"),
        (r#""retries":4294967296"#, "an integer from 0 to 1000", "the number 4294967296"),
        (r#""capacityMap":1"#, "an object of integers", "the number 1"),
        (r#""deadline":5"#, "a string", "the number 5"),
        (r#""deadline":"5""#, "a duration like 30s, 1h30m, 1.5h or 300ms", r#""5""#),
        (r#""stopTimeout":"-5s""#, "a duration that is not negative", r#""-5s""#),
        (r#""stopTimeout":false"#, "a string", "the boolean false"),
        (r#""scheduledAt":0"#, "a string", "the number 0"),
        (r#""scheduledAt":{}"#, "a string", "an object"),
    ] {
        let error = read(&format!(r#"{{"action":"noop",{field}}}"#)).unwrap_err();
        let name = field.split('"').nth(1).unwrap();
        let message = format!("{name}: expected {expected}, got {got}");
        assert_eq!((error.code(), error.to_string()), ("INVALID_PARAMETERS", message));
    }
    for (field, message) in [
        (r#""parameters":{"A":1}"#, "parameters.A: expected a string, got the number 1"),
        (
            r#""capacityMap":{"scan":"1"}"#,
            r#"capacityMap.scan: expected an integer of at least 0, got the string "1""#,
        ),
        (
            r#""capacityMap":{"scan":-1}"#,
            "capacityMap.scan: expected an integer of at least 0, got the number -1",
        ),
        (
            r#""capacityMap":{"scan":1.0}"#,
            "capacityMap.scan: expected an integer of at least 0, got the number 1.0",
        ),
    ] {
        let error = read(&format!(r#"{{"action":"noop",{field}}}"#)).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("INVALID_PARAMETERS", message));
    }
}

#[test]
fn what_a_client_sent_is_shown_in_short() {
    let long = "x".repeat(100_000);
    let body = format!(r#"{{"action":"noop","capacityMap":{{"{long}":"{long}"}}}}"#);
    let message = read(&body).unwrap_err().to_string();
    assert!(message.len() < 300, "{} bytes", message.len());
}

#[test]
fn what_is_no_json_object_is_said_to_be_none() {
    let code = |bytes: &[u8]| Fields::parse(bytes).map(|_| ()).unwrap_err();
    for (bytes, message) in [
        (&b""[..], "the body is empty; a JSON object is needed"),
        (b"[]", "the body is an array, not an object"),
        (b"null", "the body is null, not an object"),
        (b"\"x\"", "the body is the string \"x\", not an object"),
        (
            b"{\"action\":\"\xff\"}",
            "the body is not UTF-8: invalid utf-8 sequence of 1 bytes from index 11",
        ),
    ] {
        assert_eq!(code(bytes), ApiError::InvalidJson(message.to_owned()));
    }
    for bytes in [
        &b"{"[..],
        b"{\"action\":}",
        b"{\"action\":\"a\"} x",
        b"{'action':'a'}",
        b"{\"action\":\"\\ud800\"}",
        b"{\"action\":\"a\",}",
        b"\0",
    ] {
        let error = code(bytes);
        assert_eq!(error.code(), "INVALID_JSON", "{error}");
        assert!(error.to_string().starts_with("the body is not JSON: "), "{error}");
    }
}

#[test]
fn nesting_is_bounded_and_brackets_in_strings_are_no_nesting() {
    let nested =
        |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(Fields::parse(nested(64).as_bytes()).is_ok());
    let error = Fields::parse(nested(65).as_bytes()).unwrap_err();
    assert_eq!(error, ApiError::InvalidJson("the body is nested deeper than 64".to_owned()));
    let error = Fields::parse("[".repeat(1_000_000).as_bytes()).unwrap_err();
    assert_eq!(error.code(), "INVALID_JSON");
    let harmless = format!(r#"{{"x":"\"{}\\"}}"#, "[{".repeat(1_000));
    assert!(Fields::parse(harmless.as_bytes()).is_ok());
}

#[test]
fn what_nobody_asks_for_is_passed_over_and_has_to_be_json_all_the_same() {
    assert!(NAMES.is_sorted());
    let large = "0,".repeat(400_000);
    let fields =
        Fields::parse(format!(r#"{{"x":[{large}0],"action":"noop"}}"#).as_bytes()).unwrap();
    assert_eq!(fields.0.keys().collect::<Vec<_>>(), ["action"]);
    for (body, expected) in [
        (r#"{"x":[1,],"action":"noop"}"#, "INVALID_JSON"),
        (r#"{"action":"noop","x":{"y"}}"#, "INVALID_JSON"),
        (r#"{"action":"noop","x":nul}"#, "INVALID_JSON"),
        (r#"{"action":"noop","x":1} []"#, "INVALID_JSON"),
        (r#"[{"x":1}]"#, "INVALID_JSON"),
    ] {
        assert_eq!(read(body).unwrap_err().code(), expected, "{body}");
    }
    let last = r#"{"action":"first","x":{"action":"inner"},"action":"last"}"#;
    assert_eq!(read(last).unwrap().spec.action, "last");
}
