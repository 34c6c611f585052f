//! The contract that every engine keeps (`worker/src/engine/contract.rs`), on each kind of server: the same
//! laws for all, and for an engine that writes those of its writing.
//!
//! Deliberately not here: what one engine's servers do with odd values and structures (`values`, `standing`).

mod objects;
mod reading;
mod subjects;
mod writing;

use longshore_worker::engine::shape::{Range, TableShape};
use longshore_worker::engine::{Result, RowBatch, RowSource};
use tokio::sync::mpsc;

use self::subjects::Subject;

/// Rows of the table `t`, with keys from 0.
const ROWS: usize = 2_500;

/// Makes the tables `t`, with rows, and `bare`, without.
async fn seed(subject: &Subject) {
    for table in ["t", "bare"] {
        let columns = "id INT NOT NULL PRIMARY KEY, word VARCHAR(40), amount DECIMAL(10,2) NOT NULL";
        subject.run(&format!("CREATE TABLE {table} ({columns})")).await;
    }
    let row = |id: usize| match id % 3 {
        0 => format!("({id}, NULL, {id}.25)"),
        1 => format!("({id}, 'it''s\ta\nline', -{id})"),
        _ => format!("({id}, 'ä {id}', 0)"),
    };
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    subject.run(&format!("INSERT INTO t VALUES {}", rows.join(", "))).await;
}

/// The table as the engine sees it.
async fn shape(subject: &Subject) -> TableShape {
    let mut inspector = subject.driver().inspector(&subject.login).await.unwrap();
    inspector.shapes(&["t".to_owned()]).await.unwrap().remove(0)
}

/// Every row of the range as its text, in the order of the texts.
async fn rows(source: &mut dyn RowSource, table: &TableShape, range: &Range) -> Result<Vec<String>> {
    let (sender, mut receiver) = mpsc::channel::<RowBatch>(4);
    let collect = async {
        let mut found = (Vec::new(), 0);
        while let Some(batch) = receiver.recv().await {
            found.0.push(batch.bytes);
            found.1 += u64::from(batch.rows);
        }
        found
    };
    let (sent, (texts, batched)) = futures::join!(source.stream(table, range, sender), collect);
    let sent = sent?;
    assert_eq!(sent, batched, "the batches hold what was counted");
    let text = String::from_utf8(texts.concat()).unwrap();
    // A line end within a value is escaped.
    let mut rows: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        match rows.last_mut() {
            Some(row) if row.ends_with("\\\n") => row.push_str(line),
            _ => rows.push(line.to_owned()),
        }
    }
    assert_eq!(u64::try_from(rows.len()).unwrap(), sent);
    rows.sort();
    Ok(rows)
}

async fn holds(subject: Option<Subject>) {
    let Some(subject) = subject else { return };
    seed(&subject).await;
    reading::structure_is_told(&subject).await;
    reading::ranges_are_half_open(&subject).await;
    reading::snapshot_sees_one_point(&subject).await;
    reading::ended_sessions_end(&subject).await;
    subject.remove().await;
}

async fn holds_and_writes(kind: &str) {
    holds(Subject::mysql(kind).await).await;
    let Some(source) = Subject::mysql(kind).await else { return };
    seed(&source).await;
    let target = source.beside().await;
    writing::split_covers_every_row_once(&source).await;
    writing::many_are_asked_as_one_is(&source).await;
    writing::what_was_loaded_is_equal(&source, &target).await;
    writing::other_rows_have_other_digests(&source, &target).await;
    writing::a_name_has_one_session(&target).await;
    target.remove().await;
    source.remove().await;
    let Some(source) = Subject::mysql(kind).await else { return };
    let target = source.beside().await;
    objects::objects_are_made_again(&source, &target).await;
    target.remove().await;
    source.remove().await;
}

#[tokio::test]
async fn mariadb_keeps_the_contract() {
    holds_and_writes("mariadb").await;
}

#[tokio::test]
async fn mariadb_11_keeps_the_contract() {
    holds_and_writes("mariadb11").await;
}

#[tokio::test]
async fn mysql_5_7_keeps_the_contract() {
    holds_and_writes("mysql57").await;
}

#[tokio::test]
async fn mysql_9_keeps_the_contract() {
    holds_and_writes("mysql9").await;
}

#[tokio::test]
async fn postgresql_keeps_the_contract_of_reading() {
    holds(Some(Subject::postgres().await)).await;
}
