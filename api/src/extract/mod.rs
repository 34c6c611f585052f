//! What requests have in common: identifiers in paths, pages, queries, conditions on versions, and JSON
//! bodies that hold only what the route knows.
//!
//! Invariants: a body's wrong fields are all told at once; no value of a body is part of an error, since
//! it may be a secret. Not here: the bodies themselves (`body`), and who asks (`access`).

mod backup_page;
pub(crate) mod field;
mod if_match;
mod job_page;
mod json;
pub(crate) mod nul;
mod page;
pub(crate) mod path;

pub(crate) use backup_page::BackupPage;
pub(crate) use if_match::{IfMatch, etag};
pub(crate) use job_page::{JobPage, LogPage, RunPage};
pub(crate) use json::{NoFields, PerhapsJson, StrictJson, StrictQuery, whole};
pub(crate) use page::{DeadLetterPage, ListPage};
pub(crate) use path::Id;
