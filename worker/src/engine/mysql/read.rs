//! A range's rows as bulk-load text.
//!
//! Invariants: at most one batch and one row are in memory, and a few mebibytes on their way, or a
//! single row that is larger; a receiver that is gone ends
//! the read, and the session then still owes the server the rest of the result (whoever
//! goes on using it waits for that: better close it).

pub(super) mod bounds;
pub(super) mod page;
pub(super) mod relations;
pub(super) mod select;
pub(super) mod walk;

use longshore_shared::domain::failure::Failure;
use tokio::sync::mpsc;

use super::super::row_batch::{BATCH_BYTES, BatchSender};
use super::super::shape::{Range, TableShape};
use super::super::{Result, RowBatch, network};
use super::connect::Session;
use super::errors::classify;
use super::quote::ident;
use crate::row::mysql_text::{TextError, largest_text, push_packet};

pub(super) async fn stream(
    s: &mut Session,
    t: &TableShape,
    range: &Range,
    out: mpsc::Sender<RowBatch>,
) -> Result<u64> {
    let doing = format!("read table `{}`", t.name);
    let failed = |error: mysql_async::Error| classify(&error, &doing);
    s.compute_under(t, &doing).await?;
    let stored = select::stored(t)?;
    let columns = stored.len();
    let mut query = format!("SELECT {} FROM {}", select::list(stored, ""), ident(&t.name)).into_bytes();
    query.extend(bounds::condition(t, range, None)?);
    let mut result = s.conn.ask(query).await.map_err(failed)?;
    if result.columns_ref().len() != columns {
        return Err(network::not_this_engine(
            &doing,
            "the server's rows have other columns than were asked for",
        ));
    }
    let mut batch = BatchSender::new(&out);
    let mut rows = 0;
    while let Some(packet) = result.next_packet().await.map_err(failed)? {
        if packet.len() > BATCH_BYTES {
            batch.begin_large(largest_text(&packet, columns)).await?;
        }
        push_packet(&mut batch.bytes, &packet, columns).map_err(|error| strange(&doing, error))?;
        // Before anybody is waited for: it may be large.
        drop(packet);
        rows += 1;
        batch.added(1).await?;
    }
    batch.finish().await?;
    Ok(rows)
}

fn strange(doing: &str, error: TextError) -> Failure {
    network::not_this_engine(doing, &format!("the server sent {error}"))
}
