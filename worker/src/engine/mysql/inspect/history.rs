//! What a table with history (MariaDB's `WITH SYSTEM VERSIONING`) has beside its rows.

use super::super::super::shape::Column;
use super::super::structure::parse::Definition;

/// Takes out the columns that hold the start and the end of a row's time, and the end out of the
/// unique keys that the server adds it to: it is the same in all current rows, another one on each
/// release (2038, 2106), and nobody may write it.
pub(super) fn leave_out(parts: &mut Definition, columns: &mut Vec<Column>) {
    let bounds: Vec<String> =
        parts.columns.iter().filter(|item| item.is_bound).map(|item| item.name.clone()).collect();
    if bounds.is_empty() {
        return;
    }
    columns.retain(|column| !bounds.contains(&column.name));
    for key in parts.keys.iter_mut().filter(|key| key.unique) {
        key.parts.retain(|part| part.column.as_ref().is_none_or(|name| !bounds.contains(name)));
    }
    // A key of these columns alone tells no current rows apart.
    parts.keys.retain(|key| !key.parts.is_empty());
}
