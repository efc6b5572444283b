//! The messages of etcd's API that the store sends and reads (`etcdserverpb`, `mvccpb`), with the field numbers of `rpc.proto` and `kv.proto`.
//!
//! Only fields that are used; a server's other fields are passed over by the decoder, as the encoding is made for.

use prost::{Message, Oneof};

/// What every answer begins with.
#[derive(Clone, PartialEq, Message)]
pub struct ResponseHeader {
    /// Which cluster answers.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// The revision of the store when it answered.
    #[prost(int64, tag = "3")]
    pub revision: i64,
}

/// A key with its value.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The revision of the last change.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// The value.
    #[prost(bytes = "vec", tag = "5")]
    pub value: Vec<u8>,
}

/// One change of a key.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// 0: put, 1: deleted.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// The key as it is from then on.
    #[prost(message, optional, tag = "2")]
    pub kv: Option<KeyValue>,
}

/// A linearizable read of keys.
#[derive(Clone, PartialEq, Message)]
pub struct RangeRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The key after the last; empty: only `key`.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
}

/// The keys found.
#[derive(Clone, PartialEq, Message)]
pub struct RangeResponse {
    /// Who, at which revision.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// In the order of their names.
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
}

/// Sets a key.
#[derive(Clone, PartialEq, Message)]
pub struct PutRequest {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
    /// The lease it goes with; 0: none.
    #[prost(int64, tag = "3")]
    pub lease: i64,
}

/// Removes keys.
#[derive(Clone, PartialEq, Message)]
pub struct DeleteRangeRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The key after the last; empty: only `key`.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
}

/// One step of a transaction.
#[derive(Clone, PartialEq, Message)]
pub struct RequestOp {
    /// Which.
    #[prost(oneof = "Operation", tags = "1, 2, 3")]
    pub request: Option<Operation>,
}

/// A step.
#[derive(Clone, PartialEq, Oneof)]
pub enum Operation {
    /// Read.
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    /// Set.
    #[prost(message, tag = "2")]
    Put(PutRequest),
    /// Remove.
    #[prost(message, tag = "3")]
    Delete(DeleteRangeRequest),
}

/// A condition of a transaction.
#[derive(Clone, PartialEq, Message)]
pub struct Compare {
    /// 0: equal, 1: greater, 2: less, 3: not equal.
    #[prost(int32, tag = "1")]
    pub result: i32,
    /// 1: the revision of creation (0: there is no such key), 2: of the last change.
    #[prost(int32, tag = "2")]
    pub target: i32,
    /// The key.
    #[prost(bytes = "vec", tag = "3")]
    pub key: Vec<u8>,
    /// What it is compared with.
    #[prost(oneof = "Operand", tags = "5, 6")]
    pub operand: Option<Operand>,
}

/// What a revision is compared with.
#[derive(Clone, PartialEq, Oneof)]
pub enum Operand {
    /// The revision of creation.
    #[prost(int64, tag = "5")]
    Created(i64),
    /// The revision of the last change.
    #[prost(int64, tag = "6")]
    Modified(i64),
}

/// All of it, or nothing.
#[derive(Clone, PartialEq, Message)]
pub struct TxnRequest {
    /// If all of these hold
    #[prost(message, repeated, tag = "1")]
    pub compare: Vec<Compare>,
    /// then this is done.
    #[prost(message, repeated, tag = "2")]
    pub success: Vec<RequestOp>,
}

/// Whether it was done.
#[derive(Clone, PartialEq, Message)]
pub struct TxnResponse {
    /// Who, at which revision.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The conditions held.
    #[prost(bool, tag = "2")]
    pub succeeded: bool,
}

/// Asks for a lease.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseGrantRequest {
    /// How many seconds it lasts.
    #[prost(int64, tag = "1")]
    pub ttl: i64,
}

/// A lease.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseGrantResponse {
    /// Who.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Its number.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// How many seconds it lasts.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
}

/// Ends a lease, and with it its keys.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseRevokeRequest {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// Nothing but that it is done.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseRevokeResponse {
    /// Who.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// Lets a lease begin anew.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseKeepAliveRequest {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// How long it lasts from now on.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseKeepAliveResponse {
    /// Who.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// How many seconds; 0: there is no such lease.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
}

/// Begins a watch.
#[derive(Clone, PartialEq, Message)]
pub struct WatchRequest {
    /// Of what.
    #[prost(message, optional, tag = "1")]
    pub create: Option<WatchCreateRequest>,
}

/// What is watched.
#[derive(Clone, PartialEq, Message)]
pub struct WatchCreateRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The key after the last.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// From which revision on.
    #[prost(int64, tag = "3")]
    pub start_revision: i64,
    /// Whether the server says now and then that nothing has happened.
    #[prost(bool, tag = "4")]
    pub progress_notify: bool,
}

/// What happened.
#[derive(Clone, PartialEq, Message)]
pub struct WatchResponse {
    /// Who, at which revision.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The server has ended the watch.
    #[prost(bool, tag = "4")]
    pub canceled: bool,
    /// What lies before this revision is forgotten; 0: nothing asked for is.
    #[prost(int64, tag = "5")]
    pub compact_revision: i64,
    /// Why it was ended.
    #[prost(string, tag = "6")]
    pub cancel_reason: String,
    /// In the order of their revisions; all of one revision together.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
}

/// Logs in.
#[derive(Clone, PartialEq, Message)]
pub struct AuthenticateRequest {
    /// The user.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The password.
    #[prost(string, tag = "2")]
    pub password: String,
}

/// Who has logged in.
#[derive(Clone, PartialEq, Message)]
pub struct AuthenticateResponse {
    /// Who.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// What further calls are to carry.
    #[prost(string, tag = "2")]
    pub token: String,
}

/// Puts an operation in its envelope.
pub fn step(operation: Operation) -> RequestOp {
    RequestOp { request: Some(operation) }
}

impl Compare {
    /// The key was last changed at `revision`; 0: there is no such key.
    pub fn modified_at(key: Vec<u8>, revision: i64) -> Compare {
        Compare { result: 0, target: 2, key, operand: Some(Operand::Modified(revision)) }
    }

    /// There is such a key.
    pub fn exists(key: Vec<u8>) -> Compare {
        Compare { result: 1, target: 1, key, operand: Some(Operand::Created(0)) }
    }
}
