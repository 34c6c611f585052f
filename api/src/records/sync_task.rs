//! A sync task's row, its connections, and the confirmation that its schedule may write.

use chrono::{DateTime, Utc};
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::id::{ConnectionId, TaskId};
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::store::jobs::recent;
use longshore_shared::store::sync_tasks::{self, SyncTask};
use longshore_shared::store::{OrgTx, StoreError, connections, schedules, target_confirmations};
use longshore_shared::vault::{Sealer, Secret, SecretAddress};

use crate::body::unknown_connection;
use crate::error::{ApiError, Conflict, FieldError};
use crate::extract::IfMatch;
use crate::view::SyncTaskView;

/// The task, locked against schedulers and other edits, if it is the version that was seen.
pub(crate) async fn locked(tx: &mut OrgTx, id: TaskId, seen: &IfMatch) -> Result<SyncTask, ApiError> {
    let org_id = tx.org_id();
    schedules::lock(tx.conn(), org_id, id.into()).await?;
    let task = sync_tasks::find(tx.conn(), org_id, id).await?.ok_or(ApiError::NotFound)?;
    seen.holds(task.version)?;
    Ok(task)
}

/// Keeps that the task's schedule may write to its protected target, or that it does not.
pub(crate) async fn confirm(
    tx: &mut OrgTx,
    sealer: &Sealer,
    task: &SyncTask,
    target: &Connection,
    password: Option<Secret>,
) -> Result<(), ApiError> {
    let (org_id, id) = (task.org_id, task.timing.id);
    let Some(password) = password else {
        return Ok(target_confirmations::remove(tx.conn(), org_id, id).await?);
    };
    let (name, version) = (SecretName::TargetPassword, target.reach);
    let place = SecretAddress { org_id, owner: id.into(), name, version };
    let sealed = sealer.seal(&password, &place)?;
    Ok(target_confirmations::put(tx.conn(), id, target.id, &place, &sealed).await?)
}

/// Tasks as they are shown `now`: whether their schedules may write to their protected targets, and
/// how their runs went last.
pub(crate) async fn shown(
    tx: &mut OrgTx,
    tasks: Vec<SyncTask>,
    now: DateTime<Utc>,
) -> Result<Vec<SyncTaskView>, ApiError> {
    let (org_id, ids): (_, Vec<TaskId>) = (tx.org_id(), tasks.iter().map(|task| task.id).collect());
    let confirmed = target_confirmations::of_tasks(tx.conn(), org_id, &ids).await?;
    let runs = recent::last_runs(tx.conn(), org_id, &ids).await?;
    let view = |task: SyncTask| {
        let (confirmed, runs) = (confirmed.get(&task.id).copied(), runs.get(&task.id).copied());
        SyncTaskView::of(task, confirmed, runs, now)
    };
    Ok(tasks.into_iter().map(view).collect())
}

/// One task as it is shown `now`.
pub(crate) async fn shown_alone(
    tx: &mut OrgTx,
    task: SyncTask,
    now: DateTime<Utc>,
) -> Result<SyncTaskView, ApiError> {
    shown(tx, vec![task], now).await?.pop().ok_or(ApiError::NotFound)
}

/// Both connections, locked against deletion and edits; every one that is not there is told.
pub(crate) async fn connections_of(
    tx: &mut OrgTx,
    source: ConnectionId,
    target: ConnectionId,
) -> Result<(Connection, Connection), ApiError> {
    let org_id = tx.org_id();
    let found = (
        connections::find_for_use(tx.conn(), org_id, source).await?,
        connections::find_for_use(tx.conn(), org_id, target).await?,
    );
    match found {
        (Some(source), Some(target)) => Ok((source, target)),
        (source, target) => {
            let missing = [("source_id", source.is_none()), ("target_id", target.is_none())];
            let (code, detail) = unknown_connection();
            let errors = missing.into_iter().filter(|(_, missing)| *missing);
            Err(ApiError::Invalid(errors.map(|(field, _)| FieldError::new(field, code, &*detail)).collect()))
        }
    }
}

/// A name that another task has is told as such.
pub(crate) fn taken(error: StoreError) -> ApiError {
    match error {
        StoreError::Taken { constraint } if constraint == "sync_tasks_name" => Conflict {
            field: Some("name"),
            ..Conflict::new(ProblemCode::NameTaken, "a sync task of this name is there already")
        }
        .into(),
        other => other.into(),
    }
}
