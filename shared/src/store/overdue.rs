//! Scheduled tasks that have not done what their schedule promises, read over `schedules`, `sync_tasks`,
//! `schedule_events` and `jobs`.
//!
//! A task is overdue when a due time lies [`OVERDUE_SECONDS`] back, no run that was made since has
//! succeeded, and none is under way. A due time that was skipped for a run in progress is met by that run.
//! Cheap by their indexes: of each task the newest success and the newest due time of that age are looked
//! at; what is older is read of overdue tasks only.

use chrono::{DateTime, Utc};

use super::{Conn, StoreError};
use crate::domain::id::{OrgId, TaskId};
use crate::domain::subject::SubjectKind;

/// How long after its due time a schedule's run may be without a success.
pub const OVERDUE_SECONDS: f64 = 3_600.0;

/// A task that is overdue.
#[derive(Clone, Debug)]
pub struct OverdueTask {
    /// The task.
    pub id: TaskId,
    /// Its name.
    pub name: String,
    /// The first due time that waits for a success.
    pub since: DateTime<Utc>,
    /// When its newest success ended.
    pub last_success_at: Option<DateTime<Utc>>,
}

/// Overdue tasks, those that wait longest first.
#[derive(Clone, Debug)]
pub struct Overdue {
    /// How many there are.
    pub total: i64,
    /// The first of them.
    pub tasks: Vec<OverdueTask>,
}

/// Finds what is overdue, of one organisation or of all that the transaction sees; at most `limit` tasks are
/// named.
pub async fn find(conn: &mut Conn, org_id: Option<OrgId>, limit: i64) -> Result<Overdue, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT t.id, t.name, s.ended_at AS "last_success_at?", count(*) OVER () AS "total!",
               least(c.next_run_at, (
                   SELECT min(e.due_at) FROM schedule_events e
                   WHERE e.org_id = c.org_id AND e.schedule_id = c.id
                     AND e.due_at > coalesce(CASE e.result WHEN 'skipped' THEN s.ended_at ELSE s.created_at END,
                                             '-infinity'))) AS "since!"
           FROM schedules c
           JOIN sync_tasks t ON t.org_id = c.org_id AND t.id = c.subject_id
           LEFT JOIN LATERAL (
               SELECT j.created_at, j.ended_at FROM jobs j
               WHERE j.org_id = t.org_id AND j.subject_kind = c.subject_kind AND j.subject_id = t.id
                 AND j.state = 'completed'
               ORDER BY j.id DESC LIMIT 1) s ON true
           LEFT JOIN LATERAL (
               SELECT e.due_at, e.result FROM schedule_events e
               WHERE e.org_id = c.org_id AND e.schedule_id = c.id AND e.due_at <= now() - make_interval(secs => $2)
               ORDER BY e.id DESC LIMIT 1) d ON true
           WHERE c.subject_kind = $4 AND c.spec IS NOT NULL AND c.enabled AND c.deleted_at IS NULL
             AND ($1::uuid IS NULL OR c.org_id = $1)
             AND (c.next_run_at <= now() - make_interval(secs => $2)
                  OR d.due_at > coalesce(CASE d.result WHEN 'skipped' THEN s.ended_at ELSE s.created_at END,
                                         '-infinity'))
             AND NOT EXISTS (SELECT FROM jobs j WHERE j.org_id = t.org_id AND j.subject_kind = c.subject_kind
                             AND j.subject_id = t.id AND j.state IN ('pending', 'running'))
           ORDER BY 5, t.id LIMIT $3"#,
        org_id.map(|org_id| org_id.0),
        OVERDUE_SECONDS,
        limit,
        SubjectKind::SyncTask.as_str()
    )
    .fetch_all(conn)
    .await?;
    let total = rows.first().map_or(0, |r| r.total);
    let tasks = rows.into_iter().map(|r| OverdueTask {
        id: TaskId(r.id),
        name: r.name,
        since: r.since,
        last_success_at: r.last_success_at,
    });
    Ok(Overdue { total, tasks: tasks.collect() })
}
