//! The repository's own rules, held without a server: which room may know which, how long
//! a file may be, what every module says first, how migrations are named, where documents lead.

mod arrows;
mod documents;
mod errors;
mod faults;
pub(crate) mod kinds;
mod shape;
mod source;
