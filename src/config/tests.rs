//! The README's example loads; each kind of fault is told with its line, key, finding and expectation.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{Config, ConfigErrors, StoreConfig, load, load_users};
use crate::cutover::Check;
use crate::frontend::AuthPlugin;
use crate::model::control_state::InstanceAddress;
use crate::model::{DenialCondition, Fence, Role, RoutineAccess, Routing, Shard, TableClass, Transform, UnitId};
use crate::route::UserAccess;
use crate::sql::{Family, ReadLevel};
use crate::wire::proxy_header::HeaderVersion;

const README: &str = include_str!("../../README.md");

/// The code block of README.md whose first line is `# <name>`.
fn readme_block(name: &str) -> &'static str {
    let start = README.find(&format!("```toml\n# {name}\n")).expect("the block is in README.md") + "```toml\n".len();
    let end = README[start..].find("```").expect("the block ends") + start;
    &README[start..end]
}

fn world(edit: impl FnOnce(String) -> String) -> (TempDir, Result<Config, ConfigErrors>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("meridian.toml"), edit(readme_block("meridian.toml").to_owned())).unwrap();
    fs::write(folder.path().join("users.toml"), readme_block("users.toml")).unwrap();
    let config = load(&folder.path().join("meridian.toml"));
    (folder, config)
}

/// The faults after `from` was replaced by `to` in the example, one line each, without the folder.
fn faults(changes: &[(&str, &str)]) -> Vec<String> {
    let (folder, config) = world(|mut text| {
        for (from, to) in changes {
            assert!(text.contains(from), "{from} is in the example");
            text = text.replacen(from, to, 1);
        }
        text
    });
    let folder = format!("{}/", folder.path().display());
    config.expect_err("the change is a fault").0.iter().map(|error| error.to_string().replace(&folder, "")).collect()
}

/// The line of the example that begins with `start`.
fn line_of(start: &str) -> usize {
    readme_block("meridian.toml").lines().position(|line| line.starts_with(start)).expect("the line is there") + 1
}

#[test]
fn the_example_of_the_readme_loads() {
    let (folder, config) = world(|text| text);
    let config = config.unwrap();
    assert_eq!(config.state.check(), Ok(()));
    assert_eq!(config.state.epoch.0, 1);
    assert_eq!(config.node.number, 1);
    assert_eq!(config.node.state_file, folder.path().join("meridian.state"));
    assert_eq!(config.users_file, folder.path().join("users.toml"));
    let group = &config.state.groups[0];
    assert_eq!(group.key_types[0].transform, Transform::Mod { modulus: 10_000 });
    assert_eq!(group.shards.owner_of(Shard(4999)), Some(UnitId(0)));
    assert_eq!(group.shards.owner_of(Shard(5000)), Some(UnitId(1)));
    let sharded = TableClass::Sharded { key_type: 0, column: "user_id".to_owned() };
    assert_eq!(group.rule_of("orders").unwrap().class, sharded);
    assert_eq!(group.rule_of("audit_log").unwrap().class, TableClass::Local);
    let last = &config.state.instances[3];
    assert_eq!((last.role, last.unit), (Role::Replica, UnitId(1)));
    assert_eq!(last.address, InstanceAddress::Unix("/run/mysqld/bj-main-2.sock".to_owned()));
    assert_eq!(config.listeners[1].dialect.version, 101_106);
    assert_eq!(config.listeners[1].dialect.family, Family::MariaDb);
    assert_eq!(config.consoles[0].accounts.len(), 2);
    assert_eq!(config.limits.max_packet, 64 << 20);
    assert_eq!(config.users.0[0].backend_password, "apppw");
    assert_eq!(config.users.0[1].plugin, AuthPlugin::Native);
    assert!(config.users.0[1].grants.escapes);
    let printed = format!("{config:?}");
    for secret in ["adminpw", "watchpw", "monitorpw", "apppw", "ddlpw", "migratepw"] {
        assert!(!printed.contains(secret), "{secret} is never printed");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_its_line() {
    let line = line_of("shards = 10000");
    assert_eq!(
        faults(&[("shards = 10000", "shards = \"abc\"")]),
        [format!("meridian.toml:{line}: group.shards: found \"abc\", expected a whole number from 0 to 65536")]
    );
}

#[test]
fn all_faults_are_told_in_the_order_of_their_lines() {
    let told = faults(&[
        ("format = \"text\"", "format = \"xml\""),
        ("number = 1 ", "number = 256 "),
        ("connect_deadline = \"3s\"", "connect_deadline = 3"),
        ("connections_per_instance = 32", "connections_per_instance = 0"),
        ("unit = \"bj\"\ngroup = \"main\"", "unit = \"nj\"\ngroup = \"main\""),
    ]);
    assert_eq!(
        told,
        [
            format!(
                "meridian.toml:{}: node.number: found 256, expected a whole number from 0 to 255",
                line_of("number")
            ),
            format!(
                "meridian.toml:{}: instance.unit: found \"nj\", expected a unit: hz, bj",
                line_of("name = \"bj-main-1\"") + 1
            ),
            format!(
                "meridian.toml:{}: backend.connect_deadline: found 3, expected a duration such as \"200ms\", \"3s\", \"5m\" or \"1h\", above zero",
                line_of("connect_deadline")
            ),
            format!(
                "meridian.toml:{}: backend.connections_per_instance: found 0, expected a whole number from 1 to 65535",
                line_of("connections_per_instance")
            ),
            format!("meridian.toml:{}: log.format: found \"xml\", expected \"text\" or \"json\"", line_of("format")),
        ]
    );
}

#[test]
fn an_unknown_key_is_a_fault_with_the_key_that_was_probably_meant() {
    let told = faults(&[("role = \"primary\"", "rol = \"primary\"")]);
    let line = line_of("name = \"hz-main-1\"") + 3;
    assert!(told.contains(&format!(
        "meridian.toml:{line}: instance.rol: found an unknown key, expected one of address, group, name, proxy_protocol, reserved_port, role, unit; did you mean \"role\"?"
    )));
    let missing = format!(
        "meridian.toml:{}: instance.role: found nothing, expected \"primary\" or \"replica\"",
        line_of("[[instance]]")
    );
    assert!(told.contains(&missing), "{told:#?}");
}

/// The keys that `fault` lists after `expected one of`.
fn known_keys(fault: &str) -> Vec<&str> {
    let list = fault.split("expected one of ").nth(1).expect("an unknown key lists the known ones");
    list.split(';').next().unwrap_or_default().split(", ").collect()
}

#[test]
fn etcd_is_configured_whole_or_refused_by_name() {
    let store = "store = \"file\"\n";
    let told = |etcd: &str| {
        let (_folder, config) = world(|text| text.replacen(store, &format!("store = \"etcd\"\n{etcd}\n"), 1));
        config.map(|config| (config.store, config.reports)).map_err(|errors| errors.to_string())
    };
    let endpoints = "endpoints = [\"http://etcd-1:2379\", \"http://etcd-2:2379\"]\n";
    let (StoreConfig::Etcd(etcd), None) = told(&format!("{endpoints}cluster = \"prod\"\nlease = \"8s\"")).unwrap()
    else {
        panic!("another store")
    };
    let listens = format!("{endpoints}reports_listen = \"0.0.0.0:7300\"\n");
    let (_, reports) = told(&format!("{listens}reports_advertise = \"10.1.0.5:7301\"")).unwrap();
    let reports = reports.map(|reports| (reports.listen.to_string(), reports.advertise.to_string()));
    assert_eq!(reports, Some(("0.0.0.0:7300".to_owned(), "10.1.0.5:7301".to_owned())));
    assert_eq!((etcd.endpoints.len(), etcd.prefix.as_str(), etcd.lease.as_secs()), (2, "/meridian/prod/", 8));
    for (etcd, fault) in [
        ("", "control.endpoints: found nothing"),
        ("endpoints = []", "control.endpoints: found an array of 0"),
        ("endpoints = [\"etcd-1:2379\"]", "control.endpoints: found \"etcd-1:2379\", expected addresses such as"),
        ("endpoints = [\"https://etcd-1:2379\"]", "control.tls_authority: found nothing, expected the authority"),
        (&format!("{endpoints}lease = \"1s\""), "control.lease: found 1s, expected whole seconds"),
        (&format!("{endpoints}lease = \"2500ms\""), "control.lease: found 2.5s, expected whole seconds"),
        (&format!("{endpoints}user = \"dal\""), "control.user: found one of user and password, expected both"),
        (&listens, "control.reports_listen: found \"0.0.0.0:7300\", expected reports_advertise: the address"),
        (
            &format!("{endpoints}reports_advertise = \"10.1.0.5:7300\""),
            "control.reports_advertise: found an address without reports_listen",
        ),
    ] {
        let told = told(etcd).unwrap_err();
        assert!(told.contains(fault), "{etcd}: {told}");
    }
    let documented = [
        "store",
        "endpoints",
        "cluster",
        "lease",
        "user`, `password",
        "tls_authority",
        "tls_certificate`, `tls_key",
        "reports_listen",
        "reports_advertise",
    ];
    for key in documented {
        assert!(README.contains(&format!("| `{key}` |")), "{key} is in README.md");
    }
}

#[test]
fn a_fence_of_accounts_needs_a_shared_store_and_names_with_room_for_a_number() {
    let fence = ("fence = \"none\"", "fence = \"connection\"");
    let line = line_of("fence = ");
    let alone = faults(&[fence]);
    assert_eq!(alone.len(), 1, "{alone:?}");
    assert!(
        alone[0].starts_with(&format!("meridian.toml:{line}: group.fence: found \"connection\" with a store")),
        "{alone:?}"
    );
    let etcd = "store = \"etcd\"\nendpoints = [\"http://etcd-1:2379\"]\n";
    let (folder, config) = world(|text| text.replacen("store = \"file\"\n", etcd, 1).replacen(fence.0, fence.1, 1));
    assert_eq!(config.unwrap().fences, [Fence::Connection]);
    let rows = ("fence = \"none\"", "fence = \"row+lease\"");
    assert_eq!(world(|text| text.replacen(rows.0, rows.1, 1)).1.unwrap().fences, [Fence::RowLease]);
    let users = folder.path().join("users.toml");
    fs::write(&users, format!("[[user]]\nname = \"{}\"\npassword = \"x\"\n", "a".repeat(28))).unwrap();
    let told = load(&folder.path().join("meridian.toml")).unwrap_err().to_string();
    assert!(told.contains("accounts whose names have at most 27 bytes"), "{told}");
}

#[test]
fn a_webhook_over_https_needs_its_authorities_and_notice_of_a_move_takes_a_while() {
    for (line, expected) in [
        ("webhook = \"https://ops.example/moves\"", "moves.webhook: found https, expected webhook_authority"),
        (
            "webhook = \"http://ops.example/moves\"\nwebhook_authority = \"meridian.toml\"",
            "moves.webhook_authority: found an authority, expected a webhook with https",
        ),
        ("webhook = \"ops.example\"", "moves.webhook: found \"ops.example\", expected an address"),
        ("acknowledge_deadline = \"20ms\"", "at least 100ms"),
    ] {
        let told = faults(&[("[moves]\n", &format!("[moves]\n{line}\n"))]);
        assert!(told.len() == 1 && told[0].contains(expected), "{line}: {told:?}");
    }
}

#[test]
fn every_key_is_documented_in_the_readme() {
    let headings = [
        "users_file",
        "[node]",
        "[[unit]]",
        "[[group]]",
        "[[group.key_type]]",
        "[[group.owner]]",
        "[[group.table]]",
        "[[instance]]",
        "[[listener]]",
        "[[console]]",
        "[backend]",
        "[limits]",
        "[moves]",
        "[log]",
    ];
    for heading in headings {
        let (with_key, section) = match heading.starts_with('[') {
            true => (format!("{heading}\nzzzz = 1\n"), format!("| **`{heading}`** |")),
            false => (format!("zzzz = 1\n{heading}"), "| `users_file` |".to_owned()),
        };
        let original = if heading.starts_with('[') { format!("{heading}\n") } else { heading.to_owned() };
        let told = faults(&[(&original, &with_key)]);
        let start = README.find(&section).unwrap_or_else(|| panic!("{section} is in README.md"));
        let rows = README[start..].lines().enumerate();
        let rows: Vec<&str> =
            rows.take_while(|(row, line)| *row == 0 || !line.starts_with("| **")).map(|(_, line)| line).collect();
        let sections = [
            "unit", "group", "instance", "listener", "console", "node", "backend", "limits", "moves", "log", "control",
            "key_type", "owner", "table", "override", "routine", "lag", "deny",
        ];
        for key in known_keys(&told[0]).iter().filter(|key| !sections.contains(key)) {
            assert!(
                rows.iter().any(|line| line.starts_with(&format!("| `{key}` |"))),
                "{heading} {key} is in README.md"
            );
        }
    }
}

#[test]
fn a_syntax_error_is_told_with_its_line() {
    let told = faults(&[("number = 1 ", "number = = 1 ")]);
    assert!(told[0].starts_with(&format!("meridian.toml:{}: syntax: found ", line_of("number"))), "{told:#?}");
}

#[test]
fn a_world_that_breaks_a_rule_of_the_control_state_is_a_fault() {
    for (change, expected) in [
        (("shards = \"5000-9999\"", "shards = \"5001-9999\""), "shards 5000-5000 have no owner"),
        (("shards = \"5000-9999\"", "shards = \"4999-9999\""), "shard 4999 has two owners"),
        (("shards = \"5000-9999\"", "shards = \"5000-9998\""), "covers 9999 shards of 10000"),
        (
            ("modulus = 10000", "modulus = 10001"),
            "modulus 10001 of key type 'user' must be between 1 and the shard count",
        ),
        (("role = \"replica\"", "role = \"primary\""), "has 2 primaries in unit 'hz'"),
    ] {
        let told = faults(&[change]);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].contains(expected), "{told:#?}");
        assert!(told[0].contains(": group"), "it is told where it stands: {told:#?}");
    }
}

#[test]
fn names_and_addresses_are_used_once() {
    for (change, expected) in [
        (
            ("[[unit]]\nname = \"bj\"", "[[unit]]\nname = \"hz\"\n[[unit]]\nname = \"bj\""),
            "unit.name: found \"hz\" again",
        ),
        (("name = \"hz-main-2\"", "name = \"hz-main-1\""), "instance.name: found \"hz-main-1\" again"),
        (
            ("address = \"127.0.0.1:4416\"", "address = \"127.0.0.1:4406\""),
            "console.address: found \"127.0.0.1:4406\" again",
        ),
        (("name = \"watch\"", "name = \"admin\""), "console.accounts.name: found \"admin\" again"),
        (
            ("name = \"account\"", "name = \"PRODUCT\""),
            "group.table.name: found \"product\", which the rule \"product\" before it covers",
        ),
    ] {
        let told = faults(&[change]);
        assert!(told.iter().any(|fault| fault.contains(expected)), "{told:#?}");
    }
}

#[test]
fn a_group_of_another_family_than_the_listener_is_a_fault() {
    let told = faults(&[("family = \"mariadb\"                # optional", "family = \"mysql\"")]);
    assert_eq!(told.len(), 2, "one for each listener: {told:#?}");
    assert!(told[0].contains("listener.family: found \"mariadb\", expected \"mysql\", the family of group 'main'"));
}

#[test]
fn the_version_must_speak_for_its_family() {
    let told = faults(&[("server_version = \"10.11.6-MariaDB\"", "server_version = \"8.4.3\"")]);
    assert!(told[0].contains("listener.server_version: found \"8.4.3\", expected a version of the family mariadb"));
}

#[test]
fn key_ranges_rise_and_name_shards_that_exist() {
    let told = faults(&[(
        "transform = \"mod\"                 # shard = key mod modulus\nmodulus = 10000",
        "transform = \"range\"\nranges = [{ from = 0, to = 99, shard = 0 }, { from = 99, to = 50, shard = 10000 }, { from = 99, to = 50, shard = 1 }]",
    )]);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].contains("ranges.shard: found 10000, expected a whole number from 0 to 9999"));
    assert!(told[1].contains("ranges.to: found 50, expected at least from, 99"));
    assert!(told[2].contains("ranges.from: found 99, expected more than 99"));
}

#[test]
fn a_secret_is_read_from_a_file_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users.toml");
    fs::write(folder.path().join("app.secret"), "from the file\n").unwrap();
    fs::write(&users, "[[user]]\nname = \"app\"\npassword = \"file:app.secret\"\n").unwrap();
    assert_eq!(load_users(&users).unwrap().0[0].password, "from the file");
    fs::write(&users, "[[user]]\nname = \"app\"\npassword = 12345678\n").unwrap();
    let told = load_users(&users).unwrap_err().to_string();
    assert!(told.contains(":3: user.password: found a value of type integer"), "{told}");
    assert!(!told.contains("12345678"));
    fs::write(&users, "[[user]]\nname = \"app\"\npassword = \"env:MERIDIAN_NO_SUCH_VARIABLE\"\n").unwrap();
    let told = load_users(&users).unwrap_err().to_string();
    assert!(told.contains("found env:MERIDIAN_NO_SUCH_VARIABLE, which is not set"), "{told}");
}

#[test]
fn an_empty_secret_from_elsewhere_is_an_accident() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users.toml");
    fs::write(folder.path().join("app.secret"), "\n").unwrap();
    fs::write(&users, "[[user]]\nname = \"app\"\npassword = \"file:app.secret\"\n").unwrap();
    let told = load_users(&users).unwrap_err().to_string();
    assert!(told.contains("found file:app.secret, which is empty"), "{told}");
}

#[test]
fn a_table_rule_that_can_never_count_is_a_fault() {
    let told = faults(&[("name = \"orders\"", "name = \"a*\"")]);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("found \"account\", which the rule \"a*\" before it covers"));
    assert!(told[1].contains("found \"audit_*\", which the rule \"a*\" before it covers"));
}

#[test]
fn files_that_will_be_needed_are_looked_for_at_once() {
    let told = faults(&[
        ("state_file = \"meridian.state\"", "state_file = \"no/such/folder/meridian.state\""),
        (
            "server_version = \"10.11.6-MariaDB\"",
            "server_version = \"10.11.6-MariaDB\"\ntls_certificate = \"no.pem\"\ntls_key = \"users.toml\"",
        ),
    ]);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("node.state_file: found \"no/such/folder/meridian.state\", expected the path of a file"));
    assert!(told[1].contains("listener.tls_certificate: found \"no.pem\" in"));
}

#[test]
fn a_listeners_encryption_must_not_contradict_itself() {
    let version = "server_version = \"10.11.6-MariaDB\"";
    let told_with = |lines: &str| faults(&[(version, &format!("{version}\n{lines}"))]);
    let told = told_with("tls_client_certificate = \"optional\"");
    assert!(told.len() == 1 && told[0].contains("listener.tls_client_authority: found nothing"), "{told:#?}");
    let told = told_with("tls_client_authority = \"users.toml\"");
    assert!(told.len() == 1 && told[0].contains("listener.tls: found an encryption"), "{told:#?}");
    let told = told_with("proxy_protocol_from = [\"10.0.0.0/33\"]");
    assert!(told.len() == 1 && told[0].contains("expected a list of networks"), "{told:#?}");
    let told = faults(&[("monitor_user", "tls = \"verify_ca\"\ntls_key = \"users.toml\"\nmonitor_user")]);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told.iter().any(|line| line.contains("backend.tls_authority: found nothing")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("backend.tls_certificate: found nothing")), "{told:#?}");
}

#[test]
fn instances_are_told_of_clients_one_by_one_and_only_mariadb_is() {
    let told_first = ("role = \"primary\"", "role = \"primary\"\nproxy_protocol = \"v2\"");
    let (_folder, config) = world(|text| text.replacen(told_first.0, told_first.1, 1));
    assert_eq!(config.unwrap().announcing, [Some(HeaderVersion::Binary), None, None, None]);
    let told = faults(&[("role = \"primary\"", "role = \"primary\"\nproxy_protocol = \"v3\"")]);
    assert!(told.len() == 1 && told[0].contains("instance.proxy_protocol: found \"v3\", expected "), "{told:#?}");
    // Of the group's family, or where it says none, of the listeners'.
    let family = ("family = \"mariadb\"", "family = \"mysql\"");
    let listener = ("server_version = \"10.11.6-MariaDB\"", "server_version = \"9.7.0\"");
    let as_mysql = [family, family, family, listener, listener, told_first];
    let of_no_family = ("family = \"mysql\"                # optional\n", "");
    for changes in [as_mysql.to_vec(), [&as_mysql[..], &[of_no_family]].concat()] {
        let told = faults(&changes);
        let refusal = "instance.proxy_protocol: found \"v2\" for an instance of the family mysql, expected none";
        assert!(told.len() == 1 && told[0].contains(refusal) && told[0].starts_with("meridian.toml:"), "{told:#?}");
    }
}

#[test]
fn faults_of_the_users_file_are_told_with_its_name() {
    let (folder, _) = world(|text| text);
    fs::write(folder.path().join("users.toml"), "[[user]]\nname = \"app\"\n").unwrap();
    let told = load(&folder.path().join("meridian.toml")).unwrap_err().to_string();
    assert!(told.contains("users.toml:1: user.password: found nothing, expected a secret"), "{told}");
}

#[test]
fn a_file_that_is_not_there_is_one_fault() {
    let told = load(Path::new("no-such-file.toml")).unwrap_err().to_string();
    assert!(told.starts_with("no-such-file.toml:1: file: found "), "{told}");
}

#[test]
fn key_types_are_composed_of_steps_and_keys_are_placed_alone() {
    let (_folder, config) = world(|text| {
        let key_types = r#"modulus = 10000

[[group.key_type]]
name = "order"
steps = [{ step = "substring", from = -9, length = 6 }, { step = "divide", by = 10 }, { step = "mod", by = 7 }, { step = "hash" }]
transform = "as"
key_type = "user"

[[group.key_type]]
name = "city"
transform = "list"
list = [{ keys = ["hz", 571], shard = 0 }, { keys = ["bj"], shard = 9999 }]
others = 1

[[group.key_type]]
name = "email"
transform = "hash"
buckets = 1000

[[group.override]]
keys = [111123, "42"]
shard = 9999

[[group.override]]
keys = ["nj"]
key_type = "city"
shard = 2
"#;
        text.replacen("modulus = 10000\n", key_types, 1)
    });
    let group = &config.unwrap().state.groups[0];
    let words: Vec<String> = group.key_types.iter().map(|key_type| key_type.words(&group.key_types)).collect();
    let expected = [
        "mod 10000",
        "substring -9 6, divide 10, mod 7, hash, as user",
        "list 571=0 'bj'=9999 'hz'=0 others=1",
        "hash into 1000",
    ];
    assert_eq!(words, expected);
    let alone: Vec<String> =
        group.overrides.iter().map(|alone| format!("{} {} {}", alone.key_type, alone.key, alone.shard)).collect();
    assert_eq!(alone, ["0 42 9999", "0 111123 9999", "2 'nj' 2"]);
}

#[test]
fn what_is_wrong_with_keys_is_named() {
    let key_types = |more: &str| {
        let told = faults(&[("modulus = 10000\n", &format!("modulus = 10000\n{more}\n"))]);
        told.iter().map(|fault| fault.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    let list = "[[group.key_type]]\nname = \"city\"\ntransform = \"list\"\nlist = [{ keys = [\"hz\"], shard = 0 }, { keys = [\"hz\"], shard = 1 }]";
    assert_eq!(
        key_types(list),
        ["group.key_type.list.keys: found 'hz', which is in shard 0 too, expected each key listed once"]
    );
    let stray = "[[group.key_type]]\nname = \"order\"\ntransform = \"lookup\"\nkey_type = \"user\"\ntable = \"audit_x\"\ncolumn = \"a\"\nvalue = \"b\"";
    let told = key_types(stray).join(" ");
    assert!(
        told.contains("key type 'order' is looked up in 'audit_x', which no rule of its own makes a global table"),
        "{told}"
    );
    let itself = "[[group.key_type]]\nname = \"order\"\ntransform = \"as\"\nkey_type = \"order\"";
    assert_eq!(
        key_types(itself),
        ["group.key_type.key_type: found \"order\", expected a key type that stands before it: user"]
    );
    let zero = "steps = [{ step = \"substring\", from = 0 }]";
    assert_eq!(
        key_types(zero),
        [
            "group.key_type.steps.from: found 0, expected a place in the text: from 1 at its beginning, or from -1 at its end"
        ]
    );
    let twice = "[[group.override]]\nkeys = [7]\nshard = 1\n[[group.override]]\nkeys = [\"7\"]\nshard = 2";
    assert_eq!(key_types(twice), ["group.override.keys: found 7 again, expected each key placed once"]);
    let nowhere = "[[group.override]]\nkeys = [7]\nshard = 10000";
    assert_eq!(key_types(nowhere), ["group.override.shard: found 10000, expected a whole number from 0 to 9999"]);
    let overlap = "[[group.key_type]]\nname = \"age\"\ntransform = \"range\"\nranges = [{ from = 0, to = 9, shard = 0 }, { from = 9, to = 12, shard = 1 }]";
    assert!(
        key_types(overlap)
            .iter()
            .any(|fault| fault.contains("found 9, expected more than 9, the end of the range before"))
    );
}

#[test]
fn policies_are_read_and_what_they_name_must_exist() {
    let (_folder, config) = world(|text| {
        let text = text.replacen(
            "[node]",
            r#"routing = "observe"
[[deny]]
name = "no-full-scan"
reason = "use a WHERE"
statements = ["update", "write"]
condition = "unrestricted"
[[deny]]
name = "slow"
reason = "slow"
users = ["app"]
texts = ["SELECT 1 FROM orders"]
digests = ["00000000000000ff"]
[node]"#,
            1,
        );
        text.replacen(
            "[[group.owner]]",
            r#"[[group.routine]]
name = "settle_*"
tables = ["Orders"]
key_argument = 2
[[group.routine]]
name = "tax_of"
tables = []
access = "read"
[[group.owner]]"#,
            1,
        )
    });
    let state = config.unwrap().state;
    assert_eq!(state.groups[0].policy.routing, Routing::Observe);
    let routines = &state.groups[0].policy.routines;
    assert_eq!(
        (routines[0].covers("settle_all"), routines[0].key_argument, &routines[0].tables[0][..]),
        (true, Some(2), "orders")
    );
    assert_eq!((routines[1].access, routines[1].tables.len()), (RoutineAccess::Read, 0));
    assert_eq!(state.denials[0].condition, DenialCondition::Unrestricted);
    let digest =
        crate::sql::digest(b"select ? from orders", crate::sql::Dialect { family: Family::MariaDb, version: 101_106 });
    assert_eq!(state.denials[1].digests, [255, digest]);
    let told = faults(&[("[node]", "[[deny]]\nname = \"all\"\nreason = \"x\"\n[node]")]);
    assert!(told[0].contains("deny: found a denial of everything, expected at least one of users"), "{told:?}");
    let told = faults(&[("[node]", "[[deny]]\nname = \"x\"\nreason = \"x\"\nstatements = [\"udpate\"]\n[node]")]);
    assert!(told[0].contains("deny.statements: found \"udpate\", expected first words such as select"), "{told:?}");
    let told = faults(&[("[node]", "routing = \"dry-run\"\n[node]")]);
    assert!(told[0].contains("routing: found \"dry-run\", expected \"enforce\" or \"observe\""), "{told:?}");
}

#[test]
fn a_bound_of_lag_is_read_and_policies_that_would_lose_writes_unseen_are_refused_by_name() {
    let with = |lag: &str| format!("[group.lag]\n{lag}\n[[group.owner]]");
    let (_folder, config) = world(|text| {
        text.replacen(
            "[[group.owner]]",
            &with("bound = \"5s\"\nmissing = 9\npeers = [\"bj\"]\npolicy = \"forbid_writes\""),
            1,
        )
    });
    let state = config.unwrap().state;
    let bound = state.groups[0].policy.lag_bound.as_ref().unwrap();
    assert_eq!((bound.age.as_secs(), bound.missing), (5, Some(9)));
    assert_eq!(bound.peers.as_deref(), state.unit_named("bj").as_slice().into());
    let told = |lag: &str| faults(&[("[[group.owner]]", &with(lag))]);
    for policy in ["skip", "forbid_updates"] {
        let told = told(&format!("bound = \"5s\"\npolicy = \"{policy}\""));
        assert!(
            told[0].contains(&format!("found \"{policy}\", expected \"forbid_writes\": a standing policy")),
            "{told:?}"
        );
        assert!(told[0].contains("FORCE"), "{told:?}");
    }
    assert!(told("bound = \"1s\"")[0].contains("found 1s, expected at least 2s"));
    assert!(told("bound = \"5s\"\npeers = [\"sz\"]")[0].contains("expected a unit"));
    assert!(told("missing = 5")[0].contains("bound"));
}

#[test]
fn reserved_ports_stand_beside_addresses_and_only_what_would_be_told_can_be_strict() {
    let tcp = "address = \"127.0.0.1:3321\"";
    let strict = |checks: &str| format!("[moves]\nstrict_checks = [{checks}]");
    let (_folder, config) = world(|text| {
        let text = text.replacen(tcp, &format!("{tcp}\nreserved_port = 33062"), 1);
        text.replacen("[moves]", &strict("\"accounts\", \"start\""), 1)
    });
    let config = config.unwrap();
    let at = |port| InstanceAddress::Tcp("127.0.0.1".to_owned(), port);
    assert_eq!(config.reserved.beside(&at(3321)), Some(at(33062)));
    assert_eq!(config.reserved.beside(&at(3311)), None);
    assert_eq!(config.strict_checks, [Check::Accounts, Check::Start]);
    let socket = "address = \"unix:/run/mysqld/bj-main-2.sock\"";
    let told = faults(&[(socket, &format!("{socket}\nreserved_port = 33062"))]);
    assert!(told[0].contains("instance.reserved_port: found 33062, expected none"), "{told:?}");
    let told = faults(&[("[moves]", &strict("\"retention\""))]);
    assert!(told[0].contains("moves.strict_checks: found \"retention\", expected checks that only tell"), "{told:?}");
}

#[test]
fn a_user_has_its_own_unit_access_level_and_limits() {
    let folder = tempfile::tempdir().unwrap();
    let user = "[[user]]\nname = \"report\"\npassword = \"x\"\naccess = \"read_only\"\nlevel = \"strong\"\nunit = \"bj\"\n\
                max_statement = \"16KiB\"\nstatement_deadline = \"5s\"\n";
    fs::write(folder.path().join("users.toml"), user).unwrap();
    fs::write(folder.path().join("meridian.toml"), readme_block("meridian.toml")).unwrap();
    let user = load(&folder.path().join("meridian.toml")).unwrap().users.0.remove(0);
    assert_eq!((user.grants.access, user.level), (UserAccess::ReadOnly, ReadLevel::Strong));
    assert_eq!((user.unit.as_deref(), user.grants.max_statement), (Some("bj"), Some(16 << 10)));
    assert_eq!(user.statement_deadline, Some(std::time::Duration::from_secs(5)));
    fs::write(folder.path().join("users.toml"), "[[user]]\nname = \"x\"\npassword = \"x\"\nunit = \"sz\"\n").unwrap();
    let told = load(&folder.path().join("meridian.toml")).unwrap_err().to_string();
    assert!(told.contains("users_file: found a user of unit \"sz\" in it"), "{told}");
}
