//! The end of a move, told to whoever wants to know: one line in the log for the audit, and one POST to the operators' webhook.
//!
//! Nothing waits for it: a webhook that does not answer is tried again a few times and then given up, loudly.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::model::{ControlState, Extent, MovePart};
use crate::net::tls::{ClientTls, ServerProof, TlsError, TlsNeed};
use crate::shutdown::Shutdown;

/// How many events may wait for a slow webhook; more are given up.
const WAITING: usize = 1000;

/// How long the webhook may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pauses before the second and further attempts.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(10)];

/// Where events are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The name or address of the host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The path, with its query.
    pub path: String,
    /// With HTTPS, the PEM file of the authorities that sign its certificate; `None`: plain HTTP, on the operators' network.
    pub authority: Option<PathBuf>,
}

/// The way there.
pub struct Way {
    webhook: Webhook,
    tls: Option<ClientTls>,
}

impl Way {
    /// The way to `webhook`. Errors: its authorities cannot be used.
    pub fn to(webhook: &Webhook) -> Result<Way, TlsError> {
        let tls = |authority: &PathBuf| ClientTls::new(TlsNeed::Required, ServerProof::Identity(authority), None);
        Ok(Way { webhook: webhook.clone(), tls: webhook.authority.as_ref().map(tls).transpose()? })
    }
}

/// Why an event did not arrive.
#[derive(Debug, Error)]
enum NotDelivered {
    #[error("the webhook cannot be reached")]
    Io(#[from] std::io::Error),
    #[error("the webhook does not answer")]
    Silent,
    #[error("the webhook answers '{0}'")]
    Refused(String),
}

/// The end of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveEvent {
    /// The move's number.
    pub id: u64,
    /// What moved, in words.
    pub what: String,
    /// `moved`, `rolled-back`, `forced` or `fenced`.
    pub outcome: &'static str,
    /// Why it went back, or was forced.
    pub reason: Option<String>,
    /// The epoch that holds from then on.
    pub epoch: u64,
    /// Who asked for it.
    pub by: String,
    /// When it was asked for, and when it ended, as seconds since 1970 (UTC).
    pub asked_and_ended: (u64, u64),
    /// How long its scopes were closed, as far as the node that ended it saw, in milliseconds.
    pub closed_for: u64,
    /// What moved, from where, to where.
    pub parts: Vec<Value>,
}

/// One part of a move for programs: a group's closed range of shards, or its Global Zone.
pub fn part(state: &ControlState, part: &MovePart) -> Value {
    let group = &state.group(part.extent.group()).name;
    let (from, to) = (&state.unit(part.source).name, &state.unit(part.target).name);
    match part.extent {
        Extent::Shards(_, range) => {
            json!({"group": group, "shards": [range.first.0, range.last.0], "from": from, "to": to})
        }
        Extent::GlobalZone(_) => json!({"group": group, "global_zone": true, "from": from, "to": to}),
    }
}

/// Where ended moves are told.
#[derive(Clone, Debug)]
pub struct Events(mpsc::Sender<MoveEvent>);

/// Both ends.
pub fn events() -> (Events, mpsc::Receiver<MoveEvent>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Events(sender), receiver)
}

impl Events {
    /// Tells of the end of a move.
    pub fn tell(&self, event: MoveEvent) {
        tracing::info!(
            target: "meridian::audit",
            r#move = event.id,
            what = event.what,
            outcome = event.outcome,
            reason = event.reason,
            epoch = event.epoch,
            by = event.by,
            closed_for_ms = event.closed_for,
            "a move has ended"
        );
        if let Err(error) = self.0.try_send(event) {
            tracing::error!(%error, "the end of a move is told to no webhook");
        }
    }
}

/// Sends what is told along `way`, one after the other, until shutdown. `node` is this node's name.
pub async fn deliver(way: Option<Way>, node: String, mut told: mpsc::Receiver<MoveEvent>, mut stopped: Shutdown) {
    loop {
        let event = tokio::select! {
            () = stopped.told() => return,
            event = told.recv() => event,
        };
        let Some(event) = event else { return };
        let Some(way) = &way else { continue };
        tokio::select! {
            () = stopped.told() => return,
            () = deliver_one(way, &node, &event) => {}
        }
    }
}

async fn deliver_one(way: &Way, node: &str, event: &MoveEvent) {
    let body = json!({
        "event": "move-ended",
        "move": event.id,
        "what": event.what,
        "outcome": event.outcome,
        "reason": event.reason,
        "epoch": event.epoch,
        "by": event.by,
        "node": node,
        "asked_at": event.asked_and_ended.0,
        "ended_at": event.asked_and_ended.1,
        "closed_for_ms": event.closed_for,
        "parts": event.parts,
    });
    let body = body.to_string();
    let mut pauses = PAUSES.iter();
    loop {
        let posted = timeout(PATIENCE, post(way, &body)).await.unwrap_or(Err(NotDelivered::Silent));
        let Err(error) = posted else { return };
        let Some(pause) = pauses.next() else {
            let error = &error as &dyn std::error::Error;
            tracing::error!(r#move = event.id, error, "the end of a move could not be told to the webhook");
            return;
        };
        tracing::warn!(r#move = event.id, error = &error as &dyn std::error::Error, "the webhook is tried again");
        sleep(*pause).await;
    }
}

async fn post(way: &Way, body: &str) -> Result<(), NotDelivered> {
    let Webhook { host, port, path, .. } = &way.webhook;
    let named = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let socket = TcpStream::connect((host.as_str(), *port)).await?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {named}:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    match &way.tls {
        None => ask(socket, &request).await,
        Some(tls) => ask(tls.encrypt(host, socket).await?, &request).await,
    }
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Result<(), NotDelivered> {
    stream.write_all(request.as_bytes()).await?;
    // The first line is enough, and an answer may be long.
    let mut answer = Vec::new();
    stream.take(512).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let first = answer.lines().next().unwrap_or_default();
    match first.split(' ').nth(1) {
        Some(code) if code.starts_with('2') => Ok(()),
        Some(_) | None => Err(NotDelivered::Refused(first.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use tokio::net::TcpListener;

    use super::*;
    use crate::net::tls::{self, Certificate, ClientCertificates};
    use crate::shutdown;

    fn event(id: u64) -> MoveEvent {
        MoveEvent {
            id,
            what: "the Global Zone from hz to bj".to_owned(),
            outcome: "moved",
            reason: None,
            epoch: 9,
            by: "dba".to_owned(),
            asked_and_ended: (10, 11),
            closed_for: 17,
            parts: vec![json!({"group": "main", "global_zone": true, "from": "hz", "to": "bj"})],
        }
    }

    async fn request_on(stream: &mut (impl AsyncRead + Unpin)) -> String {
        let mut request = String::new();
        while !request.ends_with('}') {
            let mut chunk = [0; 1024];
            let read = stream.read(&mut chunk).await.unwrap();
            request.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
        }
        request
    }

    #[tokio::test]
    async fn over_https_only_a_webhook_whose_certificate_the_authority_signed_for_its_host_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let made = |name: &str, host: &str| {
            let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
            let (chain, key) = (folder.path().join(format!("{name}.pem")), folder.path().join(format!("{name}.key")));
            std::fs::write(&chain, made.cert.pem()).unwrap();
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            (chain, key)
        };
        let (own, other, stranger) =
            (made("own", "localhost"), made("other", "elsewhere"), made("stranger", "localhost"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let ways = [(own.clone(), &own, true), (other.clone(), &other, false), (stranger, &own, false)];
        for ((chain, key), trusted, is_told) in ways {
            let acceptor = tls::acceptor(&Certificate::Files { chain, key }, &ClientCertificates::Unasked).unwrap();
            let (host, path) = ("localhost".to_owned(), "/moves".to_owned());
            let way = Way::to(&Webhook { host, port, path, authority: Some(trusted.0.clone()) }).unwrap();
            let posting = tokio::spawn(async move { post(&way, "{}").await });
            let (socket, _) = listener.accept().await.unwrap();
            match acceptor.accept(socket).await {
                Ok(mut stream) if is_told => {
                    assert!(request_on(&mut stream).await.starts_with("POST /moves HTTP/1.1"));
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                    stream.shutdown().await.unwrap();
                    posting.await.unwrap().unwrap();
                }
                _ => {
                    assert!(!is_told);
                    assert!(matches!(posting.await.unwrap(), Err(NotDelivered::Io(_))));
                }
            }
        }
        assert!(
            Way::to(&Webhook {
                host: String::new(),
                port,
                path: String::new(),
                authority: Some(folder.path().join("none.pem"))
            })
            .is_err()
        );
    }

    #[tokio::test]
    async fn an_event_is_posted_until_it_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (events, told) = events();
        let (_stop, stopped) = shutdown::channel();
        let (host, path) = ("127.0.0.1".to_owned(), "/moves?team=dba".to_owned());
        let way = Way::to(&Webhook { host, port, path, authority: None }).unwrap();
        tokio::spawn(deliver(Some(way), "hz-1".to_owned(), told, stopped));
        events.tell(event(7));
        for answer in ["503 Busy", "204 No Content"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = request_on(&mut stream).await;
            stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.unwrap();
            assert!(request.starts_with("POST /moves?team=dba HTTP/1.1\r\n"), "{request}");
            let body: Value = serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            assert_eq!((body["outcome"].as_str(), body["node"].as_str()), (Some("moved"), Some("hz-1")));
            assert_eq!(body["parts"][0]["to"], "bj");
        }
    }
}
