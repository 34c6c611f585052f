//! What of a server a job writes: the thing that only one job has at a time.

use super::id::{JobId, OrgId, StepId};

/// Tables of one database on one server, as the server tells names apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetArea {
    /// What the server calls itself; the same under every address that leads to it.
    pub server: String,
    /// The database.
    pub database: String,
    /// Its tables; `None`: all of them, those that are to be made included.
    pub tables: Option<Vec<String>>,
}

impl TargetArea {
    /// Whether the table lies in it.
    pub fn holds(&self, table: &str) -> bool {
        self.tables.as_ref().is_none_or(|tables| tables.iter().any(|held| held == table))
    }

    /// Whether all of `other` lies in it.
    pub fn covers(&self, other: &Self) -> bool {
        let same = (&self.server, &self.database) == (&other.server, &other.database);
        same && match &other.tables {
            None => self.tables.is_none(),
            Some(tables) => tables.iter().all(|table| self.holds(table)),
        }
    }
}

/// A job that had an area before and has ended.
#[derive(Clone, Debug)]
pub struct FormerHolder {
    /// Its organisation.
    pub org_id: OrgId,
    /// The job.
    pub job_id: JobId,
    /// Its steps whose last session may still live on the server.
    pub loose_steps: Vec<StepId>,
}

#[cfg(test)]
mod tests {
    use super::TargetArea;

    fn area(server: &str, tables: Option<&[&str]>) -> TargetArea {
        let tables = tables.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        TargetArea { server: server.to_owned(), database: "shop".to_owned(), tables }
    }

    #[test]
    fn what_lies_in_what() {
        let check = |outer: &TargetArea, inner: &TargetArea, expected: bool| {
            assert_eq!(outer.covers(inner), expected, "{outer:?} {inner:?}");
        };
        check(&area("a", None), &area("a", None), true);
        check(&area("a", None), &area("a", Some(&["t"])), true);
        check(&area("a", Some(&["t"])), &area("a", None), false);
        check(&area("a", Some(&["t", "u"])), &area("a", Some(&["u"])), true);
        check(&area("a", Some(&["t"])), &area("a", Some(&["t", "u"])), false);
        check(&area("a", None), &area("b", Some(&["t"])), false);
    }
}
