//! How far the tables of a job have come, phase by phase, and how long the rest takes.
//!
//! A table has its rows, then its indexes, then it is verified; foreign keys are made for the whole
//! job in between. The estimate is one: what is left of each phase, in rows, weighed by what the
//! phase costs a row, over the rows that were moved in a second so far.

use std::collections::HashMap;

use longshore_shared::domain::step::{Standing, StepKind, TableMode};
use longshore_shared::store::job_tables::{TableProgress, TableSum};
use longshore_shared::store::step_reports::{KindSum, StepUnderWay};

use super::number::float;

/// What a phase costs a row, in parts of what moving it costs.
const WEIGHTS: &[(StepKind, f64)] =
    &[(StepKind::Index, 0.3), (StepKind::ForeignKeys, 0.05), (StepKind::Verify, 0.2)];
/// Of a phase that lasts longer than was thought, so much is always left.
const LEAST_PART: f64 = 0.1;

/// How many tables have come how far, and what is left to do after the rows.
#[derive(Debug, Default)]
pub(super) struct Phases {
    /// Tables whose rows are all there.
    pub(super) loaded: usize,
    /// Tables that have their indexes too.
    pub(super) indexed: usize,
    /// Tables whose verification has ended.
    pub(super) verified: usize,
    /// What is left after the rows, in moved rows; and for how long it has been in hand.
    later: Vec<Later>,
    /// How long rows have moved.
    moving_seconds: f64,
}

/// What is left of a phase of a table, or of the job.
#[derive(Debug)]
struct Later {
    rows: f64,
    in_hand_seconds: f64,
}

impl Phases {
    /// Counts the tables and those of `rest`; `kinds` are all of the job's steps, `running` those in hand.
    pub(super) fn of(
        tables: &[TableProgress],
        rest: &[TableSum],
        kinds: &[KindSum],
        running: &[StepUnderWay],
    ) -> Self {
        let sums: HashMap<_, _> = kinds.iter().map(|sum| ((sum.table_number, sum.kind), *sum)).collect();
        let undone = |number, kind| sums.get(&(number, kind)).is_some_and(|sum| sum.done < sum.total);
        let mut phases = Self::default();
        for table in tables {
            let number = Some(table.number);
            let is_sound = table.mode != TableMode::Refused && table.failure.is_none();
            let has_rows = table.chunks_done == table.chunks_total
                && ![StepKind::Prune, StepKind::Reconcile].iter().any(|kind| undone(number, *kind));
            // Of a job whose steps were deleted only the sums are known.
            let has_indexes = match kinds.is_empty() {
                true => table.steps_done == table.steps_total || table.verified.is_some(),
                false => !undone(number, StepKind::Index),
            };
            phases.loaded += usize::from(is_sound && has_rows);
            phases.indexed += usize::from(is_sound && has_rows && has_indexes);
            phases.verified += usize::from(is_sound && table.verified.is_some());
        }
        for sum in rest {
            let tables = usize::try_from(sum.tables).unwrap_or(0);
            let Standing { mode, failed, done, .. } = sum.standing;
            let is_sound = mode != TableMode::Refused && !failed;
            phases.loaded += if is_sound && done { tables } else { 0 };
            phases.indexed += if is_sound && done { tables } else { 0 };
            phases.verified += if is_sound && sum.verified { tables } else { 0 };
        }
        let moving = tables.iter().filter_map(|table| table.moving_seconds);
        let moving = moving.chain(rest.iter().filter_map(|sum| sum.moving_seconds));
        phases.moving_seconds = moving.fold(0.0, f64::max);
        phases.later = kinds.iter().filter_map(|sum| later(tables, sum, running)).collect();
        phases
    }

    /// How long the rest takes; `rate`: rows a second lately. None where nobody knows, or nothing is left.
    pub(super) fn seconds_left(&self, rows_done: i64, rows_total: i64, rate: Option<f64>) -> Option<f64> {
        let mean = float(rows_done) / self.moving_seconds;
        let is_rate = |rate: &f64| rate.is_finite() && *rate > 0.0;
        let rows_left = float(rows_total - rows_done);
        let moving = match rate.filter(is_rate).or(Some(mean).filter(is_rate)) {
            Some(rate) => rows_left / rate,
            None if rows_left > 0.0 => return None,
            None => 0.0,
        };
        // Lately nothing may have moved, since there is nothing left to move: later phases are
        // weighed against the mean.
        let mean = Some(mean).filter(is_rate).or(rate.filter(is_rate));
        let later: f64 = match mean {
            Some(mean) => self.later.iter().map(|later| later.seconds(mean)).sum(),
            None if self.later.is_empty() => 0.0,
            None => return None,
        };
        Some(moving + later).filter(|left| *left > 0.0)
    }
}

impl Later {
    fn seconds(&self, rows_per_second: f64) -> f64 {
        let all = self.rows / rows_per_second;
        (all - self.in_hand_seconds).max(all * LEAST_PART)
    }
}

fn later(tables: &[TableProgress], sum: &KindSum, running: &[StepUnderWay]) -> Option<Later> {
    let (_, weight) = WEIGHTS.iter().find(|(kind, _)| *kind == sum.kind)?;
    if sum.done >= sum.total {
        return None;
    }
    let of_it = |table: &&TableProgress| sum.table_number.is_none_or(|number| table.number == number);
    let rows: i64 = tables.iter().filter(of_it).map(|table| table.rows_total.max(table.counts.rows)).sum();
    let in_hand =
        running.iter().filter(|step| (step.table_number, step.kind) == (sum.table_number, sum.kind));
    Some(Later {
        rows: float(rows) * weight * float(sum.total - sum.done) / float(sum.total),
        in_hand_seconds: in_hand.map(|step| step.seconds).sum(),
    })
}
