//! What a job needs, held against what the account was granted.
//!
//! The one place that says which right an act takes: the plan of a job and the test of a
//! connection both ask here. What the server does not show, or what was not understood, is a
//! doubt and no refusal.

use std::collections::{BTreeMap, BTreeSet};

use longshore_shared::domain::examination::MissingRight;

use super::super::super::Result;
use super::super::super::access::{Act, Lacks, Missing, Need};
use super::super::connect::Session;
use super::rights::{self, Granted};

/// Tables that get a statement each at most; more are granted by their database.
const TABLES: usize = 8;

/// The right that an act takes. All of them were tried on the servers: an index is built by `ALTER
/// TABLE`, which asks for `ALTER` alone; MariaDB lets whoever may read a table point to it.
pub(super) const fn right_of(act: Act, is_mariadb: bool) -> &'static str {
    match act {
        Act::Read => "SELECT",
        Act::Insert => "INSERT",
        Act::Update => "UPDATE",
        Act::Delete => "DELETE",
        Act::Create => "CREATE",
        Act::Alter => "ALTER",
        Act::Refer if is_mariadb => "SELECT",
        Act::Refer => "REFERENCES",
        Act::Drop => "DROP",
        Act::ShowViews => "SHOW VIEW",
        Act::ShowTriggers => "TRIGGER",
        Act::ShowEvents => "EVENT",
        // Whose name depends on the server (`rights`).
        Act::ShowRoutines => "SHOW CREATE ROUTINE",
    }
}

/// What the session's account lacks of the needs.
pub(in super::super) async fn lacks(s: &mut Session, needs: &[Need]) -> Result<Lacks> {
    if needs.is_empty() {
        return Ok(Lacks::default());
    }
    let is_mariadb = s.is_mariadb();
    let database = s.database.clone();
    let doing = "look at the account's rights";
    let known = match needs.iter().any(|need| need.act == Act::ShowRoutines) {
        true => rights::known_rights(s, doing).await?,
        false => BTreeSet::new(),
    };
    match Granted::of(s, &database, doing).await {
        Ok(granted) => Ok(granted.lacks(needs, is_mariadb, &known)),
        // A server without accounts (--skip-grant-tables), a proxy: whatever it lets us do shows later.
        Err(failure) if !failure.is_transient() => Ok(Lacks::default()),
        Err(failure) => Err(failure),
    }
}

impl Granted<'_> {
    fn lacks(&self, needs: &[Need], is_mariadb: bool, known: &BTreeSet<String>) -> Lacks {
        let mut lacks = Lacks { account: self.name.clone(), ..Lacks::default() };
        for (at, need) in needs.iter().enumerate() {
            if need.act == Act::ShowRoutines {
                self.add_routines(at, known, &mut lacks);
                continue;
            }
            let right = right_of(need.act, is_mariadb);
            let database = need.schema.as_deref().unwrap_or(self.database);
            let holds = match &need.table {
                Some(table) => self.grants.table(right, database, table),
                None => self.grants.schema(right, database),
            };
            if holds {
                continue;
            }
            match self.grants.doubt(right, database, need.table.as_deref(), need.schema.is_none()) {
                Some(doubt) => {
                    lacks.doubt = doubt.to_owned();
                    lacks.doubtful.rights.push((at, right.to_owned()));
                }
                None => lacks.missing.rights.push((at, right.to_owned())),
            }
        }
        for missing in [&mut lacks.missing, &mut lacks.doubtful] {
            let routines = std::mem::take(&mut missing.statements);
            missing.statements = self.statements(needs, missing);
            missing.statements.extend(routines);
        }
        lacks
    }

    /// The right to other people's routines, which no table or database has on every server.
    fn add_routines(&self, at: usize, known: &BTreeSet<String>, lacks: &mut Lacks) {
        let Some(MissingRight { right, statement }) = self.routines(known) else { return };
        let doubt = self.grants.doubt(&right, self.database, None, true);
        let missing = if doubt.is_some() { &mut lacks.doubtful } else { &mut lacks.missing };
        missing.rights.push((at, right));
        missing.statements.push(statement);
        if let Some(doubt) = doubt {
            lacks.doubt = doubt.to_owned();
        }
    }

    /// Whoever was granted single tables gets the rights on those, and else on the database; of other
    /// databases, on nothing but the tables.
    fn statements(&self, needs: &[Need], missing: &Missing) -> Vec<String> {
        let mut by_table: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
        let mut elsewhere: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        let mut all: Vec<&str> = Vec::new();
        for (at, right) in &missing.rights {
            let need = needs.get(*at);
            if need.is_some_and(|need| need.act == Act::ShowRoutines) {
                continue;
            }
            let table = need.and_then(|need| need.table.as_deref());
            if let (Some(schema), Some(table)) = (need.and_then(|need| need.schema.as_deref()), table) {
                add(elsewhere.entry((schema, table)).or_default(), right.as_str());
                continue;
            }
            add(by_table.entry(table).or_default(), right.as_str());
            add(&mut all, right.as_str());
        }
        let elsewhere =
            elsewhere.iter().map(|((schema, table), rights)| self.on_table(rights, schema, table));
        self.within(&by_table, &all).into_iter().chain(elsewhere).collect()
    }

    /// The statements for the account's own database.
    fn within(&self, by_table: &BTreeMap<Option<&str>, Vec<&str>>, all: &[&str]) -> Vec<String> {
        let single =
            |table: &Option<&str>| table.is_some_and(|table| self.grants.names(self.database, table));
        if by_table.is_empty() {
            return Vec::new();
        }
        if by_table.len() <= TABLES && by_table.keys().all(single) {
            let tables = by_table.iter().filter_map(|(table, rights)| Some(((*table)?, rights)));
            return tables.map(|(table, rights)| self.on_table(rights, self.database, table)).collect();
        }
        vec![self.on_database(all)]
    }
}

fn add<'a>(rights: &mut Vec<&'a str>, right: &'a str) {
    if !rights.contains(&right) {
        rights.push(right);
    }
}

/// What a sync needs of a database that it reads, and of one that it writes, whatever the task.
pub(super) fn of_sync(into: bool, is_mariadb: bool) -> Vec<&'static str> {
    let acts: &[Act] = match into {
        false => &[Act::Read],
        true => &[Act::Read, Act::Insert, Act::Update, Act::Delete, Act::Create, Act::Alter, Act::Refer],
    };
    let mut seen = BTreeSet::new();
    acts.iter().map(|&act| right_of(act, is_mariadb)).filter(|right| seen.insert(*right)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::grants::Grants;
    use super::{Act, Granted, Need, of_sync};

    const USAGE: &str = "GRANT USAGE ON *.* TO `u`@`%`";

    /// What lacks of reading and altering `t` and inserting into all tables of `shop_a`.
    fn check(database: &str, lines: &[&str], missing: &[&str], doubtful: &[&str]) {
        let grants = Grants::read(lines.iter().copied(), false);
        let granted = Granted { grants, database, name: "'u'@'%'".to_owned() };
        let need = |act, table: Option<&str>| Need { act, schema: None, table: table.map(str::to_owned) };
        let needs = [need(Act::Read, Some("t")), need(Act::Alter, Some("t")), need(Act::Insert, None)];
        let lacks = granted.lacks(&needs, false, &BTreeSet::new());
        assert_eq!(lacks.missing.statements, missing, "{lines:?}: {lacks:?}");
        assert_eq!(lacks.doubtful.statements, doubtful, "{lines:?}: {lacks:?}");
        assert_eq!(lacks.doubt.is_empty(), doubtful.is_empty(), "{lines:?}");
    }

    #[test]
    fn n15_what_lacks_is_granted_where_the_account_has_its_rights() {
        let on = "ON `shop\\_a`.* TO 'u'@'%'";
        let all = "GRANT ALL PRIVILEGES ON `shop\\_a`.* TO `u`@`%`";
        check("shop_a", &[USAGE, all], &[], &[]);
        check("shop_a", &["GRANT SELECT, INSERT, ALTER ON *.* TO `u`@`%`"], &[], &[]);
        let select = "GRANT SELECT ON `shop\\_a`.* TO `u`@`%`";
        check("shop_a", &[USAGE, select], &[&format!("GRANT ALTER, INSERT {on}")], &[]);
        // Single tables.
        let single = "GRANT SELECT, ALTER ON `shop_a`.`t` TO `u`@`%`";
        check("shop_a", &[USAGE, single], &[&format!("GRANT INSERT {on}")], &[]);
        let single = "GRANT INSERT ON `shop_a`.`t` TO `u`@`%`";
        let insert = "GRANT INSERT ON `shop\\_a`.* TO `u`@`%`";
        check("shop_a", &[single, insert], &["GRANT SELECT, ALTER ON `shop_a`.`t` TO 'u'@'%'"], &[]);
        // A partial revoke, and a role.
        let global = "GRANT SELECT, INSERT, ALTER ON *.* TO `u`@`%`";
        let revoked = "REVOKE ALTER ON `shop_a`.* FROM `u`@`%`";
        check("shop_a", &[global, revoked], &[&format!("GRANT ALTER {on}")], &[]);
        let role = "GRANT ALTER, INSERT ON `shop\\_a`.* TO `r`";
        check("shop_a", &["GRANT `r` TO `u`@`%`", USAGE, select, role], &[], &[]);
        check("shop_a", &[USAGE, select, "GRANT ALTER, INSERT ON `shop\\_a`.* TO PUBLIC"], &[], &[]);
    }

    #[test]
    fn n15_what_was_not_understood_is_no_refusal() {
        let select = "GRANT SELECT ON `shop\\_a`.* TO `u`@`%`";
        let on = "ON `shop\\_a`.* TO 'u'@'%'";
        let both = format!("GRANT ALTER, INSERT {on}");
        check("shop_a", &[USAGE, select, "GRANT ALL ON EVERYTHING TO `u`@`%`"], &[], &[&both]);
        check("shop_a", &[USAGE, select, "ALLOW `u`@`%` TO WRITE"], &[], &[&both]);
        // Nothing shows why the account may use the database at all.
        check("shop_a", &[USAGE], &[], &[&format!("GRANT SELECT, ALTER, INSERT {on}")]);
        // Old servers give everybody the databases of tests, and show that to nobody.
        let tests = "GRANT SELECT ON `test\\_a`.* TO `u`@`%`";
        check("test_a", &[USAGE, tests], &[], &["GRANT ALTER, INSERT ON `test\\_a`.* TO 'u'@'%'"]);
        // Single columns: perhaps they are all that the job touches.
        let columns = "GRANT SELECT, INSERT ON `shop\\_a`.* TO `u`@`%`";
        let alter = "GRANT ALTER ON `shop_a`.`t` TO 'u'@'%'";
        check("shop_a", &[columns, "GRANT UPDATE (`a`) ON `shop_a`.`t` TO `u`@`%`"], &[alter], &[]);
        let column = "GRANT SELECT (`a`), ALTER ON `shop_a`.`t` TO `u`@`%`";
        let insert = "GRANT INSERT ON `shop\\_a`.* TO `u`@`%`";
        check("shop_a", &[column, insert], &[], &["GRANT SELECT ON `shop_a`.`t` TO 'u'@'%'"]);
        for harmless in [
            "GRANT PROXY ON ''@'%' TO 'u'@'%'",
            "GRANT EXECUTE ON PROCEDURE `shop_a`.`p` TO `u`@`%`",
            "GRANT EXECUTE ON PACKAGE BODY `shop_a`.`p` TO `u`@`%`",
            "SET DEFAULT ROLE `r` FOR `u`@`%`",
            "GRANT `r`@`%` TO `u`@`%` WITH ADMIN OPTION",
        ] {
            check("shop_a", &[USAGE, select, harmless], &[&both], &[]);
        }
    }

    #[test]
    fn n15_what_lacks_of_other_databases_is_granted_by_the_table() {
        let lines =
            [USAGE, "GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%`", "GRANT SELECT ON `o`.`q` TO `u`@`%`"];
        let grants = Grants::read(lines.iter().copied(), false);
        let granted = Granted { grants, database: "shop", name: "'u'@'%'".to_owned() };
        let need = |act, schema: &str, table: &str| Need {
            act,
            schema: Some(schema.to_owned()),
            table: Some(table.to_owned()),
        };
        let needs = [need(Act::Read, "o", "p"), need(Act::Refer, "o", "p"), need(Act::Read, "o", "q")];
        let lacks = granted.lacks(&needs, false, &BTreeSet::new());
        assert_eq!(lacks.missing.statements, ["GRANT SELECT, REFERENCES ON `o`.`p` TO 'u'@'%'"], "{lacks:?}");
        // That the server does not show why the account may use a database says nothing of others.
        let lacks = granted.lacks(&[need(Act::Read, "x", "p")], true, &BTreeSet::new());
        assert_eq!(lacks.missing.statements, ["GRANT SELECT ON `x`.`p` TO 'u'@'%'"], "{lacks:?}");
    }

    #[test]
    fn d28_what_lacks_of_objects_is_granted_where_each_server_has_it() {
        let check = |lines: &[&str], known: &[&str], expected: &[&str]| {
            let grants = Grants::read(lines.iter().copied(), false);
            let granted = Granted { grants, database: "shop", name: "'u'@'%'".to_owned() };
            let known: BTreeSet<String> = known.iter().map(|&right| right.to_owned()).collect();
            let lacks = granted.lacks(&Need::of_objects(&["t"], &["v"]), false, &known);
            assert_eq!(lacks.missing.statements, expected, "{lines:?}: {lacks:?}");
            assert_eq!(lacks.doubtful.statements, Vec::<String>::new(), "{lines:?}");
        };
        let select = "GRANT SELECT ON `shop`.* TO `u`@`%`";
        let on_shop = "GRANT TRIGGER, SHOW VIEW, EVENT ON `shop`.* TO 'u'@'%'";
        let routines = |right: &str| format!("GRANT {right} TO 'u'@'%'");
        let proc = routines("SELECT ON `mysql`.`proc`");
        check(&[select], &[], &[on_shop, &proc]);
        check(&[select], &["SHOW_ROUTINE"], &[on_shop, &routines("SHOW_ROUTINE ON *.*")]);
        let all = "GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%`";
        check(&[all], &[], &[&proc]);
        check(&[all], &["SHOW CREATE ROUTINE"], &[]);
        check(&[all, "GRANT SELECT ON `mysql`.`proc` TO `u`@`%`"], &[], &[]);
        check(&["GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO `u`@`%`"], &["SHOW_ROUTINE"], &[]);
        let single = ["GRANT TRIGGER ON `shop`.`t` TO `u`@`%`", "GRANT SELECT, EVENT ON `shop`.* TO `u`@`%`"];
        check(&single, &[], &["GRANT SHOW VIEW ON `shop`.* TO 'u'@'%'", &proc]);
    }

    #[test]
    fn n25_what_any_sync_needs() {
        assert_eq!(of_sync(false, true), ["SELECT"]);
        assert_eq!(of_sync(true, true), ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER"]);
        assert_eq!(of_sync(true, false).last(), Some(&"REFERENCES"));
    }
}
