//! What operators set: which of it is repeated when an answer is lost.

use stint_proto::v0;
use tonic::{Code as Grpc, Status};

use super::client;
use super::fake::{self, Answer, Fake, no};
use crate::{Code, Error};

/// Loses the answer to the first call of each method.
fn forgetful() -> Fake {
    Fake::start(|call| match call.number {
        0 => Answer::No(Status::unavailable("the connection was reset")),
        _ => Answer::Done,
    })
}

#[tokio::test]
async fn what_sets_something_to_a_value_is_repeated() {
    let fake = forgetful();
    client(&[fake.address]).put_cron(v0::PutCronRequest::default()).await.unwrap();
    assert_eq!(fake.calls("put"), 2);
    let fake = forgetful();
    client(&[fake.address]).put_action_config("scan", [].into()).await.unwrap();
    assert_eq!(fake.calls("put"), 2);
    let fake = forgetful();
    client(&[fake.address]).change_settings(v0::ChangeSettingsRequest::default()).await.unwrap();
    assert_eq!(fake.calls("put"), 2);
}

#[tokio::test]
async fn a_deletion_is_not_repeated_lest_it_removes_what_was_put_since() {
    for lose in [fake::unknown, || Answer::No(Status::unavailable("the connection was reset"))] {
        let fake = Fake::start(move |_| lose());
        let client = client(&[fake.address]);
        for outcome in [client.delete_cron("scan").await, client.delete_action_config("scan").await]
        {
            assert!(matches!(outcome, Err(Error::OutcomeUnknown { .. })), "{outcome:?}");
        }
        assert_eq!(fake.calls("delete"), 2, "once each");
    }
}

#[tokio::test]
async fn a_deletion_is_repeated_when_there_was_no_leader() {
    let fake = Fake::start(|call| match call.number {
        0 => no(Grpc::Unavailable, "NO_LEADER", "no leader: an election is under way"),
        _ => Answer::Done,
    });
    client(&[fake.address]).delete_cron("scan").await.unwrap();
    assert_eq!(fake.calls("delete"), 2);
}

#[tokio::test]
async fn what_is_not_there_has_a_code_of_its_own() {
    let fake = Fake::start(|_| no(Grpc::NotFound, "NO_SUCH_CRON", "it has no cron"));
    let error = client(&[fake.address]).get_cron("scan").await.unwrap_err();
    assert_eq!(error.code(), Some(&Code::NoSuchCron));
    let fake = Fake::start(|_| no(Grpc::NotFound, "NO_SUCH_ACTION_CONFIG", "it has none"));
    let error = client(&[fake.address]).get_action_config("scan").await.unwrap_err();
    assert_eq!(error.code(), Some(&Code::NoSuchActionConfig));
}
