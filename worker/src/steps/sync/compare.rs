//! Two sides of a range, row by row, in the source's key order.
//!
//! Equality of keys is the target server's, equality of rows is that of bytes. Where both sides
//! order the key alike, windows of rows are told apart by their checksums, as long as nothing is
//! found; where something is, keys and hashes of rows travel, and then only those rows that a hash
//! does not show to be equal. Else all of the source's, a page at a time, are looked up by key.
//! Memory is bounded by one page of either side.

mod sift;

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use self::sift::{Sifted, sift};

use crate::engine::shape::{Digest, Family, KeyTuple, Range, Row, TableShape};
use crate::engine::{Columns, Hash, Reader, Result};
use crate::transfer::counted;

/// Rows a page at most; the engine makes it fewer where rows are large.
pub(super) const PAGE_ROWS: u32 = 1_000;
/// Rows of one side whose keys and hashes are in memory: at least and at most, and what they may
/// have in all if a key were as long as a row.
const HASHED_ROWS: (u32, u32) = (1_000, 5_000);
const HASHED_BYTES: u64 = 4 << 20;
/// So many neighbours are read in their order instead of being looked up.
const RUN: usize = 32;
/// Rows are looked at together until they have so many bytes.
const LOOKED_UP_BYTES: u64 = 8 << 20;

/// A page of the source, sorted by what the target has.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Rows that the target lacks.
    pub(super) missing: Vec<Row>,
    /// Rows that the target has with other content, as the source has them.
    pub(super) differing: Vec<Row>,
    /// The place, among a row's values, of the first in which the first of those differs, where it was seen.
    pub(super) differs_in: Option<usize>,
    /// How many rows are equal.
    pub(super) unchanged: u64,
    /// How many rows the page had.
    pub(super) rows: u64,
    /// Bytes of the source's values that were looked at.
    pub(super) bytes: u64,
    /// The rows that were looked at are all of the source's in this range.
    pub(super) span: Option<Range>,
}

impl Page {
    /// The first row that is missing or differs, and the place of the value in which it does.
    pub(super) fn first(&self, table: &TableShape) -> Option<(KeyTuple, Option<usize>)> {
        let differing = self.differing.first().map(|row| (row, self.differs_in));
        let (row, at) = differing.or_else(|| Some((self.missing.first()?, None)))?;
        Some((table.key_of(row)?, at))
    }
}

/// Where a comparison stands.
pub(super) struct Comparison<'a> {
    table: &'a TableShape,
    /// The target may have a row that the filter covers on the source only: with other content.
    theirs: Cow<'a, TableShape>,
    range: &'a Range,
    hash: Hash,
    /// What no window has reached yet.
    rest: Range,
    /// The last row that was looked up.
    after: Option<KeyTuple>,
    /// Nothing was found in the window before: a checksum of the next one costs a fifth of the
    /// hashes of its rows, and may spare them.
    is_quiet: bool,
    /// The window's rows that no hash has shown to be equal.
    suspects: VecDeque<Suspect>,
    /// Where the window of the source's rows ends; its key, or the range's.
    bound: Option<KeyTuple>,
    /// Rows that were shown to be equal and are in no page yet.
    equal: u64,
    /// Rows that only the target has, as far as that is known.
    extra: Option<u64>,
    /// Whether each row that the source told of was found there.
    is_through: bool,
    ended: bool,
}

/// A row of the source that no hash has shown to be equal.
struct Suspect {
    key: KeyTuple,
    /// About how many bytes it has, on the side where it has more.
    bytes: u64,
    /// Its place among the window's rows.
    at: usize,
    /// The key behind it, if that is in the window.
    next: Option<KeyTuple>,
}

/// Rows to be looked at together.
struct Due {
    keys: Vec<KeyTuple>,
    /// All of the source's rows in this range.
    span: Option<Range>,
    /// It is one row, and too large to have both sides of it in memory.
    is_large: bool,
}

impl<'a> Comparison<'a> {
    /// Of the range of a table with a key.
    pub(super) fn new(table: &'a TableShape, range: &'a Range, hash: Hash) -> Self {
        let same_order = table.key.as_ref().is_some_and(|key| key.same_order);
        let (after, suspects, bound, equal, ended) = (None, VecDeque::new(), None, 0, false);
        let (extra, is_through) = (same_order.then_some(0), true);
        let theirs = table.unfiltered();
        Self {
            table,
            theirs,
            range,
            hash,
            rest: range.clone(),
            after,
            is_quiet: true,
            suspects,
            bound,
            equal,
            extra,
            is_through,
            ended,
        }
    }

    /// How many rows of the range only the target has, once every row of the source was seen;
    /// `None`: that was not found out, or one was not.
    pub(super) fn extra_rows(&self) -> Option<u64> {
        self.extra.filter(|_| self.is_through)
    }

    /// The next page; `None`: the range is through.
    pub(super) async fn next(
        &mut self,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
    ) -> Result<Option<Page>> {
        if !self.table.key.as_ref().is_some_and(|key| key.same_order) {
            return self.next_by_key(source, target).await;
        }
        while self.suspects.is_empty() && !self.ended {
            self.sift(source, target).await?;
        }
        let Due { keys, span, is_large } = self.due();
        let equal = std::mem::take(&mut self.equal);
        let mut page = match &span {
            _ if keys.is_empty() => Page::default(),
            _ if is_large => {
                let page = self.large(source, target, &keys).await?;
                self.is_through &= page.rows > 0;
                page
            }
            Some(span) => {
                let page = self.spanned(source, target, span).await?;
                self.is_through &= page.rows == counted(keys.len());
                page
            }
            None => {
                let (rows, found) = futures::try_join!(
                    source.fetch(self.table, &keys, Columns::Stored),
                    target.fetch(&self.theirs, &keys, Columns::Stored)
                )?;
                // Only storage without versions can have lost a row since it told its key.
                self.is_through &= rows.iter().all(Option::is_some);
                sorted(rows.into_iter().zip(found).filter_map(|(row, there)| Some((row?, there))))
            }
        };
        page.span = span;
        page.rows += equal;
        page.unchanged += equal;
        Ok((page.rows > 0).then_some(page))
    }

    /// Rows so large that one side's is read only: the other's has another hash, or is not there.
    async fn large(
        &self,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
        keys: &[KeyTuple],
    ) -> Result<Page> {
        let there = target.fetch(&self.theirs, keys, Columns::Key).await?;
        let rows = source.fetch(self.table, keys, Columns::Stored).await?;
        let another = |key: Option<Row>| key.map(|_| Row(Vec::new()));
        Ok(sorted(rows.into_iter().zip(there).filter_map(|(row, there)| Some((row?, another(there))))))
    }

    /// All rows of both sides in a range in which each of the source's is a suspect: to read them in
    /// their order costs a fraction of looking them up.
    async fn spanned(&self, source: &mut dyn Reader, target: &mut dyn Reader, span: &Range) -> Result<Page> {
        // Of the source these are as many as were counted; a target may have any number besides.
        let (rows, theirs) = futures::try_join!(
            rows_of(self.table, source, span, u64::MAX),
            rows_of(self.table, target, span, 2 * LOOKED_UP_BYTES)
        )?;
        let mut theirs: HashMap<KeyTuple, Row> =
            theirs.into_iter().filter_map(|row| Some((self.table.key_of(&row)?, row))).collect();
        let mut pairs = Vec::with_capacity(rows.len());
        for row in rows {
            let there = self.table.key_of(&row).and_then(|key| theirs.remove(&key));
            pairs.push((row, there));
        }
        // Keys are equal as the server says: another spelling of one, or one behind many that only
        // the target has, is found by looking it up.
        let places: Vec<usize> = (0..pairs.len()).filter(|&at| pairs[at].1.is_none()).collect();
        let keys: Vec<KeyTuple> = places.iter().filter_map(|&at| self.table.key_of(&pairs[at].0)).collect();
        let found = target.fetch(&self.theirs, &keys, Columns::Stored).await?;
        for (at, there) in places.into_iter().zip(found) {
            pairs[at].1 = there;
        }
        Ok(sorted(pairs))
    }

    /// Passes over the next window if the sides have the same checksum of it; never over the last
    /// one, since the caller has seen that the range differs.
    async fn skip(&mut self, source: &mut dyn Reader, target: &mut dyn Reader) -> Result<bool> {
        let rows = u64::from(hashed_rows(self.table));
        let Some(end) = source.key_after(self.table, &self.rest, rows).await? else { return Ok(false) };
        let window = Range { from: self.rest.from.clone(), to: Some(end.clone()) };
        match digests(source, target, self.table, &window, self.hash).await? {
            Some((ours, theirs)) if ours == theirs && ours.rows > 0 => {
                self.equal += ours.rows;
                self.rest.from = Some(end);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Reads keys and hashes of the next rows, and keeps those that are not equal.
    async fn sift(&mut self, source: &mut dyn Reader, target: &mut dyn Reader) -> Result<()> {
        if self.is_quiet && self.skip(source, target).await? {
            return Ok(());
        }
        let rows = hashed_rows(self.table);
        let mut ours = source.hashes(self.table, &self.rest, rows, self.hash).await?;
        // The last one says how far the target is to be read, and comes again, unless it is all.
        self.ended = ours.len() < rows as usize;
        let bound = if self.ended { None } else { ours.pop() };
        self.bound = bound.or_else(|| self.rest.to.clone());
        let part = Range { from: self.rest.from.clone(), to: self.bound.clone() };
        // What only the target has may be more than this; then some rows are looked at for nothing.
        let theirs = target.hashes(self.table, &part, 2 * rows, self.hash).await?;
        let Sifted { suspects, extra } = sift(&ours, &theirs);
        self.equal += counted(ours.len() - suspects.len());
        self.is_quiet = suspects.is_empty() && extra == 0;
        let next = |at: usize| (at + 1 < ours.len()).then(|| ours.tuple(at + 1));
        self.suspects.extend(suspects.into_iter().map(|(at, bytes)| Suspect {
            key: ours.tuple(at),
            bytes,
            at,
            next: next(at),
        }));
        let is_all = theirs.len() < 2 * rows as usize;
        self.extra = self.extra.filter(|_| is_all).map(|before| before + counted(extra));
        self.rest.from.clone_from(&self.bound);
        Ok(())
    }

    /// The next rows to look at: at least one if there is any; a run of neighbours, or single ones
    /// up to the next run.
    fn due(&mut self) -> Due {
        let is_run = self.begins_run();
        let (mut keys, mut total, mut end) = (Vec::new(), 0, None);
        while keys.len() < PAGE_ROWS as usize
            && let Some(suspect) = self.suspects.front()
            && (keys.is_empty() || total + suspect.bytes <= LOOKED_UP_BYTES)
            && (keys.is_empty() || is_run || !self.begins_run())
            && (!is_run || end.as_ref().is_none_or(|(at, _)| *at + 1 == suspect.at))
            && let Some(suspect) = self.suspects.pop_front()
        {
            total += suspect.bytes;
            keys.push(suspect.key);
            end = Some((suspect.at, suspect.next));
        }
        let is_large = total > LOOKED_UP_BYTES;
        let span = (is_run || is_large).then(|| Range {
            from: keys.first().cloned(),
            to: end.and_then(|(_, next)| next).or_else(|| self.bound.clone()),
        });
        Due { keys, span, is_large }
    }

    /// Whether the next suspects are neighbours, and enough of them.
    fn begins_run(&self) -> bool {
        let last = self.suspects.get(RUN - 1);
        self.suspects.front().zip(last).is_some_and(|(first, last)| first.at + RUN - 1 == last.at)
    }

    async fn next_by_key(
        &mut self,
        source: &mut dyn Reader,
        target: &mut dyn Reader,
    ) -> Result<Option<Page>> {
        let rows =
            source.page(self.table, self.range, self.after.as_ref(), PAGE_ROWS, Columns::Stored).await?;
        let keys: Vec<KeyTuple> = rows.iter().filter_map(|row| self.table.key_of(row)).collect();
        let Some(last) = keys.last() else { return Ok(None) };
        let found = target.fetch(&self.theirs, &keys, Columns::Stored).await?;
        self.after = Some(last.clone());
        Ok(Some(sorted(rows.into_iter().zip(found))))
    }
}

/// The rows of a range in their order, to the end, or until they have more than so many bytes.
async fn rows_of(table: &TableShape, side: &mut dyn Reader, range: &Range, most: u64) -> Result<Vec<Row>> {
    let (mut rows, mut after, mut bytes): (Vec<Row>, _, _) = (Vec::new(), None, 0);
    while bytes <= most {
        let page = side.page(table, range, after.as_ref(), PAGE_ROWS, Columns::Stored).await?;
        let Some(last) = page.last() else { break };
        after = table.key_of(last);
        bytes += page.iter().map(size).sum::<u64>();
        rows.extend(page);
    }
    Ok(rows)
}

/// Rows of one side whose keys and hashes are in memory: fewer where keys may be long.
fn hashed_rows(table: &TableShape) -> u32 {
    let fitting = HASHED_BYTES / table.row_bytes.max(1);
    u32::try_from(fitting).unwrap_or(u32::MAX).clamp(HASHED_ROWS.0, HASHED_ROWS.1)
}

fn sorted(pairs: impl IntoIterator<Item = (Row, Option<Row>)>) -> Page {
    let mut page = Page::default();
    for (row, there) in pairs {
        page.rows += 1;
        page.bytes += size(&row);
        match there {
            None => page.missing.push(row),
            Some(there) if there == row => page.unchanged += 1,
            Some(there) => {
                if page.differing.is_empty() {
                    page.differs_in = row.0.iter().zip(&there.0).position(|(ours, theirs)| ours != theirs);
                }
                page.differing.push(row);
            }
        }
    }
    page
}

fn size(row: &Row) -> u64 {
    row.0.iter().flatten().map(|value| counted(value.len())).sum()
}

/// Both sides' digests of a range, computed at the same time. Equal ones prove its rows equal, however
/// either side orders keys; `None` where the orders differ between releases, so that they would not be.
pub(super) async fn digests(
    source: &mut dyn Reader,
    target: &mut dyn Reader,
    table: &TableShape,
    range: &Range,
    hash: Hash,
) -> Result<Option<(Digest, Digest)>> {
    let is_steady = |at: &usize| table.columns[*at].family != Family::Address;
    if *range != Range::ALL && !table.key.as_ref().is_some_and(|key| key.columns.iter().all(is_steady)) {
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
        let page = sorted(rows.into_iter().zip(found));
        assert_eq!((page.rows, page.unchanged, page.bytes), (4, 1, 7));
        assert_eq!((page.differing.len(), page.differs_in), (2, Some(1)));
        assert_eq!(page.missing, [row(&[Some("4"), None])]);
    }
}
