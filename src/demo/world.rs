//! The databases of the demo: started, connected and filled, step by step.
//!
//! It knows nothing of Meridian: this is the world Meridian is put in front of.

use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::model::Role;

use super::DemoError;
use super::instance::{Instance, InstanceSettings};
use super::layout::{ID_STRIDE, InstanceLayout, LOCAL_TABLE, Layout};
use super::replication::{LOCAL_CHANNEL, channel_from, follow, ignore_tables, wait_until_applied};
use super::root_access::RootAccess;
use super::state_file::{InstanceEntry, State};
use super::template::{Family, Template};
use super::{ports, schema};
use crate::ctl::accounts::{Wish, statements};
use crate::ctl::fence_schema;

/// How many nodes there may be.
const NODES: u8 = 8;

/// How long replication may take to carry the world's few rows.
const CATCH_UP: Duration = Duration::from_secs(60);

/// The running databases. Dropping it kills them.
#[derive(Debug)]
pub struct World {
    layout: Layout,
    version: String,
    family: Family,
    instances: Vec<Instance>,
}

impl World {
    /// Starts all of `layout` in `directory`, telling `progress` what it does; `state` is kept on disk as things start. Errors: the first
    /// thing that went wrong; what had been started is killed.
    pub async fn start(
        layout: &Layout,
        directory: &Path,
        state: &mut State,
        progress: impl Fn(&str),
    ) -> Result<World, DemoError> {
        progress("finding the servers and their template");
        let servers = layout.servers.clone();
        let template = tokio::task::spawn_blocking(move || Template::prepare_for(&servers))
            .await
            .map_err(|error| DemoError::Serve(error.to_string()))??;
        progress(&format!("starting {} servers of {}", layout.instances().len(), template.version()));
        let settings: Vec<InstanceSettings> =
            layout.instances().iter().map(|instance| settings_of(layout, instance)).collect::<Result<_, _>>()?;
        state.instances = entries(layout, directory, &settings);
        state.write(directory)?;
        let instances = start_all(&template, directory, settings).await?;
        let (version, family) = (template.version().to_owned(), template.family());
        let world = World { layout: layout.clone(), version, family, instances };
        world.set_up(progress).await?;
        Ok(world)
    }

    /// The servers' version, for example `10.11.19-MariaDB`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The instances with their layout, in the layout's order.
    pub fn instances(&self) -> impl Iterator<Item = (InstanceLayout, &Instance)> {
        self.layout.instances().into_iter().zip(&self.instances)
    }

    /// The instance of `role` in `unit`.
    pub fn instance(&self, unit: &str, role: Role) -> Option<&Instance> {
        self.instances().find(|(layout, _)| layout.unit == unit && layout.role == role).map(|(_, instance)| instance)
    }

    /// Waits until every instance has applied what every primary has written. Errors: not within a minute.
    pub async fn wait_until_equal(&self) -> Result<(), DemoError> {
        for (source, from) in self.primaries() {
            for (target, to) in self.primaries().filter(|(target, _)| target.unit != source.unit) {
                wait_until_applied(&from.root(), &to.root(), Some(target.unit_number), CATCH_UP).await?;
            }
        }
        for (replica, to) in self.replicas() {
            let primaries = self.primaries().filter(|(primary, _)| primary.unit == replica.unit);
            for (_, from) in primaries {
                wait_until_applied(&from.root(), &to.root(), None, CATCH_UP).await?;
            }
        }
        Ok(())
    }

    /// Ends all servers, gently at first. Errors: the first that does not even die.
    pub async fn stop(self) -> Result<(), DemoError> {
        let mut stopping = JoinSet::new();
        for instance in self.instances {
            stopping.spawn(instance.stop());
        }
        stopping.join_all().await.into_iter().collect()
    }

    async fn set_up(&self, progress: impl Fn(&str)) -> Result<(), DemoError> {
        let (accounts, schema) = (&self.layout.accounts, self.layout.accounts.schema.as_str());
        for (_, instance) in self.instances() {
            instance.root().run(&schema::accounts_of(accounts, self.family)).await?;
        }
        for (_, primary) in self.primaries() {
            prepare_nodes(&primary.root(), &accounts.app_user).await?;
        }
        progress("starting replication: each replica from its primary, the primaries from each other");
        for (target, to) in self.primaries() {
            for (source, from) in self.primaries().filter(|(source, _)| source.unit != target.unit) {
                let channel = channel_from(source.unit);
                follow(&to.root(), &channel, from.port()).await?;
                if self.family == Family::Mysql {
                    ignore_tables(&to.root(), &channel, &to.settings().ignored).await?;
                }
            }
        }
        for (replica, to) in self.replicas() {
            let primaries = self.primaries().filter(|(primary, _)| primary.unit == replica.unit);
            for (_, from) in primaries {
                follow(&to.root(), LOCAL_CHANNEL, from.port()).await?;
            }
        }
        progress(&format!("making schema {schema} at the center, its rows where they belong"));
        let mut primaries = self.primaries();
        if let Some((_, center)) = primaries.next() {
            center.root().run(&schema::shared_tables(schema)).await?;
            self.wait_until_equal().await?;
            center.root().run(&schema::center_rows(schema)).await?;
        }
        if let Some((_, unit)) = primaries.next() {
            unit.root().run(&schema::unit_rows(schema)).await?;
        }
        for (layout, primary) in self.primaries() {
            primary.root().run(&schema::local_tables(schema)).await?;
            primary.root().run(&schema::local_rows(schema, layout.unit)).await?;
        }
        progress("waiting until every server has every row");
        self.wait_until_equal().await
    }

    fn primaries(&self) -> impl Iterator<Item = (InstanceLayout, &Instance)> {
        self.instances().filter(|(layout, _)| layout.role == Role::Primary)
    }

    fn replicas(&self) -> impl Iterator<Item = (InstanceLayout, &Instance)> {
        self.instances().filter(|(layout, _)| layout.role == Role::Replica)
    }
}

/// The nodes' own accounts and the rows of the fence, as `meridian ctl accounts --apply` and `fence-schema --apply` make them.
async fn prepare_nodes(root: &RootAccess, application: &str) -> Result<(), DemoError> {
    let (applications, caller) = (vec![application.to_owned()], schema::MONITOR_USER.to_owned());
    let mut conn = root.connect().await?;
    let fence = fence_schema::Wish { applications: applications.clone(), caller: caller.clone() };
    let found = fence_schema::statements(&mut conn, &fence).await;
    root.run(&found.map_err(DemoError::sql("preparing the rows of the fence", root.name()))?).await?;
    let found = statements(&mut conn, &Wish { applications, nodes: (1..=NODES).collect(), caller }).await;
    root.run(&found.map_err(DemoError::sql("preparing the nodes' accounts", root.name()))?).await
}

async fn start_all(
    template: &Template,
    directory: &Path,
    settings: Vec<InstanceSettings>,
) -> Result<Vec<Instance>, DemoError> {
    let mut starting = JoinSet::new();
    for (index, settings) in settings.into_iter().enumerate() {
        let (template, directory) = (template.clone(), directory.to_path_buf());
        starting.spawn(async move { (index, Instance::start(&template, &directory, settings).await) });
    }
    let mut started = Vec::new();
    while let Some(joined) = starting.join_next().await {
        let (index, outcome) = joined.map_err(|error| DemoError::Serve(error.to_string()))?;
        started.push((index, outcome?));
    }
    started.sort_by_key(|(index, _)| *index);
    Ok(started.into_iter().map(|(_, instance)| instance).collect())
}

fn settings_of(layout: &Layout, instance: &InstanceLayout) -> Result<InstanceSettings, DemoError> {
    let local = format!("{}.{LOCAL_TABLE}", layout.accounts.schema);
    let ignored = match instance.role {
        Role::Replica => Vec::new(),
        Role::Primary => {
            let others = layout.units.iter().filter(|unit| unit.name != instance.unit);
            others.map(|unit| (channel_from(unit.name), local.clone())).collect()
        }
    };
    Ok(InstanceSettings {
        name: instance.name.clone(),
        role: instance.role,
        server_id: instance.server_id,
        domain: instance.unit_number,
        id_stride: ID_STRIDE,
        port: ports::free_port()?,
        ignored,
        options: Vec::new(),
    })
}

fn entries(layout: &Layout, directory: &Path, settings: &[InstanceSettings]) -> Vec<InstanceEntry> {
    let entry = |(instance, settings): (InstanceLayout, &InstanceSettings)| InstanceEntry {
        unit: instance.unit.to_owned(),
        role: role_name(instance.role).to_owned(),
        domain: settings.domain,
        port: settings.port,
        directory: directory.join(&instance.name),
        name: instance.name,
    };
    layout.instances().into_iter().zip(settings).map(entry).collect()
}

/// The word for a role.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Replica => "replica",
    }
}
