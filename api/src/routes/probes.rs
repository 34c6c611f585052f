//! Probes: is the whole way through the fleet open, and how fast is it?

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use longshore_shared::telemetry::TraceContext;
use longshore_shared::workflow::submit::{self, Request};

use crate::access::Fleet;
use crate::body::NewProbe;
use crate::error::ApiError;
use crate::extract::StrictJson;
use crate::once::KeyedCaller;
use crate::records::submission::accepted;
use crate::state::AppState;
use crate::view::JobView;

/// Sends steps that touch nobody's database through the whole fleet.
#[utoipa::path(post, path = "/v1/probes", operation_id = "submit_probe", tag = "fleet", request_body = NewProbe,
    responses((status = 202, description = "accepted: the job", body = JobView,
        headers(("Location" = String, description = "where the job is")))))]
pub(crate) async fn submit(
    caller: KeyedCaller<Fleet>,
    State(state): State<AppState>,
    Extension(trace): Extension<TraceContext>,
    StrictJson(body): StrictJson<NewProbe>,
) -> Result<impl IntoResponse, ApiError> {
    let spec = body.check()?;
    let submitted = caller.once(StatusCode::ACCEPTED, async |mut effect| {
        let trace = trace.to_string();
        let request = Request { by: caller.actor(), trace: Some(&trace) };
        let submitted = submit::probe(effect.conn(), caller.org_id(), spec, request).await?;
        Ok(effect.done(submitted.job.id.0, submitted))
    });
    accepted(&caller, &state, submitted.await?).await
}
