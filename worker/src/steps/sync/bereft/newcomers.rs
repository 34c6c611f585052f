//! Rows that are yet to come and would have no parent on the target: it is outside the job, outside the
//! task's condition on its table, or its table fails.
//!
//! A row that the source has without a parent itself may come; so may one that the target has already,
//! pointing to the same. Of a parent whose values `target_first` keeps, and of one that is updated to other
//! values than the child's, only the proof of the foreign keys afterwards tells.

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::step::TableMode;
use longshore_shared::domain::sync::ConflictPolicy;

use super::kept::{Narrow, narrow};
use super::{Child, Looking, by_pointed};
use crate::engine::children::Pointing;
use crate::engine::shape::{ForeignKey, KeyTuple, TableShape};
use crate::engine::{Columns, Reader, named};
use crate::steps::sync::compare::PAGE_ROWS;
use crate::steps::sync::table::{Newcomer, TablePlan};

/// So many rows are counted; that there are more is said.
const MOST: u64 = 10_000;

/// Rows of one child that would come without a parent.
#[derive(Debug)]
pub(super) struct Parentless {
    /// The child.
    pub(super) table: String,
    /// Its foreign key.
    pub(super) key: ForeignKey,
    /// How many rows; from [`MOST`] on at least so many.
    pub(super) rows: u64,
    /// The first of them, by its key, if the table has one.
    pub(super) first: Option<String>,
    /// Why the parents will not be there.
    pub(super) absent: Absent,
}

impl Parentless {
    /// The rows, counted.
    pub(super) fn counted(&self) -> String {
        if self.rows < MOST { self.rows.to_string() } else { format!("at least {MOST}") }
    }
}

/// Why parents of rows that come will not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// The task leaves their table out.
    LeftOut,
    /// The task's condition on their table leaves them out.
    Condition,
    /// Their table fails.
    Fails,
}

/// What of a table's new rows by one foreign key would have no parent, if any.
pub(super) async fn parentless(
    looking: &Looking<'_>,
    source: &mut dyn Reader,
    target: &mut dyn Reader,
    newcomer: &Newcomer,
) -> Result<Option<Parentless>, Failure> {
    let Newcomer { child, key, parent } = newcomer;
    let plan = looking.plan(*child).filter(|_| !looking.failed.contains(child));
    let Some(plan) = plan else { return Ok(None) };
    let above = parent.and_then(|number| looking.plan(number));
    let is_held = plan.old_foreign_keys.iter().any(|one| one.name == key.name);
    let absent = match (parent, above) {
        // A key that the target does not have yet is left out with its parent.
        (Some(number), _) if looking.failed.contains(number) && !is_held => return Ok(None),
        (Some(number), _) if looking.failed.contains(number) => Absent::Fails,
        (_, Some(above)) if above.shape.filter.is_some() => Absent::Condition,
        (_, Some(_)) => return Ok(None),
        (_, None) => Absent::LeftOut,
    };
    let covers = above.filter(|_| absent == Absent::Condition);
    let within = covers.and_then(|above| above.shape.filter.as_ref());
    // As the source calls it.
    let parent = above.map_or(&key.parent, |above| &above.shape.name).clone();
    let of_source = ForeignKey { parent, ..key.clone() };
    let coming = Coming { looking, plan, key, of_source: &of_source };
    let mut found =
        Parentless { table: plan.shape.name.clone(), key: key.clone(), rows: 0, first: None, absent };
    let mut after = None;
    while found.rows < MOST {
        let values =
            source.pointed_beyond(&plan.shape, &of_source, within, after.as_ref(), PAGE_ROWS).await?;
        let Some(last) = values.last() else { break };
        after = Some(last.clone());
        let lacking = coming.lacking(target, values, covers).await?;
        coming.count(source, target, &lacking, &mut found).await?;
    }
    Ok((found.rows > 0).then_some(found))
}

/// A table whose rows come.
struct Coming<'a> {
    looking: &'a Looking<'a>,
    plan: &'a TablePlan,
    /// As the target calls the parent.
    key: &'a ForeignKey,
    of_source: &'a ForeignKey,
}

impl Coming<'_> {
    /// Those of the values that no row of the target has, or will keep. What the condition on the parent
    /// (`covers`) covers on the target and not on the source is deleted, where the task deletes.
    async fn lacking(
        &self,
        target: &mut dyn Reader,
        values: Vec<KeyTuple>,
        covers: Option<&TablePlan>,
    ) -> Result<Vec<KeyTuple>, Failure> {
        let mut there = target.has_parents(&self.plan.shape, self.key, &values).await?;
        if let Some(above) = covers.filter(|above| above.deletes()) {
            let child = Child { schema: None, table: self.plan.shape.name.clone(), key: self.key.clone() };
            let goes = target.held(&by_pointed(&above.shape, &child), &values).await?;
            there.iter_mut().zip(goes).for_each(|(there, goes)| *there &= !goes);
        }
        Ok(values.into_iter().zip(there).filter(|(_, there)| !there).map(|(value, _)| value).collect())
    }

    /// Counts the rows that would come to these values.
    async fn count(
        &self,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
        values: &[KeyTuple],
        found: &mut Parentless,
    ) -> Result<(), Failure> {
        let table = &self.plan.shape;
        let child = Child { schema: None, table: table.name.clone(), key: self.key.clone() };
        let narrow = narrow(table, &child);
        let bag = narrow.is_none().then(|| by_own(table, self.key));
        let table = bag.as_ref().unwrap_or(table);
        let mut from = 0;
        while from < values.len() && found.rows < MOST {
            let (mut after, mut covered) = (None, values.len() - from);
            while found.rows < MOST {
                let (rows, to) = source
                    .pointing_by(table, self.of_source, &values[from..], after.as_ref(), PAGE_ROWS)
                    .await?;
                covered = covered.min(to.max(1));
                let Some(last) = rows.last() else { break };
                after = Some(last.row.clone());
                match &narrow {
                    Some(narrow) => self.add_new(narrow, target, &rows, found).await?,
                    None => self.add_more(table, target, &rows, found).await?,
                }
            }
            from += covered;
        }
        Ok(())
    }

    /// Adds those rows that the target does not have, or that are changed to point there.
    async fn add_new(
        &self,
        narrow: &Narrow,
        target: &mut dyn Reader,
        rows: &[Pointing],
        found: &mut Parentless,
    ) -> Result<(), Failure> {
        let keys: Vec<KeyTuple> = rows.iter().map(|row| row.row.clone()).collect();
        let theirs = match self.plan.mode {
            TableMode::Create | TableMode::Fill => vec![None; keys.len()],
            _ => target.fetch(&narrow.shape.unfiltered(), &keys, Columns::Stored).await?,
        };
        let updates = self.looking.context.spec().policy == ConflictPolicy::SourceFirst;
        for (row, theirs) in rows.iter().zip(theirs) {
            let comes = theirs.is_none_or(|theirs| updates && narrow.to(&theirs).as_ref() != Some(&row.to));
            if comes {
                found.rows += 1;
                found.first.get_or_insert_with(|| named::row(&self.plan.shape, &row.row));
            }
        }
        Ok(())
    }

    /// Adds, of a table whose rows have no key, those that the target has fewer of.
    async fn add_more(
        &self,
        table: &TableShape,
        target: &mut dyn Reader,
        rows: &[Pointing],
        found: &mut Parentless,
    ) -> Result<(), Failure> {
        let values: Vec<KeyTuple> = rows.iter().map(|row| row.row.clone()).collect();
        let mut theirs = 0;
        let mut from = 0;
        while from < values.len() {
            let (there, to) =
                target.pointing_by(&table.unfiltered(), self.key, &values[from..], None, PAGE_ROWS).await?;
            theirs += there.iter().map(|row| row.rows).sum::<u64>();
            from += to.max(1);
        }
        let ours: u64 = rows.iter().map(|row| row.rows).sum();
        found.rows += ours.saturating_sub(theirs);
        Ok(())
    }
}

/// The table, addressed by the columns that it points by.
fn by_own(table: &TableShape, key: &ForeignKey) -> TableShape {
    let up = ForeignKey { parent_columns: key.columns.clone(), ..key.clone() };
    by_pointed(table, &Child { schema: None, table: table.name.clone(), key: up })
}
