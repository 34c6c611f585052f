//! A job that a request asks for: its messages, and the 202.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use chrono::SubsecRound as _;
use longshore_shared::domain::id::{JobId, OrgId};
use longshore_shared::domain::job::Job;
use longshore_shared::store::outbox::Owed;
use longshore_shared::workflow::publish;
use longshore_shared::workflow::submit::Submitted;

use super::job;
use crate::error::ApiError;
use crate::once::{KeyedCaller, Once};
use crate::state::AppState;
use crate::view::JobView;

/// How long an answer waits for RabbitMQ. What it is to tell is safe in the store by then, and the
/// scheduler publishes what this process did not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// Publishes what a job that was just accepted owes, and answers with it; one that an earlier
/// request submitted is shown as it is now.
pub(crate) async fn accepted<A>(
    caller: &KeyedCaller<A>,
    state: &AppState,
    (status, once): (StatusCode, Once<Submitted>),
) -> Result<impl IntoResponse + use<A>, ApiError> {
    let (id, view) = match once {
        Once::First(Submitted { job, owed }) => {
            announce(state, job.org_id, job.id, owed).await;
            // The store keeps microseconds: the first answer is like every later one.
            let job = Job { created_at: job.created_at.trunc_subsecs(6), ..job };
            (job.id, JobView::submitted(job))
        }
        Once::Again(id) => {
            let mut tx = caller.read_only().await?;
            let view = job::view(&mut tx, &state.progress_hub, JobId(id)).await?;
            tx.commit().await?;
            (JobId(id), view)
        }
    };
    Ok((status, [(header::LOCATION, format!("/v1/jobs/{id}"))], Json(view)))
}

/// Publishes what a submission owes, if RabbitMQ is quick about it.
async fn announce(state: &AppState, org_id: OrgId, job_id: JobId, owed: Vec<Owed>) {
    let published = publish::submitted(&state.database, &state.bus, org_id, owed);
    match tokio::time::timeout(PATIENCE, published).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(job.id = %job_id, %error, "the scheduler announces this job"),
        Err(_) => tracing::warn!(job.id = %job_id, "RabbitMQ is slow; the scheduler announces this job"),
    }
}
