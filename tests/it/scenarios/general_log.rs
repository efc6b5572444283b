//! What a server's general log says about one statement: which application session executed it, and how often.
//!
//! Statements that replication applies are not counted: a thread counts only if the log shows an application logging in on it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// A log that is read as it grows.
#[derive(Debug, Default)]
pub struct LogReader {
    offset: u64,
    /// The last entry may go on.
    open: Option<Entry>,
    users: HashMap<u64, String>,
    executed: Vec<Execution>,
}

/// One statement that was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The account of the thread.
    pub user: String,
    /// The statement as the server logged it.
    pub text: String,
}

#[derive(Clone, Debug)]
struct Entry {
    thread: u64,
    command: String,
    text: String,
}

impl LogReader {
    /// Reads what has been written since the last time.
    pub fn read(&mut self, log: &Path) {
        let mut file = File::open(log).unwrap();
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        // A line that is being written is left for the next time.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.offset += whole as u64;
        for line in String::from_utf8_lossy(&bytes[..whole]).lines() {
            self.take(line);
        }
    }

    /// The executions whose text holds `marker`, the entry that may still go on included.
    pub fn with(&self, marker: &str) -> Vec<Execution> {
        let open = self.open.as_ref().and_then(|entry| self.execution(entry));
        self.executed.iter().chain(open.as_ref()).filter(|execution| execution.text.contains(marker)).cloned().collect()
    }

    fn take(&mut self, line: &str) {
        match (entry(line), &mut self.open) {
            (Some(entry), _) => {
                if let Some(done) = self.open.replace(entry) {
                    self.close(&done);
                }
            }
            (None, Some(open)) => {
                open.text.push('\n');
                open.text.push_str(line);
            }
            (None, None) => {}
        }
    }

    fn close(&mut self, entry: &Entry) {
        if entry.command == "Connect" {
            let user = entry.text.split('@').next().unwrap_or_default();
            self.users.insert(entry.thread, user.to_owned());
        }
        self.executed.extend(self.execution(entry));
    }

    fn execution(&self, entry: &Entry) -> Option<Execution> {
        let user = self.users.get(&entry.thread)?;
        let executes = matches!(entry.command.as_str(), "Query" | "Execute");
        executes.then(|| Execution { user: user.clone(), text: entry.text.clone() })
    }
}

/// `[time]<tab>[<tab>]<thread id> <command><tab><text>`; anything else goes on with the entry before it.
fn entry(line: &str) -> Option<Entry> {
    let rest = match line.strip_prefix("\t\t") {
        Some(rest) => rest,
        None => {
            let (time, rest) = line.split_once('\t')?;
            let dated = time.len() >= 13 && time.as_bytes()[..6].iter().all(u8::is_ascii_digit);
            dated.then_some(rest)?
        }
    };
    let (head, text) = rest.split_once('\t')?;
    let (thread, command) = head.trim_start().split_once(' ')?;
    Some(Entry { thread: thread.parse().ok()?, command: command.to_owned(), text: text.to_owned() })
}

#[test]
fn statements_of_several_lines_and_of_replication_are_told_apart() {
    let log = "261121  3:12:09\t     9 Connect\tapp@127.0.0.1 on shop using TCP/IP\n\
               \t\t     9 Query\tSELECT 1\n-- m1\n+ 1\n\
               \t\t     5 Query\tALTER TABLE x /* m1 */\n\
               \t\t     9 Prepare\tSELECT ? /* m1 */\n\
               \t\t     9 Execute\tSELECT 5 /* m1 */\n";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("general.log");
    std::fs::write(&path, log).unwrap();
    let mut reader = LogReader::default();
    reader.read(&path);
    let texts: Vec<String> = reader.with("m1").into_iter().map(|execution| execution.text).collect();
    assert_eq!(texts, ["SELECT 1\n-- m1\n+ 1", "SELECT 5 /* m1 */"]);
}
