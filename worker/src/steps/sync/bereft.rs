//! What rows would lose that stay when their parents go: rows of tables outside the job, and of its own
//! tables those that it keeps; and rows that come without a parent. They are counted before it writes
//! anything.
//!
//! Idempotent: it only reads. What comes to such a table after it was counted, the proof of the
//! foreign keys finds.

mod kept;
mod newcomers;
mod refusal;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::step::{Finding, Outcome, StepKind, TableMode};
use longshore_shared::domain::sync::{ConflictPolicy, OnMismatch};

use self::kept::Own;
use self::newcomers::{Parentless, parentless};
use self::refusal::{Lost, would_lose};
use super::compare::{PAGE_ROWS, digests};
use super::plan::is_by_key;
use super::table::{Bystander, Counted, KeysPayload, Newcomer, TablePlan};
use crate::engine::children::Child;
use crate::engine::shape::{Key, KeyTuple, Range, Row, TableShape};
use crate::engine::{Columns, Reader};
use crate::steps::attempt::read;
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;

/// Fails if rows would lose their parents, or come without; where the job goes on without tables that fail,
/// those whose rows go fail, or those to which the rows come.
pub(super) async fn check(context: &Context, payload: &KeysPayload) -> Result<Outcome, StepError> {
    let KeysPayload { bystanders, newcomers, .. } = payload;
    let goes_on = context.spec().on_mismatch == OnMismatch::Continue;
    let failed = context.failed_tables().await?.into_iter().map(|(number, _)| number).collect();
    let mut looking = Looking { context, plans: context.numbered_plans().await?, failed };
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_reader())?;
    source.begin_snapshot(None).await?;
    let mut outcome = Outcome::default();
    let mut losing: Vec<&Bystander> = bystanders.iter().filter(|bystander| bystander.endangered).collect();
    let mut coming: Vec<&Newcomer> = newcomers.iter().collect();
    while !losing.is_empty() || !coming.is_empty() {
        let (mut lost, mut without): (BTreeMap<i32, Vec<Lost>>, BTreeMap<i32, Vec<Parentless>>) =
            Default::default();
        for bystander in losing {
            let found = looking.lost(&mut *source, &mut *target, bystander).await?;
            found.into_iter().for_each(|found| lost.entry(bystander.parent).or_default().push(found));
        }
        for newcomer in coming {
            let found = parentless(&looking, &mut *source, &mut *target, newcomer).await?;
            found.into_iter().for_each(|found| without.entry(newcomer.child).or_default().push(found));
        }
        let of = |number: &i32| {
            let lost: Vec<_> = lost.get(number).into_iter().flatten().collect();
            refusal::all(&lost, &without.get(number).into_iter().flatten().collect::<Vec<_>>())
        };
        let fails: BTreeSet<i32> = lost.keys().chain(without.keys()).copied().collect();
        if !goes_on && !fails.is_empty() {
            let lost: Vec<_> = lost.values().flatten().collect();
            let all = refusal::all(&lost, &without.values().flatten().collect::<Vec<_>>());
            return all.map_or(Ok(outcome), |failure| Err(failure.into()));
        }
        let failed = |number: &i32| Some(Finding::FailedTable { number: *number, failure: of(number)? });
        outcome.findings.extend(fails.iter().filter_map(failed));
        looking.failed.extend(&fails);
        // A table that fails keeps its rows, which may point to others' that go, and gets none, to which
        // others' may point.
        losing = bystanders.iter().filter(|one| one.own.is_some_and(|own| fails.contains(&own))).collect();
        coming = newcomers.iter().filter(|one| one.parent.is_some_and(|up| fails.contains(&up))).collect();
    }
    source.end_snapshot().await?;
    Ok(outcome)
}

/// What the look at the bystanders goes by.
struct Looking<'a> {
    context: &'a Context,
    plans: Vec<(i32, TablePlan)>,
    /// Tables that have failed: nothing more is written of them.
    failed: Vec<i32>,
}

impl Looking<'_> {
    fn plan(&self, number: i32) -> Option<&TablePlan> {
        self.plans.iter().find(|(one, _)| *one == number).map(|(_, plan)| plan)
    }

    /// What rows of one child would lose, if any would.
    async fn lost(
        &self,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
        bystander: &Bystander,
    ) -> Result<Option<Lost>, StepError> {
        let (child, number) = (&bystander.child, bystander.parent);
        let plan = self.plan(number).filter(|plan| plan.mode == TableMode::Diff);
        let Some(plan) = plan.filter(|_| !self.failed.contains(&number)) else { return Ok(None) };
        let own = match bystander.own.and_then(|own| Some((own, self.plan(own)?))) {
            Some((own, child)) => Some(self.own(own, child).await?),
            None => None,
        };
        let loss = Loss { context: self.context, plan, child, pointed: pointed(&plan.shape, child), own };
        let mut rows = 0;
        for range in ranges(self.context, number, &loss).await? {
            rows += loss.of(source, target, &range).await?;
        }
        let why = loss.own.as_ref().map(|own| own.why(self.context.spec()));
        Ok((rows > 0).then(|| Lost { child: child.clone(), rows, why }))
    }

    async fn own<'p>(&self, number: i32, plan: &'p TablePlan) -> Result<Own<'p>, StepError> {
        let counted = counted(self.context, number).await?;
        let sum = |of: fn(&Counted) -> u64| counted.iter().map(of).sum::<u64>();
        let may = self.context.spec().may_delete(sum(|counted| counted.extra), sum(|counted| counted.rows));
        Ok(Own { plan, fails: self.failed.contains(&number), deletes: plan.prunes && may })
    }
}

/// What rows of each child outside the job point to that is not there, and how many do.
pub(super) async fn missing(
    target: &mut dyn Reader,
    bystanders: &[Bystander],
) -> Result<Vec<HashMap<KeyTuple, u64>>, Failure> {
    let mut found = Vec::with_capacity(bystanders.len());
    for Bystander { child, .. } in bystanders {
        found.push(target.missing(child).await?);
    }
    Ok(found)
}

/// The parent's rows are replaced in a transaction that is still open: fails if rows of a table
/// outside the job have lost theirs by it, which was `before`.
pub(super) async fn check_replaced(
    target: &mut dyn Reader,
    bystanders: &[Bystander],
    before: &[HashMap<KeyTuple, u64>],
) -> Result<(), Failure> {
    let after = missing(target, bystanders).await?;
    let mut lost = Vec::new();
    for ((Bystander { child, .. }, before), after) in bystanders.iter().zip(before).zip(after) {
        let new =
            after.into_iter().map(|(to, rows)| rows.saturating_sub(before.get(&to).copied().unwrap_or(0)));
        let rows = new.sum();
        if rows > 0 {
            lost.push(Lost { child: child.clone(), rows, why: None });
        }
    }
    if lost.is_empty() { Ok(()) } else { Err(would_lose(&lost.iter().collect::<Vec<_>>())) }
}

/// What was counted of the table's ranges.
async fn counted(context: &Context, number: i32) -> Result<Vec<Counted>, StepError> {
    let told = context.details_of(number, &[StepKind::Prune]).await?;
    let counted = told.iter().filter(|told| !told.is_null()).map(|told| read(told, "outcome"));
    Ok(counted.collect::<Result<_, Failure>>()?)
}

/// Where rows of the parent may go: what was counted and has some, or everywhere.
async fn ranges(context: &Context, number: i32, loss: &Loss<'_>) -> Result<Vec<Range>, StepError> {
    if !loss.plan.prunes {
        return Ok(vec![Range::ALL]);
    }
    let counted = counted(context, number).await?.into_iter();
    let suspect = counted.filter(|counted| counted.extra > 0 || loss.pointed.is_some());
    Ok(suspect.map(|counted| counted.range).collect())
}

/// The parent as addressed by the columns that the child points to, unless that is its key.
fn pointed(parent: &TableShape, child: &Child) -> Option<TableShape> {
    (!is_by_key(parent, child)).then(|| by_pointed(parent, child))
}

/// The parent as addressed by the columns that the child points to, in their order there.
fn by_pointed(parent: &TableShape, child: &Child) -> TableShape {
    let at = |name: &String| parent.columns.iter().position(|one| one.name.eq_ignore_ascii_case(name));
    let columns: Vec<usize> = child.key.parent_columns.iter().filter_map(at).collect();
    TableShape { key: Some(Key::looked_up(&child.key.name, columns)), ..parent.clone() }
}

/// What of one parent's rows one child would lose.
struct Loss<'a> {
    context: &'a Context,
    plan: &'a TablePlan,
    child: &'a Child,
    /// As [`pointed`] says.
    pointed: Option<TableShape>,
    /// The child, where the job writes it.
    own: Option<Own<'a>>,
}

impl Loss<'_> {
    /// Counts the child's rows whose parents in this range go, or get other values.
    async fn of(
        &self,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
        range: &Range,
    ) -> Result<u64, StepError> {
        let table = &self.plan.shape;
        let found = digests(source, target, table, range, self.context.hash()).await?;
        if found.is_some_and(|(ours, theirs)| ours == theirs) {
            return Ok(0);
        }
        let columns = if self.pointed.is_some() { Columns::Stored } else { Columns::Key };
        // An update comes to rows too that the condition leaves out on the target only.
        let theirs = if self.pointed.is_some() { table.unfiltered() } else { Cow::Borrowed(table) };
        let (mut rows, mut after) = (0, None);
        loop {
            let page = target.page(&theirs, range, after.as_ref(), PAGE_ROWS, columns).await?;
            let page: Vec<(KeyTuple, Row)> =
                page.into_iter().filter_map(|row| Some((self.key(&row)?, row))).collect();
            let Some((last, _)) = page.last() else { return Ok(rows) };
            after = Some(last.clone());
            let gone = self.gone(source, target, page, columns).await?;
            if gone.is_empty() {
                continue;
            }
            rows += match &self.own {
                Some(own) => own.kept(self, source, target, &gone).await?,
                None => target.pointing(table, &gone, self.child, None).await?,
            };
        }
    }

    fn key(&self, row: &Row) -> Option<KeyTuple> {
        match self.pointed {
            Some(_) => self.plan.shape.key_of(row),
            None => row.0.iter().cloned().collect::<Option<Vec<_>>>().map(KeyTuple),
        }
    }

    /// Which of these rows of the target will not be there any more as they are pointed to.
    async fn gone(
        &self,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
        page: Vec<(KeyTuple, Row)>,
        columns: Columns,
    ) -> Result<Vec<KeyTuple>, Failure> {
        let keys: Vec<KeyTuple> = page.iter().map(|(key, _)| key.clone()).collect();
        let found = source.fetch(&self.plan.shape, &keys, columns).await?;
        let Some(pointed) = &self.pointed else {
            return Ok(keys
                .into_iter()
                .zip(found)
                .filter(|(_, row)| row.is_none())
                .map(|(key, _)| key)
                .collect());
        };
        let updates = self.context.spec().policy == ConflictPolicy::SourceFirst;
        let covered = match self.plan.prunes && self.plan.shape.filter.is_some() {
            true => target.fetch(&self.plan.shape, &keys, Columns::Key).await?,
            false => Vec::new(),
        };
        let is_left_out = |at: usize| covered.get(at).is_some_and(Option::is_none);
        let (mut gone, mut values) = (Vec::new(), Vec::new());
        for (at, ((key, row), found)) in page.into_iter().zip(found).enumerate() {
            // A NULL is pointed to by nothing.
            let Some(value) = pointed.key_of(&row) else { continue };
            let stays = match found {
                None => !self.plan.prunes || is_left_out(at),
                Some(new) => !updates || pointed.key_of(&new).as_ref() == Some(&value),
            };
            if !stays {
                gone.push(key);
                values.push(value);
            }
        }
        // Another row of the source may bring the value.
        let held = source.held(pointed, &values).await?;
        Ok(gone.into_iter().zip(held).filter(|(_, held)| !held).map(|(key, _)| key).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Child, pointed};
    use crate::steps::sync::plan::fake;

    fn child(schema: Option<&str>, columns: &[&str]) -> Child {
        let mut key = fake::points_to("p");
        key.parent_columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Child { schema: schema.map(str::to_owned), table: "c".to_owned(), key }
    }

    #[test]
    fn what_is_pointed_to() {
        let parent = fake::shape("p");
        assert_eq!(pointed(&parent, &child(None, &["ID"])), None);
        let by_code = pointed(&parent, &child(None, &["code"])).and_then(|shape| shape.key);
        assert_eq!(by_code.map(|key| key.columns), Some(vec![1]));
        assert!(pointed(&parent, &child(None, &["id", "code"])).is_some());
    }
}
