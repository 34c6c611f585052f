//! Making what a database holds beside tables of rows, by its own text.
//!
//! Invariants: an object is made under the settings that its server keeps with it, and its text arrives there as
//! the bytes that it was written in, so that the server keeps the same bytes and the same settings with it
//! and shows the same definition. (A text in UTF-8 made as `utf8mb4` would mean the same in most places, but
//! not where a literal names a character set of its own, and would not be shown alike.) The
//! server's own conversion made the UTF-8 of them, and makes them of it.
//! A text is one statement to the server that runs it: for that while it takes no more in one packet. What it
//! makes, and where, is read from its beginning (`header`).
//! Whatever happens, the session is left as it was opened, or fails.

mod header;

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::object::{DatabaseObject, ObjectKind};

use super::super::super::Result;
use super::super::super::objects::Definers;
use super::super::connect::{Session, text_at};
use super::super::errors;
use super::super::quote::{ident, text};
use super::sequences;

pub(in super::super) use self::header::words;

/// What a server keeps with an object and a session sets.
const SETTINGS: [&str; 4] = ["sql_mode", "character_set_client", "collation_connection", "time_zone"];
/// Character sets in which a text of UTF-8 has the same bytes, or has no characters at all.
const AS_IT_IS: [&str; 4] = ["utf8", "utf8mb3", "utf8mb4", "binary"];
/// A value that the server does not know, of a setting, a character set and a collation.
const UNKNOWN: [u16; 3] = [1231, 1115, 1273];
/// A mode about accounts that newer servers of MySQL do not know.
const OF_ACCOUNTS: &str = "NO_AUTO_CREATE_USER";

/// The definition without its own schema's name in its beginning.
pub(in super::super) fn relative(object: &DatabaseObject) -> String {
    let header = header::read(object.kind, &object.definition, setting(object, "sql_mode"));
    header.map_or_else(|| object.definition.clone(), |header| header.relative(&object.definition))
}

fn setting<'a>(object: &'a DatabaseObject, name: &str) -> &'a str {
    object.made_under.get(name).map_or("", String::as_str)
}

pub(in super::super) async fn make(
    s: &mut Session,
    object: &DatabaseObject,
    definers: &Definers,
) -> Result<Option<String>> {
    let doing = format!("make the {} `{}`", object.kind, object.name);
    let header = header::read(object.kind, &object.definition, setting(object, "sql_mode"));
    let Some(header) = header.filter(|header| header.makes(object)) else {
        return Err(Failure::permanent(
            FailureCode::DefinitionUnreadable,
            format!("{doing}: its definition has an unknown form, or makes something else"),
        ));
    };
    let statement = header.defined_by(&object.definition, definers);
    let statement = encoded(s, statement, setting(object, "character_set_client"), &doing).await?;
    let former = lend_collation(s, setting(object, "collation_database"), &doing).await?;
    let made = under(s, object, &statement, &doing).await;
    if let Some(former) = former {
        let back = collate(s, &former, &doing).await;
        made.and(back)?;
    } else {
        made?;
    }
    match object.kind {
        ObjectKind::Sequence => sequences::go_on(s, &object.name, &object.made_under).await.map(|()| None),
        ObjectKind::Event => missed(s, &object.name, &doing).await,
        _ => Ok(None),
    }
}

pub(in super::super) async fn remove(s: &mut Session, kind: ObjectKind, name: &str) -> Result<()> {
    let (word, more) = words(kind);
    let more = more.map(|more| format!(" {more}")).unwrap_or_default();
    let doing = format!("remove the {kind} `{name}`");
    let statement = format!("DROP {word}{more} IF EXISTS {}", ident(name));
    if !matches!(kind, ObjectKind::Package | ObjectKind::PackageBody) {
        return s.execute(&statement, &doing).await;
    }
    // Servers before 11.4 know the word in this mode only.
    s.execute("SET SESSION sql_mode = 'ORACLE'", &doing).await?;
    let removed = s.execute(&statement, &doing).await;
    let back = s.set_as_opened(&doing).await;
    removed.and(back)
}

/// The statement in the bytes of the character set that it was written in, by the server's own conversion.
async fn encoded(s: &mut Session, statement: String, charset: &str, doing: &str) -> Result<Vec<u8>> {
    if charset.is_empty()
        || AS_IT_IS.contains(&charset)
        || !charset.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        return Ok(statement.into_bytes());
    }
    let digits = hex::encode(&statement);
    let query = format!(
        "SELECT t, CONVERT(t USING utf8mb4) FROM (SELECT CONVERT(_utf8mb4 x'{digits}' USING {charset}) AS t) AS c"
    );
    let row = s.rows(query, doing).await?.into_iter().next().unwrap_or_default();
    match row.as_slice() {
        [Some(bytes), Some(back)] if *back == statement.as_bytes() => Ok(bytes.clone()),
        _ => Err(Failure::permanent(
            FailureCode::DefinitionRefused,
            format!("{doing}: the target cannot write its text in the character set {charset}"),
        )),
    }
}

/// What a routine's text does not say of the collation of its texts is the database's. Where that is another one
/// now it is lent to the database while the object is made; answers the one to set back.
async fn lend_collation(s: &mut Session, wanted: &str, doing: &str) -> Result<Option<String>> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let rows = s.rows("SELECT @@collation_database", doing).await?;
    let now = rows.first().map(|row| text_at(row, 0)).unwrap_or_default();
    if now == wanted {
        return Ok(None);
    }
    collate(s, wanted, doing).await?;
    Ok(Some(now))
}

async fn collate(s: &mut Session, collation: &str, doing: &str) -> Result<()> {
    let database = ident(&s.database);
    s.execute(&format!("ALTER DATABASE {database} COLLATE {}", ident(collation)), doing).await
}

/// Runs the statement alone in its packet under the object's settings.
async fn under(s: &mut Session, object: &DatabaseObject, statement: &[u8], doing: &str) -> Result<()> {
    let ran = match set(s, object, doing).await {
        Ok(()) => alone(s, statement, doing).await,
        refused => refused,
    };
    let back = s.set_as_opened(doing).await;
    ran.and(back)
}

async fn alone(s: &mut Session, statement: &[u8], doing: &str) -> Result<()> {
    let failed = |e: mysql_async::Error| errors::of_definition(&e, doing, false);
    s.conn.allow_several_statements(false).await.map_err(failed)?;
    let ran = s.conn.run(statement).await.map_err(failed);
    let back = s.conn.allow_several_statements(true).await.map_err(failed);
    ran.and(back)
}

/// Sets the session as the one was that made the object at its own server.
async fn set(s: &mut Session, object: &DatabaseObject, doing: &str) -> Result<()> {
    // The server keeps no mode with a view: its text is written for none.
    let mut values = vec![("sql_mode", setting(object, "sql_mode").to_owned())];
    let kept =
        SETTINGS.iter().skip(1).filter_map(|name| Some((*name, object.made_under.get(*name)?.clone())));
    values.extend(kept);
    match s.conn.run(assignments(&values)).await {
        Err(mysql_async::Error::Server(error)) if UNKNOWN.contains(&error.code) => {}
        other => return other.map_err(|e| errors::classify(&e, doing)),
    }
    for (name, value) in &mut values {
        *value = in_other_words(name, value, s.is_mariadb());
    }
    s.execute(&assignments(&values), doing).await
}

fn assignments(values: &[(&str, String)]) -> String {
    let each: Vec<_> =
        values.iter().map(|(name, value)| format!("SESSION {name} = {}", text(value))).collect();
    format!("SET {}", each.join(", "))
}

/// The value as a newer server calls it, or one of the other flavour.
fn in_other_words(name: &str, value: &str, is_mariadb: bool) -> String {
    match name {
        "sql_mode" => {
            let modes = value.split(',').filter(|mode| !mode.eq_ignore_ascii_case(OF_ACCOUNTS));
            modes.collect::<Vec<_>>().join(",")
        }
        "time_zone" => value.to_owned(),
        // What was `utf8` once.
        _ if is_mariadb || value.contains("utf8mb") => value.replacen("utf8mb3", "utf8", 1),
        _ => value.replacen("utf8", "utf8mb3", 1),
    }
}

/// Servers do not keep an event whose one time has passed, and say so in a note.
async fn missed(s: &mut Session, name: &str, doing: &str) -> Result<Option<String>> {
    let query = format!(
        "SELECT 1 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {} AND EVENT_NAME = {}",
        text(&s.database),
        text(name)
    );
    let is_there = !s.rows(query, doing).await?.is_empty();
    Ok((!is_there).then(|| {
        format!("the event `{name}` was to run once, at a time that has passed: no server keeps it")
    }))
}

#[cfg(test)]
mod tests {
    use super::in_other_words;

    #[test]
    fn d32_settings_that_another_server_calls_otherwise() {
        for (name, value, is_mariadb, expected) in [
            (
                "sql_mode",
                "STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER,ANSI_QUOTES",
                false,
                "STRICT_TRANS_TABLES,ANSI_QUOTES",
            ),
            ("collation_connection", "utf8_general_ci", false, "utf8mb3_general_ci"),
            ("character_set_client", "utf8", false, "utf8mb3"),
            ("character_set_client", "utf8mb4", false, "utf8mb4"),
            ("collation_connection", "utf8mb3_bin", true, "utf8_bin"),
            ("time_zone", "utf8", false, "utf8"),
        ] {
            assert_eq!(in_other_words(name, value, is_mariadb), expected);
        }
    }
}
