//! Tables of the target's server that point to the job's tables and whose rows may stay when their
//! parents go: those that the job does not write, and those that it writes in part; and tables whose
//! rows may come without their parents.

use longshore_shared::domain::failure::FailureClass;
use longshore_shared::domain::step::TableMode;
use longshore_shared::domain::sync::{ConflictPolicy, OnMismatch, SyncSpec};

use super::layout::Laid;
use crate::engine::Reader;
use crate::engine::children::{Child, Children};
use crate::engine::shape::{ForeignKey, TableShape};
use crate::steps::error::StepError;
use crate::steps::sync::area::folded;
use crate::steps::sync::context::Context;
use crate::steps::sync::table::{Bystander, Newcomer, TablePlan};

/// What was found of them.
#[derive(Debug, Default)]
pub(super) struct Bystanders {
    /// With what they lack before the job.
    pub(super) found: Vec<Bystander>,
    /// Foreign keys of the job's tables whose new rows may lack parents.
    pub(super) newcomers: Vec<Newcomer>,
    /// The target's server does not tell names of tables apart by case.
    pub(super) folds: bool,
}

/// The bystanders, and warnings about those that the account cannot look at.
pub(super) async fn bystanders(
    context: &Context,
    children: Children,
    laid: &[Laid],
    target: &mut dyn Reader,
) -> Result<(Bystanders, Vec<String>), StepError> {
    let (spec, folds) = (context.spec(), children.folds);
    let written = Written::of(laid, folds);
    let mut warnings = told(context, &children, &written);
    let mut found = Vec::new();
    for child in children.seen {
        let Some((parent, above)) = written.named(&child.key.parent) else { continue };
        let endangered = endangers(spec, above, &child);
        let own = child.schema.is_none().then(|| written.named(&child.table)).flatten();
        if let Some((number, plan)) = own {
            if endangered && keeps(spec, above, plan) {
                found.push(Bystander { child, parent, own: Some(number), orphans: 0, endangered });
            }
            continue;
        }
        match target.orphans_of(&child).await {
            Ok(orphans) => {
                if endangered || orphans > 0 {
                    found.push(Bystander { child, parent, own: None, orphans, endangered });
                }
            }
            Err(failure) if failure.class == FailureClass::PermissionError => {
                warnings.extend(endangered.then(|| unread(context, &child)));
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    let newcomers = newcomers(spec, &written, laid);
    Ok((Bystanders { found, newcomers, folds }, warnings))
}

/// Foreign keys by which rows may come whose parents do not: these are outside the job, or outside the
/// condition on their table. If there is one, and tables may fail alone, so are all others.
fn newcomers(spec: &SyncSpec, written: &Written<'_>, laid: &[Laid]) -> Vec<Newcomer> {
    let refused = |name: &str| {
        let same = |one: &&Laid| folded(&one.draft.name, written.folds) == folded(name, written.folds);
        laid.iter().filter(|one| one.plan.is_none()).find(same).map(|one| one.draft.number)
    };
    let of_table = |(child, plan): &(i32, &TablePlan)| {
        let child = *child;
        let newcomer = move |key: ForeignKey| (child, key);
        plan.constrained().foreign_keys.into_iter().map(newcomer).collect::<Vec<_>>()
    };
    let mut found: Vec<(Newcomer, bool)> = Vec::new();
    for (child, key) in written.plans.iter().flat_map(of_table) {
        let above = key.parent_schema.is_none().then(|| written.named(&key.parent)).flatten();
        let suspect = above.is_none_or(|(_, above)| above.shape.filter.is_some());
        let own = || key.parent_schema.is_none().then(|| refused(&key.parent)).flatten();
        let parent = above.map(|(number, _)| number).or_else(own);
        found.push((Newcomer { child, key, parent }, suspect));
    }
    let all = spec.on_mismatch == OnMismatch::Continue && found.iter().any(|(_, suspect)| *suspect);
    found.into_iter().filter(|(_, suspect)| all || *suspect).map(|(newcomer, _)| newcomer).collect()
}

/// The tables that the job writes, found by the names that the target's server knows them by.
struct Written<'a> {
    plans: Vec<(i32, &'a TablePlan)>,
    folds: bool,
}

impl<'a> Written<'a> {
    fn of(laid: &'a [Laid], folds: bool) -> Self {
        let plans = laid.iter().filter_map(|laid| Some((laid.draft.number, laid.plan.as_ref()?)));
        Self { plans: plans.filter(|(_, plan)| plan.is_written()).collect(), folds }
    }

    fn named(&self, name: &str) -> Option<(i32, &'a TablePlan)> {
        let same = |plan: &TablePlan| folded(&plan.shape.name, self.folds) == folded(name, self.folds);
        self.plans.iter().find(|(_, plan)| same(plan)).copied()
    }
}

/// Whether the job keeps rows of a table that it writes while their parents go, or may do so. Else all
/// of them are as on the source in the end, or the job fails as a whole and the next run goes on.
fn keeps(spec: &SyncSpec, parent: &TablePlan, child: &TablePlan) -> bool {
    let held_rows = matches!(child.mode, TableMode::Diff | TableMode::Replace);
    let is_partial = parent.shape.filter.is_some() || child.shape.filter.is_some() || !child.deletes();
    let may_fail = spec.on_mismatch == OnMismatch::Continue;
    held_rows && (is_partial || may_fail || spec.policy == ConflictPolicy::TargetFirst)
}

/// Whether what the job does to the parent can take a row's parent away.
fn endangers(spec: &SyncSpec, parent: &TablePlan, child: &Child) -> bool {
    match parent.mode {
        TableMode::Replace => true,
        TableMode::Diff => {
            let updates = spec.policy == ConflictPolicy::SourceFirst;
            parent.prunes || updates && !is_by_key(&parent.shape, child)
        }
        TableMode::Create | TableMode::Fill | TableMode::Equal | TableMode::Refused | TableMode::Dump => {
            false
        }
    }
}

/// Whether the child points to just the columns that the parent's rows are addressed by, which no
/// update changes.
pub(in crate::steps) fn is_by_key(parent: &TableShape, child: &Child) -> bool {
    let Some(key) = &parent.key else { return false };
    let pointed = &child.key.parent_columns;
    key.columns.len() == pointed.len()
        && key.columns.iter().all(|&at| {
            let column = parent.columns.get(at);
            column.is_some_and(|column| pointed.iter().any(|name| name.eq_ignore_ascii_case(&column.name)))
        })
}

/// What is to be said of children that nobody can count.
fn told(context: &Context, children: &Children, written: &Written<'_>) -> Vec<String> {
    let is_in_danger = |child: &&Child| {
        let parent = written.named(&child.key.parent);
        parent.is_some_and(|(_, plan)| endangers(context.spec(), plan, child))
    };
    let mut warnings: Vec<String> =
        children.unseen.iter().filter(is_in_danger).map(|child| unread(context, child)).collect();
    // That somebody points to other columns than the key, from another database, is rare enough not to
    // be warned of in every run that updates.
    if children.is_blind && written.plans.iter().any(|(_, plan)| plan.deletes()) {
        warnings.push(format!(
            "the account of connection {} does not see every table of its server: whether tables of other databases \
             point to rows that this job deletes is not known; grant it PROCESS, or SELECT on those databases, to be \
             told",
            context.target().name
        ));
    }
    warnings
}

fn unread(context: &Context, child: &Child) -> String {
    format!(
        "table {} points to {}, whose rows this job deletes or changes, and the account of connection {} may not read \
         it: its rows may lose their parent; grant SELECT on it, so that they are counted before",
        child.place(),
        child.key.parent,
        context.target().name
    )
}

#[cfg(test)]
mod tests {
    use longshore_shared::domain::step::TableMode;
    use longshore_shared::domain::sync::{ConflictPolicy, OnMismatch, SyncSpec};

    use super::super::fake::{plan, points_to, shape, spec};
    use super::super::tests::laid;
    use super::{Child, TablePlan, TableShape, Written, endangers, keeps};

    #[test]
    fn who_may_lose_a_parent() {
        let by_key = Child { schema: None, table: "c".to_owned(), key: points_to("p") };
        let mut by_code = by_key.clone();
        by_code.key.parent_columns = vec!["code".to_owned()];
        for (mode, prunes, policy, child, expected) in [
            (TableMode::Diff, true, ConflictPolicy::TargetFirst, &by_key, true),
            (TableMode::Diff, false, ConflictPolicy::SourceFirst, &by_key, false),
            (TableMode::Diff, false, ConflictPolicy::SourceFirst, &by_code, true),
            (TableMode::Diff, false, ConflictPolicy::TargetFirst, &by_code, false),
            (TableMode::Replace, false, ConflictPolicy::SourceFirst, &by_key, true),
            (TableMode::Create, false, ConflictPolicy::SourceFirst, &by_code, false),
            (TableMode::Equal, false, ConflictPolicy::SourceFirst, &by_code, false),
        ] {
            let parent = TablePlan { prunes, ..plan(shape("p"), mode) };
            let spec = SyncSpec { policy, ..spec() };
            assert_eq!(endangers(&spec, &parent, child), expected, "{mode} {prunes} {policy}");
        }
    }

    #[test]
    fn n02_of_which_tables_the_job_keeps_rows() {
        let source_first = spec();
        let continues = SyncSpec { on_mismatch: OnMismatch::Continue, ..spec() };
        let target_first = SyncSpec { policy: ConflictPolicy::TargetFirst, ..spec() };
        let whole = |mode| TablePlan { prunes: mode == TableMode::Diff, ..plan(shape("c"), mode) };
        let some = |mode| {
            let filter = serde_json::from_value("id < 5".into()).ok();
            TablePlan { shape: TableShape { filter, ..shape("c") }, ..whole(mode) }
        };
        let (diff, replace, create) = (TableMode::Diff, TableMode::Replace, TableMode::Create);
        let grows = TablePlan { prunes: false, ..whole(diff) };
        for (spec, parent, child, expected) in [
            (&source_first, whole(diff), whole(diff), false),
            (&source_first, whole(diff), whole(replace), false),
            (&source_first, whole(diff), some(diff), true),
            (&source_first, whole(diff), some(replace), true),
            (&source_first, some(diff), whole(diff), true),
            (&source_first, whole(diff), grows, true),
            (&target_first, whole(diff), whole(diff), true),
            (&continues, whole(diff), whole(diff), true),
            (&continues, whole(diff), some(create), false),
        ] {
            assert_eq!(keeps(spec, &parent, &child), expected, "{spec:?} {:?}", child.mode);
        }
    }

    #[test]
    fn n02_names_are_told_apart_as_the_target_does() {
        let laid = [
            laid(0, plan(shape("p"), TableMode::Diff), 1, 0),
            laid(1, plan(shape("c"), TableMode::Diff), 1, 0),
        ];
        for (folds, name, expected) in
            [(false, "c", Some(1)), (false, "C", None), (true, "C", Some(1)), (true, "d", None)]
        {
            let found = Written::of(&laid, folds).named(name).map(|(number, _)| number);
            assert_eq!(found, expected, "{folds} {name}");
        }
    }
}
