//! What a server's general log says about one statement: was it executed there?

/// How often `log` shows a statement with `marker` being executed. Being prepared does not count: the statement text is only read then.
pub fn executed_in(log: &str, marker: &str) -> usize {
    log.lines().filter(|line| is_execution(line, marker)).count()
}

/// A line is `[time]<tab>[<tab>]<thread id> <command><tab><text>`.
fn is_execution(line: &str, marker: &str) -> bool {
    let Some(at) = line.find(marker) else { return false };
    let mut columns = line[..at].split('\t').rev();
    let _statement_before_the_marker = columns.next();
    let command = columns.next().and_then(|column| column.split_whitespace().last());
    matches!(command, Some("Query" | "Execute"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executions_of_the_marked_statement_count() {
        let log = "261121  3:12:09\t     9 Query\tSELECT 1 /* tour 1 */\n\
                   \t\t     9 Prepare\tSELECT ? /* tour 2 */\n\
                   \t\t     9 Execute\tSELECT 5 /* tour 2 */\n\
                   \t\t    12 Execute\tSELECT 6 /* tour 2 */\n\
                   \t\t     9 Close stmt\t\n\
                   \t\t     9 Query\tSELECT 'a\tb' /* tour 3 */\n\
                   tour 4 without a command\n";
        for (marker, times) in [("tour 1", 1), ("tour 2", 2), ("tour 4", 0), ("tour 5", 0)] {
            assert_eq!(executed_in(log, marker), times, "{marker}");
        }
    }
}
