//! Each fault and each note by itself, from what servers say.

use super::*;
use crate::control::sample;

fn channel(columns: &[(&str, &str)]) -> Channel {
    let fine = [
        ("Connection_name", "from_hz"),
        ("Slave_IO_Running", "Yes"),
        ("Slave_SQL_Running", "Yes"),
        ("Using_Gtid", "Slave_Pos"),
        ("Replicate_Ignore_Table", "shop.audit_log"),
    ];
    fine.iter().chain(columns).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn facts(variables: &[(&'static str, &str)], channels: Vec<Channel>) -> Facts {
    let fine = [
        ("log_bin", "ON"),
        ("log_slave_updates", "ON"),
        ("read_only", "OFF"),
        ("auto_increment_increment", "4"),
        ("binlog_expire_logs_seconds", "0"),
        ("event_scheduler", "ON"),
        ("slave_parallel_threads", "0"),
    ];
    let variables = fine.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Facts {
        family: Some(Family::MariaDb),
        variables: variables.collect(),
        channels,
        prepared: Some(0),
        ..Facts::default()
    }
}

fn findings(facts: &Facts) -> Vec<Finding> {
    findings_by(facts, &[])
}

fn findings_by(facts: &Facts, strict: &[Check]) -> Vec<Finding> {
    let state = sample::state();
    let applications = ["app".to_owned()];
    let part = Part { is_source: true, is_target: true, applications: &applications, strict };
    judged(&state, &state.groups[0], &state.instances[0], part, facts)
}

fn faults(facts: &Facts) -> Vec<String> {
    let told = |finding: Finding| Some(format!("{}: {}", finding.check, finding.fault?));
    findings(facts).into_iter().filter_map(told).collect()
}

fn notes(facts: &Facts) -> Vec<String> {
    let told = |finding: Finding| Some(format!("{}: {}", finding.check, finding.note?));
    findings(facts).into_iter().filter_map(told).collect()
}

#[test]
fn what_is_worth_knowing_is_told_and_keeps_nobody_from_moving_unless_it_is_to() {
    let pair = |first: &str, second: &str| (first.to_owned(), second.to_owned());
    let sound = facts(&[], vec![channel(&[])]);
    assert_eq!(notes(&sound), Vec::<String>::new());
    let writers = vec![
        pair("'root'@'localhost'", "*"),
        pair("'app'@'%'", "shop"),
        pair("'app-n3'@'%'", "shop"),
        pair("'app-nearby'@'%'", "shop"),
        pair("'batch'@'10.0.0.%'", "sh\\op"),
        pair("'other'@'%'", "elsewhere"),
    ];
    let unbound = vec![pair("'root'@'localhost'", "READ_ONLY ADMIN")];
    let with =
        |writers: &[(String, String)]| Facts { writers: writers.to_vec(), unbound: unbound.clone(), ..sound.clone() };
    let told = |who: &str| [format!("accounts: {who} may write past Meridian: nothing holds them back")];
    assert_eq!(notes(&with(&writers[..3])), told("'root'@'localhost'"), "an administrator has to");
    assert_eq!(faults(&with(&writers)), told("'app-nearby'@'%', 'batch'@'10.0.0.%'"), "others need not");
    assert_eq!(notes(&with(&writers)), Vec::<String>::new());
    let parallel = facts(&[("slave_parallel_threads", "4")], vec![channel(&[])]);
    assert!(notes(&parallel)[0].starts_with("appliers: slave_parallel_threads is 4"), "{:?}", notes(&parallel));
    let strictly = findings_by(&parallel, &[Check::Appliers, Check::Start]);
    let refused = |finding: &Finding| finding.check == Check::Appliers && finding.fault.is_some();
    assert!(strictly.iter().any(refused), "{strictly:?}");
    for (origin, told) in [("COMPILE-TIME", true), ("CONFIG", true), ("SQL", false)] {
        let found = notes(&Facts { read_only_from: Some(origin.to_owned()), ..sound.clone() });
        assert_eq!(found.iter().any(|note| note.starts_with("start: it takes writes")), told, "{origin}");
    }
}

#[test]
fn a_sound_instance_has_no_faults() {
    assert_eq!(faults(&facts(&[], vec![channel(&[])])), Vec::<String>::new());
}

#[test]
fn each_fault_is_named() {
    let one = |variables: &[(&'static str, &str)], channels| faults(&facts(variables, channels)).join("; ");
    let fine = || vec![channel(&[])];
    assert_eq!(one(&[("log_bin", "OFF")], fine()), "binlog: log_bin is off");
    assert_eq!(one(&[("log_slave_updates", "OFF")], fine()), "binlog: log_slave_updates is off");
    assert_eq!(one(&[("read_only", "ON")], fine()), "writable: it is read-only: SET GLOBAL read_only = 0 there first");
    assert!(one(&[("auto_increment_increment", "1")], fine()).starts_with("automatic-ids: "));
    assert!(one(&[], Vec::new()).starts_with("channels: it follows nobody"));
    for (columns, fault) in [
        (("Slave_IO_Running", "Connecting"), "channels: channel 'from_hz' does not receive: "),
        (("Slave_SQL_Running", "No"), "channels: channel 'from_hz' does not apply: "),
        (("Using_Gtid", "No"), "channels: channel 'from_hz' does not follow by GTID"),
        (("Replicate_Do_Domain_Ids", "1"), "filters: channel 'from_hz' has Replicate_Do_Domain_Ids"),
        (("Replicate_Ignore_DB", "shop"), "filters: channel 'from_hz' leaves out schema shop"),
        (
            ("Replicate_Ignore_Table", "shop.orders"),
            "filters: channel 'from_hz' leaves out shop.orders, which is not local",
        ),
    ] {
        assert_eq!(one(&[], vec![channel(&[columns])]), fault, "{columns:?}");
    }
    assert!(one(&[("binlog_expire_logs_seconds", "600")], fine()).starts_with("retention: "));
    let pair = |first: &str, second: &str| vec![(first.to_owned(), second.to_owned())];
    let events = Facts { events: pair("shop", "tidy"), ..facts(&[], fine()) };
    assert!(faults(&events)[0].starts_with("events: event shop.tidy is enabled"), "{:?}", faults(&events));
    let elsewhere = Facts { events: pair("other", "tidy"), ..facts(&[], fine()) };
    assert_eq!(faults(&elsewhere), Vec::<String>::new());
    let unbound = |grantee, privilege| faults(&Facts { unbound: pair(grantee, privilege), ..facts(&[], fine()) });
    assert!(unbound("'app'@'%'", "READ_ONLY ADMIN")[0].starts_with("read-only-bypass: 'app'@'%' has READ_ONLY ADMIN"));
    assert_eq!(unbound("'root'@'localhost'", "READ_ONLY ADMIN"), Vec::<String>::new());
    assert_eq!(unbound("'app'@'%'", "SUPER"), Vec::<String>::new(), "MariaDB's SUPER is bound");
    let prepared = Facts { prepared: Some(2), ..facts(&[], fine()) };
    assert_eq!(faults(&prepared), ["prepared: 2 XA transactions are prepared there"]);
    let unknown = Facts { prepared: None, ..facts(&[], fine()) };
    assert!(faults(&unknown)[0].starts_with("prepared: whether"), "{:?}", faults(&unknown));
}
