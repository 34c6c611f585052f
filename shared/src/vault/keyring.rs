//! Key files: JSON, one for public keys and one for private keys, several keys each.
//!
//! ```json
//! {"current": "k1", "keys": {"k1": "base64 of 32 bytes"}}
//! ```
//! `current` names the key that new values are sealed with; older ones stay so that old
//! values open until they are sealed again.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hpke::{Kem as _, Serializable};
use serde::{Deserialize, Serialize};

use super::Kem;

/// A key file that is missing, unreadable or not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Reading or writing failed.
    #[error("key file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The content is no keyring.
    #[error("key file {path} is not a keyring: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong; never the content.
        reason: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keyring {
    pub(crate) current: String,
    pub(super) keys: BTreeMap<String, String>,
}

impl Keyring {
    pub(crate) fn read(path: &Path) -> Result<Self, KeyringError> {
        let text =
            std::fs::read(path).map_err(|source| KeyringError::File { path: path.to_owned(), source })?;
        let ring: Self = serde_json::from_slice(&text).map_err(|_| content(path, "not the expected JSON"))?;
        if !ring.keys.contains_key(&ring.current) {
            return Err(content(path, "its `current` key is not among its `keys`"));
        }
        Ok(ring)
    }

    pub(crate) fn decoded<T>(
        &self,
        path: &Path,
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<BTreeMap<String, T>, KeyringError> {
        self.keys
            .iter()
            .map(|(id, text)| {
                let key = STANDARD.decode(text).ok().and_then(|bytes| decode(&bytes));
                Ok((id.clone(), key.ok_or_else(|| content(path, "a key is not 32 bytes in base64"))?))
            })
            .collect()
    }
}

fn content(path: &Path, reason: &'static str) -> KeyringError {
    KeyringError::Content { path: path.to_owned(), reason }
}

/// Makes a fresh pair of key files with one key; files that exist are left as they are
/// (then both must exist). The private one gets mode 0600. Returns whether it made them.
pub fn make_keys(public: &Path, private: &Path, key_id: &str) -> Result<bool, KeyringError> {
    match (public.exists(), private.exists()) {
        (true, true) => return Ok(false),
        (false, false) => {}
        // A lone file means a half-done start or a loss: making a new pair would orphan
        // every sealed value without a word.
        (true, false) => return Err(content(private, "it is missing while the public key file exists")),
        (false, true) => return Err(content(public, "it is missing while the private key file exists")),
    }
    let (private_key, public_key) = Kem::gen_keypair();
    write(private, key_id, &private_key.to_bytes(), 0o600)?;
    write(public, key_id, &public_key.to_bytes(), 0o644)?;
    Ok(true)
}

/// Makes a key file of one key; one that exists is an error.
pub(crate) fn write(path: &Path, key_id: &str, key: &[u8], mode: u32) -> Result<(), KeyringError> {
    use std::os::unix::fs::OpenOptionsExt;
    let ring = Keyring {
        current: key_id.to_owned(),
        keys: BTreeMap::from([(key_id.to_owned(), STANDARD.encode(key))]),
    };
    let failed = |source| KeyringError::File { path: path.to_owned(), source };
    let text = serde_json::to_vec_pretty(&ring).map_err(|e| failed(e.into()))?;
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)
}
