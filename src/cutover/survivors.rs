//! The instances that are left when a source is lost: their channels from it, stopped, followed elsewhere, removed; and what they have of it.
//!
//! Every step may be done again. Statements go through the control account, which needs to administer replication.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::force_plan::{SourceChannel, Survivor};
use super::server::{Channel, ControlAccount, Family, Server, ServerError, value};
use crate::model::{ControlState, GroupId, Instance, InstanceAddress, InstanceId, UnitId};

/// How long a name may take to become an address.
const LOOKUP: Duration = Duration::from_secs(1);

/// The end of the name that a channel is turned to when nobody is to be followed: no such host can exist (RFC 2606).
const NOWHERE: &str = ".quarantine.invalid";

/// How long a look at one instance may take. It waits for nothing but answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a target that may have everything already is waited for before it counts as behind, and one that was silent before it counts as silent still.
const GLANCE: Duration = Duration::from_millis(300);

/// A survivor with its channel from the source's unit.
pub struct Left {
    /// The instance.
    pub id: InstanceId,
    /// Its channel, by name, where it has one.
    pub channel: Option<String>,
    /// What is seen of it.
    pub seen: Survivor,
}

/// Everything that is lost with a source: the instance itself, and where its unit's instances listen.
pub struct Lost<'a> {
    /// The control state.
    pub state: &'a ControlState,
    /// The group.
    pub group: GroupId,
    /// The unit.
    pub unit: UnitId,
    /// The account that administers replication.
    pub account: &'a ControlAccount,
    /// Who did not answer when it was last asked.
    silent: Mutex<BTreeSet<InstanceId>>,
}

impl<'a> Lost<'a> {
    /// A unit's instances of a group.
    pub fn new(state: &'a ControlState, group: GroupId, unit: UnitId, account: &'a ControlAccount) -> Lost<'a> {
        Lost { state, group, unit, account, silent: Mutex::default() }
    }

    /// As [`Lost::new`]; `silent` have just been waited for.
    pub fn without(self, silent: BTreeSet<InstanceId>) -> Lost<'a> {
        Lost { silent: Mutex::new(silent), ..self }
    }

    /// Whether the source answers `asking` within `at_most`, and who of its unit besides it does not. Asked at once, because what is cut off makes
    /// each of them wait.
    pub async fn ask_unit(&self, asking: &ControlAccount, at_most: Duration) -> (bool, BTreeSet<InstanceId>) {
        let source = self.state.primary_of(self.unit, self.group);
        let asked = self.state.instances_of(self.unit, self.group).map(|(id, instance)| async move {
            let account = if Some(id) == source { asking } else { self.account };
            (id, matches!(timeout(at_most, Server::connect(instance, account)).await, Ok(Ok(_))))
        });
        let (answer, silent): (Vec<_>, Vec<_>) = join_all(asked).await.into_iter().partition(|(_, answers)| *answers);
        let is_source = |(id, _): &(InstanceId, bool)| Some(*id) == source;
        (answer.iter().any(is_source), silent.iter().filter(|one| !is_source(one)).map(|(id, _)| *id).collect())
    }

    /// The source's primary. It exists, because every unit has one of each group.
    pub fn source(&self) -> Option<&Instance> {
        self.state.primary_of(self.unit, self.group).map(|id| self.state.instance(id))
    }

    /// What is seen of every instance that is left, and whether `target` has all that each has.
    pub async fn look(&self, target: InstanceId) -> Vec<Left> {
        let addresses = self.addresses().await;
        let source = self.state.primary_of(self.unit, self.group);
        let all = (0u16..).map(InstanceId).zip(&self.state.instances);
        let left = all.filter(|(id, instance)| instance.group == self.group && Some(*id) != source);
        join_all(left.map(|(id, instance)| self.look_from(id, instance, &addresses, target))).await
    }

    async fn look_from(
        &self,
        id: InstanceId,
        instance: &Instance,
        addresses: &[SocketAddr],
        target: InstanceId,
    ) -> Left {
        let of_source_unit = instance.unit == self.unit;
        // What is lost together with the source would make every look wait for as long as a packet may take.
        let was_silent = of_source_unit && self.silent().contains(&id);
        let look = async {
            let server = Server::connect(instance, self.account);
            let server = if was_silent { glance(instance, server).await? } else { server.await? };
            // From here on it has the time that everybody has: what it holds may be nowhere else.
            self.silent().remove(&id);
            self.look_at(server, instance, addresses, target).await
        };
        let seen = timeout(PATIENCE, look).await;
        let (channel, seen) = match seen {
            Ok(Ok((channel, seen))) => (channel, Survivor { of_source_unit, ..seen }),
            unseen => {
                if let (Ok(Err(error)), false) = (&unseen, was_silent) {
                    tracing::warn!(instance = instance.name, error = error as &dyn std::error::Error, "not seen");
                }
                self.silent().insert(id);
                (None, Survivor { of_source_unit, answers: false, channel: SourceChannel::Absent, is_covered: true })
            }
        };
        Left { id, channel, seen }
    }

    fn silent(&self) -> MutexGuard<'_, BTreeSet<InstanceId>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A channel of another unit's instance that leads to the address of no instance, in words. One that cannot be asked now is refused later.
    pub async fn unknown_channel(&self) -> Option<String> {
        let of_group = || self.state.instances.iter().filter(|one| one.group == self.group);
        let known = self.addresses_of(of_group()).await;
        let asked = of_group().filter(|one| one.unit != self.unit).map(async |instance| {
            let channels = async { Server::connect(instance, self.account).await?.channels().await };
            let Ok::<_, ServerError>(channels) = channels.await else { return None };
            for channel in &channels {
                let (host, port) = (host_of(channel), value(channel, &["Master_Port", "Source_Port"]));
                // One that leads nowhere was turned there by an earlier forced change.
                if !host.ends_with(NOWHERE) && !self.leads_to_one_of(channel, of_group(), &known).await {
                    let (channel, name) = (name_of(channel), &instance.name);
                    return Some(format!("channel '{channel}' of {name} follows {host}:{port}, no instance's address"));
                }
            }
            None
        });
        join_all(asked).await.into_iter().flatten().next()
    }

    async fn look_at(
        &self,
        mut server: Server,
        instance: &Instance,
        addresses: &[SocketAddr],
        target: InstanceId,
    ) -> Result<(Option<String>, Survivor), ServerError> {
        let channels = server.channels().await?;
        let mut found = None;
        for channel in &channels {
            if self.leads_to_source(channel, addresses).await {
                found = Some(channel.clone());
            }
        }
        let state = match &found {
            None => SourceChannel::Absent,
            Some(channel) if host_of(channel) == self.nowhere() => SourceChannel::Parked,
            Some(channel) => state_of(&mut server, channel).await?,
        };
        let position = server.position().await?;
        let target = self.state.instance(target);
        // Nobody's position means something while it still grows.
        let is_settled = matches!(state, SourceChannel::Absent | SourceChannel::Stands | SourceChannel::Parked);
        let is_covered = is_settled
            && (target.name == instance.name || {
                let mut target = Server::connect(target, self.account).await?;
                target.wait_for(&position, GLANCE).await?
            });
        let seen = Survivor { of_source_unit: false, answers: true, channel: state, is_covered };
        Ok((found.map(|channel| name_of(&channel).to_owned()), seen))
    }

    /// Where the instances of the source's unit listen: a channel that leads there is one from the source, wherever it was turned to.
    async fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses_of(self.of_unit()).await
    }

    fn of_unit(&self) -> impl Iterator<Item = &Instance> {
        self.state.instances.iter().filter(|one| one.group == self.group && one.unit == self.unit)
    }

    async fn addresses_of(&self, instances: impl Iterator<Item = &Instance>) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for instance in instances {
            if let InstanceAddress::Tcp(host, port) = &instance.address {
                addresses.extend(resolved(host, *port).await);
            }
        }
        addresses
    }

    async fn leads_to_source(&self, channel: &Channel, addresses: &[SocketAddr]) -> bool {
        host_of(channel) == self.nowhere() || self.leads_to_one_of(channel, self.of_unit(), addresses).await
    }

    /// Whether a channel leads to one of `named`, by the words of its address or by what these lead to, which is `addresses`.
    async fn leads_to_one_of(
        &self,
        channel: &Channel,
        named: impl Iterator<Item = &Instance>,
        addresses: &[SocketAddr],
    ) -> bool {
        let host = host_of(channel);
        let Ok(port) = value(channel, &["Master_Port", "Source_Port"]).parse() else { return false };
        let mut same_words =
            named.map(|one| matches!(&one.address, InstanceAddress::Tcp(known, at) if known == host && *at == port));
        same_words.any(|same| same) || resolved(host, port).await.iter().any(|one| addresses.contains(one))
    }

    /// The host that channels from the source are turned to.
    fn nowhere(&self) -> String {
        format!("{}{NOWHERE}", self.state.unit(self.unit).name.to_lowercase())
    }

    /// Turns a channel that stands to where nobody answers, so that no start of its server follows the source again.
    pub async fn park(&self, id: InstanceId, channel: &str) -> Result<(), ServerError> {
        let mut server = self.server(id).await?;
        server.execute(&stop(server.family, channel)).await?;
        let nowhere = self.nowhere();
        self.turn(&mut server, channel, &nowhere, 1).await
    }

    /// Stops receiving through `channel`. What was received is still applied.
    pub async fn stop_receiving(&self, id: InstanceId, channel: &str) -> Result<(), ServerError> {
        let mut server = self.server(id).await?;
        let statement = match server.family {
            Family::MariaDb => format!("STOP SLAVE {} IO_THREAD", quoted(channel)),
            Family::MySql => format!("STOP REPLICA IO_THREAD FOR CHANNEL {}", quoted(channel)),
        };
        server.execute(&statement).await
    }

    /// Waits until what was received through `channel` is applied, at most `at_most`, then stops the channel. Returns whether it is.
    pub async fn apply_received(&self, id: InstanceId, channel: &str, at_most: Duration) -> Result<bool, ServerError> {
        let mut server = self.server(id).await?;
        let Some(found) = channel_named(&mut server, channel).await? else { return Ok(true) };
        let received = received_of(&found);
        if !received.is_empty() && !server.wait_until_applied(&received, at_most).await? {
            return Ok(false);
        }
        server.execute(&stop(server.family, channel)).await?;
        Ok(true)
    }

    /// Waits until `target` has all that `ahead` has, at most `at_most`; returns whether it has. Where it does not follow that one, its channel from
    /// the source does so meanwhile. The channel keeps its account and its filters, and stands again afterwards.
    pub async fn feed(
        &self,
        target: InstanceId,
        channel: &str,
        ahead: InstanceId,
        at_most: Duration,
    ) -> Result<bool, ServerError> {
        let position = self.server(ahead).await?.position().await?;
        let mut server = self.server(target).await?;
        // It comes by itself where the target follows that one anyway. MariaDB has no second channel to the same server (1934), and MySQL's would stay
        // turned there if this process were killed meanwhile, and nobody would know it for one from the source.
        if self.follows(&mut server, ahead).await? {
            return server.wait_for(&position, at_most).await;
        }
        let InstanceAddress::Tcp(host, port) = &self.state.instance(ahead).address else { return Ok(false) };
        self.turn(&mut server, channel, host, *port).await?;
        let start = match server.family {
            Family::MariaDb => format!("START SLAVE {}", quoted(channel)),
            Family::MySql => format!("START REPLICA FOR CHANNEL {}", quoted(channel)),
        };
        server.execute(&start).await?;
        let has = server.wait_for(&position, at_most).await;
        server.execute(&stop(server.family, channel)).await?;
        has
    }

    /// Whether a server receives and applies through a channel of its own from `ahead`.
    async fn follows(&self, server: &mut Server, ahead: InstanceId) -> Result<bool, ServerError> {
        let ahead = || std::iter::once(self.state.instance(ahead));
        let addresses = self.addresses_of(ahead()).await;
        for channel in &server.channels().await? {
            if is_running(channel) && self.leads_to_one_of(channel, ahead(), &addresses).await {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn turn(&self, server: &mut Server, channel: &str, host: &str, port: u16) -> Result<(), ServerError> {
        let (host, name) = (quoted(host), quoted(channel));
        let statement = match server.family {
            Family::MariaDb => format!("CHANGE MASTER {name} TO MASTER_HOST={host}, MASTER_PORT={port}"),
            Family::MySql => {
                format!("CHANGE REPLICATION SOURCE TO SOURCE_HOST={host}, SOURCE_PORT={port} FOR CHANNEL {name}")
            }
        };
        server.execute(&statement).await
    }

    /// Whether a forced change has turned this channel away from the source: to nowhere, or to another instance of its unit.
    fn is_turned(&self, channel: &Channel) -> bool {
        let (host, port) = (host_of(channel), value(channel, &["Master_Port", "Source_Port"]));
        let source = self.state.primary_of(self.unit, self.group);
        let leads_to = |(id, one): (InstanceId, &Instance)| {
            let here =
                matches!(&one.address, InstanceAddress::Tcp(known, at) if known == host && at.to_string() == port);
            here && Some(id) != source
        };
        host == self.nowhere() || self.state.instances_of(self.unit, self.group).any(leads_to)
    }

    /// Lets channels that were stopped follow the source again: the change is not made.
    pub async fn start_again(&self, left: &[Left]) {
        for (id, channel) in left.iter().filter_map(|one| Some((one.id, one.channel.as_deref()?))) {
            if let Err(error) = self.start_one(id, channel).await {
                let instance = &self.state.instance(id).name;
                tracing::error!(
                    instance,
                    channel,
                    error = &error as &dyn std::error::Error,
                    "start this channel by hand"
                );
            }
        }
    }

    async fn start_one(&self, id: InstanceId, channel: &str) -> Result<(), ServerError> {
        let mut server = self.server(id).await?;
        let Some(found) = channel_named(&mut server, channel).await? else { return Ok(()) };
        // Only one that was turned away is turned back: turning throws away what was received and not applied yet, which nobody else may have.
        if let Some(InstanceAddress::Tcp(host, port)) = self.source().map(|source| source.address.clone())
            && self.is_turned(&found)
        {
            server.execute(&stop(server.family, channel)).await?;
            self.turn(&mut server, channel, &host, port).await?;
        }
        let start = match server.family {
            Family::MariaDb => format!("START SLAVE {}", quoted(channel)),
            Family::MySql => format!("START REPLICA FOR CHANNEL {}", quoted(channel)),
        };
        server.execute(&start).await
    }

    /// Removes the channels of other units from the source, so that no restart resumes them. Errors: somebody does not answer, or refuses.
    pub async fn remove_channels(&self) -> Result<(), ServerError> {
        let addresses = self.addresses().await;
        for instance in self.state.instances.iter().filter(|one| one.group == self.group && one.unit != self.unit) {
            let mut server = Server::connect(instance, self.account).await?;
            for channel in server.channels().await? {
                if !self.leads_to_source(&channel, &addresses).await {
                    continue;
                }
                let name = quoted(name_of(&channel));
                server.execute(&stop(server.family, name_of(&channel))).await?;
                let remove = match server.family {
                    Family::MariaDb => format!("RESET SLAVE {name} ALL"),
                    Family::MySql => format!("RESET REPLICA ALL FOR CHANNEL {name}"),
                };
                server.execute(&remove).await?;
                tracing::info!(instance = instance.name, channel = name, "the channel from a lost source is removed");
            }
        }
        Ok(())
    }

    async fn server(&self, id: InstanceId) -> Result<Server, ServerError> {
        Server::connect(self.state.instance(id), self.account).await
    }
}

/// What comes of `connecting` at once. Errors: its own, or nothing so soon.
async fn glance(
    instance: &Instance,
    connecting: impl Future<Output = Result<Server, ServerError>>,
) -> Result<Server, ServerError> {
    let silent = |_| ServerError::Silent { name: instance.name.clone() };
    timeout(GLANCE, connecting).await.map_err(silent)?
}

fn host_of(channel: &Channel) -> &str {
    value(channel, &["Master_Host", "Source_Host"])
}

fn name_of(channel: &Channel) -> &str {
    value(channel, &["Connection_name", "Channel_Name"])
}

/// Everything a channel has received, as a position.
fn received_of(channel: &Channel) -> String {
    value(channel, &["Gtid_IO_Pos", "Retrieved_Gtid_Set"]).split_whitespace().collect()
}

/// Whether it receives and applies.
fn is_running(channel: &Channel) -> bool {
    let threads = [["Slave_IO_Running", "Replica_IO_Running"], ["Slave_SQL_Running", "Replica_SQL_Running"]];
    threads.iter().all(|names| value(channel, names) == "Yes")
}

async fn state_of(server: &mut Server, channel: &Channel) -> Result<SourceChannel, ServerError> {
    let runs = |names: &[&str]| value(channel, names) != "No";
    if runs(&["Slave_IO_Running", "Replica_IO_Running"]) {
        return Ok(SourceChannel::Receives);
    }
    if runs(&["Slave_SQL_Running", "Replica_SQL_Running"]) {
        return Ok(SourceChannel::Applies);
    }
    let received = received_of(channel);
    let has = received.is_empty() || server.wait_until_applied(&received, GLANCE).await?;
    Ok(if has { SourceChannel::Stands } else { SourceChannel::Applies })
}

async fn channel_named(server: &mut Server, name: &str) -> Result<Option<Channel>, ServerError> {
    Ok(server.channels().await?.into_iter().find(|channel| name_of(channel) == name))
}

/// Stops a channel whole.
pub fn stop(family: Family, channel: &str) -> String {
    match family {
        Family::MariaDb => format!("STOP SLAVE {}", quoted(channel)),
        Family::MySql => format!("STOP REPLICA FOR CHANNEL {}", quoted(channel)),
    }
}

async fn resolved(host: &str, port: u16) -> Vec<SocketAddr> {
    match timeout(LOOKUP, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::control::sample;
    use crate::model::Role;

    fn account() -> ControlAccount {
        ControlAccount { user: "m".to_owned(), password: "m".to_owned(), tls: None, reserved: Default::default() }
    }

    /// A server that takes connections and says nothing.
    async fn silent() -> (TcpListener, InstanceAddress) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, InstanceAddress::Tcp("127.0.0.1".to_owned(), port))
    }

    async fn accept(listener: &TcpListener) -> TcpStream {
        listener.accept().await.unwrap().0
    }

    /// Whether the other side has not given it up; a client says nothing before the server does.
    fn is_open(connection: &TcpStream) -> bool {
        matches!(connection.try_read(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    #[tokio::test]
    async fn a_source_and_its_replica_that_are_both_cut_off_are_waited_for_together() {
        let ((source, of_source), (replica, of_replica)) = (silent().await, silent().await);
        let mut state = sample::state();
        state.instances[0].address = of_source;
        let primary = state.instances[0].clone();
        state.instances.push(Instance {
            name: "hz-main-2".to_owned(),
            role: Role::Replica,
            address: of_replica,
            ..primary
        });
        let account = account();
        let lost = Lost::new(&state, GroupId(0), UnitId(0), &account);
        let asked = async {
            let (at_source, at_replica) = (accept(&source).await, accept(&replica).await);
            assert!(is_open(&at_source), "the replica is asked before the source was given up");
            (at_source, at_replica)
        };
        let (told, _kept) = tokio::join!(lost.ask_unit(&account, Duration::from_secs(2)), asked);
        assert_eq!(told, (false, BTreeSet::from([InstanceId(2)])));
    }
}
