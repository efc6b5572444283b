//! The leases of primaries, with `fence = "row+lease"`: renewed by the nodes of their units, in the order that makes them proof
//! ([`crate::model::fence_lease`]): first the primary's clock, then the store, then the renewal.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval};

use super::server::{ControlAccount, Server, ServerError};
use crate::control::{Controller, Nodes, RowFences, StoreError};
use crate::model::fence_lease::{LASTS, RENEWAL, may_be_renewed};
use crate::model::{ControlState, GroupId, Life, UnitId};
use crate::shutdown::Shutdown;

/// What the procedure answers to a renewal that comes too late.
pub const LATE: u16 = 45104;

/// What renews leases.
pub struct FenceLeases {
    fences: Arc<RowFences>,
    account: ControlAccount,
    controller: Arc<Controller>,
    /// Those that share the store, where it is shared.
    nodes: Option<Arc<Nodes>>,
    /// Where this node has listeners.
    home: BTreeSet<UnitId>,
}

/// Why a lease was not renewed.
#[derive(Debug, thiserror::Error)]
enum NotRenewed {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FenceLeases {
    /// Of the groups with `fences`, for a node with listeners in `home`; `account` renews them.
    pub fn new(
        fences: Arc<RowFences>,
        account: ControlAccount,
        controller: Arc<Controller>,
        nodes: Option<Arc<Nodes>>,
        home: BTreeSet<UnitId>,
    ) -> Arc<FenceLeases> {
        Arc::new(FenceLeases { fences, account, controller, nodes, home })
    }

    /// Every primary that has a lease. Each is to be kept by itself, so that one that does not answer keeps no other waiting.
    pub fn places(&self) -> Vec<(GroupId, UnitId)> {
        let units = self.controller.snapshots().load().state.units.len();
        let groups = self.fences.groups().filter(|group| self.fences.leases(*group));
        groups.flat_map(|group| (0..units).map(move |unit| (group, UnitId(unit as u16)))).collect()
    }

    /// Renews the lease of one of them, again and again, until shutdown.
    pub async fn keep(self: Arc<Self>, (group, unit): (GroupId, UnitId), mut stopped: Shutdown) {
        let mut rounds = interval(RENEWAL);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut server, mut failing) = (None, false);
        loop {
            tokio::select! {
                () = stopped.told() => return,
                _ = rounds.tick() => {}
            }
            if !self.is_ours(unit) {
                server = None;
                continue;
            }
            let renewed = tokio::select! {
                () = stopped.told() => return,
                renewed = self.renew(group, unit, server.take()) => renewed,
            };
            match renewed {
                Ok(kept) => (server, failing) = (kept, false),
                Err(error) if !std::mem::replace(&mut failing, true) => {
                    let unit = self.controller.snapshots().load().state.unit(unit).name.clone();
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        unit,
                        error,
                        "the lease of its primary is not renewed; without one nothing commits there"
                    );
                }
                Err(_) => {}
            }
        }
    }

    /// One renewal, on the connection of the last one if there is one. The connection, for the next.
    async fn renew(&self, group: GroupId, unit: UnitId, server: Option<Server>) -> Result<Option<Server>, NotRenewed> {
        let state = Arc::clone(&self.controller.snapshots().load().state);
        let Some(primary) = state.primary_of(unit, group) else { return Ok(None) };
        let mut server = match server {
            Some(server) => server,
            None => Server::connect(state.instance(primary), &self.account).await?,
        };
        // In this order, see the module: what is read from the store has to be newer than the clock's moment.
        let asked = server.clock().await?;
        let stored = self.controller.stored().await?;
        // A store that knows less than this node was set back, and nothing it says counts.
        let is_newest = |stored: &ControlState| stored.epoch >= state.epoch;
        if !stored.is_some_and(|stored| is_newest(&stored) && may_be_renewed(&stored, group, unit)) {
            return Ok(Some(server));
        }
        let (name, lasts) = (&state.group(group).name, LASTS.as_millis());
        match server.call(&format!("meridian.renew_lease('{name}', '{asked}', {lasts})")).await {
            Ok(_) => Ok(Some(server)),
            Err(error) if error.code() == Some(LATE) => {
                tracing::warn!(unit = state.unit(unit).name, asked, "a renewal of the lease came too late");
                Ok(Some(server))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether this node renews the lease of `unit`'s primary: it is at home there, or nobody living is.
    fn is_ours(&self, unit: UnitId) -> bool {
        let Some(nodes) = &self.nodes else { return true };
        if self.home.contains(&unit) {
            return true;
        }
        let pictures = nodes.pictures();
        let picture = pictures.borrow();
        let Some(name) = picture.state.as_ref().map(|state| &state.unit(unit).name) else { return false };
        let mut living = picture.members.iter().filter(|member| member.life == Life::Live);
        !living.any(|member| member.about.units.contains(name))
    }
}
