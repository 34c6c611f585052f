//! The repository's own rules, held without a server: which room may know which, that no files
//! import each other in a circle, how long
//! a file may be, what every module says first, how migrations are named, where documents lead.

mod arrows;
mod circles;
mod documents;
mod faults;
mod shape;
mod source;
