//! The one character that no text of a request may hold: PostgreSQL keeps no U+0000, and a name that
//! ends at it for one program does not for another.
//!
//! Every body and every query string comes this way before its fields are read.

use longshore_shared::domain::problem::ProblemCode;
use serde_json::Value;

use crate::error::{ApiError, FieldError};

/// Fields that are named at most.
const NAMED: usize = 20;
/// Characters of a field's name that are given back.
const LONGEST: usize = 100;

/// Refuses a body of which a text, or a key, holds NUL; each such field is named.
pub(super) fn refuse(body: &str) -> Result<(), ApiError> {
    // A NUL as it stands is no JSON; what remains is the one spelling of it.
    if !body.contains("\\u0000") {
        return Ok(());
    }
    // What is no JSON is told by who reads it.
    let Ok(value) = serde_json::from_str::<Value>(body) else { return Ok(()) };
    let mut found = Vec::new();
    walk(&value, &mut Vec::new(), &mut found);
    refused(found)
}

/// Refuses a query string of which a value, or a name, holds NUL.
pub(super) fn refuse_query(query: &str) -> Result<(), ApiError> {
    let held = query.split('&').filter(|pair| pair.contains("%00"));
    refused(held.take(NAMED).map(|pair| shown(pair.split('=').next().unwrap_or_default())).collect())
}

fn refused(fields: Vec<String>) -> Result<(), ApiError> {
    if fields.is_empty() {
        return Ok(());
    }
    let error = |field: String| {
        FieldError::new(
            &field,
            ProblemCode::InvalidValue,
            "the character NUL (U+0000) is not taken; leave it out",
        )
    };
    Err(ApiError::Invalid(fields.into_iter().map(error).collect()))
}

fn walk<'a>(value: &'a Value, inside: &mut Vec<String>, found: &mut Vec<String>) {
    if found.len() >= NAMED {
        return;
    }
    let mut within = |name: String, held: bool, value: Option<&'a Value>| {
        inside.push(name);
        if held && found.len() < NAMED {
            found.push(inside.join("."));
        } else if let Some(value) = value {
            walk(value, inside, found);
        }
        inside.pop();
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let held = name.contains('\0') || is_held(value);
                within(shown(name), held, Some(value));
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                within(at.to_string(), is_held(value), Some(value));
            }
        }
        // A body that is a text alone is told by who reads it.
        _ => {}
    }
}

fn is_held(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains('\0'))
}

/// A name as an answer gives it back: short, and without what a reader cannot show.
pub(crate) fn shown(name: &str) -> String {
    name.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{ApiError, refuse, refuse_query};

    fn fields(read: Result<(), ApiError>) -> Vec<String> {
        match read {
            Ok(()) => Vec::new(),
            Err(ApiError::Invalid(errors)) => errors.into_iter().map(|error| error.field).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn n20_a_nul_is_found_wherever_it_stands_and_its_field_is_named() {
        for (body, expected) in [
            (r#"{"name": "a\u0000b"}"#, vec!["name"]),
            (
                r#"{"where": {"t": "v = 'a\u0000'", "u\u0000": "id = 1"}, "x": 1}"#,
                vec!["where.t", "where.u\u{fffd}"],
            ),
            (r#"{"hops": [{"host": "a"}, {"host": "\u0000"}]}"#, vec!["hops.1.host"]),
            (r#"{"tables": ["a", "b\u0000"]}"#, vec!["tables.1"]),
            (r#"{"a\u0000": {"b": "\u0000"}}"#, vec!["a\u{fffd}"]),
            (r#"{"name": "a\\u0000b"}"#, vec![]),
            (r#"{"name": "a\u0000b""#, vec![]),
            (r#"{"name": "a"}"#, vec![]),
        ] {
            assert_eq!(fields(refuse(body)), expected, "{body}");
        }
        assert_eq!(fields(refuse_query("limit=1&cursor=%00&%00=x")), ["cursor", "%00"]);
        assert!(fields(refuse_query("limit=1&cursor=%2500")).is_empty());
        let many = format!("{{\"tables\": [{}]}}", vec![r#""\u0000""#; 50].join(","));
        assert_eq!(fields(refuse(&many)).len(), super::NAMED);
    }
}
