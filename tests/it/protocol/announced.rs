//! Instances that are told which client a connection serves (`proxy_protocol`).

use mysql_async::{Conn, Error};

use super::encryption::{balancer, user};
use crate::node::{Kind, NodePlan, OneUnit, app_options};
use crate::scenarios::expect::value;

/// A unit whose node listens to balancers, tells its servers of clients, and has one connection to each at a time; its servers listen to it.
async fn announcing(version: &str) -> Option<OneUnit> {
    let adapt = |plan: &mut NodePlan| {
        plan.instance.push_str(&format!("proxy_protocol = \"{version}\"\n"));
        plan.listener.push_str("proxy_protocol_from = [\"127.0.0.0/8\"]\n");
        plan.backend.push_str("connections_per_instance = 1\n");
        plan.users.push_str(&user("only", ""));
    };
    let unit = OneUnit::start(Kind::MariaDb, adapt).await?;
    for server in [unit.root(), unit.replica_root()] {
        server.run(&["SET GLOBAL proxy_protocol_networks = '127.0.0.0/8'".to_owned()]).await.unwrap();
    }
    Some(unit)
}

/// A client of `user` that a balancer passes on to the node as one from `address`.
///
/// Errors: the driver asks for variables when it connects, and the server may not let the node in on the client's behalf.
async fn client_from(unit: &OneUnit, user: &str, address: &str) -> Result<Conn, Error> {
    let (kind, server) = if address.contains(':') { ("TCP6", "2001:db8::1") } else { ("TCP4", "198.51.100.1") };
    let port = balancer(unit.port(), format!("PROXY {kind} {address} {server} 56324 4406\r\n")).await;
    Conn::new(app_options(port, None).user(Some(user)).pass(Some(format!("{user}pw")))).await
}

/// The thread a client's statements run in, and whose it is by the server's own list.
async fn thread_and_host(unit: &OneUnit, client: &mut Conn) -> (String, String) {
    let thread = value(client, "SELECT CONNECTION_ID() + 0").await;
    let asked = format!("SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = {thread}");
    let host = unit.root().value(&asked).await.unwrap().unwrap();
    (thread, host)
}

#[tokio::test]
async fn a_server_takes_a_connection_for_the_one_of_the_client_it_serves() {
    for version in ["v1", "v2"] {
        let Some(unit) = announcing(version).await else { return };
        for address in ["192.0.2.7", "2001:db8::7"] {
            let accounts = [
                format!("CREATE USER only@'{address}' IDENTIFIED BY 'onlypw'"),
                format!("GRANT ALL ON plain.* TO only@'{address}'"),
            ];
            unit.root().run(&accounts).await.unwrap();
            let mut client = client_from(&unit, "only", address).await.unwrap();
            assert_eq!(value(&mut client, "SELECT CURRENT_USER()").await, format!("only@{address}"), "{version}");
            assert_eq!(thread_and_host(&unit, &mut client).await.1, address, "{version}");
        }
        // Connections of the account are at hand, but not for a client from elsewhere, whom the server does not let in.
        let other = client_from(&unit, "only", "192.0.2.8").await;
        let Err(Error::Server(refused)) = other else { panic!("it was let in") };
        assert!(refused.code == 1105 && refused.message.contains("its error 1045"), "{refused}");
    }
}

#[tokio::test]
async fn clients_of_one_address_share_a_connection_and_others_have_their_own() {
    let Some(unit) = announcing("v1").await else { return };
    let mut first = client_from(&unit, "app", "192.0.2.7").await.unwrap();
    let mut second = client_from(&unit, "app", "192.0.2.7").await.unwrap();
    let mut third = client_from(&unit, "app", "192.0.2.8").await.unwrap();
    let (thread, host) = thread_and_host(&unit, &mut first).await;
    assert_eq!(thread_and_host(&unit, &mut second).await, (thread.clone(), host.clone()));
    assert_eq!(host, "192.0.2.7");
    // The one connection there may be is closed for another client's.
    let (third_thread, third_host) = thread_and_host(&unit, &mut third).await;
    assert!(third_thread != thread && third_host == "192.0.2.8", "{third_thread} {third_host}");
    let (again, host) = thread_and_host(&unit, &mut first).await;
    assert!(again != third_thread && again != thread && host == "192.0.2.7", "{again} {host}");
}

#[tokio::test]
async fn a_server_that_listens_to_no_proxy_refuses_and_one_that_is_told_nothing_sees_the_node() {
    let Some(unit) = announcing("v2").await else { return };
    let silent = unit.another_node(|plan| plan.instance.clear()).await;
    let port = balancer(silent.port("hz"), "PROXY TCP4 192.0.2.7 198.51.100.1 56324 4406\r\n").await;
    let mut client = Conn::new(app_options(port, None)).await.unwrap();
    let (_, host) = thread_and_host(&unit, &mut client).await;
    assert!(host.starts_with("127.0.0.1:"), "{host}");

    for server in [unit.root(), unit.replica_root()] {
        server.run(&["SET GLOBAL proxy_protocol_networks = ''".to_owned()]).await.unwrap();
    }
    let told = client_from(&unit, "app", "192.0.2.7").await;
    let Err(Error::Server(refused)) = told else { panic!("it was let in") };
    assert!(refused.code == 1105 && refused.message.starts_with("meridian: the database"), "{refused}");
    assert_eq!(value(&mut client, "SELECT 1").await, "1");
}
