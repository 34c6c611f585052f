//! Tables that point to others by foreign keys, seen from the tables that they point to.

use serde::{Deserialize, Serialize};

use super::shape::ForeignKey;

/// A foreign key that points into the database, of a table of any database of its server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// The table's database when it is another one.
    #[serde(default)]
    pub schema: Option<String>,
    /// The table.
    pub table: String,
    /// The foreign key; its parent is of the session's own database.
    pub key: ForeignKey,
}

impl Child {
    /// The table as a person names it.
    pub fn place(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.table),
            None => self.table.clone(),
        }
    }
}

/// Foreign keys that point into a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Children {
    /// Those that the account may look at.
    pub seen: Vec<Child>,
    /// Those that it knows of and may not look at: the tables that point, and where to.
    pub unseen: Vec<(String, String)>,
    /// There may be others that it knows nothing of.
    pub is_blind: bool,
}

/// Rows of a foreign key that point to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphans {
    /// The constraint's name.
    pub constraint: String,
    /// The table that it points to.
    pub parent: String,
    /// How many rows have no parent.
    pub rows: u64,
}
