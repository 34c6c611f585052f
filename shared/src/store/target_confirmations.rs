//! Table `target_confirmations`: that a person who knew its password let a schedule write to a
//! protected connection.
//!
//! Invariants: a confirmation is of one connection and of where that led at the time; its password
//! is a secret of the schedule's, sealed for that too, and dropped once a worker has found it to be
//! the stored one.

use std::collections::HashMap;

use super::secrets::{self, SealedSecret};
use super::{Conn, StoreError};
use crate::domain::id::{ConnectionId, JobId, OrgId, ScheduleId, TaskId};
use crate::domain::subject::SubjectKind;
use crate::vault::{Sealed, SecretAddress};

/// A confirmation as it is kept.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// The protected connection.
    pub target_id: ConnectionId,
    /// Where that led; the version that the password is bound to.
    pub reach: i32,
    /// The password that was given, until a worker has compared it.
    pub given: Option<SealedSecret>,
}

/// Keeps a confirmation in the place of an older one of the schedule; `place` is the password's.
pub async fn put(
    conn: &mut Conn,
    id: ScheduleId,
    target_id: ConnectionId,
    place: &SecretAddress,
    sealed: &Sealed,
) -> Result<(), StoreError> {
    remove(conn, place.org_id, id).await?;
    sqlx::query!(
        "INSERT INTO target_confirmations (org_id, schedule_id, target_id, reach) VALUES ($1, $2, $3, $4)",
        place.org_id.0,
        id.0,
        target_id.0,
        place.version
    )
    .execute(&mut *conn)
    .await?;
    secrets::insert(conn, place, sealed).await
}

/// The schedule writes to nothing protected any more.
pub async fn remove(conn: &mut Conn, org_id: OrgId, id: ScheduleId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM target_confirmations WHERE org_id = $1 AND schedule_id = $2", org_id.0, id.0)
        .execute(&mut *conn)
        .await?;
    secrets::delete(conn, org_id, id).await
}

/// Of these tasks those whose schedule fires into a protected connection, and whether that is
/// confirmed as it stands now.
pub async fn of_tasks(
    conn: &mut Conn,
    org_id: OrgId,
    tasks: &[TaskId],
) -> Result<HashMap<TaskId, bool>, StoreError> {
    let ids: Vec<_> = tasks.iter().map(|task| task.0).collect();
    let rows = sqlx::query!(
        r#"SELECT t.id, c.reach IS NOT DISTINCT FROM k.reach AND c.target_id IS NOT DISTINCT FROM k.id AS "confirmed!"
           FROM sync_tasks t
           JOIN connections k ON k.org_id = t.org_id AND k.id = t.target_id AND k.protected
           JOIN schedules s ON s.org_id = t.org_id AND s.subject_kind = $3 AND s.subject_id = t.id
           LEFT JOIN target_confirmations c ON c.org_id = t.org_id AND c.schedule_id = s.id
           WHERE t.org_id = $1 AND t.id = ANY ($2) AND s.enabled AND s.spec IS NOT NULL"#,
        org_id.0,
        &ids,
        SubjectKind::SyncTask.as_str()
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (TaskId(r.id), r.confirmed)).collect())
}

/// The confirmation of the schedule of what the job is a run of.
pub async fn of_job(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
) -> Result<Option<Confirmation>, StoreError> {
    let row = sqlx::query!(
        "SELECT c.schedule_id, c.target_id, c.reach FROM jobs j
         JOIN schedules s ON s.org_id = j.org_id AND s.subject_kind = j.subject_kind AND s.subject_id = j.subject_id
         JOIN target_confirmations c ON c.org_id = s.org_id AND c.schedule_id = s.id
         WHERE j.org_id = $1 AND j.id = $2",
        org_id.0,
        job_id.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let given = secrets::of(conn, org_id, ScheduleId(row.schedule_id)).await?.pop();
    Ok(Some(Confirmation { target_id: ConnectionId(row.target_id), reach: row.reach, given }))
}
