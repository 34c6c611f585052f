//! What the target lacks is made: sequences, then the tables that may draw from them, without their
//! indexes and foreign keys, then unions of tables.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::try_join_all;
use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::step::TableMode;
use longshore_shared::domain::sync::OnMismatch;
use longshore_shared::failpoint::{Failpoint, reach};
use serde_json::Value;

use super::beside::{self, Extra};
use super::grouping::is_small;
use super::layout::Laid;
use super::refuse;
use crate::engine::sequence::Sequence;
use crate::engine::shape::ForeignKey;
use crate::engine::{self, Writer};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;

/// What was made by now.
#[derive(Default)]
struct Made {
    sequences: Vec<String>,
    /// Places among the tables.
    tables: Vec<usize>,
}

/// Makes what is missing, and raises the sequences. What the server refuses fails the plan, each by
/// name, and nothing that was made stays; or, where the task goes on without it, tables become refused
/// ones, and sequences are left out of `extra`. A union that is refused is left out in either case: no
/// row is its own. Answers warnings.
pub(super) async fn create(
    context: &Context,
    target: &mut dyn Writer,
    laid: &mut [Laid],
    extra: &mut Extra,
    sequences: &[Sequence],
) -> Result<Vec<String>, StepError> {
    let fails = context.spec().on_mismatch == OnMismatch::Fail;
    if context.is_repeated() {
        target.fence(&context.helper_names()).await?;
    }
    let mut made = Made::default();
    let behind = raise(context, target, extra, sequences, &mut made).await?;
    if fails && !behind.is_empty() {
        let failures: Vec<&Failure> = behind.iter().map(|(_, failure)| failure).collect();
        return Err(undone(target, &made, laid, &failures).await.into());
    }
    let engine = context.source().engine;
    let mut refused = without_sequence(engine, laid, &behind);
    let spared: Vec<usize> = refused.iter().map(|(at, _)| *at).collect();
    refused.extend(tables(context, target, laid, &spared, &mut made).await?);
    if fails && !refused.is_empty() {
        let failures: Vec<&Failure> = refused.iter().map(|(_, failure)| failure).collect();
        return Err(undone(target, &made, laid, &failures).await.into());
    }
    let mut warnings = go_without(laid, refused);
    extra.raised.retain(|name| !behind.iter().any(|(other, _)| other == name));
    warnings.extend(behind.iter().map(|(name, why)| format!("sequence {name} is left out: {}", why.message)));
    warnings.extend(unite(context, target, laid, extra).await?);
    Ok(warnings)
}

/// Whether the server refused this one thing, and others may fare better.
fn is_refusal(failure: &Failure) -> bool {
    failure.is_of_table() && !failure.is_transient()
}

/// Makes the sequences that the target lacks, and has all of them stand where the source's do; answers
/// those that the server refuses.
async fn raise(
    context: &Context,
    target: &mut dyn Writer,
    extra: &Extra,
    sequences: &[Sequence],
    made: &mut Made,
) -> Result<Vec<(String, Failure)>, StepError> {
    let mut refused = Vec::new();
    for sequence in sequences {
        context.check_lease()?;
        let make = extra.made.contains(&sequence.name);
        match target.advance_sequence(sequence, make).await {
            Ok(()) if make => made.sequences.push(sequence.name.clone()),
            Ok(()) => {}
            Err(failure) if is_refusal(&failure) => refused.push((sequence.name.clone(), failure)),
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(refused)
}

/// The tables whose defaults draw from one of these sequences.
fn without_sequence(engine: Engine, laid: &[Laid], behind: &[(String, Failure)]) -> Vec<(usize, Failure)> {
    let mut refused = Vec::new();
    for (at, table) in laid.iter().enumerate().filter(|_| !behind.is_empty()) {
        let Some(plan) = &table.plan else { continue };
        let names: Vec<String> =
            engine::of(engine).drawn(&plan.shape).into_iter().map(|one| one.name).collect();
        let why = behind.iter().find(|(name, _)| names.contains(name));
        refused.extend(why.map(|(_, failure)| (at, failure.clone())));
    }
    refused
}

/// So many tables keep one more session busy.
const A_SESSION: usize = 32;

/// Makes the missing tables but for those at `spared`; their order does not matter, foreign keys come
/// last of all. Small ones are made whole: to add an index to a table costs more than the table. Of many, several sessions
/// make some each. Answers those that the server refuses.
async fn tables(
    context: &Context,
    target: &mut dyn Writer,
    laid: &mut [Laid],
    spared: &[usize],
    made: &mut Made,
) -> Result<Vec<(usize, Failure)>, StepError> {
    let is_due = |at: &usize| {
        let creates = laid[*at].plan.as_ref().is_some_and(|plan| plan.mode == TableMode::Create);
        creates && !spared.contains(at)
    };
    let due: Vec<usize> = (0..laid.len()).filter(is_due).collect();
    let next = AtomicUsize::new(0);
    let mut helpers = context.target_helpers(due.len() / A_SESSION).await?;
    let mut sessions: Vec<&mut dyn Writer> = vec![target];
    sessions.extend(helpers.iter_mut().map(|helper| &mut **helper as &mut dyn Writer));
    let making = sessions.into_iter().map(|session| make(context, session, laid, (&due, &next)));
    let (mut refused, mut whole) = (Vec::new(), Vec::new());
    for (at, result) in try_join_all(making).await?.into_iter().flatten() {
        match result {
            Ok(is_new) => {
                made.tables.extend(is_new.then_some(at));
                whole.extend((is_new && is_made_whole(&laid[at])).then_some(at));
            }
            Err(failure) => refused.push((at, failure)),
        }
    }
    for at in whole {
        if let Some(plan) = &mut laid[at].plan {
            plan.new_indexes.clear();
        }
    }
    made.tables.sort_unstable();
    refused.sort_unstable_by_key(|(at, _)| *at);
    Ok(refused)
}

/// One session's part: the next table that is due, until there is none. Answers for each of them whether it was made
/// or why the server refuses it.
async fn make(
    context: &Context,
    target: &mut dyn Writer,
    laid: &[Laid],
    (due, next): (&[usize], &AtomicUsize),
) -> Result<Vec<(usize, Result<bool, Failure>)>, StepError> {
    let mut came = Vec::new();
    while let Some(&at) = due.get(next.fetch_add(1, Ordering::Relaxed)) {
        let Some(plan) = &laid[at].plan else { continue };
        context.check_lease()?;
        match target.create_table(&plan.shape, is_made_whole(&laid[at])).await {
            Err(failure) if !is_refusal(&failure) => return Err(failure.into()),
            result => came.push((at, result)),
        }
        reach(Failpoint::PlanAfterCreate).await?;
    }
    Ok(came)
}

fn is_made_whole(table: &Laid) -> bool {
    table.plan.as_ref().is_some_and(|plan| is_small(table, plan))
}

/// Makes the unions whose tables are all there by now; answers warnings.
async fn unite(
    context: &Context,
    target: &mut dyn Writer,
    laid: &[Laid],
    extra: &Extra,
) -> Result<Vec<String>, StepError> {
    let engine = context.source().engine;
    let is_lost = |name: &str| {
        laid.iter().any(|table| table.plan.is_none() && table.draft.name.eq_ignore_ascii_case(name))
    };
    let (mut made, mut left, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for union in &extra.unions {
        context.check_lease()?;
        if engine::of(engine).members(union).iter().any(|member| is_lost(&member.name)) {
            left.push(union.name.as_str());
            continue;
        }
        match target.create_table(union, true).await {
            Ok(_) => made.push(union.name.as_str()),
            Err(failure) if is_refusal(&failure) => {
                warnings.push(format!("table {} is left out: {}", union.name, failure.message));
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    warnings.extend(beside::of_unions(&made, beside::UNIONS_MADE));
    warnings.extend(beside::of_unions(&left, beside::UNIONS_LEFT));
    Ok(warnings)
}

/// Takes away what was made; answers why, and what could not be taken away.
async fn undone(target: &mut dyn Writer, made: &Made, laid: &[Laid], why: &[&Failure]) -> Failure {
    let mut left = Vec::new();
    let tables = made.tables.iter().rev().filter_map(|&at| laid.get(at)?.plan.as_ref());
    for plan in tables {
        if let Err(failure) = target.remove_made(&plan.shape).await {
            left.push(format!("{} stays, empty ({})", plan.shape.name, failure.message));
        }
    }
    for name in &made.sequences {
        if let Err(failure) = target.remove_sequence(name).await {
            left.push(format!("the sequence {name} stays ({})", failure.message));
        }
    }
    let mut failure = refuse::all(why).unwrap_or_else(refuse::undecided);
    if !left.is_empty() {
        failure.message = format!("{}; of what was made {}", failure.message, left.join(", "));
    }
    failure
}

/// Takes refused tables out of the plan, and the foreign keys that would point to them.
fn go_without(laid: &mut [Laid], refused: Vec<(usize, Failure)>) -> Vec<String> {
    let mut names = Vec::with_capacity(refused.len());
    for (at, failure) in refused {
        let Some(table) = laid.get_mut(at) else { continue };
        names.push(table.draft.name.to_lowercase());
        let draft = &mut table.draft;
        (draft.mode, draft.plan, draft.failure) = (TableMode::Refused, Value::Null, Some(failure));
        (draft.rows_total, draft.bytes_total) = (0, 0);
        (table.plan, table.ranges, table.prune_ranges) = (None, Vec::new(), Vec::new());
    }
    let mut warnings = Vec::new();
    for table in laid {
        let Some(plan) = &mut table.plan else { continue };
        let points = |key: &ForeignKey| names.contains(&key.parent.to_lowercase());
        let (without, with): (Vec<_>, _) = plan.new_foreign_keys.drain(..).partition(points);
        plan.new_foreign_keys = with;
        if !without.is_empty() {
            warnings.extend(without.iter().map(|key| not_added(&plan.shape.name, key)));
        }
    }
    warnings
}

/// A foreign key is left out since its parent table failed.
pub(in crate::steps) fn not_added(table: &str, key: &ForeignKey) -> String {
    format!(
        "table {table}: the foreign key {} is not added, since its parent table {} failed; the next run that has both \
         adds it",
        key.name, key.parent
    )
}

#[cfg(test)]
mod tests {
    use longshore_shared::domain::failure::{Failure, FailureCode};
    use longshore_shared::domain::step::TableMode;

    use super::super::fake::{plan, points_to, shape};
    use super::super::tests::laid;
    use super::go_without;
    use crate::steps::sync::table::TablePlan;

    #[test]
    fn a_refused_table_takes_its_foreign_keys_with_it_and_no_other_table() {
        let child = TablePlan {
            new_foreign_keys: vec![points_to("P"), points_to("q")],
            ..plan(shape("c"), TableMode::Create)
        };
        let mut tables = vec![
            laid(0, plan(shape("p"), TableMode::Create), 1, 0),
            laid(1, child, 1, 0),
            laid(2, plan(shape("q"), TableMode::Fill), 1, 0),
        ];
        let failure = Failure::permanent(FailureCode::DefinitionRefused, "no");
        let warnings = go_without(&mut tables, vec![(0, failure)]);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        for word in ["table c:", "to_P", "not added"] {
            assert!(warnings[0].contains(word), "{warnings:?}");
        }
        assert_eq!((tables[0].draft.mode, tables[0].plan.is_none()), (TableMode::Refused, true));
        assert!(tables[0].draft.failure.is_some() && tables[0].ranges.is_empty());
        assert_eq!(tables[1].plan.as_ref().map(|plan| plan.new_foreign_keys.len()), Some(1));
        assert_eq!(tables[2].draft.mode, TableMode::Fill);
    }
}
