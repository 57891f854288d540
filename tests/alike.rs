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
