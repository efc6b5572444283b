//! What everything runs on: two units of databases that replicate from each other, four nodes, and an etcd of three members, in one directory.

use std::path::Path;

use meridian::demo::layout::{Accounts, Layout, NodeSettings, UnitLayout};
use meridian::demo::nodes::Nodes;
use meridian::demo::ports::free_port;
use meridian::demo::process::find;
use meridian::demo::state_file::{Files, NodeEntry, State};
use meridian::demo::world::World;
use meridian::model::Role;
use rustix::process::Signal;

/// It runs until it is ended.
pub struct Place {
    pub state: State,
    pub world: World,
    pub nodes: Nodes,
}

impl Place {
    /// Starts everything, telling `progress` what is done. Errors: the first thing that went wrong.
    pub async fn start(directory: &Path, nodes: NodeSettings, progress: impl Fn(&str)) -> Result<Place, String> {
        let unit = |name, number| UnitLayout {
            name,
            number,
            mysql_port: free_port().unwrap(),
            console_port: free_port().unwrap(),
        };
        let accounts = Accounts { app_user: "app".into(), app_password: "apppw".into(), schema: "shop".into() };
        let layout = Layout { units: vec![unit("hz", 1), unit("bj", 2)], accounts, servers: Default::default(), nodes };
        let mut state = State::new(&layout, Files::Remove);
        let world = World::start(&layout, directory, &mut state, &progress).await.map_err(told)?;
        let program = Path::new(env!("CARGO_BIN_EXE_meridian"));
        let version = world.version().to_owned();
        let nodes = Nodes::start(program, &layout, &mut state, &version, directory, &progress);
        let nodes = nodes.await.map_err(told)?;
        Ok(Place { state, world, nodes })
    }

    /// Ends everything. Errors: something does not even die.
    pub async fn end(self) -> Result<(), String> {
        self.nodes.stop().await.map_err(told)?;
        self.world.stop().await.map_err(told)
    }

    /// What writers wrote, as a unit's primary has it.
    pub async fn written_at(&self, unit: &str) -> Vec<String> {
        let query = format!(
            "SELECT name FROM (SELECT name FROM {schema}.product UNION ALL SELECT item FROM {schema}.orders) \
             AS written WHERE name LIKE 'switches %'",
            schema = self.state.schema
        );
        let mut root = self.world.instance(unit, Role::Primary).unwrap().root().connect().await.unwrap();
        mysql_async::prelude::Queryable::query(&mut root, query).await.unwrap()
    }
}

/// Sends a node's process a signal.
pub fn signal(node: &NodeEntry, signal: Signal) {
    rustix::process::kill_process(find("meridian", &node.argument()).unwrap(), signal).unwrap();
}

fn told(error: meridian::demo::DemoError) -> String {
    error.to_string()
}
