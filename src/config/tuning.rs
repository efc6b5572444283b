//! The sections that set numbers: connections to instances, limits on clients, logs. Each component's own defaults hold where a key is absent.

use std::path::Path;
use std::time::Duration;

use super::file::{MonitorAccount, missing_section};
use super::listeners::read_pair;
use super::reader::{Problems, Section};
use super::shape;
use crate::backend::{self, BackendTls};
use crate::control::HoldLimits;
use crate::cutover::{Check, Deadlines, ForceConfig, Webhook};
use crate::frontend::Limits;
use crate::net::login::CleartextAuth;
use crate::telemetry::{self, LogFormat};

/// Nodes say only after a while that they have taken notice of a move, so that they can say together with it that they have nothing in flight.
const LEAST_NOTICE: Duration = Duration::from_millis(100);

const TLS: &[(&str, BackendTls)] = &[
    ("disabled", BackendTls::Disabled),
    ("preferred", BackendTls::Preferred),
    ("required", BackendTls::Required),
    ("verify_ca", BackendTls::VerifyCa),
    ("verify_identity", BackendTls::VerifyIdentity),
];

const CLEARTEXT: &[(&str, CleartextAuth)] = &[("refuse", CleartextAuth::Refused), ("over_tls", CleartextAuth::OverTls)];

/// `[backend]`, and the monitor's account in it.
pub fn read_backend(
    root: &Section<'_>,
    problems: &mut Problems,
    folder: &Path,
) -> (backend::Config, Option<MonitorAccount>, Option<MonitorAccount>) {
    let default = backend::Config::default();
    let Some(section) = root.section(problems, "backend") else {
        missing_section(root, problems, "backend");
        return (default, None, None);
    };
    let user = section.required(problems, "monitor_user", shape::text());
    let password = section.required(problems, "monitor_password", shape::secret(folder));
    let monitor =
        user.zip(password).map(|(user, password)| MonitorAccount { user: user.value, password: password.value });
    let user = section.optional(problems, "administrator_user", shape::text());
    let password = section.optional(problems, "administrator_password", shape::secret(folder));
    for (here, there, key) in [(&user, &password, "administrator_password"), (&password, &user, "administrator_user")] {
        if here.is_some() && there.is_none() {
            problems.add(&section.place_of(key), "nothing", "both administrator_user and administrator_password");
        }
    }
    let administrator = match user.zip(password) {
        Some((user, password)) => Some(MonitorAccount { user: user.value, password: password.value }),
        None => monitor.clone(),
    };
    let tls_authority =
        section.optional(problems, "tls_authority", shape::readable_file(folder)).map(|path| path.value);
    let tls_identity = read_pair(&section, problems, folder, "tls_certificate", "tls_key");
    let mut number = |key, lowest, highest, default: usize| {
        section.or(problems, key, shape::count(lowest, highest), u32::try_from(default).unwrap_or(highest)) as usize
    };
    let connections_per_instance = number("connections_per_instance", 1, 65_535, default.connections_per_instance);
    let prepared_per_connection = number("prepared_per_connection", 1, 65_535, default.prepared_per_connection);
    let mut duration = |key, default| section.or(problems, key, shape::duration(), default);
    let config = backend::Config {
        connect_deadline: duration("connect_deadline", default.connect_deadline),
        queue_deadline: duration("queue_deadline", default.queue_deadline),
        idle_lifetime: duration("idle_lifetime", default.idle_lifetime),
        max_lifetime: duration("max_lifetime", default.max_lifetime),
        connections_per_instance,
        prepared_per_connection,
        tls: section.or(problems, "tls", shape::word(TLS), default.tls),
        tls_authority,
        tls_identity,
        cleartext: section.or(problems, "cleartext_passwords", shape::word(CLEARTEXT), default.cleartext),
    };
    let verifies = matches!(config.tls, BackendTls::VerifyCa | BackendTls::VerifyIdentity);
    if verifies && !section.holds("tls_authority") {
        problems.add(&section.place_of("tls_authority"), "nothing", "a path, because tls verifies");
    }
    section.finish(problems);
    (config, monitor, administrator)
}

/// `[limits]`; absent means the defaults.
pub fn read_limits(root: &Section<'_>, problems: &mut Problems) -> Limits {
    let default = Limits::default();
    let Some(section) = root.section(problems, "limits") else { return default };
    let mut number = |key, highest, default: usize| {
        section.or(problems, key, shape::count(1, highest), u32::try_from(default).unwrap_or(highest)) as usize
    };
    let connections = number("connections", 1_000_000, default.connections);
    let prepared_per_session = number("prepared_per_session", 1_000_000, default.prepared_per_session);
    let limits = Limits {
        connections,
        prepared_per_session,
        login_deadline: section.or(problems, "login_deadline", shape::duration(), default.login_deadline),
        drain_deadline: section.or(problems, "drain_deadline", shape::duration(), default.drain_deadline),
        idle_deadline: section.or(problems, "idle_deadline", shape::duration_or_never(), default.idle_deadline),
        max_packet: section.or(problems, "max_packet", shape::size(1 << 10, 1 << 30), default.max_packet),
        statement_deadline: section.or(
            problems,
            "statement_deadline",
            shape::duration_or_never(),
            default.statement_deadline,
        ),
        plan_cache: section.or(problems, "plan_cache", shape::size(64 << 10, 1 << 30), default.plan_cache),
    };
    section.finish(problems);
    limits
}

fn read_webhook(section: &Section<'_>, problems: &mut Problems, folder: &Path) -> Option<Webhook> {
    let authority =
        section.optional(problems, "webhook_authority", shape::readable_file(folder)).map(|file| file.value);
    let (webhook, is_encrypted) = section.optional(problems, "webhook", shape::webhook())?.value;
    match (is_encrypted, &authority) {
        (true, None) => {
            problems.add(
                &section.place_of("webhook"),
                "https",
                "webhook_authority, the authorities that sign its certificate",
            );
        }
        (false, Some(_)) => {
            problems.add(&section.place_of("webhook_authority"), "an authority", "a webhook with https");
        }
        (true, Some(_)) | (false, None) => {}
    }
    Some(Webhook { authority, ..webhook })
}

/// How long a forbid may stand until it counts as forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What `[moves]` says.
pub struct Moves {
    /// Bounds on writes that wait.
    pub hold: HoldLimits,
    /// How long each part of a move may take.
    pub deadlines: Deadlines,
    /// How forced changes are made.
    pub force: ForceConfig,
    /// Where the end of moves is told.
    pub webhook: Option<Webhook>,
    /// How long a forbid may stand without an alarm, if there is one.
    pub forbid_alarm: Option<Duration>,
    /// Checks of a move that refuse where they would only tell.
    pub strict_checks: Vec<Check>,
}

/// `[moves]`; absent means the defaults.
pub fn read_moves(root: &Section<'_>, problems: &mut Problems, folder: &Path) -> Moves {
    let (default, deadlines) = (HoldLimits::default(), Deadlines::default());
    let Some(section) = root.section(problems, "moves") else {
        let (force, webhook) = (ForceConfig::default(), None);
        let (forbid_alarm, strict_checks) = (Some(FORGOTTEN), Vec::new());
        return Moves { hold: default, deadlines, force, webhook, forbid_alarm, strict_checks };
    };
    let writes = u32::try_from(default.writes).unwrap_or(u32::MAX);
    let hold = HoldLimits {
        writes: section.or(problems, "held_writes", shape::count(0, 1_000_000), writes) as usize,
        bytes: section.or(problems, "held_bytes", shape::size(1 << 10, 1 << 30), default.bytes),
        patience: section.or(problems, "hold_deadline", shape::duration(), default.patience),
    };
    let acknowledge =
        section.or(problems, "acknowledge_deadline", shape::duration_from(LEAST_NOTICE), deadlines.acknowledge);
    let mut duration = |key, default| section.or(problems, key, shape::duration(), default);
    let deadlines = Deadlines {
        acknowledge,
        drain: duration("drain_deadline", deadlines.drain),
        end: duration("end_deadline", deadlines.end),
        silence: duration("silence_deadline", deadlines.silence),
        catch_up: duration("catch_up_deadline", deadlines.catch_up),
    };
    let force = ForceConfig {
        restart_first: section.or(problems, "restart_first", shape::duration(), Duration::ZERO),
        fencing_command: section.optional(problems, "fencing_command", shape::texts()).map(|command| command.value),
    };
    let webhook = read_webhook(&section, problems, folder);
    let forbid_alarm = section.or(problems, "forbid_alarm", shape::duration_or_never(), Some(FORGOTTEN));
    let strict_checks = read_strict_checks(&section, problems);
    section.finish(problems);
    Moves { hold, deadlines, force, webhook, forbid_alarm, strict_checks }
}

fn read_strict_checks(section: &Section<'_>, problems: &mut Problems) -> Vec<Check> {
    let Some(words) = section.optional(problems, "strict_checks", shape::texts()) else { return Vec::new() };
    let read = |word: &String| Check::of(word).filter(|check| check.can_be_strict());
    if let Some(unknown) = words.value.iter().find(|word| read(word).is_none()) {
        problems.add(
            &words.place,
            format!("\"{unknown}\""),
            "checks that only tell: \"accounts\", \"appliers\", \"start\"",
        );
    }
    words.value.iter().filter_map(read).collect()
}

const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

/// `[log]`; absent means the defaults.
pub fn read_log(root: &Section<'_>, problems: &mut Problems) -> telemetry::Config {
    let default = telemetry::Config::default();
    let Some(section) = root.section(problems, "log") else { return default };
    let format = section.or(problems, "format", shape::word(FORMATS), default.format);
    let filter = match section.optional(problems, "filter", shape::text()) {
        None => default.filter,
        Some(filter) => {
            if let Err(error) = telemetry::check_filter(&filter.value) {
                let found = format!("\"{}\" ({error})", filter.value.escape_debug());
                problems.add(&filter.place, found, "a level, or directives such as \"info,meridian::route=debug\"");
            }
            filter.value
        }
    };
    section.finish(problems);
    telemetry::Config { filter, format }
}
