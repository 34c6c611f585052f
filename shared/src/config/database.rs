//! Longshore's own PostgreSQL.

use super::variables::{DATABASE_CONNECTIONS, DATABASE_URL, OWNER_DATABASE_URL, SYSTEM_DATABASE_URL, whole};
use super::{ConfigError, Environment, Problems, SecretUrl, gather};

/// The pool that nearly everything goes through.
#[derive(Clone, Debug)]
pub struct Database {
    /// Where it is and as whom.
    pub url: SecretUrl,
    /// Connections at most.
    pub connections: u32,
}

impl Database {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self {
            url: url(from, &DATABASE_URL),
            connections: from.read_one(&DATABASE_CONNECTIONS, whole(1..=1_000)),
        })
    }

    /// Host and port.
    pub fn endpoint(&self) -> (String, u16) {
        self.url.endpoint(5432)
    }
}

/// The door for what no organisation's policy covers: sign-in, and the first rows.
#[derive(Clone, Debug)]
pub struct SystemDatabase {
    /// Where it is and as whom.
    pub url: SecretUrl,
}

impl SystemDatabase {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self { url: url(from, &SYSTEM_DATABASE_URL) })
    }
}

/// The schema's owner, for migrations.
#[derive(Clone, Debug)]
pub struct OwnerDatabase {
    /// Where it is and as whom.
    pub url: SecretUrl,
}

impl OwnerDatabase {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self { url: url(from, &OWNER_DATABASE_URL) })
    }
}

fn url(from: &Environment, variable: &super::variables::Variable) -> Result<SecretUrl, ConfigError> {
    from.read_one(variable, |text| SecretUrl::parse(text, &["postgres", "postgresql"]))
}
