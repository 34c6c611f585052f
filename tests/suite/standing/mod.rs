//! The sync that stands: situations that were found by trying Longshore as others use it.

mod quiet_ends;
