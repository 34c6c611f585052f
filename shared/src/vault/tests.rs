#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{OpenError, Opener, Sealer, Secret, SecretAddress, make_keys, retire_keys, rotate_keys};
use crate::domain::id::{ConnectionId, JobId, OrgId};
use crate::domain::secret::SecretName;
use uuid::Uuid;

fn place(row: u128, version: i32) -> SecretAddress {
    SecretAddress {
        org_id: OrgId(Uuid::from_u128(1)),
        owner: ConnectionId(Uuid::from_u128(row)).into(),
        name: SecretName::Password,
        version,
    }
}

#[test]
fn a_sealed_value_opens_at_its_place_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let (public, private) = (dir.path().join("public.json"), dir.path().join("private.json"));
    assert!(make_keys(&public, &private, "k1").unwrap());
    assert!(!make_keys(&public, &private, "k1").unwrap());
    let sealed = Sealer::read(&public).unwrap().seal(&Secret::new("pä:ss".into()), &place(7, 1)).unwrap();
    let opener = Opener::read(&private).unwrap();
    assert_eq!(opener.open(&sealed, &place(7, 1)).unwrap().reveal(), "pä:ss");
    let of_a_job = SecretAddress { owner: JobId(Uuid::from_u128(7)).into(), ..place(7, 1) };
    let of_others = SecretAddress { org_id: OrgId(Uuid::from_u128(2)), ..place(7, 1) };
    let of_another_name = SecretAddress { name: SecretName::TlsClientKey, ..place(7, 1) };
    for elsewhere in [place(8, 1), place(7, 2), of_a_job, of_others, of_another_name] {
        assert!(matches!(opener.open(&sealed, &elsewhere), Err(OpenError::DoesNotOpen)));
    }
    for at in 0..sealed.bytes.len() {
        let mut damaged = sealed.clone();
        damaged.bytes[at] ^= 1;
        assert!(opener.open(&damaged, &place(7, 1)).is_err(), "byte {at}");
    }
    assert!(opener.open(&super::Sealed { key_id: "k2".into(), ..sealed }, &place(7, 1)).is_err());
}

#[test]
fn a_lone_key_file_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (public, private) = (dir.path().join("public.json"), dir.path().join("private.json"));
    make_keys(&public, &private, "k1").unwrap();
    std::fs::remove_file(&private).unwrap();
    assert!(make_keys(&public, &private, "k1").is_err());
}

#[test]
fn t07_a_rotated_key_seals_at_once_and_the_old_one_opens_until_it_is_retired() {
    let dir = tempfile::tempdir().unwrap();
    let (public, private) = (dir.path().join("public.json"), dir.path().join("private.json"));
    make_keys(&public, &private, "k1").unwrap();
    let (sealer, opener) = (Sealer::read(&public).unwrap(), Opener::read(&private).unwrap());
    let seal = || sealer.seal(&Secret::new("hunter2".into()), &place(7, 1)).unwrap();
    let old = seal();
    assert_eq!(rotate_keys(&public, &private).unwrap(), "k2");
    let new = seal();
    assert_eq!((old.key_id.as_str(), new.key_id.as_str()), ("k1", "k2"));
    for sealed in [&old, &new] {
        assert_eq!(opener.open(sealed, &place(7, 1)).unwrap().reveal(), "hunter2");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&private).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // What is needed stays, the current one whatever is said.
    assert!(retire_keys(&public, &private, &["k1".to_owned()].into()).unwrap().is_empty());
    assert_eq!(retire_keys(&public, &private, &[].into()).unwrap(), ["k1"]);
    let poor = Opener::read(&private).unwrap();
    assert!(matches!(poor.open(&old, &place(7, 1)), Err(OpenError::KeyUnavailable(id)) if id == "k1"));
    assert_eq!(poor.open(&new, &place(7, 1)).unwrap().reveal(), "hunter2");
    // An id that was there is not given again.
    assert_eq!(rotate_keys(&public, &private).unwrap(), "k3");
}

#[test]
fn f53_two_rotations_at_once_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let (public, private) = (dir.path().join("public.json"), dir.path().join("private.json"));
    make_keys(&public, &private, "k1").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| rotate_keys(&public, &private).unwrap());
        }
    });
    let sealed = Sealer::read(&public).unwrap().seal(&Secret::new("x".into()), &place(1, 1)).unwrap();
    assert_eq!(sealed.key_id, "k9");
    assert_eq!(Opener::read(&private).unwrap().open(&sealed, &place(1, 1)).unwrap().reveal(), "x");
}

#[test]
fn a_secret_says_nothing() {
    assert!(!format!("{:?}", Secret::new("hunter2".into())).contains("hunter2"));
}
