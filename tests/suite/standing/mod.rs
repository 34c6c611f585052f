//! The sync that stands: situations that were found by trying Longshore as others use it.

mod idle;
mod quiet_ends;
