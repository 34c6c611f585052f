//! PostgreSQL, over tokio-postgres on a stream of our own.
//!
//! Invariants: TCP and TLS are ours (`login`, `tls`), so the address that was checked is the one
//! that is dialled and a certificate is judged as for every engine; every byte that the server
//! sends goes through `guard`, which bounds it and lets no server ask for the password in clear;
//! identifiers go through `quote`.
//! Deliberately not here yet: moving rows.

mod errors;
mod examine;
mod guard;
mod login;
mod quote;
mod rights;
mod tls;

pub(super) use self::examine::examine;
