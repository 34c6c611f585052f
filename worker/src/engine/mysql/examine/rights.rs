//! Which rights and settings each feature lacks, with the statements that grant them.
//!
//! Decided by what the server knows (`SHOW PRIVILEGES`), never by its version.

use std::collections::BTreeSet;

use longshore_shared::domain::examination::{Direction, Feature, FeatureRights, MissingRight, SyncRights};

use super::super::super::{Hidden, Result};
use super::super::connect::{Session, text_at};
use super::super::quote::{ident, text};
use super::facts::Known;
use super::grants::Grants;
use super::needs::of_sync;

/// Any schema that a job makes beside the database.
const SCRATCH: &str = "longshore_0";
const SCRATCH_PATTERN: &str = "`longshore\\_%`.*";

/// An account, what it was granted, and where.
pub(super) struct Granted<'a> {
    pub(super) grants: Grants,
    pub(super) database: &'a str,
    /// Quoted: `'user'@'host'`.
    pub(super) name: String,
}

/// What decides.
struct Account<'a> {
    granted: Granted<'a>,
    /// What the server knows, upper case.
    known: BTreeSet<String>,
    is_mariadb: bool,
    binlog: bool,
    local_infile: bool,
}

/// What each feature lacks, and what any sync needs.
pub(super) async fn features(
    s: &mut Session,
    database: &str,
    known: &Known,
    doing: &str,
) -> Result<(Vec<FeatureRights>, Vec<SyncRights>)> {
    let granted = Granted::of(s, database, doing).await?;
    let rights = known_rights(s, doing).await?;
    let account = Account {
        granted,
        known: rights,
        is_mariadb: s.is_mariadb(),
        binlog: known.is_on("log_bin"),
        local_infile: known.is_on("local_infile"),
    };
    let features = Feature::ALL.iter().map(|&feature| account.lacks(feature)).collect();
    Ok((features, Direction::ALL.iter().map(|&direction| account.sync(direction)).collect()))
}

/// The rights that the server knows, upper case.
pub(super) async fn known_rights(s: &mut Session, doing: &str) -> Result<BTreeSet<String>> {
    let rights = s.rows("SHOW PRIVILEGES", doing).await?;
    Ok(rights.iter().map(|row| text_at(row, 0).to_ascii_uppercase()).collect())
}

/// What the session's account surely does not see of its schema.
pub(super) async fn hidden(s: &mut Session) -> Result<Hidden> {
    let database = s.database.clone();
    match Granted::of(s, &database, "look at the account's rights").await {
        Ok(granted) => Ok(hidden_by(&granted.grants, &database)),
        // A server without accounts (--skip-grant-tables) hides nothing.
        Err(failure) if !failure.is_transient() => Ok(Hidden::default()),
        Err(failure) => Err(failure),
    }
}

/// Whether the session's account may read every table there is.
pub(super) async fn sees_all(s: &mut Session) -> Result<bool> {
    let database = s.database.clone();
    match Granted::of(s, &database, "look at the account's rights").await {
        Ok(granted) => Ok(granted.grants.global("SELECT")),
        Err(failure) if !failure.is_transient() => Ok(true),
        Err(failure) => Err(failure),
    }
}

/// Only where a grant shows it: a line that was not understood may be the one that gives the right.
fn hidden_by(grants: &Grants, database: &str) -> Hidden {
    let reads = grants.schema("SELECT", database);
    let lacks = |right: &str| reads && !grants.schema(right, database);
    // Any right to routines shows them; those of single routines show these only.
    let shown = ["EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE", "SHOW CREATE ROUTINE"];
    let routines = shown.iter().all(|right| lacks(right))
        && !["SELECT", "SHOW_ROUTINE"].iter().any(|right| grants.global(right))
        && !grants.table("SELECT", "mysql", "proc");
    let names_tables = grants.names_tables(database);
    Hidden {
        tables: !reads && names_tables,
        triggers: !grants.schema("TRIGGER", database) && grants.schema("INSERT", database),
        read_triggers: lacks("TRIGGER") || !reads && names_tables && !grants.any_table("TRIGGER", database),
        routines,
        events: lacks("EVENT"),
    }
}

/// `user@host` quoted in two parts; a user's name may hold an `@`, a host's not.
fn account(current: &str) -> String {
    match current.rsplit_once('@') {
        Some((user, host)) => format!("{}@{}", text(user), text(host)),
        None => text(current),
    }
}

impl<'a> Granted<'a> {
    /// What the session's account was granted.
    pub(super) async fn of(s: &mut Session, database: &'a str, doing: &str) -> Result<Self> {
        let lines = s.rows("SHOW GRANTS", doing).await?;
        let lines: Vec<_> = lines.iter().map(|row| text_at(row, 0)).collect();
        let literal = s.rows("SHOW VARIABLES LIKE 'partial_revokes'", doing).await?;
        let literal = literal.first().is_some_and(|row| text_at(row, 1) == "ON");
        let user = s.rows("SELECT CURRENT_USER()", doing).await?;
        let name = account(&user.first().map(|row| text_at(row, 0)).unwrap_or_default());
        Ok(Self { grants: Grants::read(lines.iter().map(String::as_str), literal), database, name })
    }

    /// Of an account's patterns only the closest counts: the rights are added to the one that
    /// names the database already, or else they take along what a wider one gave.
    pub(super) fn on_database(&self, rights: &[&str]) -> String {
        let plain = self.database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%");
        let escaped = if self.grants.is_literal() { self.database } else { &plain };
        let (name, held) = match self.grants.counting(self.database) {
            Some((pattern, _)) if pattern == self.database || pattern == escaped => (pattern, None),
            Some((_, rights)) if !self.grants.is_literal() => (escaped, Some(rights)),
            _ => (escaped, None),
        };
        let mut all = rights.to_vec();
        let held = held.into_iter().flatten().map(String::as_str);
        all.extend(held.filter(|held| !rights.contains(held)));
        format!("GRANT {} ON {}.* TO {}", all.join(", "), ident(name), self.name)
    }

    /// The rights on one table of a database.
    pub(super) fn on_table(&self, rights: &[&str], database: &str, table: &str) -> String {
        let object = format!("{}.{}", ident(database), ident(table));
        format!("GRANT {} ON {object} TO {}", rights.join(", "), self.name)
    }

    /// What lacks to see the text of other people's routines, on a server that knows these rights.
    pub(super) fn routines(&self, known: &BTreeSet<String>) -> Option<MissingRight> {
        if self.grants.global("SELECT") {
            return None;
        }
        if known.contains("SHOW_ROUTINE") {
            return (!self.grants.global("SHOW_ROUTINE")).then(|| self.grant("SHOW_ROUTINE", "*.*"));
        }
        if self.grants.table("SELECT", "mysql", "proc") {
            return None;
        }
        let right = "SHOW CREATE ROUTINE";
        if known.contains(right) {
            return (!self.grants.schema(right, self.database))
                .then(|| missing_one(right, self.on_database(&[right])));
        }
        Some(self.grant("SELECT", "`mysql`.`proc`"))
    }

    fn grant(&self, right: &str, object: &str) -> MissingRight {
        missing_one(right, format!("GRANT {right} ON {object} TO {}", self.name))
    }
}

impl Account<'_> {
    fn lacks(&self, feature: Feature) -> FeatureRights {
        let missing = match feature {
            Feature::Dump => self.of_database(&["SELECT", "SHOW VIEW"]),
            Feature::Snapshot => self.snapshot(),
            Feature::Routines => {
                let mut missing = self.of_database(&["SHOW VIEW", "TRIGGER", "EVENT"]);
                missing.extend(self.granted.routines(&self.known));
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
                let held = |right: &&str| self.granted.grants.schema(right, SCRATCH);
                let missing = needed.into_iter().filter(|right| !held(right));
                missing.map(|right| self.grant(right, SCRATCH_PATTERN)).collect()
            }
        };
        FeatureRights { feature, missing }
    }

    fn of_database(&self, needed: &[&str]) -> Vec<MissingRight> {
        let missing = needed.iter().filter(|right| !self.granted.grants.schema(right, self.granted.database));
        missing.map(|right| self.grant_on_database(right)).collect()
    }

    /// MariaDB with a binary log tells the snapshot's position by itself. Else the tables are
    /// locked for a moment: all of them, or those of the database.
    fn snapshot(&self) -> Vec<MissingRight> {
        let global = ["RELOAD", "FLUSH_TABLES"].iter().any(|right| self.granted.grants.global(right));
        if global || self.granted.grants.schema("LOCK TABLES", self.granted.database) {
            return Vec::new();
        }
        if !(self.is_mariadb && self.binlog) {
            return vec![self.grant("RELOAD", "*.*")];
        }
        // Where the log ends proves the point, for whoever may look. The right had another name before 10.5.
        let looks = ["BINLOG MONITOR", "REPLICATION CLIENT"];
        if looks.iter().chain(&["SUPER"]).any(|right| self.granted.grants.global(right)) {
            return Vec::new();
        }
        let right = looks.iter().find(|right| self.known.contains(**right)).unwrap_or(&looks[1]);
        vec![self.grant(right, "*.*")]
    }

    /// One statement that grants all that a sync needs on this side, and what helps it on the schema.
    fn sync(&self, direction: Direction) -> SyncRights {
        let into = direction == Direction::Into;
        let needs = of_sync(into, self.is_mariadb);
        // Triggers that fire are seen; definitions are tried before rows move, and a first copy that
        // begins anew empties its tables at once.
        let helps = match direction {
            Direction::Into => vec!["TRIGGER", "DROP"],
            Direction::From if self.snapshot().is_empty() => Vec::new(),
            Direction::From => vec!["LOCK TABLES"],
        };
        let granted = &self.granted;
        let lacks = |right: &&str| !granted.grants.schema(right, granted.database);
        let owned = |rights: &[&str]| rights.iter().map(|&right| right.to_owned()).collect();
        SyncRights {
            direction,
            missing: needs.iter().copied().filter(lacks).map(str::to_owned).collect(),
            statement: granted.on_database(&[needs.as_slice(), &helps].concat()),
            needs: owned(&needs),
            helps: owned(&helps),
        }
    }

    fn grant_on_database(&self, right: &str) -> MissingRight {
        missing_one(right, self.granted.on_database(&[right]))
    }

    fn grant(&self, right: &str, object: &str) -> MissingRight {
        self.granted.grant(right, object)
    }
}

fn missing_one(right: &str, statement: String) -> MissingRight {
    MissingRight { right: right.to_owned(), statement }
}

#[cfg(test)]
mod tests {
    use super::{Account, Feature, Granted, Grants, Hidden, account, hidden_by};

    fn statements(lines: &[&str], known: &[&str], binlog: bool, feature: Feature) -> Vec<String> {
        let account = Account {
            granted: Granted {
                grants: Grants::read(lines.iter().copied(), false),
                database: "a_b`c",
                name: account("it's@10.%"),
            },
            known: known.iter().map(|&right| right.to_owned()).collect(),
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
        let of = |lines: &[&str]| hidden_by(&Grants::read(lines.iter().copied(), false), "shop");
        for (lines, tables, triggers) in [
            (&[usage, table][..], true, false),
            (&[usage, schema], false, true),
            (&[usage, schema, table], false, true),
            (&[all, table], false, false),
            (&[schema, "GRANT TRIGGER ON *.* TO `u`@`%`"], false, false),
            (&["a line that nobody understands"], false, false),
        ] {
            let Hidden { tables: found, triggers: also, .. } = of(lines);
            assert_eq!((found, also), (tables, triggers), "{lines:?}");
        }
        for (lines, read_triggers, routines, events) in [
            (&[usage, table][..], true, false, false),
            (&[table, "GRANT TRIGGER ON `shop`.`orders` TO `u`@`%`"], false, false, false),
            (&[usage, schema], true, true, true),
            (&[schema, "GRANT EXECUTE, EVENT ON `shop`.* TO `r`"], true, false, false),
            (&[schema, "GRANT ALTER ROUTINE ON `shop`.* TO `u`@`%`"], true, false, true),
            (&[schema, "GRANT SELECT ON `mysql`.`proc` TO `u`@`%`"], true, false, true),
            (&[schema, "GRANT EXECUTE ON FUNCTION `shop`.`f` TO `u`@`%`"], true, true, true),
            (&["GRANT SELECT ON *.* TO `u`@`%`"], true, false, true),
            (&["GRANT SELECT, TRIGGER, EVENT ON *.* TO `u`@`%`"], false, false, false),
            (&[all], false, false, false),
            (&["a line that nobody understands"], false, false, false),
        ] {
            let Hidden { read_triggers: one, routines: two, events: three, .. } = of(lines);
            assert_eq!((one, two, three), (read_triggers, routines, events), "{lines:?}");
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
            (&[select], none, true, Feature::Snapshot, vec![format!("GRANT REPLICATION CLIENT ON *.* {to}")]),
            (&["GRANT BINLOG MONITOR ON *.* TO `u`@`%`"], none, true, Feature::Snapshot, vec![]),
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
