//! `foreign_keys`: adds the foreign keys of the tables that the job made, then proves all
//! foreign keys of the tables that it wrote.
//!
//! They are added without the server's check, since one table's parents may be another's
//! children; the proof is an anti-join of each. A row without a parent that the source
//! has just so is the source's own and only worth a warning.
//! Tables outside the job whose parents it deleted are proven as well, against what they
//! were like before.
//! Sequences are raised to where the source's stand: they number rows, as keys tie them.
//! Idempotent: a constraint that is there is not added again, and the proof only reads.
//! Cancelled: constraints that were added stay, as any later run would add them.

use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::step::Outcome;
use longshore_shared::failpoint::{Failpoint, reach};

use super::context::Context;
use super::error::StepError;
use super::table::{Bystander, KeysPayload, TablePlan};
use crate::engine::{Orphans, Reader, Writer};

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let mut plans = context.plans(None).await?;
    plans.retain(|plan| plan.is_written() && plan.is_constrained());
    let mut target = context.target_writer().await?;
    reach(Failpoint::ForeignKeysBefore).await?;
    for plan in &plans {
        context.check_lease()?;
        target.add_foreign_keys(&plan.to_constrain()).await?;
    }
    reach(Failpoint::ForeignKeysAfter).await?;
    let mut source: Option<Box<dyn Reader>> = None;
    let mut warnings = Vec::new();
    for plan in &plans {
        let found = target.orphans(&plan.constrained()).await?;
        if found.is_empty() {
            continue;
        }
        let source = match &mut source {
            Some(open) => open,
            none => none.insert(context.source_reader().await?),
        };
        let known = known(&mut **source, plan).await?;
        warnings.extend(judge(&plan.shape.name, &found, &known)?);
    }
    let KeysPayload { bystanders, sequences } = context.payload()?;
    raise(context, &mut *target, &mut source, &sequences).await?;
    for bystander in &bystanders {
        let found = target.orphans(&bystander.shape).await?;
        bereaved(bystander, &found)?;
    }
    Ok(Outcome { warnings, ..Outcome::default() })
}

/// Has the target's sequences stand where the source's do now, which is past all rows of the snapshot.
async fn raise(
    context: &Context,
    target: &mut dyn Writer,
    source: &mut Option<Box<dyn Reader>>,
    sequences: &[String],
) -> Result<(), StepError> {
    if sequences.is_empty() {
        return Ok(());
    }
    let source = match source {
        Some(open) => open,
        none => none.insert(context.source_reader().await?),
    };
    for sequence in source.sequences(sequences).await? {
        context.check_lease()?;
        target.advance_sequence(&sequence, false).await?;
    }
    Ok(())
}

/// A table outside the job has lost parents to it.
fn bereaved(bystander: &Bystander, found: &[Orphans]) -> Result<(), Failure> {
    let before = |orphans: &Orphans| bystander.orphans.get(&orphans.constraint).copied().unwrap_or(0);
    let Some(lost) = found.iter().find(|orphans| orphans.rows > before(orphans)) else { return Ok(()) };
    Err(Failure::permanent(
        FailureClass::DataError,
        "foreign_key_broken",
        format!(
            "table {}, which the task leaves out: {} rows lost their parent in {} (foreign key {}), since the \
             source does not have it any more",
            bystander.shape.name,
            lost.rows - before(lost),
            lost.parent,
            lost.constraint
        ),
        "add the table to the task, or remove these rows on the target",
    ))
}

/// The source's own rows without a parent; none where the source lacks such a parent
/// table or column at all.
async fn known(source: &mut dyn Reader, plan: &TablePlan) -> Result<Vec<Orphans>, Failure> {
    match source.orphans(&plan.constrained()).await {
        Err(failure) if !failure.is_transient() => Ok(Vec::new()),
        other => other,
    }
}

/// Warnings for what the source has as well, a failure for what it does not.
fn judge(table: &str, found: &[Orphans], known: &[Orphans]) -> Result<Vec<String>, Failure> {
    found
        .iter()
        .map(|orphans| {
            let of_source = known.iter().find(|k| k.constraint == orphans.constraint).map_or(0, |k| k.rows);
            let Orphans { constraint, parent, rows } = orphans;
            if *rows <= of_source {
                return Ok(format!(
                    "table {table}: {rows} rows have no parent in {parent} (foreign key {constraint}), as on the source"
                ));
            }
            Err(Failure::permanent(
                FailureClass::DataError,
                "foreign_key_broken",
                format!(
                    "table {table}: {rows} rows have no parent in {parent} (foreign key {constraint}), \
                     {of_source} on the source"
                ),
                "synchronise the parent table too, or remove the rows on the target that have no parent",
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Bystander, Orphans, bereaved, judge};
    use crate::steps::plan::fake;

    #[test]
    fn only_the_sources_own_orphans_pass() {
        let of = |constraint: &str, rows| Orphans { constraint: constraint.into(), parent: "p".into(), rows };
        let check = |found: &[Orphans], known: &[Orphans], expected: Result<usize, &str>| {
            let judged = judge("t", found, known);
            assert_eq!(judged.as_ref().map(Vec::len).map_err(|f| f.code.as_str()), expected);
        };
        check(&[of("a", 3)], &[of("a", 3)], Ok(1));
        check(&[of("a", 2)], &[of("a", 3)], Ok(1));
        check(&[of("a", 4)], &[of("a", 3)], Err("foreign_key_broken"));
        check(&[of("a", 1)], &[], Err("foreign_key_broken"));
        check(&[of("a", 1)], &[of("b", 1)], Err("foreign_key_broken"));
    }

    #[test]
    fn bystanders_may_keep_what_they_lacked_before() {
        let orphans = BTreeMap::from([("a".to_owned(), 3)]);
        let bystander = Bystander { shape: fake::shape("t"), orphans };
        let of = |constraint: &str, rows| Orphans { constraint: constraint.into(), parent: "p".into(), rows };
        assert!(bereaved(&bystander, &[of("a", 3)]).is_ok());
        assert!(bereaved(&bystander, &[of("a", 4)]).is_err());
        assert!(bereaved(&bystander, &[of("a", 1), of("b", 1)]).is_err());
    }
}
