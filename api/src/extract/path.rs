//! Identifiers in paths. One that cannot be is answered like one that nobody has.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use uuid::Uuid;

use crate::error::ApiError;

/// The `{id}` of the path.
pub(crate) struct Id<T>(pub(crate) T);

impl<S: Send + Sync, T: From<Uuid>> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // A path that is no UTF-8 names nothing that we have.
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| ApiError::NotFound)?;
        let text = params.iter().find(|(name, _)| *name == "id").map(|(_, text)| text);
        let id = text.and_then(parse_id).ok_or(ApiError::NotFound)?;
        Ok(Self(T::from(id)))
    }
}

/// An identifier in the one spelling that we give out.
pub(crate) fn parse_id(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text).ok().filter(|id| id.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::parse_id;

    #[test]
    fn one_spelling() {
        let check = |text: &str, good: bool| assert_eq!(parse_id(text).is_some(), good, "{text}");
        check("0192f0c1-9d4e-7c3a-8b1f-3d2a1c0b9e8f", true);
        check("0192F0C1-9D4E-7C3A-8B1F-3D2A1C0B9E8F", false);
        check("0192f0c19d4e7c3a8b1f3d2a1c0b9e8f", false);
        check("{0192f0c1-9d4e-7c3a-8b1f-3d2a1c0b9e8f}", false);
        check("urn:uuid:0192f0c1-9d4e-7c3a-8b1f-3d2a1c0b9e8f", false);
        check("-1", false);
        check("99999999999999999999", false);
        check("", false);
    }
}
