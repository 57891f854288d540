//! Who may come in by which door, and what for.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::uri::PathAndQuery;
use stint_core::{Command, NewToken, Role, Timestamp, TokenId};
use stint_gateway::{Config, Gateway, Operation, Secret};
use stint_proto::v0;
use stint_proto::v0::jobs_client::JobsClient;
use stint_proto::v0::tokens_client::TokensClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::harness::{House, propose};

/// A closed house, and an `authorization` for each role.
async fn with_roles() -> (House, [(Role, String); 3]) {
    let (house, admin) = House::closed().await;
    let mut bearers = Vec::new();
    for role in [Role::Viewer, Role::Operator] {
        let secret = give(&house, role.name(), role, None).await;
        bearers.push((role, bearer(&secret)));
    }
    bearers.push((Role::Admin, bearer(&admin)));
    (house, bearers.try_into().expect("three roles"))
}

/// Gives a user a token.
pub(crate) async fn give(
    house: &House,
    user: &str,
    role: Role,
    expires_at: Option<Timestamp>,
) -> Secret {
    let secret = Secret::draw().expect("a secret");
    let new = NewToken {
        user: user.to_owned(),
        role,
        hash: secret.hash(),
        expires_at,
        description: String::new(),
    };
    propose(house, Command::CreateToken(Box::new(new))).await;
    secret
}

pub(crate) fn bearer(secret: &Secret) -> String {
    format!("Bearer {}", secret.reveal())
}

/// `Basic` of a user and a token.
fn basic(user: &str, secret: &Secret) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", secret.reveal())))
}

/// Calls a method with a message that nobody can answer for ever: what expects an id gets nobody's,
/// and what expects a number is garbled.
async fn call(house: &House, path: &str, authorization: &str) -> Result<(), Status> {
    let endpoint = Channel::from_shared(format!("http://{}", house.address)).expect("an endpoint");
    let channel = endpoint.connect().await.expect("a connection");
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.expect("a connection");
    let mut request = Request::new(v0::GetJobRequest { id: "nobody".to_owned() });
    if !authorization.is_empty() {
        let value = authorization.parse().expect("a header value");
        request.metadata_mut().insert("authorization", value);
    }
    let path = PathAndQuery::try_from(path).expect("a path");
    let codec: ProstCodec<v0::GetJobRequest, ()> = ProstCodec::default();
    grpc.unary(request, path, codec).await.map(drop)
}

async fn http(house: &House, operation: Operation, authorization: &str) -> (u16, String) {
    let (method, path) = operation.http();
    let id = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b";
    let mut path = format!("{}{}", Operation::BASE_PATH, path.replace("{id}", id));
    if operation == Operation::Watch {
        // A watch of what there is has no end.
        path.push_str("?kinds=none");
    }
    let answer = house.ask_as(method.as_str(), &path, authorization, "").await;
    let code = if answer.status >= 400 { answer.refusal().1 } else { String::new() };
    assert_eq!(answer.status == 401, code == "NOT_AUTHENTICATED", "{answer:?}");
    assert_eq!(answer.status == 403, code == "NOT_AUTHORIZED", "{answer:?}");
    assert_eq!(answer.status == 401, answer.header("www-authenticate").is_some(), "{answer:?}");
    (answer.status, code)
}

async fn grpc(house: &House, operation: Operation, authorization: &str) -> Code {
    let (service, method) = operation.grpc();
    let Err(status) = call(house, &format!("/{service}/{method}"), authorization).await else {
        return Code::Ok;
    };
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    let code = status.code();
    assert_eq!(code == Code::Unauthenticated, reason == "NOT_AUTHENTICATED", "{status:?}");
    assert_eq!(code == Code::PermissionDenied, reason == "NOT_AUTHORIZED", "{status:?}");
    code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_may_do_what_the_table_says_at_both_doors() {
    let (house, bearers) = with_roles().await;
    for operation in Operation::ALL {
        let stranger = (http(&house, operation, "").await.0, grpc(&house, operation, "").await);
        assert_eq!(stranger, (401, Code::Unauthenticated), "{operation:?} by a stranger");
        for (role, bearer) in &bearers {
            let by_http = http(&house, operation, bearer).await.0;
            let by_grpc = grpc(&house, operation, bearer).await;
            let may = *role >= operation.role();
            assert_eq!(by_http == 403, !may, "{operation:?} by {role}: {by_http}");
            assert_eq!(by_grpc == Code::PermissionDenied, !may, "{operation:?} by {role}");
            assert!(by_http != 401 && by_grpc != Code::Unauthenticated, "{operation:?} by {role}");
        }
    }
    house.stop().await;
}

#[test]
fn viewers_change_nothing_and_only_admins_manage_tokens() {
    for operation in Operation::ALL {
        let (method, path) = operation.http();
        let is_for_all = [Operation::GetSettings, Operation::GetClusterStatus].contains(&operation);
        let is_inner = ["/tokens", "/audit", "/meta"].iter().any(|inner| path.starts_with(inner));
        let is_of_admins = is_inner && !is_for_all;
        let expected = match (is_of_admins, method == http::Method::GET) {
            (true, _) => Role::Admin,
            (false, true) => Role::Viewer,
            (false, false) => Role::Operator,
        };
        assert_eq!(operation.role(), expected, "{operation:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_learn_whether_a_replica_lives_and_what_can_be_asked_and_nothing_else() {
    let (house, _) = House::closed().await;
    for path in ["/healthz", "/readyz", "/version", "/healthz/", "/api/v0/docs.json"] {
        assert_eq!(house.get(path).await.status, 200, "{path}");
    }
    for path in ["/", "/nothing", "/api/v0/nothing", "/healthz/x", "/api/v0/jobs/"] {
        assert_eq!(
            house.get(path).await.refusal(),
            (401, "NOT_AUTHENTICATED".to_owned()),
            "{path}"
        );
    }
    assert_eq!(
        call(&house, "/grpc.health.v1.Health/Check", "").await.err().map(|s| s.code()),
        Some(Code::NotFound),
        "health is told, and no service has that name"
    );
    for path in [
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/stint.v0.Jobs/Nothing",
        "/grpc.health.v1.Healthy/Check",
    ] {
        let status = call(&house, path, "").await.expect_err("a refusal");
        assert_eq!(status.code(), Code::Unauthenticated, "{path}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_good_for_its_user_as_long_as_it_lasts() {
    let (house, _) = House::closed().await;
    let far = Timestamp::from_ms(house.replica.now().as_ms() + 3_600_000);
    let ann = give(&house, "ann", Role::Viewer, Some(far)).await;
    let soon = Timestamp::from_ms(house.replica.now().as_ms() + 200);
    let bob = give(&house, "bob", Role::Viewer, Some(soon)).await;
    let status = async |authorization: &str| {
        house.ask_as("GET", "/api/v0/workers", authorization, "").await.status
    };
    assert_eq!(status(&bearer(&ann)).await, 200);
    assert_eq!(status(&basic("ann", &ann)).await, 200);
    for wrong in [
        basic("bob", &ann),
        basic("", &ann),
        basic("ann", &Secret::draw().expect("a secret")),
        bearer(&Secret::draw().expect("a secret")),
        "Bearer stint_".to_owned(),
        "Basic".to_owned(),
    ] {
        assert_eq!(status(&wrong).await, 401, "{wrong}");
    }
    crate::harness::until("the token to expire", async || status(&bearer(&bob)).await == 401).await;
    assert!(house.replica.now() >= soon);

    let revoke = Command::RevokeToken { id: TokenId::of(ann.hash()) };
    propose(&house, revoke).await;

    assert_eq!(status(&bearer(&ann)).await, 401);
    assert_eq!(status(&basic("ann", &ann)).await, 401);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_given_listed_and_taken_back_alike_by_both_doors() {
    let (house, admin) = House::closed().await;
    let admin = bearer(&admin);
    let body = r#"{"user":"ann","role":"operator","expiresIn":"1h","description":"deploys"}"#;
    let created = house.ask_as("POST", "/api/v0/tokens", &admin, body).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let created = created.json();
    let secret = created["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("stint_"), "{secret}");
    let listed = house.ask_as("GET", "/api/v0/tokens", &admin, "").await.json();
    assert_eq!(listed["tokens"][1], created["token"]);
    assert_eq!(listed["tokens"][0]["user"], "admin");
    assert_eq!(listed["tokens"][0].get("expiresAt"), None);
    assert_eq!(created["token"]["description"], "deploys");
    assert!(!listed.to_string().contains("stint_"), "{listed}");

    let endpoint = Channel::from_shared(format!("http://{}", house.address)).expect("an endpoint");
    let channel = endpoint.connect().await.expect("a connection");
    let mut tokens = TokensClient::with_interceptor(channel, {
        let admin = admin.clone();
        move |mut request: Request<()>| {
            request.metadata_mut().insert("authorization", admin.parse().expect("a value"));
            Ok(request)
        }
    });
    let known = tokens.list_tokens(v0::ListTokensRequest {}).await.expect("a list").into_inner();
    let ann = &known.tokens[1];
    assert_eq!(created["token"]["id"], ann.id.as_str());
    assert_eq!((ann.user.as_str(), ann.role.as_str()), ("ann", "operator"));
    let seconds = |at: Option<prost_types::Timestamp>| at.expect("a time").seconds;
    assert_eq!(seconds(ann.expires_at) - seconds(ann.created_at), 3_600);
    tokens.revoke_token(v0::RevokeTokenRequest { id: ann.id.clone() }).await.expect("an answer");
    let path = format!("/api/v0/tokens/{}", ann.id);
    let again = house.ask_as("DELETE", &path, &admin, "").await;
    assert_eq!(again.refusal(), (404, "NO_SUCH_TOKEN".to_owned()));
    let first = listed["tokens"][0]["id"].as_str().expect("an id");
    let last = house.ask_as("DELETE", &format!("/api/v0/tokens/{first}"), &admin, "").await;
    assert_eq!(last.refusal(), (409, "CONFLICT".to_owned()));
    for body in [
        r#"{"user":"ann"}"#,
        r#"{"user":"ann","role":"root"}"#,
        r#"{"user":"a:b","role":"viewer"}"#,
        r#"{"role":"viewer"}"#,
        r#"{"user":"ann","role":"viewer","expiresIn":"soon"}"#,
    ] {
        let refusal = house.ask_as("POST", "/api/v0/tokens", &admin, body).await.refusal();
        assert_eq!(refusal, (400, "INVALID_PARAMETERS".to_owned()), "{body}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_replica_opens_a_closed_cluster_by_its_configuration() {
    let house = House::start().await;
    assert_eq!(house.get("/api/v0/tokens").await.json(), serde_json::json!({"tokens": []}));
    let body = r#"{"user":"ann","role":"viewer"}"#;
    assert_eq!(house.post("/api/v0/tokens", body).await.refusal(), (409, "CONFLICT".to_owned()));

    let hash = Secret::draw().expect("a secret").hash();
    propose(&house, Command::Close { hash }).await;

    assert_eq!(house.get("/api/v0/jobs").await.status, 401, "it was started as an open one");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let config = Config { is_open: true, ..Config::default() };
    let other = Gateway::start(listener, house.replica.clone(), config, None).expect("a gateway");
    let at = other.local_addr();
    assert_eq!(House::get_at(at, "/api/v0/jobs").await.status, 401);
    other.shutdown().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_says_who_changed_what_by_which_door_and_how_it_ended() {
    let (house, bearers) = with_roles().await;
    let [_, (_, operator), (_, admin)] = &bearers;
    let submitted = house.ask_as("POST", "/api/v0/jobs", operator, r#"{"action":"noop"}"#).await;
    assert_eq!(submitted.status, 202, "{submitted:?}");
    let id = submitted.json()["id"].as_str().expect("an id").to_owned();
    let unknown = r#"{"action":"unheard-of"}"#;
    assert_eq!(house.ask_as("POST", "/api/v0/jobs", operator, unknown).await.status, 404);
    let endpoint = Channel::from_shared(format!("http://{}", house.address)).expect("an endpoint");
    let channel = endpoint.connect().await.expect("a connection");
    let bearer = admin.clone();
    let mut jobs = JobsClient::with_interceptor(channel, move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", bearer.parse().expect("a value"));
        request.metadata_mut().insert("x-request-id", "by-grpc".parse().expect("a value"));
        Ok(request)
    });
    jobs.cancel_job(v0::CancelJobRequest { id: id.clone() }).await.expect("an answer");
    // Reading leaves no trace, and neither does what a role does not allow.
    assert_eq!(house.ask_as("GET", "/api/v0/tokens", operator, "").await.status, 403);

    let read = async |query: &str| {
        let answer = house.ask_as("GET", &format!("/api/v0/audit{query}"), admin, "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["records"].as_array().expect("records").clone()
    };
    let all = read("").await;

    let shown = |record: &serde_json::Value| {
        let text = |name: &str| record[name].as_str().expect("a text").to_owned();
        [text("user"), text("operation"), text("result")]
    };
    let expected = [
        ["admin", "Cancel", "OK"],
        ["operator", "Submit", "NO_SUCH_ACTION"],
        ["operator", "Submit", "OK"],
    ];
    assert_eq!(all.iter().map(shown).collect::<Vec<_>>(), expected);
    assert_eq!(all[0]["object"], id.as_str());
    assert_eq!(all[0]["requestID"], "by-grpc");
    assert_eq!(all[2]["object"], id.as_str());
    assert_eq!(all[2]["requestID"].as_str(), submitted.header("x-request-id"));
    assert!(all[2]["remote"].as_str().expect("an address").starts_with("127.0.0.1:"));
    assert_eq!(read("?user=operator&start=1").await, all[2..]);
    assert_eq!(read("?limit=1").await, all[..1]);
    assert!(read("?user=nobody").await.is_empty());
    house.stop().await;
}
