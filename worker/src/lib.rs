//! Longshore's worker: the only process that opens secrets and touches customers'
//! databases.
//!
//! Arrows: `runtime` -> `steps` -> `transfer` -> `engine` -> `row`, and `steps` -> `tunnel`.
//! `engine` never sees `tunnel`; `row` sees nothing. A test in `tests/` holds this.

pub mod engine;
pub mod row;
