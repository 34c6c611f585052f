//! What a database holds beside tables of rows, by its own text.
//!
//! Invariants: every text comes in UTF-8, converted by the server from the character set that it was written in,
//! which `made_under` names; what the account may not see is an error by name, never left out (D28). Where a
//! server shows objects without their text, it answers NULL for it.
//! Whoever makes an object again under the settings of `made_under` gets the same text from the server: these
//! are the settings that a server keeps with it.
//! The own schema's name is left out where a server writes it: in the beginning of a trigger, in a view.

use std::collections::{BTreeMap, BTreeSet};

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::object::{DatabaseDefaults, DatabaseObject, ObjectKind};

use super::super::super::access::{Act, Need};
use super::super::super::{Objects, Result};
use super::super::connect::{RawRow, Session, optional_at, text_at};
use super::super::errors;
use super::super::quote::{ident, text};
use super::super::structure;

/// Texts of objects come as they were written, unless a session asks for a character set.
const AS_UTF8: &str = "SET character_set_results = utf8mb4";
const AS_STORED: &str = "SET character_set_results = NULL";

const DOING: &str = "read the texts of objects";
/// Objects that are asked for in one packet.
const TOGETHER: usize = 100;

/// What a view says that refers to what is not there.
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
    /// A trigger's table; what a view reads, with all schemas named.
    about: Option<String>,
    definer: Option<String>,
}

impl Listed {
    /// The statement that shows it.
    fn query(&self) -> String {
        let (word, more) = structure::objects::words(self.kind);
        let more = more.map(|more| format!(" {more}")).unwrap_or_default();
        format!("SHOW CREATE {word}{more} {}", ident(&self.name))
    }

    const fn form(&self) -> Form {
        match self.kind {
            ObjectKind::Sequence => SEQUENCE,
            ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Package | ObjectKind::PackageBody => {
                ROUTINE
            }
            ObjectKind::View => VIEW,
            ObjectKind::Trigger => TRIGGER,
            ObjectKind::Event => EVENT,
        }
    }
}

/// Everything, in an order in which it can be made: what is called first, then what calls.
pub(in super::super) async fn objects(s: &mut Session) -> Result<Objects> {
    s.execute(AS_UTF8, DOING).await?;
    let read = read(s).await;
    let back = s.execute(AS_STORED, DOING).await;
    let read = read?;
    back.map(|()| read)
}

async fn read(s: &mut Session) -> Result<Objects> {
    let defaults = defaults(s).await?;
    let listed = list(s).await?;
    let mut objects = shown(s, &listed).await?;
    let reads = |name: &str| {
        let text = listed.iter().find(|one| one.kind == ObjectKind::View && one.name == name);
        let text = text.and_then(|view| view.about.as_deref()).unwrap_or_default();
        structure::names::of_schema(text, &s.database, s.info.server.folds_names)
    };
    let views: Vec<_> = objects.extract_if(.., |object| object.kind == ObjectKind::View).collect();
    let views = in_order(views, reads);
    let at = objects.iter().position(|object| !is_before_views(object.kind)).unwrap_or(objects.len());
    objects.splice(at..at, views);
    Ok(Objects { defaults, objects })
}

/// Views may call functions; triggers and events may read views.
const fn is_before_views(kind: ObjectKind) -> bool {
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
            "SELECT 'VIEW', TABLE_NAME, VIEW_DEFINITION, DEFINER FROM information_schema.VIEWS \
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
    Some(Listed { kind, name: text_at(row, 1), about: optional_at(row, 2), definer })
}

/// The objects by their own texts, many in a packet; where one of these is not shown, one by one.
async fn shown(s: &mut Session, listed: &[Listed]) -> Result<Vec<DatabaseObject>> {
    let mut objects = Vec::with_capacity(listed.len());
    for some in listed.chunks(TOGETHER) {
        let queries: Vec<String> = some.iter().flat_map(|one| [one.query(), aside(one)]).collect();
        match s.batch(&queries, DOING).await {
            Ok(answers) => {
                for (one, pair) in some.iter().zip(answers.chunks(2)) {
                    objects.push(object(s, one, pair, None).await?);
                }
            }
            Err(failure) if failure.is_transient() => return Err(failure),
            Err(_) => {
                for one in some {
                    objects.push(alone(s, one).await?);
                }
            }
        }
    }
    Ok(objects)
}

/// What else is asked of an object: where a sequence stands; whether a view works.
fn aside(listed: &Listed) -> String {
    let name = ident(&listed.name);
    match listed.kind {
        ObjectKind::Sequence => format!("SELECT next_not_cached_value, cycle_count FROM {name}"),
        ObjectKind::View => format!("SHOW COLUMNS FROM {name}"),
        _ => "DO 0".to_owned(),
    }
}

async fn alone(s: &mut Session, listed: &Listed) -> Result<DatabaseObject> {
    let doing = format!("read the definition of {} `{}`", listed.kind, listed.name);
    let is_view = listed.kind == ObjectKind::View;
    let made = match s.rows(listed.query(), &doing).await {
        // A view whose server shows it no more, since what it reads is not there.
        Err(failure)
            if is_view && !failure.is_transient() && failure.code != FailureCode::PrivilegeMissing =>
        {
            return object(s, listed, &[Vec::new()], Some(failure.message)).await;
        }
        other => other?,
    };
    let (stands, trouble) = match is_view {
        true => (Vec::new(), trouble(s, &listed.name).await?),
        false => (s.rows(aside(listed), &doing).await?, None),
    };
    object(s, listed, &[made, stands], trouble).await
}

/// Out of what the server said of its making, and of it besides.
async fn object(
    s: &mut Session,
    listed: &Listed,
    answers: &[Vec<RawRow>],
    trouble: Option<String>,
) -> Result<DatabaseObject> {
    let Listed { kind, name, about, definer } = listed;
    let form = listed.form();
    let first = |at: usize| answers.get(at).and_then(|rows| rows.first());
    let row = first(0).cloned().unwrap_or_default();
    let definition = match row.get(form.definition) {
        Some(Some(bytes)) => utf8(bytes, *kind, name)?,
        _ if trouble.is_some() => String::new(),
        _ => return Err(unseen(s, *kind, name).await),
    };
    let setting = |&(at, name): &(usize, &str)| Some((name.to_owned(), optional_at(&row, at)?));
    let mut made_under: BTreeMap<String, String> = form.settings.iter().filter_map(setting).collect();
    if let (ObjectKind::Sequence, Some(stands)) = (kind, first(1)) {
        for (at, name) in ["next_value", "cycle_count"].into_iter().enumerate() {
            made_under.insert(name.to_owned(), text_at(stands, at));
        }
    }
    let table = about.clone().filter(|_| *kind == ObjectKind::Trigger);
    let (kind, name, definer) = (*kind, name.clone(), definer.clone());
    let mut object = DatabaseObject { kind, name, definition, table, definer, made_under, trouble };
    object.definition = match kind {
        ObjectKind::View => {
            structure::names::relative(&object.definition, &s.database, s.info.server.folds_names)
        }
        _ => structure::objects::relative(&object),
    };
    Ok(object)
}

/// A literal of bytes in a text is perhaps no text.
fn utf8(bytes: &[u8], kind: ObjectKind, name: &str) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        Failure::permanent(
            FailureCode::DefinitionUnreadable,
            format!("the text of the {kind} `{name}` holds bytes that are no characters"),
        )
        .with_hint("make it again there with its bytes written as hexadecimal digits")
    })
}

/// Why a view does not work at its own server: its server says so when it is asked for its columns.
async fn trouble(s: &mut Session, name: &str) -> Result<Option<String>> {
    match s.conn.run(format!("SHOW COLUMNS FROM {}", ident(name))).await {
        Ok(()) => Ok(None),
        Err(mysql_async::Error::Server(error)) if error.code == INVALID => Ok(Some(error.message)),
        // An account may show a view and not be allowed to use it.
        Err(mysql_async::Error::Server(_)) => Ok(None),
        Err(error) => Err(errors::classify(&error, &format!("look at view `{name}`"))),
    }
}

async fn unseen(s: &mut Session, kind: ObjectKind, name: &str) -> Failure {
    let act = match kind {
        ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Package | ObjectKind::PackageBody => {
            Act::ShowRoutines
        }
        ObjectKind::View => Act::ShowViews,
        ObjectKind::Trigger => Act::ShowTriggers,
        ObjectKind::Event => Act::ShowEvents,
        ObjectKind::Sequence => Act::Read,
    };
    let lacks = super::super::examine::lacks(s, &[Need { act, schema: None, table: None }]).await;
    let lacks = lacks.unwrap_or_default();
    let statements = [lacks.missing.statements, lacks.doubtful.statements].concat();
    let failure = Failure::permanent(
        FailureCode::PrivilegeMissing,
        format!("the account may not see the text of the {kind} `{name}`"),
    );
    match statements.is_empty() {
        true => failure.with_hint(
            "let its definer be the account, or grant the account what the connection's test names",
        ),
        false => failure.with_hint(format!("run there: {}", statements.join("; "))),
    }
}

/// Views in an order in which they can be made: each after those that it reads. A circle, which no server
/// takes, stays as it is.
fn in_order(views: Vec<DatabaseObject>, reads: impl Fn(&str) -> Vec<String>) -> Vec<DatabaseObject> {
    let names: BTreeSet<String> = views.iter().map(|view| view.name.to_lowercase()).collect();
    let needs = |view: DatabaseObject| {
        let others = reads(&view.name).into_iter().map(|name| name.to_lowercase());
        let own = view.name.to_lowercase();
        let others: Vec<String> = others.filter(|name| names.contains(name) && *name != own).collect();
        (view, others)
    };
    let mut waiting: Vec<(DatabaseObject, Vec<String>)> = views.into_iter().map(needs).collect();
    let mut done: BTreeSet<String> = BTreeSet::new();
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_ready =
            |(_, needs): &(DatabaseObject, Vec<String>)| needs.iter().all(|name| done.contains(name));
        let (mut now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_ready);
        waiting = later;
        if now.is_empty() {
            now = std::mem::take(&mut waiting);
        }
        done.extend(now.iter().map(|(view, _)| view.name.to_lowercase()));
        ordered.extend(now.into_iter().map(|(view, _)| view));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str) -> DatabaseObject {
        DatabaseObject {
            kind: ObjectKind::View,
            name: name.to_owned(),
            definition: String::new(),
            table: None,
            definer: None,
            made_under: BTreeMap::new(),
            trouble: None,
        }
    }

    #[test]
    fn d31_views_come_after_those_that_they_read() {
        let check = |reads: &[(&str, &[&str])], expected: &[&str]| {
            let views = reads.iter().map(|(name, _)| view(name)).collect();
            let of = |name: &str| {
                let found = reads.iter().find(|(one, _)| *one == name);
                found.map_or_else(Vec::new, |(_, reads)| reads.iter().map(|&name| name.to_owned()).collect())
            };
            let ordered: Vec<String> = in_order(views, of).into_iter().map(|view| view.name).collect();
            assert_eq!(ordered, expected);
        };
        check(
            &[("a", &["c", "t"]), ("b", &["a", "b"]), ("c", &["t"]), ("d", &["B"]), ("e", &[])],
            &["c", "e", "a", "b", "d"],
        );
        check(&[("a", &["b"]), ("b", &["a"]), ("c", &[])], &["c", "a", "b"]);
    }
}
