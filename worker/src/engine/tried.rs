//! What a target would make of definitions, before anything is made of them.

use longshore_shared::domain::connection::EngineGroup;
use longshore_shared::domain::failure::Failure;

use super::shape::{ServerInfo, TableShape};
use super::{Result, mysql};

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

/// What a server of this kind does not hold the table's rows to, though the source does, and would
/// not say so; an error: it would make another table. No server is asked.
pub fn unsaid(group: EngineGroup, target: &ServerInfo, table: &TableShape) -> Result<Vec<String>> {
    match group {
        EngineGroup::Mysql => mysql::unsaid(target, table),
        EngineGroup::Postgresql => Ok(Vec::new()),
    }
}

/// Whether one server may take the table and another of the same release not, by a plug-in or a
/// setting; `parent` finds a table that a foreign key points to by its name.
pub fn is_of_settings<'a>(
    group: EngineGroup,
    table: &TableShape,
    parent: impl Fn(&str) -> Option<&'a TableShape>,
) -> bool {
    match group {
        EngineGroup::Mysql => mysql::is_of_settings(table, parent),
        EngineGroup::Postgresql => false,
    }
}
