//! Whose a sealed secret is, and which of theirs.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::hop::MOST_HOPS;
use super::id::{ConnectionId, JobId, ScheduleId, WebhookId};
use super::{UnknownWord, words};

words! {
    /// What a secret belongs to.
    OwnerKind {
        /// A connection, which logs in with it.
        Connection = "connection",
        /// A job, which was given it and loses it when it ends.
        Job = "job",
        /// A schedule, whose runs it confirms until a worker has compared it.
        Schedule = "schedule",
        /// A webhook, which signs with it.
        Webhook = "webhook",
    }
}

/// What a secret belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretOwner {
    /// Its kind.
    pub kind: OwnerKind,
    /// Its row.
    pub id: Uuid,
}

impl From<ConnectionId> for SecretOwner {
    fn from(id: ConnectionId) -> Self {
        Self { kind: OwnerKind::Connection, id: id.0 }
    }
}

impl From<JobId> for SecretOwner {
    fn from(id: JobId) -> Self {
        Self { kind: OwnerKind::Job, id: id.0 }
    }
}

impl From<ScheduleId> for SecretOwner {
    fn from(id: ScheduleId) -> Self {
        Self { kind: OwnerKind::Schedule, id: id.0 }
    }
}

impl From<WebhookId> for SecretOwner {
    fn from(id: WebhookId) -> Self {
        Self { kind: OwnerKind::Webhook, id: id.0 }
    }
}

/// One of its owner's secrets; each is sealed by itself. Hops are counted from 1, outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// The password that a run or a schedule was given for its target.
    TargetPassword,
    /// What a webhook's messages are signed with.
    SigningKey,
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
            Self::SigningKey => f.write_str("signing_key"),
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
            "signing_key" => return Ok(Self::SigningKey),
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
    use super::{MOST_HOPS, SecretName};

    #[test]
    fn names_of_secrets_are_read_as_they_are_written() {
        let hops = 1..=MOST_HOPS;
        let of_hops = hops.flat_map(|hop| {
            [SecretName::HopPassword(hop), SecretName::HopKey(hop), SecretName::HopPassphrase(hop)]
        });
        let given = [SecretName::SourcePassword, SecretName::TargetPassword, SecretName::SigningKey];
        for name in of_hops.chain([SecretName::Password, SecretName::TlsClientKey]).chain(given) {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        for other in ["", "hop0.password", "hop6.password", "hop01.password", "hop1.", "hop1", "hop1.key"] {
            assert!(other.parse::<SecretName>().is_err(), "{other}");
        }
    }
}
