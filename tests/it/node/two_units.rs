//! The world of the demo, `hz` (the center) and `bj` with the schema `shop`, and a node with a listener in each unit.

use meridian::demo::instance::Instance;
use meridian::demo::layout::{Accounts, LOCAL_TABLE, Layout, UnitLayout};
use meridian::demo::state_file::{Files, State};
use meridian::demo::world::World;
use meridian::model::Role;

use super::plan::{NodePlan, PASSWORD, USER, UnitPlan};
use super::running::Node;
use crate::servers::Place;

/// The world and its node.
#[derive(Debug)]
pub struct TwoUnits {
    /// The node; it ends before the servers do.
    pub node: Node,
    pub world: World,
    _place: Place,
}

impl TwoUnits {
    /// The world over MariaDB; `adapt` may change the node's plan.
    pub async fn start(adapt: impl FnOnce(&mut NodePlan)) -> TwoUnits {
        let place = Place::new();
        let unit = |name, number| UnitLayout { name, number, mysql_port: 0, console_port: 0 };
        let accounts = Accounts { app_user: USER.into(), app_password: PASSWORD.into(), schema: "shop".into() };
        let layout = Layout {
            units: vec![unit("hz", 1), unit("bj", 2)],
            accounts,
            servers: Default::default(),
            nodes: Default::default(),
        };
        let mut state = State::new(&layout, Files::Remove);
        let world = World::start(&layout, place.path(), &mut state, |_| {}).await.unwrap();
        let port = |unit, role| world.instance(unit, role).unwrap().port();
        let unit =
            |name| UnitPlan { name, primary: port(name, Role::Primary), replicas: vec![port(name, Role::Replica)] };
        let mut plan = NodePlan::new("mariadb", world.version(), vec![unit("hz"), unit("bj")], group());
        adapt(&mut plan);
        TwoUnits { node: Node::start(&plan).await, world, _place: place }
    }

    /// The instance of `role` in `unit`.
    pub fn instance(&self, unit: &str, role: Role) -> &Instance {
        self.world.instance(unit, role).unwrap()
    }
}

fn group() -> String {
    let mut text =
        "schemas = [\"shop\"]\nshards = 10000\nglobal_master = \"hz\"\n\n[[group.key_type]]\nname = \"user\"\n\
                    transform = \"mod\"\nmodulus = 10000\n\n[[group.owner]]\nshards = \"0-4999\"\nunit = \"hz\"\n\n\
                    [[group.owner]]\nshards = \"5000-9999\"\nunit = \"bj\"\n\n[[group.table]]\nname = \"orders\"\n\
                    class = \"sharded\"\nkey = \"user_id\"\n"
            .to_owned();
    for (table, class) in [("product", "global"), ("account", "global"), (LOCAL_TABLE, "local")] {
        text.push_str(&format!("\n[[group.table]]\nname = \"{table}\"\nclass = \"{class}\"\n"));
    }
    text
}
