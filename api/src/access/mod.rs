//! Who asks, and what they may do.
//!
//! Invariants: the organisation comes from the token and from nothing else; a handler
//! reaches the store only through a [`Caller`], which names the permission that it needs.

mod caller;
mod mac_key;
mod sign_in;

pub(crate) use caller::{Area, Caller, Databases, Endings, Fleet, History, Organisation, Syncs};
pub(crate) use mac_key::MacKey;
pub(crate) use sign_in::{sha256, sign_in};

#[cfg(test)]
pub(crate) use sign_in::stranger;
