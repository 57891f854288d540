//! Action configs in literal requests and answers, by both doors.

use serde_json::json;
use stint_proto::v0;
use stint_proto::v0::action_configs_client::ActionConfigsClient;
use tonic::Code;

use crate::grpc::{channel, reason};
use crate::harness::House;

const PATH: &str = "/api/v0/action_configs";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_config_from_its_first_put_to_its_deletion() {
    let house = House::start().await;
    assert_eq!(house.get(PATH).await.body, r#"{"actionConfigs":[]}"#);
    let answer = house.post(PATH, r#"{"action":"noop","parameters":{"A":"b"}}"#).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(id.as_bytes()[14], b'7', "{id} is no UUID of version 7");
    let literal = format!(r#"{{"id":"{id}","action":"noop","parameters":{{"A":"b"}}}}"#);
    assert_eq!(answer.body, literal);
    assert_eq!(house.get(&format!("{PATH}/noop/")).await.body, literal);
    assert_eq!(house.get(PATH).await.body, format!(r#"{{"actionConfigs":[{literal}]}}"#));

    // Each job is told what it says, unless the job says otherwise.
    for (own, expected) in [("null", "b"), (r#"{"A":"own"}"#, "own")] {
        let body = format!(r#"{{"action":"noop","parameters":{own}}}"#);
        let job = house.post("/api/v0/jobs", &body).await.json();
        assert_eq!(job["parameters"], json!({"A": expected}));
    }
    let second = house.post(PATH, r#"{"action":"noop"}"#).await.json();
    assert_ne!(second["id"], id.as_str());
    assert_eq!(second["parameters"], json!(null));
    assert_eq!(house.get(PATH).await.json(), json!({"actionConfigs": [second]}));

    let path = format!("{PATH}/noop");
    let answer = house.delete(&path).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let gone = house.get(&path).await;
    assert_eq!(
        (gone.status, gone.json()),
        (
            404,
            json!({"errors": [{
                "code": "NO_SUCH_ACTION_CONFIG",
                "message": "action \"noop\": it has no action config",
                "detail": {"action": "noop"},
            }]})
        )
    );
    assert_eq!(house.delete(&path).await.body, gone.body);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_wrong_action_config_has_its_code() {
    let house = House::start().await;
    let wide = json!({"action": "noop", "parameters": {"P": "x".repeat(300 << 10)}}).to_string();
    let wider = json!({"action": "noop", "parameters": {"P": "x".repeat(600 << 10)}}).to_string();
    for (body, status, code) in [
        (r#"{"action":"unheard-of"}"#, 404, "NO_SUCH_ACTION"),
        (r#"{"parameters":{}}"#, 400, "INVALID_PARAMETERS"),
        (r#"{"action":"noop","parameters":[]}"#, 400, "INVALID_PARAMETERS"),
        (r#"{"action":"noop","parameters":{"A":1}}"#, 400, "INVALID_PARAMETERS"),
        ("", 400, "INVALID_JSON"),
        (&wide, 400, "INVALID_PARAMETERS"),
        (&wider, 400, "INVALID_PARAMETERS"),
    ] {
        let answer = house.post(PATH, body).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{shown}: {answer:?}");
    }
    let long = "x".repeat(10_000);
    for action in ["noop", "..%2f..%2fetc%2fpasswd", "%00", "%ff", &long] {
        let path = format!("{PATH}/{action}");
        for answer in [house.get(&path).await, house.delete(&path).await] {
            assert_eq!(answer.refusal(), (404, "NO_SUCH_ACTION_CONFIG".to_owned()), "{action}");
            assert!(answer.body.len() < 500, "{} bytes", answer.body.len());
        }
    }
    assert_eq!(house.get(PATH).await.body, r#"{"actionConfigs":[]}"#);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_config_that_came_by_one_door_reads_alike_by_both() {
    let house = House::start().await;
    let mut configs = ActionConfigsClient::new(channel(&house).await);
    let parameters = v0::StringMap { entries: [("A".to_owned(), "b".to_owned())].into() };
    let put = v0::PutActionConfigRequest {
        action: "sleep".to_owned(),
        parameters: Some(parameters.clone()),
    };
    let put = configs.put_action_config(put).await.expect("a config").into_inner();
    assert_eq!((put.action.as_str(), put.parameters.clone()), ("sleep", Some(parameters)));
    let get = v0::GetActionConfigRequest { action: "sleep".to_owned() };
    assert_eq!(configs.get_action_config(get.clone()).await.expect("a config").into_inner(), put);
    let list = configs.list_action_configs(v0::ListActionConfigsRequest::default()).await;
    let list = list.expect("a list").into_inner().action_configs;
    assert_eq!(list, std::slice::from_ref(&put));
    let json = house.get(&format!("{PATH}/sleep")).await.json();
    assert_eq!(json, json!({"id": put.id, "action": "sleep", "parameters": {"A": "b"}}));
    let request = v0::DeleteActionConfigRequest { action: "sleep".to_owned() };
    configs.delete_action_config(request.clone()).await.expect("a deletion");
    for status in [
        configs.delete_action_config(request).await.expect_err("a refusal"),
        configs.get_action_config(get).await.expect_err("a refusal"),
    ] {
        assert_eq!(reason(&status), (Code::NotFound, "NO_SUCH_ACTION_CONFIG".to_owned()));
        assert_eq!(status.message(), "action \"sleep\": it has no action config");
    }
    let nameless = v0::PutActionConfigRequest::default();
    let status = configs.put_action_config(nameless).await.expect_err("a refusal");
    assert_eq!(reason(&status), (Code::InvalidArgument, "INVALID_PARAMETERS".to_owned()));
    house.stop().await;
}
