//! Rows of a table of the job that it will leave pointing to parents that go: those outside the task's
//! condition, those that the target keeps (`target_first`), those that are not to be deleted.
//!
//! A row that the source has alike without a parent is the source's own: it may stay.

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::sync::{ConflictPolicy, SyncSpec};

use super::{Child, Loss, by_pointed};
use crate::engine::children::Pointing;
use crate::engine::shape::{Column, Key, KeyTuple, Row, TableShape};
use crate::engine::{Columns, Reader};
use crate::steps::sync::compare::PAGE_ROWS;
use crate::steps::sync::table::TablePlan;
use crate::transfer::counted;

/// A child that the job writes.
pub(super) struct Own<'a> {
    /// Its plan.
    pub(super) plan: &'a TablePlan,
    /// It failed: nothing more is written of it.
    pub(super) fails: bool,
    /// Its rows that the source does not have will be deleted.
    pub(super) deletes: bool,
}

/// Why rows of such a child stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It failed.
    Fails,
    /// They, or their parents, are outside the task's condition.
    Condition,
    /// They are the target's.
    TargetFirst,
    /// Rows that the source lacks are not deleted, or these are too many.
    Undeleted,
}

impl Why {
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Fails => "which fails in this job",
            Self::Condition => "of whose rows, or their parents', the task's conditions leave some out",
            Self::TargetFirst => "whose rows the task keeps (target_first)",
            Self::Undeleted => "of which nothing is deleted",
        }
    }

    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Fails => "see why the table fails",
            Self::Condition => "take the conditions on both tables away, or have them fit each other",
            Self::TargetFirst => "use the policy source_first",
            Self::Undeleted => {
                "have the task delete rows of the table as well (delete_extra, confirm_deletes)"
            }
        }
    }
}

impl Own<'_> {
    pub(super) fn why(&self, spec: &SyncSpec) -> Why {
        if self.fails {
            return Why::Fails;
        }
        match spec.policy {
            ConflictPolicy::TargetFirst => Why::TargetFirst,
            ConflictPolicy::SourceFirst if self.plan.prunes && !self.deletes => Why::Undeleted,
            ConflictPolicy::SourceFirst if !self.plan.deletes() && self.plan.shape.filter.is_none() => {
                Why::Undeleted
            }
            ConflictPolicy::SourceFirst => Why::Condition,
        }
    }

    /// Counts its rows that point to these rows of the parent, which go, and still will.
    pub(super) async fn kept(
        &self,
        loss: &Loss<'_>,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
        gone: &[KeyTuple],
    ) -> Result<u64, Failure> {
        let parent = &loss.plan.shape;
        if self.fails {
            return target.pointing(parent, gone, loss.child, None).await;
        }
        let Some(narrow) = narrow(&self.plan.shape, loss.child) else {
            return self.kept_of_bag(loss, source, target, gone).await;
        };
        let child = (&self.plan.shape, &loss.child.key);
        let (mut kept, mut from) = (0, 0);
        while from < gone.len() {
            let (mut after, mut covered) = (None, gone.len() - from);
            loop {
                let (rows, to) =
                    target.pointing_rows((parent, &gone[from..]), child, after.as_ref(), PAGE_ROWS).await?;
                covered = covered.min(to.max(1));
                let Some(last) = rows.last() else { break };
                after = Some(last.row.clone());
                kept += self.staying(loss, &narrow, source, target, &rows).await?;
            }
            from += covered;
        }
        Ok(kept)
    }

    /// How many of these rows of the target will point where they do.
    async fn staying(
        &self,
        loss: &Loss<'_>,
        narrow: &Narrow,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
        rows: &[Pointing],
    ) -> Result<u64, Failure> {
        let updates = loss.context.spec().policy == ConflictPolicy::SourceFirst;
        let keys: Vec<KeyTuple> = rows.iter().map(|row| row.row.clone()).collect();
        let found = source.fetch(&narrow.shape, &keys, Columns::Stored).await?;
        let (mut stay, mut extra, mut alike) = (0, Vec::new(), Vec::new());
        for (row, found) in rows.iter().zip(found) {
            match found {
                None if self.deletes => extra.push(row.row.clone()),
                Some(new) if updates => alike.extend(narrow.to(&new).filter(|to| *to == row.to)),
                _ => stay += 1,
            }
        }
        if narrow.shape.filter.is_some() && !extra.is_empty() {
            let covered = target.fetch(&narrow.shape, &extra, Columns::Key).await?;
            stay += counted(covered.iter().filter(|row| row.is_none()).count());
        }
        let parent = &loss.plan.shape;
        if parent.filter.is_some() && !alike.is_empty() {
            // The condition leaves out a parent that the source has.
            let alike: Vec<KeyTuple> =
                alike.into_iter().map(|to| KeyTuple(to.0.into_iter().flatten().collect())).collect();
            let above = by_pointed(&parent.unfiltered(), loss.child);
            stay += counted(source.held(&above, &alike).await?.iter().filter(|held| **held).count());
        }
        Ok(stay)
    }

    /// Of a table whose rows have no key, those within its condition become the source's.
    async fn kept_of_bag(
        &self,
        loss: &Loss<'_>,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
        gone: &[KeyTuple],
    ) -> Result<u64, Failure> {
        let (parent, table) = (&loss.plan.shape, &self.plan.shape);
        let mut kept = 0;
        if let Some(filter) = &table.filter {
            let all = target.pointing(parent, gone, loss.child, None).await?;
            kept += all.saturating_sub(target.pointing(parent, gone, loss.child, Some(filter)).await?);
        }
        if parent.filter.is_some() && loss.pointed.is_none() {
            let mut child = loss.child.clone();
            child.table.clone_from(&table.name);
            kept += source.pointing(&parent.unfiltered(), gone, &child, table.filter.as_ref()).await?;
        }
        Ok(kept)
    }
}

/// A table with no other columns than its key's and those that it points by.
pub(super) struct Narrow {
    /// The table.
    pub(super) shape: TableShape,
    /// Where the latter are.
    by: Vec<usize>,
}

impl Narrow {
    /// What a row points to.
    pub(super) fn to(&self, row: &Row) -> Option<Row> {
        self.by.iter().map(|&at| row.0.get(at).cloned()).collect::<Option<_>>().map(Row)
    }
}

/// `None`: the table has no key.
pub(super) fn narrow(table: &TableShape, child: &Child) -> Option<Narrow> {
    let key = table.key.as_ref()?;
    let find = |name: &String| table.columns.iter().position(|one| one.name.eq_ignore_ascii_case(name));
    let by: Vec<usize> = child.key.columns.iter().map(find).collect::<Option<_>>()?;
    let mut wanted: Vec<usize> = key.columns.iter().chain(&by).copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let place = |at: &usize| wanted.iter().position(|one| one == at);
    let moved = |places: &[usize]| places.iter().filter_map(place).collect::<Vec<_>>();
    let (key, by) = (Key { columns: moved(&key.columns), ..key.clone() }, moved(&by));
    let columns = wanted.iter().filter_map(|&at| table.columns.get(at).cloned());
    // They are only read, whoever computes them.
    let columns = columns.map(|column| Column { generated: false, ..column });
    Some(Narrow { shape: TableShape { columns: columns.collect(), key: Some(key), ..table.clone() }, by })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::steps::sync::plan::fake;

    #[test]
    fn n02_of_a_child_only_what_it_points_by_is_read() {
        let child = Child { schema: None, table: "c".to_owned(), key: fake::points_to("p") };
        let mut table = fake::shape("c");
        table.columns.insert(0, fake::column("wide"));
        table.key.as_mut().unwrap().columns = vec![1];
        let narrow = narrow(&table, &child).unwrap();
        let names: Vec<_> = narrow.shape.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!((names, narrow.by), (vec!["id", "code"], vec![1]));
        assert_eq!(narrow.shape.key.unwrap().columns, [0]);
        assert!(super::narrow(&TableShape { key: None, ..table }, &child).is_none());
    }
}
