//! The sync as a customer sees it: what is on the target afterwards, and what the job says
//! about it.

mod chunks;
mod corruption;
mod filling;
mod filtering;
mod flavours;
mod guard;
mod keyless;
mod meanwhile;
mod reading_ahead;
mod selection;
mod snapshot;
mod together;
mod truth;
mod truth_table;
mod verifying;
mod windows;
