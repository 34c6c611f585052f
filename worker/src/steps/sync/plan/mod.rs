//! `plan`: checks every table on both sides, lays out the job's other steps, and makes
//! the tables that the target lacks, and the sequences and unions beside them.
//!
//! Nothing is written before everything is checked, the definitions by the target itself: one refusal
//! ends the job with every table's reason, unless the task says `on_mismatch: continue`. Should the
//! target refuse to make a table nevertheless, or to raise a sequence, what was made is taken away again.
//! Idempotent: looking changes nothing, a table that was made and is empty is left as it
//! is; an attempt that comes after a crash between the making and the settlement finds
//! empty tables that lack indexes and foreign keys, and plans to build these, as it does
//! for tables that an earlier job began to load and did not finish.
//! Cancelled: empty tables may stay behind; the next run takes them up.

mod beside;
mod bystanders;
mod computing;
mod constrain;
mod covering;
mod create;
mod cut;
mod decide;
mod grouping;
mod hidden;
mod history;
mod known;
mod lacking;
mod layout;
mod leaves;
mod probe;
mod refuse;
mod rights;
mod select;
mod survey;

#[cfg(test)]
pub(in crate::steps) mod fake;
#[cfg(test)]
mod tests;

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::step::{Outcome, Owed, TableDraft, TableMode};
use longshore_shared::domain::sync::{OnMismatch, Selection, SyncSpec};
use longshore_shared::failpoint::{Failpoint, reach};
use serde_json::Value;

use self::beside::Extra;
pub(super) use self::bystanders::is_by_key;
use self::constrain::Parents;
pub(super) use self::create::not_added;
use self::cut::Cut;
use self::decide::{Candidate, Decision, Settled};
use self::known::Known;
use self::layout::Laid;
use super::table::TablePlan;
use crate::engine;
use crate::engine::sequence::Sequence;
use crate::engine::shape::{Range, TableListing, TableShape};
use crate::engine::{Hash, Reader};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;
use crate::transfer::whole;

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let spec = context.spec();
    let survey = Box::pin(survey::survey(context)).await?;
    let mut warnings = survey.warnings;
    let mut tables = decide_all(context, spec, survey.candidates);
    tables.extend(survey.refused.into_iter().map(|(name, failure)| Table::refused(&name, failure)));
    let mut extra = survey.beside.settle(&mut tables);
    warnings.extend(extra.warnings.iter().cloned());
    warnings.extend(constrain(&mut tables, &survey.parents));
    // Its session is over before others are opened there.
    let mut looking = survey.target;
    warnings
        .extend(rights::may_be_written(context, &mut *looking, &mut tables, &survey.children, &extra).await?);
    let servers = (&survey.servers.0, &survey.servers.1);
    let probe = probe::prepare(context, &mut *looking, &mut tables, servers).await?;
    drop(looking);
    warnings.extend(probe::ask(context, &mut tables, probe).await?);
    // A table that the target does not take may be another's parent.
    warnings.extend(constrain(&mut tables, &survey.parents));
    warnings.extend(unversioned(&tables));
    warnings.extend(lacking::told(context.target().engine, &tables, &survey.parents));
    refuse_unless_told(spec, &tables)?;

    let mut source = context.source_reader().await?;
    let mut reader = context.target_reader().await?;
    compare_keyless(&mut tables, &mut *source, &mut *reader).await?;
    refuse_unless_told(spec, &tables)?;
    let mut laid = lay_out(context, tables, &mut *source, &mut *reader).await?;
    let (bystanders, told) = bystanders::bystanders(context, survey.children, &laid, &mut *reader).await?;
    warnings.extend(told);
    let sequences = source.sequences(&extra.raised).await?;
    warnings.extend(otherwise(&extra, &sequences, &mut *reader).await?);
    drop((source, reader));

    let mut target = context.target_writer().await?;
    reach(Failpoint::PlanBeforeCreate).await?;
    warnings.extend(create::create(context, &mut *target, &mut laid, &mut extra, &sequences).await?);
    let growth = layout::growth(laid, bystanders, extra.raised)?;
    Ok(Outcome { growth: Some(growth), warnings, ..Outcome::default() })
}

/// Names of the source's tables that the selection covers, whatever will come of them.
pub(in crate::steps) fn covered(
    selection: &Selection,
    listings: Vec<TableListing>,
    folds: bool,
) -> Result<Vec<String>, Failure> {
    let select::Selected { tables, refused, .. } = select::select(selection, listings, folds)?;
    Ok(tables.into_iter().map(|table| table.name).chain(refused.into_iter().map(|(name, _)| name)).collect())
}

/// A table on its way through the plan.
struct Table {
    name: String,
    candidate: Option<Candidate>,
    decision: Decision,
}

impl Table {
    fn refused(name: &str, failure: Failure) -> Self {
        Self { name: name.to_owned(), candidate: None, decision: Decision::Refused(failure) }
    }
}

fn decide_all(context: &Context, spec: &SyncSpec, candidates: Vec<Candidate>) -> Vec<Table> {
    let driver = engine::of(context.source().engine);
    let differences = |left: &TableShape, right: &TableShape| driver.compare(left, right);
    candidates
        .into_iter()
        .map(|candidate| Table {
            name: candidate.source.name.clone(),
            decision: decide::decide(&candidate, spec, &differences),
            candidate: Some(candidate),
        })
        .collect()
}

/// Warns of tables whose rows a snapshot does not hold still.
fn unversioned(tables: &[Table]) -> Option<String> {
    let sources = tables.iter().filter_map(|table| table.candidate.as_ref()).map(|found| &found.source);
    let loose = sources.filter(|shape| !shape.keeps_versions);
    let names: Vec<_> = loose.map(|shape| format!("{} ({})", shape.name, shape.storage)).collect();
    (!names.is_empty()).then(|| {
        format!(
            "these tables of the source keep no versions of their rows, so they are read as they are at the time and \
             not as of the snapshot: {}",
            names.join(", ")
        )
    })
}

/// Foreign keys need their parents; answers warnings about those that are left out.
fn constrain(tables: &mut [Table], target: &Parents) -> Vec<String> {
    let lost = |table: &&Table| table.candidate.is_none();
    let lost: Vec<String> = tables.iter().filter(lost).map(|table| table.name.to_lowercase()).collect();
    let mut doable: Vec<(&Candidate, &mut Decision)> = tables
        .iter_mut()
        .filter_map(|table| table.candidate.as_ref().map(|candidate| (candidate, &mut table.decision)))
        .collect();
    constrain::check(&mut doable, target, &lost)
}

fn refuse_unless_told(spec: &SyncSpec, tables: &[Table]) -> Result<(), Failure> {
    let refused: Vec<&Failure> = tables
        .iter()
        .filter_map(|table| match &table.decision {
            Decision::Refused(failure) => Some(failure),
            Decision::Settled(_) | Decision::ByContent(..) => None,
        })
        .collect();
    match (spec.on_mismatch, refuse::all(&refused)) {
        (OnMismatch::Fail, Some(failure)) => Err(failure),
        _ => Ok(()),
    }
}

/// Decides the tables without a key whose both sides hold rows that may not be replaced. All others
/// are compared at the job's point of the source, by the step that would replace them.
async fn compare_keyless(
    tables: &mut [Table],
    source: &mut dyn Reader,
    target: &mut dyn Reader,
) -> Result<(), StepError> {
    for table in tables {
        let (Some(candidate), Decision::ByContent(settled, failure)) = (&table.candidate, &table.decision)
        else {
            continue;
        };
        let shape = &candidate.source;
        let (left, right) = futures::try_join!(
            source.digest(shape, &Range::ALL, Hash::Strong),
            target.digest(shape, &Range::ALL, Hash::Strong)
        )?;
        table.decision = match left == right {
            true => Decision::Settled(settled.clone()),
            false => Decision::Refused(failure.clone()),
        };
    }
    Ok(())
}

/// Cuts every table into ranges and writes its plan.
async fn lay_out(
    context: &Context,
    tables: Vec<Table>,
    source: &mut dyn Reader,
    target: &mut dyn Reader,
) -> Result<Vec<Laid>, StepError> {
    let known = Known::of(context.remembered().await?);
    let mut small = cut::small(context, &known, &tables, source, target).await?;
    let mut laid = Vec::with_capacity(tables.len());
    for (at, table) in tables.into_iter().enumerate() {
        let number = i32::try_from(at).unwrap_or(i32::MAX);
        laid.push(match (table.candidate, table.decision) {
            (Some(candidate), Decision::Settled(settled)) => {
                let cut = match small.remove(&at) {
                    Some(cut) => cut,
                    None => cut::cut(context, &known, &candidate, &settled, source, target).await?,
                };
                planned(number, candidate, settled, cut)
            }
            (_, Decision::Refused(failure)) => refused(number, table.name, failure),
            (_, Decision::Settled(_) | Decision::ByContent(..)) => {
                refused(number, table.name, refuse::undecided())
            }
        });
    }
    Ok(laid)
}

fn planned(number: i32, mut candidate: Candidate, settled: Settled, cut: Cut) -> Laid {
    let raises = candidate.raises();
    let (indexes, keys) = candidate.due();
    let owes = Owed {
        rows: candidate.owed.rows || matches!(settled.mode, TableMode::Create | TableMode::Fill),
        indexes: indexes.into_iter().map(|index| index.name).collect(),
        foreign_keys: keys.into_iter().map(|key| key.name).collect(),
    };
    let bytes = cut.rows.saturating_mul(candidate.source.row_bytes.max(1));
    let plan = TablePlan {
        shape: candidate.source,
        mode: settled.mode,
        verify: settled.verify,
        prunes: settled.prunes,
        new_indexes: settled.new_indexes,
        new_foreign_keys: settled.new_foreign_keys,
        old_foreign_keys: candidate.target.map(|target| target.shape.foreign_keys).unwrap_or_default(),
        chunk_rows: cut.chunk_rows,
        bytes,
        raises,
        begun: candidate.owed.rows,
    };
    let draft = TableDraft {
        number,
        name: plan.shape.name.clone(),
        mode: plan.mode,
        plan: Value::Null,
        rows_total: whole(cut.rows),
        bytes_total: whole(bytes),
        failure: None,
        owes,
    };
    Laid { draft, plan: Some(plan), ranges: cut.source, prune_ranges: cut.target }
}

fn refused(number: i32, name: String, failure: Failure) -> Laid {
    let draft = TableDraft {
        number,
        name,
        mode: TableMode::Refused,
        plan: Value::Null,
        rows_total: 0,
        bytes_total: 0,
        failure: Some(failure),
        owes: Owed::default(),
    };
    Laid { draft, plan: None, ranges: Vec::new(), prune_ranges: Vec::new() }
}

/// Tells of sequences of the target that hand out other numbers than the source's.
async fn otherwise(
    extra: &Extra,
    ours: &[Sequence],
    target: &mut dyn Reader,
) -> Result<Option<String>, Failure> {
    let there: Vec<String> = extra.raised.iter().filter(|name| !extra.made.contains(name)).cloned().collect();
    let theirs = target.sequences(&there).await?;
    let differs =
        |one: &&Sequence| theirs.iter().any(|other| other.name == one.name && !other.counts_like(one));
    let names: Vec<&str> = ours.iter().filter(differs).map(|one| one.name.as_str()).collect();
    Ok((!names.is_empty()).then(|| {
        format!(
            "these sequences of the target have another increment, other bounds or another end than the source's, and \
             keep them: {}",
            names.join(", ")
        )
    }))
}
