//! What a database holds beside tables of rows: programs and names that its server keeps by their text.

use serde::{Deserialize, Serialize};

use super::words;

words! {
    /// What kind of object it is.
    ObjectKind {
        /// A sequence (MariaDB).
        Sequence = "sequence",
        /// A stored function.
        Function = "function",
        /// A stored procedure.
        Procedure = "procedure",
        /// The head of a package (MariaDB).
        Package = "package",
        /// The body of a package (MariaDB).
        PackageBody = "package_body",
        /// A view.
        View = "view",
        /// A trigger.
        Trigger = "trigger",
        /// An event.
        Event = "event",
    }
}

/// One object, as its server gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseObject {
    /// What kind it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// The one statement that makes it, in UTF-8, with its definer where it has one; empty: the server
    /// does not show it, and `trouble` says why.
    pub definition: String,
    /// The table of a trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Who it runs as: `user@host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definer: Option<String>,
    /// The session's settings that its text is read under, by name: `sql_mode`, `character_set_client`,
    /// `collation_connection`, `time_zone`; and `collation_database`, the database's default of then.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub made_under: std::collections::BTreeMap<String, String>,
    /// What is wrong with it at its own server: a view that refers to what is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// What a database gives to what is made in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseDefaults {
    /// Its name at its server.
    pub name: String,
    /// Its default character set.
    pub charset: String,
    /// Its default collation.
    pub collation: String,
}
