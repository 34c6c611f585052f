//! The repository's own rules, held without a server: which room may know which, how long
//! a file may be, what every module says first, how migrations are named.

mod arrows;
mod faults;
mod shape;
mod source;
