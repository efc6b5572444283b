//! Ways to servers that can be cut, and that may be long.

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::relay::relay;

/// Ways, as pairs of the ports they begin and end at.
pub struct Ways {
    ways: Vec<(u16, u16)>,
    /// How long everything is under way, in each direction.
    one_way: Duration,
    /// They end with it.
    runtime: Option<Runtime>,
}

impl Ways {
    /// Ways to these ports.
    pub async fn to(ports: &[u16], one_way: Duration) -> Ways {
        let mut ways = Ways { ways: ports.iter().map(|port| (0, *port)).collect(), one_way, runtime: None };
        ways.heal().await;
        ways
    }

    /// Where the way to `port` begins.
    pub fn begin_of(&self, port: u16) -> u16 {
        self.ways.iter().find(|(_, end)| *end == port).unwrap().0
    }

    /// Breaks every connection, and lets none through.
    pub fn cut(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// Lets connections through again.
    pub async fn heal(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        for (begin, end) in &mut self.ways {
            *begin = runtime.spawn(relay(*begin, *end, self.one_way)).await.unwrap();
        }
        self.runtime = Some(runtime);
    }
}

impl Drop for Ways {
    fn drop(&mut self) {
        // A runtime must not wait for its end within another.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}
