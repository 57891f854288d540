//! The settings of the cluster in literal requests and answers, by both doors.

use stint_proto::v0;
use stint_proto::v0::settings_client::SettingsClient;
use tonic::Code;

use crate::grpc::{channel, reason};
use crate::harness::House;

const PATH: &str = "/api/v0/meta/settings";

fn literal(is_enabled: bool, to_keep: u64, max_age: &str) -> String {
    format!(
        "{{\"jobHistoryCompactionEnabled\":{is_enabled},\"jobHistoryToKeep\":{to_keep},\
         \"jobHistoryMaxAge\":\"{max_age}\"}}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_change_where_they_are_named_and_stay_elsewhere() {
    let house = House::start().await;
    assert_eq!(house.get(PATH).await.body, literal(false, 0, ""));
    for (body, expected) in [
        ("{}", literal(false, 0, "")),
        (r#"{"jobHistoryToKeep":1000}"#, literal(false, 1000, "")),
        (r#"{"jobHistoryCompactionEnabled":true}"#, literal(true, 1000, "")),
        (r#"{"jobHistoryMaxAge":"720h","futureField":1}"#, literal(true, 1000, "720h")),
        (r#"{"jobHistoryToKeep":null,"jobHistoryMaxAge":null}"#, literal(true, 1000, "720h")),
        (r#"{"jobHistoryToKeep":0}"#, literal(true, 0, "720h")),
        (r#"{"jobHistoryMaxAge":"0s"}"#, literal(true, 0, "")),
        (
            r#"{"jobHistoryCompactionEnabled":false,"jobHistoryToKeep":9223372036854775807,
                "jobHistoryMaxAge":"1h"}"#,
            literal(false, 9_223_372_036_854_775_807, "1h"),
        ),
        (r#"{"jobHistoryMaxAge":"","jobHistoryToKeep":5}"#, literal(false, 5, "")),
    ] {
        let answer = house.post(PATH, body).await;
        assert_eq!((answer.status, answer.body), (202, expected.clone()), "{body}");
        assert_eq!(house.get(&format!("{PATH}/")).await.body, expected, "{body}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_settings_are_refused_whole() {
    let house = House::start().await;
    for (body, code, message) in [
        (
            r#"{"jobHistoryToKeep":-1}"#,
            "INVALID_PARAMETERS",
            "jobHistoryToKeep: expected an integer of at least 0, got the number -1",
        ),
        (
            r#"{"jobHistoryToKeep":9223372036854775808}"#,
            "INVALID_PARAMETERS",
            "jobHistoryToKeep: expected an integer from 0 to 9223372036854775807, got the number \
             9223372036854775808",
        ),
        (
            r#"{"jobHistoryCompactionEnabled":"true","jobHistoryToKeep":7}"#,
            "INVALID_PARAMETERS",
            "jobHistoryCompactionEnabled: expected true or false, got the string \"true\"",
        ),
        (
            r#"{"jobHistoryToKeep":7,"jobHistoryMaxAge":"30d"}"#,
            "INVALID_PARAMETERS",
            "jobHistoryMaxAge: expected a duration like 30s, 1h30m, 1.5h or 300ms, got \"30d\"",
        ),
        (
            r#"{"jobHistoryMaxAge":"-1h"}"#,
            "INVALID_PARAMETERS",
            "jobHistoryMaxAge: expected a duration that is not negative, got \"-1h\"",
        ),
        ("", "INVALID_JSON", "the body is empty; a JSON object is needed"),
    ] {
        let answer = house.post(PATH, body).await;
        assert_eq!(answer.refusal(), (400, code.to_owned()), "{body}");
        assert_eq!(answer.json()["errors"][0]["message"], message, "{body}");
    }
    assert_eq!(house.get(PATH).await.body, literal(false, 0, ""));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_came_by_one_door_read_alike_by_both() {
    let house = House::start().await;
    let mut settings = SettingsClient::new(channel(&house).await);
    let change = |to_keep, max_age: Option<&str>| v0::ChangeSettingsRequest {
        job_history_compaction_enabled: None,
        job_history_to_keep: to_keep,
        job_history_max_age: max_age.map(str::to_owned),
    };
    for (request, expected) in [
        (change(Some(7), Some("24h")), literal(false, 7, "24h")),
        (change(None, None), literal(false, 7, "24h")),
        (change(Some(0), Some("0")), literal(false, 0, "")),
    ] {
        let updated = settings.change_settings(request).await.expect("settings").into_inner();
        let read = settings.get_settings(v0::GetSettingsRequest {}).await.expect("settings");
        assert_eq!(read.into_inner(), updated);
        let v0::ClusterSettings {
            job_history_compaction_enabled,
            job_history_to_keep,
            job_history_max_age,
        } = updated;
        let seen =
            literal(job_history_compaction_enabled, job_history_to_keep, &job_history_max_age);
        assert_eq!(seen, expected);
        assert_eq!(house.get(PATH).await.body, expected);
    }
    for (request, field) in [
        (change(Some(u64::MAX), None), "jobHistoryToKeep: expected an integer from 0 to"),
        (change(None, Some("soon")), "jobHistoryMaxAge: expected a duration"),
    ] {
        let status = settings.change_settings(request).await.expect_err("a refusal");
        assert_eq!(reason(&status), (Code::InvalidArgument, "INVALID_PARAMETERS".to_owned()));
        assert!(status.message().starts_with(field), "{status:?}");
    }
    house.stop().await;
}
