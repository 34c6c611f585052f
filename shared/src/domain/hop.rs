//! The SSH hosts between a worker and a database, outermost first.
//!
//! A hop's secrets are not here: they are sealed one by one, each under its own name
//! ([`SecretName`]). Deliberately not here: how a hop is dialled (the worker's `tunnel`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{UnknownWord, words};

/// Hops of one connection at most.
pub const MOST_HOPS: usize = 5;

/// The port of SSH unless told otherwise.
pub const SSH_PORT: u16 = 22;

words! {
    /// How a hop lets its user in.
    HopLogin {
        /// By a password (also asked for interactively, as PAM does).
        Password = "password",
        /// By a private key.
        Key = "private_key",
    }
}

/// One SSH host on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// Host name or address; of the first hop as the worker sees it, of each other one as
    /// the hop before it does.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The account.
    pub username: String,
    /// How it logs in.
    pub login: HopLogin,
    /// The host key that was confirmed: `SHA256:` and 43 characters of base64, as `ssh-keygen -l`
    /// prints it. None: nobody has confirmed one, and the hop is not entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
}

/// Whether a text is a fingerprint as [`Hop::host_key`] holds it.
pub fn is_fingerprint(text: &str) -> bool {
    text.strip_prefix("SHA256:").is_some_and(|digest| {
        digest.len() == 43 && digest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
    })
}

/// The name of one sealed secret of a connection, or of a job; hops count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretName {
    /// The database account's password.
    Password,
    /// The private key of the certificate that is shown to the database.
    TlsClientKey,
    /// A hop's password.
    HopPassword(usize),
    /// A hop's private key, as it was pasted.
    HopKey(usize),
    /// What a hop's private key is encrypted with.
    HopPassphrase(usize),
    /// The password that a run was given for its source.
    SourcePassword,
    /// The password that a run was given for its target.
    TargetPassword,
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password => f.write_str("password"),
            Self::TlsClientKey => f.write_str("tls_client_key"),
            Self::HopPassword(hop) => write!(f, "hop{hop}.password"),
            Self::HopKey(hop) => write!(f, "hop{hop}.private_key"),
            Self::HopPassphrase(hop) => write!(f, "hop{hop}.passphrase"),
            Self::SourcePassword => f.write_str("source.password"),
            Self::TargetPassword => f.write_str("target.password"),
        }
    }
}

impl FromStr for SecretName {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord { noun: "SecretName", word: text.to_owned() };
        match text {
            "password" => return Ok(Self::Password),
            "tls_client_key" => return Ok(Self::TlsClientKey),
            "source.password" => return Ok(Self::SourcePassword),
            "target.password" => return Ok(Self::TargetPassword),
            _ => {}
        }
        let (hop, what) =
            text.strip_prefix("hop").and_then(|rest| rest.split_once('.')).ok_or_else(unknown)?;
        let hop = (1..=MOST_HOPS).find(|number| number.to_string() == hop).ok_or_else(unknown)?;
        match what {
            "password" => Ok(Self::HopPassword(hop)),
            "private_key" => Ok(Self::HopKey(hop)),
            "passphrase" => Ok(Self::HopPassphrase(hop)),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_HOPS, SecretName, is_fingerprint};

    #[test]
    fn names_of_secrets_are_read_as_they_are_written() {
        let hops = 1..=MOST_HOPS;
        let of_hops = hops.flat_map(|hop| {
            [SecretName::HopPassword(hop), SecretName::HopKey(hop), SecretName::HopPassphrase(hop)]
        });
        let sides = [SecretName::SourcePassword, SecretName::TargetPassword];
        for name in of_hops.chain([SecretName::Password, SecretName::TlsClientKey]).chain(sides) {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        for other in ["", "hop0.password", "hop6.password", "hop01.password", "hop1.", "hop1", "hop1.key"] {
            assert!(other.parse::<SecretName>().is_err(), "{other}");
        }
    }

    #[test]
    fn fingerprints() {
        for (text, good) in [
            ("SHA256:jR5Xq0L2K3mC7w1b4J9d8Tf6Ys+Zc/0aQeUvHgIpNkM", true),
            ("SHA256:jR5Xq0L2K3mC7w1b4J9d8Tf6Ys+Zc/0aQeUvHgIpNkM=", false),
            ("SHA256:short", false),
            ("MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48", false),
            ("", false),
        ] {
            assert_eq!(is_fingerprint(text), good, "{text}");
        }
    }
}
