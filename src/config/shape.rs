//! The shapes a value may have: each knows how to read it and how to say what was expected.
//!
//! It reads no file and no environment but for secrets, whose `file:` and `env:` it follows; and it never shows a secret.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use super::secret;
use crate::cutover::Webhook;
use crate::model::control_state::InstanceAddress;
use crate::model::{PlainKey, Shard, ShardRange};
use crate::net::balancer::Network;

/// Why a value does not fit.
#[derive(Debug)]
pub enum Found {
    /// The error shows the value itself.
    Shown,
    /// The error says this.
    Said(String),
}

/// Reads a value. Errors: what was found instead.
type Read<T> = Box<dyn Fn(&DeValue<'_>) -> Result<T, Found>>;

/// What a value must look like.
pub struct Shape<T> {
    /// The end of the sentence `expected …`.
    pub expected: String,
    /// Reads a value. Errors: what was found instead.
    pub read: Read<T>,
}

impl<T: 'static> Shape<T> {
    fn new(expected: impl Into<String>, read: impl Fn(&DeValue<'_>) -> Option<T> + 'static) -> Self {
        Shape { expected: expected.into(), read: Box::new(move |value| read(value).ok_or(Found::Shown)) }
    }
}

/// The value as an error shows it, shortened.
pub fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() > 60 => {
            format!("\"{}…\"", text.chars().take(57).collect::<String>().escape_debug())
        }
        DeValue::String(text) => format!("\"{}\"", text.escape_debug()),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(when) => when.to_string(),
        DeValue::Array(items) => format!("an array of {}", items.len()),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn integer(value: &DeValue<'_>) -> Option<i128> {
    let number = value.as_integer()?;
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Any text but the empty one.
pub fn text() -> Shape<String> {
    Shape::new("a text that is not empty", |value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned))
}

/// A list of texts, none empty.
pub fn texts() -> Shape<Vec<String>> {
    Shape::new("a list of texts, as in [\"a\", \"b\"]", |value| {
        let one = |item: &DeValue<'_>| item.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        value.as_array()?.iter().map(|item| one(item.get_ref())).collect()
    })
}

/// A name that operators type and logs show.
pub fn name() -> Shape<String> {
    Shape::new("a name: 1 to 64 letters, digits, '_', '-' or '.'", |value| {
        let text = value.as_str()?;
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
        ((1..=64).contains(&text.len()) && text.chars().all(fits)).then(|| text.to_owned())
    })
}

/// A table's name, or a prefix and one `*`; folded to lower case.
pub fn table_name() -> Shape<String> {
    Shape::new("a table's name without its schema, or a prefix followed by one *", |value| {
        let text = value.as_str()?;
        let stem = text.strip_suffix('*').unwrap_or(text);
        let fits = !text.is_empty() && !stem.contains(['*', '.', '`', '"']);
        fits.then(|| text.to_lowercase())
    })
}

/// A list of tables' names without their schemas, folded to lower case; it may be empty.
pub fn table_names() -> Shape<Vec<String>> {
    Shape::new("a list of tables' names without their schemas", |value| {
        let one = |item: &DeValue<'_>| {
            let text = item.as_str()?;
            (!text.is_empty() && !text.contains(['*', '.', '`', '"'])).then(|| text.to_lowercase())
        };
        value.as_array()?.iter().map(|item| one(item.get_ref())).collect()
    })
}

/// A list of digests.
pub fn digests() -> Shape<Vec<u64>> {
    Shape::new("a list of digests, each 16 hexadecimal digits", |value| {
        let one = |item: &DeValue<'_>| {
            let text = item.as_str().filter(|text| text.len() == 16)?;
            u64::from_str_radix(text, 16).ok()
        };
        value.as_array()?.iter().map(|item| one(item.get_ref())).collect()
    })
}

/// A whole number in `lowest ..= highest`.
pub fn whole_number(lowest: i128, highest: i128) -> Shape<i128> {
    Shape::new(format!("a whole number from {lowest} to {highest}"), move |value| {
        integer(value).filter(|number| (lowest..=highest).contains(number))
    })
}

/// A whole number in `lowest ..= highest` as a count.
pub fn count(lowest: u32, highest: u32) -> Shape<u32> {
    Shape::new(format!("a whole number from {lowest} to {highest}"), move |value| {
        integer(value)
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (lowest..=highest).contains(number))
    })
}

/// Any whole number of 64 bits, signed or not.
pub fn key_number() -> Shape<i128> {
    Shape::new("a whole number of at most 64 bits, or such a number in quotes", |value| {
        let number = match value.as_str() {
            Some(text) => text.parse().ok()?,
            None => integer(value)?,
        };
        (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number).then_some(number)
    })
}

/// A list of routing keys.
pub fn plain_keys() -> Shape<Vec<PlainKey>> {
    Shape::new("a list of keys, as in [111123, \"alice\"]", |value| {
        value.as_array()?.iter().map(|item| one_key(item.get_ref())).collect()
    })
}

fn one_key(value: &DeValue<'_>) -> Option<PlainKey> {
    match value.as_str() {
        Some("") => None,
        Some(text) => Some(PlainKey::of(text)),
        None => integer(value).map(PlainKey::Integer),
    }
}

/// A place in a text: from 1 at its beginning, from -1 at its end.
pub fn position() -> Shape<i32> {
    Shape::new("a place in the text: from 1 at its beginning, or from -1 at its end", |value| {
        integer(value).and_then(|number| i32::try_from(number).ok()).filter(|place| (1..=1_000).contains(&place.abs()))
    })
}

/// What a whole number is divided by.
pub fn divisor() -> Shape<u64> {
    Shape::new("a whole number of at least 1", |value| {
        integer(value).and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0)
    })
}

/// One of a few words.
pub fn word<T: Copy + 'static>(words: &'static [(&'static str, T)]) -> Shape<T> {
    let expected = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
    Shape::new(expected, |value| {
        let text = value.as_str()?;
        words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning)
    })
}

/// A time span such as `"200ms"`, `"3s"`, `"5m"` or `"1h"`.
pub fn duration() -> Shape<Duration> {
    Shape::new("a duration such as \"200ms\", \"3s\", \"5m\" or \"1h\", above zero", |value| {
        read_duration(value.as_str()?).filter(|duration| !duration.is_zero())
    })
}

/// A time span of `least` at least.
pub fn duration_from(least: Duration) -> Shape<Duration> {
    Shape::new(
        format!("a duration such as \"200ms\", \"3s\" or \"5m\", at least {}ms", least.as_millis()),
        move |value| read_duration(value.as_str()?).filter(|duration| *duration >= least),
    )
}

/// A time span, or `"never"`.
pub fn duration_or_never() -> Shape<Option<Duration>> {
    Shape::new("a duration such as \"8h\", above zero, or \"never\"", |value| match value.as_str()? {
        "never" => Some(None),
        text => read_duration(text).filter(|duration| !duration.is_zero()).map(Some),
    })
}

fn read_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    }
}

/// An amount of memory such as `"64MiB"`, between `lowest` and `highest` bytes.
pub fn size(lowest: usize, highest: usize) -> Shape<usize> {
    let (low, high) = (shown_size(lowest), shown_size(highest));
    Shape::new(format!("a size such as \"512KiB\" or \"64MiB\", from {low} to {high}"), move |value| {
        let text = value.as_str()?;
        let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
        let number: usize = text[..digits].parse().ok()?;
        let unit = match &text[digits..] {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(unit).filter(|bytes| (lowest..=highest).contains(bytes))
    })
}

fn shown_size(bytes: usize) -> String {
    match bytes {
        bytes if bytes >= 1 << 30 => format!("{}GiB", bytes >> 30),
        bytes if bytes >= 1 << 20 => format!("{}MiB", bytes >> 20),
        bytes => format!("{}KiB", bytes >> 10),
    }
}

/// An address to listen on.
pub fn listen_address() -> Shape<SocketAddr> {
    Shape::new("an IP address and a port, as in \"127.0.0.1:4406\"", |value| value.as_str()?.parse().ok())
}

/// Networks, each `address/bits` or one address.
pub fn networks() -> Shape<Vec<Network>> {
    Shape::new("a list of networks, as in [\"10.0.0.0/8\", \"192.0.2.7\"]", |value| {
        value.as_array()?.iter().map(|item| read_network(item.get_ref().as_str()?)).collect()
    })
}

fn read_network(text: &str) -> Option<Network> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    Network::new(address, bits.unwrap_or(if address.is_ipv4() { 32 } else { 128 }))
}

/// Where events are sent; and whether with HTTPS, by authorities that are still to be named.
pub fn webhook() -> Shape<(Webhook, bool)> {
    Shape::new("an address such as \"https://ops.example:8443/moves\"", |value| {
        let text = value.as_str()?;
        let (rest, usual, is_encrypted) = match text.strip_prefix("https://") {
            Some(rest) => (rest, 443, true),
            None => (text.strip_prefix("http://")?, 80, false),
        };
        let (place, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
            None => (place, usual),
        };
        let plain = |text: &str| text.chars().all(|letter| letter.is_ascii_graphic());
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
        let webhook = Webhook { host: bare, port, path: path.to_owned(), authority: None };
        (!host.is_empty() && plain(host) && plain(path)).then_some((webhook, is_encrypted))
    })
}

/// Where an instance listens.
pub fn instance_address() -> Shape<InstanceAddress> {
    Shape::new("\"host:port\" or \"unix:/path/of/the/socket\"", |value| {
        let text = value.as_str()?;
        if let Some(path) = text.strip_prefix("unix:") {
            return path.starts_with('/').then(|| InstanceAddress::Unix(path.to_owned()));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return (address.port() > 0).then(|| address.into());
        }
        let (host, port) = text.rsplit_once(':')?;
        let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
        (!host.is_empty() && host.chars().all(fits)).then(|| InstanceAddress::Tcp(host.to_owned(), port))
    })
}

/// A path; a relative one starts at `folder`, that of the configuration file.
pub fn path(folder: &Path) -> Shape<PathBuf> {
    let folder = folder.to_owned();
    Shape::new("a path", move |value| value.as_str().filter(|text| !text.is_empty()).map(|text| folder.join(text)))
}

/// The path of a file that can be read now; a relative one starts at `folder`.
pub fn readable_file(folder: &Path) -> Shape<PathBuf> {
    let (folder, path) = (folder.to_owned(), path(folder));
    Shape {
        expected: "the path of a file that can be read".to_owned(),
        read: Box::new(move |value| {
            let file = (path.read)(value)?;
            match std::fs::File::open(&file) {
                Ok(_) => Ok(file),
                Err(error) => Err(Found::Said(format!("{} in {} ({error})", shown(value), folder.display()))),
            }
        }),
    }
}

/// The path of a file in a folder that exists; a relative one starts at `folder`.
pub fn file_to_write(folder: &Path) -> Shape<PathBuf> {
    let path = path(folder);
    Shape::new("the path of a file, in a folder that exists", move |value| {
        let file = (path.read)(value).ok()?;
        let parent = file.parent()?;
        // The parent of a bare name is the empty path: the working directory.
        (!file.is_dir() && (parent.as_os_str().is_empty() || parent.is_dir())).then_some(file)
    })
}

/// One closed range of shards, or several: `"0-4999"`, `"7"`, `["0-999", "2000-2999"]`.
pub fn shard_ranges() -> Shape<Vec<ShardRange>> {
    Shape::new("a closed range of shards such as \"0-4999\", or a list of such", |value| match value.as_array() {
        Some(items) => items.iter().map(|item| read_range(item.get_ref().as_str()?)).collect(),
        None => Some(vec![read_range(value.as_str()?)?]),
    })
}

fn read_range(text: &str) -> Option<ShardRange> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let shard = |text: &str| text.trim().parse().ok().filter(|shard| *shard < 65_536).map(Shard);
    Some(ShardRange { first: shard(first)?, last: shard(last)? })
}

/// A secret, plain or by `env:NAME` or `file:/path`; never shown.
pub fn secret(folder: &Path) -> Shape<String> {
    let folder = folder.to_owned();
    Shape {
        expected: "a secret: \"env:NAME\" of a variable that is set, \"file:/path\" of a file that can be read, or the plain text"
            .to_owned(),
        read: Box::new(move |value| match value {
            DeValue::String(text) => secret::reveal(text, &folder).map_err(|error| Found::Said(error.to_string())),
            other => Err(Found::Said(format!("a value of type {}", other.type_str()))),
        }),
    }
}
