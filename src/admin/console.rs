//! The console on the wire: accepts operators and speaks the MySQL protocol with them, through opensrv-mysql.
//!
//! It knows no verb (that is [`super::verbs`]). The library's defaults that are unsafe (a constant salt, every password accepted, no bound on
//! packets, OK for unknown commands) are all overridden here or stopped in [`super::guard`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opensrv_mysql::{
    AsyncMysqlIntermediary, AsyncMysqlShim, Column, ColumnFlags, ColumnType, ErrorKind, InitWriter, OkResponse,
    ParamParser, QueryResultWriter, StatementMetaWriter,
};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncWrite, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use super::chatter;
use super::config::{Account, Config};
use super::guard::{Guard, LoggedIn};
use super::login;
use super::operations::Operations;
use super::tables::{Cell, ColumnKind, Table};
use super::verbs::{self, Answer, Asker, Refusal};

/// From connecting to the end of the login.
const LOGIN_DEADLINE: Duration = Duration::from_secs(10);

/// A peer that is gone without a word is noticed after this long without traffic.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Serves one console on `listener` until `shutdown` completes; then ends every operator's connection.
///
/// `config.address` is not used: the caller has bound the listener, so that a taken port is known before anything starts.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    operations: Arc<dyn Operations>,
    shutdown: impl Future<Output = ()>,
) {
    let config = Arc::new(config);
    let next_id = AtomicU32::new(1);
    let mut operators = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = operators.join_next() => {
                if let Err(error) = ended {
                    // The protocol library asserts on what clients send; that ends one connection and nothing else.
                    warn!(%error, "console connection ended by a fault of its protocol");
                }
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((_, peer)) if operators.len() >= config.connections => {
                warn!(%peer, limit = config.connections, "console connection closed: the limit is reached");
            }
            Ok((stream, peer)) => {
                let id = next_id.fetch_add(1, Ordering::Relaxed);
                operators.spawn(serve_operator(stream, peer, id, config.clone(), operations.clone()));
            }
            Err(error) => {
                // Out of descriptors, or the peer is gone already: others may still be served, but not in a busy loop.
                warn!(%error, "console cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    operators.shutdown().await;
}

async fn serve_operator(
    stream: TcpStream,
    peer: SocketAddr,
    connection: u32,
    config: Arc<Config>,
    operations: Arc<dyn Operations>,
) {
    if let Err(error) = keep_alive(&stream) {
        debug!(%peer, %error, "keep-alive cannot be set");
    }
    let logged_in = LoggedIn::default();
    let (read, write) = stream.into_split();
    let shim = Console {
        config,
        operations,
        peer,
        connection,
        salt: login::new_salt(&mut rand::rng()),
        account: OnceLock::new(),
        logged_in: logged_in.clone(),
    };
    let guarded = Guard::new(read, logged_in.clone());
    let served = AsyncMysqlIntermediary::run_on(shim, guarded, BufWriter::new(write));
    let login_expired = async {
        tokio::time::sleep(LOGIN_DEADLINE).await;
        if logged_in.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = served => match ended {
            Ok(()) => debug!(%peer, "console connection ended"),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => warn!(%peer, %error, "console connection closed"),
            Err(error) => debug!(%peer, %error, "console connection ended"),
        },
        () = login_expired => warn!(%peer, "console connection closed: no login within {LOGIN_DEADLINE:?}"),
    }
}

fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4))
}

/// One operator's connection.
struct Console {
    config: Arc<Config>,
    operations: Arc<dyn Operations>,
    peer: SocketAddr,
    connection: u32,
    salt: [u8; 20],
    account: OnceLock<Account>,
    logged_in: LoggedIn,
}

#[async_trait]
impl<W: AsyncWrite + Send + Unpin> AsyncMysqlShim<W> for Console {
    type Error = io::Error;

    fn version(&self) -> String {
        chatter::server_version()
    }

    fn connect_id(&self) -> u32 {
        self.connection
    }

    fn salt(&self) -> [u8; 20] {
        self.salt
    }

    async fn authenticate(&self, _plugin: &str, username: &[u8], salt: &[u8], reply: &[u8]) -> bool {
        let name = String::from_utf8_lossy(username);
        let Some(account) = login::check(&self.config.accounts, username, salt, reply) else {
            warn!(account = %name.escape_debug(), peer = %self.peer, "console login refused");
            return false;
        };
        info!(%account.name, peer = %self.peer, role = account.role.word(), "console login");
        let first = self.account.set(account.clone()).is_ok();
        self.logged_in.store(first, Ordering::Release);
        first
    }

    async fn on_prepare<'a>(&'a mut self, _query: &'a str, info: StatementMetaWriter<'a, W>) -> io::Result<()> {
        info.error(
            ErrorKind::ER_UNSUPPORTED_PS,
            b"the console has no prepared statements: send the command as text".as_slice(),
        )
        .await
    }

    async fn on_execute<'a>(
        &'a mut self,
        _id: u32,
        _parameters: ParamParser<'a>,
        results: QueryResultWriter<'a, W>,
    ) -> io::Result<()> {
        results.error(ErrorKind::ER_UNSUPPORTED_PS, b"the console has no prepared statements".as_slice()).await
    }

    async fn on_close<'a>(&'a mut self, _statement: u32)
    where
        W: 'async_trait,
    {
    }

    async fn on_query<'a>(&'a mut self, query: &'a str, results: QueryResultWriter<'a, W>) -> io::Result<()> {
        let Some(account) = self.account.get() else {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "a command before the login"));
        };
        let asker =
            Asker { account: account.clone(), peer: self.peer, connection: self.connection, unit: self.config.unit };
        match verbs::answer(query, &asker, self.operations.as_ref()).await {
            Answer::Rows(table) => write_table(&table, results).await,
            Answer::Done => results.completed(OkResponse::default()).await,
            Answer::Error(refusal) => results.error(error_kind(&refusal), refusal.text().as_bytes()).await,
        }
    }

    async fn on_init<'a>(&'a mut self, schema: &'a str, writer: InitWriter<'a, W>) -> io::Result<()> {
        let text = format!("the console has no schemas, and so no '{}'", schema.escape_debug());
        writer.error(ErrorKind::ER_BAD_DB_ERROR, text.as_bytes()).await
    }
}

fn error_kind(refusal: &Refusal) -> ErrorKind {
    match refusal {
        Refusal::Syntax(_) => ErrorKind::ER_PARSE_ERROR,
        Refusal::UnknownVariable(_) => ErrorKind::ER_UNKNOWN_SYSTEM_VARIABLE,
        Refusal::Role { .. } => ErrorKind::ER_SPECIFIC_ACCESS_DENIED_ERROR,
        Refusal::UnknownName(_)
        | Refusal::WhichMove(_)
        | Refusal::Change(_)
        | Refusal::Users(_)
        | Refusal::Configuration(_) => ErrorKind::ER_UNKNOWN_ERROR,
    }
}

async fn write_table<W: AsyncWrite + Unpin>(table: &Table, results: QueryResultWriter<'_, W>) -> io::Result<()> {
    let columns: Vec<Column> = table.columns.iter().map(column).collect();
    let mut rows = results.start(&columns).await?;
    for row in &table.rows {
        for cell in row {
            match cell {
                Cell::Null => rows.write_col(None::<u64>)?,
                Cell::Text(text) => rows.write_col(text.as_str())?,
                Cell::Number(number) => rows.write_col(*number)?,
            }
        }
        rows.end_row().await?;
    }
    rows.finish().await
}

fn column((name, kind): &(String, ColumnKind)) -> Column {
    let (coltype, colflags) = match kind {
        ColumnKind::Text => (ColumnType::MYSQL_TYPE_VAR_STRING, ColumnFlags::empty()),
        ColumnKind::Number => (ColumnType::MYSQL_TYPE_LONGLONG, ColumnFlags::UNSIGNED_FLAG),
    };
    Column { table: String::new(), column: name.clone(), coltype, colflags }
}
