//! Registered connections. Their passwords come in here, are sealed at once for the
//! workers, and never go out.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use chrono::SubsecRound as _;
use longshore_shared::clock;
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::hop::SecretName;
use longshore_shared::domain::id::ConnectionId;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::connections::checks;
use longshore_shared::store::{OrgTx, StoreError, connections};
use longshore_shared::vault::{Sealer, Secret, SecretAddress};

use crate::error::{ApiError, Conflict};
use crate::extract::{
    Caller, Databases, Id, NamePage, NewConnection, Once, StrictJson, StrictQuery, etag, gone, may_be_dialled,
};
use crate::state::AppState;
use crate::view::{ConnectionView, List, TestedConnectionView};

/// Registers a connection.
#[utoipa::path(post, path = "/v1/connections", operation_id = "create_connection", tag = "connections", request_body = NewConnection,
    responses((status = 201, description = "registered", body = ConnectionView,
        headers(("Location" = String, description = "where it is"), ("ETag" = String, description = "its version")))))]
pub(crate) async fn create(
    caller: Caller<Databases>,
    State(state): State<AppState>,
    StrictJson(body): StrictJson<NewConnection>,
) -> Result<impl IntoResponse, ApiError> {
    // The store keeps microseconds: the first answer is like every later one.
    let id = ConnectionId(clock::fresh_id());
    let (connection, secrets) = body.check(caller.org_id(), id, clock::now().trunc_subsecs(6))?;
    may_be_dialled(&state.rules, &connection)?;
    if connection.ask_password && has_password(&secrets) {
        let detail = "with `ask_password` it is not stored; leave one of the two out";
        return Err(ApiError::field("password", ProblemCode::NotAsked, detail));
    }
    let (made, connection) = match caller.once().await? {
        Once::First(mut effect) => {
            connections::insert(effect.conn(), &connection).await.map_err(taken)?;
            for (name, secret) in &secrets {
                seal(&mut effect, &state.sealer, &connection, *name, secret).await?;
            }
            (effect.done(StatusCode::CREATED, id.0).await?, connection)
        }
        Once::Again(made) => {
            let mut tx = caller.read_only().await?;
            let found = connections::find(tx.conn(), caller.org_id(), made.resource.into()).await?;
            tx.commit().await?;
            (made, found.ok_or_else(gone)?)
        }
    };
    let location = [(header::LOCATION, format!("/v1/connections/{}", connection.id))];
    Ok((made.status, location, etag(connection.version), Json(ConnectionView::from(connection))))
}

/// Lists connections by name.
#[utoipa::path(get, path = "/v1/connections", operation_id = "list_connections", tag = "connections", params(NamePage),
    responses((status = 200, description = "a page", body = List<ConnectionView>)))]
pub(crate) async fn list(
    caller: Caller<Databases>,
    StrictQuery(page): StrictQuery<NamePage>,
) -> Result<Json<List<ConnectionView>>, ApiError> {
    let (page, after) = page.check()?;
    let mut tx = caller.begin().await?;
    let mut found = connections::list(tx.conn(), caller.org_id(), after.as_deref(), page.rows()).await?;
    tx.commit().await?;
    let next_cursor = page.cut_by_name(&mut found, |connection| &connection.name);
    Ok(Json(List { items: found.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Shows a connection.
#[utoipa::path(get, path = "/v1/connections/{id}", operation_id = "show_connection", tag = "connections",
    params(("id" = uuid::Uuid, Path, description = "the connection")),
    responses((status = 200, description = "the connection, with what its last test found", body = TestedConnectionView,
        headers(("ETag" = String, description = "its version")))))]
pub(crate) async fn show(
    caller: Caller<Databases>,
    Id(id): Id<ConnectionId>,
) -> Result<impl IntoResponse, ApiError> {
    let mut tx = caller.read_only().await?;
    let found = connections::find(tx.conn(), caller.org_id(), id).await?;
    let examination = checks::examination(tx.conn(), caller.org_id(), id).await?;
    tx.commit().await?;
    let found = found.ok_or(ApiError::NotFound)?;
    Ok((etag(found.version), Json(TestedConnectionView::of(found, examination))))
}

/// Deletes a connection and its secrets; refused while a task or a running job uses it.
#[utoipa::path(delete, path = "/v1/connections/{id}", operation_id = "delete_connection", tag = "connections",
    params(("id" = uuid::Uuid, Path, description = "the connection")),
    responses((status = 204, description = "deleted")))]
pub(crate) async fn delete(
    caller: Caller<Databases>,
    Id(id): Id<ConnectionId>,
) -> Result<StatusCode, ApiError> {
    let mut tx = caller.begin().await?;
    // Deleting first takes the row's lock, so that no task can be made on it in between.
    if !connections::delete(tx.conn(), caller.org_id(), id).await? {
        return Err(ApiError::NotFound);
    }
    if connections::is_used(tx.conn(), caller.org_id(), id).await? {
        return Err(in_use());
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the database account's password is among them.
pub(super) fn has_password(secrets: &[(SecretName, Secret)]) -> bool {
    secrets.iter().any(|(name, _)| *name == SecretName::Password)
}

/// Seals a secret for the connection's present version, and stores it.
pub(super) async fn seal(
    tx: &mut OrgTx,
    sealer: &Sealer,
    connection: &Connection,
    name: SecretName,
    secret: &Secret,
) -> Result<(), ApiError> {
    let (org_id, id, version) = (connection.org_id, connection.id, connection.version);
    let column = name.to_string();
    let place =
        SecretAddress { org_id, table: connections::SECRETS_TABLE, row: id.0, column: &column, version };
    let sealed = sealer.seal(secret, &place)?;
    Ok(connections::insert_secret(tx.conn(), org_id, id, name, version, &sealed).await?)
}

pub(super) fn taken(error: StoreError) -> ApiError {
    match error {
        StoreError::Taken { constraint } if constraint == "connections_name" => Conflict {
            field: Some("name"),
            ..Conflict::new(ProblemCode::NameTaken, "a connection of this name is there already")
        }
        .into(),
        other => other.into(),
    }
}

fn in_use() -> ApiError {
    Conflict::new(ProblemCode::ConnectionInUse, "a sync task or a running job uses this connection").into()
}
