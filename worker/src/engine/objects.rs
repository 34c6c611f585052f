//! What a database holds beside tables of rows.

use longshore_shared::domain::object::{DatabaseDefaults, DatabaseObject};

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objects {
    /// What the database gives to what is made in it.
    pub defaults: DatabaseDefaults,
    /// The objects, in an order in which they can be made.
    pub objects: Vec<DatabaseObject>,
}
