//! The HTTP API.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::variables::{API_LISTEN, PUBLIC_KEYS, address, path};
use super::{Environment, Problems, gather};

/// The HTTP API.
#[derive(Clone, Debug)]
pub struct Api {
    /// Address and port.
    pub listen: SocketAddr,
    /// The keyring that seals customers' secrets.
    pub public_keys: PathBuf,
}

impl Api {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self {
            listen: from.read_one(&API_LISTEN, address),
            public_keys: from.read_one(&PUBLIC_KEYS, path),
        })
    }
}
