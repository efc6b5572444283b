//! What is measured: the cases, and the statements their events are made of.

use clap::ValueEnum;
use rand::Rng;
use rand::rngs::StdRng;

/// Rows of sbtest1, with ids from 1.
const ROWS: u32 = 100_000;

/// Writers get every so-manieth row each, so that they never wait for one another's locks: it is the proxies that are measured.
const LANES: u32 = 1024;

/// Rows of a range read, as in sysbench.
const RANGE: u32 = 100;

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// One row by its primary key, as text.
    Point,
    /// The same, prepared once for each connection.
    Prepared,
    /// sysbench's oltp_read_only without BEGIN: ten point selects and four ranges.
    ReadOnly,
    /// sysbench's oltp_read_write: the same with two updates, a delete and an insert, in a transaction.
    ReadWrite,
    /// A login, one point select, COM_QUIT.
    Connect,
    /// 100 000 rows of 200 bytes.
    Big,
}

impl Case {
    /// All of them, in the order they run.
    pub const ALL: [Case; 6] = [Case::Point, Case::Prepared, Case::ReadOnly, Case::ReadWrite, Case::Connect, Case::Big];

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Case::Point => "point select, text",
            Case::Prepared => "point select, prepared",
            Case::ReadOnly => "read-only (10 points, 4 ranges)",
            Case::ReadWrite => "read-write (BEGIN .. COMMIT, 20 statements)",
            Case::Connect => "connect, point select, disconnect",
            Case::Big => "20 MB result",
        }
    }

    /// Its name on the command line and in the results.
    pub fn key(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// At how many connections it runs unless told otherwise. At 64 and more, one turn of the big result takes many seconds.
    pub fn usual_connections(self) -> &'static [u16] {
        match self {
            Case::Big => &[1, 16],
            Case::Point | Case::Prepared | Case::ReadOnly | Case::ReadWrite | Case::Connect => &[1, 16, 64, 256],
        }
    }

    /// How many slices long its turn is: an event must be short beside it.
    pub fn slices(self) -> u32 {
        match self {
            Case::Point | Case::Prepared | Case::Connect => 1,
            Case::ReadOnly | Case::ReadWrite | Case::Big => 3,
        }
    }
}

/// Any row's id.
pub fn any_id(random: &mut StdRng) -> u32 {
    random.random_range(1..=ROWS)
}

/// The point select as text.
pub fn point_select(random: &mut StdRng) -> String {
    format!("SELECT c FROM sbtest1 WHERE id={}", any_id(random))
}

/// The point select as it is prepared.
pub const POINT_SELECT: &str = "SELECT c FROM sbtest1 WHERE id=?";

/// The whole blob20.
pub const BIG_SELECT: &str = "SELECT data FROM blob20";

/// The statements of one read-only event.
pub fn reads(random: &mut StdRng) -> Vec<String> {
    let mut statements: Vec<String> = (0..10).map(|_| point_select(random)).collect();
    let mut range = |what: &str, order: &str| {
        let first = random.random_range(1..=ROWS - RANGE);
        let last = first + RANGE - 1;
        statements.push(format!("SELECT {what} FROM sbtest1 WHERE id BETWEEN {first} AND {last}{order}"));
    };
    range("c", "");
    range("SUM(k)", "");
    range("c", " ORDER BY c");
    range("DISTINCT c", " ORDER BY c");
    statements
}

/// The statements of one read-write event of the client with this number.
pub fn transaction(random: &mut StdRng, client: u32) -> Vec<String> {
    let mut statements = vec!["BEGIN".to_owned()];
    statements.extend(reads(random));
    let mut own_id = || random.random_range(0..ROWS / LANES) * LANES + client % LANES + 1;
    let (indexed, plain, replaced) = (own_id(), own_id(), own_id());
    let text = digits(random, 119);
    let pad = digits(random, 59);
    statements.push(format!("UPDATE sbtest1 SET k=k+1 WHERE id={indexed}"));
    statements.push(format!("UPDATE sbtest1 SET c='{text}' WHERE id={plain}"));
    statements.push(format!("DELETE FROM sbtest1 WHERE id={replaced}"));
    statements.push(format!(
        "INSERT INTO sbtest1 (id, k, c, pad) VALUES ({replaced}, {}, '{text}', '{pad}')",
        any_id(random)
    ));
    statements.push("COMMIT".to_owned());
    statements
}

/// Groups of eleven digits with dashes between, as sysbench fills its columns.
fn digits(random: &mut StdRng, length: usize) -> String {
    (0..length).map(|at| if at % 12 == 11 { '-' } else { char::from(b'0' + random.random_range(0..10u8)) }).collect()
}
