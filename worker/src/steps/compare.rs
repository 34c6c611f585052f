//! Two sides of a range, row by row, in the source's key order.
//!
//! Equality of keys is the target server's, equality of rows is that of bytes. Memory is
//! bounded by one page of either side.

use crate::engine::shape::{Digest, KeyTuple, Range, Row, TableShape};
use crate::engine::{Columns, Hash, Reader, Result};

/// Rows a page at most; the engine makes it fewer where rows are large.
pub(super) const PAGE_ROWS: u32 = 1_000;

/// A page of the source, sorted by what the target has.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Rows that the target lacks.
    pub(super) missing: Vec<Row>,
    /// Rows that the target has with other content, as the source has them.
    pub(super) differing: Vec<Row>,
    /// How many rows are equal.
    pub(super) unchanged: u64,
    /// How many rows the page had.
    pub(super) rows: u64,
    /// Bytes of the source's values.
    pub(super) bytes: u64,
}

/// Where a comparison stands.
pub(super) struct Comparison<'a> {
    table: &'a TableShape,
    range: &'a Range,
    after: Option<KeyTuple>,
}

impl<'a> Comparison<'a> {
    /// Of the range of a table with a key.
    pub(super) fn new(table: &'a TableShape, range: &'a Range) -> Self {
        Self { table, range, after: None }
    }

    /// The next page; `None`: the range is through.
    pub(super) async fn next(
        &mut self,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
    ) -> Result<Option<Page>> {
        let rows =
            source.page(self.table, self.range, self.after.as_ref(), PAGE_ROWS, Columns::Stored).await?;
        let keys: Vec<KeyTuple> = rows.iter().filter_map(|row| self.table.key_of(row)).collect();
        let Some(last) = keys.last() else { return Ok(None) };
        let found = target.fetch(self.table, &keys, Columns::Stored).await?;
        self.after = Some(last.clone());
        Ok(Some(sorted(rows, found)))
    }
}

fn sorted(rows: Vec<Row>, found: Vec<Option<Row>>) -> Page {
    let mut page = Page::default();
    for (row, there) in rows.into_iter().zip(found) {
        page.rows += 1;
        page.bytes += size(&row);
        match there {
            None => page.missing.push(row),
            Some(there) if there == row => page.unchanged += 1,
            Some(_) => page.differing.push(row),
        }
    }
    page
}

fn size(row: &Row) -> u64 {
    row.0.iter().flatten().map(|value| u64::try_from(value.len()).unwrap_or(u64::MAX)).sum()
}

/// Both sides' digests of a range, computed at the same time; `None` where a range does
/// not mean the same rows on both sides.
pub(super) async fn digests(
    source: &mut dyn Reader,
    target: &mut dyn Reader,
    table: &TableShape,
    range: &Range,
    hash: Hash,
) -> Result<Option<(Digest, Digest)>> {
    let same_rows = *range == Range::ALL || table.key.as_ref().is_some_and(|key| key.same_order);
    if !same_rows {
        return Ok(None);
    }
    futures::try_join!(source.digest(table, range, hash), target.digest(table, range, hash)).map(Some)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Row, sorted};

    fn row(values: &[Option<&'static str>]) -> Row {
        Row(values.iter().map(|v| v.map(|v| Bytes::from_static(v.as_bytes()))).collect())
    }

    #[test]
    fn null_and_empty_are_not_equal() {
        let rows = vec![
            row(&[Some("1"), None]),
            row(&[Some("2"), Some("")]),
            row(&[Some("3"), Some("abc")]),
            row(&[Some("4"), None]),
        ];
        let found = vec![
            Some(row(&[Some("1"), Some("")])),
            Some(row(&[Some("2"), None])),
            Some(row(&[Some("3"), Some("abc")])),
            None,
        ];
        let page = sorted(rows, found);
        assert_eq!((page.rows, page.unchanged, page.bytes), (4, 1, 7));
        assert_eq!(page.differing.len(), 2);
        assert_eq!(page.missing, [row(&[Some("4"), None])]);
    }
}
