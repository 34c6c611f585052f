//! What is answered when a request cannot be served: the one place with status codes.
//!
//! Every error becomes a problem document (RFC 9457) with a stable `code`. Invariants: no
//! answer holds SQL, a stack, a secret or another organisation's existence ("not yours"
//! and "not there" are one answer); internals are logged here, once, and nowhere else.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_shared::domain::actor::Permission;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::StoreError;
use longshore_shared::vault::SealError;
use longshore_shared::workflow::WorkflowError;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The media type of a problem document.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A request that cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// No token, or none that is known.
    #[error("{detail}")]
    Unauthenticated { code: ProblemCode, detail: &'static str },
    /// The token's bearer may not do this.
    #[error("the permission {needed} is needed")]
    Forbidden { needed: Permission },
    /// There is nothing, or nothing of this organisation.
    #[error("there is no such thing here")]
    NotFound,
    /// The path knows other methods.
    #[error("the path does not know this method")]
    MethodNotAllowed,
    /// The body is no JSON, or not one that can be understood.
    #[error("{detail}")]
    Malformed { code: ProblemCode, detail: String },
    /// The body is of another media type.
    #[error("the body must be application/json")]
    UnsupportedMediaType,
    /// The body is too large.
    #[error("the body is too large")]
    TooLarge,
    /// The request took too long to arrive.
    #[error("the request took too long")]
    TooSlow,
    /// Fields hold what they must not.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<FieldError>),
    /// What is asked for does not fit what is there.
    #[error("{}", .0.detail)]
    Conflict(Box<Conflict>),
    /// The edit is of a version that is not the newest any more.
    #[error("it was changed since you looked at it")]
    Stale,
    /// Another request with the same `Idempotency-Key` is at work.
    #[error("the first request with this Idempotency-Key is still in progress")]
    KeyInProgress,
    /// The organisation has asked for as many tests as it may in a minute.
    #[error("at most {most} tests of connections a minute are taken")]
    TooManyTests { most: u32, seconds: i32 },
    /// A store that is needed is away for now.
    #[error("the store is away")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What does not fit, and what to do about it.
#[derive(Debug)]
pub(crate) struct Conflict {
    pub(crate) code: ProblemCode,
    pub(crate) detail: String,
    pub(crate) field: Option<&'static str>,
    /// What to do about it, where that is known better than by the code alone.
    pub(crate) hint: Option<&'static str>,
    pub(crate) job_id: Option<Uuid>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field, with dots for fields inside it: `tls.mode`.
    pub(crate) field: String,
    /// A stable code.
    #[schema(value_type = String)]
    pub(crate) code: ProblemCode,
    /// What is wrong, a sentence.
    pub(crate) detail: String,
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// A stable code that programs can rely on; one field's own code when one field is wrong.
    #[schema(value_type = String)]
    code: ProblemCode,
    /// What is wrong, a sentence.
    detail: String,
    /// The (first) field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Everything that is wrong, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// What to do about it.
    hint: String,
    /// The job that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<Uuid>,
    /// The request, as the log names it.
    pub(crate) request_id: Uuid,
}

impl ApiError {
    /// A problem for an answer that came without one, from a layer below the handlers.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::TooSlow,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            other => Self::internal(format!("a layer answered {other} without a word")),
        }
    }

    /// A fault of ours; `cause` goes to the log only.
    pub(crate) fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// One wrong field.
    pub(crate) fn field(field: &str, code: ProblemCode, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, detail)])
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) | Self::KeyInProgress => StatusCode::CONFLICT,
            Self::Stale => StatusCode::PRECONDITION_FAILED,
            Self::TooManyTests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> ProblemCode {
        match self {
            Self::Unauthenticated { code, .. } | Self::Malformed { code, .. } => *code,
            Self::Forbidden { .. } => ProblemCode::Forbidden,
            Self::NotFound => ProblemCode::NotFound,
            Self::MethodNotAllowed => ProblemCode::MethodNotAllowed,
            Self::UnsupportedMediaType => ProblemCode::UnsupportedMediaType,
            Self::TooLarge => ProblemCode::PayloadTooLarge,
            Self::TooSlow => ProblemCode::RequestTimeout,
            Self::Invalid(errors) => match errors.as_slice() {
                [one] => one.code,
                _ => ProblemCode::InvalidFields,
            },
            Self::Conflict(conflict) => conflict.code,
            Self::Stale => ProblemCode::StaleEdit,
            Self::KeyInProgress => ProblemCode::IdempotencyInProgress,
            Self::TooManyTests { .. } => ProblemCode::TooManyTests,
            Self::Unavailable(_) => ProblemCode::Unavailable,
            Self::Internal(_) => ProblemCode::Internal,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Invalid(errors) => match errors.as_slice() {
                // The whole body, which has no name.
                [one] if one.field.is_empty() => one.detail.clone(),
                [one] => format!("{}: {}", one.field, one.detail),
                many => format!("{} fields are wrong; `errors` names each", many.len()),
            },
            Self::Unavailable(_) => "Longshore's own database is away for now; try again".to_owned(),
            Self::Internal(_) => {
                "something went wrong on our side; the log knows this request's id".to_owned()
            }
            other => other.to_string(),
        }
    }

    fn hint(&self) -> &'static str {
        let own = if let Self::Conflict(conflict) = self { conflict.hint } else { None };
        own.unwrap_or_else(|| self.code().remedy())
    }

    fn problem(&self) -> Problem {
        let (status, code) = (self.status(), self.code());
        debug_assert!(code.statuses().contains(&status.as_u16()), "{code} is not answered with {status}");
        let errors = if let Self::Invalid(errors) = self { errors.clone() } else { Vec::new() };
        let conflict = if let Self::Conflict(conflict) = self { Some(conflict) } else { None };
        Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code,
            detail: self.detail(),
            field: errors
                .first()
                .map(|error| error.field.clone())
                .or_else(|| conflict.and_then(|c| c.field).map(str::to_owned)),
            errors,
            hint: self.hint().to_owned(),
            job_id: conflict.and_then(|c| c.job_id),
            request_id: Uuid::nil(),
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthenticated { code: ProblemCode::TokenMissing, .. } => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"longshore\"")))
            }
            Self::Unauthenticated { .. } => Some((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"longshore\", error=\"invalid_token\""),
            )),
            Self::Unavailable(_) => Some((header::RETRY_AFTER, HeaderValue::from_static("2"))),
            Self::TooManyTests { seconds, .. } => Some((header::RETRY_AFTER, HeaderValue::from(*seconds))),
            Self::KeyInProgress => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => None,
        }
    }

    fn log(&self) {
        match self {
            Self::Internal(cause) => tracing::error!(error = chain(cause.as_ref()), "a request failed"),
            Self::Unavailable(cause) => tracing::warn!(error = chain(cause.as_ref()), "the store is away"),
            _ => {}
        }
    }
}

/// The document rides in the response's extensions: `observe` adds the request's id and
/// writes it out.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let mut response = self.status().into_response();
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(self.problem());
        response
    }
}

impl FieldError {
    pub(crate) fn new(field: &str, code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { field: field.to_owned(), code, detail: detail.into() }
    }
}

impl Conflict {
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), field: None, hint: None, job_id: None }
    }
}

impl From<Conflict> for ApiError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(Box::new(conflict))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_outage() { Self::Unavailable(error.into()) } else { Self::internal(error) }
    }
}

impl From<SealError> for ApiError {
    fn from(error: SealError) -> Self {
        Self::internal(error)
    }
}

impl From<WorkflowError> for ApiError {
    fn from(error: WorkflowError) -> Self {
        match error {
            WorkflowError::Store(error) => error.into(),
            WorkflowError::NoSuchJob | WorkflowError::NoSuchTask => Self::NotFound,
            WorkflowError::RunQueued(job_id) => Conflict {
                job_id: Some(job_id.0),
                ..Conflict::new(
                    ProblemCode::RunQueued,
                    "a run of this task waits already for the one that goes on",
                )
            }
            .into(),
            WorkflowError::JobEnded => {
                Conflict::new(ProblemCode::JobEnded, "the job has ended already").into()
            }
            other => Self::internal(other),
        }
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
