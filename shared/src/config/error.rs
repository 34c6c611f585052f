//! What can be wrong with the settings.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A required variable is not set.
    #[error("{variable} is not set; expected {expected}")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// What should stand there.
        expected: String,
    },
    /// A variable holds something else than it should.
    #[error("{variable} is {found:?}; expected {expected}")]
    Wrong {
        /// The variable.
        variable: &'static str,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// A variable that holds a secret holds something else than it should.
    #[error("{variable} is wrong (its value is secret and not shown): {reason}; expected {expected}")]
    WrongSecret {
        /// The variable.
        variable: &'static str,
        /// What is wrong, without the value.
        reason: String,
        /// What should stand there.
        expected: String,
    },
    /// A variable begins with `LONGSHORE_` and is none of Longshore's.
    #[error("{variable} is not a setting of Longshore{}", nearest_hint(.nearest))]
    Unknown {
        /// The variable.
        variable: String,
        /// The known variable that is spelt most like it.
        nearest: Option<&'static str>,
    },
    /// A variable's value is not UTF-8.
    #[error("{variable} is not valid UTF-8")]
    NotText {
        /// The variable.
        variable: String,
    },
    /// The file `.env` is there and cannot be read.
    #[error("cannot read the file .env: {reason}")]
    File {
        /// What is wrong, without the file's content.
        reason: String,
    },
}

fn nearest_hint(nearest: &Option<&'static str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// Everything that is wrong, in the order in which it was found; never empty as an error.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<ConfigError>);

impl Problems {
    /// Keeps the value, or takes the problems in.
    pub(super) fn keep<T, E: Into<Self>>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problems) => {
                self.0.extend(problems.into().0);
                None
            }
        }
    }
}

impl From<ConfigError> for Problems {
    fn from(problem: ConfigError) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "the settings are wrong: {one}"),
            many => {
                write!(f, "the settings are wrong in {} places:", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for Problems {}
