//! Sequences of MariaDB.
//!
//! Invariant: a sequence is raised and never lowered: `SETVAL` itself keeps to that, in the sequence's
//! own direction and over its rounds. Nothing that the source says runs on the target. What a sequence shows is no version: it is where it stands now.

use std::collections::BTreeMap;

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::super::super::Result;
use super::super::super::sequence::Sequence;
use super::super::connect::{RawRow, Session, number_at, text_at};
use super::super::errors::classify;
use super::super::quote::ident;
use super::scan::tokens;

/// The server does not know the type of its numbers.
const SYNTAX: u16 = 1064;
/// The types of numbers that sequences have.
const KINDS: [&str; 10] = [
    "tinyint",
    "tinyint unsigned",
    "smallint",
    "smallint unsigned",
    "mediumint",
    "mediumint unsigned",
    "int",
    "int unsigned",
    "bigint",
    "bigint unsigned",
];
/// The number lies beyond the sequence's bounds.
const RUN_OUT: u16 = 4084;

pub(in super::super) async fn read(s: &mut Session, names: &[String]) -> Result<Vec<Sequence>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let queries = [
            format!("SHOW CREATE SEQUENCE {}", ident(name)),
            format!(
                "SELECT next_not_cached_value, cycle_count, increment, minimum_value, maximum_value, cycle_option, \
                 start_value, cache_size FROM {}",
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
        kind: kind(&text_at(made, 1)),
        start: number(6)?,
        cache: number_at(stands, 7),
        next: number(0)?,
        round: number_at(stands, 1),
        increment: number(2)?,
        bounds: (number(3)?, number(4)?),
        cycles: number(5)? != 0,
    })
}

pub(in super::super) async fn advance(s: &mut Session, of_source: &Sequence, make: bool) -> Result<()> {
    if !make {
        return raise(s, of_source).await;
    }
    create(s, of_source).await?;
    match raise(s, of_source).await {
        Err(mut failure) if !failure.is_transient() => {
            if let Err(why) = remove(s, &of_source.name).await {
                failure.message = format!("{}; it was made and stays ({})", failure.message, why.message);
            }
            Err(failure)
        }
        other => other,
    }
}

pub(in super::super) async fn remove(s: &mut Session, name: &str) -> Result<()> {
    s.execute(&format!("DROP SEQUENCE {}", ident(name)), &format!("remove the sequence `{name}`")).await
}

/// Has a sequence that was made just now go on where another one stood, as `next_value` and `cycle_count` tell.
pub(super) async fn go_on(s: &mut Session, name: &str, stood: &BTreeMap<String, String>) -> Result<()> {
    let Some(next) = stood.get("next_value").and_then(|next| next.parse().ok()) else { return Ok(()) };
    let round = stood.get("cycle_count").and_then(|round| round.parse().ok()).unwrap_or(0);
    let made = read(s, &[name.to_owned()]).await?;
    let Some(made) = made.into_iter().next() else { return Ok(()) };
    raise(s, &Sequence { next, round, ..made }).await
}

async fn raise(s: &mut Session, of_source: &Sequence) -> Result<()> {
    let name = &of_source.name;
    let doing = format!("raise the sequence `{name}`");
    let Sequence { next, round, .. } = of_source;
    match s.conn.run(format!("DO SETVAL({}, {next}, 0, {round})", ident(name))).await {
        // What came of it is looked at.
        Err(mysql_async::Error::Server(error)) if error.code == RUN_OUT => {}
        raised => raised.map_err(|error| classify(&error, &doing))?,
    }
    let now = read(s, std::slice::from_ref(name)).await?;
    let is_usable = |now: &Sequence| !now.is_behind(of_source) && (!now.is_spent() || of_source.is_spent());
    if now.first().is_some_and(is_usable) {
        return Ok(());
    }
    Err(Failure::permanent(
        FailureCode::SequenceBehind,
        format!(
            "{doing}: the target's has no number where the source's stands: its bounds or its direction differ"
        ),
    ))
}

/// Newer releases name the type of the numbers, which older ones do not know; the bounds say enough
/// of it.
async fn create(s: &mut Session, of_source: &Sequence) -> Result<()> {
    let doing = format!("make the sequence `{}`", of_source.name);
    let made = match s.conn.run(statement(of_source, of_source.kind)).await {
        Err(mysql_async::Error::Server(error)) if error.code == SYNTAX && of_source.kind.is_some() => {
            s.conn.run(statement(of_source, None)).await
        }
        other => other,
    };
    made.map_err(|error| classify(&error, &doing))
}

/// What makes the sequence, of numbers alone: what the source says of it is not run.
fn statement(of_source: &Sequence, kind: Option<&str>) -> String {
    let Sequence { name, start, cache, increment, bounds: (least, largest), cycles, .. } = of_source;
    let kind = kind.map(|kind| format!(" AS {kind}")).unwrap_or_default();
    let cache = if *cache == 0 { "NOCACHE".to_owned() } else { format!("CACHE {cache}") };
    let cycle = if *cycles { "CYCLE" } else { "NOCYCLE" };
    format!(
        "CREATE SEQUENCE {}{kind} START WITH {start} MINVALUE {least} MAXVALUE {largest} INCREMENT BY {increment} \
         {cache} {cycle}",
        ident(name)
    )
}

/// The type that stands behind ``CREATE SEQUENCE `s` as``.
fn kind(definition: &str) -> Option<&'static str> {
    let all = tokens(definition)?;
    if !all.get(3)?.is_word(definition, "AS") {
        return None;
    }
    let words: Vec<_> = all[4..].iter().take(2).map(|token| token.of(definition)).collect();
    KINDS.into_iter().find(|kind| {
        let (bare, unsigned) = kind.split_once(' ').unwrap_or((kind, ""));
        let is = |at: usize, word: &str| words.get(at).is_some_and(|found| found.eq_ignore_ascii_case(word));
        is(0, bare) && (is(1, "unsigned") != unsigned.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::{Sequence, kind, statement};

    #[test]
    fn n04_sequences_are_made_of_numbers_alone() {
        for (said, expected) in [
            ("CREATE SEQUENCE `s` start with 1 minvalue 1", None),
            ("CREATE SEQUENCE `s` as tinyint unsigned start with 1", Some("tinyint unsigned")),
            ("CREATE SEQUENCE `s` as bigint start with 1", Some("bigint")),
            ("CREATE SEQUENCE `a as int` start with 1", None),
            ("CREATE SEQUENCE `s` as int; DO 1", Some("int")),
            ("CREATE SEQUENCE `s`; DO 1", None),
            ("CREATE SEQUENCE `s", None),
        ] {
            assert_eq!(kind(said), expected, "{said}");
        }
        let of = Sequence {
            name: "s`; DO 1".into(),
            kind: Some("int unsigned"),
            start: -5,
            cache: 0,
            next: 7,
            round: 0,
            increment: -2,
            bounds: (-9, 100),
            cycles: true,
        };
        assert_eq!(
            statement(&of, of.kind),
            "CREATE SEQUENCE `s``; DO 1` AS int unsigned START WITH -5 MINVALUE -9 MAXVALUE 100 INCREMENT BY -2 NOCACHE \
             CYCLE"
        );
        let other = Sequence { cache: 20, cycles: false, ..of };
        assert!(statement(&other, None).ends_with(
            "`s``; DO 1` START WITH -5 MINVALUE -9 MAXVALUE 100 INCREMENT BY -2 CACHE 20 NOCYCLE"
        ));
    }
}
