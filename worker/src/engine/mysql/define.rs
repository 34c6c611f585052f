//! Definitions: creating, indexing, constraining, analysing.
use super::super::shape::TableShape;
use super::super::{Orphans, Result};
use super::session::Session;
pub(super) async fn create_table(_s: &mut Session, _t: &TableShape) -> Result<()> {
    todo!()
}
pub(super) async fn build_indexes(_s: &mut Session, _t: &TableShape) -> Result<()> {
    todo!()
}
pub(super) async fn add_foreign_keys(_s: &mut Session, _t: &TableShape) -> Result<()> {
    todo!()
}
pub(super) async fn orphans(_s: &mut Session, _t: &TableShape) -> Result<Vec<Orphans>> {
    todo!()
}
pub(super) async fn analyse(_s: &mut Session, _t: &TableShape) -> Result<()> {
    todo!()
}
