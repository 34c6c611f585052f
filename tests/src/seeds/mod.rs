//! Data for customers' databases, made by the servers themselves from numbers.

mod shop;

pub use shop::{KEYLESS, shop};
