//! The sync that stands: situations that were found by trying Longshore as others use it.

mod allowances;
mod between;
mod deadlines;
mod definitions;
mod idle;
mod logins;
mod places;
mod quiet_ends;
mod rights;
mod sequences;
mod unions;
mod versioned;
