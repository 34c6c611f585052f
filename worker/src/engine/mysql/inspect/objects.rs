//! What a database holds beside tables of rows, by its own text.
//!
//! Invariants: every text comes in UTF-8, converted by the server from the character set that it was written in,
//! which `made_under` names; what the account may not see is an error by name, never left out (D28). Where a
//! server shows objects without their text, it answers NULL for it.
//! Whoever makes an object again under the settings of `made_under` gets the same text from the server: these
//! are the settings that a server keeps with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::object::{DatabaseDefaults, DatabaseObject, ObjectKind};

use super::super::super::{Objects, Result};
use super::super::connect::{RawRow, Session, optional_at, text_at};
use super::super::quote::{ident, text};
use super::super::structure;

/// Texts of objects come as they were written, unless a session asks for a character set.
const AS_UTF8: &str = "SET character_set_results = utf8mb4";
const AS_STORED: &str = "SET character_set_results = NULL";

/// `SHOW CREATE VIEW` of a view that refers to what is not there.
const INVALID: u16 = 1356;

/// How an object's `SHOW CREATE` tells of it: the places of its text and of its settings.
struct Form {
    definition: usize,
    settings: &'static [(usize, &'static str)],
}

const VIEW: Form =
    Form { definition: 1, settings: &[(2, "character_set_client"), (3, "collation_connection")] };
const TRIGGER: Form = Form {
    definition: 2,
    settings: &[
        (1, "sql_mode"),
        (3, "character_set_client"),
        (4, "collation_connection"),
        (5, "collation_database"),
    ],
};
const ROUTINE: Form = TRIGGER;
const EVENT: Form = Form {
    definition: 3,
    settings: &[
        (1, "sql_mode"),
        (2, "time_zone"),
        (4, "character_set_client"),
        (5, "collation_connection"),
        (6, "collation_database"),
    ],
};
const SEQUENCE: Form = Form { definition: 1, settings: &[] };

/// An object that the lists name.
struct Listed {
    kind: ObjectKind,
    name: String,
    table: Option<String>,
    definer: Option<String>,
}

/// Everything, in an order in which it can be made: what is called first, then what calls.
pub(in super::super) async fn objects(s: &mut Session) -> Result<Objects> {
    s.execute(AS_UTF8, "read texts of objects").await?;
    let read = read(s).await;
    s.execute(AS_STORED, "read texts of objects").await?;
    read
}

async fn read(s: &mut Session) -> Result<Objects> {
    let defaults = defaults(s).await?;
    let mut objects = Vec::new();
    let mut views = Vec::new();
    for listed in list(s).await? {
        let object = shown(s, listed).await?;
        if object.kind == ObjectKind::View { views.push(object) } else { objects.push(object) }
    }
    let place = |object: &DatabaseObject| objects_before_views(object.kind);
    let at = objects.iter().position(|object| !place(object)).unwrap_or(objects.len());
    objects.splice(at..at, in_order(views));
    Ok(Objects { defaults, objects })
}

/// Views may call functions; triggers and events may read views.
const fn objects_before_views(kind: ObjectKind) -> bool {
    !matches!(kind, ObjectKind::Trigger | ObjectKind::Event | ObjectKind::View)
}

async fn defaults(s: &mut Session) -> Result<DatabaseDefaults> {
    let query = format!(
        "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA \
         WHERE SCHEMA_NAME = {}",
        text(&s.database)
    );
    let rows = s.rows(&query, "read the database's defaults").await?;
    let row = rows.first().cloned().unwrap_or_default();
    Ok(DatabaseDefaults { name: s.database.clone(), charset: text_at(&row, 0), collation: text_at(&row, 1) })
}

/// Names, by kind; of one kind in an order in which they can be made, but for views.
async fn list(s: &mut Session) -> Result<Vec<Listed>> {
    let schema = text(&s.database);
    let queries = [
        format!(
            "SELECT TABLE_TYPE, TABLE_NAME, NULL, NULL FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE = 'SEQUENCE' ORDER BY TABLE_NAME"
        ),
        format!(
            "SELECT ROUTINE_TYPE, ROUTINE_NAME, NULL, DEFINER FROM information_schema.ROUTINES \
             WHERE ROUTINE_SCHEMA = {schema} ORDER BY FIELD(ROUTINE_TYPE, 'FUNCTION', 'PROCEDURE', 'PACKAGE', \
             'PACKAGE BODY'), ROUTINE_NAME"
        ),
        format!(
            "SELECT 'VIEW', TABLE_NAME, NULL, DEFINER FROM information_schema.VIEWS \
             WHERE TABLE_SCHEMA = {schema} ORDER BY TABLE_NAME"
        ),
        // Those of one event and time fire in the order of their making.
        format!(
            "SELECT 'TRIGGER', TRIGGER_NAME, EVENT_OBJECT_TABLE, DEFINER FROM information_schema.TRIGGERS \
             WHERE TRIGGER_SCHEMA = {schema} \
             ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER"
        ),
        format!(
            "SELECT 'EVENT', EVENT_NAME, NULL, DEFINER FROM information_schema.EVENTS \
             WHERE EVENT_SCHEMA = {schema} ORDER BY EVENT_NAME"
        ),
    ];
    let answers = s.batch(&queries, "list what the database holds beside tables").await?;
    let found = answers.iter().flatten().filter_map(listed);
    Ok(found.filter(|one| !structure::is_scratch(&one.name)).collect())
}

fn listed(row: &RawRow) -> Option<Listed> {
    let kind = match text_at(row, 0).to_ascii_uppercase().as_str() {
        "SEQUENCE" => ObjectKind::Sequence,
        "FUNCTION" => ObjectKind::Function,
        "PROCEDURE" => ObjectKind::Procedure,
        "PACKAGE" => ObjectKind::Package,
        "PACKAGE BODY" => ObjectKind::PackageBody,
        "VIEW" => ObjectKind::View,
        "TRIGGER" => ObjectKind::Trigger,
        "EVENT" => ObjectKind::Event,
        _ => return None,
    };
    let definer = optional_at(row, 3).filter(|definer| !definer.is_empty());
    Some(Listed { kind, name: text_at(row, 1), table: optional_at(row, 2), definer })
}

/// The object by its own text.
async fn shown(s: &mut Session, listed: Listed) -> Result<DatabaseObject> {
    let Listed { kind, name, table, definer } = listed;
    let (word, form) = match kind {
        ObjectKind::Sequence => ("SEQUENCE", SEQUENCE),
        ObjectKind::Function => ("FUNCTION", ROUTINE),
        ObjectKind::Procedure => ("PROCEDURE", ROUTINE),
        ObjectKind::Package => ("PACKAGE", ROUTINE),
        ObjectKind::PackageBody => ("PACKAGE BODY", ROUTINE),
        ObjectKind::View => ("VIEW", VIEW),
        ObjectKind::Trigger => ("TRIGGER", TRIGGER),
        ObjectKind::Event => ("EVENT", EVENT),
    };
    let doing = format!("read the definition of {kind} `{name}`");
    let row = s.rows(format!("SHOW CREATE {word} {}", ident(&name)), &doing).await?.into_iter().next();
    let row = row.unwrap_or_default();
    let Some(definition) = optional_at(&row, form.definition) else { return Err(unseen(kind, &name)) };
    let setting = |&(at, name): &(usize, &str)| Some((name.to_owned(), optional_at(&row, at)?));
    let mut made_under: BTreeMap<String, String> = form.settings.iter().filter_map(setting).collect();
    if kind == ObjectKind::Sequence {
        made_under.insert("next_value".to_owned(), next_value(s, &name, &doing).await?);
    }
    let trouble = if kind == ObjectKind::View { trouble(s, &name).await? } else { None };
    Ok(DatabaseObject { kind, name, definition, table, definer, made_under, trouble })
}

/// Where a sequence stands; what its server has handed out ahead is left out, too.
async fn next_value(s: &mut Session, name: &str, doing: &str) -> Result<String> {
    let rows = s.rows(format!("SELECT next_not_cached_value FROM {}", ident(name)), doing).await?;
    Ok(rows.first().map(|row| text_at(row, 0)).unwrap_or_default())
}

/// Why a view does not work at its own server: its server says so when it is asked for its columns.
async fn trouble(s: &mut Session, name: &str) -> Result<Option<String>> {
    match s.conn.run(format!("SHOW COLUMNS FROM {}", ident(name))).await {
        Ok(()) => Ok(None),
        Err(mysql_async::Error::Server(error)) if error.code == INVALID => Ok(Some(error.message)),
        // An account may show a view and not be allowed to use it.
        Err(mysql_async::Error::Server(_)) => Ok(None),
        Err(error) => Err(super::super::errors::classify(&error, &format!("look at view `{name}`"))),
    }
}

fn unseen(kind: ObjectKind, name: &str) -> Failure {
    let hint = match kind {
        ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Package | ObjectKind::PackageBody => {
            "grant it SHOW CREATE ROUTINE on the database (MariaDB 11.3 and later), SHOW_ROUTINE (MySQL 8.0.20 and \
             later), or SELECT on mysql.proc (before)"
        }
        ObjectKind::View => "grant it SHOW VIEW and SELECT on the database",
        ObjectKind::Trigger => "grant it TRIGGER on the database",
        ObjectKind::Event => "grant it EVENT on the database",
        ObjectKind::Sequence => "grant it SELECT on the database",
    };
    Failure::permanent(
        FailureCode::PrivilegeMissing,
        format!("the account may not see the text of the {kind} `{name}`"),
    )
    .with_hint(hint)
}

/// Views in an order in which they can be made: each after those that its text names. A circle, which no server
/// takes, stays as it is.
fn in_order(views: Vec<DatabaseObject>) -> Vec<DatabaseObject> {
    let names: BTreeSet<String> = views.iter().map(|view| view.name.clone()).collect();
    let needs: HashMap<String, Vec<String>> = views
        .iter()
        .map(|view| {
            let named = quoted_names(&view.definition);
            let others = named.into_iter().filter(|name| names.contains(name) && *name != view.name);
            (view.name.clone(), others.collect())
        })
        .collect();
    let mut waiting: Vec<DatabaseObject> = views;
    let mut done: BTreeSet<String> = BTreeSet::new();
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = |view: &DatabaseObject| needs[&view.name].iter().all(|name| done.contains(name));
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(ready);
        if now.is_empty() {
            ordered.extend(later);
            break;
        }
        done.extend(now.iter().map(|view| view.name.clone()));
        ordered.extend(now);
        waiting = later;
    }
    ordered
}

/// The names in backticks of a text that a server has written; columns may be among them, which at worst orders
/// more than is needed.
fn quoted_names(definition: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = definition;
    while let Some(begin) = rest.find(['`', '\'', '"']) {
        let quote = rest[begin..].chars().next().unwrap_or('`');
        let mut name = String::new();
        let mut text = rest[begin + 1..].chars().peekable();
        let mut passed = begin + 1;
        while let Some(letter) = text.next() {
            passed += letter.len_utf8();
            if letter == '\\' && quote != '`' {
                passed += text.next().map_or(0, char::len_utf8);
            } else if letter == quote {
                if text.peek() != Some(&quote) {
                    break;
                }
                text.next();
                passed += quote.len_utf8();
                name.push(quote);
            } else {
                name.push(letter);
            }
        }
        if quote == '`' {
            names.insert(name);
        }
        rest = &rest[passed..];
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, definition: &str) -> DatabaseObject {
        DatabaseObject {
            kind: ObjectKind::View,
            name: name.to_owned(),
            definition: definition.to_owned(),
            table: None,
            definer: None,
            made_under: BTreeMap::new(),
            trouble: None,
        }
    }

    #[test]
    fn d31_views_come_after_those_that_they_name() {
        let views = vec![
            view("a", "CREATE VIEW `a` AS select `c`.`x` from `c` where 'no `b` here' = \"nor `b`\""),
            view("b", "CREATE VIEW `b` AS select 1 from `a`"),
            view("c", "CREATE VIEW `c` AS select 'it''s \\' not `a`' AS `we``ird` from `t`"),
            view("we`ird", "CREATE VIEW `we``ird` AS select 1 from `b`"),
        ];
        let ordered: Vec<String> = in_order(views).into_iter().map(|view| view.name).collect();
        let at = |name: &str| ordered.iter().position(|one| one == name).unwrap();
        assert!(at("a") < at("b") && at("b") < at("we`ird"), "{ordered:?}");
        assert_eq!(ordered.len(), 4);
    }

    #[test]
    fn names_in_texts() {
        let names = |text: &str| quoted_names(text).into_iter().collect::<Vec<_>>();
        assert_eq!(names("select `a`.`b``c` from `d e`"), ["a", "b`c", "d e"]);
        assert_eq!(names("select '`a`', \"`b`\", 'x\\'`c`'"), Vec::<String>::new());
        assert_eq!(names("select `unfinished"), ["unfinished"]);
    }
}
