//! Ranges that the task's last completed job had.
//!
//! To cut a table its source's key is walked from one end to the other. Ranges that were cut for
//! the same key cover every row whatever was written since; only their sizes may have changed.

use std::collections::HashMap;

use longshore_shared::store::job_tables::Remembered;

use super::decide::Candidate;
use crate::engine::shape::{Column, Range, TableShape};
use crate::steps::table::{RangePayload, TablePlan, read};

/// A table may have grown or shrunk by so many parts of a hundred.
const CHANGED: u64 = 20;

/// Tables by name, as they were cut.
pub(super) struct Known(HashMap<String, Remembered>);

impl Known {
    /// Of what the control plane remembers.
    pub(super) fn of(remembered: Vec<Remembered>) -> Self {
        Self(remembered.into_iter().map(|table| (table.name.clone(), table)).collect())
    }

    /// The ranges of the table, if they would be cut much the same way now.
    pub(super) fn ranges(&self, candidate: &Candidate, rows: u64) -> Option<Vec<Range>> {
        let table = self.0.get(&candidate.source.name)?;
        let plan: TablePlan = read(&table.plan, "plan").ok()?;
        let before = u64::try_from(table.rows_total).unwrap_or(0);
        let change = before.abs_diff(candidate.listing.rows);
        let alike = plan.chunk_rows == rows
            && change.saturating_mul(100) <= before.saturating_mul(CHANGED)
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
