//! Where clients connect: addresses, what the greeting speaks for, encryption, compression, load balancers.

use std::path::{Path, PathBuf};

use super::groups::{FAMILIES, ReadGroup};
use super::places::{Addresses, ReadUnits};
use super::reader::{Located, Problems, Section};
use super::shape;
use crate::frontend::{ListenerConfig, ListenerTls};
use crate::net::tls::{Certificate, ClientCertificates, TlsNeed};
use crate::sql::{Dialect, Family};
use crate::wire::capability::CompressionOffer;

/// How a listener's `tls` is spelt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TlsMode {
    Off,
    Available,
    Required,
}

const TLS: &[(&str, TlsMode)] =
    &[("off", TlsMode::Off), ("available", TlsMode::Available), ("required", TlsMode::Required)];

/// How `tls_client_certificate` is spelt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientWish {
    Optional,
    Required,
}

const CLIENT_CERTIFICATE: &[(&str, ClientWish)] =
    &[("optional", ClientWish::Optional), ("required", ClientWish::Required)];

const COMPRESSION: &[(&str, CompressionOffer)] =
    &[("available", CompressionOffer::Offered), ("off", CompressionOffer::Absent)];

/// The listeners of the file.
pub fn read_listeners(
    root: &Section<'_>,
    problems: &mut Problems,
    units: &ReadUnits,
    groups: &[ReadGroup],
    taken: &mut Addresses,
    folder: &Path,
) -> Vec<ListenerConfig> {
    let sections = root.sections(problems, "listener");
    if sections.is_empty() && !root.holds("listener") {
        problems.add(&root.place_of("listener"), "nothing", "at least one section [[listener]]");
    }
    let mut listeners = Vec::new();
    for section in sections {
        let unit = section.required(problems, "unit", shape::name()).and_then(|unit| units.find(&unit, problems));
        let address = section.required(problems, "address", shape::listen_address());
        if let Some(address) = &address {
            taken.claim(address, problems);
        }
        let family = section.required(problems, "family", shape::word(FAMILIES));
        if let Some(family) = &family {
            check_families(family, groups, problems);
        }
        let version = section.required(problems, "server_version", shape::text());
        let version_number = family.as_ref().zip(version.as_ref());
        let version_number = version_number.and_then(|(family, text)| read_version(family.value, text, problems));
        let tls = read_tls(&section, problems, folder);
        let compression = section.or(problems, "compression", shape::word(COMPRESSION), CompressionOffer::Offered);
        let balancers = section.optional(problems, "proxy_protocol_from", shape::networks());
        section.finish(problems);
        listeners.extend((|| {
            Some(ListenerConfig {
                unit: unit?,
                address: address?.value,
                dialect: Dialect { family: family?.value, version: version_number? },
                server_version: version?.value,
                tls,
                compression,
                balancers: balancers.map(|networks| networks.value).unwrap_or_default(),
            })
        })());
    }
    listeners
}

/// A listener's encryption; without any key of it, offered with a self-signed certificate.
fn read_tls(section: &Section<'_>, problems: &mut Problems, folder: &Path) -> ListenerTls {
    let mode = section.or(problems, "tls", shape::word(TLS), TlsMode::Available);
    let certificate = match read_pair(section, problems, folder, "tls_certificate", "tls_key") {
        Some((chain, key)) => Certificate::Files { chain, key },
        None => Certificate::SelfSigned,
    };
    let authority = section.optional(problems, "tls_client_authority", shape::readable_file(folder));
    let wish = section.optional(problems, "tls_client_certificate", shape::word(CLIENT_CERTIFICATE));
    if wish.is_some() && !section.holds("tls_client_authority") {
        let place = section.place_of("tls_client_authority");
        problems.add(&place, "nothing", "a path, because tls_client_certificate is there");
    }
    let wish = wish.map_or(ClientWish::Required, |wish| wish.value);
    if section.holds("tls_client_authority") && wish == ClientWish::Required && mode != TlsMode::Required {
        let expected = "\"required\", because clients without encryption show no certificate";
        problems.add(&section.place_of("tls"), "an encryption that clients may do without", expected);
    }
    let clients = match (authority, wish) {
        (None, _) => ClientCertificates::Unasked,
        (Some(file), ClientWish::Optional) => ClientCertificates::Optional(file.value),
        (Some(file), ClientWish::Required) => ClientCertificates::Required(file.value),
    };
    match mode {
        TlsMode::Off => ListenerTls::Off,
        TlsMode::Available => ListenerTls::On { need: TlsNeed::Preferred, certificate, clients },
        TlsMode::Required => ListenerTls::On { need: TlsNeed::Required, certificate, clients },
    }
}

/// The files of a certificate's chain and its key: both, or neither.
pub fn read_pair(
    section: &Section<'_>,
    problems: &mut Problems,
    folder: &Path,
    chain: &'static str,
    key: &'static str,
) -> Option<(PathBuf, PathBuf)> {
    let files = (
        section.optional(problems, chain, shape::readable_file(folder)),
        section.optional(problems, key, shape::readable_file(folder)),
    );
    for (one, other) in [(chain, key), (key, chain)] {
        if section.holds(one) && !section.holds(other) {
            problems.add(&section.place_of(other), "nothing", format!("a path, because {one} is there"));
        }
    }
    let (chain, key) = files;
    Some((chain?.value, key?.value))
}

/// The greeting comes before the user, and so the group, is known: all groups must be of the listener's family.
fn check_families(family: &Located<Family>, groups: &[ReadGroup], problems: &mut Problems) {
    let word = |family: Family| FAMILIES.iter().find(|(_, other)| *other == family).map_or("", |(word, _)| word);
    for group in groups {
        if let Some(own) = &group.family
            && own.value != family.value
        {
            let expected = format!("\"{}\", the family of group '{}'", word(own.value), group.name.value);
            problems.add(&family.place, format!("\"{}\"", word(family.value)), expected);
        }
    }
}

/// `10.11.19-MariaDB` -> 101119. Drivers tell the families apart by the word, so it must agree with the family.
fn read_version(family: Family, text: &Located<String>, problems: &mut Problems) -> Option<u32> {
    let says_mariadb = text.value.to_ascii_lowercase().contains("mariadb");
    let expected = match family {
        Family::MariaDb => "a version of the family mariadb, as in \"10.11.6-MariaDB\"",
        Family::MySql => "a version of the family mysql, as in \"8.4.3\"",
    };
    let number = version_number(&text.value).filter(|_| says_mariadb == (family == Family::MariaDb));
    if number.is_none() {
        problems.add(&text.place, format!("\"{}\"", text.value.escape_debug()), expected);
    }
    number
}

fn version_number(text: &str) -> Option<u32> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let parts: Vec<u32> = text[..end].split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let printable = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic());
    match parts[..] {
        [major, minor, patch] if printable && major < 100 && minor < 100 && patch < 100 => {
            Some(major * 10_000 + minor * 100 + patch)
        }
        _ => None,
    }
}
