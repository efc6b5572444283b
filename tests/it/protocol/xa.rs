//! XA over unmanaged tables: a branch stays on its connection, outlives its session once prepared, and is ended from another.

use std::time::Duration;

use meridian::wire::capability::Capabilities;
use meridian::wire::scanner::ReplyKind;

use super::raw::{Raw, usual};
use crate::node::{Kind, OneUnit};
use crate::scenarios::expect::until;

/// What comes of a branch that one session prepares and another ends.
async fn branches(port: u16, kind: Kind, name: &str) -> Vec<String> {
    let flags = usual(kind) | Capabilities::SESSION_TRACK;
    let mut seen = Vec::new();
    let mut first = Raw::connect(port, Some("plain"), flags).await;
    let mut other = Raw::connect(port, Some("plain"), flags).await;
    let told = async |client: &mut Raw, text: String| {
        let reply = client.query(&text).await;
        let said = if reply.errno().is_some() { reply.message() } else { format!("{:?}", reply.end.kind) };
        format!("{}: {said}", text.replace(name, "NAME"))
    };
    for (branch, ending) in [("kept", "COMMIT"), ("undone", "ROLLBACK")] {
        for text in [
            format!("XA START '{name}{branch}'"),
            format!("INSERT INTO branched VALUES ('{name}{branch}')"),
            "COMMIT".to_owned(),
            format!("XA PREPARE '{name}{branch}'"),
            format!("XA END '{name}{branch}'"),
            format!("XA PREPARE '{name}{branch}'"),
        ] {
            seen.push(told(&mut first, text).await);
        }
        seen.push(told(&mut other, format!("SELECT * FROM branched WHERE v = '{name}{branch}'")).await);
        // The session leaves; its branch stays at the database.
        drop(std::mem::replace(&mut first, Raw::connect(port, Some("plain"), flags).await));
        let found = other.query("XA RECOVER").await;
        seen.push(format!(
            "{branch} found {}",
            String::from_utf8_lossy(&found.bytes).contains(&format!("{name}{branch}"))
        ));
        // MySQL lets go of a branch only when its session is gone.
        until("the branch is ended", Duration::from_secs(30), async || {
            told(&mut other, format!("XA {ending} '{name}{branch}'")).await.ends_with("Ok")
        })
        .await;
        seen.push(other.value(&format!("SELECT COUNT(*) FROM branched WHERE v = '{name}{branch}'")).await);
    }
    // One phase, on a connection that is then shared again.
    for text in [
        format!("XA START '{name}one'"),
        format!("INSERT INTO branched VALUES ('{name}one')"),
        format!("XA END '{name}one'"),
        format!("XA COMMIT '{name}one' ONE PHASE"),
        "SELECT 1".to_owned(),
        format!("XA COMMIT '{name}nobody'"),
    ] {
        seen.push(told(&mut first, text).await);
    }
    seen
}

async fn branches_are_carried(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let mut set_up = vec!["CREATE TABLE plain.branched (v VARCHAR(40) PRIMARY KEY) ENGINE=InnoDB".to_owned()];
    if kind == Kind::Mysql9 {
        set_up.push("GRANT XA_RECOVER_ADMIN ON *.* TO app@'%'".to_owned());
    }
    unit.root().run(&set_up).await.unwrap();
    // Reset rather than left: no branch comes to whoever gets a connection next.
    let mut resetting = Raw::connect(unit.port(), Some("plain"), usual(kind)).await;
    for text in ["XA START 'reset'", "INSERT INTO branched VALUES ('reset')", "XA END 'reset'", "XA PREPARE 'reset'"] {
        assert_eq!(resetting.query(text).await.errno(), None, "{text}");
    }
    assert_eq!(resetting.ask(&[0x1f], ReplyKind::Simple).await.errno(), None);
    until("the branch is ended", Duration::from_secs(30), async || {
        resetting.query("XA ROLLBACK 'reset'").await.errno().is_none()
    })
    .await;
    let direct = branches(unit.direct_port(), kind, "direct").await;
    let through = branches(unit.port(), kind, "through").await;
    assert_eq!(through, direct);
}

#[tokio::test]
async fn branches_are_carried_over_mariadb() {
    branches_are_carried(Kind::MariaDb).await;
}

#[tokio::test]
async fn branches_are_carried_over_mysql9() {
    branches_are_carried(Kind::Mysql9).await;
}
