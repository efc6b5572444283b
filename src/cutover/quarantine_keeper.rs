//! Keeps what was left behind by force out of everything: it takes no writes, and while it has anything that nobody else has, nobody receives
//! from it and it follows nobody. And looks what it had that nobody else has.

use super::loss;
use super::run::Mover;
use super::server::{Family, Server, ServerError};
use super::survivors::{Lost, stop};
use crate::control::{Author, ChangeError, Command};
use crate::model::{ControlState, Instance, Quarantine, Role};

impl Mover {
    /// Once around all quarantines.
    pub(super) async fn keep_quarantines(&self) {
        let state = self.state();
        for quarantine in &state.quarantines {
            // What this node knows may be old: what takes part again by now must be neither closed nor cut off.
            if self.lasts(quarantine).await != Some(true) {
                continue;
            }
            self.tell_acknowledged(&state, quarantine).await;
            if let Err(error) = self.keep(&state, quarantine).await {
                let unit = &state.unit(quarantine.unit).name;
                tracing::debug!(
                    unit,
                    error = &error as &dyn std::error::Error,
                    "a quarantined instance is not reached"
                );
            }
        }
    }

    /// It takes no writes, for as long as the store says that it is in quarantine. Returns whether that is so.
    async fn close(&self, server: &mut Server, quarantine: &Quarantine) -> Result<bool, ServerError> {
        let name = match server.family {
            Family::MariaDb => "read_only",
            Family::MySql => "super_read_only",
        };
        if matches!(server.variable(name).await?.as_deref(), Some("ON" | "1")) {
            return Ok(true);
        }
        server.execute(&format!("SET GLOBAL {name} = 1")).await?;
        if self.lasts(quarantine).await != Some(false) {
            return Ok(true);
        }
        // It was let take part, and opened, between the two.
        server.open_for_writes().await?;
        Ok(false)
    }

    /// Whether the store says so at some moment from now on; `None` where it cannot be asked.
    async fn lasts(&self, quarantine: &Quarantine) -> Option<bool> {
        let stored = self.tools.controller.stored().await.ok()??;
        Some(stored.quarantines.iter().any(|one| one.since == quarantine.since))
    }

    /// What of `position` nobody else has. Until its channels were stopped it may have applied what others have written since: that is not
    /// lost. The stand-in has the cut, and nothing of the source beyond it; what a third unit wrote may come here before it comes there.
    async fn alone(
        &self,
        (state, quarantine): (&ControlState, &Quarantine),
        server: &mut Server,
        position: &str,
    ) -> Result<String, ServerError> {
        let primaries = state.instances.iter().filter(|one| one.group == quarantine.group && one.role == Role::Primary);
        let mut others: Vec<&Instance> = primaries.filter(|one| one.unit != quarantine.unit).collect();
        others.sort_by_key(|one| one.unit != quarantine.stand_in);
        let (mut kept, mut found) = (Vec::new(), position.to_owned());
        for other in others {
            kept.push(Server::connect(other, &self.tools.administrator).await?.position().await?);
            found = match server.family {
                Family::MariaDb => loss::beyond(position, &kept.join(",")),
                Family::MySql => server.subtracted(position, &kept.join(",")).await?,
            };
            // Mostly nobody but the stand-in has to be asked.
            if found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    async fn keep(&self, state: &ControlState, quarantine: &Quarantine) -> Result<(), ServerError> {
        let account = &self.tools.administrator;
        let lost = Lost::new(state, quarantine.group, quarantine.unit, account);
        let Some(source) = lost.source() else { return Ok(()) };
        let mut server = match Server::connect(source, account).await {
            Ok(server) => server,
            Err(error) => {
                // It took a while to find out, in which it may have come back and taken part again.
                if self.lasts(quarantine).await == Some(true) {
                    remove_channels(&lost).await;
                }
                return Err(error);
            }
        };
        // First, because one that is read-only may take this from nobody either. What is not done now is done before it is opened.
        let place = (quarantine.group, quarantine.unit);
        if let Err(error) = self.tools.rows.close_left_behind(state, place, quarantine.since).await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(instance = source.name, error, "the rows of the fence are not closed there yet");
        }
        if !self.close(&mut server, quarantine).await? {
            return Ok(());
        }
        let position = server.position().await?;
        let found = self.alone((state, quarantine), &mut server, &position).await?;
        // One that has nothing of its own may follow and be followed: so it is put right.
        if !found.is_empty() && self.lasts(quarantine).await == Some(true) {
            remove_channels(&lost).await;
            stop_channels(&mut server).await?;
        }
        let found = if found.is_empty() { "nothing".to_owned() } else { found };
        if quarantine.loss.as_ref() == Some(&found) {
            return Ok(());
        }
        tracing::warn!(instance = source.name, lost = found, "a source that was left behind is back, in quarantine");
        let record = Command::RecordLoss { group: quarantine.group, unit: quarantine.unit, loss: found };
        let author = Author { by: "meridian".to_owned(), at: quarantine.at };
        match self.tools.controller.change(&record, &author, None).await {
            Ok(_) | Err(ChangeError::Apply(_)) => {}
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the loss could not be recorded"),
        }
        Ok(())
    }
}

/// What cannot be done at one place must not keep the others from being done.
async fn remove_channels(lost: &Lost<'_>) {
    if let Err(error) = lost.remove_channels().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "a channel from a lost source is not removed yet");
    }
}

/// It follows nobody.
async fn stop_channels(server: &mut Server) -> Result<(), ServerError> {
    let runs = |channel: &super::server::Channel| {
        ["Slave_IO_Running", "Slave_SQL_Running", "Replica_IO_Running", "Replica_SQL_Running"]
            .iter()
            .any(|thread| channel.get(*thread).is_some_and(|state| state != "No"))
    };
    for channel in server.channels().await?.iter().filter(|channel| runs(channel)) {
        let name = super::server::value(channel, &["Connection_name", "Channel_Name"]);
        server.execute(&stop(server.family, name)).await?;
    }
    Ok(())
}
