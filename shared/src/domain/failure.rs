//! Why something failed, in words a person can act on, and whether trying again helps.
//!
//! The class is decided where the native error code is known (an engine, the dialler);
//! nobody later guesses it from a text. A failure never holds a cell's content, a
//! password or a statement's parameters.

mod code;
mod remedy;

use serde::{Deserialize, Deserializer, Serialize};

pub use self::code::FailureCode;
use super::words;

words! {
    /// What sort of trouble it is; each sort has its remedy.
    FailureClass {
        /// The server cannot be reached or the login fails.
        ConnectionFailure = "connection_failure",
        /// A right is missing.
        PermissionError = "permission_error",
        /// The two sides' structures do not fit.
        SchemaMismatch = "schema_mismatch",
        /// Disk or quota is used up.
        InsufficientSpace = "insufficient_space",
        /// A row or value cannot be stored as it is.
        DataError = "data_error",
        /// Another job writes the same tables of the target.
        TargetBusy = "target_busy",
        /// A fault of Longshore or of its own servers.
        Internal = "internal",
    }
}

words! {
    /// Whether trying again may help.
    Permanence {
        /// Trying again gives the same: wrong password, syntax error, differing structure.
        Permanent = "permanent",
        /// Trying again may succeed: connection lost, deadlock, server restarting.
        Transient = "transient",
    }
}

/// Why a step or job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What sort of trouble.
    pub class: FailureClass,
    /// What went wrong, exactly.
    #[serde(deserialize_with = "code_of_any_release")]
    pub code: FailureCode,
    /// What was tried on what and what came back, one sentence.
    pub message: String,
    /// What a person can do about it.
    pub hint: String,
    /// Whether trying again may help.
    pub permanence: Permanence,
}

impl Failure {
    /// A failure that trying again will not mend, with the code's own remedy.
    pub fn permanent(code: FailureCode, message: impl Into<String>) -> Self {
        Self::new(Permanence::Permanent, code, message.into())
    }

    /// A failure that may pass by itself, with the code's own remedy.
    pub fn transient(code: FailureCode, message: impl Into<String>) -> Self {
        Self::new(Permanence::Transient, code, message.into())
    }

    /// A server's words may hold a NUL, which PostgreSQL's texts do not take.
    fn new(permanence: Permanence, code: FailureCode, message: String) -> Self {
        let message = if message.contains('\0') { message.replace('\0', "\\0") } else { message };
        Self { class: code.class(), code, message, hint: code.remedy().to_owned(), permanence }
    }

    /// The same failure where what to do about it is known better than by its code alone.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// Whether another table may fare better: neither a server nor the way to it is to blame.
    pub fn is_of_table(&self) -> bool {
        !matches!(self.class, FailureClass::ConnectionFailure | FailureClass::InsufficientSpace)
    }

    /// Whether the retry policy may try again.
    pub fn is_transient(&self) -> bool {
        self.permanence == Permanence::Transient
    }
}

/// A newer release's failure is shown as well, by its message: two releases run side by side for a while.
fn code_of_any_release<'de, D: Deserializer<'de>>(from: D) -> Result<FailureCode, D::Error> {
    let word = String::deserialize(from)?;
    Ok(word.parse().unwrap_or(FailureCode::Unrecognised))
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}/{})", self.message, self.class, self.code)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::{Failure, FailureCode};

    #[test]
    fn a_failure_of_another_release_is_read() {
        let failure = Failure::transient(FailureCode::Deadlock, "somebody was faster");
        let written = serde_json::to_value(&failure).unwrap();
        assert_eq!(serde_json::from_value::<Failure>(written.clone()).unwrap(), failure);
        let mut newer = written;
        newer["code"] = "told_by_a_later_release".into();
        let read = serde_json::from_value::<Failure>(newer).unwrap();
        assert_eq!((read.code, &read.message), (FailureCode::Unrecognised, &failure.message));
    }
}
