//! What keeps rows of one table from being stored in another unchanged and from being found there.

use std::fmt;

/// One thing in which the target's table differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// How it differs.
    pub change: Change,
}

/// How a table differs; columns and keys by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The target lacks a column, of this type.
    ColumnMissing(String, String),
    /// The target has a column, of this type, that the source lacks.
    ColumnSurplus(String, String),
    /// A column differs.
    Column {
        /// Its name.
        name: String,
        /// What of it: `the type`.
        part: &'static str,
        /// What the source has.
        source: String,
        /// What the target has.
        target: String,
    },
    /// The source's key is not unique on the target, whose key this is.
    Key(Vec<String>, Option<Vec<String>>),
    /// The target lacks a unique key.
    UniqueMissing(Vec<String>),
    /// The target has a unique key that the source lacks.
    UniqueSurplus(Vec<String>),
}

/// A sentence for a person.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |names: &[String]| names.join(", ");
        write!(f, "table `{}`", self.table)?;
        match &self.change {
            Change::ColumnMissing(name, full_type) => {
                write!(f, ": the target lacks column `{name}` ({full_type})")
            }
            Change::ColumnSurplus(name, full_type) => {
                write!(f, ": the target has a column `{name}` ({full_type}) that the source lacks")
            }
            Change::Column { name, part, source, target } => {
                write!(f, ", column `{name}`: {part} is {source} on the source, {target} on the target")
            }
            Change::Key(source, target) => {
                let target = target.as_ref().map_or("none".to_owned(), |key| format!("({})", listed(key)));
                let source = listed(source);
                write!(
                    f,
                    ": the key ({source}) of the source is not unique on the target, whose key is {target}"
                )
            }
            Change::UniqueMissing(key) => write!(f, ": the target lacks the unique key ({})", listed(key)),
            Change::UniqueSurplus(key) => {
                write!(f, ": the target has a unique key ({}) that the source lacks", listed(key))
            }
        }
    }
}
