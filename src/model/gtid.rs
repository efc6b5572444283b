//! Positions in the streams of writes, of both families, as far as counting what is missing needs them.

use std::collections::BTreeMap;

/// How far a server has got in each stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// MariaDB: the last sequence number of each domain.
    MariaDb(BTreeMap<u64, u64>),
    /// Oracle MySQL: for each source (and tag) the closed intervals it has.
    MySql(BTreeMap<String, Vec<(u64, u64)>>),
}

impl Position {
    /// MariaDB's text, for example `1-11-5,2-21-9`; several texts may be given, the highest number of each domain counts.
    pub fn of_mariadb(texts: &[&str]) -> Position {
        let mut domains = BTreeMap::new();
        for part in texts.iter().flat_map(|text| text.split(',')) {
            let mut numbers = part.trim().split('-').map(|number| number.parse::<u64>().ok());
            if let (Some(Some(domain)), Some(Some(_)), Some(Some(last))) =
                (numbers.next(), numbers.next(), numbers.next())
            {
                let known = domains.entry(domain).or_insert(last);
                *known = last.max(*known);
            }
        }
        Position::MariaDb(domains)
    }

    /// Oracle MySQL's text, for example `3e11fa47-…:1-5:7,…:tag:1-2`.
    pub fn of_mysql(text: &str) -> Position {
        let mut sources: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        for part in text.split(',') {
            let mut words = part.split(':').map(str::trim);
            let Some(source) = words.next().filter(|source| !source.is_empty()) else { continue };
            let mut name = source.to_lowercase();
            for word in words {
                match interval(word) {
                    Some(found) => sources.entry(name.clone()).or_default().push(found),
                    // A tag; the intervals behind it are its own.
                    None => name = format!("{}:{}", source.to_lowercase(), word.to_lowercase()),
                }
            }
        }
        Position::MySql(sources)
    }

    /// Without one MariaDB domain: a server does not wait for what it writes itself.
    pub fn without_domain(self, domain: u64) -> Position {
        match self {
            Position::MariaDb(mut domains) => {
                domains.remove(&domain);
                Position::MariaDb(domains)
            }
            sets @ Position::MySql(_) => sets,
        }
    }

    /// Of one MariaDB domain alone.
    pub fn only_domain(self, domain: u64) -> Position {
        match self {
            Position::MariaDb(mut domains) => {
                domains.retain(|known, _| *known == domain);
                Position::MariaDb(domains)
            }
            sets @ Position::MySql(_) => sets,
        }
    }

    /// Of one Oracle MySQL server alone, by its UUID, whatever the tags.
    pub fn only_source(self, uuid: &str) -> Position {
        match self {
            Position::MySql(mut sources) => {
                let is_own = |source: &str| source.split(':').next().is_some_and(|own| own.eq_ignore_ascii_case(uuid));
                sources.retain(|source, _| is_own(source));
                Position::MySql(sources)
            }
            domains @ Position::MariaDb(_) => domains,
        }
    }

    /// How many transactions of this position `other` does not have; `None` between families.
    pub fn missing_from(&self, other: &Position) -> Option<u64> {
        match (self, other) {
            (Position::MariaDb(here), Position::MariaDb(there)) => {
                let missing =
                    |(domain, last): (&u64, &u64)| last.saturating_sub(there.get(domain).copied().unwrap_or(0));
                Some(here.iter().map(missing).sum())
            }
            (Position::MySql(here), Position::MySql(there)) => {
                let none = Vec::new();
                let missing = |(source, intervals): (&String, &Vec<(u64, u64)>)| {
                    let known = there.get(source).unwrap_or(&none);
                    intervals.iter().map(|one| beyond(*one, known)).sum::<u64>()
                };
                Some(here.iter().map(missing).sum())
            }
            (Position::MariaDb(_), Position::MySql(_)) | (Position::MySql(_), Position::MariaDb(_)) => None,
        }
    }
}

fn interval(word: &str) -> Option<(u64, u64)> {
    match word.split_once('-') {
        Some((first, last)) => Some((first.parse().ok()?, last.parse().ok()?)),
        None => word.parse().ok().map(|only| (only, only)),
    }
}

/// How much of an interval lies in none of `known`, which do not overlap.
fn beyond((first, last): (u64, u64), known: &[(u64, u64)]) -> u64 {
    let shared = known.iter().map(|(from, to)| (last.min(*to) + 1).saturating_sub(first.max(*from)));
    (last + 1).saturating_sub(first).saturating_sub(shared.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mariadb_server_lacks_is_counted_domain_by_domain() {
        let count =
            |here: &str, there: &[&str]| Position::of_mariadb(&[here]).missing_from(&Position::of_mariadb(there));
        assert_eq!(count("1-11-5,2-21-9", &["1-11-3", "2-21-9"]), Some(2));
        assert_eq!(count("1-11-5", &["1-12-7"]), Some(0), "servers of one domain count as one");
        assert_eq!(count("3-31-4", &["1-11-5"]), Some(4));
        assert_eq!(count("1-11-5", &["1-11-3", "1-11-5"]), Some(0), "the highest of several texts counts");
        let own = Position::of_mariadb(&["1-11-5,2-21-9"]).without_domain(2);
        assert_eq!(own.missing_from(&Position::of_mariadb(&["1-11-5"])), Some(0));
        let own = Position::of_mariadb(&["1-11-5,2-21-9"]).only_domain(2);
        assert_eq!(own.missing_from(&Position::of_mariadb(&["1-11-5"])), Some(9));
    }

    #[test]
    fn what_a_mysql_server_lacks_is_counted_by_intervals_and_tags() {
        let count = |here: &str, there: &str| Position::of_mysql(here).missing_from(&Position::of_mysql(there));
        assert_eq!(count("a:1-10", "A:1-4:6-7"), Some(4));
        assert_eq!(count("a:5,\nb:1-2", "a:1-9"), Some(2));
        assert_eq!(count("a:1-3:blue:1-5", "a:1-3:blue:2"), Some(4));
        assert_eq!(count("", "a:1"), Some(0));
        assert_eq!(Position::of_mysql("a:1").missing_from(&Position::of_mariadb(&["1-1-1"])), None);
        let own = Position::of_mysql("a:1-3:blue:1-5,b:1-9").only_source("A");
        assert_eq!(own.missing_from(&Position::of_mysql("b:1-2")), Some(8));
    }
}
