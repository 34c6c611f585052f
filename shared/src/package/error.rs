//! What goes wrong with a package, and what it means for whoever wanted it.

use crate::domain::failure::{Failure, FailureCode};
use crate::objects::{ObjectError, Trouble};

/// Why a package could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The store did not do what it was asked for.
    #[error("{0}")]
    Store(ObjectError),
    /// What lies there is not what was written; what of it, and how that shows.
    #[error("{0}")]
    Damaged(String),
    /// It was sealed with a key that is not there.
    #[error("it was sealed with the key `{0}`, which is not in the keyring")]
    NoKey(String),
    /// It cannot be made.
    #[error("{0}")]
    Unmade(String),
}

impl PackageError {
    /// Whether it may work when it is tried again.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}

impl From<ObjectError> for PackageError {
    fn from(error: ObjectError) -> Self {
        Self::Store(error)
    }
}

impl From<PackageError> for Failure {
    fn from(error: PackageError) -> Self {
        let told = error.to_string();
        let code = match &error {
            PackageError::Damaged(_) => FailureCode::PackageDamaged,
            PackageError::NoKey(_) => FailureCode::PackageKeyMissing,
            PackageError::Unmade(_) => FailureCode::PackageNotWritten,
            PackageError::Store(error) => match error.trouble {
                Trouble::Unavailable => return Self::transient(FailureCode::StoreAway, told),
                // The bytes that a manifest names are gone, or others lie there.
                Trouble::Missing | Trouble::Changed => FailureCode::PackageDamaged,
                Trouble::NoBucket => FailureCode::BucketMissing,
                Trouble::Denied => FailureCode::StoreDenied,
                Trouble::Full => FailureCode::StoreFull,
                Trouble::Refused => FailureCode::StoreRefused,
            },
        };
        Self::permanent(code, told)
    }
}
