//! Whether two tables' structures fit.
use super::super::shape::TableShape;
pub(in crate::engine) fn differences(_source: &TableShape, _target: &TableShape) -> Vec<String> {
    todo!()
}
