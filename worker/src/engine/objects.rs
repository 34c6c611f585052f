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

/// Who the objects that are made run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definers {
    /// Whom their definitions name.
    Keep,
    /// The account that makes them.
    Drop,
    /// This account, `user@host`, or this role.
    As(String),
}
