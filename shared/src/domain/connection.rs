//! A registered database: where it is, how it is reached, of which engine it is.
//!
//! Secrets are deliberately not here: see `vault`.

use serde::{Deserialize, Serialize};

use super::hop::Hop;
use super::id::{ConnectionId, OrgId};
use super::words;

words! {
    /// The kind of database server.
    Engine {
        /// MySQL 5.7 or newer.
        Mysql = "mysql",
        /// MariaDB 10.3 or newer.
        Mariadb = "mariadb",
        /// PostgreSQL 12 or newer.
        Postgresql = "postgresql",
    }
}

words! {
    /// Engines between which rows can move without translation.
    EngineGroup {
        /// MySQL and MariaDB.
        Mysql = "mysql",
        /// PostgreSQL.
        Postgresql = "postgresql",
    }
}

impl Engine {
    /// The group that this engine belongs to.
    pub const fn group(self) -> EngineGroup {
        match self {
            Self::Mysql | Self::Mariadb => EngineGroup::Mysql,
            Self::Postgresql => EngineGroup::Postgresql,
        }
    }

    /// The port that the engine listens on unless told otherwise.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Mysql | Self::Mariadb => 3306,
            Self::Postgresql => 5432,
        }
    }

    /// Whether the database of this name belongs to the server itself, so that nothing may
    /// be synchronised into it.
    pub fn is_system_database(self, name: &str) -> bool {
        let reserved: &[&str] = match self.group() {
            EngineGroup::Mysql => &["mysql", "sys", "information_schema", "performance_schema"],
            EngineGroup::Postgresql => &["template0", "template1"],
        };
        reserved.iter().any(|word| word.eq_ignore_ascii_case(name))
    }
}

words! {
    /// How a connection's host is reached.
    ConnectionType {
        /// Straight over TCP.
        Direct = "direct",
        /// Through one SSH host.
        Ssh = "ssh",
        /// Through several SSH hosts, one in the other.
        SshJump = "ssh+jump",
    }
}

words! {
    /// How much a connection asks of TLS.
    TlsMode {
        /// No TLS.
        Disable = "disable",
        /// TLS where the server offers it, unverified.
        Prefer = "prefer",
        /// TLS always, unverified.
        Require = "require",
        /// TLS with a certificate of a trusted authority.
        VerifyCa = "verify-ca",
        /// As `verify-ca`, and the certificate names the host.
        VerifyFull = "verify-full",
    }
}

/// A connection's TLS settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// How much is asked.
    pub mode: TlsMode,
    /// Trusted certificates in PEM instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The certificate, with its chain in PEM, that this side shows; its key is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { mode: TlsMode::Disable, ca: None, client_certificate: None }
    }
}

words! {
    /// What the last check of a connection found.
    ConnectionState {
        /// Never checked.
        Untested = "untested",
        /// The last check went through.
        Verified = "verified",
        /// The last check failed.
        Unreachable = "unreachable",
    }
}

/// A registered connection without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The organisation that owns it.
    pub org_id: OrgId,
    /// Its identifier.
    pub id: ConnectionId,
    /// Its name, unique in the organisation without regard to case.
    pub name: String,
    /// The kind of server.
    pub engine: Engine,
    /// How the host is reached.
    pub connection_type: ConnectionType,
    /// The SSH hosts on the way, outermost first; none for `direct`.
    pub hops: Vec<Hop>,
    /// Host name or address literal, as the last hop sees it.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The database (MySQL: schema) that it names.
    pub database: String,
    /// The account that logs in.
    pub username: String,
    /// TLS settings.
    pub tls: Tls,
    /// Bound of DNS, TCP, each hop, TLS and login together, in seconds.
    pub timeout_seconds: u32,
    /// How many sessions all workers together may have open on it at once.
    pub max_sessions: Option<u16>,
    /// Whether its password is not stored, but given with each run and each test.
    #[serde(default)]
    pub ask_password: bool,
    /// Whether a job that writes to it has to be confirmed with its name and its password.
    #[serde(default)]
    pub protected: bool,
    /// What the last check found.
    pub state: ConnectionState,
    /// When the last check was.
    pub checked_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Grows at each change.
    pub version: i32,
    /// Grows when it leads elsewhere, or by another way.
    pub reach: i32,
    /// When it was registered.
    pub created_at: chrono::DateTime<chrono::Utc>,
}

impl Connection {
    /// Host and port that a worker itself connects to: the first hop's, or the database's own.
    pub fn dialled(&self) -> (&str, u16) {
        self.hops.first().map_or((&self.host, self.port), |hop| (&hop.host, hop.port))
    }
}
