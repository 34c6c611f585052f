//! A table of a job: where it stands, and what was done to its rows.

use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::job::JobState;
use longshore_shared::domain::step::{Counts, TableMode, TableState, Verified, VerifyPolicy, VerifyResult};
use longshore_shared::store::job_tables::TableProgress;
use serde::Serialize;
use utoipa::ToSchema;

use super::number::{float, tenths};
use crate::word::{Word, words};

/// What a job does to one table.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JobTable)]
pub(crate) struct TableView {
    pub(super) name: String,
    #[schema(schema_with = words::<TableMode>)]
    mode: Word<TableMode>,
    #[schema(schema_with = words::<TableState>)]
    pub(super) state: Word<TableState>,
    /// Rows to read from the source; an estimate until the table is read.
    pub(super) rows_total: i64,
    pub(super) rows_done: i64,
    /// Bytes to read from the source; an estimate until the table is read.
    pub(super) bytes_total: i64,
    pub(super) bytes_done: i64,
    counts: CountsView,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<VerifiedView>,
    /// The workers that did its chunks.
    workers: Vec<String>,
    chunks_total: i64,
    chunks_done: i64,
    /// From the first step's begin to the last step's end.
    #[schema(required = true)]
    seconds: Option<f64>,
    /// In the mean, from the first row on. Null before there is one.
    #[schema(required = true)]
    rows_per_second: Option<f64>,
    /// How long reading the rest takes at this rate; null where nobody knows.
    #[schema(required = true)]
    pub(super) seconds_left: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
}

/// What was done to rows of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Counts)]
pub(crate) struct CountsView {
    /// Rows that the target lacked.
    inserted: i64,
    /// Rows that differed and were overwritten.
    updated: i64,
    /// Rows that only the target had and that were deleted.
    deleted: i64,
    /// Rows equal on both sides.
    unchanged: i64,
    /// Rows that differed and were kept as the target has them.
    skipped: i64,
}

/// What a verification found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Verified)]
struct VerifiedView {
    #[schema(schema_with = words::<VerifyResult>)]
    result: Word<VerifyResult>,
    #[schema(schema_with = words::<VerifyPolicy>)]
    policy: Word<VerifyPolicy>,
    source_rows: i64,
    target_rows: i64,
    /// Rows that only the target has.
    extra_rows: i64,
    /// Rows that differ and were kept.
    skipped_rows: i64,
}

/// Why something failed, and what to do about it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub(crate) struct FailureView {
    #[schema(schema_with = words::<FailureClass>)]
    class: Word<FailureClass>,
    /// A stable code.
    code: String,
    message: String,
    hint: String,
}

impl TableView {
    /// The table, with what its running steps report on top of what its ended ones did.
    pub(crate) fn of(table: TableProgress, live: Counts, job: JobState) -> Self {
        let state = table.standing().state(job);
        let mut done = table.counts;
        done += live;
        let read_whole = table.chunks_done == table.chunks_total;
        // An estimate gives way to what was really there.
        let total = |estimate: i64, done: i64| if read_whole { done } else { estimate.max(done) };
        let rows_total = total(table.rows_total, done.rows);
        let took = table.moving_seconds.filter(|took| *took > 0.0 && done.rows > 0);
        let rate = took.map(|took| float(done.rows) / took);
        let is_read = state == TableState::Running && !job.is_final() && done.rows < rows_total;
        Self {
            state: Word(state),
            mode: Word(table.mode),
            rows_total,
            rows_done: done.rows,
            bytes_total: total(table.bytes_total, done.bytes),
            bytes_done: done.bytes,
            counts: done.into(),
            verified: table.verified.map(Into::into),
            workers: table.workers,
            chunks_total: table.chunks_total,
            chunks_done: table.chunks_done,
            seconds: table.seconds,
            rows_per_second: rate.map(tenths),
            seconds_left: rate.filter(|_| is_read).map(|rate| tenths(float(rows_total - done.rows) / rate)),
            failure: table.failure.map(Into::into),
            name: table.name,
        }
    }
}

impl From<Counts> for CountsView {
    fn from(c: Counts) -> Self {
        Self {
            inserted: c.inserted,
            updated: c.updated,
            deleted: c.deleted,
            unchanged: c.unchanged,
            skipped: c.skipped,
        }
    }
}

impl From<Verified> for VerifiedView {
    fn from(v: Verified) -> Self {
        Self {
            result: Word(v.result),
            policy: Word(v.policy),
            source_rows: v.source_rows,
            target_rows: v.target_rows,
            extra_rows: v.extra_rows,
            skipped_rows: v.skipped_rows,
        }
    }
}

impl From<Failure> for FailureView {
    fn from(f: Failure) -> Self {
        Self { class: Word(f.class), code: f.code.to_string(), message: f.message, hint: f.hint }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use longshore_shared::domain::failure::{Failure, FailureCode};
    use longshore_shared::domain::job::JobState::{self, Cancelled, Completed, Failed, Running};
    use longshore_shared::domain::step::{Counts, TableMode, TableState};
    use longshore_shared::store::job_tables::TableProgress;

    use super::TableView;

    /// A table of 1,000 rows in ten chunks and a verification.
    pub(in crate::view) fn table(mode: TableMode, begun: i64, done: i64) -> TableProgress {
        let chunks_done = done.min(10);
        TableProgress {
            number: 0,
            name: "orders".to_owned(),
            mode,
            rows_total: 1_000,
            bytes_total: 10_000,
            verified: None,
            failure: None,
            travels_in: None,
            counts: Counts { rows: chunks_done * 100, bytes: chunks_done * 1_000, ..Counts::default() },
            chunks_total: 10,
            chunks_done,
            steps_total: 11,
            steps_done: done,
            steps_begun: begun,
            writes: done.min(10),
            workers: vec!["one".to_owned()],
            seconds: None,
            moving_seconds: Some(10.0),
        }
    }

    #[test]
    fn states() {
        use TableState::{Completed as Done, Failed as Lost, Partial, Pending, Running as Runs};
        let check = |mode, begun, done, fails: bool, job: JobState, expected: TableState| {
            let mut table = table(mode, begun, done);
            if fails {
                table.failure = Some(Failure::permanent(FailureCode::ValueRefused, "x"));
            }
            assert_eq!(table.standing().state(job), expected, "{mode} {begun} {done} {fails} {job}");
        };
        check(TableMode::Create, 0, 0, false, Running, Pending);
        check(TableMode::Create, 1, 0, false, Running, Runs);
        check(TableMode::Create, 10, 10, false, Running, Runs);
        check(TableMode::Create, 11, 11, false, Running, Done);
        check(TableMode::Create, 11, 11, false, Completed, Done);
        check(TableMode::Create, 11, 11, false, Failed, Done);
        check(TableMode::Fill, 3, 2, true, Running, Partial);
        check(TableMode::Diff, 3, 2, false, Cancelled, Partial);
        check(TableMode::Diff, 0, 0, false, Cancelled, Pending);
        check(TableMode::Diff, 0, 0, true, Failed, Lost);
        check(TableMode::Fill, 1, 0, true, Failed, Lost);
        check(TableMode::Fill, 1, 0, false, Cancelled, Pending);
        check(TableMode::Fill, 11, 10, false, Cancelled, Partial);
        check(TableMode::Replace, 1, 0, true, Failed, Lost);
        check(TableMode::Replace, 1, 0, false, Cancelled, Pending);
        check(TableMode::Refused, 0, 0, true, Running, Lost);
        let mut unknown = table(TableMode::Fill, 1, 0);
        unknown.writes = 1;
        assert_eq!(unknown.standing().state(Cancelled), Partial);
        let mut equal = table(TableMode::Equal, 0, 0);
        (equal.steps_total, equal.chunks_total) = (0, 0);
        assert_eq!(equal.standing().state(Running), Done);
    }

    #[test]
    fn totals_never_lag_behind_what_is_done_and_end_equal_to_it() {
        let check = |rows_total, done, live, expected: (i64, i64)| {
            let mut table = table(TableMode::Fill, 10, done);
            table.rows_total = rows_total;
            let live = Counts { rows: live, ..Counts::default() };
            let view = TableView::of(table, live, Running);
            assert_eq!((view.rows_done, view.rows_total), expected);
        };
        check(1_000, 5, 0, (500, 1_000));
        check(1_000, 5, 50, (550, 1_000));
        check(520, 5, 50, (550, 550));
        check(2_000, 10, 0, (1_000, 1_000));
        check(400, 11, 0, (1_000, 1_000));
    }
}
