//! Packages: dumps and backups in the store, as parts and a manifest.
//!
//! Invariants: a part is written once under a name that no other attempt has; the manifest is written last,
//! and only the fenced row says which manifest counts; whatever is read is proven by length and hash before
//! it is used. Not here: how rows are read and written (the worker's engines), and who may (the callers).

mod error;
pub mod key;
pub mod keyring;
pub mod manifest;
pub mod part;
pub mod reader;
mod seal;
pub mod writer;

pub use self::error::PackageError;
