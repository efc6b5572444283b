//! One signal that ends everything that lives long.

use tokio::sync::watch;

/// The sending end: dropped or told, it ends all.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// The receiving end.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Both ends.
pub fn channel() -> (Stop, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Shutdown(receiver))
}

impl Stop {
    /// Tells everyone to end.
    pub fn tell(&self) {
        self.0.send_replace(true);
    }

    /// Resolves when all who were to listen are gone.
    pub async fn heeded(&self) {
        self.0.closed().await;
    }
}

impl Shutdown {
    /// Resolves when the process has to end. Cancelling it loses nothing.
    pub async fn told(&mut self) {
        // An error means that the sender is gone, which is the end as well.
        let _ = self.0.wait_for(|down| *down).await.map(|_| ());
    }
}
