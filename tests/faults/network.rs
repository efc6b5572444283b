//! Nodes in network namespaces of their own, joined by a bridge: what is cut between them and the servers is really lost, as packets are.
//!
//! The servers stay on the machine's loopback address; the bridge's own address leads to them.

use std::process::{Command, Stdio};

/// Which packets a cut loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Those the node sends.
    Out,
    /// Those sent to it.
    In,
    /// All.
    Both,
}

/// A bridge and the namespaces of the nodes. Dropping it removes them.
pub struct Network {
    number: u8,
    nodes: usize,
}

impl Network {
    /// A network for `nodes` nodes. Errors: why there can be none here; it needs root, `ip` and `nft`.
    pub fn new(nodes: usize) -> Result<Network, String> {
        let number = (1..=250).find(|number| run("ip", &format!("link show mrd{number}")).is_err());
        let network = Network { number: number.ok_or("no free network")?, nodes };
        network.make()?;
        Ok(network)
    }

    fn make(&self) -> Result<(), String> {
        let (bridge, gateway) = (self.bridge(), self.gateway());
        run("ip", &format!("link add {bridge} type bridge"))?;
        run("ip", &format!("addr add {gateway}/24 dev {bridge}"))?;
        run("ip", &format!("link set {bridge} up"))?;
        let forward = format!("/proc/sys/net/ipv4/conf/{bridge}/route_localnet");
        std::fs::write(&forward, "1").map_err(|error| format!("{forward}: {error}"))?;
        run("nft", &format!("add table ip {bridge}"))?;
        run("nft", &format!("add chain ip {bridge} pre {{ type nat hook prerouting priority -100; }}"))?;
        run("nft", &format!("add rule ip {bridge} pre iifname {bridge} ip daddr {gateway} dnat to 127.0.0.1"))?;
        // The servers themselves find each other by the same addresses.
        run("nft", &format!("add chain ip {bridge} out {{ type nat hook output priority -100; }}"))?;
        run("nft", &format!("add rule ip {bridge} out ip daddr {gateway} dnat to 127.0.0.1"))?;
        for node in 0..self.nodes {
            let (name, address) = (self.namespace(node), self.address(node));
            run("ip", &format!("netns add {name}"))?;
            run("ip", &format!("link add v{name} type veth peer name eth0 netns {name}"))?;
            run("ip", &format!("link set v{name} master {bridge} up"))?;
            run("ip", &format!("-n {name} addr add {address}/24 dev eth0"))?;
            run("ip", &format!("-n {name} link set eth0 up"))?;
            run("ip", &format!("-n {name} link set lo up"))?;
            self.nft(node, "add table ip cut")?;
            for hook in ["input", "output"] {
                self.nft(node, &format!("add chain ip cut {hook} {{ type filter hook {hook} priority 0; }}"))?;
            }
        }
        Ok(())
    }

    /// Where nodes find the servers.
    pub fn gateway(&self) -> String {
        format!("10.77.{}.1", self.number)
    }

    /// Where clients find a node.
    pub fn address(&self, node: usize) -> String {
        format!("10.77.{}.{}", self.number, 11 + node)
    }

    /// The namespace of a node.
    pub fn namespace(&self, node: usize) -> String {
        format!("mrd{}n{node}", self.number)
    }

    /// Leads what these nodes send to a port of the servers, and what the servers themselves do, through the relay that listens at another.
    pub fn lead_through(&self, relay: u16, port: u16, nodes: &[usize]) -> Result<(), String> {
        let (bridge, gateway) = (self.bridge(), self.gateway());
        let from = nodes.iter().map(|node| self.address(*node)).collect::<Vec<_>>().join(", ");
        let to = format!("ip daddr {gateway} tcp dport {port} dnat to 127.0.0.1:{relay}");
        // Ahead of what leads everything else straight on.
        run("nft", &format!("insert rule ip {bridge} pre iifname {bridge} ip saddr {{ {from} }} {to}"))?;
        run("nft", &format!("insert rule ip {bridge} out {to}"))
    }

    /// Loses what goes between a node and these ports of the servers.
    pub fn cut(&self, node: usize, ports: &[u16], direction: Direction) -> Result<(), String> {
        let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        if direction != Direction::In {
            self.nft(node, &format!("add rule ip cut output tcp dport {{ {ports} }} drop"))?;
        }
        if direction != Direction::Out {
            self.nft(node, &format!("add rule ip cut input tcp sport {{ {ports} }} drop"))?;
        }
        Ok(())
    }

    /// Loses everything a node sends and is sent.
    pub fn isolate(&self, node: usize) -> Result<(), String> {
        self.nft(node, "add rule ip cut output drop")?;
        self.nft(node, "add rule ip cut input drop")
    }

    /// Ends all cuts of a node.
    pub fn heal(&self, node: usize) -> Result<(), String> {
        self.nft(node, "flush chain ip cut input")?;
        self.nft(node, "flush chain ip cut output")
    }

    fn nft(&self, node: usize, what: &str) -> Result<(), String> {
        run("ip", &format!("netns exec {} nft {what}", self.namespace(node)))
    }

    fn bridge(&self) -> String {
        format!("mrd{}", self.number)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for node in 0..self.nodes {
            // First, because it goes with its namespace only by and by, and the next run would find its name taken.
            let _ = run("ip", &format!("link del v{}", self.namespace(node)));
            let _ = run("ip", &format!("netns del {}", self.namespace(node)));
        }
        let _ = run("nft", &format!("delete table ip {}", self.bridge()));
        let _ = run("ip", &format!("link del {}", self.bridge()));
    }
}

/// Runs a program with arguments that hold no spaces of their own.
fn run(program: &str, arguments: &str) -> Result<(), String> {
    let output = Command::new(program).args(arguments.split(' ')).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
