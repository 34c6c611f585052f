//! Which rights and settings each feature lacks, with the statements that grant them.
//!
//! Decided by what the server knows (`SHOW PRIVILEGES`), never by its version.

use std::collections::BTreeSet;

use longshore_shared::domain::examination::{Feature, FeatureRights, MissingRight};

use super::super::super::{Hidden, Result};
use super::super::quote::{ident, text};
use super::super::session::{Session, text_at};
use super::facts::Known;
use super::grants::Grants;

/// Any schema that a job makes beside the database.
const SCRATCH: &str = "longshore_0";
const SCRATCH_PATTERN: &str = "`longshore\\_%`.*";

/// What decides.
struct Account<'a> {
    grants: Grants,
    /// What the server knows, upper case.
    known: BTreeSet<String>,
    database: &'a str,
    /// Quoted: `'user'@'host'`.
    name: String,
    is_mariadb: bool,
    binlog: bool,
    local_infile: bool,
}

pub(super) async fn features(
    s: &mut Session,
    database: &str,
    known: &Known,
    doing: &str,
) -> Result<Vec<FeatureRights>> {
    let lines = s.rows("SHOW GRANTS", doing).await?;
    let lines: Vec<_> = lines.iter().map(|row| text_at(row, 0)).collect();
    let rights = s.rows("SHOW PRIVILEGES", doing).await?;
    let user = s.rows("SELECT CURRENT_USER()", doing).await?;
    let account = Account {
        grants: Grants::read(lines.iter().map(String::as_str), known.is_on("partial_revokes")),
        known: rights.iter().map(|row| text_at(row, 0).to_ascii_uppercase()).collect(),
        database,
        name: account(&user.first().map(|row| text_at(row, 0)).unwrap_or_default()),
        is_mariadb: s.is_mariadb(),
        binlog: known.is_on("log_bin"),
        local_infile: known.is_on("local_infile"),
    };
    Ok(Feature::ALL.iter().map(|&feature| account.lacks(feature)).collect())
}

/// What the session's account surely does not see of its schema.
pub(super) async fn hidden(s: &mut Session) -> Result<Hidden> {
    let doing = "look at the account's rights";
    let lines = s.rows("SHOW GRANTS", doing).await?;
    let lines: Vec<_> = lines.iter().map(|row| text_at(row, 0)).collect();
    let literal = s.rows("SHOW VARIABLES LIKE 'partial_revokes'", doing).await?;
    let literal = literal.first().is_some_and(|row| text_at(row, 1) == "ON");
    Ok(hidden_by(&Grants::read(lines.iter().map(String::as_str), literal), &s.database))
}

/// Only where a grant shows it: a line that was not understood may be the one that gives the right.
fn hidden_by(grants: &Grants, database: &str) -> Hidden {
    Hidden {
        tables: !grants.schema("SELECT", database) && grants.names_tables(database),
        triggers: !grants.schema("TRIGGER", database) && grants.schema("INSERT", database),
    }
}

/// `user@host` quoted in two parts; a user's name may hold an `@`, a host's not.
fn account(current: &str) -> String {
    match current.rsplit_once('@') {
        Some((user, host)) => format!("{}@{}", text(user), text(host)),
        None => text(current),
    }
}

impl Account<'_> {
    fn lacks(&self, feature: Feature) -> FeatureRights {
        let missing = match feature {
            Feature::Dump => self.of_database(&["SELECT", "SHOW VIEW"]),
            Feature::Snapshot => self.snapshot(),
            Feature::Routines => {
                let mut missing = self.of_database(&["SHOW VIEW", "TRIGGER", "EVENT"]);
                missing.extend(self.routines());
                missing
            }
            Feature::Load => self.of_database(&["INSERT", "UPDATE", "DELETE"]),
            Feature::BulkLoad => {
                let mut missing = self.of_database(&["INSERT"]);
                if !self.local_infile {
                    missing.push(missing_one("local_infile", "SET GLOBAL local_infile = ON".to_owned()));
                }
                missing
            }
            Feature::Create => self.of_database(&["CREATE", "ALTER", "DROP", "INDEX", "REFERENCES"]),
            Feature::Scratch => {
                let needed = [
                    "SELECT",
                    "INSERT",
                    "UPDATE",
                    "DELETE",
                    "CREATE",
                    "ALTER",
                    "DROP",
                    "INDEX",
                    "REFERENCES",
                ];
                let held = |right: &&str| self.grants.schema(right, SCRATCH);
                let missing = needed.into_iter().filter(|right| !held(right));
                missing.map(|right| self.grant(right, SCRATCH_PATTERN)).collect()
            }
        };
        FeatureRights { feature, missing }
    }

    fn of_database(&self, needed: &[&str]) -> Vec<MissingRight> {
        let missing = needed.iter().filter(|right| !self.grants.schema(right, self.database));
        missing.map(|right| self.grant_on_database(right)).collect()
    }

    /// MariaDB with a binary log tells the snapshot's position by itself. Else the tables are
    /// locked for a moment: all of them, or those of the database.
    fn snapshot(&self) -> Vec<MissingRight> {
        let global = ["RELOAD", "FLUSH_TABLES"].iter().any(|right| self.grants.global(right));
        if self.is_mariadb && self.binlog || global || self.grants.schema("LOCK TABLES", self.database) {
            return Vec::new();
        }
        vec![self.grant("RELOAD", "*.*")]
    }

    /// The text of other people's routines.
    fn routines(&self) -> Option<MissingRight> {
        if self.grants.global("SELECT") {
            return None;
        }
        if self.known.contains("SHOW_ROUTINE") {
            return (!self.grants.global("SHOW_ROUTINE")).then(|| self.grant("SHOW_ROUTINE", "*.*"));
        }
        if self.grants.table("SELECT", "mysql", "proc") {
            return None;
        }
        let right = "SHOW CREATE ROUTINE";
        if self.known.contains(right) {
            return (!self.grants.schema(right, self.database)).then(|| self.grant_on_database(right));
        }
        Some(self.grant("SELECT", "`mysql`.`proc`"))
    }

    /// Of an account's patterns only the closest counts: the right is added to the one that
    /// names the database already, or else it takes along what a wider one gave.
    fn grant_on_database(&self, right: &str) -> MissingRight {
        let plain = self.database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%");
        let escaped = if self.grants.is_literal() { self.database } else { &plain };
        let (name, held) = match self.grants.counting(self.database) {
            Some((pattern, _)) if pattern == self.database || pattern == escaped => (pattern, None),
            Some((_, rights)) if !self.grants.is_literal() => (escaped, Some(rights)),
            _ => (escaped, None),
        };
        let mut rights = vec![right];
        rights.extend(held.into_iter().flatten().map(String::as_str).filter(|held| *held != right));
        let object = format!("{}.*", ident(name));
        missing_one(right, format!("GRANT {} ON {object} TO {}", rights.join(", "), self.name))
    }

    fn grant(&self, right: &str, object: &str) -> MissingRight {
        missing_one(right, format!("GRANT {right} ON {object} TO {}", self.name))
    }
}

fn missing_one(right: &str, statement: String) -> MissingRight {
    MissingRight { right: right.to_owned(), statement }
}

#[cfg(test)]
mod tests {
    use super::{Account, Feature, Grants, Hidden, account, hidden_by};

    fn statements(lines: &[&str], known: &[&str], binlog: bool, feature: Feature) -> Vec<String> {
        let account = Account {
            grants: Grants::read(lines.iter().copied(), false),
            known: known.iter().map(|&right| right.to_owned()).collect(),
            database: "a_b`c",
            name: account("it's@10.%"),
            is_mariadb: known.is_empty(),
            binlog,
            local_infile: false,
        };
        account.lacks(feature).missing.into_iter().map(|missing| missing.statement).collect()
    }

    #[test]
    fn what_is_surely_hidden() {
        let table = "GRANT SELECT, INSERT ON `shop`.`orders` TO `u`@`%`";
        let schema = "GRANT SELECT, INSERT ON `shop`.* TO `u`@`%`";
        let all = "GRANT ALL PRIVILEGES ON `sh%`.* TO `u`@`%`";
        let usage = "GRANT USAGE ON *.* TO `u`@`%`";
        for (lines, tables, triggers) in [
            (&[usage, table][..], true, false),
            (&[usage, schema], false, true),
            (&[usage, schema, table], false, true),
            (&[all, table], false, false),
            (&[schema, "GRANT TRIGGER ON *.* TO `u`@`%`"], false, false),
            (&["a line that nobody understands"], false, false),
        ] {
            let found = hidden_by(&Grants::read(lines.iter().copied(), false), "shop");
            assert_eq!(found, Hidden { tables, triggers }, "{lines:?}");
        }
    }

    #[test]
    fn statements_that_grant_what_is_missing() {
        let select = "GRANT SELECT ON `a\\_b``c`.* TO `it's`@`10.%`";
        let to = "TO 'it''s'@'10.%'";
        let all = "GRANT ALL PRIVILEGES ON *.* TO `it's`@`10.%`";
        let none: &[&str] = &[];
        for (lines, known, binlog, feature, expected) in [
            (
                &[select][..],
                none,
                false,
                Feature::Dump,
                vec![format!("GRANT SHOW VIEW ON `a\\_b``c`.* {to}")],
            ),
            (&[select], none, true, Feature::Snapshot, vec![]),
            (&[select], none, false, Feature::Snapshot, vec![format!("GRANT RELOAD ON *.* {to}")]),
            (
                &[select],
                &["SHOW_ROUTINE"],
                true,
                Feature::Snapshot,
                vec![format!("GRANT RELOAD ON *.* {to}")],
            ),
            (&["GRANT FLUSH_TABLES ON *.* TO `u`@`%`"], none, false, Feature::Snapshot, vec![]),
            (
                &["GRANT TRIGGER, EVENT, SHOW VIEW ON *.* TO `u`@`%`"],
                &["SHOW_ROUTINE"],
                false,
                Feature::Routines,
                vec![format!("GRANT SHOW_ROUTINE ON *.* {to}")],
            ),
            (
                &["GRANT TRIGGER, EVENT, SHOW VIEW ON *.* TO `u`@`%`"],
                &["SHOW CREATE ROUTINE"],
                false,
                Feature::Routines,
                vec![format!("GRANT SHOW CREATE ROUTINE ON `a\\_b``c`.* {to}")],
            ),
            (
                &["GRANT TRIGGER, EVENT, SHOW VIEW ON *.* TO `u`@`%`"],
                none,
                false,
                Feature::Routines,
                vec![format!("GRANT SELECT ON `mysql`.`proc` {to}")],
            ),
            (&[all], none, false, Feature::BulkLoad, vec!["SET GLOBAL local_infile = ON".to_owned()]),
            (&[all], none, false, Feature::Scratch, vec![]),
            (
                &["GRANT ALL PRIVILEGES ON `longshore\\_%`.* TO `u`@`%`"],
                none,
                false,
                Feature::Scratch,
                vec![],
            ),
        ] {
            assert_eq!(statements(lines, known, binlog, feature), expected, "{lines:?} {feature}");
        }
        // As it is spelt already; and what a wider pattern gave stays.
        let as_it_is = "GRANT INSERT, DELETE ON `a_b``c`.* TO `it's`@`10.%`";
        let update = format!("GRANT UPDATE ON `a_b``c`.* {to}");
        assert_eq!(statements(&[as_it_is], none, false, Feature::Load), [update]);
        let wider = "GRANT INSERT, DELETE ON `a%`.* TO `it's`@`10.%`";
        let update = format!("GRANT UPDATE, DELETE, INSERT ON `a\\_b``c`.* {to}");
        assert_eq!(statements(&[wider], none, false, Feature::Load), [update]);
        assert_eq!(statements(&[select], none, false, Feature::Scratch).len(), 9);
        assert_eq!(statements(&[], none, false, Feature::Load).len(), 3);
    }
}
