//! Capability flags of both families, which of them we offer, and which of them change bytes on the wire.
//!
//! The lower 32 bits are the classic flags, the upper 32 MariaDB's extended ones.
//! Sources: "Capabilities Flags" in the MySQL source documentation; "Connecting", capabilities, in MariaDB's protocol documentation.

use std::ops::{BitAnd, BitOr};

/// The family a greeting speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// MySQL and its closer forks.
    MySql,
    /// MariaDB.
    MariaDb,
}

/// A set of capability flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// Nothing.
    pub const NONE: Capabilities = Capabilities(0);
    /// MySQL's "long password"; MariaDB servers leave it unset to say that extended flags follow.
    pub const CLIENT_MYSQL: Capabilities = Capabilities(1);
    /// UPDATE reports found rows, not changed ones.
    pub const FOUND_ROWS: Capabilities = Capabilities(1 << 1);
    /// Column flags are longer; without effect since protocol 4.1.
    pub const LONG_FLAG: Capabilities = Capabilities(1 << 2);
    /// The login request may name a schema.
    pub const CONNECT_WITH_DB: Capabilities = Capabilities(1 << 3);
    /// zlib compression.
    pub const COMPRESS: Capabilities = Capabilities(1 << 5);
    /// ODBC client; without effect.
    pub const ODBC: Capabilities = Capabilities(1 << 6);
    /// LOAD DATA LOCAL INFILE.
    pub const LOCAL_FILES: Capabilities = Capabilities(1 << 7);
    /// sql_mode gets IGNORE_SPACE.
    pub const IGNORE_SPACE: Capabilities = Capabilities(1 << 8);
    /// The 4.1 protocol: the only one we speak.
    pub const PROTOCOL_41: Capabilities = Capabilities(1 << 9);
    /// interactive_timeout instead of wait_timeout.
    pub const INTERACTIVE: Capabilities = Capabilities(1 << 10);
    /// TLS follows the SSLRequest.
    pub const SSL: Capabilities = Capabilities(1 << 11);
    /// Client-side only.
    pub const IGNORE_SIGPIPE: Capabilities = Capabilities(1 << 12);
    /// Status flags speak of transactions.
    pub const TRANSACTIONS: Capabilities = Capabilities(1 << 13);
    /// Once the 4.1 protocol; servers still set it.
    pub const RESERVED: Capabilities = Capabilities(1 << 14);
    /// 4.1 authentication.
    pub const SECURE_CONNECTION: Capabilities = Capabilities(1 << 15);
    /// Several statements in one COM_QUERY.
    pub const MULTI_STATEMENTS: Capabilities = Capabilities(1 << 16);
    /// Several results to one COM_QUERY.
    pub const MULTI_RESULTS: Capabilities = Capabilities(1 << 17);
    /// Several results to one COM_STMT_EXECUTE.
    pub const PS_MULTI_RESULTS: Capabilities = Capabilities(1 << 18);
    /// Named authentication plugins.
    pub const PLUGIN_AUTH: Capabilities = Capabilities(1 << 19);
    /// Connection attributes in the login request.
    pub const CONNECT_ATTRS: Capabilities = Capabilities(1 << 20);
    /// The authentication response has a length-encoded length.
    pub const PLUGIN_AUTH_LENENC: Capabilities = Capabilities(1 << 21);
    /// The client can go on with an expired password.
    pub const CAN_HANDLE_EXPIRED_PASSWORDS: Capabilities = Capabilities(1 << 22);
    /// OK packets may carry session state.
    pub const SESSION_TRACK: Capabilities = Capabilities(1 << 23);
    /// OK packets with header 0xFE in place of EOF packets.
    pub const DEPRECATE_EOF: Capabilities = Capabilities(1 << 24);
    /// MySQL: a result set may come without column definitions.
    pub const OPTIONAL_RESULTSET_METADATA: Capabilities = Capabilities(1 << 25);
    /// zstd compression.
    pub const ZSTD: Capabilities = Capabilities(1 << 26);
    /// MySQL: attributes before the text of a query.
    pub const QUERY_ATTRIBUTES: Capabilities = Capabilities(1 << 27);
    /// MySQL: several factors of authentication.
    pub const MULTI_FACTOR: Capabilities = Capabilities(1 << 28);
    /// MariaDB: reports of how far a statement is, in the clothes of ERR packets.
    pub const PROGRESS: Capabilities = Capabilities(1 << 32);
    /// MariaDB: COM_STMT_BULK_EXECUTE.
    pub const BULK_OPERATIONS: Capabilities = Capabilities(1 << 34);
    /// MariaDB: column definitions carry a string of extended type information.
    pub const EXTENDED_METADATA: Capabilities = Capabilities(1 << 35);
    /// MariaDB: column definitions may be left out when they did not change.
    pub const CACHE_METADATA: Capabilities = Capabilities(1 << 36);

    /// Whether all of `wanted` are set.
    pub fn contains(self, wanted: Capabilities) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// These flags without those of `unwanted`.
    pub fn without(self, unwanted: Capabilities) -> Capabilities {
        Capabilities(self.0 & !unwanted.0)
    }

    /// The flags every family sends in the classic 32 bits.
    pub fn classic(self) -> u32 {
        self.0 as u32
    }

    /// MariaDB's extended flags.
    pub fn extended(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Both halves put together.
    pub fn from_parts(classic: u32, extended: u32) -> Capabilities {
        Capabilities(u64::from(classic) | u64::from(extended) << 32)
    }
}

impl BitOr for Capabilities {
    type Output = Capabilities;
    fn bitor(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 | other.0)
    }
}

impl BitAnd for Capabilities {
    type Output = Capabilities;
    fn bitand(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 & other.0)
    }
}

/// Whether a listener can encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsOffer {
    /// SSL is in the greeting.
    Offered,
    /// It is not.
    Absent,
}

/// Whether a listener can compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionOffer {
    /// COMPRESS is in the greeting, and ZSTD where the family has it.
    Offered,
    /// Neither is.
    Absent,
}

/// What a listener can do, apart from what every listener can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The family it speaks for.
    pub family: Family,
    /// The version it speaks for, as in 80403 or 101119.
    pub version: u32,
    /// Whether it can encrypt.
    pub tls: TlsOffer,
    /// Whether it can compress.
    pub compression: CompressionOffer,
}

/// From which version of MySQL on statements may carry attributes.
const ATTRIBUTES_SINCE: u32 = 80_023;

/// From which version of MySQL on there is zstd.
const ZSTD_SINCE: u32 = 80_018;

/// What everyone is offered. Not carried, hence never offered: NO_SCHEMA and several factors; and optional and cached metadata, because a server leaves out what it sent before on the same connection, where it may have sent
/// it to another session.
const COMMON: u64 = Capabilities::FOUND_ROWS.0
    | Capabilities::LONG_FLAG.0
    | Capabilities::CONNECT_WITH_DB.0
    | Capabilities::ODBC.0
    | Capabilities::LOCAL_FILES.0
    | Capabilities::IGNORE_SPACE.0
    | Capabilities::PROTOCOL_41.0
    | Capabilities::INTERACTIVE.0
    | Capabilities::IGNORE_SIGPIPE.0
    | Capabilities::TRANSACTIONS.0
    | Capabilities::RESERVED.0
    | Capabilities::SECURE_CONNECTION.0
    | Capabilities::MULTI_STATEMENTS.0
    | Capabilities::MULTI_RESULTS.0
    | Capabilities::PS_MULTI_RESULTS.0
    | Capabilities::PLUGIN_AUTH.0
    | Capabilities::CONNECT_ATTRS.0
    | Capabilities::PLUGIN_AUTH_LENENC.0
    | Capabilities::CAN_HANDLE_EXPIRED_PASSWORDS.0
    | Capabilities::SESSION_TRACK.0
    | Capabilities::DEPRECATE_EOF.0;

/// The capabilities of our greeting.
pub fn offered(offer: &Offer) -> Capabilities {
    let own = match offer.family {
        Family::MySql if offer.version >= ATTRIBUTES_SINCE => {
            Capabilities::CLIENT_MYSQL | Capabilities::QUERY_ATTRIBUTES
        }
        Family::MySql => Capabilities::CLIENT_MYSQL,
        Family::MariaDb => Capabilities::EXTENDED_METADATA | Capabilities::BULK_OPERATIONS | Capabilities::PROGRESS,
    };
    let encryption = match offer.tls {
        TlsOffer::Offered => Capabilities::SSL,
        TlsOffer::Absent => Capabilities::NONE,
    };
    let compression = match (offer.compression, offer.family) {
        (CompressionOffer::Absent, _) => Capabilities::NONE,
        (CompressionOffer::Offered, Family::MySql) if offer.version >= ZSTD_SINCE => {
            Capabilities::COMPRESS | Capabilities::ZSTD
        }
        (CompressionOffer::Offered, _) => Capabilities::COMPRESS,
    };
    Capabilities(COMMON) | own | encryption | compression
}

/// The negotiated flags that change what a server does or sends; two clients of different classes never share a connection.
///
/// CAN_HANDLE_EXPIRED_PASSWORDS is not among them: it is never passed on, so an expired account of ours is refused at login, loudly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CapabilityClass(pub u64);

impl CapabilityClass {
    /// The flags that make a class.
    pub const MASK: Capabilities = Capabilities(
        Capabilities::FOUND_ROWS.0
            | Capabilities::LOCAL_FILES.0
            | Capabilities::IGNORE_SPACE.0
            | Capabilities::INTERACTIVE.0
            | Capabilities::MULTI_STATEMENTS.0
            | Capabilities::MULTI_RESULTS.0
            | Capabilities::PS_MULTI_RESULTS.0
            | Capabilities::SESSION_TRACK.0
            | Capabilities::DEPRECATE_EOF.0
            | Capabilities::QUERY_ATTRIBUTES.0
            | Capabilities::EXTENDED_METADATA.0
            | Capabilities::BULK_OPERATIONS.0
            | Capabilities::PROGRESS.0,
    );

    /// The class of a client that negotiated `capabilities`.
    pub fn of(capabilities: Capabilities) -> CapabilityClass {
        CapabilityClass((capabilities & CapabilityClass::MASK).0)
    }

    /// The flags a backend login must get.
    pub fn capabilities(self) -> Capabilities {
        Capabilities(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MYSQL: Offer = Offer {
        family: Family::MySql,
        version: 80_403,
        tls: TlsOffer::Offered,
        compression: CompressionOffer::Offered,
    };
    const MARIADB: Offer = Offer { family: Family::MariaDb, version: 101_119, ..MYSQL };

    #[test]
    fn nothing_we_do_not_carry_is_offered() {
        let not_carried =
            Capabilities::MULTI_FACTOR | Capabilities::OPTIONAL_RESULTSET_METADATA | Capabilities::CACHE_METADATA;
        for offer in [MYSQL, MARIADB] {
            assert_eq!(offered(&offer) & not_carried, Capabilities::NONE);
        }
    }

    #[test]
    fn only_mariadb_has_extended_flags_and_lacks_bit_zero() {
        assert_eq!(offered(&MYSQL).extended(), 0);
        assert!(!offered(&MARIADB).contains(Capabilities::CLIENT_MYSQL));
    }

    #[test]
    fn compression_is_offered_as_the_family_has_it() {
        let both = Capabilities::COMPRESS | Capabilities::ZSTD;
        assert_eq!(offered(&MYSQL) & both, both);
        assert_eq!(offered(&MARIADB) & both, Capabilities::COMPRESS);
        let without = Offer { compression: CompressionOffer::Absent, ..MYSQL };
        assert_eq!(offered(&without) & both, Capabilities::NONE);
    }

    #[test]
    fn only_a_mysql_that_has_attributes_offers_them() {
        assert!(offered(&MYSQL).contains(Capabilities::QUERY_ATTRIBUTES));
        assert!(!offered(&Offer { version: 80_022, ..MYSQL }).contains(Capabilities::QUERY_ATTRIBUTES));
        assert!(!offered(&MARIADB).contains(Capabilities::QUERY_ATTRIBUTES));
    }

    #[test]
    fn every_flag_of_a_class_is_offered_to_someone() {
        let all = offered(&MYSQL) | offered(&MARIADB);
        assert!(all.contains(CapabilityClass::MASK));
    }
}
