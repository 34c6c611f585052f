//! The SSH hosts between a worker and a database, outermost first.
//!
//! A hop's secrets are not here: they are sealed one by one, each under its own name
//! ([`super::secret::SecretName`]). Deliberately not here: how a hop is dialled (the worker's `tunnel`).

use serde::{Deserialize, Serialize};

use super::words;

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

#[cfg(test)]
mod tests {
    use super::is_fingerprint;

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
