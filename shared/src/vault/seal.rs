//! The public half: seals, and can open nothing.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hpke::{Deserializable, OpModeS, Serializable};

use super::keyring::{Keyring, KeyringError};
use super::{Aead, INFO, Kdf, Kem, Secret, SecretAddress};

type PublicKey = <Kem as hpke::Kem>::PublicKey;

/// A sealed value: which key opens it, and the encapsulated key followed by the
/// ciphertext with its tag.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The key's id in the keyring.
    pub key_id: String,
    /// 32 bytes of encapsulated key, then the ciphertext.
    pub bytes: Vec<u8>,
}

/// Sealing failed; nothing of the secret is in the error.
#[derive(Debug, thiserror::Error)]
#[error("a secret could not be sealed")]
pub struct SealError;

/// Seals with the keyring's current public key, looked up each time: a rotated key counts
/// from the next value on.
pub struct Sealer {
    path: PathBuf,
    current: Mutex<Current>,
}

#[derive(Clone)]
struct Current {
    key_id: String,
    key: PublicKey,
}

impl Sealer {
    /// Reads the public key file.
    pub fn read(path: &Path) -> Result<Self, KeyringError> {
        Ok(Self { path: path.to_owned(), current: Mutex::new(Current::read(path)?) })
    }

    /// The id of the key that seals.
    pub fn key_id(&self) -> String {
        self.current().key_id
    }

    /// A file that cannot be read now leaves the key that was there.
    fn current(&self) -> Current {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(found) = Current::read(&self.path) {
            *current = found;
        }
        current.clone()
    }

    /// Seals a secret for its place.
    pub fn seal(&self, secret: &Secret, place: &SecretAddress) -> Result<Sealed, SealError> {
        let Current { key_id, key } = self.current();
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<Aead, Kdf, Kem>(
            &OpModeS::Base,
            &key,
            INFO,
            secret.reveal().as_bytes(),
            &place.associated_data(),
        )
        .map_err(|_| SealError)?;
        let mut bytes = encapsulated.to_bytes().to_vec();
        bytes.extend_from_slice(&ciphertext);
        Ok(Sealed { key_id, bytes })
    }
}

impl Current {
    fn read(path: &Path) -> Result<Self, KeyringError> {
        let ring = Keyring::read(path)?;
        let mut keys = ring.decoded(path, |bytes| PublicKey::from_bytes(bytes).ok())?;
        let key = keys.remove(&ring.current).ok_or(KeyringError::Content {
            path: path.to_owned(),
            reason: "its `current` key is not among its `keys`",
        })?;
        Ok(Self { key_id: ring.current, key })
    }
}
