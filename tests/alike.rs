//! HTTP and gRPC are two doors to one house: what can be asked by one can be asked by the other, in
//! the same words, and gets the same answer.
//!
//! What there is to ask comes from `docs.json` and from reflection. An operation that is new fails
//! here until `examples.rs` says how it is asked.

mod ask;
mod examples;
mod fields;
mod shape;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::document::Document;
use crate::harness::reflection::Methods;
use crate::harness::{Cluster, Options};
use ask::Answer;

/// A closed cluster, so that tokens are among what there is to ask.
fn house() -> (Cluster, Document, Methods) {
    let options = Options {
        replicas: 1,
        is_closed: true,
        capacity: "{ scan = 2 }",
        actions: "[actions.say]\ncommand = [\"/bin/sh\", \"-c\", \"echo one; echo two >&2; echo three\"]\n",
        ..Options::default()
    };
    let cluster = Cluster::start(&options);
    let address = &cluster.replicas[0].address;
    let document = Document::of(address);
    let methods = Methods::of(address, cluster.admin.as_deref());
    (cluster, document, methods)
}

#[test]
fn every_operation_answers_alike_by_both_doors() {
    let (cluster, document, methods) = house();
    let described: BTreeSet<_> = document.operations.iter().map(|one| one.name.clone()).collect();
    let there: BTreeSet<_> = methods.by_name.keys().cloned().collect();
    assert_eq!(described, there, "docs.json and reflection");
    let mut wrong = Vec::new();
    for operation in &document.operations {
        let method = &methods.by_name[&operation.name];
        // No two of them are the same; `disaster` restores from one of each door.
        if operation.name == "Backup" {
            continue;
        }
        for example in examples::of(&operation.name, &cluster) {
            let by_http = ask::by_http(&cluster, operation, &example);
            let by_grpc = ask::by_grpc(&methods, method, &example);
            let is_expected = match (&by_http, example.refusal) {
                (Answer::Yes(_), None) => true,
                (Answer::No { code, .. }, Some(expected)) => code == expected,
                (Answer::Yes(_), Some(_)) | (Answer::No { .. }, None) => false,
            };
            if by_http != by_grpc || !is_expected {
                wrong
                    .push(format!("{}: {example:?}\n  {by_http:?}\n  {by_grpc:?}", operation.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

/// The latest record of the audit log.
fn latest(cluster: &Cluster) -> Value {
    let answer = cluster.get(0, "/api/v0/audit?limit=1").expect("an answer").json();
    answer["records"][0].clone()
}

/// How it is asked for a change, where it is also asked for what a change would be.
fn of_change(operation: &str, cluster: &Cluster) -> Vec<examples::Example> {
    let mut examples = examples::of(operation, cluster);
    if operation == "BulkJobs" {
        let all = |operation: &str, status: &str| {
            Some(json!({"operation": operation, "filter": {"status": status}}))
        };
        examples.truncate(1);
        examples[0].by_http.body = all("cancel", "waiting");
        examples[0].by_grpc.body = all("delete", "cancel");
    }
    examples
}

/// What one replica alone refuses; `members` looks for the records of these.
const OF_SEVERAL: &[&str] = &["RemoveReplica", "TransferLeader"];

#[test]
fn every_change_by_either_door_is_in_the_audit_log() {
    let (cluster, document, methods) = house();
    let mut missing = Vec::new();
    let changes = document.operations.iter().filter(|one| one.method != "GET");
    for operation in changes.filter(|one| !OF_SEVERAL.contains(&one.name.as_str())) {
        let method = &methods.by_name[&operation.name];
        let (mut by_http, mut by_grpc) = (false, false);
        for example in of_change(&operation.name, &cluster) {
            let has_left = |ask: &dyn Fn() -> Answer| {
                let before = latest(&cluster);
                let answer = ask();
                let after = latest(&cluster);
                let is_its_own = after["user"] == "admin" && after["remote"] != "";
                matches!(answer, Answer::Yes(_)) && before != after && is_its_own
            };
            by_http |= has_left(&|| ask::by_http(&cluster, operation, &example));
            by_grpc |= has_left(&|| ask::by_grpc(&methods, method, &example));
        }
        if !(by_http && by_grpc) {
            missing.push(format!("{}: {by_http} by HTTP, {by_grpc} by gRPC", operation.name));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_operation_has_the_same_fields_at_both_doors() {
    let (_cluster, document, methods) = house();
    let mut wrong = Vec::new();
    for operation in &document.operations {
        let method = &methods.by_name[&operation.name];
        wrong.extend(fields::of_request(operation, &method.input()));
        wrong.extend(fields::of_answer(&document, operation, &method.output()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
