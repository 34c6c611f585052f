//! Ranges that the task's last completed job had.
//!
//! To cut a table its source's key is walked from one end to the other. Ranges that were cut for
//! the same key cover every row whatever was written since; only their sizes may have changed.
//! How long they took says how large the next ones may be: what a row costs, on these servers and
//! over this network, nobody knows before.

use std::collections::HashMap;
use std::time::Duration;

use longshore_shared::store::job_tables::Remembered;

use super::decide::Candidate;
use crate::engine::shape::{Column, Range, TableShape};
use crate::steps::attempt::read;
use crate::steps::sync::table::{RangePayload, TablePlan};

/// A table may have grown or shrunk by so many parts of a hundred.
const CHANGED: u64 = 20;

/// Chunks are not made smaller than so many rows because they take long.
const SMALLEST: u64 = 500;
/// How often they are halved at once, at most.
const MOST_HALVED: u32 = 8;

/// Tables by name, as they were cut, with their plans.
pub(super) struct Known(HashMap<String, (Remembered, TablePlan)>);

impl Known {
    /// Of what the control plane remembers; a plan that this release does not read is forgotten.
    pub(super) fn of(remembered: Vec<Remembered>) -> Self {
        let planned = remembered.into_iter().filter_map(|table| {
            let plan = read(&table.plan, "plan").ok()?;
            Some((table.name.clone(), (table, plan)))
        });
        Self(planned.collect())
    }

    /// Rows a chunk of the table: `usual`, halved as often as it takes for chunks that last no longer
    /// than `most` by what the last run's took; back again, once a run, where they are short.
    pub(super) fn chunk_rows(&self, table: &str, usual: u64, most: Duration) -> u64 {
        let Some((table, TablePlan { chunk_rows: before @ 1.., .. })) = self.0.get(table) else {
            return usual;
        };
        let mut halved = (usual / before).max(1).ilog2();
        let over = table.seconds / most.as_secs_f64();
        if over > 1.0 {
            halved += (1..MOST_HALVED).find(|&n| over <= f64::from(1_u32 << n)).unwrap_or(MOST_HALVED);
        } else if over < 0.25 {
            halved = halved.saturating_sub(1);
        }
        usual.checked_shr(halved).unwrap_or(0).max(SMALLEST.min(usual))
    }

    /// Whether the table was cut into several ranges.
    pub(super) fn has(&self, table: &str) -> bool {
        self.0.get(table).is_some_and(|(table, _)| table.payloads.len() > 1)
    }

    /// The ranges of the table, if they would be cut much the same way now.
    pub(super) fn ranges(&self, candidate: &Candidate, rows: u64) -> Option<Vec<Range>> {
        let (table, plan) = self.0.get(&candidate.source.name)?;
        let before = u64::try_from(table.rows_total).unwrap_or(0);
        let change = before.abs_diff(candidate.listing.rows);
        let alike = plan.chunk_rows == rows
            && change.saturating_mul(100) <= before.saturating_mul(CHANGED)
            && plan.shape.filter == candidate.source.filter
            && key(&plan.shape).is_some()
            && key(&plan.shape) == key(&candidate.source);
        if !alike {
            return None;
        }
        let ranges = table.payloads.iter().map(|payload| read::<RangePayload>(payload, "payload"));
        let ranges: Vec<Range> =
            ranges.map(|payload| payload.map(|p| p.range)).collect::<Result<_, _>>().ok()?;
        Range::are_all(&ranges).then_some(ranges)
    }
}

/// The key's columns, as far as its order and its values depend on them.
fn key(shape: &TableShape) -> Option<Vec<&Column>> {
    let key = shape.key.as_ref().filter(|key| key.walkable)?;
    Some(key.columns.iter().map(|&at| &shape.columns[at]).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use longshore_shared::domain::step::TableMode;
    use serde_json::json;

    use super::super::fake;
    use super::*;

    #[test]
    fn chunks_that_took_long_are_made_smaller() {
        for (before, seconds, expected) in [
            // (rows a chunk had, seconds each took, rows the next are to have) of 64,000
            (64_000, 10.0, 64_000),
            (64_000, 10.1, 32_000),
            (64_000, 39.0, 16_000),
            (64_000, 41.0, 8_000),
            (64_000, 1.0, 64_000),
            // They stay as they fit, and grow back where they are short.
            (16_000, 6.0, 16_000),
            (16_000, 2.4, 32_000),
            (16_000, 21.0, 4_000),
            // Never to nothing.
            (1_000, 9_999.0, 500),
            (64_000, 1e9, 500),
            // The setting was larger then, or nothing is known.
            (128_000, 2.0, 64_000),
            (0, 99.0, 64_000),
        ] {
            let plan = TablePlan { chunk_rows: before, ..fake::plan(fake::shape("t"), TableMode::Diff) };
            let plan = serde_json::to_value(&plan).unwrap();
            let table =
                Remembered { name: "t".into(), plan, rows_total: 1, payloads: vec![json!({})], seconds };
            let known = Known::of(vec![table]);
            let rows = known.chunk_rows("t", 64_000, Duration::from_secs(10));
            assert_eq!(rows, expected, "{before} rows, {seconds} s");
            assert_eq!(known.chunk_rows("other", 64_000, Duration::from_secs(10)), 64_000);
        }
    }
}
