//! What the target would make of the definitions of the tables that are to be made.
//!
//! Words that the target would pass over are known here, whatever the account may do. Whether it
//! takes the definitions it is asked, which costs about as much as the tables themselves: servers of
//! one release are asked only about what hangs on settings and plug-ins. What a server that was not
//! asked refuses is told when it is made, and an index or a foreign key after the rows: where the
//! account is what is in the way, the plan says so.

use std::collections::{HashMap, HashSet};

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::Failure;

use super::Table;
use super::decide::{Candidate, Decision};
use super::refuse::bounded;
use crate::engine::access::{Act, Lacks, Need};
use crate::engine::shape::{Server, TableShape};
use crate::engine::{self, Surveyor, Tried};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;

/// Tables that a message names.
const NAMED: usize = 5;

/// What is to be asked, and what is known without.
pub(super) struct Probe {
    /// Places among the tables, and what is to be made there.
    asked: Vec<(usize, TableShape)>,
    /// Places, and what the target would not hold the rows to.
    loses: Vec<(usize, Vec<String>)>,
    /// What the account lacks for a question.
    lacks: Lacks,
}

/// Refuses tables of which the target would make others without a word, and sees what is to be
/// asked of it. `here` and `there`: both servers.
pub(super) async fn prepare(
    context: &Context,
    target: &mut dyn Surveyor,
    tables: &mut [Table],
    (here, there): (&Server, &Server),
) -> Result<Probe, StepError> {
    let driver = engine::of(context.source().engine);
    let mut probe = Probe { asked: Vec::new(), loses: Vec::new(), lacks: Lacks::default() };
    let mut made = Vec::new();
    for (at, table) in tables.iter_mut().enumerate() {
        let Some(shape) = to_make(table) else { continue };
        match driver.unsaid(there, &shape) {
            Err(failure) => table.decision = Decision::Refused(failure),
            Ok(loses) => {
                probe.loses.push((at, loses));
                made.push((at, shape));
            }
        }
    }
    let of_one_release = here.release() == there.release();
    let sources = tables.iter().filter_map(|table| table.candidate.as_ref()).map(|found| &found.source);
    let by_name: HashMap<String, &TableShape> =
        sources.map(|shape| (shape.name.to_lowercase(), shape)).collect();
    let parent = |name: &str| by_name.get(&name.to_lowercase()).copied();
    if of_one_release {
        let asked: HashSet<String> = made
            .iter()
            .filter(|(_, shape)| driver.is_of_settings(shape, &parent))
            .flat_map(|(_, shape)| shape.foreign_keys.iter().map(|key| &key.parent).chain([&shape.name]))
            .map(|name| name.to_lowercase())
            .collect();
        // With their parents: a foreign key to a table that is not there is not looked at.
        made.retain(|(_, shape)| asked.contains(&shape.name.to_lowercase()));
    }
    probe.asked = made;
    probe.lacks = target.lacks(&needs(&probe.asked)).await?;
    Ok(probe)
}

/// What questions take: the trial's tables bear names that nobody was granted anything on.
fn needs(asked: &[(usize, TableShape)]) -> Vec<Need> {
    let constrained = asked.iter().any(|(_, shape)| !shape.foreign_keys.is_empty());
    let acts: &[Act] = match constrained {
        _ if asked.is_empty() => &[],
        false => &[Act::Read, Act::Create, Act::Drop],
        true => &[Act::Read, Act::Create, Act::Drop, Act::Alter, Act::Refer],
    };
    acts.iter().map(|&act| Need { act, schema: None, table: None }).collect()
}

/// Refuses tables that the target would not take, or would make others of; answers warnings
/// about what it takes and does not hold to. The tables are made for it under other names and
/// dropped again: of the tables themselves none is made yet.
pub(super) async fn ask(
    context: &Context,
    tables: &mut [Table],
    probe: Probe,
) -> Result<Vec<String>, StepError> {
    let Probe { asked, loses, lacks } = probe;
    let mut warnings = Vec::new();
    if !lacks.missing.rights.is_empty() {
        let names: Vec<&str> = asked.iter().map(|(_, shape)| shape.name.as_str()).collect();
        warnings.push(unasked(context.target(), &names, &lacks, None));
    } else if !asked.is_empty() {
        context.check_lease()?;
        let (places, shapes): (Vec<usize>, Vec<TableShape>) = asked.into_iter().unzip();
        let tried = context.target_writer().await?.try_tables(&shapes).await?;
        let (mut names, mut why) = (Vec::new(), None);
        for ((at, shape), tried) in places.into_iter().zip(&shapes).zip(tried) {
            match tried {
                Tried::Taken => {}
                Tried::Refused(failure) => tables[at].decision = Decision::Refused(failure),
                Tried::Unasked(failure) => {
                    names.push(shape.name.as_str());
                    why = why.or(Some(failure));
                }
            }
        }
        warnings.extend(why.map(|why| unasked(context.target(), &names, &lacks, Some(&why))));
    }
    for (at, loses) in loses {
        if !matches!(tables[at].decision, Decision::Refused(_)) {
            let name = &tables[at].name;
            warnings.extend(loses.iter().map(|loss| format!("table {name}, {loss}")));
        }
    }
    Ok(warnings)
}

/// Tells of tables that nobody knows yet of whether the target takes them; `why`: what it said.
fn unasked(target: &Connection, names: &[&str], lacks: &Lacks, why: Option<&Failure>) -> String {
    let more = match names.len().checked_sub(NAMED) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and {more} more"),
    };
    let named = names[..names.len().min(NAMED)].join(", ");
    let lacking: Vec<&str> = lacks.missing.rights.iter().map(|(_, right)| right.as_str()).collect();
    let why = match why {
        Some(failure) => failure.message.clone(),
        None => format!(
            "the account {} of connection {} lacks {}",
            lacks.account,
            target.name,
            lacking.join(", ")
        ),
    };
    let statements = [lacks.missing.statements.as_slice(), &lacks.doubtful.statements].concat().join("; ");
    let remedy = if statements.is_empty() {
        String::new()
    } else {
        format!("; to have it asked, run there: {statements}")
    };
    bounded(format!(
        "the target could not be asked whether it takes the definitions of these tables, by making and dropping them \
         under other names, so that an index or a foreign key that it refuses is found after the rows: \
         {named}{more}: {why}{remedy}"
    ))
}

/// A table that the target lacks, with the foreign keys that it is to get.
fn to_make(table: &Table) -> Option<TableShape> {
    let Candidate { source, target: None, .. } = table.candidate.as_ref()? else { return None };
    let Decision::Settled(settled) = &table.decision else { return None };
    Some(TableShape { foreign_keys: settled.new_foreign_keys.clone(), ..source.clone() })
}
