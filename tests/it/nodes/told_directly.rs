//! What a move waits for reaches its node past the store: one that hears the store, and is not heard there, keeps no move waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use meridian::demo::ports::free_port;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Cluster, nodes_shown, shows_nodes};
use crate::failures::program::Program;
use crate::moves::{PATIENT, done};
use crate::scenarios::expect::{sent, within};

const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";

#[tokio::test]
async fn a_node_that_is_not_heard_in_the_store_tells_past_it_that_a_move_may_go_on() {
    // A lease that outlasts the test: nothing but the word of the node itself lets the move go on.
    let Some(mut cluster) = Cluster::start(1, 0, 60, PATIENT).await else { return };
    let mut first = cluster.setup(1);
    let control = format!("lease = \"60s\"\nreports_listen = \"127.0.0.1:{}\"", free_port().unwrap());
    first.sections = cluster.servers.control(&control);
    let mut second = cluster.setup(2);
    let mute = Arc::new(AtomicBool::new(false));
    let (_, member) = cluster.servers.etcd.members().next().unwrap();
    let relay = relay_to(member, Arc::clone(&mute)).await;
    second.sections = second.sections.replace(&format!(":{member}"), &format!(":{relay}"));
    for setup in [first, second] {
        let program = Program::start(setup).await;
        cluster.nodes.push(program);
    }
    let mut console = cluster.console(0).await;
    shows_nodes(&mut console, &["n1#1 this", "n2#1 live"]).await;

    mute.store(true, Ordering::SeqCst);
    let told = within("it is moved", Duration::from_secs(30), done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'")).await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    assert_eq!(nodes_shown(&mut console).await, ["n1#1 this", "n2#1 live"], "nobody was shut out");
    mute.store(false, Ordering::SeqCst);
    for node in 0..2 {
        let mut client = cluster.client(node, "hz").await;
        assert_eq!(sent(&mut client, cluster.turn.databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
    }
}

/// The port of a relay to `port`, which passes nothing on to there while it is `mute`.
async fn relay_to(port: u16, mute: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (far, mute) = (TcpStream::connect(("127.0.0.1", port)).await.unwrap(), Arc::clone(&mute));
            let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut from_far, &mut to_near).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 << 10];
                while let Ok(count @ 1..) = from_near.read(&mut buffer).await {
                    while mute.load(Ordering::SeqCst) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    if to_far.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    relay
}
