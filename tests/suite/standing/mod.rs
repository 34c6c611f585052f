//! The sync that stands: situations that were found by trying Longshore as others use it.

mod allowances;
mod between;
mod definitions;
mod idle;
mod quiet_ends;
mod sequences;
mod unions;
mod versioned;
