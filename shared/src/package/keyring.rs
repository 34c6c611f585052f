//! The keys that packages are sealed with: another family than those of credentials, since the API reads packages
//! and never credentials.
//!
//! A key file is JSON: `{"current": "k1", "keys": {"k1": "base64 of 32 bytes"}}`. `current` seals, all open. Without
//! a file nothing is sealed, and what is sealed does not open.

use std::collections::BTreeMap;
use std::path::Path;

use zeroize::Zeroizing;

use crate::vault::{Keyring, KeyringError, write_keyring};

/// A key, wiped from memory when it is dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// The keys of this process; without any nothing is sealed.
#[derive(Clone, Default)]
pub struct PackageKeys {
    current: Option<String>,
    keys: BTreeMap<String, Key>,
}

/// No key is ever shown.
impl std::fmt::Debug for PackageKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackageKeys").field("current", &self.current).finish_non_exhaustive()
    }
}

impl PackageKeys {
    /// Of the file that the settings name, if they name one.
    pub fn read(path: Option<&Path>) -> Result<Self, KeyringError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let ring = Keyring::read(path)?;
        let decoded = ring.decoded(path, |bytes| Some(Zeroizing::new(<[u8; 32]>::try_from(bytes).ok()?)))?;
        Ok(Self { current: Some(ring.current), keys: decoded })
    }

    /// Of keys at hand; the first seals.
    #[cfg(test)]
    pub(super) fn of<const N: usize>(keys: [(&str, [u8; 32]); N]) -> Self {
        let current = keys.first().map(|(id, _)| (*id).to_owned());
        Self {
            current,
            keys: keys.into_iter().map(|(id, key)| (id.to_owned(), Zeroizing::new(key))).collect(),
        }
    }

    /// What new objects are sealed with.
    pub(super) fn sealing(&self) -> Option<(&str, &Key)> {
        let id = self.current.as_deref()?;
        self.keys.get(id).map(|key| (id, key))
    }

    /// A key by its id.
    pub(super) fn opening(&self, id: &str) -> Option<&Key> {
        self.keys.get(id)
    }
}

/// Makes a key file with one fresh key, of mode 0600, unless it is there. Returns whether it made it.
pub fn make(path: &Path, id: &str) -> Result<bool, KeyringError> {
    if path.exists() {
        return Ok(false);
    }
    let key: Key = Zeroizing::new(rand::random());
    write_keyring(path, id, key.as_slice(), 0o600).map(|()| true)
}
