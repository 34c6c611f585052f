//! Whether the point shows the tables that were planned.
//!
//! Rows are read by the names of the columns that the plan saw: one that came between plan and point
//! would be left out without a word. A change behind the point shows here as well, and to readers.

use longshore_shared::domain::failure::{Failure, FailureCode};

use crate::engine::shape::TableShape;
use crate::engine::{Driver, Reader};
use crate::steps::attempt::{Attempt, Side};
use crate::steps::error::StepError;

/// Fails by name if a table of the source is not as it was planned. Where only one session may be
/// open, it is the holder's, which looks by itself.
pub(super) async fn check(attempt: &Attempt, side: &Side, planned: &[TableShape]) -> Result<(), StepError> {
    if side.connection.max_sessions == Some(1) {
        return Ok(());
    }
    let mut source = attempt.inspector(side).await?;
    let suspects = suspects(planned, &source.redefined(planned).await?);
    let found = source.shapes(&names(&suspects)).await?;
    Ok(compare(side.driver(), &suspects, &found)?)
}

/// As [`check`], by the session that sees the point, which keeps no lock of it.
pub(super) async fn check_by(
    session: &mut dyn Reader,
    driver: &dyn Driver,
    planned: &[TableShape],
) -> Result<(), Failure> {
    let suspects = suspects(planned, &session.described_otherwise(planned).await?);
    let found = session.described(&names(&suspects)).await?;
    session.release_locks().await?;
    compare(driver, &suspects, &found)
}

/// The tables whose definitions are not what they were: of thousands hardly any, and only these are looked at whole.
fn suspects<'a>(planned: &'a [TableShape], redefined: &[bool]) -> Vec<&'a TableShape> {
    planned.iter().zip(redefined).filter(|(_, redefined)| **redefined).map(|(table, _)| table).collect()
}

fn names(planned: &[&TableShape]) -> Vec<String> {
    planned.iter().map(|table| table.name.clone()).collect()
}

fn compare(driver: &dyn Driver, planned: &[&TableShape], found: &[TableShape]) -> Result<(), Failure> {
    let pairs = planned.iter().zip(found).filter(|(planned, found)| is_altered(driver, planned, found));
    let altered: Vec<&str> = pairs.map(|(planned, _)| planned.name.as_str()).collect();
    if altered.is_empty() {
        return Ok(());
    }
    Err(Failure::permanent(
        FailureCode::StructureChanged,
        format!("the structure of the source changed after the plan: {}", altered.join(", ")),
    ))
}

/// Whether rows would be read or found otherwise: as two sides are told apart, and other storage may
/// keep no versions.
fn is_altered(driver: &dyn Driver, planned: &TableShape, found: &TableShape) -> bool {
    planned.storage != found.storage || !driver.compare(planned, found).is_empty()
}

#[cfg(test)]
mod tests {
    use longshore_shared::domain::connection::Engine;

    use super::{TableShape, is_altered};
    use crate::engine;
    use crate::steps::sync::fake::{column, index, shape};

    #[test]
    fn what_reads_rows_otherwise_is_an_alteration() {
        let changed = |change: &dyn Fn(&mut TableShape)| {
            let mut found = shape("t");
            change(&mut found);
            is_altered(engine::of(Engine::Mysql), &shape("t"), &found)
        };
        assert!(!changed(&|_| {}));
        assert!(!changed(&|t| t.indexes.push(index("code", false))));
        assert!(changed(&|t| t.columns.push(column("more"))));
        assert!(changed(&|t| t.columns.truncate(1)));
        assert!(changed(&|t| t.columns[1].name = "other".to_owned()));
        assert!(changed(&|t| t.columns[1].full_type = "bigint".to_owned()));
        assert!(changed(&|t| t.columns[1].generated = true));
        assert!(changed(&|t| t.key = None));
        assert!(changed(&|t| t.storage = "MyISAM".to_owned()));
    }
}
