//! The body that edits a connection: only what is given changes, and no stored secret goes
//! where it was not meant to go.

use longshore_shared::domain::connection::{Connection, ConnectionState, ConnectionType, Engine};
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::reach;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::vault::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::confirming;
use super::host::host;
use super::new_connection::{self as new, NewTls};
use super::new_hop::NewHop;
use super::text;
use crate::error::ApiError;
use crate::extract::field::{Change, Field, FieldErrors, Object, name};
use crate::word::{Word, optional_words};

/// What is to change in a connection; a field that is left out stays as it is. A change of
/// the way (engine, host, port, username, TLS, hops) asks for the secrets again that would
/// go along it: `secret_needed` names each.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionChange {
    /// Unique in the organisation, without regard to case.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    #[serde(default)]
    name: Field<String>,
    /// The kind of server.
    #[schema(schema_with = optional_words::<Engine>, required = false)]
    #[serde(default)]
    engine: Field<Word<Engine>>,
    /// Host name or address, nothing else; behind SSH as the last hop sees it.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 253)]
    #[serde(default)]
    host: Field<String>,
    /// TCP port.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 65535)]
    #[serde(default)]
    port: Field<u16>,
    /// The database (MySQL: schema).
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    #[serde(default)]
    database: Field<String>,
    /// The account.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    #[serde(default)]
    username: Field<String>,
    /// Its password; left out, the stored one is kept.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    password: Field<Secret>,
    /// How the host is reached; `direct` drops the hops.
    #[schema(schema_with = optional_words::<ConnectionType>, required = false)]
    #[serde(default)]
    connection_type: Field<Word<ConnectionType>>,
    /// All SSH hosts on the way, outermost first. A hop that is given without a password and
    /// a private key keeps what is stored for the hop in its place.
    #[schema(value_type = Option<Vec<NewHop>>, max_items = 5)]
    #[serde(default)]
    hops: Field<Vec<Object<NewHop>>>,
    /// TLS, as a whole.
    #[schema(value_type = Option<NewTls>)]
    #[serde(default)]
    tls: Field<Object<NewTls>>,
    /// Bound of DNS, TCP, each hop, TLS and login together.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 300)]
    #[serde(default)]
    timeout_seconds: Field<u32>,
    /// How many sessions all workers together may have open on it at once; null: no limit.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    #[serde(default)]
    max_sessions: Change<u16>,
    /// True: the stored password goes, and is given with each run and each test from then on;
    /// false: `password` is stored.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    ask_password: Field<bool>,
    /// True: whatever writes to it has to be confirmed. False: `confirm` and the stored
    /// `password` are needed, which is sealed anew.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    protected: Field<bool>,
    /// The connection's name, to take its protection away.
    #[schema(value_type = Option<String>, max_length = 200)]
    #[serde(default)]
    confirm: Field<String>,
}

/// An edited connection and what becomes of its secrets.
pub(crate) struct Changed {
    /// As it is to be.
    pub(crate) connection: Connection,
    /// Secrets that are stored anew.
    pub(crate) given: Vec<(SecretName, Secret)>,
    /// Stored secrets that stay; all others go.
    pub(crate) kept: Vec<SecretName>,
}

impl ConnectionChange {
    /// The connection as it is to be, or everything that is wrong with the fields.
    pub(crate) fn apply(self, before: &Connection) -> Result<Changed, ApiError> {
        let mut found = FieldErrors::default();
        let mut after = before.clone();
        let read = found.optional("name", self.name, "a text");
        set(&mut after.name, found.checked("name", read, |text| name(&text)));
        set(&mut after.engine, found.word("engine", self.engine));
        let read = found.optional("host", self.host, "a host name or address, as a text,");
        set(&mut after.host, found.checked("host", read, |text| host(&text)));
        set(&mut after.port, new::port(&mut found, self.port, None));
        let read = found.optional("database", self.database, "a text");
        set(&mut after.database, found.checked("database", read, |given| text::data(given, 64)));
        let read = found.optional("username", self.username, "a text");
        set(&mut after.username, found.checked("username", read, |given| text::data(given, 255)));
        let read = found.optional("password", self.password, "a text (it may be empty)");
        let password = found.checked("password", read, text::password);
        set(&mut after.connection_type, found.word("connection_type", self.connection_type));
        let mut given = way(&mut found, self.hops, before, &mut after);
        given.extend(password.map(|password| (SecretName::Password, password)));
        let read = found.optional("tls", self.tls, "an object with `mode` and perhaps `ca`");
        if let Some((tls, key)) = read.and_then(|given| found.within("tls", |found| given.0.check(found))) {
            after.tls = tls;
            given.extend(key.map(|key| (SecretName::TlsClientKey, key)));
        }
        let read = found.optional("timeout_seconds", self.timeout_seconds, "a whole number of seconds");
        set(&mut after.timeout_seconds, found.checked("timeout_seconds", read, new::timeout));
        match self.max_sessions {
            Change::Stays => {}
            Change::Goes => after.max_sessions = None,
            Change::Is(read) => {
                let read = found.optional("max_sessions", read, "a whole number of sessions");
                after.max_sessions = found.checked("max_sessions", read, new::sessions);
            }
        }
        set(&mut after.ask_password, found.optional("ask_password", self.ask_password, "true or false"));
        set(&mut after.protected, found.optional("protected", self.protected, "true or false"));
        guarded(&mut found, before, &after, self.confirm, &given);
        let kept = kept(&mut found, before, &after, &given);
        after.version = before.version + 1;
        if reach::leads_elsewhere(before, &after) {
            after.reach = before.reach + 1;
        }
        if after.reach != before.reach || after.hops != before.hops || !given.is_empty() {
            (after.state, after.checked_at) = (ConnectionState::Untested, None);
        }
        found.finish(Some(Changed { connection: after, given, kept }))
    }
}

/// Nobody takes a protection away by the way, and no password is given for nothing.
fn guarded(
    found: &mut FieldErrors,
    before: &Connection,
    after: &Connection,
    confirm: Field<String>,
    given: &[(SecretName, Secret)],
) {
    let is_given = given.iter().any(|(name, _)| *name == SecretName::Password);
    let is_freed = before.protected && !after.protected;
    confirming::name(found, "confirm", confirm, is_freed.then_some(before.name.as_str()));
    if after.ask_password && is_given {
        found.add(
            "password",
            ProblemCode::NotAsked,
            "the password of this connection is not stored; leave it out",
        );
    }
    let is_told = reach::exposed(before, after).contains(&SecretName::Password);
    if is_freed && !after.ask_password && !is_given && !is_told {
        let detail = "give the account's password again to take the protection away";
        found.add("password", ProblemCode::SecretNeeded, detail);
    }
}

/// The hops as they are to be, and their new secrets.
fn way(
    found: &mut FieldErrors,
    hops: Field<Vec<Object<NewHop>>>,
    before: &Connection,
    after: &mut Connection,
) -> Vec<(SecretName, Secret)> {
    let database = Some((after.host.as_str(), after.port));
    let is_direct = after.connection_type == ConnectionType::Direct;
    if matches!(hops, Field::Absent) && after.connection_type == before.connection_type {
        new::is_no_loop(found, &before.hops, database);
        return Vec::new();
    }
    if matches!(hops, Field::Absent) && is_direct {
        after.hops = Vec::new();
        return Vec::new();
    }
    let checked = new::hops(found, hops, after.connection_type, database, &before.hops);
    let (hops, secrets) = checked.unwrap_or_default();
    after.hops = hops;
    secrets
}

/// The stored secrets that stay; one that the changed way exposes has to be given again.
fn kept(
    found: &mut FieldErrors,
    before: &Connection,
    after: &Connection,
    given: &[(SecretName, Secret)],
) -> Vec<SecretName> {
    let is_given = |name: SecretName| given.iter().any(|(given, _)| *given == name);
    let exposed = reach::exposed(before, after);
    // A field that is wrong says enough: what its right value would ask for is not known yet.
    if found.count() == 0 {
        for name in exposed.iter().filter(|name| !is_given(**name)) {
            let detail = "the way to where it is sent has changed: give it again";
            found.add(&field(*name), ProblemCode::SecretNeeded, detail);
        }
    }
    let stays = |name: &SecretName| !is_given(*name) && !exposed.contains(name);
    let mut kept: Vec<_> = reach::needed(after).into_iter().filter(stays).collect();
    let phrases = kept.iter().filter_map(|name| match name {
        SecretName::HopKey(hop) => Some(SecretName::HopPassphrase(*hop)),
        _ => None,
    });
    let phrases: Vec<_> = phrases.filter(|name| !is_given(*name)).collect();
    kept.extend(phrases);
    kept
}

/// Where a secret is given in a body.
fn field(name: SecretName) -> String {
    match name {
        SecretName::Password => "password".to_owned(),
        SecretName::SigningKey => "signing_key".to_owned(),
        SecretName::SourcePassword => "source_password".to_owned(),
        SecretName::TargetPassword => "target_password".to_owned(),
        SecretName::TlsClientKey => "tls.client_key".to_owned(),
        SecretName::HopPassword(hop) => format!("hops.{}.password", hop - 1),
        SecretName::HopKey(hop) => format!("hops.{}.private_key", hop - 1),
        SecretName::HopPassphrase(hop) => format!("hops.{}.passphrase", hop - 1),
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

#[cfg(test)]
mod tests;
