//! The SSH hosts of a connection's body, with their secrets.

use longshore_shared::domain::connection::ConnectionType;
use longshore_shared::domain::hop::{Hop, HopLogin, MOST_HOPS, SSH_PORT, is_fingerprint};
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::vault::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::host::host;
use super::private_key;
use super::text::{Objection, data, password};
use crate::extract::field::{Field, FieldErrors, Object};

/// An SSH host on the way. Its secrets are sealed at once and never given back.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewHop {
    /// Host name or address; behind the first hop as the hop before sees it.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 253, example = "bastion.example.com")]
    #[serde(default)]
    host: Field<String>,
    /// 22 unless given.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 65535)]
    #[serde(default)]
    port: Field<u16>,
    /// The account.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 255)]
    #[serde(default)]
    username: Field<String>,
    /// Its password; either this or a private key.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    password: Field<Secret>,
    /// A private key: OpenSSH, PEM, PKCS#8 or PuTTY.
    #[schema(value_type = Option<String>, max_length = 65536, format = Password, write_only)]
    #[serde(default)]
    private_key: Field<Secret>,
    /// What the private key is encrypted with.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    passphrase: Field<Secret>,
    /// The host key that was confirmed, as `ssh-keygen -l` prints it. Without one the hop is
    /// not entered.
    #[schema(value_type = Option<String>, pattern = "^SHA256:[A-Za-z0-9+/]{43}$", example = "SHA256:jR5Xq0L2K3mC7w1b4J9d8Tf6Ys+Zc/0aQeUvHgIpNkM")]
    #[serde(default)]
    host_key: Field<String>,
}

/// Hops and what opens them.
pub(super) type Checked = (Vec<Hop>, Vec<(SecretName, Secret)>);

/// The hops, if they are as many as the connection's type has and none leads back. A hop of
/// `before` keeps its secret where none is given.
pub(super) fn check(
    found: &mut FieldErrors,
    given: Option<Vec<Object<NewHop>>>,
    connection_type: ConnectionType,
    before: &[Hop],
) -> Option<Checked> {
    let given = given.unwrap_or_default();
    let (least, most) = match connection_type {
        ConnectionType::Direct => (0, 0),
        ConnectionType::Ssh => (1, 1),
        ConnectionType::SshJump => (2, MOST_HOPS),
    };
    if !(least..=most).contains(&given.len()) {
        let detail = match connection_type {
            ConnectionType::Direct => {
                "a direct connection has none: leave them out, or choose ssh or ssh+jump".to_owned()
            }
            ConnectionType::Ssh => "ssh has one; choose ssh+jump for several".to_owned(),
            ConnectionType::SshJump => {
                format!("ssh+jump has 2 to {MOST_HOPS}, outermost first; choose ssh for one")
            }
        };
        found.add(
            "hops",
            if given.is_empty() { ProblemCode::Required } else { ProblemCode::InvalidValue },
            detail,
        );
        return None;
    }
    let (mut hops, mut secrets) = (Vec::new(), Vec::new());
    let mut complete = true;
    for (at, hop) in given.into_iter().enumerate() {
        match found.within(format!("hops.{at}"), |found| hop.0.check(found, at + 1, before.get(at))) {
            Some((hop, of_hop)) => {
                if hops.iter().any(|earlier: &Hop| (&earlier.host, earlier.port) == (&hop.host, hop.port)) {
                    found.add(
                        &format!("hops.{at}.host"),
                        ProblemCode::Loop,
                        "an earlier hop is the same host and port",
                    );
                    complete = false;
                }
                hops.push(hop);
                secrets.extend(of_hop);
            }
            None => complete = false,
        }
    }
    complete.then_some((hops, secrets))
}

impl NewHop {
    fn check(
        self,
        found: &mut FieldErrors,
        number: usize,
        before: Option<&Hop>,
    ) -> Option<(Hop, Vec<(SecretName, Secret)>)> {
        let read = found.required("host", self.host, "a host name or address, as a text,");
        let host = found.checked("host", read, |text| host(&text));
        let given = found.optional("port", self.port, "a whole number from 1 to 65535");
        let port = found.checked("port", Some(given.unwrap_or(SSH_PORT)), |port| match port {
            0 => Err((ProblemCode::InvalidValue, "a whole number from 1 to 65535 is expected".to_owned())),
            port => Ok(port),
        });
        let read = found.required("username", self.username, "a text");
        let username = found.checked("username", read, |text| data(text, 255));
        let given = found.optional("host_key", self.host_key, "a fingerprint, as a text,");
        let host_key = match given {
            Some(text) => Some(found.checked("host_key", Some(text), fingerprint)?),
            None => None,
        };
        let given = found.optional("password", self.password, "a text");
        let password = given.map(|text| found.checked("password", Some(text), password));
        let given = found.optional("private_key", self.private_key, "a private key, as a text,");
        let key = given.map(|text| found.checked("private_key", Some(text), private_key::check));
        let given = found.optional("passphrase", self.passphrase, "a text");
        let passphrase = given.map(|text| found.checked("passphrase", Some(text), self::password));
        let (login, secrets) = match (password, key, passphrase) {
            (Some(password), None, None) => {
                (HopLogin::Password, vec![(SecretName::HopPassword(number), password?)])
            }
            (None, Some(key), passphrase) => {
                let key = key?;
                if passphrase.is_none() && private_key::is_encrypted(&key) {
                    let detail = "the private key is encrypted: give its passphrase";
                    found.add("passphrase", ProblemCode::PassphraseRequired, detail);
                    return None;
                }
                let mut secrets = vec![(SecretName::HopKey(number), key)];
                if let Some(passphrase) = passphrase {
                    secrets.push((SecretName::HopPassphrase(number), passphrase?));
                }
                (HopLogin::Key, secrets)
            }
            (None, None, None) if let Some(before) = before => (before.login, Vec::new()),
            (None, None, Some(passphrase)) if before.is_some_and(|hop| hop.login == HopLogin::Key) => {
                (HopLogin::Key, vec![(SecretName::HopPassphrase(number), passphrase?)])
            }
            (None, None, _) => {
                found.add("password", ProblemCode::Required, "a password or a private_key is required");
                return None;
            }
            (Some(_), _, _) => {
                found.add(
                    "password",
                    ProblemCode::InvalidValue,
                    "either a password or a private_key (with its passphrase) is taken",
                );
                return None;
            }
        };
        Some((Hop { host: host?, port: port?, username: username?, login, host_key }, secrets))
    }
}

pub(super) fn fingerprint(text: String) -> Result<String, Objection> {
    if is_fingerprint(&text) {
        return Ok(text);
    }
    let detail = "a fingerprint is `SHA256:` and 43 characters, as `ssh-keygen -lf KEYFILE.pub` prints it";
    Err((ProblemCode::InvalidValue, detail.to_owned()))
}
