//! What nodes write of themselves into a store they share, as JSON: who they are, how far they have got, what they ask each other.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::direct_reports::{key_of, key_text};
use crate::model::{About, Claim, Epoch, MoveId, Question, Report, ReportAddress};

/// Why an entry cannot be written, or bytes are no entry.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct EntryError(#[from] serde_json::Error);

/// The version of these entries; a node that reads a higher one takes what it knows.
const VERSION: u32 = 1;

/// An incarnation's own key, and the one that goes with its lease.
#[derive(Serialize, Deserialize)]
struct MemberEntry {
    version: u32,
    program: String,
    units: Vec<String>,
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    number: u8,
    #[serde(default)]
    own_accounts: Vec<String>,
    #[serde(default)]
    compares_rows: Vec<String>,
    #[serde(default)]
    compares_leases: Vec<String>,
    #[serde(default)]
    knows: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reports_at: Option<ReportAddressEntry>,
    #[serde(default)]
    seen: u64,
    #[serde(default)]
    settled: u64,
    #[serde(default)]
    drained: Vec<u64>,
    #[serde(default)]
    claims: Vec<ClaimEntry>,
}

#[derive(Serialize, Deserialize)]
struct ReportAddressEntry {
    address: String,
    key: String,
}

#[derive(Serialize, Deserialize)]
struct ClaimEntry {
    question: u64,
    threads: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct QuestionEntry {
    version: u32,
    instance: String,
}

/// A member as the bytes of its key. Errors: the serializer's.
pub fn write(about: &About, report: &Report) -> Result<Vec<u8>, EntryError> {
    let claim = |claim: &Claim| ClaimEntry { question: claim.question, threads: claim.threads.clone() };
    let bytes = serde_json::to_vec(&MemberEntry {
        version: VERSION,
        program: about.version.clone(),
        units: about.units.clone(),
        accounts: about.accounts.clone(),
        number: about.number,
        own_accounts: about.own_accounts.clone(),
        compares_rows: about.compares_rows.clone(),
        compares_leases: about.compares_leases.clone(),
        knows: about.knows.clone(),
        reports_at: about
            .reports_at
            .as_ref()
            .map(|told| ReportAddressEntry { address: told.address.to_string(), key: key_text(&told.key) }),
        seen: report.seen.0,
        settled: report.settled.0,
        drained: report.drained.iter().map(|id| id.0).collect(),
        claims: report.claims.iter().map(claim).collect(),
    })?;
    Ok(bytes)
}

/// What a member says of itself. Errors: not of this shape.
pub fn read(bytes: &[u8]) -> Result<(About, Report), EntryError> {
    let entry: MemberEntry = serde_json::from_slice(bytes)?;
    let claim = |claim: ClaimEntry| Claim { question: claim.question, threads: claim.threads };
    let report = Report {
        seen: Epoch(entry.seen),
        settled: Epoch(entry.settled),
        drained: entry.drained.into_iter().map(MoveId).collect(),
        claims: entry.claims.into_iter().map(claim).collect(),
    };
    let about = About {
        units: entry.units,
        version: entry.program,
        accounts: entry.accounts,
        number: entry.number,
        own_accounts: entry.own_accounts,
        compares_rows: entry.compares_rows,
        compares_leases: entry.compares_leases,
        knows: entry.knows,
        // One that is told in a way this program does not know is told by the store alone.
        reports_at: entry
            .reports_at
            .and_then(|told| Some(ReportAddress { address: told.address.parse().ok()?, key: key_of(&told.key)? })),
    };
    Ok((about, report))
}

/// A question as the bytes of its key. Errors: the serializer's.
pub fn write_question(question: &Question) -> Result<Vec<u8>, EntryError> {
    Ok(serde_json::to_vec(&QuestionEntry { version: VERSION, instance: question.instance.clone() })?)
}

/// The question with this number. Errors: not of this shape.
pub fn read_question(number: u64, bytes: &[u8]) -> Result<Question, EntryError> {
    let entry: QuestionEntry = serde_json::from_slice(bytes)?;
    Ok(Question { number, instance: entry.instance })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::control::direct_reports::new_key;

    #[test]
    fn entries_are_read_as_they_were_written_and_new_fields_do_no_harm() {
        let about = About {
            units: vec!["hz".to_owned()],
            version: "0.1.0".to_owned(),
            accounts: vec!["app".to_owned()],
            number: 7,
            own_accounts: vec!["main".to_owned()],
            compares_rows: vec!["other".to_owned()],
            compares_leases: vec!["third".to_owned()],
            knows: vec!["hz".to_owned(), "bj".to_owned()],
            reports_at: Some(ReportAddress { address: ([10, 1, 0, 5], 7300).into(), key: new_key() }),
        };
        let claims = vec![Claim { question: 3, threads: vec![7, 9] }];
        let report = Report { seen: Epoch(4), settled: Epoch(3), drained: vec![MoveId(4)], claims };
        let bytes = write(&about, &report).unwrap();
        assert_eq!(read(&bytes).unwrap(), (about.clone(), report.clone()));
        let newer = String::from_utf8(bytes).unwrap().replacen('{', "{\"tomorrow\":1,", 1);
        assert_eq!(read(newer.as_bytes()).unwrap(), (about, report));
        let question = Question { number: 8, instance: "hz-main-1".to_owned() };
        assert_eq!(read_question(8, &write_question(&question).unwrap()).unwrap(), question);
        assert!(read(b"{").is_err() && read_question(1, b"[]").is_err());
    }
}
