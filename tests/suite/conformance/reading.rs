//! What every engine reads.

use std::time::Duration;

use bytes::Bytes;
use longshore_tests::wait::{seconds, until};
use longshore_worker::engine::shape::{KeyTuple, Range, TableKind};
use longshore_worker::engine::{Change, Proof};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::subjects::Subject;
use super::{ROWS, rows, shape};

pub(super) async fn structure_is_told(subject: &Subject) {
    let name = &subject.name;
    let driver = subject.driver();
    let mut one = driver.inspector(&subject.login).await.unwrap();
    let mut other = driver.inspector(&subject.login).await.unwrap();
    let (server, again) = (one.server().await.unwrap(), other.server().await.unwrap());
    assert_eq!(server, again, "{name}");
    assert!(!server.identity.is_empty() && !server.version.is_empty() && !server.read_only, "{server:?}");
    assert_ne!(one.session_id(), other.session_id(), "{name}");
    assert_eq!(one.database(), subject.login.database, "{name}");

    let tables = one.tables().await.unwrap();
    let listed: Vec<_> = tables.iter().map(|table| (table.name.as_str(), table.kind)).collect();
    assert_eq!(listed, [("bare", TableKind::Base), ("t", TableKind::Base)], "{name}");
    let names = ["t", "bare"].map(str::to_owned);
    assert_eq!(one.holds_rows(&names).await.unwrap(), [true, false], "{name}");

    let shapes = one.shapes(&names).await.unwrap();
    for shape in &shapes {
        let columns: Vec<_> = shape.columns.iter().map(|column| (&*column.name, column.nullable)).collect();
        assert_eq!(columns, [("id", false), ("word", true), ("amount", false)], "{name}");
        assert_eq!(shape.key.as_ref().unwrap().columns, [0], "{name}");
        assert!(shape.keeps_versions, "{name}");
    }
    let missing = one.shapes(&["t".to_owned(), "x".to_owned()]).await.unwrap_err();
    assert_eq!(missing.code.as_str(), "table_missing", "{name}");

    let mut altered = shapes[0].clone();
    altered.columns[0].nullable = true;
    altered.columns[1].full_type = "varchar(9)".to_owned();
    let found = driver.compare(&shapes[0], &altered);
    let parts = found.iter().filter_map(|one| match &one.change {
        Change::Column { name, part, .. } => Some((name.as_str(), *part)),
        _ => None,
    });
    assert_eq!(parts.collect::<Vec<_>>(), [("id", "the column"), ("word", "the type")], "{name}: {found:?}");
    let mut changed = shapes[0].clone();
    assert_eq!(driver.compare(&shapes[0], &changed), [], "{name}");
    changed.columns.truncate(2);
    changed.key = None;
    let found: Vec<_> = driver.compare(&shapes[0], &changed).into_iter().map(|one| one.change).collect();
    assert!(
        matches!(&*found, [Change::ColumnMissing(column, _), Change::Key(key, None)] if column == "amount" && key == &["id"]),
        "{name}: {found:?}"
    );
}

pub(super) async fn ranges_are_half_open(subject: &Subject) {
    let name = &subject.name;
    let table = shape(subject).await;
    let mut source = subject.driver().snapshot_reader(&subject.login).await.unwrap();
    let key = |id: usize| Some(KeyTuple(vec![Bytes::from(id.to_string())]));
    let all = rows(&mut *source, &table, &Range::ALL).await.unwrap();
    assert_eq!(all.len(), ROWS, "{name}");
    let mut parts = Vec::new();
    for (from, to, expected) in [
        (None, key(9), 9),
        (key(9), key(1_000), 991),
        (key(1_000), key(1_000), 0),
        (key(1_000), None, ROWS - 1_000),
    ] {
        let part = rows(&mut *source, &table, &Range { from, to }).await.unwrap();
        assert_eq!(part.len(), expected, "{name}");
        parts.extend(part);
    }
    parts.sort();
    assert_eq!(parts, all, "{name}");

    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    let stopped = source.stream(&table, &Range::ALL, sender).await.unwrap_err();
    assert_eq!(stopped.code.as_str(), "stopped", "{name}");
}

pub(super) async fn snapshot_sees_one_point(subject: &Subject) {
    let name = &subject.name;
    let table = shape(subject).await;
    let driver = subject.driver();
    let mut leader = driver.leader(&subject.login).await.unwrap();
    let mut one = driver.snapshot_reader(&subject.login).await.unwrap();
    let mut other = driver.snapshot_reader(&subject.login).await.unwrap();
    assert_eq!(one.identity(), leader.identity(), "{name}");

    let tables = ["t".to_owned()];
    let mut offer = leader.open(&tables).await.unwrap();
    loop {
        assert_ne!(offer.proof, Proof::Single, "{name}: the account has the rights");
        one.begin_snapshot(offer.token.as_ref()).await.unwrap();
        if offer.proof == Proof::Token {
            subject.run("INSERT INTO t VALUES (-1, 'between', 0)").await;
        }
        other.begin_snapshot(offer.token.as_ref()).await.unwrap();
        if leader.confirm().await.unwrap() {
            break;
        }
        // Another test has written to the server meanwhile.
        one.end_snapshot().await.unwrap();
        other.end_snapshot().await.unwrap();
        offer = leader.open(&tables).await.unwrap();
    }
    leader.release().await.unwrap();
    subject.run("INSERT INTO t VALUES (-2, 'later', 0)").await;
    for reader in [&mut one, &mut other] {
        // What was given back is no part of the view.
        for _ in 0..2 {
            assert_eq!(
                rows(&mut **reader, &table, &Range::ALL).await.unwrap().len(),
                ROWS,
                "{name}: {offer:?}"
            );
            reader.release_locks().await.unwrap();
        }
        reader.end_snapshot().await.unwrap();
        let left = usize::from(offer.proof == Proof::Token) + 1;
        assert_eq!(rows(&mut **reader, &table, &Range::ALL).await.unwrap().len(), ROWS + left, "{name}");
    }
    one.begin_snapshot(None).await.unwrap();
    subject.run("DELETE FROM t WHERE id < 0").await;
    assert!(rows(&mut *one, &table, &Range::ALL).await.unwrap().len() > ROWS, "{name}: a view of its own");
    assert!(one.release_locks().await.is_ok() && other.release_locks().await.is_err(), "{name}");
}

pub(super) async fn ended_sessions_end(subject: &Subject) {
    let name = &subject.name;
    let table = shape(subject).await;
    let driver = subject.driver();
    let mut session = driver.snapshot_reader(&subject.login).await.unwrap();
    let mut spared = driver.snapshot_reader(&subject.login).await.unwrap();
    session.begin_snapshot(None).await.unwrap();
    let id = session.session_id();
    // It counts for a moment after its last statement, and then waits for us.
    assert_eq!(driver.busy_sessions(&subject.login, &[id]).await.unwrap(), 1, "{name}");
    until("the session waits for its client", seconds(15), async || {
        let busy = driver.busy_sessions(&subject.login, &[id]).await.unwrap();
        (busy == 0).then_some(())
    })
    .await;
    driver.end_sessions(&subject.login, &[id]).await.unwrap();
    let read = timeout(Duration::from_secs(10), rows(&mut *session, &table, &Range::ALL)).await.unwrap();
    assert!(read.unwrap_err().is_transient(), "{name}");
    // Gone already, which is fine.
    driver.end_sessions(&subject.login, &[id]).await.unwrap();
    assert_eq!(rows(&mut *spared, &table, &Range::ALL).await.unwrap().len(), ROWS, "{name}");
}
