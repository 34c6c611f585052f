//! Table `schedule_events`: what came of each due time of a schedule.

use chrono::{DateTime, Utc};

use super::{Conn, StoreError};
use crate::domain::id::{JobId, OrgId, ScheduleId};
use crate::domain::schedule::DueResult;
use crate::domain::subject::Subject;

/// What came of one due time, or of many that were missed in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The (first) due time.
    pub due_at: DateTime<Utc>,
    /// The last one.
    pub last_due_at: DateTime<Utc>,
    /// How many they are.
    pub times: i32,
    /// What came of them.
    pub result: DueResult,
    /// The job that was made, or that was in the way.
    pub job_id: Option<JobId>,
}

/// An entry as it stands.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleEvent {
    /// Its number, growing.
    pub id: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// What it says.
    pub entry: Entry,
}

/// Adds an entry to the schedule's history.
pub async fn add(conn: &mut Conn, org_id: OrgId, id: ScheduleId, entry: &Entry) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO schedule_events (org_id, schedule_id, due_at, last_due_at, times, result, job_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        org_id.0,
        id.0,
        entry.due_at,
        entry.last_due_at,
        entry.times,
        entry.result.as_str(),
        entry.job_id.map(|j| j.0)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The due times of this queued job have not run after all: they are skipped.
pub async fn skip_queued(
    conn: &mut Conn,
    org_id: OrgId,
    subject: Subject,
    job: JobId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE schedule_events e SET result = 'skipped' FROM schedules s
         WHERE s.org_id = $1 AND s.subject_kind = $2 AND s.subject_id = $3
           AND e.org_id = $1 AND e.schedule_id = s.id AND e.job_id = $4 AND e.result = 'queued'",
        org_id.0,
        subject.kind().as_str(),
        subject.id(),
        job.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// At most `limit` entries before entry `before`, newest first.
pub async fn list(
    conn: &mut Conn,
    org_id: OrgId,
    id: ScheduleId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ScheduleEvent>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, at, due_at, last_due_at, times, result, job_id FROM schedule_events
         WHERE org_id = $1 AND schedule_id = $2 AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        org_id.0,
        id.0,
        before,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let entry = Entry {
                due_at: r.due_at,
                last_due_at: r.last_due_at,
                times: r.times,
                result: r.result.parse()?,
                job_id: r.job_id.map(JobId),
            };
            Ok(ScheduleEvent { id: r.id, at: r.at, entry })
        })
        .collect()
}

/// Deletes at most `limit` entries older than `seconds`; answers how many.
pub async fn prune(conn: &mut Conn, seconds: f64, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM schedule_events WHERE (org_id, schedule_id, id) IN (
             SELECT org_id, schedule_id, id FROM schedule_events
             WHERE at < now() - make_interval(secs => $1) ORDER BY at LIMIT $2)",
        seconds,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
