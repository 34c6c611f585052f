//! Runs that wait for their subject's run before them: rows of `jobs` with `queued_behind`.

use chrono::{DateTime, Utc};

use super::super::{Conn, StoreError};
use crate::domain::actor::ActorKind;
use crate::domain::id::{ConnectionId, JobId, OrgId};
use crate::domain::job::{JobSpec, Trigger};
use crate::domain::secret::OwnerKind;
use crate::domain::subject::Subject;

/// A run that waits.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its job.
    pub id: JobId,
    /// What it is a run of.
    pub subject: Subject,
    /// Whether somebody asked for it.
    pub trigger: Trigger,
    /// The schedule's due time.
    pub due_at: Option<DateTime<Utc>>,
    /// The trace context of its submission.
    pub trace: Option<String>,
}

/// The subject's run that has not ended and does not wait, if there is one; locked, so that its
/// end comes after whatever the caller does.
pub async fn lock_active(
    conn: &mut Conn,
    org_id: OrgId,
    subject: Subject,
) -> Result<Option<JobId>, StoreError> {
    let row = sqlx::query!(
        "SELECT id FROM jobs WHERE org_id = $1 AND subject_kind = $2 AND subject_id = $3
           AND state IN ('pending', 'running') AND queued_behind IS NULL FOR NO KEY UPDATE",
        org_id.0,
        subject.kind().as_str(),
        subject.id()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| JobId(r.id)))
}

/// The subject's run that waits, if there is one; locked.
pub async fn lock(conn: &mut Conn, org_id: OrgId, subject: Subject) -> Result<Option<Queued>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, requested_by_kind, due_at, trace FROM jobs
         WHERE org_id = $1 AND subject_kind = $2 AND subject_id = $3 AND state = 'pending'
           AND queued_behind IS NOT NULL FOR NO KEY UPDATE",
        org_id.0,
        subject.kind().as_str(),
        subject.id()
    )
    .fetch_optional(conn)
    .await?;
    row.map(|r| {
        let trigger = r.requested_by_kind.parse::<ActorKind>()?.trigger();
        Ok(Queued { id: JobId(r.id), subject, trigger, due_at: r.due_at, trace: r.trace })
    })
    .transpose()
}

/// What a job was a run of, if another run of it waits.
pub async fn subject_waiting_for(
    conn: &mut Conn,
    org_id: OrgId,
    ended: JobId,
) -> Result<Option<Subject>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT q.subject_kind AS "kind!", q.subject_id AS "id!" FROM jobs j
           JOIN jobs q ON q.org_id = j.org_id AND q.subject_kind = j.subject_kind AND q.subject_id = j.subject_id
           WHERE j.org_id = $1 AND j.id = $2 AND q.state = 'pending' AND q.queued_behind IS NOT NULL"#,
        org_id.0,
        ended.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| Subject::read(&r.kind, r.id)).transpose()?)
}

/// A later due time takes the place of the one that waits.
pub async fn replace_due(
    conn: &mut Conn,
    org_id: OrgId,
    id: JobId,
    due_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("UPDATE jobs SET due_at = $3 WHERE org_id = $1 AND id = $2", org_id.0, id.0, due_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// The waiting run becomes the subject's active one.
pub async fn release(conn: &mut Conn, org_id: OrgId, id: JobId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE jobs SET queued_behind = NULL WHERE org_id = $1 AND id = $2", org_id.0, id.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// What a waiting run is to do, as its subject says by now.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// What the subject is called.
    pub name: String,
    /// What is to be done.
    pub spec: JobSpec,
    /// The database that is read.
    pub source_id: ConnectionId,
    /// The database that is written.
    pub target_id: ConnectionId,
}

/// The waiting run is to do what its subject says by now. One that brought passwords along stays
/// with where its connections led when they were given.
pub async fn refresh(conn: &mut Conn, org_id: OrgId, id: JobId, renewed: &Renewed) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE jobs j SET name = $6, spec = $3, source_id = s.id, target_id = t.id, source_name = s.name,
             target_name = t.name,
             source_reach = CASE WHEN brought.given THEN j.source_reach ELSE s.reach END,
             target_reach = CASE WHEN brought.given THEN j.target_reach ELSE t.reach END
         FROM connections s, connections t,
             (SELECT EXISTS (SELECT FROM secrets WHERE org_id = $1 AND owner_kind = $7 AND owner_id = $2) AS given)
                 AS brought
         WHERE j.org_id = $1 AND j.id = $2 AND s.org_id = $1 AND s.id = $4 AND t.org_id = $1 AND t.id = $5",
        org_id.0,
        id.0,
        super::stored(&renewed.spec)?,
        renewed.source_id.0,
        renewed.target_id.0,
        renewed.name,
        OwnerKind::Job.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Subjects of which a run waits although nothing is in its way.
pub async fn stranded(conn: &mut Conn, limit: i64) -> Result<Vec<(OrgId, Subject)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT q.org_id, q.subject_kind AS "kind!", q.subject_id AS "id!" FROM jobs q
           WHERE q.state = 'pending' AND q.queued_behind IS NOT NULL
             AND NOT EXISTS (SELECT FROM jobs a WHERE a.org_id = q.org_id AND a.subject_kind = q.subject_kind
                             AND a.subject_id = q.subject_id AND a.state IN ('pending', 'running') AND a.queued_behind IS NULL)
           ORDER BY q.id LIMIT $1"#,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|r| Ok((OrgId(r.org_id), Subject::read(&r.kind, r.id)?))).collect()
}
