//! Which rows of each table the job covers: the task's conditions, settled for good.
//!
//! The current time is that of the job's first step, whichever attempt of the plan asks; what came
//! of it stands in the table's plan, for both sides, all ranges and workers, and for a job that
//! starts again from another snapshot too.

use chrono::{DateTime, Utc};
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::filter::{Condition, Filter, Kind, Scope};
use longshore_shared::domain::zone::Zone;

use super::decide::Candidate;
use super::refuse::mismatch;
use crate::engine::shape::{Column, Family, Flavour, Server, TableShape};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;

/// Gives tables their conditions; refuses those of which one names a column that is not there, or
/// does not mean the same rows on both sides.
pub(super) async fn cover(
    context: &Context,
    (source, target): (&Server, &Server),
    mut candidates: Vec<Candidate>,
    refused: &mut Vec<(String, Failure)>,
) -> Result<Vec<Candidate>, StepError> {
    let spec = context.spec();
    if spec.filters.is_empty() {
        return Ok(candidates);
    }
    let now = context.job_began().await?;
    let alike = engine(source) == engine(target);
    for (name, filter) in &spec.filters {
        let Some(at) = candidates.iter().position(|candidate| candidate.source.name == *name) else {
            if refused.iter().any(|(table, _)| table == name) {
                continue;
            }
            return Err(unknown_table(name).into());
        };
        match settled(filter, &candidates[at].source, (spec.filter_zone, now, alike)) {
            Ok(condition) => candidates[at].source.filter = Some(condition),
            Err(failure) => {
                candidates.remove(at);
                refused.push((name.clone(), failure));
            }
        }
    }
    Ok(candidates)
}

fn unknown_table(name: &str) -> Failure {
    mismatch(
        FailureCode::UnknownTable,
        format!("the task has a condition for table {name}, which is none of its tables of the source"),
    )
    .with_hint("check the spelling of the names in the task's `where`, upper and lower case included")
}

/// The condition as it holds for this job.
fn settled(
    filter: &Filter,
    table: &TableShape,
    (zone, now, alike): (Zone, DateTime<Utc>, bool),
) -> Result<Condition, Failure> {
    let find = |name: &str| table.columns.iter().find(|one| one.name.eq_ignore_ascii_case(name));
    let name = &table.name;
    if let Some(column) = filter.columns().into_iter().find(|column| find(column).is_none()) {
        return Err(mismatch(
            FailureCode::UnknownColumn,
            format!(
                "table {name}: the task's condition names a column {column}, which the source's table lacks"
            ),
        ));
    }
    let kind = |column: &str| find(column).map_or(Kind::Other, kind);
    filter.settle(&Scope { zone, now, alike, kind: &kind }).map_err(|why| {
        mismatch(
            FailureCode::InvalidCondition,
            format!("table {name}: the task's condition cannot be used: {why}"),
        )
    })
}

/// What a column holds, as far as conditions depend on it.
fn kind(column: &Column) -> Kind {
    let word = column.full_type.split(['(', ' ']).next().unwrap_or_default().to_ascii_lowercase();
    match column.family {
        Family::Integer | Family::Decimal => Kind::Exact,
        Family::Float | Family::Double => Kind::Float,
        Family::Text | Family::LongText | Family::Enum | Family::Set => Kind::Text,
        Family::Temporal => match word.as_str() {
            "timestamp" => Kind::Timestamp,
            "datetime" => Kind::Datetime,
            "date" => Kind::Date,
            _ => Kind::Time,
        },
        _ => Kind::Other,
    }
}

/// Servers of one engine read patterns and odd texts alike.
fn engine(server: &Server) -> &'static str {
    let major = server.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    match (server.flavour, major) {
        (Flavour::Mariadb, _) => "MariaDB",
        (Flavour::Mysql, Some(8..)) => "MySQL 8",
        (Flavour::Mysql, _) => "MySQL 5",
        (Flavour::Postgresql, _) => "PostgreSQL",
    }
}
