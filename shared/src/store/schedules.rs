//! Table `schedules`: when a subject runs by itself. A row for each subject that can, made and ended
//! with it; it is the subject's lock too.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Conn, StoreError};
use crate::domain::id::{OrgId, ScheduleId};
use crate::domain::schedule::Timing;
use crate::domain::subject::Subject;

pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) spec: Option<serde_json::Value>,
    pub(super) enabled: bool,
    pub(super) overlap: String,
    pub(super) catch_up_seconds: i32,
    pub(super) next_run_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Timing {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ScheduleId(r.id),
            schedule: r.spec.map(serde_json::from_value).transpose()?,
            enabled: r.enabled,
            overlap: r.overlap.parse()?,
            catch_up_seconds: r.catch_up_seconds,
            next_run_at: r.next_run_at,
        })
    }
}

/// Stores the timing of a new subject.
pub async fn insert(
    conn: &mut Conn,
    org_id: OrgId,
    subject: Subject,
    timing: &Timing,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO schedules (org_id, id, subject_kind, subject_id, spec, enabled, overlap, catch_up_seconds,
             next_run_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        org_id.0,
        timing.id.0,
        subject.kind().as_str(),
        subject.id(),
        timing.schedule.as_ref().map(serde_json::to_value).transpose()?,
        timing.enabled,
        timing.overlap.as_str(),
        timing.catch_up_seconds,
        timing.next_run_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes an edited timing, which the caller has locked.
pub async fn update(conn: &mut Conn, org_id: OrgId, timing: &Timing) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE schedules SET spec = $3, enabled = $4, overlap = $5, catch_up_seconds = $6, next_run_at = $7
         WHERE org_id = $1 AND id = $2",
        org_id.0,
        timing.id.0,
        timing.schedule.as_ref().map(serde_json::to_value).transpose()?,
        timing.enabled,
        timing.overlap.as_str(),
        timing.catch_up_seconds,
        timing.next_run_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The subject is deleted: nothing fires any more.
pub async fn end(conn: &mut Conn, org_id: OrgId, subject: Subject) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE schedules SET next_run_at = NULL, deleted_at = now()
         WHERE org_id = $1 AND subject_kind = $2 AND subject_id = $3",
        org_id.0,
        subject.kind().as_str(),
        subject.id()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks the subject against schedulers, edits and runs that queue until the transaction ends, but
/// not against jobs that refer to it. Answers whether there is one that is not deleted.
pub async fn lock(conn: &mut Conn, org_id: OrgId, subject: Subject) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        "SELECT id FROM schedules
         WHERE org_id = $1 AND subject_kind = $2 AND subject_id = $3 AND deleted_at IS NULL
         FOR NO KEY UPDATE",
        org_id.0,
        subject.kind().as_str(),
        subject.id()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}

/// A schedule whose firing is due.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// The organisation.
    pub org_id: OrgId,
    /// The schedule.
    pub id: ScheduleId,
    /// The time that was set for it.
    pub at: DateTime<Utc>,
    /// The database's time.
    pub now: DateTime<Utc>,
}

/// The organisations of which a firing is due by the database's clock.
pub async fn due_organisations(conn: &mut Conn) -> Result<Vec<OrgId>, StoreError> {
    let rows = sqlx::query!("SELECT DISTINCT org_id FROM schedules WHERE next_run_at <= now()")
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|r| OrgId(r.org_id)).collect())
}

/// At most `limit` of the organisation's schedules whose firing is due by the database's clock,
/// those that are due longest first, locked as by [`lock`]. [`find`] reads them: a row that does
/// not read must not keep the others from firing.
pub async fn lock_due(conn: &mut Conn, org_id: OrgId, limit: i64) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, next_run_at AS "at!", now() AS "now!" FROM schedules
           WHERE org_id = $1 AND next_run_at <= now()
           ORDER BY next_run_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"#,
        org_id.0,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| Due { org_id, id: ScheduleId(r.id), at: r.at, now: r.now }).collect())
}

/// The schedule and what it is of.
pub async fn find(
    conn: &mut Conn,
    org_id: OrgId,
    id: ScheduleId,
) -> Result<Option<(Subject, Timing)>, StoreError> {
    let row = sqlx::query!(
        "SELECT subject_kind, subject_id, spec, enabled, overlap, catch_up_seconds, next_run_at
         FROM schedules WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(|r| {
        let subject = Subject::read(&r.subject_kind, r.subject_id)?;
        let (spec, enabled, overlap) = (r.spec, r.enabled, r.overlap);
        let (catch_up_seconds, next_run_at) = (r.catch_up_seconds, r.next_run_at);
        let timing = Row { id: id.0, spec, enabled, overlap, catch_up_seconds, next_run_at };
        Ok((subject, timing.try_into()?))
    })
    .transpose()
}

/// Sets when it fires next.
pub async fn set_next_run(
    conn: &mut Conn,
    org_id: OrgId,
    id: ScheduleId,
    next: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query!("UPDATE schedules SET next_run_at = $3 WHERE org_id = $1 AND id = $2", org_id.0, id.0, next)
        .execute(conn)
        .await?;
    Ok(())
}
