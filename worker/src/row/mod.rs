//! Text forms of rows and values; pure, no I/O.
//!
//! Invariants: a value is bytes and stays bytes, NULL is never mixed up with any text;
//! what is decoded is what was encoded, whatever the bytes; what comes from a customer
//! reaches a statement only through `mysql_literal`.
//! Deliberately not here: which form a column needs (`engine`).

pub mod mysql_literal;
pub mod mysql_text;
