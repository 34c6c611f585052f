//! `foreign_keys`: adds the foreign keys of the tables that the job made, then proves all
//! foreign keys of the tables that it wrote.
//!
//! They are added without the server's check, since one table's parents may be another's
//! children; the proof is an anti-join of each. A row without a parent that the source
//! has just so is the source's own and only worth a warning. Of a table that failed on its way, rows without
//! a parent are told, too.
//! Tables outside the job that point to its tables are proven as well, against what they were like
//! before; a step of this kind looks at them before anything is written, too (`bereft`).
//! Sequences are raised to where the source's stand: they number rows, as keys tie them.
//! Idempotent: a constraint that is there is not added again, and the proof only reads.
//! Cancelled: constraints that were added stay, as any later run would add them.

mod alike;
mod verdict;

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{Finding, Outcome, TableMode};
use longshore_shared::domain::sync::OnMismatch;
use longshore_shared::failpoint::{Failpoint, reach};

use self::verdict::{Cause, judge};
use super::bereft;
use super::plan::not_added;
use super::table::{Bystander, KeysPayload, TablePlan};
use crate::engine::shape::TableShape;
use crate::engine::{Orphans, Reader, Writer};
use crate::steps::error::StepError;
use crate::steps::sync::area::folded;
use crate::steps::sync::context::Context;

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let payload: KeysPayload = context.payload()?;
    if payload.before {
        return bereft::check(context, &payload).await;
    }
    let KeysPayload { bystanders, folds, sequences, .. } = payload;
    let mut keys = Keys {
        plans: context.numbered_plans().await?,
        lost: context.failed_tables().await?,
        folds,
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
    if let Some(source) = &mut source {
        source.end_snapshot().await?;
    }
    raise(context, &mut *target, &mut source, &sequences).await?;
    for bystander in &bystanders {
        let orphans = target.orphans_of(&bystander.child).await?;
        let told = bereaved(bystander, orphans);
        let told = keys.set_aside(bystander.parent, told)?.flatten();
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
    /// The target's server does not tell names of tables apart by case.
    folds: bool,
    /// A table that fails is no reason to give the others up.
    goes_on: bool,
    outcome: Outcome,
}

impl Keys {
    /// Leaves out the tables that failed, and the foreign keys that would point to them.
    fn leave_out(&mut self) {
        let (lost, folds) = (&self.lost, self.folds);
        for (number, plan) in &mut self.plans {
            if lost.iter().any(|(one, _)| one == number) {
                plan.new_foreign_keys.clear();
                continue;
            }
            let points =
                |parent: &str| lost.iter().any(|(_, name)| folded(name, folds) == folded(parent, folds));
            let (without, with): (Vec<_>, _) =
                plan.new_foreign_keys.drain(..).partition(|key| points(&key.parent));
            plan.new_foreign_keys = with;
            self.outcome.warnings.extend(without.iter().map(|key| not_added(&plan.shape.name, key)));
        }
    }

    /// Where those are that have foreign keys which must hold.
    fn constrained(&self) -> Vec<usize> {
        let holds = |at: &usize| {
            let (number, plan) = &self.plans[*at];
            plan.is_constrained() && !self.has_failed(*number)
        };
        (0..self.plans.len()).filter(holds).collect()
    }

    /// Where those are that held rows, and failed on their way.
    fn left(&self) -> Vec<usize> {
        let is_left = |at: &usize| {
            let (number, plan) = &self.plans[*at];
            let held_rows = matches!(plan.mode, TableMode::Diff | TableMode::Replace);
            held_rows && plan.is_constrained() && self.has_failed(*number)
        };
        (0..self.plans.len()).filter(is_left).collect()
    }

    fn has_failed(&self, number: i32) -> bool {
        let failed = self.outcome.findings.iter().filter_map(Finding::failed_table);
        self.lost.iter().map(|(one, _)| *one).chain(failed).any(|one| one == number)
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
                self.outcome.findings.push(Finding::AddedKeys { number, names });
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
        let wanted = self.plans[at].1.to_constrain();
        for (Orphans { key, rows }, alike) in self.orphans(context, target, source, at, &wanted).await? {
            if rows <= alike {
                continue;
            }
            let plan = &mut self.plans[at].1;
            plan.new_foreign_keys.retain(|one| one.name != key.name);
            self.outcome.warnings.push(format!(
                "table {}: the foreign key {} is not added, since {rows} rows of the target have no parent in {}; \
                 remove these rows, or bring their parents, and the next run adds it",
                plan.shape.name, key.name, key.parent
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
        let left = self.left();
        for at in self.constrained() {
            let judged = self.judged(context, target, source, at).await?;
            let told = self.set_aside(self.plans[at].0, judged)?;
            self.outcome.warnings.extend(told.into_iter().flatten());
        }
        for at in left {
            // It may lack what its keys are of; why it failed is told already.
            let name = &self.plans[at].1.shape.name;
            match self.judged(context, target, source, at).await {
                Ok(Ok(told)) => self.outcome.warnings.extend(told),
                Ok(Err(broken)) => self.outcome.warnings.push(format!(
                    "{}; {name} itself failed in this job, and keeps these rows",
                    broken.message
                )),
                Err(StepError::Failed(failure)) if !failure.is_transient() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What is to be said of the rows of a table that have no parent.
    async fn judged(
        &self,
        context: &Context,
        target: &mut dyn Writer,
        source: &mut Option<Box<dyn Reader>>,
        at: usize,
    ) -> Result<Result<Vec<String>, Failure>, StepError> {
        let plan = &self.plans[at].1;
        let found = self.orphans(context, target, source, at, &plan.constrained()).await?;
        Ok(judge(&plan.shape, &found, &|parent| self.cause(parent)))
    }

    /// The rows without a parent by the keys of the shape, which is the table's, and how many of them the
    /// source has alike.
    async fn orphans(
        &self,
        context: &Context,
        target: &mut dyn Writer,
        source: &mut Option<Box<dyn Reader>>,
        at: usize,
        shape: &TableShape,
    ) -> Result<Vec<(Orphans, u64)>, StepError> {
        let plan = &self.plans[at].1;
        let mut found = Vec::new();
        for orphans in target.orphans(shape).await? {
            context.check_lease()?;
            let source = match &mut *source {
                Some(open) => open,
                none => {
                    let open = none.insert(context.source_reader().await?);
                    open.begin_snapshot(None).await?;
                    open
                }
            };
            let named = self.named(&orphans.key.parent).map(|(_, plan)| plan.shape.name.as_str());
            let alike = alike::alike(&mut **source, target, plan, &orphans.key, named).await?;
            found.push((orphans, alike));
        }
        Ok(found)
    }

    /// The job's table that the target's server knows by this name.
    fn named(&self, name: &str) -> Option<&(i32, TablePlan)> {
        let same = |plan: &TablePlan| folded(&plan.shape.name, self.folds) == folded(name, self.folds);
        self.plans.iter().find(|(_, plan)| same(plan))
    }

    /// Why rows may lack their parents in this table.
    fn cause(&self, parent: &str) -> Cause {
        let same = |name: &str| folded(name, self.folds) == folded(parent, self.folds);
        if self.lost.iter().any(|(_, name)| same(name)) {
            return Cause::Failed;
        }
        match self.named(parent) {
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
                self.outcome.findings.push(Finding::FailedTable { number, failure });
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
    Err(Failure::permanent(FailureCode::ForeignKeyBroken, format!(
            "table {place}, which the task leaves out: {} rows came or lost their parent in {parent} (foreign key \
             {key}) while the job ran",
            orphans - before
        )).with_hint("add the table to the task, or remove these rows on the target"))
}

#[cfg(test)]
mod tests {
    use super::{Bystander, bereaved};
    use crate::engine::children::Child;
    use crate::steps::sync::plan::fake;

    #[test]
    fn bystanders_may_keep_what_they_lacked_before_and_it_is_told() {
        let child =
            Child { schema: Some("other".to_owned()), table: "c".to_owned(), key: fake::points_to("p") };
        let bystander = Bystander { child, parent: 0, own: None, orphans: 3, endangered: true };
        let told = |orphans| bereaved(&bystander, orphans).map_err(|failure| failure.code.to_string());
        assert_eq!(told(0), Ok(None));
        for orphans in [1, 3] {
            let told = told(orphans).ok().flatten().unwrap_or_default();
            assert!(told.contains(&format!("other.c, which the task leaves out: {orphans} rows")), "{told}");
        }
        assert_eq!(told(4), Err("foreign_key_broken".to_owned()));
    }
}
