//! The header `If-Match`: an edit of the version that its author has seen.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};

use crate::error::ApiError;

/// The versions that the request is meant for; without the header, any.
pub(crate) struct IfMatch(Vec<String>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let given = parts.headers.get_all(header::IF_MATCH).iter();
        Ok(Self(given.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()))
    }
}

impl IfMatch {
    /// An error unless the request is meant for this version. What does not read as a tag
    /// is one that matches nothing.
    pub(crate) fn holds(&self, version: i32) -> Result<(), ApiError> {
        let tag = tag(version);
        let mut named = self.0.iter().flat_map(|value| value.split(',')).map(str::trim);
        let holds = self.0.is_empty() || named.any(|named| named == "*" || named == tag);
        if holds { Ok(()) } else { Err(ApiError::Stale) }
    }
}

/// The `ETag` of a version.
pub(crate) fn etag(version: i32) -> [(HeaderName, HeaderValue); 1] {
    // A number in quotes is a header's value.
    let value = HeaderValue::try_from(tag(version)).unwrap_or(HeaderValue::from_static("\"0\""));
    [(header::ETAG, value)]
}

fn tag(version: i32) -> String {
    format!("\"{version}\"")
}

#[cfg(test)]
mod tests {
    use super::IfMatch;

    #[test]
    fn i37_only_the_version_that_was_seen() {
        let check = |given: &[&str], expected: bool| {
            let given = IfMatch(given.iter().map(ToString::to_string).collect());
            assert_eq!(given.holds(3).is_ok(), expected);
        };
        check(&[], true);
        check(&["*"], true);
        check(&["\"3\""], true);
        check(&["\"2\", \"3\""], true);
        check(&["\"2\"", "\"3\""], true);
        check(&["\"2\""], false);
        check(&["3"], false);
        check(&["W/\"3\""], false);
        check(&[""], false);
    }
}
