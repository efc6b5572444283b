//! One client of an endpoint: keeps its connection over the rounds and runs one event after another.

use std::rc::Rc;

use meridian::model::control_state::InstanceAddress;
use meridian::net::Account;
use meridian::wire::EndKind;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::case::{self, BIG_SELECT, Case, POINT_SELECT};
use crate::connection::{Connection, Scratch};
use crate::error::ConnectionError;

/// Where clients log in, and as whom.
pub struct Target {
    /// The endpoint.
    pub address: InstanceAddress,
    /// The account.
    pub account: Account,
    /// The schema.
    pub schema: String,
}

/// What an event came to.
pub enum Event {
    /// All of it ran: so many statements, so many bytes of replies.
    Done {
        /// Statements.
        statements: u64,
        /// Bytes.
        received: u64,
    },
    /// The server answered with this error; an open transaction was rolled back.
    Refused(u16),
    /// The connection is lost.
    Broken(ConnectionError),
}

/// One client.
pub struct Client {
    target: Rc<Target>,
    number: u32,
    random: StdRng,
    connection: Option<Connection>,
}

impl Client {
    /// A client that is not connected yet. Clients of the same number ask the same things of each endpoint.
    pub fn new(target: Rc<Target>, number: u32) -> Client {
        Client { target, number, random: StdRng::seed_from_u64(number.into()), connection: None }
    }

    /// Logs in unless it is; the case that measures logins does it in its events.
    pub async fn prepare(&mut self, case: Case) -> Result<(), ConnectionError> {
        if self.connection.is_none() && case != Case::Connect {
            self.connection = Some(self.open().await?);
        }
        Ok(())
    }

    async fn open(&self) -> Result<Connection, ConnectionError> {
        let Target { address, account, schema } = self.target.as_ref();
        Connection::open(address, account, schema, None).await
    }

    /// Runs one event. After a lost connection the client must be prepared again.
    pub async fn event(&mut self, case: Case, scratch: &Scratch) -> Event {
        let ran = match case {
            Case::Connect => self.visit(scratch).await,
            Case::Point | Case::Prepared | Case::ReadOnly | Case::ReadWrite | Case::Big => {
                self.work(case, scratch).await
            }
        };
        ran.unwrap_or_else(|error| {
            self.connection = None;
            Event::Broken(error)
        })
    }

    async fn visit(&mut self, scratch: &Scratch) -> Result<Event, ConnectionError> {
        let mut connection = self.open().await?;
        let statement = case::point_select(&mut self.random);
        let event = run(&mut connection, &[statement], scratch).await?;
        connection.quit().await?;
        Ok(event)
    }

    async fn work(&mut self, case: Case, scratch: &Scratch) -> Result<Event, ConnectionError> {
        let connection = self.connection.as_mut().ok_or(ConnectionError::Closed)?;
        let random = &mut self.random;
        match case {
            Case::Point | Case::Connect => run(connection, &[case::point_select(random)], scratch).await,
            Case::Prepared => {
                let before = connection.received();
                let end = connection.execute(POINT_SELECT, case::any_id(random), scratch).await?;
                Ok(match end.kind {
                    EndKind::Error { errno } => Event::Refused(errno),
                    EndKind::Ok | EndKind::Eof => {
                        Event::Done { statements: 1, received: connection.received() - before }
                    }
                })
            }
            Case::ReadOnly => run(connection, &case::reads(random), scratch).await,
            Case::ReadWrite => {
                let event = run(connection, &case::transaction(random, self.number), scratch).await?;
                if let Event::Refused(_) = event {
                    connection.query("ROLLBACK", scratch).await?;
                }
                Ok(event)
            }
            Case::Big => run(connection, &[BIG_SELECT.to_owned()], scratch).await,
        }
    }
}

/// Runs statements one after another until one is refused.
async fn run(connection: &mut Connection, statements: &[String], scratch: &Scratch) -> Result<Event, ConnectionError> {
    let before = connection.received();
    for statement in statements {
        if let EndKind::Error { errno } = connection.query(statement, scratch).await?.kind {
            return Ok(Event::Refused(errno));
        }
    }
    Ok(Event::Done { statements: statements.len() as u64, received: connection.received() - before })
}
