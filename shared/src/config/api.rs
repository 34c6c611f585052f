//! The HTTP API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::variables::{
    API_LISTEN, FULL_SYNC_MIN_SECONDS, PUBLIC_KEYS, TESTS_PER_MINUTE, address, path, seconds, whole,
};
use super::{Environment, Problems, gather};

/// The HTTP API.
#[derive(Clone, Debug)]
pub struct Api {
    /// Address and port.
    pub listen: SocketAddr,
    /// The keyring that seals customers' secrets.
    pub public_keys: PathBuf,
    /// How long two scheduled runs of a full sync must be apart; zero: no bound.
    pub full_sync_min: Duration,
    /// Tests of connections that an organisation may ask for in a minute.
    pub tests_per_minute: u32,
}

impl Api {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self {
            listen: from.read_one(&API_LISTEN, address),
            public_keys: from.read_one(&PUBLIC_KEYS, path),
            full_sync_min: from.read_one(&FULL_SYNC_MIN_SECONDS, seconds(0..=31_536_000)),
            tests_per_minute: from.read_one(&TESTS_PER_MINUTE, whole(1..=100_000)),
        })
    }
}
