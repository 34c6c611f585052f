//! A range's rows as bulk-load text.
use super::super::shape::{Range, TableShape};
use super::super::{Result, RowBatch};
use super::session::Session;
use tokio::sync::mpsc;
pub(super) async fn stream(
    _s: &mut Session,
    _t: &TableShape,
    _range: &Range,
    _out: mpsc::Sender<RowBatch>,
) -> Result<u64> {
    todo!()
}
