//! Table `target_confirmations`: that a person who knew its password let a task's schedule write
//! to a protected connection.
//!
//! Invariants: a confirmation is of one connection and of where that led at the time; its
//! password is sealed for that too, and dropped once a worker has found it to be the stored one.
//! Only the system role may read it.

use std::collections::HashMap;

use super::{Conn, StoreError};
use crate::domain::hop::SecretName;
use crate::domain::id::{ConnectionId, JobId, OrgId, TaskId};
use crate::vault::Sealed;

/// The table that sealed passwords are bound to.
pub const TABLE: &str = "target_confirmations";

/// The name that they are bound to.
pub const SECRET: SecretName = SecretName::TargetPassword;

/// A confirmation as it is kept.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// The task.
    pub task_id: TaskId,
    /// The protected connection.
    pub target_id: ConnectionId,
    /// Where that led; the version that the password is bound to.
    pub reach: i32,
    /// The password that was given, until a worker has compared it.
    pub sealed: Option<Sealed>,
}

/// Keeps a confirmation in the place of an older one of the task.
pub async fn put(
    conn: &mut Conn,
    org_id: OrgId,
    task_id: TaskId,
    (target_id, reach): (ConnectionId, i32),
    sealed: &Sealed,
) -> Result<(), StoreError> {
    remove(conn, org_id, task_id).await?;
    sqlx::query!(
        "INSERT INTO target_confirmations (org_id, task_id, target_id, reach, key_id, sealed)
         VALUES ($1, $2, $3, $4, $5, $6)",
        org_id.0,
        task_id.0,
        target_id.0,
        reach,
        sealed.key_id,
        sealed.bytes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The task writes to nothing protected by itself any more.
pub async fn remove(conn: &mut Conn, org_id: OrgId, task_id: TaskId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM target_confirmations WHERE org_id = $1 AND task_id = $2", org_id.0, task_id.0)
        .execute(conn)
        .await?;
    Ok(())
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
           LEFT JOIN target_confirmations c ON c.org_id = t.org_id AND c.task_id = t.id
           WHERE t.org_id = $1 AND t.id = ANY ($2) AND t.enabled AND t.schedule IS NOT NULL"#,
        org_id.0,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (TaskId(r.id), r.confirmed)).collect())
}

/// The confirmation of the task that the job is a run of.
pub async fn of_job(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
) -> Result<Option<Confirmation>, StoreError> {
    let row = sqlx::query!(
        "SELECT c.task_id, c.target_id, c.reach, c.key_id, c.sealed
         FROM jobs j JOIN target_confirmations c ON c.org_id = j.org_id AND c.task_id = j.task_id
         WHERE j.org_id = $1 AND j.id = $2",
        org_id.0,
        job_id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| Confirmation {
        task_id: TaskId(r.task_id),
        target_id: ConnectionId(r.target_id),
        reach: r.reach,
        sealed: r.key_id.zip(r.sealed).map(|(key_id, bytes)| Sealed { key_id, bytes }),
    }))
}

/// The password was the stored one: its copy goes, unless another one took its place meanwhile.
pub async fn prove(
    conn: &mut Conn,
    org_id: OrgId,
    task_id: TaskId,
    sealed: &Sealed,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE target_confirmations SET key_id = NULL, sealed = NULL
         WHERE org_id = $1 AND task_id = $2 AND sealed = $3",
        org_id.0,
        task_id.0,
        sealed.bytes
    )
    .execute(conn)
    .await?;
    Ok(())
}
