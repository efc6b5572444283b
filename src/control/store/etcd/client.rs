//! Calls of etcd's API: which endpoint is asked, how long an answer may take, who logs in. Reads go to the next endpoint when one does not
//! answer; a transaction is sent once, because nobody knows whether an unanswered one was carried out.

mod config;
mod failure;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prost::Message;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;

use failure::{Failure, chain};

use super::messages::{
    AuthenticateRequest, AuthenticateResponse, LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest,
    LeaseKeepAliveResponse, LeaseRevokeRequest, LeaseRevokeResponse, RangeRequest, RangeResponse, ResponseHeader,
    TxnRequest, TxnResponse, WatchCreateRequest, WatchRequest, WatchResponse,
};

pub use config::EtcdConfig;
pub use failure::EtcdError;

/// How long one endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);

/// How often a silent connection is asked whether it is still there.
const ALIVE: Duration = Duration::from_secs(2);

/// The most one answer may hold: a whole listing of the prefix.
const LARGEST: usize = 64 << 20;

/// The members of an etcd cluster.
pub struct Client {
    members: Vec<(String, Channel)>,
    /// Which member answered last.
    current: AtomicUsize,
    /// Which cluster the first answer came from; 0: none yet.
    cluster: AtomicU64,
    /// By member: which cluster its last answer came from; 0: none yet.
    spoke_for: Vec<AtomicU64>,
    login: Option<(String, String)>,
    token: Mutex<Option<MetadataValue<Ascii>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let endpoints: Vec<&String> = self.members.iter().map(|(endpoint, _)| endpoint).collect();
        out.debug_struct("Client").field("endpoints", &endpoints).finish_non_exhaustive()
    }
}

/// What tells an answer's cluster.
trait Answer {
    fn header(&self) -> Option<&ResponseHeader>;
}

macro_rules! answers {
    ($($message:ty),* $(,)?) => {
        $(impl Answer for $message {
            fn header(&self) -> Option<&ResponseHeader> {
                self.header.as_ref()
            }
        })*
    };
}

answers!(
    RangeResponse,
    TxnResponse,
    LeaseGrantResponse,
    LeaseRevokeResponse,
    LeaseKeepAliveResponse,
    AuthenticateResponse
);

impl Client {
    /// Nothing is connected before the first call. Errors: an endpoint or certificate that cannot be used.
    pub fn new(config: &EtcdConfig) -> Result<Client, EtcdError> {
        let mut seen = HashSet::new();
        let mut members = Vec::new();
        for endpoint in config.endpoints.iter().filter(|endpoint| seen.insert(endpoint.as_str())) {
            let unusable = |error: tonic::transport::Error| EtcdError::Endpoint {
                endpoint: endpoint.clone(),
                reason: chain(&error),
            };
            let mut built = Endpoint::from_shared(endpoint.clone())
                .map_err(unusable)?
                .connect_timeout(CONNECT)
                .tcp_nodelay(true)
                .http2_keep_alive_interval(ALIVE)
                .keep_alive_timeout(ALIVE)
                .keep_alive_while_idle(true);
            if endpoint.starts_with("https://") {
                built = built.tls_config(config.tls()?).map_err(unusable)?;
            }
            members.push((endpoint.clone(), built.connect_lazy()));
        }
        Ok(Client {
            spoke_for: members.iter().map(|_| AtomicU64::new(0)).collect(),
            members,
            current: AtomicUsize::new(0),
            cluster: AtomicU64::new(0),
            login: config.login.clone(),
            token: Mutex::default(),
        })
    }

    /// A linearizable read.
    pub async fn range(&self, request: &RangeRequest) -> Result<RangeResponse, EtcdError> {
        self.anywhere("/etcdserverpb.KV/Range", request).await
    }

    /// All of it or nothing; sent once, to the member that answered last. A read ought to come before it: it finds one.
    pub async fn txn(&self, request: &TxnRequest) -> Result<TxnResponse, EtcdError> {
        let member = self.current.load(Ordering::Relaxed);
        match self.at(member, "/etcdserverpb.KV/Txn", request).await {
            // It was refused unread; with a new token it is sent for the first time.
            Err(Failure::Token) => {
                self.log_in().await?;
                self.at(member, "/etcdserverpb.KV/Txn", request).await.map_err(|failure| self.plain(member, failure))
            }
            outcome => outcome.map_err(|failure| self.plain(member, failure)),
        }
    }

    /// A lease that lasts about `ttl`.
    pub async fn grant(&self, ttl: Duration) -> Result<LeaseGrantResponse, EtcdError> {
        let seconds = i64::try_from(ttl.as_secs().max(1)).unwrap_or(i64::MAX);
        self.anywhere("/etcdserverpb.Lease/LeaseGrant", &LeaseGrantRequest { ttl: seconds }).await
    }

    /// Ends a lease.
    pub async fn revoke(&self, id: i64) -> Result<(), EtcdError> {
        self.anywhere::<_, LeaseRevokeResponse>("/etcdserverpb.Lease/LeaseRevoke", &LeaseRevokeRequest { id })
            .await
            .map(drop)
    }

    /// Lets a lease begin anew; how long it lasts from now on. Errors: [`EtcdError::NoLease`] when it has ended.
    pub async fn keep_alive(&self, id: i64) -> Result<Duration, EtcdError> {
        let mut said = Vec::new();
        for member in self.order() {
            match timeout(PATIENCE, self.keep_alive_at(member, id)).await {
                Ok(Ok(answer)) if answer.ttl > 0 => {
                    self.current.store(member, Ordering::Relaxed);
                    return Ok(Duration::from_secs(answer.ttl.unsigned_abs()));
                }
                Ok(Ok(_)) => return Err(EtcdError::NoLease),
                Ok(Err(Failure::Token)) => self.log_in().await?,
                Ok(Err(failure)) => said.push(self.plain(member, failure).to_string()),
                Err(_) => said.push(format!("{} is silent", self.members[member].0)),
            }
        }
        Err(EtcdError::Unreachable { said })
    }

    async fn keep_alive_at(&self, member: usize, id: i64) -> Result<LeaseKeepAliveResponse, Failure> {
        let requests = tokio_stream::once(LeaseKeepAliveRequest { id });
        let mut answers: Streaming<LeaseKeepAliveResponse> =
            self.stream(member, "/etcdserverpb.Lease/LeaseKeepAlive", requests).await?;
        let answer = answers.message().await.map_err(Failure::of)?;
        let answer = answer.ok_or_else(|| Failure::Silent("the answer ended before it began".to_owned()))?;
        self.check_cluster(member, &answer)?;
        Ok(answer)
    }

    /// Every change from `revision` on of the keys from `key` up to `range_end`; the member must have a leader.
    pub async fn watch(&self, key: Vec<u8>, range_end: Vec<u8>, revision: i64) -> Result<Watching, EtcdError> {
        let create = WatchCreateRequest { key, range_end, start_revision: revision, progress_notify: true };
        let mut said = Vec::new();
        for member in self.order() {
            // The request stream stays open: its end would end the watch.
            let requests = tokio_stream::once(WatchRequest { create: Some(create.clone()) });
            let requests = requests.chain(tokio_stream::pending());
            let opened =
                timeout(PATIENCE, self.stream::<_, _, WatchResponse>(member, "/etcdserverpb.Watch/Watch", requests));
            match opened.await {
                Ok(Ok(answers)) => {
                    self.current.store(member, Ordering::Relaxed);
                    return Ok(Watching { answers, endpoint: self.members[member].0.clone() });
                }
                Ok(Err(Failure::Token)) => self.log_in().await?,
                Ok(Err(failure)) => said.push(self.plain(member, failure).to_string()),
                Err(_) => said.push(format!("{} is silent", self.members[member].0)),
            }
        }
        Err(EtcdError::Unreachable { said })
    }

    /// Whose calls may be repeated: each member is asked once, the one that answered last first.
    async fn anywhere<Q, A>(&self, path: &'static str, request: &Q) -> Result<A, EtcdError>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + Answer + 'static,
    {
        let mut said = Vec::new();
        let mut logged_in = false;
        for member in self.order() {
            let mut outcome = self.at(member, path, request).await;
            if matches!(outcome, Err(Failure::Token)) && !logged_in {
                logged_in = true;
                self.log_in().await?;
                outcome = self.at(member, path, request).await;
            }
            match outcome {
                Ok(answer) => {
                    self.current.store(member, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Failure::Silent(what)) => said.push(format!("{} ({what})", self.members[member].0)),
                Err(failure) => return Err(self.plain(member, failure)),
            }
        }
        Err(EtcdError::Unreachable { said })
    }

    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, count) = (self.current.load(Ordering::Relaxed), self.members.len());
        (0..count).map(move |offset| (first + offset) % count)
    }

    async fn at<Q, A>(&self, member: usize, path: &'static str, request: &Q) -> Result<A, Failure>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + Answer + 'static,
    {
        let mut grpc = self.grpc(member);
        let asked = async {
            grpc.ready().await.map_err(|error| Failure::Silent(chain(&error)))?;
            let request = self.bearing(request.clone(), NeedsLeader::No);
            let codec = ProstCodec::<Q, A>::default();
            grpc.unary(request, PathAndQuery::from_static(path), codec).await.map_err(Failure::of)
        };
        let answer = match timeout(PATIENCE, asked).await {
            Ok(answer) => answer?.into_inner(),
            Err(_) => return Err(Failure::Silent("is silent".to_owned())),
        };
        self.check_cluster(member, &answer)?;
        Ok(answer)
    }

    async fn stream<S, Q, A>(&self, member: usize, path: &'static str, requests: S) -> Result<Streaming<A>, Failure>
    where
        S: tokio_stream::Stream<Item = Q> + Send + 'static,
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = self.grpc(member);
        grpc.ready().await.map_err(|error| Failure::Silent(chain(&error)))?;
        let request = self.bearing(requests, NeedsLeader::Yes);
        let answers = grpc.streaming(request, PathAndQuery::from_static(path), ProstCodec::<Q, A>::default()).await;
        Ok(answers.map_err(Failure::of)?.into_inner())
    }

    fn grpc(&self, member: usize) -> Grpc<Channel> {
        Grpc::new(self.members[member].1.clone()).max_decoding_message_size(LARGEST)
    }

    fn bearing<T>(&self, body: T, leader: NeedsLeader) -> Request<T> {
        let mut request = Request::new(body);
        if let Some(token) = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            request.metadata_mut().insert("token", token);
        }
        // A member that is cut off from the others ends such a stream instead of keeping silent.
        if leader == NeedsLeader::Yes {
            request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        }
        request
    }

    async fn log_in(&self) -> Result<(), EtcdError> {
        let Some((user, password)) = &self.login else {
            return Err(EtcdError::Login("it wants a user and a password, and none is configured".to_owned()));
        };
        let request = AuthenticateRequest { name: user.clone(), password: password.clone() };
        let mut said = Vec::new();
        for member in self.order() {
            match self.at::<_, AuthenticateResponse>(member, "/etcdserverpb.Auth/Authenticate", &request).await {
                Ok(answer) => {
                    let token = answer.token.parse();
                    let token = token.map_err(|_| EtcdError::Login("its token is not text".to_owned()))?;
                    *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
                    return Ok(());
                }
                Err(Failure::Silent(what)) => said.push(format!("{} ({what})", self.members[member].0)),
                Err(Failure::Status(status)) => return Err(EtcdError::Login(status.message().to_owned())),
                Err(failure) => return Err(self.plain(member, failure)),
            }
        }
        Err(EtcdError::Unreachable { said })
    }

    /// A member that belonged to the cluster and now belongs to another was restored from a snapshot with the others: what it holds is for the
    /// store to judge. One that never did is somebody else's.
    fn check_cluster(&self, member: usize, answer: &impl Answer) -> Result<(), Failure> {
        let Some(found) = answer.header().map(|header| header.cluster_id) else { return Ok(()) };
        let before = self.spoke_for[member].swap(found, Ordering::Relaxed);
        match self.cluster.compare_exchange(0, found, Ordering::Relaxed, Ordering::Relaxed) {
            Err(known) if known != found && known == before => {
                self.cluster.store(found, Ordering::Relaxed);
                Ok(())
            }
            Err(known) if known != found => Err(Failure::OtherCluster { endpoint: self.members[member].0.clone() }),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn plain(&self, member: usize, failure: Failure) -> EtcdError {
        failure.plain(&self.members[member].0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NeedsLeader {
    Yes,
    No,
}

/// A watch under way.
#[derive(Debug)]
pub struct Watching {
    answers: Streaming<WatchResponse>,
    endpoint: String,
}

impl Watching {
    /// The next thing the server says; it may hold no event. Errors: the watch is over and has to be begun again.
    pub async fn next(&mut self) -> Result<WatchResponse, EtcdError> {
        match self.answers.message().await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(EtcdError::Unreachable { said: vec![format!("{} ended the watch", self.endpoint)] }),
            Err(status) => {
                Err(EtcdError::Unreachable { said: vec![format!("{} ({})", self.endpoint, chain(&status))] })
            }
        }
    }
}
