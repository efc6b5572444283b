//! `[control]`: where the control state is kept, and how etcd is reached.

use std::path::Path;
use std::time::Duration;

use super::file::StoreConfig;
use super::listeners::read_pair;
use super::reader::{Problems, Section};
use super::shape;
use crate::control::{EtcdConfig, direct_reports};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Etcd,
}

const KINDS: &[(&str, Kind)] = &[("file", Kind::File), ("etcd", Kind::Etcd)];

/// etcd grants no shorter ones, and whoever is paused for longer keeps everybody waiting.
const SHORTEST_LEASE: Duration = Duration::from_secs(2);

/// A move waits that long for a node that fell silent.
const LONGEST_LEASE: Duration = Duration::from_secs(60);

/// The store, and where this node is told directly; absent means the file, and nowhere.
pub fn read(
    root: &Section<'_>,
    problems: &mut Problems,
    folder: &Path,
) -> Option<(StoreConfig, Option<direct_reports::Config>)> {
    let Some(section) = root.section(problems, "control") else { return Some((StoreConfig::File, None)) };
    let kind = section.required(problems, "store", shape::word(KINDS));
    let (store, reports) = match kind?.value {
        Kind::File => (Some(StoreConfig::File), None),
        Kind::Etcd => (read_etcd(&section, problems, folder).map(StoreConfig::Etcd), read_reports(&section, problems)),
    };
    section.finish(problems);
    Some((store?, reports))
}

fn read_reports(section: &Section<'_>, problems: &mut Problems) -> Option<direct_reports::Config> {
    let listen = section.optional(problems, "reports_listen", shape::listen_address());
    let advertise = section.optional(problems, "reports_advertise", shape::listen_address());
    let Some(listen) = listen else {
        if let Some(advertise) = advertise {
            problems.add(&advertise.place, "an address without reports_listen", "both, or reports_listen alone");
        }
        return None;
    };
    let place = advertise.as_ref().map_or(&listen.place, |advertise| &advertise.place);
    let reached = advertise.as_ref().map_or(listen.value, |advertise| advertise.value);
    if reached.ip().is_unspecified() || reached.port() == 0 {
        let expected = "reports_advertise: the address and port at which other nodes reach this one";
        problems.add(place, format!("\"{reached}\""), expected);
        return None;
    }
    Some(direct_reports::Config { listen: listen.value, advertise: reached })
}

fn read_etcd(section: &Section<'_>, problems: &mut Problems, folder: &Path) -> Option<EtcdConfig> {
    let endpoints = section.required(problems, "endpoints", shape::texts());
    let cluster = section.or(problems, "cluster", shape::name(), "main".to_owned());
    let lease = section.optional(problems, "lease", shape::duration());
    let user = section.optional(problems, "user", shape::text());
    let password = section.optional(problems, "password", shape::secret(folder));
    let authority = section.optional(problems, "tls_authority", shape::readable_file(folder)).map(|path| path.value);
    let identity = read_pair(section, problems, folder, "tls_certificate", "tls_key");
    if user.is_some() != password.is_some() {
        problems.add(&section.place_of("user"), "one of user and password", "both, or neither");
    }
    let lease = match lease {
        None => Duration::from_secs(5),
        Some(lease) if (SHORTEST_LEASE..=LONGEST_LEASE).contains(&lease.value) && lease.value.subsec_nanos() == 0 => {
            lease.value
        }
        Some(lease) => {
            problems.add(&lease.place, format!("{:?}", lease.value), "whole seconds from \"2s\" to \"60s\"");
            return None;
        }
    };
    let endpoints = endpoints?;
    for endpoint in &endpoints.value {
        let scheme = endpoint.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            Some("http") => {}
            Some("https") if authority.is_some() => {}
            Some("https") => {
                problems.add(&section.place_of("tls_authority"), "nothing", "the authority of the https endpoints");
                return None;
            }
            Some(_) | None => {
                let expected = "addresses such as \"https://etcd-1:2379\"";
                problems.add(&endpoints.place, format!("\"{endpoint}\""), expected);
                return None;
            }
        }
    }
    if endpoints.value.is_empty() {
        problems.add(&endpoints.place, "an array of 0", "at least one endpoint");
        return None;
    }
    let login = user.zip(password).map(|(user, password)| (user.value, password.value));
    let prefix = format!("/meridian/{cluster}/");
    Some(EtcdConfig { endpoints: endpoints.value, prefix, lease, login, authority, identity })
}
