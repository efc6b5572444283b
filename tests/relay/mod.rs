//! A relay between two places that are far from each other: what goes through it takes its time, in both directions. The kernel of a test machine
//! may know no delay of its own.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Listens at port `here` of the loopback address, at a free one where that is 0, and leads to port `there` of it. Each byte is under way for
/// `one_way`, and none overtakes another. It ends with the runtime. Returns the port.
pub async fn relay(here: u16, there: u16, one_way: Duration) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", here)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(far) = TcpStream::connect(("127.0.0.1", there)).await else { return };
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                tokio::join!(carry(from_near, to_far, one_way), carry(from_far, to_near, one_way));
            });
        }
    });
    port
}

/// Carries what comes, each part of it when it has been under way for long enough.
async fn carry(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, one_way: Duration) {
    let (sent, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let reading = async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            if sent.send((Instant::now() + one_way, buffer[..count].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((due, bytes)) = under_way.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // The end takes its time, too; what it says when nobody listens any more does not matter.
        drop(to.shutdown().await);
    };
    tokio::join!(reading, writing);
}
