//! Tests of connections. The API reaches no customer's network: a test is a job for a worker.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use longshore_shared::clock;
use longshore_shared::domain::id::{ConnectionId, JobId};
use longshore_shared::domain::job::JobKind;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::store::{connection_tests, connections, jobs};
use longshore_shared::telemetry::TraceContext;
use longshore_shared::vault::SecretAddress;
use longshore_shared::workflow::submit::{self, Request, Tested};

use crate::access::{Caller, Databases};
use crate::body::{NewConnection, NewTest, may_be_dialled};
use crate::error::{ApiError, Problem};
use crate::extract::{Id, PerhapsJson, StrictJson};
use crate::once::{KeyedCaller, KeyedTransaction};
use crate::records::connection::has_password;
use crate::records::secret::seal;
use crate::records::submission::accepted;
use crate::state::AppState;
use crate::view::{JobView, TestView};

/// Tests a connection as it is saved; with the `password` if it does not store that.
#[utoipa::path(post, path = "/v1/connections/{id}/test", operation_id = "test_connection", tag = "connections", request_body = Option<NewTest>,
    params(("id" = uuid::Uuid, Path, description = "the connection")),
    responses((status = 202, description = "accepted: the job that tests; what it found is at its /examination", body = JobView,
        headers(("Location" = String, description = "where the job is"))),
        (status = 429, description = "too many tests in a minute (`too_many_tests`); `Retry-After` says how long to wait",
            body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn saved(
    caller: KeyedCaller<Databases>,
    State(state): State<AppState>,
    Extension(trace): Extension<TraceContext>,
    Id(id): Id<ConnectionId>,
    PerhapsJson(body): PerhapsJson<NewTest>,
) -> Result<impl IntoResponse, ApiError> {
    let trace = trace.to_string();
    let submitted = caller.once(StatusCode::ACCEPTED, async |mut effect| {
        let org_id = caller.org_id();
        let connection = connections::find(effect.conn(), org_id, id).await?.ok_or(ApiError::NotFound)?;
        let password = body.check(&connection)?;
        count(&mut effect, state.tests_per_minute).await?;
        let request = Request { by: caller.actor(), trace: Some(&trace) };
        let tested = Tested::Saved(id, connection.name);
        let submitted = submit::connection_test(effect.conn(), org_id, tested, request).await?;
        if let Some(password) = &password {
            let place = SecretAddress::once(org_id, submitted.job.id, SecretName::Password);
            seal(&mut effect, &state.sealer, place, password).await?;
        }
        Ok(effect.done(submitted.job.id.0, submitted))
    });
    accepted(&caller, &state, submitted.await?).await
}

/// Tests a connection before it is saved; its secrets are kept, sealed, until the test has ended.
#[utoipa::path(post, path = "/v1/connections/test", operation_id = "test_new_connection", tag = "connections", request_body = NewConnection,
    responses((status = 202, description = "accepted: the job that tests; what it found is at its /examination", body = JobView,
        headers(("Location" = String, description = "where the job is"))),
        (status = 429, description = "too many tests in a minute (`too_many_tests`); `Retry-After` says how long to wait",
            body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn draft(
    caller: KeyedCaller<Databases>,
    State(state): State<AppState>,
    Extension(trace): Extension<TraceContext>,
    StrictJson(body): StrictJson<NewConnection>,
) -> Result<impl IntoResponse, ApiError> {
    let org_id = caller.org_id();
    let (connection, secrets) = body.check(org_id, ConnectionId(clock::fresh_id()), clock::now())?;
    may_be_dialled(&state.rules, &connection)?;
    if !has_password(&secrets) {
        let detail = "the test logs in with it, also where it is not stored afterwards";
        return Err(ApiError::field("password", ProblemCode::SecretNeeded, detail));
    }
    let trace = trace.to_string();
    let submitted = caller.once(StatusCode::ACCEPTED, async |mut effect| {
        count(&mut effect, state.tests_per_minute).await?;
        let request = Request { by: caller.actor(), trace: Some(&trace) };
        let tested = Tested::Draft(Box::new(connection));
        let submitted = submit::connection_test(effect.conn(), org_id, tested, request).await?;
        for (name, secret) in &secrets {
            let place = SecretAddress::once(org_id, submitted.job.id, *name);
            seal(&mut effect, &state.sealer, place, secret).await?;
        }
        Ok(effect.done(submitted.job.id.0, submitted))
    });
    accepted(&caller, &state, submitted.await?).await
}

/// Shows what a test of a connection found.
#[utoipa::path(get, path = "/v1/jobs/{id}/examination", operation_id = "show_examination", tag = "connections",
    params(("id" = uuid::Uuid, Path, description = "the test's job")),
    responses((status = 200, description = "the test, and what it found", body = TestView)))]
pub(crate) async fn show(caller: Caller<Databases>, Id(id): Id<JobId>) -> Result<Json<TestView>, ApiError> {
    let mut tx = caller.read_only().await?;
    let job = jobs::find(tx.conn(), caller.org_id(), id).await?;
    let job = job.filter(|job| job.spec.kind() == JobKind::ConnectionTest).ok_or(ApiError::NotFound)?;
    let found = connection_tests::find(tx.conn(), caller.org_id(), id).await?;
    tx.commit().await?;
    Ok(Json(TestView::of(id, job.state, found)))
}

/// A test tells what is reachable from a worker: nobody may ask for many.
async fn count(effect: &mut KeyedTransaction, most: u32) -> Result<(), ApiError> {
    let org_id = effect.org_id();
    let counted = connection_tests::count(effect.conn(), org_id).await?;
    if u32::try_from(counted.tests).is_ok_and(|tests| tests <= most) {
        return Ok(());
    }
    Err(ApiError::TooManyTests { most, seconds: counted.seconds_left })
}
