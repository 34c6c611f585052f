//! Reads a pasted private key, and says in a person's words why one cannot be used.
//!
//! Invariants: a key is named by its form only, never by its content; a form that the
//! library cannot read is told with the command that converts it; an RSA key of fewer than
//! 2048 bits is refused.

use longshore_shared::domain::failure::FailureCode;
use longshore_shared::vault::Secret;
use russh::keys::{Error, PrivateKey, decode_secret_key};

/// Bits below which an RSA key is refused.
const LEAST_RSA_BITS: u32 = 2_048;

/// Why a key cannot be used: a stable code, what is wrong, what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) code: FailureCode,
    pub(super) what: &'static str,
    pub(super) hint: &'static str,
}

const UNREADABLE: Unusable = Unusable {
    code: FailureCode::SshKeyUnreadable,
    what: "the private key cannot be read",
    hint: "paste the whole file, from its BEGIN to its END line: OpenSSH, PEM, PKCS#8 or PuTTY",
};
const PUBLIC: Unusable = Unusable {
    code: FailureCode::SshKeyUnreadable,
    what: "what was given is a public key",
    hint: "paste the private key: the file without .pub",
};
/// The library reads only AES-128 in this old form, and tells the others by misleading errors.
const OLD_ENCRYPTION: Unusable = Unusable {
    code: FailureCode::SshKeyUnreadable,
    what: "the private key is encrypted in an old PEM form that is not read",
    hint: "convert a copy of it: ssh-keygen -p -f KEYFILE writes it in OpenSSH's own form",
};
const LOCKED: Unusable = Unusable {
    code: FailureCode::SshPassphraseRequired,
    what: "the private key is encrypted and no passphrase was given",
    hint: "give the key's passphrase",
};
const WRONG_PASSPHRASE: Unusable = Unusable {
    code: FailureCode::SshPassphraseWrong,
    what: "the private key does not open with this passphrase, or is damaged",
    hint: "check the passphrase: ssh-keygen -y -f KEYFILE asks for it",
};
const WEAK: Unusable = Unusable {
    code: FailureCode::SshKeyTooWeak,
    what: "the private key is an RSA key of fewer than 2048 bits",
    hint: "make a new key: ssh-keygen -t ed25519",
};

/// Reads a key; `passphrase` is not looked at where the key is not encrypted.
pub(super) fn read(key: &Secret, passphrase: Option<&Secret>) -> Result<PrivateKey, Unusable> {
    let text = key.reveal();
    if text.trim_start().starts_with("ssh-")
        || text.contains("BEGIN PUBLIC KEY")
        || text.contains("BEGIN SSH2 PUBLIC")
    {
        return Err(PUBLIC);
    }
    if encrypted_in_an_old_form(text) {
        return Err(OLD_ENCRYPTION);
    }
    let read = decode_secret_key(text, passphrase.map(Secret::reveal)).map_err(|error| match error {
        Error::KeyIsEncrypted => LOCKED,
        _ if passphrase.is_some() => WRONG_PASSPHRASE,
        _ if text.contains("ENCRYPTED") => LOCKED,
        _ => UNREADABLE,
    })?;
    match read.public_key().key_data().rsa() {
        Some(rsa) if rsa.key_size() < LEAST_RSA_BITS => Err(WEAK),
        _ => Ok(read),
    }
}

fn encrypted_in_an_old_form(text: &str) -> bool {
    text.lines().any(|line| {
        let cipher = line.trim().strip_prefix("DEK-Info:").map(str::trim_start);
        cipher.is_some_and(|cipher| {
            !cipher.starts_with("AES-128-CBC,") || text.contains("BEGIN EC PRIVATE KEY")
        })
    })
}
