//! A node that runs until it is dropped.

use std::path::Path;
use std::thread::JoinHandle;

use meridian::config;
use meridian::demo::ports;
use meridian::server::Server;
use mysql_async::{Conn, OptsBuilder};
use tokio::sync::oneshot;

use super::plan::{NodePlan, PASSWORD, USER};
use crate::servers::Place;

/// A running node. Dropping it stops it and waits until it has ended.
#[derive(Debug)]
pub struct Node {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    units: Vec<(&'static str, u16, u16)>,
    place: Place,
}

impl Node {
    /// A node of `plan`, its ports open.
    pub async fn start(plan: &NodePlan) -> Node {
        Node::start_in(Place::new(), plan).await
    }

    /// As [`Node::start`], with the state another node left in `place`.
    pub async fn start_in(place: Place, plan: &NodePlan) -> Node {
        let pair = |_| (ports::free_port().unwrap(), ports::free_port().unwrap());
        let ports: Vec<(u16, u16)> = plan.units.iter().map(pair).collect();
        let file = plan.write(place.path(), &ports);
        let config = config::load(&file).unwrap_or_else(|errors| panic!("{errors}"));
        let (stop, stopped) = oneshot::channel::<()>();
        let (started, ready) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                match Server::start(config).await {
                    Ok(server) => {
                        started.send(Ok(())).unwrap();
                        // An error means that the holder is gone, which is the end as well.
                        server.run_until(async { drop(stopped.await) }).await;
                    }
                    Err(error) => started.send(Err(format!("{error:?}"))).unwrap(),
                }
            });
        });
        ready.await.unwrap().unwrap_or_else(|error| panic!("the node does not start: {error}"));
        let units = plan.units.iter().zip(ports).map(|(unit, (mysql, console))| (unit.name, mysql, console)).collect();
        Node { stop: Some(stop), thread: Some(thread), units, place }
    }

    /// Where clients of `unit` connect.
    pub fn port(&self, unit: &str) -> u16 {
        self.unit(unit).1
    }

    /// Where operators of `unit` connect; the account is `admin` with `adminpw`.
    pub fn console_port(&self, unit: &str) -> u16 {
        self.unit(unit).2
    }

    /// The directory with its configuration and its state file.
    pub fn directory(&self) -> &Path {
        self.place.path()
    }

    /// A connection of the application's user at `unit`. Errors: the driver's.
    pub async fn connect(&self, unit: &str, schema: Option<&str>) -> Result<Conn, mysql_async::Error> {
        Conn::new(app_options(self.port(unit), schema)).await
    }

    fn unit(&self, name: &str) -> &(&'static str, u16, u16) {
        self.units.iter().find(|(unit, ..)| *unit == name).unwrap_or_else(|| panic!("no unit {name}"))
    }
}

/// The application's user at `port` of the loopback address, over TCP.
pub fn app_options(port: u16, schema: Option<&str>) -> OptsBuilder {
    let options = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(port).prefer_socket(Some(false));
    options.user(Some(USER)).pass(Some(PASSWORD)).db_name(schema)
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the node ended by a panic");
        }
    }
}
