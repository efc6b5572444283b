//! Puts the units of a running demo far from each other: whatever goes from one to the other goes through a relay that keeps each byte for half a
//! round trip. A member of etcd stands in each unit, the third in a third place; servers that replicate, nodes that reach a server or a member
//! elsewhere, and the members among themselves all have the way to go.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use meridian::demo::command::log_in;
use meridian::demo::etcd::leader_of;
use meridian::demo::meridian_config::{CONSOLE_PASSWORD, CONSOLE_USER};
use meridian::demo::nodes::Nodes;
use meridian::demo::process::find;
use meridian::demo::replication::channel_from;
use meridian::demo::state_file::{EtcdEntry, State};
use meridian::demo::world::World;
use meridian::model::Role;
use rustix::process::Signal;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, sleep_until};

use super::relay::relay;

/// The relays, by the port they lead to. They end with the runtime.
struct Relays {
    one_way: Duration,
    ports: HashMap<u16, u16>,
}

/// Moves the units apart; every node is started again for it. Errors: what could not be done, in a sentence.
pub async fn put(round_trip: Duration, state: &State, world: &World, nodes: &mut Nodes) -> Result<(), String> {
    let mut relays = Relays { one_way: round_trip / 2, ports: HashMap::new() };
    let units: Vec<&str> = state.units.iter().map(|unit| unit.name.as_str()).collect();
    for (here, there) in [(units[0], units[1]), (units[1], units[0])] {
        let source = world.instance(there, Role::Primary).ok_or("no such primary")?.port();
        let (channel, port) = (channel_from(there), relays.to(source).await);
        let target = world.instance(here, Role::Primary).ok_or("no such primary")?.root();
        let statements = [
            format!("STOP SLAVE '{channel}'"),
            format!("CHANGE MASTER '{channel}' TO MASTER_PORT={port}"),
            format!("START SLAVE '{channel}'"),
        ];
        target.run(&statements).await.map_err(|error| error.to_string())?;
    }
    let told = |error: meridian::demo::DemoError| error.to_string();
    for (reached_at, listens_at) in nodes.etcd().put_apart().map_err(told)? {
        relays.from(reached_at, listens_at).await;
    }
    nodes.etcd().start_all().await.map_err(told)?;
    lead_in_a_unit(state).await?;
    for node in &state.nodes {
        let text = std::fs::read_to_string(&node.config).map_err(|error| error.to_string())?;
        let text = far_from(&text, &node.unit, &units, state, world, &mut relays).await;
        let text = told_late(&text, node.console_port, relays.one_way).await;
        std::fs::write(&node.config, text).map_err(|error| error.to_string())?;
    }
    let start_all = async {
        for node in &state.nodes {
            start_again(node).await;
        }
    };
    again(nodes, start_all).await
}

/// Has the first unit's member lead, as whoever runs etcd in three places would: led from where no node is, each write takes half as long again.
async fn lead_in_a_unit(state: &State) -> Result<(), String> {
    let leader = leader_of(state.etcd.iter().map(|member| (member.name.as_str(), member.client_port))).await;
    let leader = state.etcd.iter().find(|member| Some(&member.name) == leader.as_ref()).ok_or("etcd has no leader")?;
    let wanted = &state.etcd[0].name;
    let listed = etcdctl(leader, &["member", "list"])?;
    let named = |line: &&str| line.split(", ").nth(2) == Some(wanted);
    let id = listed
        .lines()
        .find(named)
        .and_then(|line| line.split(", ").next())
        .ok_or("etcd does not list its first member")?;
    if leader.name != *wanted {
        etcdctl(leader, &["move-leader", id])?;
    }
    Ok(())
}

/// Has started again whatever `ending` ends.
async fn again(nodes: &mut Nodes, ending: impl Future<Output = ()>) -> Result<(), String> {
    tokio::select! {
        outcome = nodes.watch_over() => outcome.map_err(|error| error.to_string()),
        () = ending => Ok(()),
    }
}

/// A node's configuration in which everything that is not in `unit` is reached through relays; the unit's own member of etcd comes first.
async fn far_from(text: &str, unit: &str, units: &[&str], state: &State, world: &World, relays: &mut Relays) -> String {
    let mut text = text.to_owned();
    for (layout, instance) in world.instances().filter(|(layout, _)| layout.unit != unit) {
        let (near, far) = (instance.port(), relays.to(instance.port()).await);
        assert!(text.contains(&format!("127.0.0.1:{near}\"")), "{} is in the configuration", layout.name);
        text = text.replace(&format!("127.0.0.1:{near}\""), &format!("127.0.0.1:{far}\""));
    }
    let endpoint = |port: u16| format!("http://127.0.0.1:{port}");
    let before: Vec<String> = state.etcd.iter().map(|member| endpoint(member.client_port)).collect();
    let own = units.iter().position(|name| *name == unit);
    let mut after = Vec::new();
    for (index, member) in state.etcd.iter().enumerate() {
        if Some(index) == own {
            after.insert(0, endpoint(member.client_port));
        } else {
            after.push(endpoint(relays.to(member.client_port).await));
        }
    }
    let (before, after) = (format!("{before:?}"), format!("{after:?}"));
    assert!(text.contains(&before), "{before} is in the configuration");
    text.replace(&before, &after)
}

/// A node's configuration in which what others tell it directly takes its time, even from those of its own unit.
async fn told_late(text: &str, listens_at: u16, one_way: Duration) -> String {
    let relay = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (port, relay) = (relay.local_addr().unwrap().port(), Arc::new(relay));
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok(length) = relay.recv(&mut buffer).await {
            let (datagram, relay, due) = (buffer[..length].to_vec(), Arc::clone(&relay), Instant::now() + one_way);
            tokio::spawn(async move {
                sleep_until(due).await;
                // As on any way, one may be lost.
                drop(relay.send_to(&datagram, ("127.0.0.1", listens_at)).await);
            });
        }
    });
    let listen = format!("reports_listen = \"127.0.0.1:{listens_at}\"\n");
    assert!(text.contains(&listen), "it is told directly");
    text.replace(&listen, &format!("{listen}reports_advertise = \"127.0.0.1:{port}\"\n"))
}

async fn start_again(node: &meridian::demo::state_file::NodeEntry) {
    let former = find("meridian", &node.argument());
    if let Some(pid) = former {
        rustix::process::kill_process(pid, Signal::TERM).unwrap();
    }
    loop {
        sleep(Duration::from_millis(50)).await;
        let current = find("meridian", &node.argument());
        if current.is_some()
            && current != former
            && log_in(node.console_port, CONSOLE_USER, CONSOLE_PASSWORD, None).await.is_ok()
        {
            return;
        }
    }
}

fn etcdctl(member: &EtcdEntry, arguments: &[&str]) -> Result<String, String> {
    let endpoint = format!("http://127.0.0.1:{}", member.client_port);
    let mut command = Command::new("etcdctl");
    let done = command.env("ETCDCTL_API", "3").args(["--endpoints", &endpoint]).args(arguments).output();
    let done = done.map_err(|error| format!("etcdctl (package etcd-client): {error}"))?;
    if !done.status.success() {
        return Err(format!("etcdctl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr)));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

impl Relays {
    /// The port of the relay that leads to `port`.
    async fn to(&mut self, port: u16) -> u16 {
        if let Some(relay) = self.ports.get(&port) {
            return *relay;
        }
        let relay = self.from(0, port).await;
        self.ports.insert(port, relay);
        relay
    }

    /// A relay that listens at port `here` and leads to `port`.
    async fn from(&self, here: u16, port: u16) -> u16 {
        relay(here, port, self.one_way).await
    }
}
