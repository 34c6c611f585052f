//! What a target would make of definitions, before anything is made of them.

use longshore_shared::domain::failure::Failure;

/// What a target said of a definition that was tried there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It takes it, and makes the source's table of it.
    Taken,
    /// Why it does not.
    Refused(Failure),
    /// Why it could not be asked: what the account may not do.
    Unasked(Failure),
}
