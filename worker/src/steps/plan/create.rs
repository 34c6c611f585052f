//! The tables that the target lacks are made, without their indexes and foreign keys.

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::step::TableMode;
use longshore_shared::domain::sync::OnMismatch;
use longshore_shared::failpoint::{Failpoint, reach};
use serde_json::Value;

use super::layout::Laid;
use super::refuse;
use crate::engine::Writer;
use crate::engine::shape::ForeignKey;
use crate::steps::context::Context;
use crate::steps::error::StepError;
use crate::steps::table::written;

/// Makes the missing tables; their order does not matter, foreign keys come last of all. Those that
/// the server refuses fail the plan, each by name, and nothing that was made stays; or, where the
/// task goes on without them, become refused tables. Answers warnings.
pub(super) async fn create(
    context: &Context,
    target: &mut dyn Writer,
    laid: &mut [Laid],
) -> Result<Vec<String>, StepError> {
    let (mut made, mut refused) = (Vec::new(), Vec::new());
    for (at, table) in laid.iter().enumerate() {
        let Some(plan) = table.plan.as_ref().filter(|plan| plan.mode == TableMode::Create) else { continue };
        context.check_lease()?;
        match target.create_table(&plan.shape).await {
            Ok(true) => made.push(at),
            Ok(false) => {}
            Err(failure) if failure.is_of_table() && !failure.is_transient() => refused.push((at, failure)),
            Err(failure) => return Err(failure.into()),
        }
        reach(Failpoint::PlanAfterCreate).await?;
    }
    match context.spec().on_mismatch {
        OnMismatch::Fail if !refused.is_empty() => {
            let made: Vec<&Laid> = made.iter().filter_map(|&at| laid.get(at)).collect();
            Err(undone(target, &made, &refused).await.into())
        }
        OnMismatch::Fail | OnMismatch::Continue => Ok(go_without(laid, refused)?),
    }
}

/// Takes away what was made; answers why, and what could not be taken away.
async fn undone(target: &mut dyn Writer, made: &[&Laid], refused: &[(usize, Failure)]) -> Failure {
    let mut left = Vec::new();
    for plan in made.iter().rev().filter_map(|table| table.plan.as_ref()) {
        if let Err(failure) = target.remove_made(&plan.shape).await {
            left.push(format!("{} stays, empty ({})", plan.shape.name, failure.message));
        }
    }
    let failures: Vec<&Failure> = refused.iter().map(|(_, failure)| failure).collect();
    let mut failure = refuse::all(&failures).unwrap_or_else(refuse::undecided);
    if !left.is_empty() {
        failure.message = format!("{}; of the tables that were made {}", failure.message, left.join(", "));
    }
    failure
}

/// Takes refused tables out of the plan, and the foreign keys that would point to them.
fn go_without(laid: &mut [Laid], refused: Vec<(usize, Failure)>) -> Result<Vec<String>, Failure> {
    let mut names = Vec::with_capacity(refused.len());
    for (at, failure) in refused {
        let Some(table) = laid.get_mut(at) else { continue };
        names.push(table.draft.name.to_lowercase());
        let draft = &mut table.draft;
        (draft.mode, draft.plan, draft.failure) = (TableMode::Refused, Value::Null, Some(failure));
        (draft.rows_total, draft.bytes_total) = (0, 0);
        (table.plan, table.ranges, table.prune_ranges) = (None, Vec::new(), Vec::new());
    }
    let mut warnings = Vec::new();
    for table in laid {
        let Some(plan) = &mut table.plan else { continue };
        let points = |key: &ForeignKey| names.contains(&key.parent.to_lowercase());
        let (without, with): (Vec<_>, _) = plan.new_foreign_keys.drain(..).partition(points);
        plan.new_foreign_keys = with;
        if !without.is_empty() {
            table.draft.plan = written(plan)?;
            warnings.extend(without.iter().map(|key| not_added(&plan.shape.name, key)));
        }
    }
    Ok(warnings)
}

/// A foreign key is left out since its parent table failed.
pub(in crate::steps) fn not_added(table: &str, key: &ForeignKey) -> String {
    format!(
        "table {table}: the foreign key {} is not added, since its parent table {} failed; the next run that has both \
         adds it",
        key.name, key.parent
    )
}

#[cfg(test)]
mod tests {
    use longshore_shared::domain::failure::{Failure, FailureClass};
    use longshore_shared::domain::step::TableMode;

    use super::super::fake::{plan, points_to, shape};
    use super::super::tests::laid;
    use super::go_without;
    use crate::steps::table::TablePlan;

    #[test]
    #[expect(clippy::unwrap_used, reason = "a test")]
    fn a_refused_table_takes_its_foreign_keys_with_it_and_no_other_table() {
        let child = TablePlan {
            new_foreign_keys: vec![points_to("P"), points_to("q")],
            ..plan(shape("c"), TableMode::Create)
        };
        let mut tables = vec![
            laid(0, plan(shape("p"), TableMode::Create), 1, 0),
            laid(1, child, 1, 0),
            laid(2, plan(shape("q"), TableMode::Fill), 1, 0),
        ];
        let failure = Failure::permanent(FailureClass::SchemaMismatch, "x", "no", "x");
        let warnings = go_without(&mut tables, vec![(0, failure)]).unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        for word in ["table c:", "to_P", "not added"] {
            assert!(warnings[0].contains(word), "{warnings:?}");
        }
        assert_eq!((tables[0].draft.mode, tables[0].plan.is_none()), (TableMode::Refused, true));
        assert!(tables[0].draft.failure.is_some() && tables[0].ranges.is_empty());
        let left: TablePlan = serde_json::from_value(tables[1].draft.plan.clone()).unwrap();
        assert_eq!(left.new_foreign_keys.len(), 1);
        assert_eq!(tables[2].draft.mode, TableMode::Fill);
    }
}
