//! HTTP and gRPC are two doors to one house: every operation has one route of each.

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use stint_gateway::Operation;

#[test]
fn the_table_names_each_method_of_the_public_services_once() {
    let descriptors = FileDescriptorSet::decode(stint_proto::v0::DESCRIPTORS).unwrap();
    let mut declared = BTreeSet::new();
    for file in descriptors.file.iter().filter(|file| file.package() == "stint.v0") {
        for service in &file.service {
            for method in &service.method {
                let name = format!("stint.v0.{}", service.name());
                declared.insert((name, method.name().to_owned()));
            }
        }
    }
    let table: Vec<_> = Operation::ALL
        .into_iter()
        .map(Operation::grpc)
        .map(|(service, method)| (service.to_owned(), method.to_owned()))
        .collect();
    assert_eq!(table.iter().cloned().collect::<BTreeSet<_>>(), declared);
    assert_eq!(table.len(), declared.len(), "a method stands twice in the table: {table:?}");
}

#[test]
fn each_operation_has_a_path_of_its_own() {
    let paths: BTreeSet<_> = Operation::ALL
        .into_iter()
        .map(Operation::http)
        .map(|(method, path)| (method.to_string(), path))
        .collect();
    assert_eq!(paths.len(), Operation::ALL.len());
    for (_, path) in &paths {
        assert!(path.starts_with('/') && !path.ends_with('/'), "{path}");
    }
}

#[test]
fn each_method_is_described_by_its_path() {
    // The comment above a method is the contract for who reads the .proto files.
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/stint/v0");
    let sources = std::fs::read_dir(dir).unwrap();
    let text: String =
        sources.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    for operation in Operation::ALL {
        let (method, path) = operation.http();
        let (_, rpc) = operation.grpc();
        let (before, _) = text.split_once(&format!("rpc {rpc}(")).unwrap();
        let comment = before.lines().rev().nth(1).unwrap_or_default();
        let path = format!("{method} {}{path}", Operation::BASE_PATH).replace("{id}", "");
        let comment = ["{jobID}", "{id}", "{action}"]
            .into_iter()
            .fold(comment.to_owned(), |text, name| text.replace(name, ""));
        assert!(comment.contains(&path), "{rpc}: {comment:?} does not name {path}");
    }
}
