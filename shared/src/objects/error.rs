//! What goes wrong with the store, in classes that decide what is done about it.

use std::fmt;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::telemetry::StoreResult;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no such object, or no such upload any more.
    Missing,
    /// There is no such bucket.
    NoBucket,
    /// The account may not, or is none.
    Denied,
    /// The object is another one than before.
    Changed,
    /// The server cannot be reached, or asks for patience: it may work later.
    Unavailable,
    /// The server has no room.
    Full,
    /// The server does not take the request.
    Refused,
}

impl Trouble {
    /// As metrics count it.
    pub(super) const fn result(self) -> StoreResult {
        match self {
            Self::Missing => StoreResult::Missing,
            Self::NoBucket => StoreResult::NoBucket,
            Self::Denied => StoreResult::Denied,
            Self::Changed => StoreResult::Changed,
            Self::Unavailable => StoreResult::Unavailable,
            Self::Full => StoreResult::Full,
            Self::Refused => StoreResult::Refused,
        }
    }
}

/// Why the store did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectError {
    /// What kind of trouble it is.
    pub trouble: Trouble,
    /// What the server said, or what the way to it did; no key, no secret, no content.
    pub said: String,
}

impl ObjectError {
    pub(super) fn of(trouble: Trouble, said: impl Into<String>) -> Self {
        Self { trouble, said: said.into() }
    }

    /// Whether it may work when it is tried again.
    pub fn is_transient(&self) -> bool {
        self.trouble == Trouble::Unavailable
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.trouble {
            Trouble::Missing => "the object is not in the store",
            Trouble::NoBucket => "the bucket is not there",
            Trouble::Denied => "the store does not let the access key do this",
            Trouble::Changed => "the object was replaced meanwhile",
            Trouble::Unavailable => "the store does not answer",
            Trouble::Full => "the store has no room",
            Trouble::Refused => "the store refused the request",
        };
        write!(f, "{what} ({})", self.said)
    }
}

impl std::error::Error for ObjectError {}

/// Bytes of a server's words that are kept.
const LONGEST: usize = 300;

pub(super) fn told<E>(error: &SdkError<E>) -> ObjectError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let (status, code) = (service.raw().status().as_u16(), service.err().code().unwrap_or_default());
            let words = service.err().message().unwrap_or_default();
            let mut said = format!("status {status} {code} {words}").trim_end().to_owned();
            said.truncate(said.floor_char_boundary(LONGEST));
            ObjectError::of(judge(status, code), said)
        }
        SdkError::TimeoutError(_) => ObjectError::of(Trouble::Unavailable, "no answer in time"),
        SdkError::ConstructionFailure(_) => ObjectError::of(Trouble::Denied, "no credentials can be had"),
        SdkError::DispatchFailure(failure) => {
            let said = match failure {
                _ if failure.is_timeout() => "no connection in time",
                _ if failure.is_io() => "no connection, or it broke",
                _ => "the request could not be sent",
            };
            ObjectError::of(Trouble::Unavailable, said)
        }
        _ => ObjectError::of(Trouble::Unavailable, "the answer broke off, or was none of S3's"),
    }
}

/// By S3's own words first: servers agree on them more than on the status.
fn judge(status: u16, code: &str) -> Trouble {
    match (code, status) {
        ("NoSuchBucket", _) => Trouble::NoBucket,
        ("NoSuchKey" | "NoSuchUpload", _) => Trouble::Missing,
        (
            "SlowDown" | "RequestTimeout" | "InternalError" | "ServiceUnavailable" | "RequestTimeTooSkewed",
            _,
        ) => Trouble::Unavailable,
        ("QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage", _) | (_, 507) => Trouble::Full,
        ("AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken", _)
        | (_, 401 | 403) => Trouble::Denied,
        ("PreconditionFailed" | "InvalidRange", _) | (_, 412 | 416) => Trouble::Changed,
        (_, 404) => Trouble::Missing,
        (_, 429 | 500..=599) => Trouble::Unavailable,
        _ => Trouble::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::{Trouble, judge};

    #[test]
    fn what_servers_say_and_what_it_means() {
        for (status, code, expected) in [
            (404, "NoSuchKey", Trouble::Missing),
            (404, "", Trouble::Missing),
            (404, "NoSuchBucket", Trouble::NoBucket),
            (403, "", Trouble::Denied),
            (400, "InvalidAccessKeyId", Trouble::Denied),
            (412, "PreconditionFailed", Trouble::Changed),
            (503, "SlowDown", Trouble::Unavailable),
            (500, "", Trouble::Unavailable),
            (400, "RequestTimeout", Trouble::Unavailable),
            (507, "", Trouble::Full),
            (400, "EntityTooLarge", Trouble::Refused),
        ] {
            assert_eq!(judge(status, code), expected, "{status} {code}");
        }
    }
}
