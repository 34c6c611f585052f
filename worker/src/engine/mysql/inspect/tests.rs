use super::super::super::shape::{Column, Family, TableShape};
use super::columns::{column, family};
use super::keys::next_value;
use super::{About, TableKind, kind, shape};

/// A shape without a server, for the tests of `define` too.
pub(in super::super) fn shape_of(
    name: &str,
    columns: Vec<Column>,
    definition: &str,
    collation: &str,
) -> TableShape {
    let about = About {
        kind: "BASE TABLE".into(),
        storage: "InnoDB".into(),
        collation: collation.into(),
        row_bytes: 0,
    };
    shape(name, about, columns, Vec::new(), definition.to_owned()).expect("a readable definition")
}

fn read(values: [&str; 8]) -> Column {
    column(&values.map(|v| (v != "-").then(|| v.as_bytes().to_vec())).to_vec())
}

#[test]
fn columns_of_both_flavours() {
    let maria = read(["t", "a", "longtext", "longtext", "YES", "utf8mb4", "utf8mb4_bin", ""]);
    assert_eq!((maria.family, maria.nullable), (Family::LongText, true));
    let counter = read(["t", "a", "int", "int unsigned", "NO", "-", "-", "auto_increment"]);
    assert!(counter.auto_increment && !counter.generated && !counter.nullable);
    for (extra, generated) in [
        ("VIRTUAL GENERATED", true),
        ("STORED GENERATED INVISIBLE", true),
        ("DEFAULT_GENERATED on update CURRENT_TIMESTAMP", false),
        ("INVISIBLE", false),
    ] {
        let one = read(["t", "a", "int", "int", "NO", "-", "-", extra]);
        assert_eq!(one.generated, generated, "{extra}");
    }
}

/// MySQL 9 shows no character set where all others show `binary`.
#[test]
fn n09_members_of_bytes_are_alike_on_every_flavour() {
    for kind in ["enum", "set"] {
        let shown = read(["t", "a", kind, "x('a')", "NO", "binary", "binary", ""]);
        let silent = read(["t", "a", kind, "x('a')", "NO", "-", "-", ""]);
        assert_eq!((&shown.charset, &shown.collation), (&silent.charset, &silent.collation));
        let text = read(["t", "a", kind, "x('a')", "NO", "utf8mb4", "utf8mb4_bin", ""]);
        assert_eq!(text.charset.as_deref(), Some("utf8mb4"));
    }
}

#[test]
fn types() {
    for (full, expected) in [
        ("text /*M!100301 COMPRESSED*/", "text"),
        ("datetime /* mariadb-5.3 */", "datetime"),
        ("enum('/*','*/')", "enum('/*','*/')"),
    ] {
        let one = read(["t", "a", "x", full, "NO", "-", "-", ""]);
        assert_eq!((one.full_type.as_str(), one.family), (expected, Family::Unknown));
    }
    for (name, expected) in [
        ("year", Family::Integer),
        ("geomcollection", Family::Geometry),
        ("inet6", Family::Address),
        ("vector", Family::Unknown),
    ] {
        assert_eq!(family(name), expected);
    }
}

#[test]
fn n03_engines_that_hold_no_rows_of_their_own() {
    for (engine, expected) in [
        (Some("InnoDB"), TableKind::Base),
        (Some("MEMORY"), TableKind::Base),
        (Some("CSV"), TableKind::Base),
        (Some("ARCHIVE"), TableKind::Base),
        (Some("Aria"), TableKind::Base),
        (Some("MRG_MyISAM"), TableKind::Union),
        (Some("MRG_MYISAM"), TableKind::Union),
        (Some("FEDERATED"), TableKind::Elsewhere),
        (Some("CONNECT"), TableKind::Elsewhere),
        (Some("SPIDER"), TableKind::Elsewhere),
        (Some("S3"), TableKind::Elsewhere),
        (Some("OQGRAPH"), TableKind::Elsewhere),
        (Some("BLACKHOLE"), TableKind::Elsewhere),
        (Some("Lakehouse"), TableKind::Elsewhere),
        (None, TableKind::Unreadable),
    ] {
        assert_eq!(kind(engine), expected, "{engine:?}");
    }
}

#[test]
fn next_values() {
    for (options, expected) in [
        ("ENGINE=InnoDB AUTO_INCREMENT=18446744073709551615 DEFAULT CHARSET=utf8mb4", u64::MAX),
        ("ENGINE=InnoDB COMMENT='x'", 1),
    ] {
        assert_eq!(next_value(options), expected);
    }
}
