//! What a server says of its gRPC services by reflection, and calls that are made from that alone.

use std::collections::BTreeMap;
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message as _;
use prost::bytes::Buf;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};
use prost_types::FileDescriptorProto;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

/// Longer than any call of a test takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection that says who calls.
type Line = InterceptedService<Channel, Bearer>;

/// The methods of the API at one server, which can be called.
pub(crate) struct Methods {
    runtime: tokio::runtime::Runtime,
    line: Line,
    /// By their names, which no two services share.
    pub(crate) by_name: BTreeMap<String, MethodDescriptor>,
}

/// Sends a token with each call, if there is one.
#[derive(Clone)]
struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

impl Methods {
    /// Asks the server at `address` what it can be asked.
    pub(crate) fn of(address: &str, token: Option<&str>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let value = token.map(|token| format!("Bearer {token}").parse().expect("a header value"));
        let endpoint = Endpoint::new(format!("http://{address}")).expect("an endpoint");
        let channel = runtime.block_on(endpoint.connect()).expect("a connection");
        let line = InterceptedService::new(channel, Bearer(value));
        let files = runtime.block_on(files(line.clone()));
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_protos(files).expect("files that belong together");
        let services: Vec<_> = pool.services().collect();
        let methods = services.iter().filter(|one| one.full_name().starts_with("stint."));
        let methods = methods.flat_map(|service| service.methods().collect::<Vec<_>>());
        let mut by_name = BTreeMap::new();
        for method in methods {
            let former = by_name.insert(method.name().to_owned(), method);
            assert!(former.is_none(), "two methods have one name: {former:?}");
        }
        Self { runtime, line, by_name }
    }

    /// The paths of all methods.
    pub(crate) fn paths(&self) -> impl Iterator<Item = String> {
        self.by_name.values().map(path)
    }

    /// The same by the names of the methods.
    pub(crate) fn paths_by_name(&self) -> BTreeMap<String, String> {
        self.by_name.iter().map(|(name, method)| (name.clone(), path(method))).collect()
    }

    /// Calls a method, and gives its answers, at most so many.
    pub(crate) fn call(
        &self,
        method: &MethodDescriptor,
        request: DynamicMessage,
        answers_max: usize,
    ) -> Result<Vec<DynamicMessage>, Status> {
        let path = PathAndQuery::try_from(path(method)).expect("a path");
        let mut client = tonic::client::Grpc::new(self.line.clone());
        let calling = async {
            client.ready().await.expect("a connection");
            // An answer that is one message is a stream of one.
            let codec = Dynamic(method.output());
            let mut stream =
                client.server_streaming(Request::new(request), path, codec).await?.into_inner();
            let mut answers = Vec::new();
            while answers.len() < answers_max {
                match stream.message().await? {
                    Some(answer) => answers.push(answer),
                    None => break,
                }
            }
            Ok(answers)
        };
        let answers =
            self.runtime.block_on(async { tokio::time::timeout(PATIENCE, calling).await });
        answers.unwrap_or_else(|_| panic!("{}: no answer", method.full_name()))
    }
}

/// Where a method is called.
fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// All files that describe our services.
async fn files(line: Line) -> Vec<FileDescriptorProto> {
    let mut client = ServerReflectionClient::new(line);
    let answer = ask(&mut client, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(services) = answer else {
        panic!("no services: {answer:?}");
    };
    let ours = services.service.into_iter().filter(|one| one.name.starts_with("stint."));
    let mut wanted: Vec<_> =
        ours.map(|one| MessageRequest::FileContainingSymbol(one.name)).collect();
    let mut found: BTreeMap<String, FileDescriptorProto> = BTreeMap::new();
    while let Some(question) = wanted.pop() {
        let MessageResponse::FileDescriptorResponse(files) = ask(&mut client, question).await
        else {
            panic!("no description");
        };
        for file in files.file_descriptor_proto {
            let file = FileDescriptorProto::decode(file.as_slice()).expect("a description");
            let missing = file.dependency.iter().filter(|name| !found.contains_key(*name));
            wanted.extend(missing.cloned().map(MessageRequest::FileByFilename));
            found.insert(file.name().to_owned(), file);
        }
    }
    found.into_values().collect()
}

async fn ask(
    client: &mut ServerReflectionClient<Line>,
    question: MessageRequest,
) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let answers = client.server_reflection_info(tokio_stream::once(request)).await;
    let answer = answers.expect("an answer").into_inner().message().await.expect("an answer");
    let answer = answer.and_then(|answer: ServerReflectionResponse| answer.message_response);
    answer.expect("an answer")
}

/// Reads and writes messages that are known by their descriptions only.
struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Writes;
    type Decoder = Reads;

    fn encoder(&mut self) -> Writes {
        Writes
    }

    fn decoder(&mut self) -> Reads {
        Reads(self.0.clone())
    }
}

struct Writes;

impl Encoder for Writes {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

struct Reads(MessageDescriptor);

impl Decoder for Reads {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        let message = DynamicMessage::decode(self.0.clone(), bytes);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
