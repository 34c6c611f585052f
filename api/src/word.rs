//! The domain's words in JSON bodies and in the OpenAPI document.

use std::borrow::Cow;

use longshore_shared::domain::Vocabulary;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// A value that stands outside as its stable word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<T>(pub(crate) T);

impl<T: Vocabulary> Word<T> {
    /// All words, for a sentence: `mysql, mariadb or postgresql`.
    pub(crate) fn choices() -> String {
        let words: Vec<_> = T::ALL.iter().map(|value| value.word()).collect();
        match words.as_slice() {
            [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
            few => few.concat(),
        }
    }
}

impl<T: Vocabulary> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.word())
    }
}

impl<'de, T: Vocabulary> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = Cow::<'de, str>::deserialize(from)?;
        let known = T::ALL.iter().find(|value| value.word() == word);
        known.map(|value| Self(*value)).ok_or_else(|| serde::de::Error::custom("an unknown word"))
    }
}

/// A day on which a schedule runs: `mon` to `sun`, or a date of the month, or `last`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ScheduleDay {
    /// A date of the month.
    Date(u32),
    /// A day of the week, or the last of the month.
    Word(String),
}

/// The schema of a field that holds one of the words.
pub(crate) fn words<T: Vocabulary>() -> Schema {
    let words = T::ALL.iter().map(|value| value.word());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}

/// The schema of a field of a body that holds one of the words, or null like nothing.
pub(crate) fn optional_words<T: Vocabulary>() -> Schema {
    let words = T::ALL.iter().map(|value| Value::from(value.word())).chain([Value::Null]);
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(types).enum_values(Some(words)).into()
}

/// The schema of a field that holds a list of the words.
pub(crate) fn word_list<T: Vocabulary>() -> Schema {
    ArrayBuilder::new().items(RefOr::T(words::<T>())).into()
}

/// The schema of a field of a body that holds a list of the words, or null like nothing.
pub(crate) fn optional_word_list<T: Vocabulary>() -> Schema {
    let types = SchemaType::from_iter([Type::Array, Type::Null]);
    ArrayBuilder::new().schema_type(types).items(RefOr::T(words::<T>())).into()
}
