//! Whether an SSH host is the one that a person confirmed.
//!
//! Invariants: a key that is not the pinned one is refused before anything secret is sent;
//! without a pinned key nothing is entered: the fingerprint is told, for a person to confirm.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client;
use russh::keys::{HashAlg, PublicKeyOrCertificate};

/// Looks at the host key of one hop.
pub(super) struct Gate {
    pinned: Option<String>,
    seen: Seen,
}

/// The fingerprint that a host showed, if it came so far.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Option<String>>>);

impl Seen {
    pub(super) fn fingerprint(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, fingerprint: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint);
    }
}

impl Gate {
    pub(super) fn new(pinned: Option<String>) -> (Self, Seen) {
        let seen = Seen::default();
        (Self { pinned, seen: seen.clone() }, seen)
    }
}

impl client::Handler for Gate {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        // Certificates are not asked for (`Preferred::host_key_certificates` is empty).
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        let known = self.pinned.as_deref() == Some(fingerprint.as_str());
        self.seen.set(fingerprint);
        Ok(known)
    }
}
