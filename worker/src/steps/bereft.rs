//! What tables outside the job would lose: their rows whose parents the job is about to delete, or
//! to give other values, are counted before it writes anything.
//!
//! Idempotent: it only reads. What comes to such a table after it was counted, the proof of the
//! foreign keys finds.

use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::step::{Outcome, StepKind, TableMode};
use longshore_shared::domain::sync::ConflictPolicy;

use super::compare::{PAGE_ROWS, digests};
use super::context::Context;
use super::error::StepError;
use super::plan::is_by_key;
use super::table::{Bystander, Counted, TablePlan, read};
use crate::engine::children::Child;
use crate::engine::shape::{Key, KeyTuple, Range, Row, TableShape};
use crate::engine::{Columns, Reader};

pub(super) async fn check(context: &Context, bystanders: &[Bystander]) -> Result<Outcome, StepError> {
    let plans = context.numbered_plans().await?;
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_reader())?;
    source.freeze().await?;
    let mut lost = Vec::new();
    for bystander in bystanders.iter().filter(|bystander| bystander.endangered) {
        let child = &bystander.child;
        let parent = plans.iter().find(|(_, plan)| plan.is_named(&child.key.parent));
        let Some((number, plan)) = parent.filter(|(_, plan)| plan.mode == TableMode::Diff) else { continue };
        let loss = Loss { context, plan, child, pointed: pointed(&plan.shape, child) };
        let mut rows = 0;
        for range in ranges(context, *number, &loss).await? {
            rows += loss.of(&mut *source, &mut *target, &range).await?;
        }
        if rows > 0 {
            lost.push((child, rows));
        }
    }
    source.thaw().await?;
    match lost.is_empty() {
        true => Ok(Outcome::default()),
        false => Err(would_lose(&lost).into()),
    }
}

/// The parent's rows are replaced in a transaction that is still open: fails if rows of a table
/// outside the job have lost theirs by it.
pub(super) async fn check_replaced(target: &mut dyn Reader, bystanders: &[Bystander]) -> Result<(), Failure> {
    let mut lost = Vec::new();
    for Bystander { child, orphans, .. } in bystanders {
        let rows = target.orphans_of(child).await?.saturating_sub(*orphans);
        if rows > 0 {
            lost.push((child, rows));
        }
    }
    if lost.is_empty() { Ok(()) } else { Err(would_lose(&lost)) }
}

fn would_lose(lost: &[(&Child, u64)]) -> Failure {
    let each = |(child, rows): &(&Child, u64)| {
        format!(
            "{rows} rows of table {}, which the task leaves out, point to rows of {} that the source does not have \
             (foreign key {})",
            child.place(),
            child.key.parent,
            child.key.name
        )
    };
    let each: Vec<String> = lost.iter().map(each).collect();
    Failure::permanent(
        FailureClass::DataError,
        "children_would_be_orphaned",
        format!("{}; they would lose their parents, so nothing was deleted", each.join("; ")),
        "add the table to the task, or remove these rows of it on the target first",
    )
}

/// Where rows of the parent may go: what was counted and has some, or everywhere.
async fn ranges(context: &Context, number: i32, loss: &Loss<'_>) -> Result<Vec<Range>, StepError> {
    if !loss.plan.prunes {
        return Ok(vec![Range::ALL]);
    }
    let told = context.details_of(number, &[StepKind::Prune]).await?;
    let counted = told.iter().filter(|told| !told.is_null()).map(|told| read::<Counted>(told, "outcome"));
    let counted = counted.collect::<Result<Vec<_>, Failure>>()?;
    let suspect = counted.into_iter().filter(|counted| counted.extra > 0 || loss.pointed.is_some());
    Ok(suspect.map(|counted| counted.range).collect())
}

/// The parent as addressed by the columns that the child points to, unless that is its key.
fn pointed(parent: &TableShape, child: &Child) -> Option<TableShape> {
    if is_by_key(parent, child) {
        return None;
    }
    let at = |name: &String| parent.columns.iter().position(|one| one.name.eq_ignore_ascii_case(name));
    let columns: Vec<usize> = child.key.parent_columns.iter().filter_map(at).collect();
    let key = Key { name: child.key.name.clone(), columns, walkable: false, same_order: false };
    Some(TableShape { key: Some(key), ..parent.clone() })
}

/// What of one parent's rows one child would lose.
struct Loss<'a> {
    context: &'a Context,
    plan: &'a TablePlan,
    child: &'a Child,
    /// As [`pointed`] says.
    pointed: Option<TableShape>,
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
        let (mut rows, mut after) = (0, None);
        loop {
            let page = target.page(table, range, after.as_ref(), PAGE_ROWS, columns).await?;
            let page: Vec<(KeyTuple, Row)> =
                page.into_iter().filter_map(|row| Some((self.key(&row)?, row))).collect();
            let Some((last, _)) = page.last() else { return Ok(rows) };
            after = Some(last.clone());
            let gone = self.gone(source, page, columns).await?;
            if !gone.is_empty() {
                rows += target.pointing(table, &gone, self.child).await?;
            }
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
        let (mut gone, mut values) = (Vec::new(), Vec::new());
        for ((key, row), found) in page.into_iter().zip(found) {
            // A NULL is pointed to by nothing.
            let Some(value) = pointed.key_of(&row) else { continue };
            let stays = match found {
                None => !self.plan.prunes,
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
    use super::{Child, pointed, would_lose};
    use crate::steps::plan::fake;

    fn child(schema: Option<&str>, columns: &[&str]) -> Child {
        let mut key = fake::points_to("p");
        key.parent_columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Child { schema: schema.map(str::to_owned), table: "c".to_owned(), key }
    }

    #[test]
    fn all_children_are_named_with_their_numbers() {
        let (here, there) = (child(None, &["id"]), child(Some("other"), &["id"]));
        let message = would_lose(&[(&here, 3), (&there, 1)]).message;
        for word in
            ["3 rows of table c,", "1 rows of table other.c,", "foreign key to_p", "nothing was deleted"]
        {
            assert!(message.contains(word), "{word}: {message}");
        }
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
