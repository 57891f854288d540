//! Lists that are too large for one answer come in several.

use stint_consensus::Origin;
use stint_core::{
    ActionOffer, Bulk, CapacityMap, Command, Incarnation, JobId, Registration, Span, WorkerId,
};
use stint_proto::v0;
use stint_proto::v0::audit_client::AuditClient;
use stint_proto::v0::queues_client::QueuesClient;
use stint_proto::v0::workers_client::WorkersClient;
use tonic::transport::Channel;

use crate::harness::{House, propose};

/// Workers with a quarter of a megabyte of names each: more than the four of one message.
const WORKERS: u64 = 18;

/// Actions of each of them.
const ACTIONS: usize = 2_000;

async fn channel(house: &House) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", house.address)).expect("an endpoint");
    endpoint.connect().await.expect("a connection")
}

async fn register(house: &House, worker: u64) {
    let name = |n: usize| format!("{worker:02}-{n:04}-{}", "x".repeat(112));
    let registration = Registration {
        worker: WorkerId::new(worker).expect("a small number"),
        incarnation: Incarnation(1),
        capacity: CapacityMap::default(),
        actions: (0..ACTIONS).map(|n| (name(n), ActionOffer::default())).collect(),
        ttl: Span::from_ms(600_000),
    };
    propose(house, Command::Register(registration)).await;
}

/// The names that a list in JSON has, in its order.
async fn names(house: &House, path: &str, list: &str, name: &str) -> Vec<String> {
    let answer = house.get(path).await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    let things = json.get(list).and_then(serde_json::Value::as_array).expect("a list");
    let text = |thing: &serde_json::Value| {
        thing.get(name).and_then(|name| name.as_str()).map(str::to_owned)
    };
    things.iter().map(|thing| text(thing).expect("a name")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_and_queues_too_many_for_one_message_come_in_several_and_in_json_in_one() {
    let house = House::start().await;
    for worker in 1..=WORKERS {
        register(&house, worker).await;
    }
    let mut client = WorkersClient::new(channel(&house).await);
    let (mut after, mut workers, mut messages) = (String::new(), Vec::new(), 0);
    loop {
        let part = client.list_workers(v0::ListWorkersRequest { after }).await.expect("a list");
        let part = part.into_inner();
        assert!(!part.workers.is_empty());
        workers.extend(part.workers.into_iter().map(|worker| worker.id));
        messages += 1;
        after = part.next;
        if after.is_empty() {
            break;
        }
    }
    assert_eq!((workers.len(), messages), (18, 2));
    assert_eq!(names(&house, "/api/v0/workers", "workers", "id").await, workers);
    let behind = format!("/api/v0/workers/?after={}", workers[15]);
    assert_eq!(names(&house, &behind, "workers", "id").await, workers[16..]);

    let mut client = QueuesClient::new(channel(&house).await);
    let (mut after, mut queues, mut messages) = (String::new(), Vec::new(), 0);
    loop {
        let part = client.list_queues(v0::ListQueuesRequest { after }).await.expect("a list");
        let part = part.into_inner();
        assert!(!part.queues.is_empty());
        queues.extend(part.queues.into_iter().map(|queue| queue.action));
        messages += 1;
        after = part.next;
        if after.is_empty() {
            break;
        }
    }
    assert!(queues.is_sorted(), "in the order of their names");
    assert!(queues.len() >= 18 * ACTIONS && messages == 2, "{} in {messages}", queues.len());
    assert_eq!(names(&house, "/api/v0/queues", "queues", "action").await, queues);
    let behind = format!("/api/v0/queues?after={}", queues[7]);
    assert_eq!(names(&house, &behind, "queues", "action").await, queues[8..]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_log_of_large_changes_comes_in_pages_that_miss_nothing() {
    let house = House::start().await;
    // Nothing has these ids: what is refused is written down as well, with all of them.
    let jobs: Vec<_> = (0..256_u16).map(|n| [n.to_be_bytes(); 8].concat()).collect();
    let jobs = jobs.iter().map(|id| JobId::from_bytes(id.as_slice().try_into().expect("16")));
    let jobs: Vec<_> = jobs.collect();
    for n in 0..450 {
        let origin = Origin { request_id: format!("request-{n}"), ..Origin::default() };
        let command = Command::Bulk(Box::new(Bulk::Cancel(jobs.clone())));
        let outcome = house.replica.propose_for(&origin, command).await;
        outcome.expect("an outcome").expect("an answer for each job");
    }
    let expected: Vec<_> = (0..450).rev().map(|n| format!("request-{n}")).collect();

    let mut client = AuditClient::new(channel(&house).await);
    let mut request = v0::ListAuditRequest { limit: Some(0), ..Default::default() };
    let (mut by_grpc, mut messages) = (Vec::new(), 0);
    loop {
        let page = client.list_audit(request.clone()).await.expect("a page").into_inner();
        by_grpc.extend(page.records.into_iter().map(|record| record.request_id));
        messages += 1;
        if page.next.is_empty() {
            break;
        }
        request.after = page.next;
    }
    assert_eq!((by_grpc, messages), (expected.clone(), 3), "4 MiB in pages of 2");

    let (mut after, mut by_http) = (String::new(), Vec::new());
    loop {
        let path = format!("/api/v0/audit?limit=90&start=1&after={after}");
        let answer = house.get(&path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        let records = page["records"].as_array().expect("records");
        let id = |record: &serde_json::Value| record["requestID"].as_str().map(str::to_owned);
        by_http.extend(records.iter().map(|record| id(record).expect("an id")));
        match page.get("next") {
            Some(next) => after = next.as_str().expect("a text").to_owned(),
            None => break,
        }
    }
    // With `start=1` each page leaves out one.
    let left = expected.chunks(91).flat_map(|chunk| chunk[1..].to_vec()).collect::<Vec<_>>();
    assert_eq!(by_http, left);
    for after in ["x", "-1", "1.5"] {
        let answer = house.get(&format!("/api/v0/audit?after={after}")).await;
        assert_eq!(answer.refusal(), (400, "INVALID_PARAMETERS".to_owned()), "{after}");
    }
    house.stop().await;
}
