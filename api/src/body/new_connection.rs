//! The body that registers a connection.

use chrono::{DateTime, Utc};
use longshore_shared::domain::connection::{
    Connection, ConnectionState, ConnectionType, Engine, Tls, TlsMode,
};
use longshore_shared::domain::hop::Hop;
use longshore_shared::domain::id::{ConnectionId, OrgId};
use longshore_shared::domain::limits::MOST_SESSIONS;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::vault::Secret;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{PemObject as _, SectionKind};
use serde::Deserialize;
use utoipa::ToSchema;

use super::host::host;
use super::new_hop::{self, NewHop};
use super::text::{Objection, data, password};
use crate::error::ApiError;
use crate::extract::field::{Field, FieldErrors, Object, name};
use crate::word::{Word, optional_words, words};

/// A connection to be registered. The password is sealed at once and never given back.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConnection {
    /// Unique in the organisation, without regard to case.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 200, example = "shop production")]
    #[serde(default)]
    name: Field<String>,
    /// The kind of server.
    #[schema(schema_with = words::<Engine>, required = true)]
    #[serde(default)]
    engine: Field<Word<Engine>>,
    /// Host name or address, nothing else; behind SSH as the last hop sees it.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 253, example = "db.example.com")]
    #[serde(default)]
    host: Field<String>,
    /// The engine's own port unless given.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 65535)]
    #[serde(default)]
    port: Field<u16>,
    /// The database (MySQL: schema).
    #[schema(value_type = String, required = true, min_length = 1, max_length = 64)]
    #[serde(default)]
    database: Field<String>,
    /// The account.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 255)]
    #[serde(default)]
    username: Field<String>,
    /// Its password; an empty one must be given as such. Left out only with `ask_password`.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    password: Field<Secret>,
    /// `direct` unless given.
    #[schema(schema_with = optional_words::<ConnectionType>, required = false)]
    #[serde(default)]
    connection_type: Field<Word<ConnectionType>>,
    /// The SSH hosts on the way, outermost first: one for `ssh`, 2 to 5 for `ssh+jump`.
    #[schema(value_type = Option<Vec<NewHop>>, max_items = 5)]
    #[serde(default)]
    hops: Field<Vec<Object<NewHop>>>,
    /// TLS is off unless given.
    #[schema(value_type = Option<NewTls>)]
    #[serde(default)]
    tls: Field<Object<NewTls>>,
    /// Bound of DNS, TCP, each hop, TLS and login together; 10 unless given.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 300)]
    #[serde(default)]
    timeout_seconds: Field<u32>,
    /// How many sessions all workers together may have open on it at once; no limit unless given.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    #[serde(default)]
    max_sessions: Field<u16>,
    /// True: the password is not stored, but given with each run and each test; false unless given.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    ask_password: Field<bool>,
    /// True: whatever writes to it has to be confirmed with its name and its password; false
    /// unless given.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    protected: Field<bool>,
}

/// TLS settings of a connection.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTls {
    /// How much is asked of TLS.
    #[schema(schema_with = words::<TlsMode>, required = true)]
    #[serde(default)]
    mode: Field<Word<TlsMode>>,
    /// Trusted certificates in PEM instead of the system's, for `verify-ca` and `verify-full`.
    #[schema(value_type = Option<String>, max_length = 65536)]
    #[serde(default)]
    ca: Field<String>,
    /// The certificate, with its chain in PEM, that is shown to the server.
    #[schema(value_type = Option<String>, max_length = 65536)]
    #[serde(default)]
    client_certificate: Field<String>,
    /// Its private key in PEM, unencrypted; never given back.
    #[schema(value_type = Option<String>, max_length = 65536, format = Password, write_only)]
    #[serde(default)]
    client_key: Field<Secret>,
}

impl NewConnection {
    /// The connection and its secrets, or everything that is wrong with the fields.
    pub(crate) fn check(
        self,
        org_id: OrgId,
        id: ConnectionId,
        now: DateTime<Utc>,
    ) -> Result<(Connection, Vec<(SecretName, Secret)>), ApiError> {
        let mut found = FieldErrors::default();
        let read = found.required("name", self.name, "a text");
        let name = found.checked("name", read, |text| name(&text));
        let engine = found.required("engine", self.engine, &Word::<Engine>::choices());
        let read = found.required("host", self.host, "a host name or address, as a text,");
        let host = found.checked("host", read, |text| host(&text));
        let port = port(&mut found, self.port, engine);
        let read = found.required("database", self.database, "a text");
        let database = found.checked("database", read, |text| data(text, 64));
        let read = found.required("username", self.username, "a text");
        let username = found.checked("username", read, |text| data(text, 255));
        let ask_password =
            found.optional("ask_password", self.ask_password, "true or false").unwrap_or(false);
        let protected = found.optional("protected", self.protected, "true or false").unwrap_or(false);
        let expected = "a text (it may be empty)";
        let read = match ask_password {
            false => found.required("password", self.password, expected),
            true => found.optional("password", self.password, expected),
        };
        let password = found.checked("password", read, password);
        let connection_type =
            found.optional("connection_type", self.connection_type, &Word::<ConnectionType>::choices());
        let connection_type = connection_type.map_or(ConnectionType::Direct, |word| word.0);
        let hops = hops(&mut found, self.hops, connection_type, host.as_deref().zip(port), &[]);
        let given = found.optional("tls", self.tls, "an object with `mode` and perhaps `ca`");
        let tls = given
            .map_or(Some((Tls::default(), None)), |given| found.within("tls", |found| given.0.check(found)));
        let given = found.optional("timeout_seconds", self.timeout_seconds, "a whole number of seconds");
        let timeout_seconds = found.checked("timeout_seconds", Some(given.unwrap_or(10)), timeout);
        let given = found.optional("max_sessions", self.max_sessions, "a whole number of sessions");
        let max_sessions = found.checked("max_sessions", given, sessions);
        let whole = (|| {
            let (hops, mut secrets) = hops?;
            secrets.extend(password.map(|password| (SecretName::Password, password)));
            let (tls, key) = tls?;
            secrets.extend(key.map(|key| (SecretName::TlsClientKey, key)));
            let connection = Connection {
                org_id,
                id,
                name: name?,
                engine: engine?.0,
                connection_type,
                hops,
                host: host?,
                port: port?,
                database: database?,
                username: username?,
                tls,
                timeout_seconds: timeout_seconds?,
                max_sessions,
                ask_password,
                protected,
                state: ConnectionState::Untested,
                checked_at: None,
                version: 1,
                reach: 1,
                created_at: now,
            };
            Some((connection, secrets))
        })();
        found.finish(whole)
    }
}

impl NewTls {
    pub(super) fn check(self, found: &mut FieldErrors) -> Option<(Tls, Option<Secret>)> {
        let mode = found.required("mode", self.mode, &Word::<TlsMode>::choices()).map(|word| word.0);
        let given = found.optional("ca", self.ca, "certificates in PEM, as a text,");
        let verifies = mode.is_none_or(|mode| matches!(mode, TlsMode::VerifyCa | TlsMode::VerifyFull));
        let ca = match given {
            None => None,
            Some(_) if !verifies => {
                let detail = "only the modes verify-ca and verify-full look at it; choose one of them";
                found.add("ca", ProblemCode::InvalidValue, detail);
                return None;
            }
            Some(text) => Some(found.checked("ca", Some(text), certificates)?),
        };
        let given =
            found.optional("client_certificate", self.client_certificate, "certificates in PEM, as a text,");
        let key = found.optional("client_key", self.client_key, "a private key in PEM, as a text,");
        let shown = match (given, key) {
            (None, None) => None,
            (Some(_), Some(_)) if mode == Some(TlsMode::Disable) => {
                let detail = "without TLS no certificate is shown; choose another mode";
                found.add("client_certificate", ProblemCode::InvalidValue, detail);
                return None;
            }
            (Some(text), Some(key)) => {
                let text = found.checked("client_certificate", Some(text), certificates);
                let key = found.checked("client_key", Some(key), client_key);
                Some((text?, key?))
            }
            (certificate, _) => {
                let field = if certificate.is_some() { "client_key" } else { "client_certificate" };
                found.add(
                    field,
                    ProblemCode::Required,
                    "a client certificate and its key are given together",
                );
                return None;
            }
        };
        let (client_certificate, key) = shown.unzip();
        Some((Tls { mode: mode?, ca, client_certificate }, key))
    }
}

/// The hops, if none of them is the database itself; `before`: those that are edited.
pub(super) fn hops(
    found: &mut FieldErrors,
    given: Field<Vec<Object<NewHop>>>,
    connection_type: ConnectionType,
    database: Option<(&str, u16)>,
    before: &[Hop],
) -> Option<new_hop::Checked> {
    let is_wrong = matches!(given, Field::Invalid(_));
    let given = found.optional("hops", given, "a list of SSH hosts, each an object,");
    if is_wrong {
        return None;
    }
    let (hops, secrets) = new_hop::check(found, given, connection_type, before)?;
    is_no_loop(found, &hops, database).then_some((hops, secrets))
}

/// Whether no hop is the database itself.
pub(super) fn is_no_loop(found: &mut FieldErrors, hops: &[Hop], database: Option<(&str, u16)>) -> bool {
    let itself = hops.iter().position(|hop| Some((hop.host.as_str(), hop.port)) == database);
    if let Some(at) = itself {
        found.add(&format!("hops.{at}.host"), ProblemCode::Loop, "it is the database's own host and port");
    }
    itself.is_none()
}

pub(super) fn port(found: &mut FieldErrors, given: Field<u16>, engine: Option<Word<Engine>>) -> Option<u16> {
    let expected = "a whole number from 1 to 65535";
    let wrong = matches!(given, Field::Invalid(_));
    match found.optional("port", given, expected) {
        Some(0) => {
            found.add("port", ProblemCode::InvalidValue, format!("{expected} is expected"));
            None
        }
        Some(port) => Some(port),
        None if wrong => None,
        None => engine.map(|engine| engine.0.default_port()),
    }
}

pub(super) fn timeout(seconds: u32) -> Result<u32, Objection> {
    match seconds {
        1..=300 => Ok(seconds),
        _ => Err((ProblemCode::InvalidValue, "1 to 300 seconds are taken".to_owned())),
    }
}

pub(super) fn sessions(most: u16) -> Result<u16, Objection> {
    match i32::from(most) {
        1..=MOST_SESSIONS => Ok(most),
        _ => Err((ProblemCode::InvalidValue, format!("1 to {MOST_SESSIONS} sessions are taken"))),
    }
}

/// One or more certificates and nothing else: a private key must not be kept by accident.
fn certificates(text: String) -> Result<String, Objection> {
    let wrong = |detail: &str| Err((ProblemCode::InvalidCertificate, detail.to_owned()));
    if text.len() > 65_536 {
        return Err((ProblemCode::TooLong, "at most 64 KiB are taken".to_owned()));
    }
    let mut any = false;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
        let Ok((kind, der)) = section else { return wrong("it is not valid PEM") };
        if kind != SectionKind::Certificate {
            return wrong("only sections `BEGIN CERTIFICATE` are taken, no keys");
        }
        if webpki::anchor_from_trusted_cert(&CertificateDer::from(der)).is_err() {
            return wrong("one of its sections is not an X.509 certificate");
        }
        any = true;
    }
    if any && !text.contains('\0') { Ok(text) } else { wrong("it holds no section `BEGIN CERTIFICATE`") }
}

/// Told by its form alone; whether it belongs to the certificate, the handshake finds out.
fn client_key(secret: Secret) -> Result<Secret, Objection> {
    let text = secret.reveal();
    if text.len() > 65_536 {
        return Err((ProblemCode::TooLong, "at most 64 KiB are taken".to_owned()));
    }
    let kinds = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
    let known = kinds.iter().any(|kind| text.contains(&format!("-----BEGIN {kind}-----")));
    let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes());
    if known && !text.contains('\0') && sections.next().is_some() && sections.all(|rest| rest.is_ok()) {
        return Ok(secret);
    }
    let detail =
        "it holds no private key in PEM; an encrypted one is not read: openssl pkey -in KEYFILE decrypts it";
    Err((ProblemCode::InvalidPrivateKey, detail.to_owned()))
}

#[cfg(test)]
mod tests;
