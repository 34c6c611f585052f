//! Rows written one by one or in statements.
use super::super::Result;
use super::super::shape::{KeyTuple, Row, TableShape};
use super::session::Session;
pub(super) async fn insert(_s: &mut Session, _t: &TableShape, _rows: &[Row]) -> Result<Vec<usize>> {
    todo!()
}
pub(super) async fn update(_s: &mut Session, _t: &TableShape, _rows: &[Row]) -> Result<Vec<usize>> {
    todo!()
}
pub(super) async fn delete(_s: &mut Session, _t: &TableShape, _keys: &[KeyTuple]) -> Result<u64> {
    todo!()
}
pub(super) async fn delete_all(_s: &mut Session, _t: &TableShape) -> Result<u64> {
    todo!()
}
