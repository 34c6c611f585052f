//! Rows by key order and by key.
use super::super::shape::{KeyTuple, Range, Row, TableShape};
use super::super::{Columns, Result};
use super::session::Session;
pub(super) async fn page(
    _s: &mut Session,
    _t: &TableShape,
    _range: &Range,
    _after: Option<&KeyTuple>,
    _limit: u32,
    _columns: Columns,
) -> Result<Vec<Row>> {
    todo!()
}
pub(super) async fn fetch(
    _s: &mut Session,
    _t: &TableShape,
    _keys: &[KeyTuple],
    _columns: Columns,
) -> Result<Vec<Option<Row>>> {
    todo!()
}
