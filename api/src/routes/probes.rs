//! Probes: is the whole way through the fleet open, and how fast is it?

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use longshore_shared::telemetry::TraceContext;
use longshore_shared::workflow::submit;

use super::runs::{accepted, announce};
use crate::error::ApiError;
use crate::extract::{Caller, Fleet, NewProbe, Once, StrictJson};
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
    let mut effect = match caller.once().await? {
        Once::First(effect) => effect,
        Once::Again(made) => return accepted(&caller, &state, made).await,
    };
    let trace = trace.to_string();
    let submitted = submit::probe(effect.conn(), caller.org_id(), spec, Some(&trace)).await?;
    let made = effect.done(StatusCode::ACCEPTED, submitted.job.id.0).await?;
    announce(&caller, &state, submitted.job.id, submitted.owed).await;
    accepted(&caller, &state, made).await
}
