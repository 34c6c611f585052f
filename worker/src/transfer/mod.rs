//! Between a reader and a writer: a bounded pump, and the meter that counts what passes.
//!
//! Invariants: memory is bounded by a few batches a pump; a reader that fails can never
//! look like the end of the data. Deliberately not here: transactions, and what to do
//! when a pump fails (`steps` rolls back).

mod meter;
mod pump;

pub(crate) use meter::{Meter, counted, whole};
pub(crate) use pump::pump;
