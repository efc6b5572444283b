//! The MySQL wire protocol as bytes: framing, the end of replies, flags, the handshake, and the few packets we make ourselves.
//!
//! Sans-IO: no socket, clock, lock or log, and nothing of ours is imported. Start at [`packet`], then [`scanner`].

pub mod auth_switch;
pub mod bulk;
pub mod capability;
pub mod change_user;
pub mod command;
pub mod command_reader;
pub mod compression;
pub mod edited_rows;
pub mod error_packet;
pub mod execute;
pub mod greeting;
pub mod infile_scanner;
pub mod last_packet;
pub mod login_request;
pub mod ok_packet;
pub mod packet;
pub mod parameter_history;
pub mod parameter_types;
pub mod payload;
pub mod proxy_header;
pub mod query_attributes;
pub mod reply;
pub mod scanner;
pub mod scramble;
pub mod status;
pub mod text_result;
pub mod text_row;

#[cfg(test)]
mod decoder_tests;
#[cfg(test)]
mod replay_tests;

pub use auth_switch::AuthSwitch;
pub use bulk::BulkParameters;
pub use capability::{Capabilities, CapabilityClass, CompressionOffer, Family, Offer, TlsOffer, offered};
pub use change_user::ChangeUser;
pub use command::Command;
pub use command_reader::{CommandFrame, next_command};
pub use error_packet::ErrorPacket;
pub use execute::{ExecuteError, ExecuteForm, ExecuteParameters, ParameterValue};
pub use greeting::{Greeting, HandshakeError};
pub use infile_scanner::{InfileFed, InfileScanner};
pub use login_request::LoginRequest;
pub use ok_packet::OkPacket;
pub use packet::{HEADER, MAX_PAYLOAD, PacketError, PacketHeader, write_packet};
pub use query_attributes::{AttributeValue, QueryAttributes};
pub use reply::{EndKind, Fed, PREPARED_ID, PrepareOk, ReplyEnd, ReplyKind, ScanError, ScanEvent, ScanFlags};
pub use scanner::ResponseScanner;
pub use scramble::{AuthPlugin, Salt};
pub use text_result::{Column, ColumnKind, TextResult};
