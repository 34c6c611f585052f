//! Registered connections. Their passwords come in here, are sealed at once for the
//! workers, and never go out.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use chrono::SubsecRound as _;
use longshore_shared::clock;
use longshore_shared::domain::id::ConnectionId;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::connections;
use longshore_shared::store::connections::checks;

use crate::access::{Caller, Databases};
use crate::body::{NewConnection, may_be_dialled};
use crate::error::{ApiError, Conflict};
use crate::extract::{Id, ListPage, StrictJson, StrictQuery, etag};
use crate::once::{KeyedCaller, Once, gone};
use crate::records::connection::{has_password, seal, taken};
use crate::state::AppState;
use crate::view::{ConnectionView, List, TestedConnectionView};

/// Registers a connection.
#[utoipa::path(post, path = "/v1/connections", operation_id = "create_connection", tag = "connections", request_body = NewConnection,
    responses((status = 201, description = "registered", body = ConnectionView,
        headers(("Location" = String, description = "where it is"), ("ETag" = String, description = "its version")))))]
pub(crate) async fn create(
    caller: KeyedCaller<Databases>,
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
    let made = caller.once(StatusCode::CREATED, async |mut effect| {
        connections::insert(effect.conn(), &connection).await.map_err(taken)?;
        for (name, secret) in &secrets {
            seal(&mut effect, &state.sealer, &connection, *name, secret).await?;
        }
        Ok(effect.done(id.0, ()))
    });
    let (status, once) = made.await?;
    let connection = match once {
        Once::First(()) => connection,
        Once::Again(id) => {
            let mut tx = caller.read_only().await?;
            let found = connections::find(tx.conn(), caller.org_id(), id.into()).await?;
            tx.commit().await?;
            found.ok_or_else(gone)?
        }
    };
    let location = [(header::LOCATION, format!("/v1/connections/{}", connection.id))];
    Ok((status, location, etag(connection.version), Json(ConnectionView::from(connection))))
}

/// Lists connections by name.
#[utoipa::path(get, path = "/v1/connections", operation_id = "list_connections", tag = "connections", params(ListPage),
    responses((status = 200, description = "a page", body = List<ConnectionView>)))]
pub(crate) async fn list(
    caller: Caller<Databases>,
    StrictQuery(page): StrictQuery<ListPage>,
) -> Result<Json<List<ConnectionView>>, ApiError> {
    let (page, after) = page.by_name()?;
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

fn in_use() -> ApiError {
    Conflict::new(ProblemCode::ConnectionInUse, "a sync task or a running job uses this connection").into()
}
