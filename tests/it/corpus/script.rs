//! The SQL of a regression test file: its statements in order, without the test program's own commands.
//!
//! Reads the language of the servers' test program as far as needed to tell its commands from SQL; what `eval` would substitute is left out.

/// Commands of the test program; a line that begins with one is no SQL.
const COMMANDS: &str = " append_file assert cat_file change_user character_set chmod connect connection copy_file copy_files_wildcard dec die diff_files \
dirty_close disable_abort_on_error disable_async_client disable_cursor_protocol disable_connect_log disable_info disable_metadata disable_parsing \
disable_prepare_warnings disable_ps2_protocol disable_ps_protocol disable_query_log disable_reconnect disable_result_log disable_rpl_parse \
disable_service_connection disable_session_track_info disable_testcase disable_view_protocol disable_warnings disconnect echo enable_abort_on_error \
enable_async_client enable_connect_log enable_cursor_protocol enable_info enable_metadata enable_parsing enable_prepare_warnings enable_ps2_protocol \
enable_ps_protocol enable_query_log enable_reconnect enable_result_log enable_rpl_parse enable_service_connection enable_session_track_info \
enable_testcase enable_view_protocol enable_warnings end end_timer error eval evalp exec exec_in_background execw exit expr file_exists \
force_cpdir force_rmdir horizontal_results if inc let list_files list_files_append_file list_files_write_file lowercase_result mkdir move_file \
optimizer_trace output partially_sorted_result ping query_attributes query_get_value query_horizontal query_vertical real_sleep reap \
remove_file remove_files_wildcard replace_column replace_numeric_round replace_regex replace_result require reset_connection \
result_format rmdir save_master_pos send send_eval send_quit send_shutdown shutdown_server skip skip_if_hypergraph sleep \
sorted_result source start_timer sync_slave_with_master sync_with_master system vertical_results wait_for_slave_to_stop while write_file perl ";

/// The statements of a test file.
pub fn statements(text: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader { text, at: 0, delimiter: b";".to_vec() };
    let mut found = Vec::new();
    while let Some(piece) = reader.next() {
        found.extend(piece);
    }
    found
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    delimiter: Vec<u8>,
}

impl Reader<'_> {
    /// The next piece of the file: a statement, or `Some(None)` for anything else; `None` at the end.
    fn next(&mut self) -> Option<Option<Vec<u8>>> {
        while self.rest().first().is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'{' | b'}')) {
            self.at += 1;
        }
        let rest = self.rest();
        let first = *rest.first()?;
        if first == b'#' {
            self.line();
            return Some(None);
        }
        if rest.starts_with(b"--") {
            let line = self.line();
            self.command(&line[2..]);
            return Some(None);
        }
        let word = word(rest);
        if word == "if" || word == "while" {
            self.line();
            return Some(None);
        }
        let piece = self.piece();
        if word == "delimiter" || COMMANDS.contains(&format!(" {word} ")) {
            self.command(&piece);
            return Some(None);
        }
        // A variable of the test program's in a statement that it does not substitute is the server's to judge.
        Some((!piece.trim_ascii().is_empty()).then_some(piece))
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    fn line(&mut self) -> Vec<u8> {
        let rest = self.rest();
        let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let line = rest[..length].to_vec();
        self.at = (self.at + length + 1).min(self.text.len());
        line
    }

    /// What a command means for the reading of what follows: another delimiter, or text that belongs to it.
    fn command(&mut self, command: &[u8]) {
        let command = String::from_utf8_lossy(command.trim_ascii()).into_owned();
        let mut words = command.split_ascii_whitespace();
        match words.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "delimiter" => {
                if let Some(delimiter) = words.next() {
                    self.delimiter = delimiter.as_bytes().to_vec();
                }
            }
            "write_file" | "append_file" | "perl" => {
                let end = words.last().filter(|word| word.chars().all(|c| c.is_ascii_uppercase())).unwrap_or("EOF");
                while self.at < self.text.len() && self.line().trim_ascii() != end.as_bytes() {}
            }
            "disable_parsing" => {
                while self.at < self.text.len() {
                    let line = self.line();
                    if String::from_utf8_lossy(&line).contains("enable_parsing") {
                        break;
                    }
                }
            }
            _ => {}
        }
    }

    /// Up to the delimiter outside quotes.
    fn piece(&mut self) -> Vec<u8> {
        let start = self.at;
        let mut quote = None;
        while let Some(&byte) = self.text.get(self.at) {
            match quote {
                Some(_) if byte == b'\\' => self.at += 1,
                Some(open) if byte == open => quote = None,
                Some(_) => {}
                None if self.rest().starts_with(&self.delimiter) => {
                    let piece = self.text[start..self.at].to_vec();
                    self.at += self.delimiter.len();
                    return piece;
                }
                None if matches!(byte, b'\'' | b'"' | b'`') => quote = Some(byte),
                None if byte == b'\n' && self.text.get(self.at + 1) == Some(&b'#') => {
                    self.at += 1;
                    self.line();
                    continue;
                }
                None => {}
            }
            self.at += 1;
        }
        self.at = self.text.len();
        self.text[start..].to_vec()
    }
}

fn word(text: &[u8]) -> String {
    let length = text.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').unwrap_or(text.len());
    String::from_utf8_lossy(&text[..length]).to_ascii_lowercase()
}

#[test]
fn statements_are_told_from_commands() {
    let text = b"--echo x\n# comment; with semicolon\nSELECT 1;\nlet $a= 1;\nif ($a)\n{\nSELECT ';', \"a\\\";b\" ;\n}\n\
        delimiter //;\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\ndelimiter ;//\nwrite_file x;\nSELECT 9;\nEOF\nDROP PROCEDURE p;\n";
    let found: Vec<String> = statements(text).iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    assert_eq!(
        found,
        ["SELECT 1", "SELECT ';', \"a\\\";b\" ", "CREATE PROCEDURE p() BEGIN SELECT 1; END", "DROP PROCEDURE p"]
    );
}
