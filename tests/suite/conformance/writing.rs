//! What an engine does that writes.

use std::collections::BTreeSet;

use longshore_worker::engine::shape::{Range, TableShape};
use longshore_worker::engine::{Columns, Hash, Reader, Writer};
use tokio::sync::mpsc;

use super::subjects::Subject;
use super::{ROWS, rows, shape};

const HASHES: [Hash; 2] = [Hash::Quick(7), Hash::Strong];

async fn reader(subject: &Subject) -> Box<dyn Reader> {
    subject.driver().reader(&subject.login).await.unwrap()
}

async fn writer(subject: &Subject) -> Box<dyn Writer> {
    subject.driver().writer(&subject.login).await.unwrap()
}

pub(super) async fn split_covers_every_row_once(source: &Subject) {
    let table = shape(source).await;
    let mut session = reader(source).await;
    for most in [1, 7, 1_000, 100_000] {
        let (ranges, _) = session.split(&table, most).await.unwrap();
        assert!(Range::are_all(&ranges), "{}: {ranges:?}", source.name);
        assert_eq!(ranges.len() > 1, most < u64::try_from(ROWS).unwrap(), "{}: {ranges:?}", source.name);
        let mut seen = BTreeSet::new();
        for range in &ranges {
            let part = rows(&mut *session, &table, range).await.unwrap();
            part.into_iter().for_each(|row| assert!(seen.insert(row), "{}: a row twice", source.name));
        }
        assert_eq!(seen.len(), ROWS, "{}", source.name);
    }
}

pub(super) async fn what_was_loaded_is_equal(source: &Subject, target: &Subject) {
    let name = &source.name;
    let table = shape(source).await;
    let (mut from, mut into) = (reader(source).await, writer(target).await);
    assert!(into.create_table(&table, false).await.unwrap(), "{name}");
    into.build_indexes(&table).await.unwrap();
    assert!(!into.create_table(&table, false).await.unwrap(), "{name}: it is there, and empty");
    let made = shape(target).await;
    assert_eq!(source.driver().compare(&table, &made), [], "{name}: the structure's round trip");

    into.remove_made(&table).await.unwrap();
    assert!(into.create_table(&table, true).await.unwrap(), "{name}");
    assert_eq!(source.driver().compare(&table, &shape(target).await), [], "{name}: made whole");

    into.begin().await.unwrap();
    load(&mut *from, &mut *into, &table).await;
    into.rollback().await.unwrap();
    assert!(rows(&mut *into, &table, &Range::ALL).await.unwrap().is_empty(), "{name}");

    into.begin().await.unwrap();
    load(&mut *from, &mut *into, &table).await;
    into.commit().await.unwrap();
    let (here, there) = (
        rows(&mut *from, &table, &Range::ALL).await.unwrap(),
        rows(&mut *into, &table, &Range::ALL).await.unwrap(),
    );
    assert_eq!(here, there, "{name}");
    into.analyse(&[&table]).await.unwrap();
}

/// What is asked of many tables at once is what is asked of each.
pub(super) async fn many_are_asked_as_one_is(source: &Subject) {
    let name = &source.name;
    let mut inspector = source.driver().inspector(&source.login).await.unwrap();
    let shapes = inspector.shapes(&["t", "bare"].map(str::to_owned)).await.unwrap();
    let mut session = reader(source).await;
    let tables: Vec<&TableShape> = shapes.iter().cycle().take(250).collect();
    for hash in HASHES {
        let each = [
            session.digest(tables[0], &Range::ALL, hash).await.unwrap(),
            session.digest(tables[1], &Range::ALL, hash).await.unwrap(),
        ];
        let found = session.digests(&tables, hash).await.unwrap();
        assert!(found.len() == 250 && found.chunks(2).all(|pair| pair == each), "{name}: {found:?}");
    }
    let most = u64::try_from(ROWS).unwrap();
    for (limit, expected) in [(most, [most, 0]), (10, [11, 0])] {
        let found = session.counts(&tables, limit).await.unwrap();
        assert!(found.len() == 250 && found.chunks(2).all(|pair| pair == expected), "{name}: {found:?}");
    }
    assert_eq!(inspector.redefined(&shapes).await.unwrap(), [false, false], "{name}");
    assert_eq!(session.described_otherwise(&shapes).await.unwrap(), [false, false], "{name}");
    source.run("ALTER TABLE bare ADD COLUMN more INT").await;
    assert_eq!(inspector.redefined(&shapes).await.unwrap(), [false, true], "{name}");
    assert!(
        session.digests(&[&shapes[0], &shape_named(&shapes[1], "x")], HASHES[0]).await.is_err(),
        "{name}"
    );
    assert_eq!(session.digests(&tables[..1], HASHES[0]).await.unwrap().len(), 1, "{name}: it is in order");
    source.run("ALTER TABLE bare DROP COLUMN more").await;
}

fn shape_named(table: &TableShape, name: &str) -> TableShape {
    TableShape { name: name.to_owned(), ..table.clone() }
}

async fn load(from: &mut dyn Reader, into: &mut dyn Writer, table: &TableShape) {
    let (sender, receiver) = mpsc::channel(4);
    let (sent, loaded) = futures::join!(from.stream(table, &Range::ALL, sender), into.load(table, receiver));
    let loaded = loaded.unwrap();
    assert_eq!((sent.unwrap(), loaded.rows), (2_500, 2_500));
    assert!(loaded.doubt.is_none(), "{loaded:?}");
}

pub(super) async fn other_rows_have_other_digests(source: &Subject, target: &Subject) {
    let name = &source.name;
    let table = shape(source).await;
    let (mut one, mut other) = (reader(source).await, reader(target).await);
    // What is changed, and what takes it back.
    let changes = [
        ("SELECT 1", "SELECT 1", true),
        ("UPDATE t SET amount = 1 WHERE id = 0", "UPDATE t SET amount = 0.25 WHERE id = 0", false),
        ("UPDATE t SET word = '' WHERE id = 3", "UPDATE t SET word = NULL WHERE id = 3", false),
        // Values that two rows have exchanged.
        (
            "UPDATE t SET amount = 9.50 - amount WHERE id IN (3, 6)",
            "UPDATE t SET amount = 9.50 - amount WHERE id IN (3, 6)",
            false,
        ),
        ("DELETE FROM t WHERE id = 2499", "INSERT INTO t VALUES (2499, NULL, 2499.25)", false),
    ];
    for (change, back, is_equal) in changes {
        target.run(change).await;
        for hash in HASHES {
            let here = one.digest(&table, &Range::ALL, hash).await.unwrap();
            let there = other.digest(&table, &Range::ALL, hash).await.unwrap();
            assert_eq!(here == there, is_equal, "{name}, {hash:?}: {change}");
            let here = one.hashes(&table, &Range::ALL, 10_000, hash).await.unwrap();
            let there = other.hashes(&table, &Range::ALL, 10_000, hash).await.unwrap();
            let alike = here.len() == there.len()
                && (0..here.len())
                    .all(|at| here.key(at).eq(there.key(at)) && here.row(at).hash == there.row(at).hash);
            assert_eq!(alike, is_equal, "{name}, {hash:?}: {change}");
        }
        target.run(back).await;
    }
    let here = one.page(&table, &Range::ALL, None, 3, Columns::Key).await.unwrap();
    let keys: Vec<_> = here.iter().filter_map(|row| table.key_of(row)).collect();
    let fetched = other.fetch(&table, &keys, Columns::Stored).await.unwrap();
    let paged = one.page(&table, &Range::ALL, None, 3, Columns::Stored).await.unwrap();
    assert_eq!(fetched.into_iter().flatten().collect::<Vec<_>>(), paged, "{name}");
}

pub(super) async fn a_name_has_one_session(target: &Subject) {
    let name = &target.name;
    let table = shape(target).await;
    let (mut first, mut second, mut third) =
        (writer(target).await, writer(target).await, writer(target).await);
    first.hold("longshore:conformance").await.unwrap();
    first.begin().await.unwrap();
    first.delete_all(&table).await.unwrap();
    second.hold("longshore:conformance").await.unwrap();
    assert!(first.commit().await.is_err(), "{name}: it was ended");
    assert_eq!(rows(&mut *second, &table, &Range::ALL).await.unwrap().len(), ROWS, "{name}: and undone");
    third.fence(&["longshore:other".to_owned(), "longshore:conformance".to_owned()]).await.unwrap();
    assert!(second.begin().await.is_err(), "{name}");
    let mut last = writer(target).await;
    last.hold("longshore:conformance").await.unwrap();
}
