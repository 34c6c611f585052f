//! `foreign_keys`: adds the foreign keys of the tables that the job made, then proves all
//! foreign keys of the tables that it wrote.
//!
//! They are added without the server's check, since one table's parents may be another's
//! children; the proof is an anti-join of each. A row without a parent that the source
//! has just so is the source's own and only worth a warning.
//! Tables outside the job that point to its tables are proven as well, against what they were like
//! before; a step of this kind looks at them before anything is written, too (`bereft`).
//! Sequences are raised to where the source's stand: they number rows, as keys tie them.
//! Idempotent: a constraint that is there is not added again, and the proof only reads.
//! Cancelled: constraints that were added stay, as any later run would add them.

mod verdict;

use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::step::Outcome;
use longshore_shared::domain::sync::OnMismatch;
use longshore_shared::failpoint::{Failpoint, reach};

use self::verdict::{Cause, judge};
use super::bereft;
use super::context::Context;
use super::error::StepError;
use super::plan::not_added;
use super::table::{Bystander, KeysPayload, TablePlan};
use crate::engine::{Orphans, Reader, Writer};

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let KeysPayload { bystanders, sequences, before } = context.payload()?;
    if before {
        return bereft::check(context, &bystanders).await;
    }
    let mut keys = Keys {
        plans: context.numbered_plans().await?,
        lost: context.failed_tables().await?,
        goes_on: context.spec().on_mismatch == OnMismatch::Continue,
        outcome: Outcome::default(),
    };
    keys.leave_out();
    let mut target = context.target_writer().await?;
    let mut source: Option<Box<dyn Reader>> = None;
    reach(Failpoint::ForeignKeysBefore).await?;
    keys.add(context, &mut *target, &mut source).await?;
    reach(Failpoint::ForeignKeysAfter).await?;
    keys.prove(context, &mut *target, &mut source).await?;
    raise(context, &mut *target, &mut source, &sequences).await?;
    for bystander in &bystanders {
        let orphans = target.orphans_of(&bystander.child).await?;
        let told = bereaved(bystander, orphans);
        let parent = keys.plans.iter().find(|(_, plan)| plan.is_named(&bystander.child.key.parent));
        let number = parent.map_or(-1, |(number, _)| *number);
        let told = keys.set_aside(number, told)?.flatten();
        keys.outcome.warnings.extend(told);
    }
    Ok(keys.outcome)
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

/// The foreign keys of the job's tables, and what is found out of them.
struct Keys {
    /// The tables' plans by number.
    plans: Vec<(i32, TablePlan)>,
    /// The tables that failed before.
    lost: Vec<(i32, String)>,
    /// A table that fails is no reason to give the others up.
    goes_on: bool,
    outcome: Outcome,
}

impl Keys {
    /// Leaves out the tables that failed, and the foreign keys that would point to them.
    fn leave_out(&mut self) {
        let lost = &self.lost;
        for (number, plan) in &mut self.plans {
            if lost.iter().any(|(one, _)| one == number) {
                plan.new_foreign_keys.clear();
                continue;
            }
            let points = |parent: &str| lost.iter().any(|(_, name)| name.eq_ignore_ascii_case(parent));
            let (without, with): (Vec<_>, _) =
                plan.new_foreign_keys.drain(..).partition(|key| points(&key.parent));
            plan.new_foreign_keys = with;
            self.outcome.warnings.extend(without.iter().map(|key| not_added(&plan.shape.name, key)));
        }
    }

    /// The numbers of those that have foreign keys which must hold.
    fn constrained(&self) -> Vec<usize> {
        let is_lost = |number: i32| {
            let failed = self.outcome.failed_tables.iter().map(|(one, _)| *one);
            self.lost.iter().map(|(one, _)| *one).chain(failed).any(|one| one == number)
        };
        let holds = |at: &usize| {
            let (number, plan) = &self.plans[*at];
            plan.is_constrained() && !is_lost(*number)
        };
        (0..self.plans.len()).filter(holds).collect()
    }

    async fn add(
        &mut self,
        context: &Context,
        target: &mut dyn Writer,
        source: &mut Option<Box<dyn Reader>>,
    ) -> Result<(), StepError> {
        for at in self.constrained() {
            context.check_lease()?;
            if self.plans[at].1.has_rows_of_old() {
                self.leave_out_broken(context, at, target, source).await?;
            }
            let (number, wanted) = (self.plans[at].0, self.plans[at].1.to_constrain());
            let added = target.add_foreign_keys(&wanted).await;
            if self.set_aside(number, added)?.is_some() && !wanted.foreign_keys.is_empty() {
                let names = wanted.foreign_keys.into_iter().map(|key| key.name).collect();
                self.outcome.added_keys.push((number, names));
            }
        }
        Ok(())
    }

    /// Leaves out foreign keys for which rows of the target have no parent, unless the source has
    /// such rows as well. They stay owed.
    async fn leave_out_broken(
        &mut self,
        context: &Context,
        at: usize,
        target: &mut dyn Writer,
        source: &mut Option<Box<dyn Reader>>,
    ) -> Result<(), StepError> {
        let plan = &mut self.plans[at].1;
        let found = target.orphans(&plan.to_constrain()).await?;
        if found.is_empty() {
            return Ok(());
        }
        let source = match &mut *source {
            Some(open) => open,
            none => none.insert(context.source_reader().await?),
        };
        let known = known(&mut **source, plan).await?;
        let of_source =
            |name: &str| known.iter().find(|one| one.constraint == name).map_or(0, |one| one.rows);
        for Orphans { constraint, parent, rows } in &found {
            if *rows <= of_source(constraint) {
                continue;
            }
            plan.new_foreign_keys.retain(|key| key.name != *constraint);
            self.outcome.warnings.push(format!(
                "table {}: the foreign key {constraint} is not added, since {rows} rows of the target have no parent in \
                 {parent}; remove these rows, or bring their parents, and the next run adds it",
                plan.shape.name
            ));
        }
        Ok(())
    }

    async fn prove(
        &mut self,
        context: &Context,
        target: &mut dyn Writer,
        source: &mut Option<Box<dyn Reader>>,
    ) -> Result<(), StepError> {
        for at in self.constrained() {
            let number = self.plans[at].0;
            let plan = &self.plans[at].1;
            let found = target.orphans(&plan.constrained()).await?;
            if found.is_empty() {
                continue;
            }
            let source = match &mut *source {
                Some(open) => open,
                none => none.insert(context.source_reader().await?),
            };
            let known = known(&mut **source, plan).await?;
            let judged = judge(&plan.shape, &found, &known, &|parent| self.cause(parent));
            let told = self.set_aside(number, judged)?;
            self.outcome.warnings.extend(told.into_iter().flatten());
        }
        Ok(())
    }

    /// Why rows may lack their parents in this table.
    fn cause(&self, parent: &str) -> Cause {
        if self.lost.iter().any(|(_, name)| name.eq_ignore_ascii_case(parent)) {
            return Cause::Failed;
        }
        match self.plans.iter().find(|(_, plan)| plan.is_named(parent)) {
            None => Cause::LeftOut,
            Some((_, plan)) if plan.shape.filter.is_some() => Cause::Condition,
            Some(_) => Cause::Within,
        }
    }

    /// Where the job goes on without a table that fails, its failure is noted and `None` answered.
    fn set_aside<T>(&mut self, number: i32, found: Result<T, Failure>) -> Result<Option<T>, Failure> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(failure)
                if self.goes_on && number >= 0 && failure.is_of_table() && !failure.is_transient() =>
            {
                self.outcome.failed_tables.push((number, failure));
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Fails if a table outside the job has lost parents to it; what it lacks otherwise is told by
/// every run.
fn bereaved(bystander: &Bystander, orphans: u64) -> Result<Option<String>, Failure> {
    let Bystander { child, orphans: before, .. } = bystander;
    let (place, parent, key) = (child.place(), &child.key.parent, &child.key.name);
    if orphans <= *before {
        return Ok((orphans > 0).then(|| {
            format!(
                "table {place}, which the task leaves out: {orphans} rows have no parent in {parent} (foreign key \
                 {key}); restore the parents, or remove the rows"
            )
        }));
    }
    Err(Failure::permanent(
        FailureClass::DataError,
        "foreign_key_broken",
        format!(
            "table {place}, which the task leaves out: {} rows came or lost their parent in {parent} (foreign key \
             {key}) while the job ran",
            orphans - before
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

#[cfg(test)]
mod tests {
    use super::{Bystander, bereaved};
    use crate::engine::children::Child;
    use crate::steps::plan::fake;

    #[test]
    fn bystanders_may_keep_what_they_lacked_before_and_it_is_told() {
        let child =
            Child { schema: Some("other".to_owned()), table: "c".to_owned(), key: fake::points_to("p") };
        let bystander = Bystander { child, orphans: 3, endangered: true };
        let told = |orphans| bereaved(&bystander, orphans).map_err(|failure| failure.code);
        assert_eq!(told(0), Ok(None));
        for orphans in [1, 3] {
            let told = told(orphans).ok().flatten().unwrap_or_default();
            assert!(told.contains(&format!("other.c, which the task leaves out: {orphans} rows")), "{told}");
        }
        assert_eq!(told(4), Err("foreign_key_broken".to_owned()));
    }
}
