//! The databases of the demo replicate as the design says, before any Meridian stands in front of them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use meridian::demo::instance::Instance;
use meridian::demo::layout::{Accounts, Layout, UnitLayout};
use meridian::demo::state_file::{Files, State};
use meridian::demo::world::World;
use meridian::demo::{down, process};
use meridian::model::Role;
use mysql_async::prelude::Queryable;

fn layout() -> Layout {
    let unit = |name, number| UnitLayout { name, number, mysql_port: 0, console_port: 0 };
    Layout {
        units: vec![unit("hz", 1), unit("bj", 2)],
        accounts: Accounts { app_user: "app".into(), app_password: "app'pw".into(), schema: "shop".into() },
        servers: Default::default(),
        nodes: Default::default(),
    }
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    directory
}

async fn start(directory: &Path) -> World {
    let layout = layout();
    World::start(&layout, directory, &mut State::new(&layout, Files::Remove), |_| {}).await.unwrap()
}

async fn column(instance: &Instance, query: &str) -> Vec<String> {
    instance.root().connect().await.unwrap().query(query).await.unwrap()
}

async fn as_app(instance: &Instance, statement: &str) -> Result<(), mysql_async::Error> {
    let options = mysql_async::OptsBuilder::default();
    let options = options.ip_or_hostname("127.0.0.1").tcp_port(instance.port()).prefer_socket(Some(false));
    let options = options.user(Some("app")).pass(Some("app'pw")).db_name(Some("shop"));
    mysql_async::Conn::new(options).await?.query_drop(statement).await
}

#[tokio::test]
async fn shared_tables_converge_everywhere_and_local_tables_stay_in_their_unit() {
    let directory = directory();
    let world = start(directory.path()).await;
    let orders = "SELECT CONCAT_WS('/', id, user_id, item) FROM shop.orders ORDER BY id";
    let hz = world.instance("hz", Role::Primary).unwrap();
    let expected = column(hz, orders).await;
    assert_eq!(expected.len(), 10);
    for (layout, instance) in world.instances() {
        assert_eq!(column(instance, orders).await, expected, "{}", layout.name);
        let message = format!("unit {} set up", layout.unit);
        assert_eq!(column(instance, "SELECT message FROM shop.audit_log").await, [message], "{}", layout.name);
    }
    world.stop().await.unwrap();
    assert_eq!(process::servers_below(directory.path()), []);
}

#[tokio::test]
async fn ids_of_the_units_never_collide_and_replicas_refuse_the_application() {
    let directory = directory();
    let world = start(directory.path()).await;
    let insert = "INSERT INTO orders (user_id, item) VALUES (50, 'new')";
    for unit in ["hz", "bj"] {
        as_app(world.instance(unit, Role::Primary).unwrap(), insert).await.unwrap();
        let refused = as_app(world.instance(unit, Role::Replica).unwrap(), insert).await;
        assert!(matches!(refused, Err(mysql_async::Error::Server(error)) if error.code == 1290), "{unit}");
    }
    world.wait_until_equal().await.unwrap();
    let ids = "SELECT CONCAT_WS('/', MOD(id, 4), COUNT(*)) FROM shop.orders GROUP BY MOD(id, 4) ORDER BY 1";
    for (layout, instance) in world.instances() {
        assert_eq!(column(instance, ids).await, ["1/6", "2/6"], "{}", layout.name);
    }
}

#[tokio::test]
async fn servers_of_a_demo_that_crashed_are_found_and_ended() {
    let directory = directory();
    let base = directory.path().canonicalize().unwrap();
    let world = start(&base).await;
    let state = State::read(&base).unwrap();
    assert_eq!(state.instances.len(), 4);
    assert_eq!(down::down(&base).await.unwrap(), down::Down::Tidied);
    assert_eq!(process::servers_below(&base), []);
    assert!(!base.exists());
    assert_eq!(down::down(&base).await.unwrap(), down::Down::Nothing);
    drop(world);
}
