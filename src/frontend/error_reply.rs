//! The only maker of ERR packets: refusals, faults and limits as a client reads them.

use crate::fault::{ClientText, Fault};
use crate::net::accept::AcceptFault;
use crate::route::Rejection;
use crate::sql::{Dialect, Family};
use crate::wire::error_packet::{ErrorPacket, GENERAL_ERROR};
use crate::wire::packet::write_packet;

/// The packet (header included) for a refusal.
pub fn rejection(rejection: &Rejection, sequence: u8) -> Vec<u8> {
    packet(rejection.errno(), rejection.sqlstate(), &format!("meridian: {rejection}"), sequence)
}

/// The packet (header included) for a fault.
pub fn fault(fault: &impl Fault, sequence: u8) -> Vec<u8> {
    let ClientText { errno, sqlstate, message } = fault.client_text();
    packet(errno, sqlstate, &message, sequence)
}

/// The packet (header included) for a limit or a command that is not carried.
pub fn text(text: &ClientText, sequence: u8) -> Vec<u8> {
    packet(text.errno, text.sqlstate, &text.message, sequence)
}

/// ERR 1040 in place of a greeting, where no SQLSTATE is sent yet.
pub fn too_many_connections() -> Vec<u8> {
    let error = ErrorPacket { errno: 1040, sqlstate: *b"08004", message: "Too many connections".to_owned() };
    let mut packet = Vec::new();
    write_packet(&mut packet, &mut 0, &error.encode_before_greeting());
    packet
}

/// ERR 1053 in place of a greeting: the node ends.
pub fn shutting_down_before_greeting() -> Vec<u8> {
    let error = ErrorPacket { errno: 1053, sqlstate: *b"08S01", message: SHUTTING_DOWN.to_owned() };
    let mut packet = Vec::new();
    write_packet(&mut packet, &mut 0, &error.encode_before_greeting());
    packet
}

/// The node ends, and what was asked is not carried out. Class 08 on purpose: a pool shall drop this connection.
pub fn shutting_down(sequence: u8) -> Vec<u8> {
    packet(1053, "08S01", SHUTTING_DOWN, sequence)
}

const SHUTTING_DOWN: &str =
    "Server shutdown in progress: meridian: this node ends and nothing was executed; connect again";

/// A user that holds as many connections as it may.
pub fn user_at_limit(user: &str, limit: usize, sequence: u8) -> Vec<u8> {
    let message = format!("User '{user}' has exceeded the 'max_user_connections' resource (current value: {limit})");
    packet(1226, "42000", &message, sequence)
}

/// COM_CHANGE_USER to a user the client did not prove to be, as MySQL says it before it closes the connection.
pub fn change_refused(user: &str, host: &str, used_password: bool) -> ClientText {
    let used = if used_password { "YES" } else { "NO" };
    ClientText {
        errno: 1045,
        sqlstate: "28000",
        message: format!("Access denied for user '{user}'@'{host}' (using password: {used})"),
    }
}

/// Why a client was not let in; `None` when it is gone.
pub fn login(fault: &AcceptFault, sequence: u8) -> Option<Vec<u8>> {
    let (errno, sqlstate) = fault.code()?;
    Some(packet(errno, &String::from_utf8_lossy(&sqlstate), &fault.to_string(), sequence))
}

/// A command Meridian does not carry, by name.
pub fn not_carried(command: &str) -> ClientText {
    ClientText {
        errno: 1235,
        sqlstate: "42000",
        message: format!("meridian: {command} is not carried; the connection stays usable"),
    }
}

/// A command byte that no server knows.
pub fn unknown_command() -> ClientText {
    ClientText { errno: 1047, sqlstate: "08S01", message: "Unknown command".to_owned() }
}

/// The backend went away before a byte of its reply arrived.
pub fn lost_backend(may_have_run: bool) -> ClientText {
    let outcome =
        if may_have_run { "whether the statement took effect is unknown" } else { "the statement changed nothing" };
    ClientText {
        errno: 2013,
        sqlstate: "HY000",
        message: format!("meridian: lost connection to the database during the query; {outcome}"),
    }
}

/// A client that said nothing for too long, in the words of Oracle MySQL.
pub fn inactive() -> ClientText {
    let message = "The client was disconnected by the server because of inactivity. See wait_timeout and \
                   interactive_timeout for configuring this behavior.";
    ClientText { errno: 4031, sqlstate: "HY000", message: message.to_owned() }
}

/// XA START in a transaction that was begun without: the servers' own words.
pub fn outside_branch() -> ClientText {
    let message = "XAER_OUTSIDE: Some work is done outside global transaction".to_owned();
    ClientText { errno: 1400, sqlstate: "XAE09", message }
}

/// A savepoint that does not exist, in the servers' words.
pub fn unknown_savepoint(name: &str) -> ClientText {
    ClientText { errno: 1305, sqlstate: "42000", message: format!("SAVEPOINT {name} does not exist") }
}

/// KILL of an id nobody has.
pub fn unknown_thread(id: u64) -> ClientText {
    ClientText { errno: 1094, sqlstate: "HY000", message: format!("Unknown thread id: {id}") }
}

/// A login in a character set that no server takes texts in.
pub fn unwritable_charset(charset: &str) -> ClientText {
    ClientText {
        errno: 1231,
        sqlstate: "42000",
        message: format!("Variable 'character_set_client' can't be set to the value of '{charset}'"),
    }
}

/// What a session hears that has killed itself, or its own statement.
pub fn killed(query_only: bool, dialect: Dialect) -> ClientText {
    let (errno, message) = match dialect.family {
        Family::MariaDb if !query_only => (1927, "Connection was killed"),
        Family::MariaDb | Family::MySql => (1317, "Query execution was interrupted"),
    };
    ClientText { errno, sqlstate: "70100", message: message.to_owned() }
}

/// An execution, reset or fetch (`command`) of a statement that is not prepared.
pub fn unknown_statement(id: u32, command: &str, dialect: Dialect) -> ClientText {
    let command = match dialect.family {
        Family::MariaDb => format!("mysqld_stmt_{command}"),
        Family::MySql => "mysql_stmt_precheck".to_owned(),
    };
    ClientText {
        errno: 1243,
        sqlstate: "HY000",
        message: format!("Unknown prepared statement handler ({id}) given to {command}"),
    }
}

fn packet(errno: u16, sqlstate: &str, message: &str, mut sequence: u8) -> Vec<u8> {
    let sqlstate = sqlstate.as_bytes().try_into().unwrap_or(GENERAL_ERROR);
    let mut packet = Vec::new();
    write_packet(&mut packet, &mut sequence, &ErrorPacket { errno, sqlstate, message: message.to_owned() }.encode());
    packet
}
