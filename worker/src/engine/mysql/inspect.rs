//! Structure as the server tells it.
use super::super::Result;
use super::super::shape::{TableListing, TableShape};
use super::session::Session;
pub(super) async fn tables(_s: &mut Session) -> Result<Vec<TableListing>> {
    todo!()
}
pub(super) async fn shapes(_s: &mut Session, _names: &[String]) -> Result<Vec<TableShape>> {
    todo!()
}
pub(super) async fn holds_rows(_s: &mut Session, _names: &[String]) -> Result<Vec<bool>> {
    todo!()
}
