//! The worker.

use std::path::PathBuf;
use std::time::Duration;

use super::variables::{
    CHUNK_BYTES, CHUNK_ROWS, CHUNK_SECONDS, LEASE_SECONDS, PRIVATE_KEYS, PUBLIC_KEYS, SSH_IDLE_SECONDS,
    TRUST_SERVER_KEYS, WORKER_NAME, WORKER_PERMITS, flag, name, path, seconds, whole,
};
use super::{Environment, Problems, gather};

/// The worker.
#[derive(Clone, Debug)]
pub struct Worker {
    /// What people see as its name.
    pub name: String,
    /// Steps of the queue `bulk` at once.
    pub permits: u32,
    /// The keyring that seals customers' secrets (for wrapping them anew).
    pub public_keys: PathBuf,
    /// The keyring that opens them.
    pub private_keys: PathBuf,
    /// Whether a password may go under a key that a server itself sends.
    pub trust_server_keys: bool,
    /// Rows a chunk at most.
    pub chunk_rows: u32,
    /// Bytes a chunk is aimed at.
    pub chunk_bytes: u32,
    /// How long a chunk may take.
    pub chunk_time: Duration,
    /// How long SSH sessions that nobody uses are kept.
    pub ssh_idle: Duration,
    /// How long a claimed step stays the worker's without renewal.
    pub lease: Duration,
}

impl Worker {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self {
            name: from.read_one(&WORKER_NAME, name),
            permits: from.read_one(&WORKER_PERMITS, whole(1..=256)),
            public_keys: from.read_one(&PUBLIC_KEYS, path),
            private_keys: from.read_one(&PRIVATE_KEYS, path),
            trust_server_keys: from.read_one(&TRUST_SERVER_KEYS, flag),
            chunk_rows: from.read_one(&CHUNK_ROWS, whole(1..=100_000_000)),
            chunk_bytes: from.read_one(&CHUNK_BYTES, whole(1_024..=1_073_741_824)),
            chunk_time: from.read_one(&CHUNK_SECONDS, seconds(1..=3_600)),
            ssh_idle: from.read_one(&SSH_IDLE_SECONDS, seconds(1..=3_600)),
            lease: from.read_one(&LEASE_SECONDS, seconds(1..=3_600)),
        })
    }
}
