#![expect(clippy::unwrap_used, reason = "a test")]

use sha2::{Digest as _, Sha256, Sha384};

use super::{element, end_point};

#[test]
fn a_certificate_is_named_by_the_hash_of_its_signature() {
    let signed = |algorithm| {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let parameters = rcgen::CertificateParams::new(["db.example.com".to_owned()]).unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    };
    let certificate = signed(&rcgen::PKCS_ECDSA_P256_SHA256);
    assert_eq!(end_point(&certificate).unwrap(), Sha256::digest(&certificate).to_vec());
    let certificate = signed(&rcgen::PKCS_ECDSA_P384_SHA384);
    assert_eq!(end_point(&certificate).unwrap(), Sha384::digest(&certificate).to_vec());
    assert_eq!(end_point(&signed(&rcgen::PKCS_ED25519)), None);
}

#[test]
fn t39_lengths_that_lie() {
    for der in [
        &[][..],
        &[0x30],
        &[0x30, 5, 0],
        &[0x30, 0x80],
        &[0x30, 0x82, 1],
        &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        &[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    ] {
        assert_eq!(element(der), None, "{der:?}");
    }
    assert_eq!(element(&[0x30, 0x81, 1, 7, 9]), Some((0x30, &[7][..], &[9][..])));
}
