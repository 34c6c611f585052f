//! What came of a definition that was tried on a target, before anything is made of it.

use longshore_shared::domain::failure::Failure;

/// What the target would make of a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Why it would not take it.
    pub refused: Option<Failure>,
    /// What it would not hold the rows to, though the source does.
    pub loses: Vec<String>,
}
