//! What is done about a load of which a server says more than that it is done: it drew warnings, or
//! counted other rows than it was sent.
//!
//! Values that only a lax mode stores (an ENUM's error value, a generated column whose expression
//! warns) draw warnings whenever they are written, as they did at the source. So it is not the warning
//! that decides, but what the target has: the rows to the byte, or the load fails by the first row.

use longshore_shared::domain::failure::Failure;

use super::compare::{Comparison, digests};
use crate::engine::shape::{Range, TableShape};
use crate::engine::{Hash, Reader, Result, named};

/// Fails unless each row of the source's range is on the target as it is.
pub(super) async fn settle(
    source: &mut dyn Reader,
    target: &mut dyn Reader,
    table: &TableShape,
    range: &Range,
    doubt: Option<Failure>,
) -> Result<()> {
    let Some(doubt) = doubt else { return Ok(()) };
    let found = digests(source, target, table, range, Hash::Strong).await?;
    if found.is_some_and(|(ours, theirs)| ours == theirs) {
        return Ok(());
    }
    if table.key.is_none() {
        return Err(doubt);
    }
    let mut comparison = Comparison::new(table, range, Hash::Strong);
    while let Some(page) = comparison.next(source, target).await? {
        if let Some((key, at)) = page.first(table) {
            return Err(named::of_row(table, &key, at, &doubt));
        }
    }
    Ok(())
}
