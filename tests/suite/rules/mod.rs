//! The repository's own rules, held without a server: which room may know which, how long
//! The repository's own rules, held without a server: which room may know which, that no files
//! a file may be, what every module says first, how migrations are named, where documents lead.
//! a file may be, what every module says first, that engines look alike, how migrations are named, where
//! documents lead.
//! import each other in a circle, how long

mod arrows;
mod circles;
mod documents;
mod engines;
mod errors;
mod faults;
pub(crate) mod kinds;
mod promql;
mod shape;
mod source;
mod watching;
