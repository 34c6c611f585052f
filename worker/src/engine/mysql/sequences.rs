//! Sequences of MariaDB.
//!
//! Invariant: a sequence is raised and never lowered: `SETVAL` itself keeps to that, in the sequence's
//! own direction and over its rounds. What a sequence shows is no version: it is where it stands now.

use longshore_shared::domain::failure::{Failure, FailureClass};

use super::super::Result;
use super::super::sequence::Sequence;
use super::errors::classify;
use super::quote::ident;
use super::session::{RawRow, Session, number_at, text_at};

/// The server does not know the type of its numbers.
const SYNTAX: u16 = 1064;
/// The number lies beyond the sequence's bounds.
const RUN_OUT: u16 = 4084;

pub(super) async fn read(s: &mut Session, names: &[String]) -> Result<Vec<Sequence>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let queries = [
            format!("SHOW CREATE SEQUENCE {}", ident(name)),
            format!(
                "SELECT next_not_cached_value, cycle_count, increment, minimum_value, maximum_value, cycle_option \
                 FROM {}",
                ident(name)
            ),
        ];
        let answers = s.batch(&queries, &format!("read the sequence `{name}`")).await?;
        found.extend(sequence(name, &answers));
    }
    Ok(found)
}

fn sequence(name: &str, answers: &[Vec<RawRow>]) -> Option<Sequence> {
    let (made, stands) = (answers.first()?.first()?, answers.get(1)?.first()?);
    let number = |at: usize| text_at(stands, at).parse::<i128>().ok();
    Some(Sequence {
        name: name.to_owned(),
        definition: text_at(made, 1),
        next: number(0)?,
        round: number_at(stands, 1),
        increment: number(2)?,
        bounds: (number(3)?, number(4)?),
        cycles: number(5)? != 0,
    })
}

pub(super) async fn advance(s: &mut Session, of_source: &Sequence, make: bool) -> Result<()> {
    let name = &of_source.name;
    if make {
        create(s, of_source).await?;
    }
    let doing = format!("raise the sequence `{name}`");
    let Sequence { next, round, .. } = of_source;
    match s.conn.run(format!("DO SETVAL({}, {next}, 0, {round})", ident(name))).await {
        // What came of it is looked at.
        Err(mysql_async::Error::Server(error)) if error.code == RUN_OUT => {}
        raised => raised.map_err(|error| classify(&error, &doing))?,
    }
    let now = read(s, std::slice::from_ref(name)).await?;
    if now.first().is_some_and(|now| !now.is_behind(of_source)) {
        return Ok(());
    }
    Err(Failure::permanent(
        FailureClass::SchemaMismatch,
        "sequence_behind",
        format!(
            "{doing}: the target's does not go up to where the source's stands: its bounds or its direction differ"
        ),
        "give the target's sequence the source's MINVALUE, MAXVALUE and INCREMENT (ALTER SEQUENCE), or drop it: it is \
         made anew",
    ))
}

/// Newer releases name the type of the numbers, which older ones do not know; the bounds say enough
/// of it.
async fn create(s: &mut Session, of_source: &Sequence) -> Result<()> {
    let doing = format!("make the sequence `{}`", of_source.name);
    let made = match s.conn.run(of_source.definition.as_str()).await {
        Err(mysql_async::Error::Server(error)) if error.code == SYNTAX => {
            s.conn.run(untyped(&of_source.definition)).await
        }
        other => other,
    };
    made.map_err(|error| classify(&error, &doing))
}

/// The definition without ` as tinyint unsigned`.
fn untyped(definition: &str) -> String {
    match (definition.find("` as "), definition.find(" start with ")) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &definition[..=from], &definition[to..]),
        _ => definition.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::untyped;

    #[test]
    fn n04_older_servers_know_no_type() {
        for (typed, expected) in [
            (
                "CREATE SEQUENCE `s` as tinyint unsigned start with 1 cycle",
                "CREATE SEQUENCE `s` start with 1 cycle",
            ),
            (
                "CREATE SEQUENCE `a start with b` start with 1",
                "CREATE SEQUENCE `a start with b` start with 1",
            ),
            ("CREATE SEQUENCE `s` start with 1", "CREATE SEQUENCE `s` start with 1"),
        ] {
            assert_eq!(untyped(typed), expected);
        }
    }
}
