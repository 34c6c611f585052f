//! Bulk loading.
use super::super::shape::TableShape;
use super::super::{Result, RowBatch};
use super::session::Session;
use tokio::sync::mpsc;
pub(super) async fn load(_s: &mut Session, _t: &TableShape, _rows: mpsc::Receiver<RowBatch>) -> Result<u64> {
    todo!()
}
