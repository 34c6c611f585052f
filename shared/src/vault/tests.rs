#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{OpenError, Opener, Place, Sealer, Secret, make_keys};
use crate::domain::id::OrgId;
use uuid::Uuid;

fn place(row: u128, version: i32) -> Place<'static> {
    Place {
        org_id: OrgId(Uuid::from_u128(1)),
        table: "connection_secrets",
        row: Uuid::from_u128(row),
        column: "password",
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
    for elsewhere in [place(8, 1), place(7, 2)] {
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
fn a_secret_says_nothing() {
    assert!(!format!("{:?}", Secret::new("hunter2".into())).contains("hunter2"));
}
