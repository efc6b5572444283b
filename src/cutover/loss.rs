//! What a source had written that nobody else has, as GTIDs. Pure, for MariaDB's positions; Oracle MySQL subtracts its own sets.

/// The transactions of `position` beyond `kept`, domain by domain; empty when there are none. `kept` may be several positions, one behind the other.
/// A domain that is not known there is lost from its first transaction on.
pub fn beyond(position: &str, kept: &str) -> String {
    let reached: Vec<(u64, u64)> = parts(kept).map(|(domain, _, last)| (domain, last)).collect();
    let lost = parts(position).filter_map(|(domain, server, last)| {
        let known = reached.iter().filter(|(other, _)| *other == domain).map(|(_, last)| *last).max().unwrap_or(0);
        match last.checked_sub(known)? {
            0 => None,
            1 => Some(format!("{domain}-{server}-{last}")),
            _ => Some(format!("{domain}-{server}-{}..{last}", known + 1)),
        }
    });
    lost.collect::<Vec<_>>().join(",")
}

/// Domain, server and sequence number of each part that is one.
fn parts(position: &str) -> impl Iterator<Item = (u64, u64, u64)> {
    position.split(',').filter_map(|part| {
        let mut numbers = part.trim().split('-').map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??, numbers.next()??))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_beyond_what_is_kept_is_lost() {
        for (position, kept, lost) in [
            ("1-11-935,2-21-7", "1-11-932,2-21-9", "1-11-933..935"),
            ("1-11-933", "1-11-932", "1-11-933"),
            ("1-11-932,2-21-7", "2-21-9,1-12-932", ""),
            ("1-11-4", "2-21-9", "1-11-1..4"),
            ("1-11-4,3-31-7", "1-11-3,3-31-5,1-11-2,3-31-8", "1-11-4"),
            ("", "1-11-4", ""),
        ] {
            assert_eq!(beyond(position, kept), lost, "{position} beyond {kept}");
        }
    }
}
