//! Whether the point shows the tables that were planned.
//!
//! Rows are read by the names of the columns that the plan saw: one that came between plan and point
//! would be left out without a word. A change behind the point shows here as well, and to readers.

use longshore_shared::domain::failure::{Failure, FailureClass};

use crate::engine::shape::TableShape;
use crate::steps::context::Context;
use crate::steps::error::StepError;

/// Fails by name if a table of the source is not as it was planned.
pub(super) async fn check(context: &Context, planned: &[TableShape]) -> Result<(), StepError> {
    let names: Vec<String> = planned.iter().map(|table| table.name.clone()).collect();
    let found = context.source_inspector().await?.shapes(&names).await?;
    let altered: Vec<&str> = planned
        .iter()
        .zip(&found)
        .filter(|(planned, found)| is_altered(planned, found))
        .map(|(planned, _)| planned.name.as_str())
        .collect();
    if altered.is_empty() {
        return Ok(());
    }
    Err(Failure::permanent(
        FailureClass::SchemaMismatch,
        "structure_changed",
        format!("the structure of the source changed after the plan: {}", altered.join(", ")),
        "run it again",
    )
    .into())
}

/// Whether rows would be read or found otherwise.
fn is_altered(planned: &TableShape, found: &TableShape) -> bool {
    let key = |table: &TableShape| table.key.as_ref().map(|key| (key.name.clone(), key.columns.clone()));
    let same = planned.columns.len() == found.columns.len()
        && planned.columns.iter().zip(&found.columns).all(|(a, b)| {
            (&a.name, &a.full_type, a.nullable, &a.charset, &a.collation, a.generated, &a.expression)
                == (&b.name, &b.full_type, b.nullable, &b.charset, &b.collation, b.generated, &b.expression)
        })
        && planned.storage == found.storage
        && key(planned) == key(found);
    !same
}

#[cfg(test)]
mod tests {
    use super::is_altered;
    use crate::engine::shape::TableShape;
    use crate::steps::plan::fake::{column, index, shape};

    #[test]
    fn what_reads_rows_otherwise_is_an_alteration() {
        let planned = || shape("t");
        let changed = |change: &dyn Fn(&mut TableShape)| {
            let mut found = planned();
            change(&mut found);
            is_altered(&planned(), &found)
        };
        assert!(!changed(&|_| {}));
        assert!(!changed(&|t| t.indexes.push(index("code", false))));
        assert!(!changed(&|t| t.columns[1].default = Some("7".to_owned())));
        assert!(changed(&|t| t.columns.push(column("more"))));
        assert!(changed(&|t| t.columns.truncate(1)));
        assert!(changed(&|t| t.columns[1].name = "other".to_owned()));
        assert!(changed(&|t| t.columns[1].full_type = "bigint".to_owned()));
        assert!(changed(&|t| t.columns[1].generated = true));
        assert!(changed(&|t| t.key = None));
        assert!(changed(&|t| t.storage = "MyISAM".to_owned()));
    }
}
