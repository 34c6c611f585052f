//! Tables of the target's server that the job does not write and that point to its tables.

use longshore_shared::domain::failure::FailureClass;
use longshore_shared::domain::step::TableMode;
use longshore_shared::domain::sync::{ConflictPolicy, SyncSpec};

use super::layout::Laid;
use crate::engine::Reader;
use crate::engine::children::{Child, Children};
use crate::engine::shape::TableShape;
use crate::steps::context::Context;
use crate::steps::error::StepError;
use crate::steps::table::{Bystander, TablePlan};

/// The bystanders with what they lack before the job, and warnings about those that the account
/// cannot look at.
pub(super) async fn bystanders(
    context: &Context,
    children: Children,
    laid: &[Laid],
    target: &mut dyn Reader,
) -> Result<(Vec<Bystander>, Vec<String>), StepError> {
    let plans: Vec<&TablePlan> = laid.iter().filter_map(|laid| laid.plan.as_ref()).collect();
    let mut warnings = told(context, &children, &plans);
    let mut found = Vec::new();
    for child in children.seen {
        let Some(parent) = plans.iter().find(|plan| plan.is_named(&child.key.parent)) else { continue };
        let is_own = child.schema.is_none()
            && plans.iter().any(|plan| plan.is_written() && plan.is_named(&child.table));
        if is_own || !parent.is_written() {
            continue;
        }
        match target.orphans_of(&child).await {
            Ok(orphans) => {
                let endangered = endangers(context.spec(), parent, &child);
                if endangered || orphans > 0 {
                    found.push(Bystander { child, orphans, endangered });
                }
            }
            Err(failure) if failure.class == FailureClass::PermissionError => {
                warnings.extend(unread(context, &child.place(), &parent.shape.name, parent.deletes()));
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok((found, warnings))
}

/// Whether what the job does to the parent can take a row's parent away.
fn endangers(spec: &SyncSpec, parent: &TablePlan, child: &Child) -> bool {
    match parent.mode {
        TableMode::Replace => true,
        TableMode::Diff => {
            let updates = spec.policy == ConflictPolicy::SourceFirst;
            parent.prunes || updates && !is_by_key(&parent.shape, child)
        }
        TableMode::Create | TableMode::Fill | TableMode::Equal | TableMode::Refused => false,
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
fn told(context: &Context, children: &Children, plans: &[&TablePlan]) -> Vec<String> {
    let deleting: Vec<&&TablePlan> = plans.iter().filter(|plan| plan.deletes()).collect();
    let mut warnings: Vec<String> = children
        .unseen
        .iter()
        .filter(|(_, parent)| deleting.iter().any(|plan| plan.is_named(parent)))
        .filter_map(|(child, parent)| unread(context, child, parent, true))
        .collect();
    if children.is_blind && !deleting.is_empty() {
        warnings.push(format!(
            "the account of connection {} does not see every table of its server: whether tables of other databases \
             point to rows that this job deletes is not known; grant it PROCESS, or SELECT on those databases, to be \
             told",
            context.target().name
        ));
    }
    warnings
}

fn unread(context: &Context, child: &str, parent: &str, deletes: bool) -> Option<String> {
    deletes.then(|| {
        format!(
            "table {child} points to {parent}, from which this job deletes, and the account of connection {} may not \
             read it: its rows may lose their parent; grant SELECT on it, so that they are counted before",
            context.target().name
        )
    })
}

#[cfg(test)]
mod tests {
    use longshore_shared::domain::step::TableMode;
    use longshore_shared::domain::sync::{ConflictPolicy, SyncSpec};

    use super::super::fake::{plan, points_to, shape, spec};
    use super::{Child, TablePlan, endangers};

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
}
