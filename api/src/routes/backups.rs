//! Backups: databases that are kept as packages in the store.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use longshore_shared::domain::backup::{Backup, BackupState};
use longshore_shared::domain::id::PackageId;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::store::{OrgTx, backups, packages};
use longshore_shared::telemetry::TraceContext;
use longshore_shared::vault::SecretAddress;
use longshore_shared::workflow::submit::{self, Request};

use crate::access::{Caller, Databases};
use crate::body::NewBackup;
use crate::error::{ApiError, Conflict};
use crate::extract::{BackupPage, Id, NoFields, StrictJson, StrictQuery};
use crate::once::KeyedCaller;
use crate::records::connection::usable_one;
use crate::records::secret::seal;
use crate::records::submission::accepted;
use crate::state::AppState;
use crate::view::{BackupView, JobView, List};

/// Keeps a connection's database as it is at one point, without stopping anybody for longer than a moment. It reads
/// all of it: best at a quiet time. The job's `spec.backup_id` names the backup.
#[utoipa::path(post, path = "/v1/backups", operation_id = "create_backup", tag = "backups", request_body = NewBackup,
    responses((status = 202, description = "accepted: the job", body = JobView,
        headers(("Location" = String, description = "where the job is")))))]
pub(crate) async fn create(
    caller: KeyedCaller<Databases>,
    State(state): State<AppState>,
    Extension(trace): Extension<TraceContext>,
    StrictJson(body): StrictJson<NewBackup>,
) -> Result<impl IntoResponse, ApiError> {
    let asked = body.check()?;
    has_store(&state)?;
    let submitted = caller.once(StatusCode::ACCEPTED, async |mut effect| {
        let org_id = caller.org_id();
        let connection = usable_one(&mut effect, "connection_id", asked.connection_id).await?;
        let new = submit::NewBackup {
            name: asked.name.clone(),
            connection: connection.clone(),
            selection: asked.selection.clone(),
        };
        let password = asked.given(&connection)?;
        let trace = trace.to_string();
        let request = Request { by: caller.actor(), trace: Some(&trace) };
        let (_, submitted) = submit::backup(effect.conn(), org_id, new, request).await?;
        if let Some(password) = &password {
            let place = SecretAddress::once(org_id, submitted.job.id, SecretName::SourcePassword);
            seal(&mut effect, &state.sealer, place, password).await?;
        }
        Ok(effect.done(submitted.job.id.0, submitted))
    });
    accepted(&caller, &state, submitted.await?).await
}

/// Lists backups, newest first.
#[utoipa::path(get, path = "/v1/backups", operation_id = "list_backups", tag = "backups", params(BackupPage),
    responses((status = 200, description = "a page", body = List<BackupView>)))]
pub(crate) async fn list(
    caller: Caller<Databases>,
    StrictQuery(page): StrictQuery<BackupPage>,
) -> Result<Json<List<BackupView>>, ApiError> {
    let (page, filter, before) = page.check()?;
    let mut tx = caller.read_only().await?;
    let mut found = backups::list(tx.conn(), caller.org_id(), filter, before, page.rows()).await?;
    tx.commit().await?;
    let next_cursor = page.cut_by_id(&mut found, |backup| backup.id.0);
    Ok(Json(List { items: found.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Shows a backup with its tables.
#[utoipa::path(get, path = "/v1/backups/{id}", operation_id = "show_backup", tag = "backups",
    params(("id" = uuid::Uuid, Path, description = "the backup")),
    responses((status = 200, description = "the backup", body = BackupView)))]
pub(crate) async fn show(
    caller: Caller<Databases>,
    Id(id): Id<PackageId>,
) -> Result<Json<BackupView>, ApiError> {
    let mut tx = caller.read_only().await?;
    let backup = found(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(BackupView::whole(backup)))
}

/// Deletes a backup for good: what it held is removed from the store, and its entry stays as `deleted`. One that is
/// being made, or that a job reads, is not deleted: cancel the job first.
#[utoipa::path(delete, path = "/v1/backups/{id}", operation_id = "delete_backup", tag = "backups",
    params(("id" = uuid::Uuid, Path, description = "the backup")),
    responses((status = 200, description = "the backup as it is now", body = BackupView)))]
pub(crate) async fn delete(
    caller: Caller<Databases>,
    Id(id): Id<PackageId>,
) -> Result<Json<BackupView>, ApiError> {
    let mut tx = caller.begin().await?;
    let org_id = caller.org_id();
    if found(&mut tx, id).await?.state == BackupState::Deleted {
        return Err(Conflict::new(ProblemCode::BackupDeleted, "the backup is deleted already").into());
    }
    // First the row, whose lock a job that begins to read it waits for.
    let deleted = packages::delete(tx.conn(), org_id, id).await?;
    if !deleted || packages::is_in_use(tx.conn(), org_id, id).await? {
        let detail = "a job that has not ended makes or reads the backup";
        return Err(Conflict::new(ProblemCode::BackupInUse, detail).into());
    }
    let backup = found(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(BackupView::whole(backup)))
}

/// Reads all of a backup again and proves it by its hashes. A part that was changed, cut or exchanged fails the job
/// by the name of its tables (`package_damaged`).
#[utoipa::path(post, path = "/v1/backups/{id}/verifications", operation_id = "verify_backup", tag = "backups",
    request_body = Option<NoFields>, params(("id" = uuid::Uuid, Path, description = "the backup")),
    responses((status = 202, description = "accepted: the job", body = JobView,
        headers(("Location" = String, description = "where the job is")))))]
pub(crate) async fn verify(
    caller: KeyedCaller<Databases>,
    State(state): State<AppState>,
    Extension(trace): Extension<TraceContext>,
    Id(id): Id<PackageId>,
    _: NoFields,
) -> Result<impl IntoResponse, ApiError> {
    has_store(&state)?;
    let submitted = caller.once(StatusCode::ACCEPTED, async |mut effect| {
        let backup = found(&mut effect, id).await?;
        if !packages::keep(effect.conn(), caller.org_id(), id).await? {
            return Err(not_complete(&backup));
        }
        let trace = trace.to_string();
        let request = Request { by: caller.actor(), trace: Some(&trace) };
        let submitted = submit::backup_verification(effect.conn(), &backup, request).await?;
        Ok(effect.done(submitted.job.id.0, submitted))
    });
    accepted(&caller, &state, submitted.await?).await
}

async fn found(tx: &mut OrgTx, id: PackageId) -> Result<Backup, ApiError> {
    let org_id = tx.org_id();
    backups::find(tx.conn(), org_id, id).await?.ok_or(ApiError::NotFound)
}

fn has_store(state: &AppState) -> Result<(), ApiError> {
    match state.objects {
        Some(_) => Ok(()),
        None => {
            Err(Conflict::new(ProblemCode::NoStore, "this deployment has no S3 bucket to keep packages in")
                .into())
        }
    }
}

fn not_complete(backup: &Backup) -> ApiError {
    match backup.state {
        BackupState::Deleted => Conflict::new(ProblemCode::BackupDeleted, "the backup was deleted").into(),
        state => {
            let detail = format!("the backup is {state}, and only a complete one can be read");
            Conflict::new(ProblemCode::BackupNotComplete, detail).into()
        }
    }
}
