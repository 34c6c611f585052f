//! Sealed secrets of a connection or a job, opened for one attempt.

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::hop::HopLogin;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::store::secrets::SealedSecret;
use longshore_shared::vault::{Opener, Secret};

use crate::tunnel::{Credentials, HopSecret};

/// What the connection logs in with; a `password` that was given for the job comes in the place of a stored one.
pub(super) fn credentials(
    opener: &Opener,
    connection: &Connection,
    sealed: &[SealedSecret],
    password: Option<Secret>,
) -> Result<Credentials, Failure> {
    let open = |name: SecretName| open_one(opener, connection, sealed, name);
    let must = |name: SecretName| open(name)?.ok_or_else(|| gone("password or key of a"));
    let mut hops = Vec::with_capacity(connection.hops.len());
    for (number, hop) in (1..).zip(&connection.hops) {
        hops.push(match hop.login {
            HopLogin::Password => HopSecret::Password(must(SecretName::HopPassword(number))?),
            HopLogin::Key => HopSecret::PrivateKey {
                key: must(SecretName::HopKey(number))?,
                passphrase: open(SecretName::HopPassphrase(number))?,
            },
        });
    }
    let client_key = match connection.tls.client_certificate {
        Some(_) => Some(must(SecretName::TlsClientKey)?),
        None => None,
    };
    let password = match password {
        Some(given) => given,
        None => must(SecretName::Password)?,
    };
    Ok(Credentials { password, client_key, hops })
}

/// The password that the job was given for a connection that asks for it each time.
pub(super) fn given(
    opener: &Opener,
    connection: &Connection,
    sealed: &[SealedSecret],
    name: SecretName,
) -> Result<Secret, Failure> {
    let opened = open_one(opener, connection, sealed, name)?;
    opened.ok_or_else(|| not_given(connection))
}

/// One secret, if it is there.
pub(super) fn open_one(
    opener: &Opener,
    connection: &Connection,
    all: &[SealedSecret],
    name: SecretName,
) -> Result<Option<Secret>, Failure> {
    let Some(found) = all.iter().find(|secret| secret.place.name == name) else { return Ok(None) };
    let opened = opener.open(&found.sealed, &found.place);
    opened.map(Some).map_err(|error| no_key(&connection.name, &error.to_string()))
}

/// A connection, or a part of it, is not there any more.
pub(super) fn gone(word: &str) -> Failure {
    Failure::permanent(
        FailureCode::ConnectionDeleted,
        format!("the {word} connection of this job is not there any more"),
    )
}

/// The connection leads elsewhere since the job began.
pub(super) fn changed(connection: &Connection) -> Failure {
    Failure::permanent(
        FailureCode::ConnectionChanged,
        format!(
            "connection {}: it was changed while the job ran, and leads elsewhere or by another way",
            connection.name
        ),
    )
}

/// The connection asks for its password each time, and the job brought none: it was changed since.
fn not_given(connection: &Connection) -> Failure {
    Failure::permanent(
        FailureCode::SecretNeeded,
        format!(
            "connection {} does not store its password, and none was given for this job",
            connection.name
        ),
    )
}

fn no_key(connection: &str, why: &str) -> Failure {
    Failure::permanent(
        FailureCode::KeyUnavailable,
        format!("the password of connection {connection} cannot be opened: {why}"),
    )
}
