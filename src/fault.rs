//! Three questions every error that may reach a client answers: whose fault, may the same statement be sent again, and
//! what may the client read.
//!
//! It must not name hosts, accounts or other people's SQL: those go to the log.

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The application or its user.
    Client,
    /// Meridian itself.
    Proxy,
    /// An instance, or the way to it.
    Backend,
}

/// Whether the same statement may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It was not executed: sending it again is safe.
    Safe,
    /// Its outcome is unknown, or sending it again cannot help.
    No,
}

/// What a client may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientText {
    /// The MySQL error number.
    pub errno: u16,
    /// The SQLSTATE.
    pub sqlstate: &'static str,
    /// One sentence.
    pub message: String,
}

/// An error that may reach a client.
pub trait Fault: std::error::Error {
    /// Who has to act.
    fn blame(&self) -> Blame;
    /// Whether the same statement may be sent again.
    fn retry(&self) -> Retry;
    /// What a client may read.
    fn client_text(&self) -> ClientText;
}
