//! What a connection logs in with, opened for one attempt.

use longshore_shared::vault::Secret;

/// A connection's opened secrets.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// The database account's password.
    pub(crate) password: Secret,
    /// The private key of the connection's client certificate.
    pub(crate) client_key: Option<Secret>,
    /// One for each hop, outermost first.
    pub(crate) hops: Vec<HopSecret>,
}

/// What one hop lets its user in for.
#[derive(Clone, Debug)]
pub(crate) enum HopSecret {
    /// A password.
    Password(Secret),
    /// A private key as it was pasted, and what it is encrypted with.
    PrivateKey {
        /// OpenSSH, PEM, PKCS#8 or PuTTY.
        key: Secret,
        /// None: it is not encrypted.
        passphrase: Option<Secret>,
    },
}
