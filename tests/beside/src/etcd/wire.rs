//! The few messages of etcd's API that are needed. Names and numbers are those of `etcdserverpb` in
//! etcd 3.4 (api/rpc.proto there).

use std::fmt::Debug;

use prost::Message;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    pub(super) member_id: u64,
    #[prost(int64, tag = "3")]
    pub(super) revision: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(super) lease: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PutResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<ResponseHeader>,
}

/// Equality is 0, the default, of `result`; `target` is 0 for a key's version, 2 for the revision of
/// its last change.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Compare {
    #[prost(int32, tag = "1")]
    pub(super) result: i32,
    #[prost(int32, tag = "2")]
    pub(super) target: i32,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) key: Vec<u8>,
    #[prost(oneof = "TargetUnion", tags = "4, 6")]
    pub(super) target_union: Option<TargetUnion>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum TargetUnion {
    #[prost(int64, tag = "4")]
    Version(i64),
    #[prost(int64, tag = "6")]
    ModRevision(i64),
}

impl Compare {
    const GREATER: i32 = 1;
    const VERSION: i32 = 0;
    const MOD: i32 = 2;

    pub(super) fn is_there(key: &[u8]) -> Self {
        Self {
            result: Self::GREATER,
            target: Self::VERSION,
            key: key.to_vec(),
            target_union: Some(TargetUnion::Version(0)),
        }
    }

    pub(super) fn is_unchanged_since(key: &[u8], revision: i64) -> Self {
        Self {
            result: 0,
            target: Self::MOD,
            key: key.to_vec(),
            target_union: Some(TargetUnion::ModRevision(revision)),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RequestOp {
    #[prost(oneof = "Operation", tags = "2")]
    pub(super) request: Option<Operation>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Operation {
    #[prost(message, tag = "2")]
    Put(PutRequest),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TxnRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) compare: Vec<Compare>,
    #[prost(message, repeated, tag = "2")]
    pub(super) success: Vec<RequestOp>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TxnResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<ResponseHeader>,
    #[prost(bool, tag = "2")]
    pub(super) succeeded: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LeaseGrantRequest {
    #[prost(int64, tag = "1")]
    pub(super) ttl: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LeaseGrantResponse {
    #[prost(int64, tag = "2")]
    pub(super) id: i64,
}

#[derive(Clone, PartialEq, Message)]
struct StatusRequest {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<ResponseHeader>,
    #[prost(uint64, tag = "4")]
    pub(super) leader: u64,
}

/// A connection to one member.
#[derive(Clone)]
pub(crate) struct Kv(tonic::client::Grpc<Channel>);

impl Kv {
    pub(super) fn new(channel: Channel) -> Self {
        Self(tonic::client::Grpc::new(channel))
    }

    pub(super) async fn put(&mut self, put: PutRequest) -> Result<PutResponse, Status> {
        self.call(put, "/etcdserverpb.KV/Put").await
    }

    pub(super) async fn txn(&mut self, txn: TxnRequest) -> Result<TxnResponse, Status> {
        self.call(txn, "/etcdserverpb.KV/Txn").await
    }

    pub(super) async fn grant(&mut self, ttl: i64) -> Result<LeaseGrantResponse, Status> {
        self.call(LeaseGrantRequest { ttl }, "/etcdserverpb.Lease/LeaseGrant").await
    }

    async fn call<Q, A>(&mut self, question: Q, path: &'static str) -> Result<A, Status>
    where
        Q: Message + Debug + 'static,
        A: Message + Default + 'static,
    {
        let not_ready = |error| Status::unavailable(format!("{error}"));
        self.0.ready().await.map_err(not_ready)?;
        let (path, codec) = (PathAndQuery::from_static(path), ProstCodec::<Q, A>::default());
        Ok(self.0.unary(Request::new(question), path, codec).await?.into_inner())
    }
}

/// What a member says of itself.
pub(super) async fn status(channel: Channel) -> Result<StatusResponse, Status> {
    Kv::new(channel).call(StatusRequest {}, "/etcdserverpb.Maintenance/Status").await
}
