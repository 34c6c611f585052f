//! The repository's own rules, held without a server: which room may know which, how long
//! a file may be, what every module says first, that engines look alike, how migrations are named, where
//! documents lead.

mod arrows;
mod documents;
mod engines;
mod errors;
mod faults;
pub(crate) mod kinds;
mod shape;
mod source;
