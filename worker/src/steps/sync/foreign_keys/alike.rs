//! Rows without a parent that the source has just so.
//!
//! They are told apart by their keys and by what they point to, never by their number: rows that the job
//! has bereft are none of the source's, however many the source has of its own. Rows of a table
//! without a key are told apart by what they point to.

use longshore_shared::domain::failure::Failure;

use crate::engine::Reader;
use crate::engine::shape::{ForeignKey, Key, KeyTuple, TableShape};
use crate::steps::sync::compare::PAGE_ROWS;
use crate::steps::sync::table::TablePlan;

/// How many of the target's rows without a parent by this key the source has alike; `parent`: as the source
/// calls it. None where the source lacks such a column at all.
pub(super) async fn alike(
    source: &mut dyn Reader,
    target: &mut dyn Reader,
    plan: &TablePlan,
    key: &ForeignKey,
    parent: Option<&str>,
) -> Result<u64, Failure> {
    let table = addressed(&plan.shape, key);
    let parent = parent.unwrap_or(&key.parent).to_owned();
    let of_source = ForeignKey { parent, ..key.clone() };
    let (mut rows, mut after) = (0, None);
    loop {
        let page = target.orphaned(&table, key, after.as_ref(), PAGE_ROWS).await?;
        let Some(last) = page.last() else { return Ok(rows) };
        after = Some(last.row.clone());
        let keys: Vec<KeyTuple> = page.iter().map(|one| one.row.clone()).collect();
        let found = match source.orphaned_among(&table, &of_source, &keys).await {
            Err(failure) if !failure.is_transient() => return Ok(0),
            other => other?,
        };
        for (theirs, ours) in page.iter().zip(found) {
            let same = ours.filter(|ours| plan.shape.key.is_none() || ours.to == theirs.to);
            rows += same.map_or(0, |ours| ours.rows.min(theirs.rows));
        }
    }
}

/// The table, addressed by what it points by where it has no key.
fn addressed(table: &TableShape, key: &ForeignKey) -> TableShape {
    let find = |name: &String| table.columns.iter().position(|one| one.name.eq_ignore_ascii_case(name));
    let columns: Vec<usize> = key.columns.iter().filter_map(find).collect();
    let by = || Key::looked_up(&key.name, columns);
    TableShape { key: table.key.clone().or_else(|| Some(by())), ..table.clone() }
}
