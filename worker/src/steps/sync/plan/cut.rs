//! The ranges that tables are cut into.
//!
//! A table that its server believes to be small is only counted, many in a packet: thousands are not walked one
//! by one. What the server believes decides who is counted; what was counted decides who is small.

use std::collections::HashMap;

use longshore_shared::domain::step::TableMode;

use super::Table;
use super::decide::{Candidate, Decision, Settled};
use super::grouping::SMALL_BYTES;
use super::known::Known;
use crate::engine::Reader;
use crate::engine::shape::{Range, TableShape};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;

/// Rows that a table is counted to.
const COUNTED: u64 = 10_000;

/// The cuts of small tables, by their places.
pub(super) async fn small(
    context: &Context,
    known: &Known,
    tables: &[Table],
    source: &mut dyn Reader,
    target: &mut dyn Reader,
) -> Result<HashMap<usize, Cut>, StepError> {
    let mut asked: Vec<(usize, &TableShape, u64)> = Vec::new();
    let mut both: Vec<usize> = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let (Some(candidate), Decision::Settled(settled)) = (&table.candidate, &table.decision) else {
            continue;
        };
        let shape = &candidate.source;
        let rows = known.chunk_rows(&shape.name, context.chunk_rows(shape), context.chunk_time());
        let is_cut = matches!(settled.mode, TableMode::Create | TableMode::Fill | TableMode::Diff);
        if !is_cut || shape.filter.is_some() || !may_be_small(candidate, rows) || known.has(&shape.name) {
            continue;
        }
        // Ranges of the source's keys would not be the target's.
        if settled.prunes && !shape.key.as_ref().is_some_and(|key| key.same_order) {
            both.push(at);
        }
        asked.push((at, shape, rows));
    }
    let shapes: Vec<&TableShape> = asked.iter().map(|(_, shape, _)| *shape).collect();
    let theirs: Vec<&TableShape> =
        asked.iter().filter(|(at, ..)| both.contains(at)).map(|(_, shape, _)| *shape).collect();
    let (ours, theirs) =
        futures::try_join!(source.counts(&shapes, COUNTED), target.counts(&theirs, COUNTED))?;
    let theirs: HashMap<usize, u64> = both.into_iter().zip(theirs).collect();
    let mut cuts = HashMap::new();
    for ((at, shape, chunk_rows), rows) in asked.into_iter().zip(ours) {
        let limit = chunk_rows.min(COUNTED);
        if rows.max(theirs.get(&at).copied().unwrap_or(0)) > limit
            || bytes(shape, rows) > SMALL_BYTES.unsigned_abs()
        {
            continue;
        }
        let is_pruned = matches!(&tables[at].decision, Decision::Settled(settled) if settled.prunes);
        let target = if is_pruned { vec![Range::ALL] } else { Vec::new() };
        cuts.insert(at, Cut { source: vec![Range::ALL], target, rows, chunk_rows });
    }
    Ok(cuts)
}

/// Whether the server believes so.
fn may_be_small(candidate: &Candidate, chunk_rows: u64) -> bool {
    candidate.listing.rows <= chunk_rows.min(COUNTED) && candidate.listing.bytes <= SMALL_BYTES.unsigned_abs()
}

fn bytes(shape: &TableShape, rows: u64) -> u64 {
    rows.saturating_mul(shape.row_bytes.max(1))
}

/// The ranges of a table.
#[derive(Default)]
pub(super) struct Cut {
    pub(super) source: Vec<Range>,
    pub(super) target: Vec<Range>,
    pub(super) rows: u64,
    pub(super) chunk_rows: u64,
}

pub(super) async fn cut(
    context: &Context,
    known: &Known,
    candidate: &Candidate,
    settled: &Settled,
    source: &mut dyn Reader,
    target: &mut dyn Reader,
) -> Result<Cut, StepError> {
    let shape = &candidate.source;
    let rows = known.chunk_rows(&shape.name, context.chunk_rows(shape), context.chunk_time());
    let mut cut = Cut { chunk_rows: rows, ..Cut::default() };
    match settled.mode {
        TableMode::Equal | TableMode::Refused | TableMode::Dump => {}
        TableMode::Replace => {
            cut.source = vec![Range::ALL];
            cut.rows = candidate.listing.rows;
        }
        TableMode::Create | TableMode::Fill | TableMode::Diff => {
            (cut.source, cut.rows) = match known.ranges(candidate, rows) {
                Some(ranges) => (ranges, candidate.listing.rows),
                None => source.split(shape, rows).await?,
            };
        }
    }
    if settled.prunes {
        // Ranges without outer ends hold every key of either side, if both order keys alike.
        cut.target = match shape.key.as_ref().is_some_and(|key| key.same_order) {
            true => cut.source.clone(),
            false => target.split(shape, rows).await?.0,
        };
    }
    Ok(cut)
}
