//! The private half: only a worker builds an [`Opener`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use hpke::{Deserializable, OpModeR, Serializable};

use super::keyring::{Keyring, KeyringError};
use super::seal::Sealed;
use super::{Aead, INFO, Kdf, Kem, Secret, SecretAddress};

type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
type EncappedKey = <Kem as hpke::Kem>::EncappedKey;

/// A sealed value that does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The keyring lacks the key.
    #[error("no private key {0:?} in this worker's key file")]
    KeyUnavailable(String),
    /// Wrong key, wrong place, or damaged.
    #[error("a sealed secret does not open: it was damaged or belongs elsewhere")]
    DoesNotOpen,
}

/// Opens what a [`super::Sealer`] sealed. A key that it does not have it looks for in its file
/// once more: a rotation may have brought it.
pub struct Opener {
    path: PathBuf,
    keys: RwLock<BTreeMap<String, PrivateKey>>,
}

impl Opener {
    /// Reads the private key file.
    pub fn read(path: &Path) -> Result<Self, KeyringError> {
        Ok(Self { path: path.to_owned(), keys: RwLock::new(keys(path)?) })
    }

    fn key(&self, id: &str) -> Option<PrivateKey> {
        let known = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        known.or_else(|| {
            let found = keys(&self.path).ok()?;
            let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            keys.extend(found);
            keys.get(id).cloned()
        })
    }

    /// Opens a sealed value for the place it was sealed for.
    pub fn open(&self, sealed: &Sealed, place: &SecretAddress) -> Result<Secret, OpenError> {
        let key = self.key(&sealed.key_id).ok_or_else(|| OpenError::KeyUnavailable(sealed.key_id.clone()))?;
        let size = EncappedKey::size();
        if sealed.bytes.len() < size {
            return Err(OpenError::DoesNotOpen);
        }
        let (encapsulated, ciphertext) = sealed.bytes.split_at(size);
        let encapsulated = EncappedKey::from_bytes(encapsulated).map_err(|_| OpenError::DoesNotOpen)?;
        let clear = hpke::single_shot_open::<Aead, Kdf, Kem>(
            &OpModeR::Base,
            &key,
            &encapsulated,
            INFO,
            ciphertext,
            &place.associated_data(),
        )
        .map_err(|_| OpenError::DoesNotOpen)?;
        String::from_utf8(clear).map(Secret::new).map_err(|_| OpenError::DoesNotOpen)
    }
}

fn keys(path: &Path) -> Result<BTreeMap<String, PrivateKey>, KeyringError> {
    Keyring::read(path)?.decoded(path, |bytes| PrivateKey::from_bytes(bytes).ok())
}
