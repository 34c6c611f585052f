//! An object's bytes as they lie in the store: a small head, then the content, sealed where there is a key.
//!
//! ChaCha20-Poly1305 under a key of the object's own, which BLAKE3 derives from the deployment's key, the
//! organisation, the package and the object's name; the associated data names them, too. An object's name is
//! written once, so no key ever seals two contents, and what is cut, changed, exchanged, of another package or of
//! another organisation does not open (T8).

use bytes::{Bytes, BytesMut};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use zeroize::Zeroizing;

use super::PackageError;
use super::keyring::{Key, PackageKeys};
use crate::domain::id::{OrgId, PackageId};

/// What every object begins with, and the version of its head.
const MAGIC: &[u8; 4] = b"LSP1";
const CONTEXT: &str = "longshore 2026 packages: the key of one object";
/// Never used twice under one key.
const NONCE: [u8; 12] = [0; 12];
/// Longer ids of keys do not fit the head.
const LONGEST_ID: usize = 255;

/// Where an object belongs; it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) org_id: OrgId,
    pub(super) package_id: PackageId,
    /// The object's key below the store's prefix.
    pub(super) key: &'a str,
}

impl Place<'_> {
    fn told(&self) -> Vec<u8> {
        format!("{}\n{}\n{}", self.org_id, self.package_id, self.key).into_bytes()
    }

    fn cipher(&self, key: &Key) -> ChaCha20Poly1305 {
        let material = Zeroizing::new([key.as_slice(), &self.told()].concat());
        let own = Zeroizing::new(blake3::derive_key(CONTEXT, &material));
        ChaCha20Poly1305::new((&*own).into())
    }
}

/// The object of a content.
pub(super) fn seal(keys: &PackageKeys, place: Place<'_>, content: &[u8]) -> Result<Bytes, PackageError> {
    let mut object = BytesMut::with_capacity(content.len() + 64);
    object.extend_from_slice(MAGIC);
    let Some((id, key)) = keys.sealing().filter(|(id, _)| id.len() <= LONGEST_ID) else {
        object.extend_from_slice(&[0]);
        object.extend_from_slice(content);
        return Ok(object.freeze());
    };
    object.extend_from_slice(&[u8::try_from(id.len()).unwrap_or(u8::MAX)]);
    object.extend_from_slice(id.as_bytes());
    let payload = Payload { msg: content, aad: &place.told() };
    let sealed = place.cipher(key).encrypt(&Nonce::from(NONCE), payload);
    let sealed = sealed.map_err(|_| PackageError::Unmade("an object could not be sealed".to_owned()))?;
    object.extend_from_slice(&sealed);
    Ok(object.freeze())
}

/// The content of an object.
pub(super) fn open(keys: &PackageKeys, place: Place<'_>, object: &Bytes) -> Result<Bytes, PackageError> {
    let strange = || PackageError::Damaged("an object is none that Longshore wrote".to_owned());
    let rest = object.strip_prefix(MAGIC.as_slice()).ok_or_else(strange)?;
    let (&length, rest) = rest.split_first().ok_or_else(strange)?;
    let (id, sealed) = rest.split_at_checked(usize::from(length)).ok_or_else(strange)?;
    if id.is_empty() {
        // A deployment that seals takes nothing that anybody could have written.
        return match keys.sealing() {
            None => Ok(object.slice(object.len() - sealed.len()..)),
            Some(_) => Err(PackageError::Damaged("an object is not sealed".to_owned())),
        };
    }
    let id = std::str::from_utf8(id).map_err(|_| strange())?;
    let key = keys.opening(id).ok_or_else(|| PackageError::NoKey(id.to_owned()))?;
    let payload = Payload { msg: sealed, aad: &place.told() };
    let opened = place.cipher(key).decrypt(&Nonce::from(NONCE), payload);
    let opened = opened.map_err(|_| PackageError::Damaged("an object's seal is broken".to_owned()))?;
    Ok(opened.into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn place(org: u128, package: u128, key: &str) -> Place<'_> {
        Place { org_id: OrgId(Uuid::from_u128(org)), package_id: PackageId(Uuid::from_u128(package)), key }
    }

    fn keys() -> PackageKeys {
        PackageKeys::of([("k2", [2; 32]), ("k1", [1; 32])])
    }

    fn opened(keys: &PackageKeys, place: Place<'_>, object: impl Into<Bytes>) -> Option<Vec<u8>> {
        open(keys, place, &object.into()).ok().map(|content| content.to_vec())
    }

    proptest! {
        #[test]
        fn t08_whatever_is_changed_does_not_open(content: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
            let object = seal(&keys(), place(1, 2, "a"), &content).unwrap();
            prop_assert_eq!(opened(&keys(), place(1, 2, "a"), object.clone()), Some(content));
            let mut flipped = object.to_vec();
            flipped[at.index(object.len())] ^= 1 << bit;
            prop_assert_eq!(opened(&keys(), place(1, 2, "a"), flipped), None);
            prop_assert_eq!(opened(&keys(), place(1, 2, "a"), object.slice(..at.index(object.len()))), None);
        }
    }

    #[test]
    fn t08_an_object_opens_in_its_place_alone() {
        let object = seal(&keys(), place(1, 2, "a"), b"rows").unwrap();
        for (org, package, key) in [(1, 2, "b"), (1, 3, "a"), (2, 2, "a")] {
            assert_eq!(
                opened(&keys(), place(org, package, key), object.clone()),
                None,
                "{org} {package} {key}"
            );
        }
    }

    #[test]
    fn keys_that_are_older_open_and_others_do_not() {
        let old = PackageKeys::of([("k1", [1; 32])]);
        let object = seal(&old, place(1, 2, "a"), b"rows").unwrap();
        assert_eq!(opened(&keys(), place(1, 2, "a"), object.clone()).as_deref(), Some(&b"rows"[..]));
        let others = PackageKeys::of([("k3", [1; 32])]);
        assert!(
            matches!(open(&others, place(1, 2, "a"), &object), Err(PackageError::NoKey(id)) if id == "k1")
        );
        let wrong = PackageKeys::of([("k1", [9; 32])]);
        assert!(matches!(open(&wrong, place(1, 2, "a"), &object), Err(PackageError::Damaged(_))));
    }

    #[test]
    fn without_a_key_nothing_is_sealed_and_with_one_nothing_bare_is_taken() {
        let bare = seal(&PackageKeys::default(), place(1, 2, "a"), b"rows").unwrap();
        assert_eq!(&bare[..], b"LSP1\0rows");
        assert_eq!(
            opened(&PackageKeys::default(), place(1, 2, "a"), bare.clone()).as_deref(),
            Some(&b"rows"[..])
        );
        assert_eq!(opened(&keys(), place(1, 2, "a"), bare), None);
        let sealed = seal(&keys(), place(1, 2, "a"), b"rows").unwrap();
        assert!(matches!(
            open(&PackageKeys::default(), place(1, 2, "a"), &sealed),
            Err(PackageError::NoKey(_))
        ));
    }
}
