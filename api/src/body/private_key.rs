//! What a pasted private key tells by its form: whether it is one, whether a passphrase opens
//! it, and how strong it is. No key is opened here; what needs that, a worker finds out.
//!
//! Invariants: nothing of a key is in an objection; what was decoded to look at it is wiped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::vault::Secret;
use zeroize::Zeroizing;

use super::text::Objection;

/// Larger is no private key.
const LONGEST: usize = 65_536;
/// Bits below which an RSA key is refused.
const LEAST_RSA_BITS: usize = 2_048;
/// The object identifier of RSA keys in PKCS#8.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// The key, if nothing is wrong with its form.
pub(super) fn check(secret: Secret) -> Result<Secret, Objection> {
    let text = secret.reveal();
    let wrong = |detail: &str| Err((ProblemCode::InvalidPrivateKey, detail.to_owned()));
    if text.len() > LONGEST {
        return Err((ProblemCode::TooLong, "at most 64 KiB are taken".to_owned()));
    }
    if text.trim_start().starts_with("ssh-") || text.contains(" PUBLIC KEY-----") {
        return wrong("this is a public key; paste the private one: the file without .pub");
    }
    let keys = text.matches("PRIVATE KEY-----").count() / 2 + text.matches("PuTTY-User-Key-File-").count();
    match keys {
        1 if !text.contains('\0') => {}
        0 | 1 => {
            return wrong("no private key is seen: paste the whole file, from its BEGIN to its END line");
        }
        _ => return wrong("more than one private key is seen; paste the one that is used"),
    }
    let old = text.lines().filter_map(|line| line.trim().strip_prefix("DEK-Info:"));
    let unread =
        |cipher: &str| !cipher.trim_start().starts_with("AES-128-CBC,") || text.contains("BEGIN EC ");
    if old.into_iter().any(unread) {
        return wrong(
            "it is encrypted in an old PEM form that is not read; convert a copy: ssh-keygen -p -f KEYFILE",
        );
    }
    if rsa_bits(text).is_some_and(|bits| bits < LEAST_RSA_BITS) {
        return Err((
            ProblemCode::KeyTooWeak,
            "it is an RSA key of fewer than 2048 bits; make a new one: ssh-keygen -t ed25519".to_owned(),
        ));
    }
    Ok(secret)
}

/// Whether only a passphrase opens it.
pub(super) fn is_encrypted(key: &Secret) -> bool {
    let text = key.reveal();
    let putty = text.lines().find_map(|line| line.trim().strip_prefix("Encryption:"));
    text.contains("BEGIN ENCRYPTED PRIVATE KEY")
        || text.lines().any(|line| line.trim().starts_with("DEK-Info:"))
        || putty.is_some_and(|cipher| cipher.trim() != "none")
        || openssh(text).is_some_and(|(is_encrypted, _)| is_encrypted)
}

/// The size of an RSA key, where the form shows it.
fn rsa_bits(text: &str) -> Option<usize> {
    if let Some((_, bits)) = openssh(text) {
        return bits;
    }
    if let Some(at) = text.lines().position(|line| line.trim().starts_with("Public-Lines:")) {
        let mut lines = text.lines().skip(at).map(str::trim);
        let count = lines.next()?.strip_prefix("Public-Lines:")?.trim().parse().ok()?;
        let public = STANDARD.decode(lines.take(count).collect::<String>()).ok()?;
        return public_bits(&public);
    }
    let der = decoded(text)?;
    let mut whole = der.as_slice();
    let mut key = element(&mut whole, 0x30)?;
    element(&mut key, 0x02)?;
    let mut old = key;
    if let Some(modulus) = element(&mut old, 0x02) {
        return text.contains("BEGIN RSA ").then(|| bits(modulus));
    }
    let mut algorithm = element(&mut key, 0x30)?;
    if element(&mut algorithm, 0x06)? != RSA {
        return None;
    }
    let mut inner = element(&mut key, 0x04)?;
    let mut key = element(&mut inner, 0x30)?;
    element(&mut key, 0x02)?;
    element(&mut key, 0x02).map(bits)
}

/// Of a key in OpenSSH's own form: whether it is encrypted, and its size if it is RSA's. Its
/// public part is readable in either case.
fn openssh(text: &str) -> Option<(bool, Option<usize>)> {
    let blob = decoded(text)?;
    let mut rest = blob.strip_prefix(b"openssh-key-v1\0")?;
    let cipher = string(&mut rest)?;
    let (_kdf, _options) = (string(&mut rest)?, string(&mut rest)?);
    let (_count, mut rest) = rest.split_at_checked(4)?;
    let public = string(&mut rest)?;
    Some((cipher != b"none", public_bits(public)))
}

fn public_bits(mut public: &[u8]) -> Option<usize> {
    if string(&mut public)? != b"ssh-rsa" {
        return None;
    }
    string(&mut public)?;
    string(&mut public).map(bits)
}

/// What stands between the BEGIN and the END line.
fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with("-----BEGIN ")).skip(1);
    let body = lines.take_while(|line| !line.starts_with("-----END "));
    let body: Zeroizing<String> = Zeroizing::new(body.filter(|line| !line.contains(':')).collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

/// A string of SSH: its length in four bytes, then itself.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let (found, tail) = tail.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = tail;
    Some(found)
}

/// An element of DER with this tag: its length in one byte, or in as many as the first says.
fn element<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&[found, first], tail) = rest.split_first_chunk::<2>()?;
    let (size, long) = if first < 0x80 { (0, usize::from(first)) } else { (usize::from(first & 0x7f), 0) };
    let (digits, tail) = tail.split_at_checked(size)?;
    if found != tag || size > 4 {
        return None;
    }
    let length = digits.iter().fold(long, |length, digit| length << 8 | usize::from(*digit));
    let (content, tail) = tail.split_at_checked(length)?;
    *rest = tail;
    Some(content)
}

/// Bits of a number, whose sign may take a byte of its own.
fn bits(number: &[u8]) -> usize {
    let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    number.first().map_or(0, |first| number.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0))
}
