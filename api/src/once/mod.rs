//! A `POST` has its effect once, however often it comes: the header `Idempotency-Key`, and the transaction
//! that takes the key.

mod effect;
mod header;

pub(crate) use effect::{KeyedCaller, KeyedTransaction, Once, gone};
pub(crate) use header::{HEADER as IDEMPOTENCY_KEY, REPLAYED, idempotency};
