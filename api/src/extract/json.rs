//! Strict JSON bodies and query strings.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use longshore_shared::domain::problem::ProblemCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::nul;
use crate::error::ApiError;

/// How long a body may take to arrive; it is at most a mebibyte.
const ARRIVAL: Duration = Duration::from_secs(15);

/// A JSON body that holds only what the route knows, each key once.
pub(crate) struct StrictJson<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for StrictJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType);
        }
        parse(&read(request, state).await?).map(Self)
    }
}

/// The body of a route that takes none: nothing, `{}` or `null`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoFields {}

/// A JSON body that may be left out: nothing and `null` are like `{}`.
pub(crate) struct PerhapsJson<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for PerhapsJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let json = is_json(request.headers());
        let body = read(request, state).await?;
        match (body.is_empty(), json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => Ok(Self(parse::<Option<T>>(&body)?.unwrap_or_default())),
            (false, false) => Err(ApiError::UnsupportedMediaType),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for NoFields {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        PerhapsJson::from_request(request, state).await.map(|PerhapsJson(body)| body)
    }
}

/// A query string that holds only what the route knows.
pub(crate) struct StrictQuery<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        nul::refuse_query(parts.uri.query().unwrap_or_default())?;
        let read = Query::<T>::try_from_uri(&parts.uri).map_err(|rejection| {
            // axum puts its own words before serde's.
            let told = rejection.body_text();
            refusal(told.rsplit_once(": ").map_or(told.as_str(), |(_, reason)| reason), true)
        });
        read.map(|Query(query)| Self(query))
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    whole(Bytes::from_request(request, state)).await
}

/// The whole body, if it arrives in time.
pub(crate) async fn whole(
    reading: impl Future<Output = Result<Bytes, BytesRejection>>,
) -> Result<Bytes, ApiError> {
    let read = tokio::time::timeout(ARRIVAL, reading).await;
    read.map_err(|_| ApiError::TooSlow)?.map_err(unread)
}

fn unread(rejection: BytesRejection) -> ApiError {
    match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Malformed { code: ProblemCode::BrokenBody, detail: "the body broke off".to_owned() },
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(body).map_err(|_| ApiError::Malformed {
        code: ProblemCode::InvalidJson,
        detail: "the body is not UTF-8".to_owned(),
    })?;
    // serde would take a list for a struct, field by field; nobody means that.
    if text.trim_ascii_start().starts_with('[') {
        return Err(refusal("", true));
    }
    nul::refuse(text)?;
    serde_json::from_str(text).map_err(|error| refusal(&error.to_string(), error.is_data()))
}

/// Turns serde's words into ours. They quote values, which may be secrets, so only the
/// names of fields are taken from them.
pub(super) fn refusal(told: &str, well_formed: bool) -> ApiError {
    match named(told) {
        Some(Named::Unknown(field)) => {
            ApiError::field(field, ProblemCode::UnknownField, "there is no such field here")
        }
        Some(Named::Twice(field)) => ApiError::Malformed {
            code: ProblemCode::DuplicateKey,
            detail: format!("the key `{field}` stands there twice"),
        },
        None if well_formed => ApiError::field(
            "",
            ProblemCode::InvalidValue,
            "a JSON object with this route's fields is expected",
        ),
        None => ApiError::Malformed {
            code: ProblemCode::InvalidJson,
            detail: match told.rsplit_once(" at line ") {
                Some((_, place)) => format!("the body is not JSON: see line {place}"),
                None => "the body is not JSON".to_owned(),
            },
        },
    }
}

/// A field that serde's message names.
pub(super) enum Named<'a> {
    Unknown(&'a str),
    Twice(&'a str),
}

pub(super) fn named(told: &str) -> Option<Named<'_>> {
    told.strip_prefix("unknown field `")
        .map(|rest| Named::Unknown(until_tick(rest)))
        .or_else(|| told.strip_prefix("duplicate field `").map(|rest| Named::Twice(until_tick(rest))))
}

/// The name before the closing tick; a name of a megabyte is not given back whole.
fn until_tick(rest: &str) -> &str {
    let name = rest.split('`').next().unwrap_or_default();
    name.char_indices().nth(100).map_or(name, |(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;
    use serde::Deserialize;

    use super::parse;

    #[derive(Debug, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    #[derive(Default)]
    struct Body {
        name: String,
    }

    #[test]
    fn what_is_no_json_is_malformed_and_what_does_not_fit_is_invalid() {
        let check = |body: &[u8], status: u16, said: &str| {
            let error = parse::<Body>(body).unwrap_err();
            let shown = format!("{error:?}");
            assert!(shown.contains(said), "{said}: {shown}");
            assert_eq!(error.into_response().status(), StatusCode::from_u16(status).unwrap(), "{shown}");
        };
        check(b"", 400, "InvalidJson");
        check(b"{", 400, "see line 1 column 1");
        check(b"{\"name\": hunter2}", 400, "see line 1 column 10");
        check(b"{\"name\": \"a\"} x", 400, "InvalidJson");
        check(b"{\"name\": NaN}", 400, "InvalidJson");
        check(b"{\"name\": \"\xff\"}", 400, "not UTF-8");
        check(b"{\"name\": \"a\", \"name\": \"b\"}", 400, "the key `name` stands there twice");
        check("[".repeat(10_000).as_bytes(), 422, "InvalidValue");
        check(format!("{{\"name\": {}}}", "[".repeat(10_000)).as_bytes(), 422, "InvalidValue");
        check(b"[]", 422, "InvalidValue");
        check(b"null", 422, "InvalidValue");
        check(b"{\"nome\": 1}", 422, "UnknownField");
        check(b"{\"name\": 12345}", 422, "InvalidValue");
        assert!(!format!("{:?}", parse::<Body>(b"{\"name\": 12345}").unwrap_err()).contains("12345"));
    }
}
