//! What etcd does besides: leases, members that die, compaction, TLS, logins, and what is said when it cannot be used.

use std::sync::Arc;
use std::time::Duration;

use meridian::control::{EtcdClient, EtcdConfig, EtcdError, EtcdStore, Store, StoreError};
use meridian::demo::etcd::Etcd;
use meridian::model::{About, Claim, Epoch, Life, MoveId, Picture, Report};
use meridian::shutdown;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use super::worlds::at;
use crate::scenarios::expect::{until, within};
use crate::servers::{EtcdServers, Place};

const PATIENCE: Duration = Duration::from_secs(30);

fn config(endpoints: Vec<String>, cluster: &str) -> EtcdConfig {
    EtcdConfig {
        endpoints,
        prefix: format!("/meridian/{cluster}/"),
        lease: Duration::from_secs(2),
        login: None,
        authority: None,
        identity: None,
    }
}

/// A store of its own at these members; nobody follows it yet.
pub async fn open(servers: &EtcdServers, cluster: &str) -> Arc<EtcdStore> {
    Arc::new(EtcdStore::open(&config(servers.etcd.endpoints(), cluster)).await.unwrap())
}

/// A store whose changes are heard.
pub async fn open_followed(servers: &EtcdServers, cluster: &str) -> Arc<EtcdStore> {
    let store = open(servers, cluster).await;
    follow(&store);
    store
}

/// Follows until the test's runtime ends.
fn follow(store: &Arc<EtcdStore>) {
    let (stop, stopped) = shutdown::channel();
    let store = Arc::clone(store);
    tokio::spawn(async move {
        store.follow(stopped).await;
        drop(stop);
    });
}

fn about() -> About {
    About {
        units: vec!["hz".to_owned()],
        version: "1".to_owned(),
        accounts: vec!["app".to_owned()],
        number: 1,
        own_accounts: Vec::new(),
        compares_rows: Vec::new(),
        compares_leases: Vec::new(),
        knows: Vec::new(),
        reports_at: None,
    }
}

/// The first picture that is as wanted.
async fn seen(store: &EtcdStore, what: &str, wanted: impl Fn(&Picture) -> bool) -> Arc<Picture> {
    let mut pictures = store.pictures();
    let picture = within(what, PATIENCE, pictures.wait_for(|picture| wanted(picture))).await;
    Arc::clone(&picture.unwrap())
}

#[tokio::test]
async fn an_incarnation_is_seen_by_all_falls_silent_with_its_lease_and_stays_known_until_it_is_forgotten() {
    let Some(servers) = EtcdServers::start(1).await else { return };
    let (store, other) = (open_followed(&servers, "leases").await, open_followed(&servers, "leases").await);
    let entry = store.enter("hz-1", &about()).await.unwrap();
    let incarnation = entry.incarnation.clone();
    assert_eq!(incarnation.to_string(), "hz-1#1");
    let report = Report {
        seen: Epoch(4),
        settled: Epoch(3),
        drained: vec![MoveId(4)],
        claims: vec![Claim { question: 1, threads: vec![7] }],
    };
    store.report(&entry, &report).await.unwrap();
    let picture = seen(&other, "the report", |picture| picture.members.iter().any(|one| one.report == report)).await;
    let member = picture.member(&incarnation).unwrap();
    assert_eq!((member.life, &member.about), (Life::Live, &about()));
    // Kept alive, it outlives its lease.
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(store.keep(&entry).await.unwrap() >= Duration::from_secs(2));
    }
    assert_eq!(other.pictures().borrow().member(&incarnation).unwrap().life, Life::Live);
    // Not kept alive, it falls silent, and its report with it; it is not forgotten.
    let silent = |picture: &Picture| picture.member(&incarnation).is_some_and(|one| one.life == Life::Silent);
    let picture = seen(&other, "silence", silent).await;
    assert_eq!(picture.member(&incarnation).unwrap().report, Report::default());
    assert!(matches!(store.keep(&entry).await, Err(StoreError::Etcd(EtcdError::NoLease))));
    assert!(store.report(&entry, &report).await.is_err(), "a lease that has ended carries nothing");
    // The next one of the same node has another number, and the old one is there beside it.
    let next = store.enter("hz-1", &about()).await.unwrap();
    assert_eq!(next.incarnation.to_string(), "hz-1#2");
    seen(&other, "both", |picture| picture.members.len() == 2).await;
    other.forget(&incarnation).await.unwrap();
    store.leave(&next).await.unwrap();
    seen(&other, "nobody", |picture| picture.members.is_empty()).await;
    assert_eq!(store.enter("hz-1", &about()).await.unwrap().incarnation.number, 3, "a number is never used twice");
}

#[tokio::test]
async fn questions_are_seen_until_they_are_withdrawn() {
    let Some(servers) = EtcdServers::start(1).await else { return };
    let (store, other) = (open_followed(&servers, "questions").await, open_followed(&servers, "questions").await);
    let (first, second) = (store.ask("hz-main-1").await.unwrap(), store.ask("bj-main-1").await.unwrap());
    let both = vec![first.clone(), second.clone()];
    seen(&other, "both questions", |picture| picture.questions == both).await;
    store.withdraw(&first).await.unwrap();
    seen(&other, "one question", |picture| picture.questions == [second.clone()]).await;
    assert!(store.ask("hz-main-1").await.unwrap().number > second.number);
}

#[tokio::test]
async fn the_members_may_die_one_after_the_other_and_nothing_is_lost() {
    let Some(mut servers) = EtcdServers::start(3).await else { return };
    let store = open_followed(&servers, "members").await;
    store.compare_and_swap(None, &at(1)).await.unwrap();
    let mut epoch = 1;
    for round in 0..3 {
        // The leader each time, which is the worst.
        let mut leader = None;
        until("a leader", PATIENCE, async || {
            leader = servers.etcd.leader().await;
            leader.is_some()
        })
        .await;
        let dead = leader.unwrap();
        servers.etcd.kill(dead);
        until(&format!("a change in round {round}"), PATIENCE, async || {
            // A transaction whose answer was lost is not sent again: what is stored is looked at.
            match store.load().await {
                Ok(state) => epoch = state.unwrap().epoch.0,
                Err(_) => return false,
            }
            let changed = store.compare_and_swap(Some(Epoch(epoch)), &at(epoch + 1)).await;
            epoch += u64::from(changed.is_ok());
            changed.is_ok()
        })
        .await;
        let heard = within("the change is heard", PATIENCE, store.newer_than(Epoch(epoch - 1))).await.unwrap();
        assert_eq!(heard, at(epoch));
        servers.etcd.restart(dead).unwrap();
        servers.etcd.wait_for(dead).await.unwrap();
    }
    assert_eq!(store.load().await.unwrap().unwrap(), at(epoch));
}

#[tokio::test]
async fn a_member_without_a_leader_ends_watches_and_refuses_reads_instead_of_answering_with_what_is_old() {
    let Some(mut servers) = EtcdServers::start(3).await else { return };
    let mut endpoints = servers.etcd.endpoints();
    endpoints.truncate(1);
    let alone = config(endpoints, "leaderless");
    let store = Arc::new(EtcdStore::open(&alone).await.unwrap());
    store.compare_and_swap(None, &at(1)).await.unwrap();
    let client = EtcdClient::new(&alone).unwrap();
    let mut watching = client.watch(b"/meridian/".to_vec(), b"/meridian0".to_vec(), 1).await.unwrap();
    let first = within("what is there", PATIENCE, async { while watching.next().await.unwrap().events.is_empty() {} });
    first.await;
    servers.etcd.kill(1);
    servers.etcd.kill(2);
    let ended = within("the watch ends", PATIENCE, async {
        loop {
            if let Err(error) = watching.next().await {
                return error;
            }
        }
    });
    let ended = ended.await.to_string();
    assert!(ended.contains("no leader"), "{ended}");
    let again = within("a new watch is refused", PATIENCE, async {
        match client.watch(b"/meridian/".to_vec(), b"/meridian0".to_vec(), 1).await {
            Ok(mut watching) => watching.next().await.map(drop),
            Err(error) => Err(error),
        }
    });
    let again = again.await.unwrap_err().to_string();
    assert!(again.contains("no leader"), "{again}");
    let read = within("a read is refused", PATIENCE, store.load()).await.unwrap_err();
    assert!(matches!(read, StoreError::Etcd(EtcdError::Unreachable { .. })), "{read:?}");
    for member in [1, 2] {
        servers.etcd.restart(member).unwrap();
    }
    until("it is read again", PATIENCE, async || store.load().await.is_ok_and(|state| state == Some(at(1)))).await;
}

#[tokio::test]
async fn a_store_is_as_it_was_when_etcd_is_killed_and_started_again() {
    let Some(mut servers) = EtcdServers::start(1).await else { return };
    let store = open_followed(&servers, "restart").await;
    store.compare_and_swap(None, &at(1)).await.unwrap();
    store.compare_and_swap(Some(Epoch(1)), &at(2)).await.unwrap();
    servers.etcd.kill(0);
    let refused = store.load().await.unwrap_err();
    assert!(refused.to_string().contains("etcd does not answer"), "{refused}");
    servers.etcd.restart(0).unwrap();
    servers.etcd.wait_for(0).await.unwrap();
    until("it answers again", PATIENCE, async || store.load().await.is_ok()).await;
    assert_eq!(store.load().await.unwrap().unwrap(), at(2));
    store.compare_and_swap(Some(Epoch(2)), &at(3)).await.unwrap();
    let heard = within("the watch goes on", PATIENCE, store.newer_than(Epoch(2))).await.unwrap();
    assert_eq!(heard, at(3));
}

#[tokio::test]
async fn a_watch_whose_revision_was_compacted_lists_everything_anew() {
    let Some(mut servers) = EtcdServers::start(1).await else { return };
    let store = open_followed(&servers, "compaction").await;
    store.compare_and_swap(None, &at(1)).await.unwrap();
    within("the first", PATIENCE, store.newer_than(Epoch(0))).await.unwrap();
    // The watch is cut off while the revisions it would go on from are forgotten.
    let writer = open(&servers, "compaction").await;
    for epoch in 2..=9 {
        writer.compare_and_swap(Some(Epoch(epoch - 1)), &at(epoch)).await.unwrap();
    }
    let revision = etcdctl(&servers, &["get", "x", "-w", "json"]);
    let revision = revision.split("\"revision\":").nth(1).unwrap().split(',').next().unwrap().to_owned();
    etcdctl(&servers, &["compaction", &revision]);
    servers.etcd.kill(0);
    servers.etcd.restart(0).unwrap();
    servers.etcd.wait_for(0).await.unwrap();
    let heard = within("the newest", PATIENCE, store.newer_than(Epoch(8))).await.unwrap();
    assert_eq!(heard, at(9));
}

fn etcdctl(servers: &EtcdServers, arguments: &[&str]) -> String {
    let endpoints = servers.etcd.endpoints().join(",");
    let output = std::process::Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &endpoints])
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("etcdctl (package etcd-client): {error}"));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn etcd_that_cannot_be_used_is_told_by_name() {
    let nobody = format!("http://127.0.0.1:{}", meridian::demo::ports::free_port().unwrap());
    let refused = EtcdStore::open(&config(vec![nobody.clone()], "x")).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.starts_with("etcd does not answer: ") && text.contains(&nobody), "{text}");
    let refused = EtcdStore::open(&config(vec!["http://a b".to_owned()], "x")).await.unwrap_err();
    assert!(refused.to_string().contains("endpoint 'http://a b' cannot be used"), "{refused}");
    let (Some(one), Some(another)) = (EtcdServers::start(1).await, EtcdServers::start(1).await) else { return };
    let mut mixed = one.etcd.endpoints();
    mixed.extend(another.etcd.endpoints());
    let mut store = EtcdStore::open(&config(mixed, "x")).await.unwrap();
    drop(one);
    let refused = store.load().await.unwrap_err();
    assert!(refused.to_string().contains("belongs to another etcd cluster than the others"), "{refused}");
    store = EtcdStore::open(&config(another.etcd.endpoints(), "x")).await.unwrap();
    assert!(store.load().await.unwrap().is_none());
}

#[tokio::test]
async fn etcd_with_users_takes_the_right_password_only_and_goes_on_when_a_token_is_forgotten() {
    let Some(mut servers) = EtcdServers::start(1).await else { return };
    for arguments in [
        &["user", "add", "root:rootpw"][..],
        &["user", "grant-role", "root", "root"],
        &["role", "add", "dal"],
        &["role", "grant-permission", "dal", "--prefix=true", "readwrite", "/meridian/auth/"],
        &["user", "add", "dal:dalpw"],
        &["user", "grant-role", "dal", "dal"],
        &["auth", "enable"],
    ] {
        etcdctl(&servers, arguments);
    }
    let as_user = |cluster: &str, login: Option<(&str, &str)>| EtcdConfig {
        login: login.map(|(user, password)| (user.to_owned(), password.to_owned())),
        ..config(servers.etcd.endpoints(), cluster)
    };
    let refused = async |cluster, login| EtcdStore::open(&as_user(cluster, login)).await.unwrap_err().to_string();
    assert!(refused("auth", None).await.contains("wants a user and a password"));
    assert!(refused("auth", Some(("dal", "wrong"))).await.starts_with("etcd refuses the login: "));
    assert!(refused("elsewhere", Some(("dal", "dalpw"))).await.starts_with("etcd denies it: "));
    let store = Arc::new(EtcdStore::open(&as_user("auth", Some(("dal", "dalpw")))).await.unwrap());
    follow(&store);
    store.compare_and_swap(None, &at(1)).await.unwrap();
    let entry = store.enter("hz-1", &about()).await.unwrap();
    // Simple tokens are forgotten with the member's process.
    servers.etcd.kill(0);
    servers.etcd.restart(0).unwrap();
    servers.etcd.wait_for(0).await.unwrap();
    until("it answers again", PATIENCE, async || {
        let answer = store.load().await;
        println!("{:?}", answer.as_ref().err());
        answer.is_ok()
    })
    .await;
    store.compare_and_swap(Some(Epoch(1)), &at(2)).await.unwrap();
    within("the watch goes on", PATIENCE, store.newer_than(Epoch(1))).await.unwrap();
    store.keep(&entry).await.unwrap();
}

#[tokio::test]
async fn etcd_over_tls_is_believed_only_with_the_right_authority_and_sees_our_certificate() {
    if !crate::servers::etcd_is_installed() {
        return;
    }
    let place = Place::new();
    let file = |name: &str| place.path().join(name);
    let authority = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(file(name), params.self_signed(&key).unwrap().pem()).unwrap();
        rcgen::Issuer::new(params, key)
    };
    let (issuer, _) = (authority("ca.pem"), authority("other-ca.pem"));
    for name in ["server", "node"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        std::fs::write(file(&format!("{name}.pem")), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        std::fs::write(file(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    let flags = vec![
        "--cert-file".into(),
        file("server.pem").into(),
        "--key-file".into(),
        file("server.key").into(),
        "--client-cert-auth".into(),
        "--trusted-ca-file".into(),
        file("ca.pem").into(),
    ];
    let etcd = Etcd::start_with(place.path(), 1, "https", flags).await.unwrap();
    let with = |authority: &str, identity: Option<&str>| EtcdConfig {
        authority: Some(file(authority)),
        identity: identity.map(|name| (file(&format!("{name}.pem")), file(&format!("{name}.key")))),
        ..config(etcd.endpoints(), "tls")
    };
    until("it serves over TLS", PATIENCE, async || EtcdStore::open(&with("ca.pem", Some("node"))).await.is_ok()).await;
    let store = EtcdStore::open(&with("ca.pem", Some("node"))).await.unwrap();
    store.compare_and_swap(None, &at(1)).await.unwrap();
    assert_eq!(store.load().await.unwrap().unwrap(), at(1));
    for wrong in [with("other-ca.pem", Some("node")), with("ca.pem", None)] {
        let refused = EtcdStore::open(&wrong).await.unwrap_err();
        assert!(refused.to_string().starts_with("etcd does not answer: "), "{refused}");
    }
    let missing = EtcdConfig { authority: Some(file("nowhere.pem")), ..with("ca.pem", None) };
    assert!(EtcdStore::open(&missing).await.unwrap_err().to_string().contains("nowhere.pem' cannot be read"));
}
