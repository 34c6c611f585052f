//! Probes: is the whole way through the fleet open, and how fast is it?

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use longshore_shared::telemetry::TraceContext;
use longshore_shared::workflow::submit;

use super::picture;
use super::runs::announce;
use crate::error::ApiError;
use crate::extract::{Caller, Fleet, NewProbe, StrictJson};
use crate::state::AppState;
use crate::view::JobView;

/// Sends steps that touch nobody's database through the whole fleet.
#[utoipa::path(post, path = "/v1/probes", operation_id = "submit_probe", tag = "fleet", request_body = NewProbe,
    responses((status = 202, description = "accepted: the job", body = JobView,
        headers(("Location" = String, description = "where the job is")))))]
pub(crate) async fn submit(
    caller: Caller<Fleet>,
    State(state): State<AppState>,
    Extension(trace): Extension<TraceContext>,
    StrictJson(body): StrictJson<NewProbe>,
) -> Result<impl IntoResponse, ApiError> {
    let spec = body.check()?;
    let mut tx = caller.begin().await?;
    let submitted = submit::probe(tx.conn(), caller.org_id(), spec, Some(&trace.to_string())).await?;
    tx.commit().await?;
    let job_id = submitted.job.id;
    announce(&caller, &state, job_id, submitted.owed).await;
    let mut tx = caller.moment().await?;
    let view = picture::view(&mut tx, &state.board, job_id).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, format!("/v1/jobs/{job_id}"))], Json::<JobView>(view)))
}
