//! A connection as it is shown: everything but its secrets.

use chrono::{DateTime, Utc};
use longshore_shared::domain::connection::{Connection, ConnectionState, ConnectionType, Engine, TlsMode};
use longshore_shared::domain::examination::Examination;
use longshore_shared::domain::hop::{Hop, HopLogin};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::examination::ExaminationView;
use crate::word::{Word, words};

/// A registered connection. Its password is never given back.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Connection)]
pub(crate) struct ConnectionView {
    id: Uuid,
    name: String,
    #[schema(schema_with = words::<Engine>)]
    engine: Word<Engine>,
    host: String,
    #[schema(minimum = 1, maximum = 65535)]
    port: u16,
    database: String,
    username: String,
    #[schema(schema_with = words::<ConnectionType>)]
    connection_type: Word<ConnectionType>,
    /// The SSH hosts on the way, outermost first.
    hops: Vec<HopView>,
    tls: TlsView,
    timeout_seconds: u32,
    /// How many sessions all workers together may have open on it at once; null: as many as there is work.
    #[schema(required = true, minimum = 1, maximum = 1000)]
    max_sessions: Option<u16>,
    /// Whether its password is not stored, but given with each run and each test.
    ask_password: bool,
    /// Whether whatever writes to it has to be confirmed.
    protected: bool,
    /// What the last check found.
    #[schema(schema_with = words::<ConnectionState>)]
    state: Word<ConnectionState>,
    /// When the last check was.
    #[schema(required = true)]
    checked_at: Option<DateTime<Utc>>,
    /// Grows at each change.
    version: i32,
    created_at: DateTime<Utc>,
}

/// A connection, with what its last test found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestedConnection)]
pub(crate) struct TestedConnectionView {
    #[serde(flatten)]
    connection: ConnectionView,
    /// What the last test of the connection as it is found.
    #[schema(required = true)]
    examination: Option<ExaminationView>,
}

impl TestedConnectionView {
    pub(crate) fn of(connection: Connection, found: Option<Examination>) -> Self {
        Self { connection: connection.into(), examination: found.map(Into::into) }
    }
}

/// An SSH host on the way. Its password or key is never given back.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Hop)]
struct HopView {
    host: String,
    #[schema(minimum = 1, maximum = 65535)]
    port: u16,
    username: String,
    /// What it logs in with.
    #[schema(schema_with = words::<HopLogin>)]
    login: Word<HopLogin>,
    /// The host key that was confirmed; without one the hop is not entered.
    #[schema(required = true)]
    host_key: Option<String>,
}

impl From<Hop> for HopView {
    fn from(hop: Hop) -> Self {
        let Hop { host, port, username, login, host_key } = hop;
        Self { host, port, username, login: Word(login), host_key }
    }
}

/// TLS settings of a connection.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Tls)]
struct TlsView {
    #[schema(schema_with = words::<TlsMode>)]
    mode: Word<TlsMode>,
    /// Trusted certificates in PEM instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    /// The certificate that is shown to the server; its key is never given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<String>,
}

impl From<Connection> for ConnectionView {
    fn from(c: Connection) -> Self {
        Self {
            id: c.id.0,
            name: c.name,
            engine: Word(c.engine),
            host: c.host,
            port: c.port,
            database: c.database,
            username: c.username,
            connection_type: Word(c.connection_type),
            hops: c.hops.into_iter().map(Into::into).collect(),
            tls: TlsView {
                mode: Word(c.tls.mode),
                ca: c.tls.ca,
                client_certificate: c.tls.client_certificate,
            },
            timeout_seconds: c.timeout_seconds,
            max_sessions: c.max_sessions,
            ask_password: c.ask_password,
            protected: c.protected,
            state: Word(c.state),
            checked_at: c.checked_at,
            version: c.version,
            created_at: c.created_at,
        }
    }
}
