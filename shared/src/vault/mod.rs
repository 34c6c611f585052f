//! Secrets of customers: sealed with a public key where they are taken in, opened with
//! a private key in a worker only.
//!
//! HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
//! ChaCha20-Poly1305. The associated data names organisation, owner, name and
//! version, so that a sealed value moved to another row does not open (T7). The id of
//! the key stands beside the sealed value.
//! Invariants: the API holds no private key; a [`Secret`] has no readable `Debug`, does
//! not serialise, and is wiped from memory when dropped.

mod keyring;
mod open;
mod rotation;
mod seal;
mod secret;

pub(crate) use keyring::{Keyring, write as write_keyring};
pub use keyring::{KeyringError, make_keys};
pub use open::{OpenError, Opener};
pub use rotation::{retire_keys, rotate_keys};
pub use seal::{SealError, Sealed, Sealer};
pub use secret::Secret;

use crate::domain::id::OrgId;
use crate::domain::secret::{SecretName, SecretOwner};

type Kem = hpke::kem::X25519HkdfSha256;
type Kdf = hpke::kdf::HkdfSha256;
type Aead = hpke::aead::ChaCha20Poly1305;

const INFO: &[u8] = b"longshore credentials v1";

/// The place a sealed value belongs to; it opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretAddress {
    /// The organisation.
    pub org_id: OrgId,
    /// What it belongs to.
    pub owner: SecretOwner,
    /// Which of its owner's secrets it is.
    pub name: SecretName,
    /// The version of the value.
    pub version: i32,
}

impl SecretAddress {
    /// The place of a value that never changes.
    pub fn once(org_id: OrgId, owner: impl Into<SecretOwner>, name: SecretName) -> Self {
        Self { org_id, owner: owner.into(), name, version: 1 }
    }

    fn associated_data(&self) -> Vec<u8> {
        let Self { org_id, owner, name, version } = self;
        format!("{org_id}\n{}\n{}\n{name}\n{version}", owner.kind, owner.id).into_bytes()
    }
}

#[cfg(test)]
mod tests;
