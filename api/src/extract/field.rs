//! One field of a body: not given, given as it should be, or given wrong.
//!
//! A field that is wrong does not end the reading of the body, so that all wrong fields
//! are told at once.

use longshore_shared::domain::Vocabulary;
use longshore_shared::domain::problem::ProblemCode;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::json::{Named, named};
use crate::error::{ApiError, FieldError};
use crate::word::Word;

/// What stood in a field. `null` counts as not given.
#[derive(Default)]
pub(crate) enum Field<T> {
    /// Nothing.
    #[default]
    Absent,
    /// What is expected.
    Valid(T),
    /// Something else: a wrong type, or wrong inside.
    Invalid(Reason),
}

/// A field of which null says something else than nothing.
#[derive(Default)]
pub(crate) enum Change<T> {
    #[default]
    Stays,
    Goes,
    Is(Field<T>),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Field::deserialize(from)? {
            Field::Absent => Self::Goes,
            given => Self::Is(given),
        })
    }
}

/// A JSON object: serde would take a list for a struct too.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        if !raw.get().starts_with('{') {
            return Err(D::Error::custom("not an object"));
        }
        serde_json::from_str(raw.get()).map(Self).map_err(D::Error::custom)
    }
}

/// Why a value was not read; never the value.
pub(crate) enum Reason {
    /// It is of another type or out of range.
    Value,
    /// It has a field that nobody knows.
    Unknown(String),
    /// It has a key twice.
    Twice(String),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        Ok(match serde_json::from_str::<Option<T>>(raw.get()) {
            Ok(Some(value)) => Self::Valid(value),
            Ok(None) => Self::Absent,
            Err(error) => Self::Invalid(match named(&error.to_string()) {
                Some(Named::Unknown(field)) => Reason::Unknown(field.to_owned()),
                Some(Named::Twice(field)) => Reason::Twice(field.to_owned()),
                None => Reason::Value,
            }),
        })
    }
}

/// The wrong fields of a body, as they are found.
#[derive(Default)]
pub(crate) struct FieldErrors {
    inside: Vec<String>,
    errors: Vec<FieldError>,
}

impl FieldErrors {
    /// The field's value; not given is an error.
    pub(crate) fn required<T>(&mut self, field: &str, given: Field<T>, expected: &str) -> Option<T> {
        match given {
            Field::Absent => {
                self.add(field, ProblemCode::Required, format!("{expected} is required"));
                None
            }
            given => self.optional(field, given, expected),
        }
    }

    /// The field's value, if it was given.
    pub(crate) fn optional<T>(&mut self, field: &str, given: Field<T>, expected: &str) -> Option<T> {
        match given {
            Field::Absent => None,
            Field::Valid(value) => Some(value),
            Field::Invalid(Reason::Value) => {
                self.add(field, ProblemCode::InvalidValue, format!("{expected} is expected"));
                None
            }
            Field::Invalid(Reason::Unknown(name)) => {
                self.add(
                    &format!("{field}.{name}"),
                    ProblemCode::UnknownField,
                    "there is no such field here",
                );
                None
            }
            Field::Invalid(Reason::Twice(name)) => {
                self.add(&format!("{field}.{name}"), ProblemCode::DuplicateKey, "the key stands there twice");
                None
            }
        }
    }

    /// The word of a vocabulary, if it was given.
    pub(crate) fn word<T: Vocabulary>(&mut self, field: &str, given: Field<Word<T>>) -> Option<T> {
        self.optional(field, given, &Word::<T>::choices()).map(|word| word.0)
    }

    /// The value, if `check` has no objection (a code and a sentence).
    pub(crate) fn checked<T, U>(
        &mut self,
        field: &str,
        value: Option<T>,
        check: impl FnOnce(T) -> Result<U, (ProblemCode, String)>,
    ) -> Option<U> {
        match check(value?) {
            Ok(value) => Some(value),
            Err((code, detail)) => {
                self.add(field, code, detail);
                None
            }
        }
    }

    /// How many there are so far.
    pub(crate) fn count(&self) -> usize {
        self.errors.len()
    }

    /// Looks at the fields inside a field.
    pub(crate) fn within<T>(&mut self, field: impl Into<String>, look: impl FnOnce(&mut Self) -> T) -> T {
        self.inside.push(field.into());
        let found = look(self);
        self.inside.pop();
        found
    }

    /// Notes a wrong field.
    pub(crate) fn add(&mut self, field: &str, code: ProblemCode, detail: impl Into<String>) {
        let path: Vec<&str> = self.inside.iter().map(String::as_str).chain([field]).collect();
        self.errors.push(FieldError::new(&path.join("."), code, detail));
    }

    /// The checked value, or everything that was found. A value that is missing without
    /// a finding would be a slip of ours.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, ApiError> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ if self.errors.is_empty() => Err(ApiError::internal("a field is missing and nobody said so")),
            _ => Err(ApiError::Invalid(self.errors)),
        }
    }
}

/// A name that people give: trimmed, 1 to 200 characters, all of them visible.
pub(crate) fn name(text: &str) -> Result<String, (ProblemCode, String)> {
    let text = text.trim();
    if text.is_empty() {
        return Err((
            ProblemCode::Required,
            "a name with at least one visible character is required".to_owned(),
        ));
    }
    if text.chars().count() > 200 {
        return Err((ProblemCode::TooLong, "at most 200 characters are taken".to_owned()));
    }
    if text.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err((
            ProblemCode::InvalidValue,
            "control characters and invisible marks are not taken in a name".to_owned(),
        ));
    }
    Ok(text.to_owned())
}

/// Marks that change how a text reads without being seen: zero-width ones and overrides
/// of the writing direction. The joiners U+200C and U+200D stay: scripts and emoji need them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn names() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let found = name(text);
            assert_eq!(found.as_deref().map_err(|(code, _)| code.as_str()), expected, "{text:?}");
        };
        check("shop", Ok("shop"));
        check("  shop production ", Ok("shop production"));
        check("<b>Läden 🛒</b>", Ok("<b>Läden 🛒</b>"));
        check("", Err("required"));
        check(" \t ", Err("required"));
        check(&"ä".repeat(200), Ok(&"ä".repeat(200)));
        check(&"ä".repeat(201), Err("too_long"));
        check("a\0b", Err("invalid_value"));
        check("a\r\nb", Err("invalid_value"));
        check("a\u{1b}[31m", Err("invalid_value"));
        check("a\u{202e}b", Err("invalid_value"));
    }
}
