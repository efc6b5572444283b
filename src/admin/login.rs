//! Who may use the console: mysql_native_password with a salt of its own for each connection.
//!
//! An unknown account costs the same time as a wrong password. Nothing here prints a password or a reply.

use mysql_common::scramble::scramble_native;
use rand::Rng;

use super::config::Account;

/// A salt of printable characters; the protocol forbids zero bytes, and clients of old misread `$`.
pub fn new_salt(random: &mut impl Rng) -> [u8; 20] {
    std::array::from_fn(|_| {
        loop {
            let byte = random.random_range(b'!'..=b'~');
            if byte != b'$' {
                return byte;
            }
        }
    })
}

/// The account `name`, if `reply` proves its password for `salt`.
pub fn check<'a>(accounts: &'a [Account], name: &[u8], salt: &[u8], reply: &[u8]) -> Option<&'a Account> {
    let account = accounts.iter().find(|account| account.name.as_bytes() == name);
    let password = account.map_or("no such account", |account| account.password.as_str());
    // An empty password has no scramble; the configuration refuses it, and it never logs in here either.
    let expected = scramble_native(salt, password.as_bytes())?;
    let differs = expected.iter().zip(reply).fold(expected.len() ^ reply.len(), |sum, (a, b)| sum | usize::from(a ^ b));
    account.filter(|_| differs == 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::config::ConsoleRole;
    use super::*;

    fn account(name: &str, password: &str) -> Account {
        Account { name: name.to_owned(), password: password.to_owned(), role: ConsoleRole::Viewer }
    }

    #[test]
    fn only_the_right_password_for_this_salt_logs_in() {
        let accounts = [account("admin", "adminpw"), account("watch", "watchpw")];
        let salt = new_salt(&mut rand::rng());
        let reply = scramble_native(&salt, b"adminpw").unwrap();
        assert_eq!(check(&accounts, b"admin", &salt, &reply).unwrap().name, "admin");
        assert!(check(&accounts, b"watch", &salt, &reply).is_none());
        assert!(check(&accounts, b"admin", &new_salt(&mut rand::rng()), &reply).is_none());
        assert!(check(&accounts, b"admin", &salt, &reply[..19]).is_none());
        assert!(check(&accounts, b"admin", &salt, b"").is_none());
        let guess = scramble_native(&salt, b"no such account").unwrap();
        assert!(check(&accounts, b"nobody", &salt, &guess).is_none());
    }

    #[test]
    fn a_salt_has_no_byte_that_clients_misread() {
        for _ in 0..200 {
            assert!(new_salt(&mut rand::rng()).iter().all(|byte| byte.is_ascii_graphic() && *byte != b'$'));
        }
    }
}
