//! Asks the target whether it would take definitions, before anything is made or moved.
//!
//! Only the server knows what its version, its settings and its plug-ins can hold, so the
//! tables are made, whole and empty, under names of their own, looked at, and dropped again.
//! A table's name gives its trial's, and no two jobs write one table at a time: a trial that
//! was broken off is cleared by the next one of its table, and no listing shows it till then.
//! An account that may not make, look at or drop such a table cannot ask, which is told.

use longshore_shared::domain::failure::{Failure, FailureClass, FailureCode};
use sha2::{Digest as _, Sha256};

use super::super::super::shape::{ForeignKey, TableShape};
use super::super::super::{Result, Tried};
use super::super::compare::compare;
use super::super::connect::Session;
use super::super::inspect;
use super::super::quote::ident;
use super::base::{Extent, Parts};
use super::scan::{Kind, tokens};
use super::{alter, make, names, parts};

const PREFIX: &str = "longshore_trial_";
/// How many tables one statement drops.
const BATCH: usize = 100;

/// Whether a table is a trial's.
pub(in super::super) fn is_scratch(name: &str) -> bool {
    name.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn scratch(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(8).fold(PREFIX.to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

pub(in super::super) async fn try_tables(s: &mut Session, tables: &[TableShape]) -> Result<Vec<Tried>> {
    match clear(s, tables).await {
        Err(failure) if failure.class == FailureClass::PermissionError => {
            return Ok(vec![Tried::Unasked(failure); tables.len()]);
        }
        other => other?,
    }
    let tried = try_all(s, tables).await;
    let cleared = clear(s, tables).await;
    let tried = tried?;
    cleared?;
    Ok(tried)
}

async fn clear(s: &mut Session, tables: &[TableShape]) -> Result<()> {
    for some in tables.chunks(BATCH) {
        let names = some.iter().map(|t| ident(&scratch(&t.name))).collect::<Vec<_>>();
        s.execute(&format!("DROP TABLE IF EXISTS {}", names.join(", ")), "clear a trial's tables").await?;
    }
    Ok(())
}

async fn try_all(s: &mut Session, tables: &[TableShape]) -> Result<Vec<Tried>> {
    let (mut tried, mut made) = (Vec::with_capacity(tables.len()), Vec::new());
    for (at, t) in tables.iter().enumerate() {
        let answer = match parts(&s.info.server, t) {
            Ok(parts) => try_one(s, t, &parts).await,
            Err(failure) => Ok(Some(failure)),
        };
        if matches!(&answer, Ok(Some(failure)) if failure.code == FailureCode::StructureChanged) {
            tried.push(Tried::Taken);
            continue;
        }
        let one = asked(answer)?;
        if one == Tried::Taken {
            made.push(at);
        }
        tried.push(one);
    }
    let names = made.iter().map(|&at| scratch(&tables[at].name)).collect::<Vec<_>>();
    for (&at, shape) in made.iter().zip(look(s, &names).await?) {
        if let Some(failure) = shape.and_then(|shape| unlike(&tables[at], &shape)) {
            tried[at] = Tried::Refused(failure);
        }
    }
    for at in made {
        if tried[at] == Tried::Taken {
            tried[at] = asked(try_keys(s, &tables[at], tables).await)?;
        }
    }
    for one in &mut tried {
        if let Tried::Refused(failure) | Tried::Unasked(failure) = one {
            failure.message = in_real_names(std::mem::take(&mut failure.message), tables);
        }
    }
    Ok(tried)
}

/// What came of a question; an account that may not ask is no failure of the trial.
fn asked(answer: Result<Option<Failure>>) -> Result<Tried> {
    match answer {
        Ok(None) => Ok(Tried::Taken),
        Ok(Some(failure)) => Ok(Tried::Refused(failure)),
        Err(failure) if failure.class == FailureClass::PermissionError => Ok(Tried::Unasked(failure)),
        Err(failure) => Err(failure),
    }
}

/// What the target has made; none of a table that opens only beside others, as those of MERGE do.
async fn look(s: &mut Session, names: &[String]) -> Result<Vec<Option<TableShape>>> {
    match inspect::shapes(s, names).await {
        Ok(shapes) => return Ok(shapes.into_iter().map(Some).collect()),
        Err(failure) if failure.is_transient() => return Err(failure),
        Err(_) => {}
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        found.push(match inspect::shapes(s, std::slice::from_ref(name)).await {
            Err(failure) if failure.is_transient() => return Err(failure),
            other => other.ok().and_then(|shapes| shapes.into_iter().next()),
        });
    }
    Ok(found)
}

/// Why the target does not take the table without its foreign keys.
async fn try_one(s: &mut Session, t: &TableShape, parts: &Parts) -> Result<Option<Failure>> {
    let name = scratch(&t.name);
    let doing = format!("create table {}", ident(&t.name));
    let Err(whole) = make(s, t, &parts.statement(&name, Extent::Whole), &doing).await else {
        return Ok(None);
    };
    // The plan has seen to the sequences that a default draws from; they are made right before the tables.
    if whole.code == FailureCode::StructureChanged && !names::drawn(&t.definition).is_empty() {
        return Ok(Some(whole));
    }
    let whole = refusal(whole)?;
    let bare = parts.statement(&name, Extent::Bare);
    if let Err(failure) = make(s, t, &bare, &doing).await {
        return Ok(Some(at_column(refusal(failure)?, t, parts, &bare)));
    }
    let mut found = Vec::new();
    for (what, text) in parts.apart() {
        let doing = format!("table {}, {what}", ident(&t.name));
        if let Err(failure) = alter(s, &name, &format!("ADD {text}"), &doing, true).await {
            found.push(refusal(failure)?);
        }
    }
    Ok(Some(together(found).unwrap_or(whole)))
}

/// Why the target does not take the table's foreign keys.
async fn try_keys(s: &mut Session, t: &TableShape, tables: &[TableShape]) -> Result<Option<Failure>> {
    let folds = s.info.server.folds_names;
    let mut found = Vec::new();
    for key in &t.foreign_keys {
        let doing = format!("table {}, foreign key {}", ident(&t.name), ident(&key.name));
        match alter(s, &scratch(&t.name), &among(key, tables, folds), &doing, true).await {
            Err(failure) if failure.class == FailureClass::PermissionError => {}
            Err(failure) => found.push(refusal(failure)?),
            Ok(()) => {}
        }
    }
    Ok(together(found))
}

/// The clause that adds the key, pointing to the trial's table of a parent that is tried too.
fn among(key: &ForeignKey, tables: &[TableShape], folds: bool) -> String {
    let clause = key.clause.as_str();
    let same = |t: &&TableShape| t.name == key.parent || folds && t.name.eq_ignore_ascii_case(&key.parent);
    let parent = tables.iter().find(same);
    let all = tokens(clause).unwrap_or_default();
    let at = all.iter().position(|token| token.is_word(clause, "REFERENCES")).and_then(|at| all.get(at + 1));
    match (parent, at.filter(|token| token.kind == Kind::Name)) {
        (Some(parent), Some(name)) => {
            format!("{}{}{}", &clause[..name.from], ident(&scratch(&parent.name)), &clause[name.to..])
        }
        _ => clause.to_owned(),
    }
}

/// A table that the target would make another one of.
fn unlike(t: &TableShape, made: &TableShape) -> Option<Failure> {
    let found: Vec<String> = compare(t, made).iter().map(ToString::to_string).collect();
    (!found.is_empty()).then(|| {
        let message =
            format!("of the source's definition the target makes another table: {}", found.join("; "));
        Failure::permanent(FailureCode::DefinitionRefused, message)
    })
}

/// What the server says of a definition, as a refusal; else as a failure of the trial.
fn refusal(failure: Failure) -> Result<Failure> {
    if failure.class != FailureClass::SchemaMismatch || failure.is_transient() {
        return Err(failure);
    }
    // No table changes under a trial: the definition speaks of what is not there.
    if matches!(failure.code, FailureCode::StructureChanged | FailureCode::StatementRefused) {
        return Ok(Failure::permanent(FailureCode::DefinitionRefused, failure.message));
    }
    Ok(failure)
}

/// Names the column at which the server stopped to understand.
fn at_column(mut failure: Failure, t: &TableShape, parts: &Parts, statement: &str) -> Failure {
    let Some((_, near)) = failure.message.split_once(" near '") else { return failure };
    let near = near.rsplit_once("' at line").map_or(near, |(near, _)| near);
    let mut places = statement.match_indices(near).map(|(at, _)| at);
    let (Some(at), None) = (places.next(), places.next()) else { return failure };
    let holds = |text: &str| statement.find(text).is_some_and(|from| (from..from + text.len()).contains(&at));
    if let Some((name, _)) = parts.columns.iter().find(|(_, text)| holds(text)) {
        failure.message = format!("column {}: {}", ident(name), failure.message);
        failure.message = format!("table {}, {}", ident(&t.name), failure.message);
    }
    failure
}

fn together(found: Vec<Failure>) -> Option<Failure> {
    let messages = found.iter().map(|failure| failure.message.as_str()).collect::<Vec<_>>().join("; ");
    let first = found.into_iter().next()?;
    Some(Failure { message: messages, ..first })
}

fn in_real_names(mut message: String, tables: &[TableShape]) -> String {
    if message.contains(PREFIX) {
        for t in tables {
            message = message.replace(&scratch(&t.name), &t.name);
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::{ForeignKey, among, is_scratch, scratch};

    #[test]
    fn names_of_trials() {
        assert!(is_scratch(&scratch("t")) && is_scratch(&scratch("größe`")));
        assert_ne!(scratch("t"), scratch("T"));
        for name in ["longshore_trial_", "longshore_trial_of_mine_now1", "trial"] {
            assert!(!is_scratch(name), "{name}");
        }
    }

    #[test]
    fn keys_point_to_the_trials_of_their_parents() {
        let tables = [sample::table(Vec::new(), &[])];
        let key = |parent: &str| ForeignKey {
            name: "REFERENCES".into(),
            columns: Vec::new(),
            parent_schema: None,
            parent: parent.into(),
            parent_columns: Vec::new(),
            on_update: String::new(),
            on_delete: String::new(),
            clause: format!("ADD CONSTRAINT `REFERENCES` FOREIGN KEY (`t`) REFERENCES `{parent}` (`t`)"),
        };
        let to =
            |name: &str| format!("ADD CONSTRAINT `REFERENCES` FOREIGN KEY (`t`) REFERENCES `{name}` (`t`)");
        assert_eq!(among(&key("t"), &tables, false), to(&scratch("t")));
        assert_eq!(among(&key("T"), &tables, false), to("T"));
        assert_eq!(among(&key("T"), &tables, true), to(&scratch("t")));
        assert_eq!(among(&key("other"), &tables, true), to("other"));
    }
}
