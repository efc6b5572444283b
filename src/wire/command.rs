//! The commands a client may send, by their first byte.
//!
//! Source: "Command Phase" in the MySQL source documentation; COM_STMT_BULK_EXECUTE is MariaDB's.

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident = $byte:literal, $name:literal;)*) => {
        /// A command.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Command {
            $($(#[$doc])* $variant = $byte,)*
        }

        impl Command {
            /// The command with this first byte; `None` for one that no server knows.
            pub fn from_byte(byte: u8) -> Option<Command> {
                match byte {
                    $($byte => Some(Command::$variant),)*
                    _ => None,
                }
            }

            /// Its name in the protocol's documentation.
            pub fn name(self) -> &'static str {
                match self {
                    $(Command::$variant => $name,)*
                }
            }
        }
    };
}

commands! {
    /// Internal to the server.
    Sleep = 0x00, "COM_SLEEP";
    /// Ends the connection; no reply.
    Quit = 0x01, "COM_QUIT";
    /// Changes the default schema.
    InitDb = 0x02, "COM_INIT_DB";
    /// A statement as text.
    Query = 0x03, "COM_QUERY";
    /// Columns of a table; deprecated.
    FieldList = 0x04, "COM_FIELD_LIST";
    /// Creates a schema; removed from servers.
    CreateDb = 0x05, "COM_CREATE_DB";
    /// Drops a schema; removed from servers.
    DropDb = 0x06, "COM_DROP_DB";
    /// FLUSH by flags.
    Refresh = 0x07, "COM_REFRESH";
    /// Stops the server.
    Shutdown = 0x08, "COM_SHUTDOWN";
    /// One line of server statistics.
    Statistics = 0x09, "COM_STATISTICS";
    /// The process list.
    ProcessInfo = 0x0A, "COM_PROCESS_INFO";
    /// Internal to the server.
    Connect = 0x0B, "COM_CONNECT";
    /// Ends another connection.
    ProcessKill = 0x0C, "COM_PROCESS_KILL";
    /// Debug output in the server's log.
    Debug = 0x0D, "COM_DEBUG";
    /// Does nothing; its OK carries the status flags.
    Ping = 0x0E, "COM_PING";
    /// Internal to the server.
    Time = 0x0F, "COM_TIME";
    /// Internal to the server.
    DelayedInsert = 0x10, "COM_DELAYED_INSERT";
    /// Logs in again, as another user.
    ChangeUser = 0x11, "COM_CHANGE_USER";
    /// A stream of binlog events.
    BinlogDump = 0x12, "COM_BINLOG_DUMP";
    /// Internal to replication; removed from servers.
    TableDump = 0x13, "COM_TABLE_DUMP";
    /// Internal to replication.
    ConnectOut = 0x14, "COM_CONNECT_OUT";
    /// Registers a replica.
    RegisterReplica = 0x15, "COM_REGISTER_SLAVE";
    /// Prepares a statement.
    StmtPrepare = 0x16, "COM_STMT_PREPARE";
    /// Executes a prepared statement.
    StmtExecute = 0x17, "COM_STMT_EXECUTE";
    /// A piece of a long parameter; no reply.
    StmtSendLongData = 0x18, "COM_STMT_SEND_LONG_DATA";
    /// Forgets a prepared statement; no reply.
    StmtClose = 0x19, "COM_STMT_CLOSE";
    /// Drops long data and cursor of a prepared statement.
    StmtReset = 0x1A, "COM_STMT_RESET";
    /// Switches multi-statements on or off.
    SetOption = 0x1B, "COM_SET_OPTION";
    /// Rows from a cursor.
    StmtFetch = 0x1C, "COM_STMT_FETCH";
    /// Internal to the server.
    Daemon = 0x1D, "COM_DAEMON";
    /// A stream of binlog events from a GTID set on (MySQL).
    BinlogDumpGtid = 0x1E, "COM_BINLOG_DUMP_GTID";
    /// Resets the session, keeping the login.
    ResetConnection = 0x1F, "COM_RESET_CONNECTION";
    /// Clones a server (MySQL).
    Clone = 0x20, "COM_CLONE";
    /// Subscribes to group replication (MySQL).
    SubscribeGroupReplication = 0x21, "COM_SUBSCRIBE_GROUP_REPLICATION_STREAM";
    /// Executes a prepared statement for many rows (MariaDB).
    StmtBulkExecute = 0xFA, "COM_STMT_BULK_EXECUTE";
}

impl Command {
    /// Whether the server sends nothing back.
    pub fn is_silent(self) -> bool {
        matches!(self, Command::Quit | Command::StmtClose | Command::StmtSendLongData)
    }
}
