//! The rows of the fence and the leases, as each primary has them now: what operators see of them.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::fence_rows::FenceRows;
use super::server::{Server, ServerError};
use crate::model::fence_row::{SCHEMA, ZONE};
use crate::model::{ControlState, GroupId, Instance, Role};

/// Rows of one primary that stand next to each other and are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceStretch {
    /// The instance.
    pub instance: String,
    /// The group, by name.
    pub group: String,
    /// Which scopes, in words; empty when the primary has no rows, or they are not known.
    pub what: String,
    /// The scope epoch they are for.
    pub epoch: Option<u64>,
    /// `open`, `closed`, or why that is not known.
    pub state: String,
    /// Until when transactions may commit there, by the primary's clock (UTC), and whether that is over; empty without leases.
    pub lease: String,
}

/// A row: its scope epoch, and whether it is open.
type Row = (u64, bool);

impl FenceRows {
    /// The rows of all primaries of the groups that have them.
    pub async fn shown(&self, state: &ControlState) -> Vec<FenceStretch> {
        let with_rows = |instance: &&Instance| instance.role == Role::Primary && self.covers(instance.group);
        let asked = state.instances.iter().filter(with_rows).map(|instance| async move {
            let group = state.group(instance.group).name.clone();
            let stretch = |what: String, epoch, state: String, lease: &str| FenceStretch {
                instance: instance.name.clone(),
                group: group.clone(),
                what,
                epoch,
                state,
                lease: lease.to_owned(),
            };
            match self.ask(instance, &group).await {
                Err(error) => vec![stretch(String::new(), None, format!("not known: {error}"), "")],
                Ok((rows, lease)) if rows.is_empty() => {
                    vec![stretch(String::new(), None, "closed: it has no rows".to_owned(), &lease)]
                }
                Ok((rows, lease)) => {
                    let told = |(first, last, (epoch, open)): (u32, u32, Row)| {
                        let word = if open { "open" } else { "closed" };
                        stretch(words(first, last), Some(epoch), word.to_owned(), &lease)
                    };
                    stretches(&rows).into_iter().map(told).collect()
                }
            }
        });
        join_all(asked).await.concat()
    }

    async fn ask(&self, instance: &Instance, group: &str) -> Result<(BTreeMap<u32, Row>, String), ServerError> {
        let mut server = self.connect(instance).await?;
        let asked = format!("SELECT scope, CONCAT(epoch, ' ', is_open) FROM meridian.fence WHERE grp = '{group}'");
        let read = |(scope, row): &(String, String)| {
            let (epoch, open) = row.split_once(' ')?;
            Some((scope.parse().ok()?, (epoch.parse().ok()?, open == "1")))
        };
        let rows = server.pairs(&asked).await?.iter().filter_map(read).collect();
        Ok((rows, self.lease(&mut server, instance.group, group).await?))
    }

    async fn lease(&self, server: &mut Server, id: GroupId, group: &str) -> Result<String, ServerError> {
        if !self.leases(id) {
            return Ok(String::new());
        }
        // As UTC from here on.
        server.clock().await?;
        let asked = format!(
            "SELECT valid_until, IF(valid_until > SYSDATE(6), '', ' (over)') FROM meridian.fence_lease WHERE grp = '{group}'"
        );
        let found = server.pairs(&asked).await?;
        Ok(found.first().map_or_else(|| "none".to_owned(), |(until, over)| format!("{until}{over}")))
    }
}

/// Neighbours that are alike, together. The Global Zone and DDL are nobody's neighbours.
fn stretches(rows: &BTreeMap<u32, Row>) -> Vec<(u32, u32, Row)> {
    let mut stretches: Vec<(u32, u32, Row)> = Vec::new();
    for (scope, row) in rows {
        match stretches.last_mut() {
            Some((_, last, known)) if *scope < ZONE && *last + 1 == *scope && known == row => *last = *scope,
            _ => stretches.push((*scope, *scope, *row)),
        }
    }
    stretches
}

fn words(first: u32, last: u32) -> String {
    match first {
        ZONE => "the Global Zone".to_owned(),
        SCHEMA => "DDL".to_owned(),
        _ => format!("shards {first}-{last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_are_alike_are_told_together() {
        let rows = [(0, (5, true)), (1, (5, true)), (2, (5, false)), (4, (5, false)), (65_535, (1, true))];
        let rows = rows.into_iter().chain([(ZONE, (1, true)), (SCHEMA, (1, true))]).collect();
        let told: Vec<String> = stretches(&rows)
            .into_iter()
            .map(|(first, last, (epoch, open))| format!("{} {epoch} {open}", words(first, last)))
            .collect();
        assert_eq!(
            told,
            [
                "shards 0-1 5 true",
                "shards 2-2 5 false",
                "shards 4-4 5 false",
                "shards 65535-65535 1 true",
                "the Global Zone 1 true",
                "DDL 1 true"
            ]
        );
    }
}
