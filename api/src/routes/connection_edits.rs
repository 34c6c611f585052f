//! Edits of a connection.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::id::ConnectionId;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::connections::{checks, demands, edits};
use longshore_shared::store::{OrgTx, secrets};

use crate::access::{Caller, Databases};
use crate::body::{Changed, ConnectionChange, fits, may_be_dialled};
use crate::error::{ApiError, Conflict, Problem};
use crate::extract::{Id, IfMatch, StrictJson, etag};
use crate::records::connection::{seal, taken};
use crate::state::AppState;
use crate::view::ConnectionView;

/// Edits a connection. With `If-Match`, only the version that it names. Secrets that are not
/// given stay, but none follows a change of the way: `secret_needed` names each that has to be
/// given again, and to take a protection away `confirm` and the password are. A job that began before the connection led elsewhere fails with
/// `connection_changed`; nothing else disturbs it.
#[utoipa::path(patch, path = "/v1/connections/{id}", operation_id = "edit_connection", tag = "connections", request_body = ConnectionChange,
    params(("id" = uuid::Uuid, Path, description = "the connection"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` of the version that is edited")),
    responses((status = 200, description = "the connection", body = ConnectionView,
            headers(("ETag" = String, description = "its version"))),
        (status = 412, description = "it was changed since", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn edit(
    caller: Caller<Databases>,
    State(state): State<AppState>,
    Id(id): Id<ConnectionId>,
    seen: IfMatch,
    StrictJson(body): StrictJson<ConnectionChange>,
) -> Result<impl IntoResponse, ApiError> {
    let org_id = caller.org_id();
    let mut tx = caller.begin().await?;
    let before = checks::lock(tx.conn(), org_id, id).await?.ok_or(ApiError::NotFound)?;
    seen.holds(before.version)?;
    let Changed { connection, given, kept } = body.apply(&before)?;
    // What an operator forbade meanwhile may still be renamed.
    if connection.dialled() != before.dialled() {
        may_be_dialled(&state.rules, &connection)?;
    }
    if connection.reach != before.reach {
        suits_its_tasks(&mut tx, &connection).await?;
    }
    if connection.ask_password && demands::is_scheduled(tx.conn(), org_id, id).await? {
        return Err(runs_by_itself());
    }
    edits::update(tx.conn(), &connection).await.map_err(taken)?;
    secrets::keep(tx.conn(), org_id, id, &kept).await?;
    for (name, secret) in &given {
        seal(&mut tx, &state.sealer, &connection, *name, secret).await?;
    }
    tx.commit().await?;
    Ok((etag(connection.version), Json(ConnectionView::from(connection))))
}

fn runs_by_itself() -> ApiError {
    Conflict {
        field: Some("ask_password"),
        hint: Some("take the task's schedule away first, or keep the password stored"),
        ..Conflict::new(
            ProblemCode::TaskUnfit,
            "a sync task with a schedule uses this connection, and nobody is there to be asked",
        )
    }
    .into()
}

/// An error if a task that uses the connection could not be made with it any more.
async fn suits_its_tasks(tx: &mut OrgTx, changed: &Connection) -> Result<(), ApiError> {
    let (org_id, id) = (changed.org_id, changed.id);
    let targets = edits::partners(tx.conn(), org_id, id, false).await?;
    let sources = edits::partners(tx.conn(), org_id, id, true).await?;
    let read = targets.iter().map(|target| fits(changed, target));
    let written = sources.iter().map(|source| fits(source, changed));
    read.chain(written).collect::<Result<(), _>>().map_err(|unfit| {
        Conflict {
            hint: Some("delete the task, or register the other database as a connection of its own"),
            ..Conflict::new(
                ProblemCode::TaskUnfit,
                format!("a sync task uses this connection and would not fit any more: {unfit}"),
            )
        }
        .into()
    })
}
