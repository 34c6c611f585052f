//! A range's rows as the server's `COPY` text.
//!
//! Invariants: a few mebibytes of rows are on their way at most, or a single row that is larger; a receiver
//! that is gone ends the read, and the session then still owes the server the rest of the result.

use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::super::row_batch::{BATCH_BYTES, BatchSender};
use super::super::shape::{Range, TableShape};
use super::super::{Result, RowBatch};
use super::connect::{Session, carry};
use super::errors::classify;
use super::quote::{ident, table, text};

pub(super) async fn stream(
    s: &mut Session,
    t: &TableShape,
    range: &Range,
    out: mpsc::Sender<RowBatch>,
) -> Result<u64> {
    let doing = format!("read table \"{}\"", t.name);
    if t.filter.is_some() {
        return Err(super::not_yet());
    }
    let query = format!("COPY ({}) TO STDOUT", select(&s.schema, t, range));
    let client = &s.line.client;
    let reading = async {
        let failed = |error| classify(&error, &doing);
        let mut rows = Box::pin(client.copy_out(&query).await.map_err(failed)?);
        let mut batch = BatchSender::new(&out);
        let mut sent = 0;
        while let Some(piece) = rows.next().await {
            let piece = piece.map_err(failed)?;
            // Line ends within values are escaped.
            let lines = piece.iter().filter(|&&byte| byte == b'\n').count();
            let lines = u32::try_from(lines).unwrap_or(u32::MAX);
            sent += u64::from(lines);
            if piece.len() > BATCH_BYTES {
                batch.begin_large(piece.len()).await?;
            }
            batch.bytes.extend_from_slice(&piece);
            batch.added(lines).await?;
        }
        batch.finish().await?;
        Ok(sent)
    };
    carry(&mut s.line.carrier, &doing, reading).await
}

fn select(schema: &str, t: &TableShape, range: &Range) -> String {
    let columns: Vec<String> = t.stored().map(|column| ident(&column.name)).collect();
    let mut query = format!("SELECT {} FROM {}", columns.join(", "), table(schema, &t.name));
    let Some(key) = &t.key else { return query };
    let names: Vec<String> = key.columns.iter().map(|&at| ident(&t.columns[at].name)).collect();
    let mut joint = " WHERE ";
    for (end, comparison) in [(&range.from, ">="), (&range.to, "<")] {
        let Some(end) = end else { continue };
        // The server reads a value in quotes as of the column's type.
        let values: Vec<String> = end.0.iter().map(|value| text(&String::from_utf8_lossy(value))).collect();
        query += &format!("{joint}({}) {comparison} ({})", names.join(", "), values.join(", "));
        joint = " AND ";
    }
    query
}
