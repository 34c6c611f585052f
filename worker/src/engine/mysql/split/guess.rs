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
use super::super::connect::{Session, number_at, optional_at};
use super::super::quote::ident;
use super::super::read::select;
use super::super::read::{bounds, walk};
use super::doing;

/// Tables of fewer chunks, as far as statistics know, are walked: that is soon done, and exact.
const LARGE: u64 = 8;
/// A part may hold so many times the rows of a chunk before it is cut again.
const EXCESS: u64 = 2;
/// Estimates that a table is worth; a key whose numbers lie at odd places is walked instead.
const MOST_LOOKS: usize = 20_000;
/// Parts that numbers are cut into at most.
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
    let whole = match key.family {
        Family::Integer => estimate(s, t, &Range::ALL).await?,
        _ => return Ok(None),
    };
    if whole < rows.saturating_mul(LARGE) {
        return Ok(None);
    }
    let name = ident(&key.name);
    let ends = s.rows(format!("SELECT MIN({name}), MAX({name}) FROM {}", ident(&t.name)), &doing(t)).await?;
    let end =
        |at| ends.first().and_then(|row| optional_at(row, at)).and_then(|text| text.parse::<i128>().ok());
    let (Some(first), Some(last)) = (end(0), end(1)) else { return Ok(None) };
    // The last one that is put there is taken first: from left to right.
    let mut open = Vec::new();
    for (from, to) in pieces(first, last + 1, &cuts(first, last + 1, whole.div_ceil(rows))).into_iter().rev()
    {
        open.push((from, to, estimate_between(s, t, from, to).await?));
    }
    let scale = scale(whole, open.iter().map(|(.., there)| there).sum());
    let (mut parts, mut looks) = (Vec::new(), open.len());
    while let Some((from, to, there)) = open.pop() {
        let rows_there = scaled(there, scale);
        let cuts = match rows_there > rows.saturating_mul(EXCESS) {
            true => cuts(from, to, rows_there.div_ceil(rows)),
            false => Vec::new(),
        };
        if cuts.is_empty() {
            parts.push(Part { start: from, rows: rows_there });
            continue;
        }
        for (from, to) in pieces(from, to, &cuts).into_iter().rev() {
            open.push((from, to, estimate_between(s, t, from, to).await?));
            looks += 1;
        }
        if looks > MOST_LOOKS {
            return Ok(None);
        }
    }
    let total = parts.iter().map(|part| part.rows).sum();
    Ok(Some((ranges(&merged(&parts, rows)), total)))
}

/// Estimates of large parts are up to twice what is there (ran); of all of them together
/// statistics know better. By so many hundredths each is taken.
fn scale(whole: u64, sum: u64) -> u64 {
    (whole.saturating_mul(100) / sum.max(1)).clamp(25, 100)
}

fn scaled(there: u64, hundredths: u64) -> u64 {
    there.saturating_mul(hundredths).div_ceil(100)
}

/// The parts between these ends and cuts.
fn pieces(from: i128, to: i128, cuts: &[i128]) -> Vec<(i128, i128)> {
    let starts = std::iter::once(from).chain(cuts.iter().copied());
    starts.zip(cuts.iter().copied().chain(std::iter::once(to))).collect()
}

/// Where numbers are cut into so many parts of equal width; nowhere if they are too few.
fn cuts(from: i128, to: i128, parts: u64) -> Vec<i128> {
    let parts = i128::from(parts.clamp(1, MOST_PARTS)).min(to - from);
    (1..parts).map(|n| from + (to - from) * n / parts).collect()
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

async fn estimate_between(s: &mut Session, t: &TableShape, from: i128, to: i128) -> Result<u64> {
    estimate(s, t, &Range { from: Some(tuple(from)), to: Some(tuple(to)) }).await
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
    use super::{Part, cuts, merged, pieces, ranges, scale, scaled, tuple};
    use crate::engine::shape::Range;

    #[test]
    fn numbers_are_cut_into_equal_widths() {
        for (from, to, parts, expected) in [
            (0, 100, 1, &[][..]),
            (0, 100, 3, &[33, 66]),
            (0, 100, 4, &[25, 50, 75]),
            (0, 2, 1_000, &[1]),
            (5, 6, 1_000, &[]),
            (-10, 10, 3, &[-4, 3]),
        ] {
            assert_eq!(cuts(from, to, parts), expected, "{from} to {to}");
        }
        let (from, to) = (i128::from(i64::MIN), i128::from(u64::MAX) + 1);
        let found = cuts(from, to, 500);
        assert_eq!(found.len(), 499);
        assert!(found.windows(2).all(|two| two[0] < two[1]) && found[0] > from && found[498] < to);
        assert_eq!(pieces(1, 9, &[4, 6]), [(1, 4), (4, 6), (6, 9)]);
    }

    #[test]
    fn estimates_are_taken_for_less_than_they_say() {
        for (whole, sum, expected) in
            [(500, 500, 100), (500, 1_000, 50), (500, 400, 100), (1, 1_000, 25), (0, 0, 25)]
        {
            assert_eq!(scale(whole, sum), expected, "{whole} {sum}");
        }
        assert_eq!((scaled(100, 50), scaled(1, 25), scaled(0, 25)), (50, 1, 0));
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
