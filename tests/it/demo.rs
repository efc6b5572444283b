//! The demo command, with a Meridian that does nothing or the wrong thing: what it leaves behind, and what the tour sees.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;
use meridian::demo::layout::{Accounts, Layout, UnitLayout};
use meridian::demo::meridian_config::{CONSOLE_PASSWORD, CONSOLE_USER};
use meridian::demo::state_file::{Files, State};
use meridian::demo::tour::{self, Verdict};
use meridian::demo::world::World;
use meridian::demo::{DemoArgs, DemoError, Stop, ports, process};
use meridian::model::Role;
use tokio::net::{TcpListener, TcpStream};

use super::servers::Place;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    demo: DemoArgs,
}

fn arguments(words: &[&str], directory: &Path) -> DemoArgs {
    let words = ["demo"].iter().chain(words).map(OsString::from);
    Line::parse_from(words.chain(["--directory".into(), directory.into()])).demo
}

fn on_free_ports(directory: &Path) -> DemoArgs {
    let flags = ["--hz-port", "--bj-port", "--hz-console-port", "--bj-console-port"];
    let words = flags.map(|flag| format!("{flag}={}", ports::free_port().unwrap()));
    arguments(&words.each_ref().map(String::as_str), directory)
}

async fn ends_at_once(config: PathBuf, _stop: Stop) -> Result<(), String> {
    let text = std::fs::read_to_string(config).unwrap();
    assert!(text.contains("role = \"replica\""), "{text}");
    Err("it does not want to".to_owned())
}

#[tokio::test]
async fn a_meridian_that_ends_takes_the_whole_demo_with_it() {
    let place = Place::new();
    let directory = place.path().join("demo");
    let ended = meridian::demo::run(on_free_ports(&directory), ends_at_once).await;
    assert!(matches!(ended, Err(DemoError::Serve(reason)) if reason == "it does not want to"));
    assert_eq!(process::servers_below(&directory), []);
    assert!(!directory.exists());
}

#[tokio::test]
async fn a_taken_port_is_told_before_anything_starts() {
    let place = Place::new();
    let directory = place.path().join("demo");
    let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = holder.local_addr().unwrap().port();
    let words = format!("--bj-console-port={port}");
    let ended = meridian::demo::run(arguments(&[&words], &directory), ends_at_once).await;
    assert!(matches!(ended, Err(DemoError::PortTaken { port: told, flag: "--bj-console-port", .. }) if told == port));
    assert!(!directory.exists());
}

#[tokio::test]
async fn without_a_demo_there_is_nothing_to_tour_or_to_end() {
    let place = Place::new();
    let toured = meridian::demo::run(arguments(&["tour"], place.path()), ends_at_once).await;
    assert!(matches!(toured, Err(DemoError::NotRunning(_))));
    meridian::demo::run(arguments(&["down"], place.path()), ends_at_once).await.unwrap();
}

/// Passes every connection straight on to one server: a proxy that does not route.
async fn relay_to(port: u16) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", ports::free_port().unwrap())).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    address.port()
}

#[tokio::test]
async fn the_tour_sees_through_a_proxy_that_does_not_route() {
    let place = Place::new();
    let unit = |name, number| UnitLayout { name, number, mysql_port: 0, console_port: 0 };
    let accounts = Accounts { app_user: "app".into(), app_password: "apppw".into(), schema: "shop".into() };
    let layout = Layout {
        units: vec![unit("hz", 1), unit("bj", 2)],
        accounts,
        servers: Default::default(),
        nodes: Default::default(),
    };
    let mut state = State::new(&layout, Files::Remove);
    let world = World::start(&layout, place.path(), &mut state, |_| {}).await.unwrap();
    for unit in &mut state.units {
        let primary = world.instance(&unit.name, Role::Primary).unwrap();
        let console = format!("CREATE USER {CONSOLE_USER}@'%' IDENTIFIED BY '{CONSOLE_PASSWORD}'");
        primary.root().run(&["SET sql_log_bin = 0".to_owned(), console]).await.unwrap();
        unit.mysql_port = relay_to(primary.port()).await;
        unit.console_port = relay_to(primary.port()).await;
    }
    let lines = tour::lines(&state).await.unwrap();
    // Only what a relay to the unit's own primary does right by chance.
    let right: Vec<&str> =
        lines.iter().filter(|line| line.verdict == Verdict::Right).map(|line| line.title.as_str()).collect();
    assert_eq!(right, ["write a local table; it stays in bj"], "{lines:#?}");
    let actual = |title: &str| lines.iter().find(|line| line.title == title).unwrap().actual.clone();
    assert_eq!(actual("read a global table"), "bj primary");
    assert_eq!(actual("a transaction of user 6000 through hz"), "hz primary (3 statements)");
    assert_eq!(actual("a prepared write, user 50, through bj"), "bj primary");
    assert_eq!(actual("write a local table; it stays in bj"), "bj primary, row in bj");
}
