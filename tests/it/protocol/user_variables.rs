//! A user variable that a session never set is NULL and of no type, whatever others set it to on the same connection.

use super::raw::{Raw, usual};
use crate::node::{Kind, NodePlan, OneUnit};

/// What a client is told of a variable that another one sets.
async fn told(port: u16, kind: Kind) -> Vec<String> {
    let mut setting = Raw::connect(port, Some("plain"), usual(kind)).await;
    let mut reading = Raw::connect(port, Some("plain"), usual(kind)).await;
    let mut told = Vec::new();
    for value in ["41", "'abc'", "1.5", "1e3"] {
        assert_eq!(setting.query(&format!("SET @own = {value}, @other = 1")).await.errno(), None);
        told.push(reading.query("SELECT @own").await.bytes.escape_ascii().to_string());
        told.push(setting.query("SELECT @own, @other").await.bytes.escape_ascii().to_string());
    }
    told
}

async fn unset_is_unset(kind: Kind) {
    let one = |plan: &mut NodePlan| plan.backend = "connections_per_instance = 1\n".to_owned();
    let Some(unit) = OneUnit::start(kind, one).await else { return };
    let direct = told(unit.direct_port(), kind).await;
    let through = told(unit.port(), kind).await;
    for (direct, through) in direct.iter().zip(&through) {
        assert_eq!(through, direct);
    }
}

#[tokio::test]
async fn a_variable_never_set_is_of_no_type_on_mariadb() {
    unset_is_unset(Kind::MariaDb).await;
}

#[tokio::test]
async fn a_variable_never_set_is_of_no_type_on_mysql9() {
    unset_is_unset(Kind::Mysql9).await;
}
