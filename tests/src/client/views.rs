//! The views of jobs that the API promises.

use serde::Deserialize;

/// A job's view.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// `sync`.
    pub kind: String,
    /// `pending`, `running`, `completed`, `failed`, `cancelled`.
    pub state: String,
    /// The task that it runs.
    pub task_id: Option<String>,
    /// `person` or `schedule`.
    pub trigger: String,
    /// When it was accepted.
    pub created_at: String,
    /// When its first step was claimed.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// What it waits for.
    pub waiting_for: Option<Waiting>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// How far it is.
    pub progress: Progress,
    /// What it does to each table.
    pub tables: Vec<Table>,
    /// What its reader should know.
    pub warnings: Vec<String>,
}

/// Why a job does nothing just now.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Waiting {
    /// `target_busy`.
    pub reason: String,
    /// The job whose end it waits for.
    pub job_id: Option<String>,
}

/// Why a job or a table failed.
#[derive(Clone, Debug, Deserialize)]
pub struct Failure {
    /// What sort of trouble.
    pub class: String,
    /// A stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What a person can do.
    pub hint: String,
}

/// How far a job is.
#[derive(Clone, Debug, Deserialize)]
pub struct Progress {
    /// Rows read so far.
    pub rows_done: i64,
    /// Rows to be read.
    pub rows_total: Option<i64>,
    /// Tables finished.
    pub tables_done: i64,
    /// Tables in all.
    pub tables_total: i64,
    /// What it is doing.
    pub phase: Option<String>,
}

/// What a job does to a table.
#[derive(Clone, Debug, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// `create`, `fill`, `diff`, `replace`, `equal`, `refused`.
    pub mode: String,
    /// `pending`, `running`, `completed`, `failed`, `partial`.
    pub state: String,
    /// Rows read so far.
    pub rows_done: i64,
    /// What was done to rows.
    pub counts: Counts,
    /// What its verification found.
    pub verified: Option<Verified>,
    /// Who worked on it.
    pub workers: Vec<String>,
    /// Its chunks.
    pub chunks_total: i64,
    /// Those that are done.
    pub chunks_done: i64,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// What was done to rows.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Counts {
    /// Rows that the target lacked.
    pub inserted: i64,
    /// Rows that were overwritten.
    pub updated: i64,
    /// Rows that were deleted.
    pub deleted: i64,
    /// Rows equal on both sides.
    pub unchanged: i64,
    /// Rows that differ and were kept.
    pub skipped: i64,
}

/// What a verification found.
#[derive(Clone, Debug, Deserialize)]
pub struct Verified {
    /// `equal`, `mismatch`, `changed_meanwhile`.
    pub result: String,
    /// `exact`, `source_first`, `target_first`.
    pub policy: String,
    /// Rows of the source.
    pub source_rows: i64,
    /// Rows of the target.
    pub target_rows: i64,
    /// Rows that only the target has.
    pub extra_rows: i64,
    /// Rows that differ and were kept.
    pub skipped_rows: i64,
}

/// A line of a job's log.
#[derive(Clone, Debug, Deserialize)]
pub struct LogLine {
    /// `info`, `warn`, `error`.
    pub level: String,
    /// What happened.
    pub message: String,
    /// Who did it.
    pub worker: Option<String>,
}

impl Job {
    /// Whether its state can never change again.
    pub fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "completed" | "failed" | "cancelled")
    }

    /// A table's part.
    #[track_caller]
    pub fn table(&self, name: &str) -> &Table {
        let found = self.tables.iter().find(|table| table.name == name);
        found.unwrap_or_else(|| panic!("no table {name} in {self:#?}"))
    }

    /// Everybody who worked on a table of it.
    pub fn workers(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.tables.iter().flat_map(|table| &table.workers).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Why it failed.
    #[track_caller]
    pub fn why(&self) -> &Failure {
        self.failure.as_ref().unwrap_or_else(|| panic!("a failure in {self:#?}"))
    }
}
