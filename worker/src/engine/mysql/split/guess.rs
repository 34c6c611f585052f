//! Ranges of a large table whose key is one integer, cut where numbers between its smallest and
//! its largest key lie, not where rows do.
//!
//! To walk a key costs as much as to read it. How many rows lie between two numbers the index
//! estimates without reading them (`EXPLAIN`, which looks into the tree, not into statistics), and
//! parts that hold too many are cut again. Estimates decide sizes only: the ranges follow each
//! other and the outer ones are open, so every row is in one of them, wherever keys are.

use bytes::Bytes;

use super::super::super::Result;
use super::super::super::shape::{Family, KeyTuple, Range, TableShape};
use super::super::quote::ident;
use super::super::select;
use super::super::session::{Session, number_at, optional_at};
use super::super::{bounds, walk};
use super::doing;

/// Tables of fewer chunks, as far as statistics know, are walked: that is soon done, and exact.
const LARGE: u64 = 8;
/// A part may hold so many times the rows of a chunk before it is cut again.
const EXCESS: u64 = 2;
/// Estimates that a table is worth; a key whose numbers lie at odd places is walked instead.
const MOST_LOOKS: usize = 20_000;
/// Parts that a part is cut into at most.
const MOST_PARTS: u64 = 1_000;

/// Keys from `start` on, up to where the next part starts, and how many rows these may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    start: i128,
    rows: u64,
}

/// The ranges and about how many rows they hold; `None`: the table is to be walked.
pub(super) async fn split(s: &mut Session, t: &TableShape, rows: u64) -> Result<Option<(Vec<Range>, u64)>> {
    let [key] = select::key(t)?[..] else { return Ok(None) };
    if key.family != Family::Integer || estimate(s, t, &Range::ALL).await? < rows.saturating_mul(LARGE) {
        return Ok(None);
    }
    let name = ident(&key.name);
    let ends = s.rows(format!("SELECT MIN({name}), MAX({name}) FROM {}", ident(&t.name)), &doing(t)).await?;
    let end =
        |at| ends.first().and_then(|row| optional_at(row, at)).and_then(|text| text.parse::<i128>().ok());
    let (Some(first), Some(last)) = (end(0), end(1)) else { return Ok(None) };
    let mut open = vec![(first, last + 1)];
    let (mut parts, mut looks) = (Vec::new(), 0);
    while let Some((from, to)) = open.pop() {
        looks += 1;
        if looks > MOST_LOOKS {
            return Ok(None);
        }
        let range = Range { from: Some(tuple(from)), to: Some(tuple(to)) };
        let there = estimate(s, t, &range).await?;
        let cuts = cuts(from, to, there, rows);
        if cuts.is_empty() {
            parts.push(Part { start: from, rows: there });
            continue;
        }
        // The last one that is put there is taken first: from left to right.
        let starts = std::iter::once(from).chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain(std::iter::once(to));
        let pieces: Vec<_> = starts.zip(ends).collect();
        open.extend(pieces.into_iter().rev());
    }
    let total = parts.iter().map(|part| part.rows).sum();
    Ok(Some((ranges(&merged(&parts, rows)), total)))
}

/// Where a part that holds so many rows is cut: into equal widths; nowhere if it is small enough.
fn cuts(from: i128, to: i128, there: u64, rows: u64) -> Vec<i128> {
    if there <= rows.saturating_mul(EXCESS) || to - from < 2 {
        return Vec::new();
    }
    let pieces = i128::from(there.div_ceil(rows).clamp(2, MOST_PARTS)).min(to - from);
    (1..pieces).map(|n| from + (to - from) * n / pieces).collect()
}

/// Neighbours that together hold no more rows than a chunk are one part.
fn merged(parts: &[Part], rows: u64) -> Vec<Part> {
    let mut merged: Vec<Part> = Vec::new();
    for part in parts {
        match merged.last_mut() {
            Some(last) if last.rows + part.rows <= rows => last.rows += part.rows,
            _ => merged.push(*part),
        }
    }
    merged
}

fn ranges(parts: &[Part]) -> Vec<Range> {
    let mut ranges = Vec::with_capacity(parts.len().max(1));
    let mut from = None;
    for part in parts.iter().skip(1) {
        let end = tuple(part.start);
        ranges.push(Range { from: from.replace(end.clone()), to: Some(end) });
    }
    ranges.push(Range { from, to: None });
    ranges
}

fn tuple(number: i128) -> KeyTuple {
    KeyTuple(vec![Bytes::from(number.to_string())])
}

/// How many rows the index believes to lie there.
async fn estimate(s: &mut Session, t: &TableShape, range: &Range) -> Result<u64> {
    let name = select::key(t)?.first().map(|key| ident(&key.name)).unwrap_or_default();
    let by_key = walk::hint(s, t).await?;
    let mut query = format!("EXPLAIN SELECT {name} FROM {}{by_key}", ident(&t.name)).into_bytes();
    query.extend(bounds::condition(t, range, None)?);
    let rows = s.rows(query, &doing(t)).await?;
    // MySQL tells partitions too.
    let column = if s.is_mariadb() { 8 } else { 9 };
    Ok(rows.first().map_or(0, |row| number_at(row, column)))
}

#[cfg(test)]
mod tests {
    use super::{Part, cuts, merged, ranges, tuple};
    use crate::engine::shape::Range;

    #[test]
    fn parts_are_cut_where_they_hold_too_much() {
        for (from, to, there, expected) in [
            (0, 100, 20, &[][..]),
            (0, 100, 21, &[33, 66]),
            (0, 100, 40, &[25, 50, 75]),
            (0, 2, 1_000, &[1]),
            (5, 6, 1_000, &[]),
            (-10, 10, 30, &[-4, 3]),
            (i128::from(i64::MIN), i128::from(u64::MAX) + 1, 21, &[]),
        ] {
            let found = cuts(from, to, there, 10);
            assert!(found.windows(2).all(|two| two[0] < two[1]), "{found:?}");
            assert!(found.iter().all(|cut| *cut > from && *cut < to), "{found:?}");
            if to - from <= 100 {
                assert_eq!(found, expected, "{from} to {to}");
            }
        }
    }

    #[test]
    fn small_neighbours_are_one_range() {
        let part = |start, rows| Part { start, rows };
        let parts = [part(1, 4), part(5, 4), part(9, 4), part(20, 30), part(30, 1)];
        let merged = merged(&parts, 10);
        assert_eq!(merged, [part(1, 8), part(9, 4), part(20, 30), part(30, 1)]);
        let key = |number: i128| Some(tuple(number));
        let expected = [(None, key(9)), (key(9), key(20)), (key(20), key(30)), (key(30), None)];
        assert_eq!(ranges(&merged), expected.map(|(from, to)| Range { from, to }));
        assert_eq!(ranges(&[part(7, 1)]), [Range::ALL]);
        assert_eq!(ranges(&[]), [Range::ALL]);
    }
}
