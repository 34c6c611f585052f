//! The reports on one job.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use longshore_shared::domain::id::StepId;
use longshore_shared::domain::progress::StepProgress;
use longshore_shared::domain::step::Counts;

use super::Snapshot;
use super::rate::Rate;

/// A step that has not been heard of for this long has lost its worker.
const SILENT: Duration = Duration::from_secs(60);
/// An end is remembered so that a report that it overtook does not bring the step back.
const OVERTAKEN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Reports {
    steps: HashMap<StepId, Report>,
    rate: Rate,
    last: Instant,
    version: u64,
}

#[derive(Debug)]
struct Report {
    attempt: i32,
    counts: Counts,
    at: Instant,
    ended: bool,
}

impl Reports {
    pub(super) fn new(now: Instant) -> Self {
        Self { steps: HashMap::new(), rate: Rate::new(now), last: now, version: 0 }
    }

    /// When the last report came.
    pub(super) fn last(&self) -> Instant {
        self.last
    }

    pub(super) fn take(&mut self, report: &StepProgress, now: Instant) {
        let before = self.steps.get(&report.step_id);
        if before.is_some_and(|before| before.attempt > report.attempt || overtaken(before, report)) {
            return;
        }
        let same = before.filter(|before| before.attempt == report.attempt);
        let counted = same.map_or(Counts::default(), |before| before.counts);
        // Counters of one attempt only grow; a smaller one is a late report.
        let grown = |new: i64, old: i64| (new - old).max(0);
        self.rate.add(
            now,
            grown(report.counts.rows, counted.rows),
            grown(report.counts.bytes, counted.bytes),
        );
        let (attempt, counts, ended) = (report.attempt, report.counts, report.ended);
        self.steps.insert(report.step_id, Report { attempt, counts, at: now, ended });
        self.steps
            .retain(|_, step| now.duration_since(step.at) < if step.ended { OVERTAKEN } else { SILENT });
        self.last = now;
        self.version += 1;
    }

    pub(super) fn snapshot(&self, now: Instant) -> Snapshot {
        let running = self.steps.iter().filter(|(_, step)| !step.ended);
        Snapshot {
            steps: running.map(|(id, step)| (*id, (step.attempt, step.counts))).collect(),
            rate: self.rate.at(now),
            version: self.version,
        }
    }
}

fn overtaken(before: &Report, report: &StepProgress) -> bool {
    before.attempt == report.attempt && before.ended
}
