//! What is done to many tables of a group at once. Each wave answers the tables that are to be treated one by one.

use std::time::Instant;

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::step::{Counts, TableMode, Travelled};
use longshore_shared::failpoint::{Failpoint, reach};

use super::{Group, Loaded, Small, proven};
use crate::engine::shape::{Digest, Range, TableShape};
use crate::engine::{Loaded as Sent, Reader, Writer};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;
use crate::steps::sync::table::TablePlan;
use crate::steps::sync::{doubt, index};
use crate::transfer::{pump, whole};

impl Group<'_> {
    /// Loads tables that hold no row, in one transaction, and finishes them. Storage without transactions would keep
    /// what one that fails has sent: such tables travel apart.
    pub(super) async fn load(&mut self, tables: Vec<Small>) -> Result<Vec<Small>, StepError> {
        let (new, mut apart): (Vec<_>, Vec<_>) =
            tables.into_iter().partition(|table| table.plan.shape.keeps_versions);
        if new.is_empty() {
            return Ok(apart);
        }
        let context = self.context;
        let before = context.meter().counts();
        let loaded = async {
            let (source, target) = self.sessions().await?;
            let sent = send(context, source, target, &new).await?;
            source.release_locks().await?;
            Ok::<_, StepError>(sent)
        };
        match loaded.await {
            Ok(sent) => {
                let loaded = new.into_iter().zip(sent);
                let loaded = loaded.map(|(table, (counts, since))| Loaded { table, counts, since });
                self.finish(loaded.collect()).await?;
            }
            Err(error) => {
                // None of them is there; one by one it shows whose trouble it is.
                self.recovers(error)?;
                context.meter().returns_to(before);
                apart.extend(new);
            }
        }
        Ok(apart)
    }

    /// Compares whole tables, and puts down those that are equal and want nothing else.
    pub(super) async fn compare(&mut self, tables: Vec<Small>) -> Result<Vec<Small>, StepError> {
        let since = Instant::now();
        let Some(found) = self.digests(tables.iter().map(|table| &table.plan)).await? else {
            return Ok(tables);
        };
        let (mut loaded, mut apart) = (Vec::new(), Vec::new());
        for (table, (ours, theirs)) in tables.into_iter().zip(found) {
            let rows = whole(ours.rows);
            if ours != theirs {
                apart.push(table);
            } else if matches!(table.plan.mode, TableMode::Create | TableMode::Fill) {
                // A former attempt of this very step has loaded it.
                let counts = Counts { rows, inserted: rows, ..Counts::default() };
                self.context.meter().add(counts);
                loaded.push(Loaded { table, counts, since });
            } else if table.plan.raises || !table.plan.new_indexes.is_empty() {
                apart.push(table);
            } else {
                let counts = Counts { rows, unchanged: rows, ..Counts::default() };
                self.context.meter().add(counts);
                self.put_down(table.number, (counts, false), since, proven(&table.plan, ours.rows));
            }
        }
        self.finish(loaded).await?;
        Ok(apart)
    }

    /// Builds what loaded tables lack, refreshes their statistics, and compares both sides.
    async fn finish(&mut self, loaded: Vec<Loaded>) -> Result<(), StepError> {
        let (lacking, whole): (Vec<_>, Vec<_>) = loaded.into_iter().partition(|one| lacks(&one.table.plan));
        let mut ready = Vec::new();
        for one in lacking {
            let built = async {
                let (_, target) = self.sessions().await?;
                index::build(target, &one.table.plan).await
            };
            match built.await {
                Ok(()) => ready.push(one),
                Err(error) => self.sets_aside(&one, error)?,
            }
        }
        ready.extend(self.analyse(whole).await?);
        let Some(found) = self.digests(ready.iter().map(|one| &one.table.plan)).await? else {
            return self.verify_each(ready).await;
        };
        let mut unequal = Vec::new();
        for (one, (ours, theirs)) in ready.into_iter().zip(found) {
            if ours == theirs {
                let verified = proven(&one.table.plan, ours.rows);
                self.put_down(one.table.number, (one.counts, wrote(&one)), one.since, verified);
            } else {
                unequal.push(one);
            }
        }
        self.verify_each(unequal).await
    }

    async fn verify_each(&mut self, tables: Vec<Loaded>) -> Result<(), StepError> {
        for one in tables {
            self.verify(&one.table, (one.counts, wrote(&one)), one.since).await?;
        }
        Ok(())
    }

    /// Refreshes statistics; answers the tables for which the server could.
    async fn analyse(&mut self, tables: Vec<Loaded>) -> Result<Vec<Loaded>, StepError> {
        let shapes: Vec<&TableShape> = tables.iter().map(|one| &one.table.plan.shape).collect();
        let analysed = async {
            let (_, target) = self.sessions().await?;
            Ok::<_, StepError>(target.analyse(&shapes).await?)
        };
        let Err(error) = analysed.await else { return Ok(tables) };
        self.recovers(error)?;
        let mut ready = Vec::new();
        for one in tables {
            let analysed = async {
                let (_, target) = self.sessions().await?;
                Ok::<_, StepError>(target.analyse(&[&one.table.plan.shape]).await?)
            };
            match analysed.await {
                Ok(()) => ready.push(one),
                Err(error) => self.sets_aside(&one, error)?,
            }
        }
        Ok(ready)
    }

    /// A table with all its rows fails on its way to its end.
    fn sets_aside(&mut self, one: &Loaded, error: StepError) -> Result<(), StepError> {
        let failure: Failure = self.recovers(error)?;
        self.drop_down(one.table.number, (one.counts, wrote(one)), one.since);
        self.fails(one.table.number, failure)
    }

    /// Both sides' checksums of whole tables; `None`: one could not be had, and each is to be looked at by itself.
    async fn digests<'p>(
        &mut self,
        plans: impl Iterator<Item = &'p TablePlan>,
    ) -> Result<Option<Vec<(Digest, Digest)>>, StepError> {
        let shapes: Vec<&TableShape> = plans.map(|plan| &plan.shape).collect();
        if shapes.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let hash = self.context.hash();
        let found = async {
            let (source, target) = self.sessions().await?;
            let found = futures::try_join!(source.digests(&shapes, hash), target.digests(&shapes, hash))?;
            source.release_locks().await?;
            Ok::<_, StepError>(found)
        };
        match found.await {
            Ok((ours, theirs)) => Ok(Some(ours.into_iter().zip(theirs).collect())),
            Err(error) => self.recovers(error).map(|_| None),
        }
    }
}

/// Sends the rows of all tables and commits them; answers what was counted for each, and since when.
async fn send(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    tables: &[Small],
) -> Result<Vec<(Counts, Instant)>, StepError> {
    let meter = context.meter();
    let mut came = Vec::with_capacity(tables.len());
    target.begin().await?;
    for Small { plan, .. } in tables {
        let (since, before) = (Instant::now(), meter.counts());
        let Sent { rows, doubt } = pump(source, target, &plan.shape, &Range::ALL, meter).await?;
        doubt::settle(source, target, &plan.shape, &Range::ALL, doubt).await?;
        came.push((Counts { inserted: whole(rows), ..meter.counts() - before }, since));
    }
    reach(Failpoint::TogetherBeforeCommit).await?;
    context.check_lease()?;
    meter.commits_together(tables.iter().map(|table| table.number).collect());
    meter.commits(true);
    target.commit().await?;
    // From here on to the end of this function nobody can stop it: what was committed is told.
    for (Small { number, .. }, (counts, since)) in tables.iter().zip(&came) {
        meter.add(Counts { inserted: counts.inserted, ..Counts::default() });
        let seconds = since.elapsed().as_secs_f64();
        let (number, counts, wrote) = (*number, *counts, counts.writes() > 0);
        meter.puts_down(Travelled { number, counts, wrote, seconds, ..Travelled::default() });
    }
    meter.commits(false);
    meter.commits_together(Vec::new());
    reach(Failpoint::TogetherAfterCommit).await?;
    Ok(came)
}

/// Whether a loaded table lacks more than statistics. What it gives next it was made with, if it was made whole; it is asked
/// all the same: its server may have begun anew since.
fn lacks(plan: &TablePlan) -> bool {
    !plan.new_indexes.is_empty() || plan.shape.auto_increment.is_some_and(|next| next > 1)
}

fn wrote(one: &Loaded) -> bool {
    one.counts.writes() > 0
}
